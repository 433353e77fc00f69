"""Types of workflows and of activities: a name, a version, and what holds where a call does not say."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.kernel.pages import page

from . import domains, errors, names
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

YEAR = 31_536_000     # seconds; no execution runs longer


class Type(Record, frozen=True):
    """Of either kind; the defaults stand under the names that the configuration has in AWS's answers."""
    kind = "swf.type"
    what: str               # WorkflowType, ActivityType
    domain: str
    name: str
    version: str
    created: float
    description: str = ""
    deprecated: float = 0.0
    defaults: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return _key(self.what, self.domain, self.name, self.version)

    @property
    def status(self) -> str:
        return "DEPRECATED" if self.deprecated else "REGISTERED"

    @property
    def told(self) -> str:
        """As AWS's errors name it."""
        return named(self.what, self.name, self.version)


WORKFLOW, ACTIVITY = "WorkflowType", "ActivityType"


def _key(what: str, domain: str, name: str, version: str) -> str:
    return f"{what}/{domain}/{name}/{version}"


def named(what: str, name: str, version: str) -> str:
    return f"{what}=[name={name}, version={version}]"


def look(call: Call, what: str, domain: str, asked: Any) -> Type | None:
    return call.get(Type, _key(what, domain, asked["name"], asked["version"]))


def find(call: Call, what: str, domain: str, asked: Any) -> Type:
    domains.find(call, domain)
    one = look(call, what, domain, asked)
    if one is None:
        raise errors.no_type(named(what, asked["name"], asked["version"]))
    return one


def _register(call: Call, what: str, req: Any) -> None:
    domains.registered(call, req["domain"])
    name, version = names.check("name", req["name"]), names.check("version", req["version"])
    defaults = {member: value for member, value in req.items() if member.startswith("default")}
    for member, value in defaults.items():
        if member == "defaultExecutionStartToCloseTimeout":
            names.duration(member, value, endless=False, most=YEAR)
        elif member.endswith("Timeout"):
            names.duration(member, value)
    names.priority(defaults.get("defaultTaskPriority"))
    if call.get(Type, _key(what, req["domain"], name, version)) is not None:
        raise errors.type_exists(named(what, name, version))
    call.put(Type(what, req["domain"], name, version, call.now, req.get("description", ""), defaults=defaults))


def _shown(one: Type) -> Any:
    told: dict[str, Any] = {one.what[0].lower() + one.what[1:]: {"name": one.name, "version": one.version}, "status": one.status, "creationDate": one.created}
    if one.description:
        told["description"] = one.description
    if one.deprecated:
        told["deprecationDate"] = one.deprecated
    return told


def _list(call: Call, what: str, req: Any) -> Any:
    domains.find(call, req["domain"])
    every = sorted((one for one in call.all(Type) if one.what == what and one.domain == req["domain"] and one.status == req["registrationStatus"] and req.get("name", one.name) == one.name),
                   key=lambda one: one.key, reverse=req.get("reverseOrder", False))
    found, more = page(every, req, lambda one: one.key, 1000, errors.invalid_token, size="maximumPageSize", token="nextPageToken")
    return {"typeInfos": [_shown(one) for one in found], **more}


def _deprecate(call: Call, what: str, domain: str, asked: Any) -> None:
    one = find(call, what, domain, asked)
    if one.deprecated:
        raise errors.type_deprecated(one.told)
    call.put(one.but(deprecated=call.now))


def _undeprecate(call: Call, what: str, domain: str, asked: Any) -> None:
    one = find(call, what, domain, asked)
    if not one.deprecated:
        raise errors.type_exists(one.told)
    call.put(one.but(deprecated=0.0))


def _delete(call: Call, what: str, domain: str, asked: Any) -> None:
    one = find(call, what, domain, asked)
    if not one.deprecated:
        raise errors.type_not_deprecated(one.told)
    call.delete(one)


@swf.op(names.in_domain, context=names.asked)
def register_workflow_type(call: Call, req: t.RegisterWorkflowTypeInput) -> None:
    _register(call, WORKFLOW, req)


@swf.op(names.in_domain, context=names.asked)
def register_activity_type(call: Call, req: t.RegisterActivityTypeInput) -> None:
    _register(call, ACTIVITY, req)


@swf.op(names.in_domain, context=names.asked)
def describe_workflow_type(call: Call, req: t.DescribeWorkflowTypeInput) -> t.WorkflowTypeDetail:
    one = find(call, WORKFLOW, req["domain"], req["workflowType"])
    return {"typeInfo": _shown(one), "configuration": one.defaults}  # type: ignore[typeddict-item]


@swf.op(names.in_domain, context=names.asked)
def describe_activity_type(call: Call, req: t.DescribeActivityTypeInput) -> t.ActivityTypeDetail:
    one = find(call, ACTIVITY, req["domain"], req["activityType"])
    return {"typeInfo": _shown(one), "configuration": one.defaults}  # type: ignore[typeddict-item]


@swf.op(names.in_domain)
def list_workflow_types(call: Call, req: t.ListWorkflowTypesInput) -> t.WorkflowTypeInfos:
    return _list(call, WORKFLOW, req)  # type: ignore[no-any-return]


@swf.op(names.in_domain)
def list_activity_types(call: Call, req: t.ListActivityTypesInput) -> t.ActivityTypeInfos:
    return _list(call, ACTIVITY, req)  # type: ignore[no-any-return]


@swf.op(names.in_domain, context=names.asked)
def deprecate_workflow_type(call: Call, req: t.DeprecateWorkflowTypeInput) -> None:
    _deprecate(call, WORKFLOW, req["domain"], req["workflowType"])


@swf.op(names.in_domain, context=names.asked)
def deprecate_activity_type(call: Call, req: t.DeprecateActivityTypeInput) -> None:
    _deprecate(call, ACTIVITY, req["domain"], req["activityType"])


@swf.op(names.in_domain, context=names.asked)
def undeprecate_workflow_type(call: Call, req: t.UndeprecateWorkflowTypeInput) -> None:
    _undeprecate(call, WORKFLOW, req["domain"], req["workflowType"])


@swf.op(names.in_domain, context=names.asked)
def undeprecate_activity_type(call: Call, req: t.UndeprecateActivityTypeInput) -> None:
    _undeprecate(call, ACTIVITY, req["domain"], req["activityType"])


@swf.op(names.in_domain, context=names.asked)
def delete_workflow_type(call: Call, req: t.DeleteWorkflowTypeInput) -> None:
    _delete(call, WORKFLOW, req["domain"], req["workflowType"])


@swf.op(names.in_domain, context=names.asked)
def delete_activity_type(call: Call, req: t.DeleteActivityTypeInput) -> None:
    _delete(call, ACTIVITY, req["domain"], req["activityType"])
