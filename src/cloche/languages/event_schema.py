"""Schemas out of events: what a JSON value looks like, what two of them have in common, and the document that says it (OpenAPI 3 or JSON Schema draft 4).

A shape is {"type": ...} with `properties` and `required` of objects, `items` of arrays, `format` of texts. The union of two shapes knows the properties of both and requires
what both require; values of different types leave the type open.
"""
from __future__ import annotations

import re
from typing import Any

_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
_WORD = re.compile(r"[A-Za-z0-9]+")
ENVELOPE = ("account", "detail-type", "id", "region", "resources", "source", "time", "version")


def shape(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return {"type": "object", "required": list(value), "properties": {name: shape(one) for name, one in value.items()}}
    if isinstance(value, list):
        items: dict[str, Any] | None = None
        for one in value:
            items = shape(one) if items is None else union(items, shape(one))
        return {"type": "array", "items": items if items is not None else {"type": "object"}}
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, (int, float)):
        return {"type": "number"}
    if isinstance(value, str):
        return {"type": "string", "format": "date-time"} if _STAMP.fullmatch(value) else {"type": "string"}
    return {}  # null says nothing of the type


def union(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    if not one or not other:
        return one or other
    if one.get("type") != other.get("type"):
        return {"type": "object"} if "object" in (one.get("type"), other.get("type")) else {"type": "string"}
    if one["type"] == "object" and "properties" in one and "properties" in other:
        names = dict.fromkeys([*one["properties"], *other["properties"]])
        return {"type": "object", "required": [name for name in one["required"] if name in other["required"]],
                "properties": {name: union(one["properties"].get(name, {}), other["properties"].get(name, {})) for name in names}}
    if one["type"] == "array":
        return {"type": "array", "items": union(one["items"], other["items"])}
    return one if one == other else {"type": one["type"]}


def title(text: str) -> str:
    """`EC2 Instance State-change` -> EC2InstanceStateChange."""
    return "".join(word[:1].upper() + word[1:] for word in _WORD.findall(text)) or "Event"


def is_event(value: Any) -> bool:
    """With EventBridge's envelope around it."""
    return isinstance(value, dict) and "detail" in value and "detail-type" in value and "source" in value


def openapi(found: dict[str, Any], name: str, event: dict[str, str] | None = None) -> dict[str, Any]:
    """`found` is the shape of the detail (or of the whole, where there is no envelope); `event` has source and detail-type."""
    schemas: dict[str, Any] = {}
    if event is not None:
        text = {"type": "string"}
        schemas["AWSEvent"] = {
            "type": "object", "required": ["detail-type", "resources", "detail", "id", "source", "time", "region", "version", "account"],
            "x-amazon-events-detail-type": event["detail-type"], "x-amazon-events-source": event["source"],
            "properties": {"detail": {"$ref": f"#/components/schemas/{name}"}, **{one: text for one in ENVELOPE if one not in ("resources", "time")},
                           "resources": {"type": "array", "items": {"type": "string"}}, "time": {"type": "string", "format": "date-time"}}}
    _component(found, name, schemas)
    return {"openapi": "3.0.0", "info": {"version": "1.0.0", "title": name}, "paths": {}, "components": {"schemas": schemas}}


def _component(found: dict[str, Any], name: str, schemas: dict[str, Any]) -> None:
    """An object is a schema of its own; those within it are, too."""
    schemas[name] = {}
    schemas[name] = _referring(found, schemas, True)


def _referring(found: dict[str, Any], schemas: dict[str, Any], own: bool = False, wanted: str = "") -> dict[str, Any]:
    if found.get("type") == "object" and "properties" in found:
        if not own:
            name, number = title(wanted), 1
            while name in schemas:
                number += 1
                name = f"{title(wanted)}{number}"
            _component(found, name, schemas)
            return {"$ref": f"#/components/schemas/{name}"}
        return {"type": "object", **({"required": found["required"]} if found["required"] else {}),
                "properties": {name: _referring(one, schemas, False, name) for name, one in found["properties"].items()}}
    if found.get("type") == "array":
        return {"type": "array", "items": _referring(found["items"], schemas, False, wanted + "Item")}
    return found or {"type": "object"}


def read(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The shape that an OpenAPI document of ours says, to be widened by the next event."""
    schemas = document["components"]["schemas"]

    def back(one: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in one:
            return back(schemas[one["$ref"].rpartition("/")[2]])
        if one.get("type") == "object" and "properties" in one:
            return {"type": "object", "required": one.get("required", []), "properties": {name: back(each) for name, each in one["properties"].items()}}
        return {"type": "array", "items": back(one["items"])} if one.get("type") == "array" else one

    return back(schemas[name])


def draft4(found: dict[str, Any], name: str) -> dict[str, Any]:
    def plain(one: dict[str, Any]) -> dict[str, Any]:
        if one.get("type") == "object" and "properties" in one:
            return {"type": "object", **({"required": one["required"]} if one["required"] else {}), "properties": {key: plain(each) for key, each in one["properties"].items()}}
        return {"type": "array", "items": plain(one["items"])} if one.get("type") == "array" else one or {"type": "object"}
    return {"$schema": "http://json-schema.org/draft-04/schema#", "title": name, **plain(found)}
