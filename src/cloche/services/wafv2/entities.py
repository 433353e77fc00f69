"""What web ACLs, rule groups, IP sets and pattern sets have in common: a name of their own in a scope, an id, tags, and a lock token that every change renews.

    arn:aws:wafv2:REGION:ACCOUNT:regional/TYPE/NAME/ID      arn:aws:wafv2:us-east-1:ACCOUNT:global/TYPE/NAME/ID  (for CloudFront)
"""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from cloche.kernel import Call, Record, pages

from . import errors

TYPES = ("webacl", "rulegroup", "ipset", "regexpatternset")
MOST = 100   # of each type and scope
_ARN = re.compile(r"arn:[\w-]+:wafv2:([\w-]+):(\d{12}):(regional|global)/(\w+)/([\w-]+)/([\w-]+)$")


class Entity(Record, frozen=True):
    kind = "wafv2.entity"

    type: str
    name: str
    id: str
    reach: str                  # REGIONAL or CLOUDFRONT: the API's Scope
    arn: str
    token: str
    values: dict[str, Any]
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.arn


def arn_of(call: Call, type_: str, scope: str, name: str, id_: str) -> str:
    return call.arn(f"{'global' if scope == 'CLOUDFRONT' else 'regional'}/{type_}/{name}/{id_}")


def own(call: Call, arn: str) -> str:
    """The ARN as one of this account and region: of another's there is nothing here to be asked about."""
    found = _ARN.match(arn)
    return call.arn(f"{found[3]}/{found[4]}/{found[5]}/{found[6]}") if found else arn


def made(type_: str) -> dict[str, Any]:
    """How IAM is asked about something that is to be made."""
    def tagging(call: Call, req: Any) -> dict[str, Any]:
        tags = {one["Key"]: one["Value"] for one in req.get("Tags") or ()}
        return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}
    return {"resource": lambda call, req: arn_of(call, type_, req["Scope"], req["Name"], "*"), "context": tagging}


def on(type_: str) -> dict[str, Any]:
    """... about one that is there, named by scope, name and id or by its ARN."""
    def resource(call: Call, req: Any) -> str:
        return own(call, req["ARN"]) if "ARN" in req else arn_of(call, type_, req.get("Scope", "REGIONAL"), req.get("Name", "*"), req.get("Id", "*"))

    def tagged(call: Call, req: Any) -> dict[str, Any]:
        entity = call.get(Entity, resource(call, req))
        return {f"aws:ResourceTag/{k}": v for k, v in entity.tags.items()} if entity else {}
    return {"resource": resource, "context": tagged}


def reach(call: Call, scope: str) -> str:
    if scope == "CLOUDFRONT" and call.region != "us-east-1":
        raise errors.bad_scope(scope)
    return scope


def find(call: Call, type_: str, req: Any) -> Entity:
    if "ARN" in req:
        return by_arn(call, req["ARN"], type_)
    if not all(name in req for name in ("Name", "Scope", "Id")):
        raise errors.not_one("RESOURCE_ARN", "ARN")
    found = call.get(Entity, arn_of(call, type_, reach(call, req["Scope"]), req["Name"], req["Id"]))
    if found is None:
        raise errors.missing()
    return found


def by_arn(call: Call, arn: str, type_: str = "") -> Entity:
    parts = _ARN.match(arn)
    if not parts or parts[4] not in TYPES or (type_ and parts[4] != type_):
        raise errors.bad_arn(arn)
    found = call.get(Entity, arn)
    if found is None:
        raise errors.missing()
    return found


def locked(call: Call, type_: str, req: Any) -> Entity:
    """One that is to be changed or deleted: only by who has seen it as it is."""
    found = find(call, type_, req)
    if found.token != req["LockToken"]:
        raise errors.stale()
    return found


def make(call: Call, type_: str, req: Any, values: dict[str, Any]) -> dict[str, Any]:
    scope = reach(call, req["Scope"])
    same = [one for one in call.all(Entity) if one.type == type_ and one.reach == scope]
    if any(one.name == req["Name"] for one in same):
        raise errors.duplicate()
    if len(same) >= MOST:
        raise errors.too_much()
    tags = {one["Key"]: one["Value"] for one in req.get("Tags") or ()}
    if call.reserves(tags):
        raise errors.reserved(next(key for key in tags if key.lower().startswith("aws:")))
    if "Description" in req:
        values["Description"] = req["Description"]
    id_ = call.uuid()
    return {"Summary": summary(call.put(Entity(type_, req["Name"], id_, scope, arn_of(call, type_, scope, req["Name"], id_), call.uuid(), values, tags)))}


def change(call: Call, entity: Entity, req: Any, values: dict[str, Any]) -> dict[str, Any]:
    if "Description" in req:
        values["Description"] = req["Description"]
    return {"NextLockToken": call.put(entity.but(values=values, token=call.uuid())).token}


def drop(call: Call, entity: Entity) -> None:
    """Not while something refers to it."""
    if entity.type != "webacl" and any(entity.arn in refers(one) for one in call.all(Entity) if one.type in ("webacl", "rulegroup")):
        raise errors.associated()
    call.delete(entity)


def refers(entity: Entity) -> set[str]:
    """ARNs that its rules name."""
    return {how["ARN"] for rule in entity.values.get("Rules") or () for _, how in statements(rule["Statement"]) if "ARN" in how}


def statements(one: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """A statement and all within it."""
    out = []
    for kind, how in one.items():
        out.append((kind, how))
        for inner in [*how.get("Statements", ()), *(how[name] for name in ("Statement", "ScopeDownStatement") if how.get(name))]:
            out += statements(inner)
    return out


def summary(entity: Entity) -> dict[str, Any]:
    return {"Name": entity.name, "Id": entity.id, "Description": entity.values.get("Description", ""), "LockToken": entity.token, "ARN": entity.arn}


def whole(entity: Entity, **more: Any) -> dict[str, Any]:
    return {"Name": entity.name, "Id": entity.id, "ARN": entity.arn, **entity.values, **more}


def listed(call: Call, type_: str, name: str) -> Callable[[Any], dict[str, Any]]:
    def answer(req: Any) -> dict[str, Any]:
        scope = reach(call, req["Scope"])
        here = sorted((one for one in call.all(Entity) if one.type == type_ and one.reach == scope), key=lambda one: one.name)
        found, more = pages.page(here, req, lambda one: one.name, 100, errors.bad_token, size="Limit", token="NextMarker")
        return {name: [summary(one) for one in found], **more}
    return answer
