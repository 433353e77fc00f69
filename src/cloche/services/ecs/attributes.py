"""Custom attributes of container instances: up to ten each, looked for by name and value."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.kernel.pages import page

from . import clusters, container_instances, errors, names
from . import service as ecs
from .container_instances import Instance
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

MOST = 10
NAME, VALUE = re.compile(r"[\w./\\-]{1,128}"), re.compile(r"[\w.:/\\@ -]{0,128}")


def built_in(name: str) -> bool:
    return name.startswith(("ecs.", "com.amazonaws.ecs."))


def _target(call: Call, cluster: str, one: Any) -> Instance:
    found = container_instances.find(call, cluster, one.get("targetId") or "")
    if found is None or found.status == "INACTIVE":
        raise errors.no_target(one.get("targetId") or "")
    return found


def _on(call: Call, req: Any) -> list[str]:
    return [names.arn(call, "container-instance", names.cluster_name(req.get("cluster")), names.last(one.get("targetId") or "*")) for one in req["attributes"]]


@ecs.op(_on, context=names.in_cluster)
def put_attributes(call: Call, req: t.PutAttributesRequest) -> t.PutAttributesResponse:
    cluster = clusters.active(call, req.get("cluster"))
    if not 1 <= len(req["attributes"]) <= MOST:
        raise errors.parameter(f"Between 1 and {MOST} attributes can be put at once.")
    for one in req["attributes"]:
        if not NAME.fullmatch(one["name"]) or built_in(one["name"]):
            raise errors.parameter(f"Invalid attribute name: {one['name']}")
        if not VALUE.fullmatch(one.get("value") or ""):
            raise errors.parameter(f"Invalid attribute value: {one['value']}")
        found = _target(call, cluster.name, one)
        attributes = found.attributes | {one["name"]: {"value": one["value"]} if one.get("value") else {}}
        if sum(not built_in(name) for name in attributes) > MOST:
            raise errors.attribute_limit()
        container_instances.put(call, found.but(attributes=attributes))
    container_instances.capacity_changed(call, cluster.name)
    return {"attributes": [dict(one) for one in req["attributes"]]}  # type: ignore[typeddict-item]


@ecs.op(_on, context=names.in_cluster)
def delete_attributes(call: Call, req: t.DeleteAttributesRequest) -> t.DeleteAttributesResponse:
    cluster = clusters.active(call, req.get("cluster"))
    for one in req["attributes"]:
        found = _target(call, cluster.name, one)
        if one["name"] not in found.attributes or built_in(one["name"]):
            raise errors.no_target(one["name"])
        container_instances.put(call, found.but(attributes={name: value for name, value in found.attributes.items() if name != one["name"]}))
    return {"attributes": [dict(one) for one in req["attributes"]]}  # type: ignore[typeddict-item]


@ecs.op(names.on_cluster())
def list_attributes(call: Call, req: t.ListAttributesRequest) -> t.ListAttributesResponse:
    cluster = clusters.active(call, req.get("cluster"))
    out = []
    for one in index(call).instances_of(cluster.name):
        for name, value in one.attributes.items():
            if req.get("attributeName") in (None, name) and req.get("attributeValue") in (None, value.get("value", "")):
                out.append({"name": name, **value, "targetId": container_instances.arn_of(call, one)})
    out.sort(key=lambda one: (one["name"], one["targetId"]))
    part, more = page(out, req, lambda one: f"{one['name']} {one['targetId']}", 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"attributes": part, **more}  # type: ignore[typeddict-item]
