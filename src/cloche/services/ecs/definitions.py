"""Task definitions: a family of revisions, each never changed. One that is deregistered runs on where it runs; one that is deleted goes when nothing uses it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import checks, errors, names
from . import service as ecs

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

MEMBERS = ("taskRoleArn", "executionRoleArn", "networkMode", "volumes", "placementConstraints", "requiresCompatibilities", "cpu", "memory", "pidMode", "ipcMode", "proxyConfiguration",
           "inferenceAccelerators", "ephemeralStorage", "runtimePlatform", "enableFaultInjection")
DELETING_SECONDS = 60.0


class Family(Record, frozen=True):
    """How far its revisions have been counted: numbers are not used again."""
    kind = "ecs.family"

    name: str
    revision: int

    @property
    def key(self) -> str:
        return self.name


class Definition(Record, frozen=True):
    kind = "ecs.definition"

    family: str
    revision: int
    document: dict[str, Any]
    registered: float
    by: str
    status: str = "ACTIVE"
    deregistered: float = 0
    deleting: float = 0
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return f"{self.family}:{self.revision}"

    @property
    def containers(self) -> list[dict[str, Any]]:
        return self.document["containerDefinitions"]  # type: ignore[no-any-return]

    @property
    def network(self) -> str:
        return str(self.document.get("networkMode") or "bridge")


def arn_of(call: Call, key: str) -> str:
    return names.arn(call, "task-definition", key)


def revisions(call: Call, family: str) -> list[Definition]:
    found = call.get(Family, family)
    return [one for number in range(1, found.revision + 1) if (one := call.get(Definition, f"{family}:{number}"))] if found else []


def find(call: Call, given: str) -> Definition | None:
    """By ARN, family:revision, or family: its latest ACTIVE one."""
    name = names.last(given) if given.startswith("arn:") else given
    if given.startswith("arn:") and given != arn_of(call, name):
        return None
    if ":" in name:
        return call.get(Definition, name)
    return next((one for one in reversed(revisions(call, name)) if one.status == "ACTIVE"), None)


def to_run(call: Call, given: str) -> Definition:
    one = find(call, given)
    if one is None:
        raise errors.no_definition_to_run()
    if one.status != "ACTIVE":
        raise errors.inactive_definition()
    return one


def shown(call: Call, one: Definition) -> Any:
    out = {"taskDefinitionArn": arn_of(call, one.key), "family": one.family, "revision": one.revision, "status": one.status, "registeredAt": one.registered, "registeredBy": one.by,
           "volumes": [], "placementConstraints": [], **one.document}
    if one.deregistered:
        out["deregisteredAt"] = one.deregistered
    if one.deleting:
        out["deleteRequestedAt"] = one.deleting
    return out


# -- operations -----------------------------------------------------------------------------------------------------------

def _tagging(call: Call, req: Any) -> dict[str, Any]:
    return {f"aws:RequestTag/{key}": value for key, value in names.tags_of(req.get("tags")).items()}


@ecs.op(lambda call, req: arn_of(call, f"{req['family']}:*"), context=_tagging)
def register_task_definition(call: Call, req: t.RegisterTaskDefinitionRequest) -> t.RegisterTaskDefinitionResponse:
    document = checks.document(call, req, MEMBERS)
    for role in ("taskRoleArn", "executionRoleArn"):
        if arn := document.get(role):
            call.pass_role(arn, "ecs-tasks.amazonaws.com")
    last = call.get(Family, req["family"])
    family = call.put(Family(req["family"], (last.revision if last else 0) + 1))
    one = call.put(Definition(family.name, family.revision, document, call.now, call.principal.arn, tags=names.tags_of(req.get("tags"))))
    return {"taskDefinition": shown(call, one), "tags": names.shown_tags(one.tags)}  # type: ignore[typeddict-item]


@ecs.op(ANY)
def describe_task_definition(call: Call, req: t.DescribeTaskDefinitionRequest) -> t.DescribeTaskDefinitionResponse:
    one = find(call, req["taskDefinition"])
    if one is None:
        raise errors.no_definition()
    return {"taskDefinition": shown(call, one), **({"tags": names.shown_tags(one.tags)} if "TAGS" in (req.get("include") or ()) else {})}  # type: ignore[typeddict-item]


@ecs.op(ANY)
def list_task_definitions(call: Call, req: t.ListTaskDefinitionsRequest) -> t.ListTaskDefinitionsResponse:
    status, prefix = req.get("status") or "ACTIVE", req.get("familyPrefix")
    found = sorted((one for one in call.all(Definition) if one.status == status and (not prefix or one.family == prefix)), key=lambda one: (one.family, one.revision), reverse=req.get("sort") == "DESC")
    part, more = page([arn_of(call, one.key) for one in found], req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"taskDefinitionArns": part, **more}  # type: ignore[typeddict-item]


@ecs.op(ANY)
def list_task_definition_families(call: Call, req: t.ListTaskDefinitionFamiliesRequest) -> t.ListTaskDefinitionFamiliesResponse:
    status, prefix = req.get("status") or "ALL", req.get("familyPrefix") or ""
    there: dict[str, bool] = {}
    for one in call.all(Definition):
        if one.family.startswith(prefix) and one.status != "DELETE_IN_PROGRESS":
            there[one.family] = there.get(one.family, False) or one.status == "ACTIVE"
    found = sorted(name for name, live in there.items() if status == "ALL" or (status == "ACTIVE") == live)
    part, more = page(found, req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"families": part, **more}  # type: ignore[typeddict-item]


@ecs.op(ANY)
def deregister_task_definition(call: Call, req: t.DeregisterTaskDefinitionRequest) -> t.DeregisterTaskDefinitionResponse:
    """A revision must be said."""
    given = names.last(req["taskDefinition"])
    if ":" not in given:
        raise errors.client("Revision is missing in the task definition.") if find(call, given) else errors.client("The specified task definition does not exist.")
    one = find(call, req["taskDefinition"])
    if one is None:
        raise errors.client("The specified task definition does not exist.")
    if one.status == "ACTIVE":
        one = call.put(one.but(status="INACTIVE", deregistered=call.now))
    return {"taskDefinition": shown(call, one)}


@ecs.op(lambda call, req: [arn_of(call, names.last(one)) for one in req["taskDefinitions"]])
def delete_task_definitions(call: Call, req: t.DeleteTaskDefinitionsRequest) -> t.DeleteTaskDefinitionsResponse:
    if len(req["taskDefinitions"]) > 10:
        raise errors.parameter("You can delete up to 10 task definitions at once.")
    out: Any = {"taskDefinitions": [], "failures": []}
    for given in req["taskDefinitions"]:
        one = find(call, given) if ":" in names.last(given) else None
        if one is None:
            out["failures"].append({"arn": given, "reason": "TASK_DEFINITION_NOT_FOUND", "detail": "The specified task definition does not exist. Specify a valid account, family, revision and try again."})
        elif one.status == "ACTIVE":
            out["failures"].append({"arn": arn_of(call, one.key), "reason": "TASK_DEFINITION_IS_ACTIVE", "detail": "The specified task definition is still in ACTIVE status. Please deregister the target and try again."})
        else:
            one = call.put(one.but(status="DELETE_IN_PROGRESS", deleting=call.now))
            call.after(DELETING_SECONDS, gone, one.key, key=one.key)
            out["taskDefinitions"].append(shown(call, one))
    return out  # type: ignore[no-any-return]


@ecs.timer
def gone(call: Call, key: str) -> None:
    """Once no task and no service uses it."""
    from .services import ServiceRecord
    from .tasks import Task
    one = call.get(Definition, key)
    if one is None:
        return
    used = any(task.definition == key and task.status != "STOPPED" for task in call.all(Task)) or any(key in each.definitions for each in call.all(ServiceRecord) if each.status != "INACTIVE")
    if used:
        call.after(DELETING_SECONDS, gone, key, key=key)
    else:
        call.delete(one)
