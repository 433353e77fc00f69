"""Stack sets: one template for many accounts and regions. What happens in them is the operations' (`set_operations`), where it happens the targets' (`set_targets`).

A live set's key is its name, a deleted one's its id.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages
from cloche.languages.cloudformation import parameters, reading
from cloche.languages.cloudformation.errors import TemplateError
from cloche.services.organizations import public as organizations

from . import errors, stacks, templates
from . import service as cloudformation
from .records import find as find_stack
from .records import original

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
cloudformation.table("CREATE TABLE IF NOT EXISTS cloudformation_auto (account TEXT, region TEXT, name TEXT, PRIMARY KEY (account, region, name)) WITHOUT ROWID;")
TRUSTED = "member.org.stacksets.cloudformation.amazonaws.com"
ADMINISTRATION, EXECUTION = "AWSCloudFormationStackSetAdministrationRole", "AWSCloudFormationStackSetExecutionRole"


class StackSet(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.stackset"

    id: str                               # NAME:UUID
    name: str
    text: str
    created: float
    status: str = "ACTIVE"
    description: str = ""
    given: dict[str, str] = {}
    tags: dict[str, str] = {}
    capabilities: list[str] = []
    model: str = "SELF_MANAGED"
    administration: str = ""              # the role's ARN, if it is not the one AWS expects
    execution: str = ""                   # the role's name in the target accounts, likewise
    auto: dict[str, Any] = {}
    managed: bool = False                 # operations wait in a queue instead of refusing each other
    deployed: dict[str, list[str]] = {}   # of a service-managed one: unit to the regions it was deployed to
    drift: dict[str, Any] = {}
    token: str = ""

    @property
    def key(self) -> str:
        return self.id if self.status == "DELETED" else self.name


def home(call: Call, req: Any) -> Call:
    """The account whose sets are meant: the caller's, or that which made it its administrator."""
    if req.get("CallAs") != "DELEGATED_ADMIN":
        return call
    manager = organizations.administers(call.cloud, call.account, TRUSTED)
    if manager is None:
        raise errors.validation("You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set")
    return call.at(manager, call.region)


def find(call: Call, name: str) -> StackSet:
    short = name.rpartition("stackset/")[2]
    found = call.get(StackSet, short.partition(":")[0])
    if found is None or (":" in short and found.id != short):
        raise errors.no_stack_set(name)
    return found


def by_set(call: Call, req: Any) -> str:
    name = req["StackSetName"].rpartition("stackset/")[2]
    found = call.get(StackSet, name.partition(":")[0])
    return arn(call, found.id if found else f"{name.partition(':')[0]}:*")


def arn(call: Call, id_: str) -> str:
    return call.arn(f"stackset/{id_}")


def arguments(req: Any, before: dict[str, str]) -> dict[str, str]:
    given = {}
    for one in req.get("Parameters", []):
        name = one["ParameterKey"]
        if one.get("UsePreviousValue"):
            if name not in before:
                raise errors.validation(f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key not in the previous template")
            given[name] = before[name]
        else:
            given[name] = one.get("ParameterValue", "")
    return given


def check(text: str, given: dict[str, str], capabilities: list[str], find_value: Callable[[str], str | None]) -> dict[str, Any]:
    """What is refused before there is an instance."""
    template = templates.read(text)
    try:
        parameters.resolve(template.get("Parameters") or {}, given, None, frozenset(), find_value)
    except TemplateError as error:
        raise errors.validation(str(error)) from None
    templates.check_capabilities(template, reading.read(text), capabilities)
    return template


def roles(call: Call, req: Any, model: str, auto: dict[str, Any]) -> dict[str, str]:
    """Who administers and who executes; a role handed over must be one that the caller may pass."""
    if model == "SERVICE_MANAGED":
        if req.get("AdministrationRoleARN") or req.get("ExecutionRoleName"):
            raise errors.validation("AdministrationRoleARN and ExecutionRoleName cannot be specified for a stack set with the SERVICE_MANAGED permission model")
        return {}
    if auto:
        raise errors.validation("AutoDeployment cannot be specified for a stack set with the SELF_MANAGED permission model")
    if role := req.get("AdministrationRoleARN"):
        call.pass_role(role, "cloudformation.amazonaws.com")
    return {key: value for key, value in (("administration", role or ""), ("execution", req.get("ExecutionRoleName") or "")) if value}


def note(call: Call, one: StackSet) -> None:
    """Who must hear of accounts that move."""
    if one.status == "ACTIVE" and one.auto.get("Enabled"):
        call.sql("INSERT OR IGNORE INTO cloudformation_auto VALUES (?,?,?)", call.account, call.region, one.name)
    else:
        call.sql("DELETE FROM cloudformation_auto WHERE account=? AND region=? AND name=?", call.account, call.region, one.name)


def check_organization(call: Call) -> None:
    found = organizations.management(call.cloud, call.account)
    if found is None or found[0] != call.account:
        raise errors.validation("You must be the management account or delegated admin account of an organization before operating a SERVICE_MANAGED stack set")
    if TRUSTED not in found[1].services:
        raise errors.validation("You must enable organizations access to operate a service managed stack set")


@cloudformation.op(resource=by_set, partly="ExecutionRoleTemplateBody and StackSetOutputBucket are not built")
async def create_stack_set(call: Call, req: t.CreateStackSetInput) -> t.CreateStackSetOutput:
    for member in ("ExecutionRoleTemplateBody", "ExecutionRoleTemplateUrl", "StackSetOutputBucket"):
        if member in req:
            raise errors.unbuilt(f"CreateStackSet with {member}")
    call, name = home(call, req), req["StackSetName"]
    if not NAME.fullmatch(name):
        raise errors.validation(f"1 validation error detected: Value '{name}' at 'stackSetName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
                                "[a-zA-Z][-a-zA-Z0-9]*" if len(name) <= 128 else "StackSetName must have length less than or equal to 128")
    if (old := call.get(StackSet, name)) is not None:
        if old.token and old.token == req.get("ClientRequestToken"):
            return {"StackSetId": old.id}
        raise errors.stack_set_exists(name)
    model, auto = req.get("PermissionModel", "SELF_MANAGED"), req.get("AutoDeployment", {})
    if model == "SERVICE_MANAGED":
        check_organization(call)
    if stack_id := req.get("StackId"):
        stack = find_stack(call, stack_id)
        text = original(call, stack.target.template)
    else:
        text = await templates.text_of(call, req)
    given, capabilities = arguments(req, {}), req.get("Capabilities", [])
    template = check(text, given, capabilities, lambda name: templates.from_store(call, name))
    if model == "SERVICE_MANAGED" and templates.checking.transforms(template):
        raise errors.validation("Transforms are not supported for SERVICE_MANAGED stack sets")
    with call.step():
        one = StackSet(f"{name}:{call.uuid()}", name, text, call.now, description=req.get("Description", ""), given=given, tags=stacks.tags_of(req), capabilities=capabilities,
                       model=model, auto=auto, managed=bool(req.get("ManagedExecution", {}).get("Active")), token=req.get("ClientRequestToken", ""), **roles(call, req, model, auto))
        call.put(one)
        note(call, one)
    return {"StackSetId": one.id}


@cloudformation.op(resource=by_set)
def describe_stack_set(call: Call, req: t.DescribeStackSetInput) -> t.DescribeStackSetOutput:
    from .stack_instances import instances
    call = home(call, req)
    one = find(call, req["StackSetName"])
    declared = templates.read(one.text).get("Parameters") or {}
    given = {name: one.given.get(name, reading.text_of(spec["Default"]) if "Default" in spec else "") for name, spec in declared.items()}
    out: dict[str, Any] = {
        "StackSetName": one.name, "StackSetId": one.id, "Status": one.status, "TemplateBody": one.text, "Capabilities": one.capabilities, "StackSetARN": arn(call, one.id),
        "Parameters": [{"ParameterKey": k, "ParameterValue": "****" if reading.text_of(declared[k].get("NoEcho", "")).lower() == "true" else v} for k, v in given.items()],
        "Tags": [{"Key": k, "Value": v} for k, v in one.tags.items()], "PermissionModel": one.model, "ManagedExecution": {"Active": one.managed},
        "StackSetDriftDetectionDetails": one.drift or {"DriftStatus": "NOT_CHECKED", "TotalStackInstancesCount": len(instances(call, one))},
        "OrganizationalUnitIds": list(one.deployed), "Regions": sorted({x.region for x in instances(call, one)}),
    }
    if one.description:
        out["Description"] = one.description
    if one.model == "SELF_MANAGED":
        out |= {"AdministrationRoleARN": administration(call, one), "ExecutionRoleName": one.execution or EXECUTION}
    else:
        out["AutoDeployment"] = one.auto or {"Enabled": False}
    return {"StackSet": out}  # type: ignore[typeddict-item]


def administration(call: Call, one: StackSet) -> str:
    return one.administration or f"arn:aws:iam::{call.account}:role/{ADMINISTRATION}"


@cloudformation.op(resource=lambda call, req: call.arn("stackset/*"))
def list_stack_sets(call: Call, req: t.ListStackSetsInput) -> t.ListStackSetsOutput:
    call = home(call, req)
    found = sorted((x for x in call.all(StackSet) if x.status == req.get("Status", x.status)), key=lambda x: x.key)
    page, token = pages.page(found, req, lambda x: x.key, 100, errors.bad_token)
    return {"Summaries": [_summary(one) for one in page], **token}  # type: ignore[typeddict-item]


def _summary(one: StackSet) -> Any:
    out: dict[str, Any] = {"StackSetName": one.name, "StackSetId": one.id, "Status": one.status, "PermissionModel": one.model, "ManagedExecution": {"Active": one.managed},
                           "DriftStatus": one.drift.get("DriftStatus", "NOT_CHECKED")}
    out |= {"Description": one.description} if one.description else {}
    out |= {"AutoDeployment": one.auto} if one.auto else {}
    return out | ({"LastDriftCheckTimestamp": one.drift["LastDriftCheckTimestamp"]} if "LastDriftCheckTimestamp" in one.drift else {})


@cloudformation.op(resource=by_set)
async def update_stack_set(call: Call, req: t.UpdateStackSetInput) -> t.UpdateStackSetOutput:
    from . import set_operations, set_targets
    from .stack_instances import instances
    call = home(call, req)
    one = find(call, req["StackSetName"])
    if req.get("UsePreviousTemplate"):
        if "TemplateBody" in req or "TemplateURL" in req:
            raise errors.both_templates()
        text = one.text
    else:
        text = await templates.text_of(call, req)
    model, auto = req.get("PermissionModel", one.model), req.get("AutoDeployment", one.auto)
    given, capabilities = arguments(req, one.given), req.get("Capabilities", [])
    check(text, given, capabilities, lambda name: templates.from_store(call, name))
    with call.step():
        one = find(call, req["StackSetName"])
        there = instances(call, one)
        if model != one.model and there:
            raise errors.validation("PermissionModel cannot be changed while the stack set has stack instances")
        if model == "SERVICE_MANAGED":
            check_organization(call)
        targets = set_targets.narrow(call, one, req, there)
        new = one.but(text=text, given=given, capabilities=capabilities, tags=stacks.tags_of(req) if "Tags" in req else one.tags, description=req.get("Description", one.description),
                      model=model, auto=auto, managed=bool(req["ManagedExecution"].get("Active")) if "ManagedExecution" in req else one.managed,
                      **({"administration": "", "execution": ""} if model == "SERVICE_MANAGED" else {}) | roles(call, req, model, auto))
        running = set_operations.begin(call, new, "UPDATE", req, targets)
        call.put(new)
        note(call, new)
        for each in there:  # those that the operation does not reach are behind from now on
            call.put(call.get(type(each), each.key).but(status="OUTDATED"))
    return {"OperationId": running.id}


@cloudformation.op(resource=by_set)
def delete_stack_set(call: Call, req: t.DeleteStackSetInput) -> t.DeleteStackSetOutput:
    from . import set_operations
    from .stack_instances import instances
    call = home(call, req)
    short = req["StackSetName"].rpartition("stackset/")[2]
    one = call.get(StackSet, short.partition(":")[0])
    if one is None:
        return {}
    if instances(call, one):
        raise errors.stack_set_not_empty()
    if running := set_operations.running(call, one):
        raise errors.operation_in_progress(arn(call, one.id), running.id)
    call.delete(one)
    note(call, call.put(one.but(status="DELETED")))
    return {}


# -- an organization's permission -------------------------------------------------------------------------------------------

@cloudformation.op(resource=lambda call, req: "*")
def activate_organizations_access(call: Call, req: t.ActivateOrganizationsAccessInput) -> t.ActivateOrganizationsAccessOutput:
    _managing(call)
    call.do("organizations", "EnableAWSServiceAccess", ServicePrincipal=TRUSTED)
    return {}


@cloudformation.op(resource=lambda call, req: "*")
def deactivate_organizations_access(call: Call, req: t.DeactivateOrganizationsAccessInput) -> t.DeactivateOrganizationsAccessOutput:
    _managing(call)
    call.do("organizations", "DisableAWSServiceAccess", ServicePrincipal=TRUSTED)
    return {}


def _managing(call: Call) -> None:
    found = organizations.management(call.cloud, call.account)
    if found is None or found[0] != call.account:
        raise errors.invalid_operation("Account is not the management account of an organization")


@cloudformation.op(resource=lambda call, req: "*")
def describe_organizations_access(call: Call, req: t.DescribeOrganizationsAccessInput) -> t.DescribeOrganizationsAccessOutput:
    found = organizations.management(call.cloud, call.account)
    return {"Status": "ENABLED" if found is not None and TRUSTED in found[1].services else "DISABLED" if found is not None else "DISABLED_PERMANENTLY"}
