"""State machines: a definition, the role it acts under, and published versions of both."""
from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.languages.asl import definition

from . import errors
from . import service as states

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")
MOST_TAGS = 50


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    definition: str
    role: str
    revision: str
    created: float
    description: str = ""


class Machine(Record, frozen=True):
    kind = "stepfunctions.machine"

    name: str
    arn: str
    type: str
    definition: str
    role: str
    created: float
    changed: float
    revision: str = ""
    logging: dict[str, Any] = {}
    tracing: bool = False
    tags: dict[str, str] = {}
    versions: tuple[Version, ...] = ()
    next_version: int = 1

    @property
    def key(self) -> str:
        return self.name


class Alias(Record, frozen=True):
    kind = "stepfunctions.alias"

    machine: str
    name: str
    arn: str
    routes: list[dict[str, Any]]
    created: float
    changed: float
    description: str = ""

    @property
    def key(self) -> str:
        return f"{self.machine}:{self.name}"


class Which(msgspec.Struct, frozen=True):
    """What an ARN with or without a qualifier means."""

    machine: Machine
    definition: str
    role: str
    version: str = ""    # ARN of the version that was chosen
    alias: str = ""      # ARN of the alias that chose it
    revision: str = ""


def by_arn(member: str) -> Any:
    return lambda call, req: req[member].rsplit(":", 1)[0] if req[member].count(":") == 7 else req[member]


ON: Any = {"resource": by_arn("stateMachineArn")}


def parse(call: Call, arn: str) -> tuple[str, str]:
    """(name, qualifier) of a machine's ARN in this account and region."""
    parts = arn.split(":")
    if len(parts) not in (7, 8) or parts[2] != "states" or parts[5] != "stateMachine" or parts[4] != call.account or parts[3] != call.region:
        raise errors.invalid_arn(arn)
    return parts[6], parts[7] if len(parts) == 8 else ""


def find(call: Call, arn: str) -> Machine:
    name, _ = parse(call, arn)
    one = call.get(Machine, name)
    if one is None:
        raise errors.no_machine(arn)
    return one


def which(call: Call, arn: str) -> Which:
    """The machine as it is, a version of it, or the version to which an alias sends this call."""
    name, qualifier = parse(call, arn)
    one = call.get(Machine, name)
    if one is None:
        raise errors.no_machine(arn)
    if not qualifier:
        return Which(one, one.definition, one.role, revision=one.revision)
    alias = ""
    if not qualifier.isdigit():
        found = call.get(Alias, f"{name}:{qualifier}")
        if found is None:
            raise errors.no_machine(arn)
        alias, roll = found.arn, call.cloud.dice.random() * 100
        for route in found.routes:
            qualifier, roll = route["stateMachineVersionArn"].rpartition(":")[2], roll - route["weight"]
            if roll < 0:
                break
    version = next((v for v in one.versions if v.number == int(qualifier)), None)
    if version is None:
        raise errors.no_machine(arn)
    return Which(one, version.definition, version.role, f"{one.arn}:{version.number}", alias, version.revision)


# -- what is checked ------------------------------------------------------------------------------------------------------


def checked(text: str) -> str:
    if found := definition.problems(text):
        raise errors.invalid_definition([f"{one.code}: {one.message} at {one.location}" for one in found])
    return text


def role_checked(call: Call, role: str) -> str:
    if not role.startswith("arn:") or ":iam::" not in role:
        raise errors.invalid_arn(role)
    call.pass_role(role, "states.amazonaws.com")
    try:
        call.as_role(role, "check", "states.amazonaws.com")
    except AwsError:
        raise errors.role_is_not_trusted(role) from None
    return role


def logging_checked(req: Any) -> dict[str, Any]:
    given = dict(req.get("loggingConfiguration") or {})
    if given.get("level", "OFF") != "OFF":
        destinations = given.get("destinations") or []
        if len(destinations) != 1 or not str((destinations[0].get("cloudWatchLogsLogGroup") or {}).get("logGroupArn", "")).endswith(":*"):
            raise errors.invalid_logging("Must specify exactly one Log Destination, whose ARN ends in ':*'.")
    return given


def tags_given(req: Any) -> dict[str, str]:
    tags = {one.get("key", ""): one.get("value", "") for one in req.get("tags") or []}
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    return tags


# -- operations -----------------------------------------------------------------------------------------------------------


def _new(call: Call, req: Any) -> str:
    return call.arn(f"stateMachine:{req['name']}")


def tags_asked(call: Call, req: Any) -> dict[str, Any]:
    tags = {one.get("key", ""): one.get("value", "") for one in req.get("tags") or []}
    return {f"aws:RequestTag/{k}": v for k, v in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})


@states.op(_new, context=tags_asked)
def create_state_machine(call: Call, req: t.CreateStateMachineInput) -> t.CreateStateMachineOutput:
    name = req["name"]
    if not NAME.fullmatch(name):
        raise errors.invalid_name(name)
    if (req.get("encryptionConfiguration") or {}).get("type", "AWS_OWNED_KEY") != "AWS_OWNED_KEY":
        raise errors.invalid("Customer managed keys of state machines are not built in Cloche")
    text, role, logs = checked(req["definition"]), role_checked(call, req["roleArn"]), logging_checked(req)
    type_, tracing, arn = req.get("type", "STANDARD"), (req.get("tracingConfiguration") or {}).get("enabled", False), _new(call, req)
    if req.get("versionDescription") and not req.get("publish"):
        raise errors.invalid("Version description can only be set when publish is true")
    one = call.get(Machine, name)
    if one is not None:  # the same again is the same
        if (one.definition, one.role, one.type, one.logging, one.tracing) != (text, role, type_, logs, tracing):
            raise errors.machine_exists(arn)
        return {"stateMachineArn": arn, "creationDate": one.created}
    one = call.put(Machine(name, arn, type_, text, role, call.now, call.now, "", logs, tracing, tags_given(req)))
    answer: Any = {"stateMachineArn": arn, "creationDate": one.created}
    if req.get("publish"):
        answer["stateMachineVersionArn"] = publish(call, one, req.get("versionDescription", ""))[1]
    return answer  # type: ignore[no-any-return]


@states.op(**ON)
def update_state_machine(call: Call, req: t.UpdateStateMachineInput) -> t.UpdateStateMachineOutput:
    one = find(call, req["stateMachineArn"])
    if not req.keys() & {"definition", "roleArn", "loggingConfiguration", "tracingConfiguration", "publish"}:
        raise errors.nothing_to_update()
    one = call.put(one.but(
        definition=checked(req["definition"]) if "definition" in req else one.definition, role=role_checked(call, req["roleArn"]) if "roleArn" in req else one.role,
        logging=logging_checked(req) if "loggingConfiguration" in req else one.logging,
        tracing=(req.get("tracingConfiguration") or {}).get("enabled", one.tracing), changed=call.now, revision=call.uuid()))
    answer: Any = {"updateDate": one.changed, "revisionId": one.revision}
    if req.get("publish"):
        answer["stateMachineVersionArn"] = publish(call, one, req.get("versionDescription", ""))[1]
    return answer  # type: ignore[no-any-return]


@states.op(**ON)
def describe_state_machine(call: Call, req: t.DescribeStateMachineInput) -> t.DescribeStateMachineOutput:
    found = which(call, req["stateMachineArn"])
    return shown(found)


def shown(found: Which) -> Any:
    one = found.machine
    description = next((v.description for v in one.versions if f"{one.arn}:{v.number}" == found.version), "")
    return {
        "stateMachineArn": found.version or one.arn, "name": one.name, "status": "ACTIVE", "definition": found.definition, "roleArn": found.role, "type": one.type, "creationDate": one.created,
        "loggingConfiguration": one.logging or {"level": "OFF", "includeExecutionData": False}, "tracingConfiguration": {"enabled": one.tracing},
        **({"revisionId": found.revision} if found.revision else {}), **({"description": description} if description else {})}


@states.op(by_arn("stateMachineArn"))
def delete_state_machine(call: Call, req: t.DeleteStateMachineInput) -> t.DeleteStateMachineOutput:
    name, _ = parse(call, req["stateMachineArn"])
    one = call.get(Machine, name)
    if one is not None:
        for alias in aliases_of(call, name):
            call.delete(alias)
        call.delete(one)
    return {}


@states.op(ANY)
def list_state_machines(call: Call, req: t.ListStateMachinesInput) -> t.ListStateMachinesOutput:
    found, more = page(sorted(call.all(Machine), key=lambda one: one.name), req, lambda one: one.name, min(req.get("maxResults") or 100, 1000), errors.bad_token, size="_", token="nextToken")
    return {"stateMachines": [{"stateMachineArn": one.arn, "name": one.name, "type": one.type, "creationDate": one.created} for one in found], **more}  # type: ignore[typeddict-item]


@states.op(ANY)
def validate_state_machine_definition(call: Call, req: t.ValidateStateMachineDefinitionInput) -> t.ValidateStateMachineDefinitionOutput:
    found = definition.problems(req["definition"])
    most = req.get("maxResults") or 100
    return {"result": "FAIL" if found else "OK", "truncated": len(found) > most,
            "diagnostics": [{"severity": "ERROR", "code": one.code, "message": one.message, "location": one.location} for one in found[:most]]}


# -- versions and aliases -------------------------------------------------------------------------------------------------


def aliases_of(call: Call, name: str) -> list[Alias]:
    return [one for one in call.all(Alias) if one.machine == name]


def publish(call: Call, one: Machine, description: str, revision: str | None = None) -> tuple[float, str]:
    if revision is not None and revision != (one.revision or "INITIAL"):
        raise errors.conflict(f"Failed to publish the State Machine version for revision {revision}. The current State Machine revision is {one.revision or 'INITIAL'}.")
    last = one.versions[-1] if one.versions else None
    if last is not None and last.revision == one.revision:  # nothing new to publish
        return last.created, f"{one.arn}:{last.number}"
    version = Version(one.next_version, one.definition, one.role, one.revision, call.now, description)
    call.put(one.but(versions=(*one.versions, version), next_version=one.next_version + 1))
    return version.created, f"{one.arn}:{version.number}"


@states.op(**ON)
def publish_state_machine_version(call: Call, req: t.PublishStateMachineVersionInput) -> t.PublishStateMachineVersionOutput:
    created, arn = publish(call, find(call, req["stateMachineArn"]), req.get("description", ""), req.get("revisionId"))
    return {"creationDate": created, "stateMachineVersionArn": arn}


@states.op(by_arn("stateMachineVersionArn"))
def delete_state_machine_version(call: Call, req: t.DeleteStateMachineVersionInput) -> t.DeleteStateMachineVersionOutput:
    name, number = parse(call, req["stateMachineVersionArn"])
    if not number.isdigit():
        raise errors.invalid("The ARN must be of a version")
    using = [alias.name for alias in aliases_of(call, name) if any(route["stateMachineVersionArn"] == req["stateMachineVersionArn"] for route in alias.routes)]
    if using:
        raise errors.conflict(f"Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{', '.join(using)}]")
    one = call.get(Machine, name)
    if one is not None:
        call.put(one.but(versions=tuple(v for v in one.versions if v.number != int(number))))
    return {}


@states.op(**ON)
def list_state_machine_versions(call: Call, req: t.ListStateMachineVersionsInput) -> t.ListStateMachineVersionsOutput:
    one = find(call, req["stateMachineArn"])
    found, more = page(reversed(one.versions), req, lambda v: str(v.number), min(req.get("maxResults") or 100, 1000), errors.bad_token, size="_", token="nextToken")
    return {"stateMachineVersions": [{"stateMachineVersionArn": f"{one.arn}:{v.number}", "creationDate": v.created} for v in found], **more}  # type: ignore[typeddict-item]


def routes_checked(call: Call, routes: Any) -> tuple[str, list[dict[str, Any]]]:
    """The machine's name, and the routes, if they are one or two existing versions of one machine and sum up to 100."""
    names = {parse(call, route["stateMachineVersionArn"])[0] for route in routes}
    if not 1 <= len(routes) <= 2 or len(names) != 1 or sum(route["weight"] for route in routes) != 100:
        raise errors.invalid("Routing configuration must have one or two versions of the same state machine, with weights that sum up to 100")
    for route in routes:
        try:
            which(call, route["stateMachineVersionArn"])
        except AwsError:
            raise errors.not_found(route["stateMachineVersionArn"]) from None
    return names.pop(), [dict(route) for route in routes]


@states.op(lambda call, req: by_arn("stateMachineVersionArn")(call, req["routingConfiguration"][0]) if req["routingConfiguration"] else "*")
def create_state_machine_alias(call: Call, req: t.CreateStateMachineAliasInput) -> t.CreateStateMachineAliasOutput:
    machine, routes = routes_checked(call, req["routingConfiguration"])
    if req["name"].isdigit() or not NAME.fullmatch(req["name"]):
        raise errors.invalid_name(req["name"])
    arn, old = call.arn(f"stateMachine:{machine}:{req['name']}"), call.get(Alias, f"{machine}:{req['name']}")
    if old is not None:
        if (old.routes, old.description) != (routes, req.get("description", "")):
            raise errors.conflict(f"Failed to create alias because an alias with the same name and a different routing configuration already exists: {arn}")
        return {"stateMachineAliasArn": arn, "creationDate": old.created}
    call.put(Alias(machine, req["name"], arn, routes, call.now, call.now, req.get("description", "")))
    return {"stateMachineAliasArn": arn, "creationDate": call.now}


def alias(call: Call, arn: str) -> Alias:
    name, qualifier = parse(call, arn)
    one = call.get(Alias, f"{name}:{qualifier}")
    if one is None:
        raise errors.not_found(arn)
    return one


@states.op(by_arn("stateMachineAliasArn"))
def update_state_machine_alias(call: Call, req: t.UpdateStateMachineAliasInput) -> t.UpdateStateMachineAliasOutput:
    one = alias(call, req["stateMachineAliasArn"])
    routes = one.routes
    if "routingConfiguration" in req:
        machine, routes = routes_checked(call, req["routingConfiguration"])
        if machine != one.machine:
            raise errors.invalid("Routing configuration must be of the alias's own state machine")
    call.put(one.but(routes=routes, description=req.get("description", one.description), changed=call.now))
    return {"updateDate": call.now}


@states.op(by_arn("stateMachineAliasArn"))
def describe_state_machine_alias(call: Call, req: t.DescribeStateMachineAliasInput) -> t.DescribeStateMachineAliasOutput:
    one = alias(call, req["stateMachineAliasArn"])
    return {"stateMachineAliasArn": one.arn, "name": one.name, "description": one.description, "routingConfiguration": one.routes, "creationDate": one.created, "updateDate": one.changed}  # type: ignore[typeddict-item]


@states.op(by_arn("stateMachineAliasArn"))
def delete_state_machine_alias(call: Call, req: t.DeleteStateMachineAliasInput) -> t.DeleteStateMachineAliasOutput:
    call.delete(alias(call, req["stateMachineAliasArn"]))
    return {}


@states.op(**ON)
def list_state_machine_aliases(call: Call, req: t.ListStateMachineAliasesInput) -> t.ListStateMachineAliasesOutput:
    one = find(call, req["stateMachineArn"])
    _, qualifier = parse(call, req["stateMachineArn"])
    mine = [a for a in aliases_of(call, one.name) if not qualifier or any(route["stateMachineVersionArn"] == req["stateMachineArn"] for route in a.routes)]
    found, more = page(sorted(mine, key=lambda a: a.name), req, lambda a: a.name, min(req.get("maxResults") or 100, 1000), errors.bad_token, size="_", token="nextToken")
    return {"stateMachineAliases": [{"stateMachineAliasArn": a.arn, "creationDate": a.created} for a in found], **more}  # type: ignore[typeddict-item]


@lru_cache(maxsize=200)
def compiled(text: str) -> dict[str, Any]:
    """A definition as the engine reads it; nobody changes it."""
    return json.loads(text)  # type: ignore[no-any-return]
