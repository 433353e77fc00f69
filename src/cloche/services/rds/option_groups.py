"""Option groups: what an engine can do beside. SQL Server's and Oracle's TDE is such an option; the real engines here have none."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import errors, names, offers
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

# (engines, name, description, persistent, permanent); https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Appendix.SQLServer.Options.TDE.html
OPTIONS = [
    (("sqlserver-ee", "sqlserver-se"), "TDE", "SQL Server Transparent Data Encryption", True, False),
    (("oracle-ee",), "TDE", "Oracle Advanced Security - Transparent Data Encryption", True, True),
    (("oracle-ee", "oracle-se2"), "NATIVE_NETWORK_ENCRYPTION", "Oracle Advanced Security - Native Network Encryption", False, False),
    (("sqlserver-ee", "sqlserver-se", "sqlserver-ex", "sqlserver-web"), "SQLSERVER_BACKUP_RESTORE", "SQL Server Backup and Restore", False, False),
]


class OptionGroup(Record, frozen=True):
    kind = "rds.options"

    name: str
    engine: str
    major: str
    description: str
    options: list[str] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def default(call: Call, engine: str, major: str) -> str:
    name = f"default:{engine}-{major.replace('.', '-')}"
    if call.get(OptionGroup, name) is None:
        call.put(OptionGroup(name, engine, major, f"Default option group for {engine} {major}"))
    return name


def find(call: Call, name: str) -> OptionGroup:
    one = call.get(OptionGroup, name.lower())
    if one is None:
        raise errors.no_option_group(name)
    return one


def shown(call: Call, one: OptionGroup) -> Any:
    known = {option: (text, persistent, permanent) for engines, option, text, persistent, permanent in OPTIONS if one.engine in engines}
    return {"OptionGroupName": one.name, "OptionGroupDescription": one.description, "EngineName": one.engine, "MajorEngineVersion": one.major, "AllowsVpcAndNonVpcInstanceMemberships": True,
            "OptionGroupArn": names.arn(call, "og", one.name), "Options": [{"OptionName": option, "OptionDescription": known[option][0], "Persistent": known[option][1], "Permanent": known[option][2]} for option in one.options]}


BY_NAME = names.named("og", "OptionGroupName")


@rds.op(BY_NAME, context=names.tags_asked)
def create_option_group(call: Call, req: t.CreateOptionGroupMessage) -> t.CreateOptionGroupResult:
    name = req["OptionGroupName"].lower()
    if call.get(OptionGroup, name):
        raise errors.option_group_exists(name)
    if req["EngineName"] not in {one.engine for one in offers.versions()}:
        raise errors.value(f"Invalid DB engine: {req['EngineName']}")
    return {"OptionGroup": shown(call, call.put(OptionGroup(name, req["EngineName"], req["MajorEngineVersion"], req["OptionGroupDescription"], tags=names.tags_given(req))))}


@rds.op(BY_NAME)
def describe_option_groups(call: Call, req: t.DescribeOptionGroupsMessage) -> t.OptionGroups:
    if "OptionGroupName" in req:
        return {"OptionGroupsList": [shown(call, find(call, req["OptionGroupName"]))]}
    every = [one for one in sorted(call.all(OptionGroup), key=lambda one: one.name) if req.get("EngineName", one.engine) == one.engine and req.get("MajorEngineVersion", one.major) == one.major]
    found, more = page(every, req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"OptionGroupsList": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@rds.op(BY_NAME)
def modify_option_group(call: Call, req: t.ModifyOptionGroupMessage) -> t.ModifyOptionGroupResult:
    from .instances import Instance
    one = find(call, req["OptionGroupName"])
    known = {option: persistent for engines, option, _, persistent, _ in OPTIONS if one.engine in engines}
    options = list(one.options)
    for given in req.get("OptionsToInclude") or ():
        if given["OptionName"] not in known:
            raise errors.value(f"Option {given['OptionName']} is not available for {one.engine} {one.major}")
        options = [*dict.fromkeys([*options, given["OptionName"]])]
    for name in req.get("OptionsToRemove") or ():
        if known.get(name) and any(each.options == one.name for each in call.all(Instance)):
            raise errors.option_group_state(f"The persistent option {name} cannot be removed while instances are members of the group")
        options = [each for each in options if each != name]
    return {"OptionGroup": shown(call, call.put(one.but(options=options)))}


@rds.op(BY_NAME)
def delete_option_group(call: Call, req: t.DeleteOptionGroupMessage) -> None:
    from .instances import Instance
    one = find(call, req["OptionGroupName"])
    if one.name.startswith("default:") or any(each.options == one.name for each in call.all(Instance)):
        raise errors.option_group_state(f"Unable to delete the option group {one.name} because it is a default group or in use")
    call.delete(one)


@rds.op(ANY)
def describe_option_group_options(call: Call, req: t.DescribeOptionGroupOptionsMessage) -> t.OptionGroupOptionsMessage:
    told: list[Any] = [{"Name": option, "Description": text, "EngineName": req["EngineName"], "MajorEngineVersion": one.major, "PortRequired": False, "Persistent": persistent, "Permanent": permanent,
                        "OptionsDependedOn": [], "OptionsConflictsWith": [], "OptionGroupOptionSettings": []}
                       for one in offers.versions() if one.engine == req["EngineName"] and req.get("MajorEngineVersion", one.major) == one.major
                       for engines, option, text, persistent, permanent in OPTIONS if one.engine in engines]
    found, more = page(told, req, lambda each: each["Name"], 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"OptionGroupOptions": found, **more}  # type: ignore[typeddict-item]
