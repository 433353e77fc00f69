"""Tags of whatever ECS has an ARN for."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import capacity_providers, clusters, container_instances, definitions, errors, names, services, tasks
from . import service as ecs

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

MOST = 50


def found(call: Call, arn: str) -> Any:
    """The record, whatever it is."""
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "ecs":
        raise errors.parameter("The specified ARN is not valid.")
    kind, *rest = parts[5].split("/")
    one: Any = None
    if kind == "cluster":
        one = call.get(clusters.Cluster, rest[-1])
        if one is None or one.status != "ACTIVE":
            raise errors.no_cluster()
    elif kind == "task-definition":
        one = call.get(definitions.Definition, rest[-1])
    elif kind == "task":
        one = call.get(tasks.Task, rest[-1])
    elif kind == "service":
        one = call.get(services.ServiceRecord, "/".join(rest[-2:]))
    elif kind == "container-instance":
        one = call.get(container_instances.Instance, rest[-1])
    elif kind == "capacity-provider":
        one = call.get(capacity_providers.Provider, rest[-1])
    if one is None:
        raise errors.parameter(f"The specified {kind.replace('-', ' ')} is not found.")
    return one


def _on(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def _tags(call: Call, req: Any) -> dict[str, Any]:
    return {"aws:TagKeys": [one["key"] for one in req["tags"]]} | {f"aws:RequestTag/{one['key']}": one.get("value", "") for one in req["tags"]}


@ecs.op(_on, context=_tags)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    one = found(call, req["resourceArn"])
    given = names.tags_of(req["tags"])
    if call.reserves(given):
        raise errors.parameter("Tag keys cannot begin with aws:.")
    if len(one.tags | given) > MOST:
        raise errors.parameter("Too many tags: a resource has at most 50.")
    call.put(one.but(tags=one.tags | given))
    return {}


@ecs.op(_on, context=lambda call, req: {"aws:TagKeys": list(req["tagKeys"])})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    one = found(call, req["resourceArn"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["tagKeys"]}))
    return {}


@ecs.op(_on)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"tags": names.shown_tags(found(call, req["resourceArn"]).tags)}  # type: ignore[typeddict-item]
