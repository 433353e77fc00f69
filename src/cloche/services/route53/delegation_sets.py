"""Reusable delegation sets: four name servers that several zones may share."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, names, pages, zones
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST, MOST_ZONES = 100, 100


class DelegationSet(Record, frozen=True):
    kind = "route53.delegation_set"
    scope = "account"

    id: str
    reference: str
    servers: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.id


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"delegationset/{names.bare(req.get('Id') or req.get('DelegationSetId') or '*')}", region="", account="")


def find(call: Call, id_: str) -> DelegationSet:
    found = call.get(DelegationSet, names.bare(id_))
    if found is None:
        raise errors.no_such_delegation_set(names.bare(id_))
    return found


def view(held: DelegationSet) -> dict[str, Any]:
    return {"Id": f"/delegationset/{held.id}", "CallerReference": held.reference, "NameServers": list(held.servers)}


def users(call: Call, held: DelegationSet) -> int:
    return sum(one.delegation_set == held.id for one in call.all(zones.HostedZone))


@route53.op(ANY)
def create_reusable_delegation_set(call: Call, req: t.CreateReusableDelegationSetRequest) -> t.CreateReusableDelegationSetResponse:
    if any(one.reference == req["CallerReference"] for one in call.all(DelegationSet)):
        raise errors.delegation_set_exists()
    if len(call.all(DelegationSet)) >= MOST:
        raise errors.limits_exceeded("You have reached the limit of reusable delegation sets for this account.")
    id_, given = "N" + call.pick(zones.LETTERS, 20), None
    if "HostedZoneId" in req:
        given = zones.find(call, req["HostedZoneId"])
        if given.private:
            raise errors.invalid_argument("A private hosted zone has no delegation set that can be reused.")
        if given.delegation_set:
            raise errors.already_reusable()
        call.put(given.but(delegation_set=id_))
    made = call.put(DelegationSet(id_, req["CallerReference"], given.servers if given else zones.servers(call)))
    return {"DelegationSet": view(made), "Location": f"https://route53.amazonaws.com/2013-04-01/delegationset/{id_}"}  # type: ignore[typeddict-item]


@route53.op(resource=by_id)
def get_reusable_delegation_set(call: Call, req: t.GetReusableDelegationSetRequest) -> t.GetReusableDelegationSetResponse:
    return {"DelegationSet": view(find(call, req["Id"]))}  # type: ignore[typeddict-item]


@route53.op(ANY)
def list_reusable_delegation_sets(call: Call, req: t.ListReusableDelegationSetsRequest) -> t.ListReusableDelegationSetsResponse:
    size, marker = pages.size(req, 100), names.bare(req.get("Marker", ""))
    found = sorted((one for one in call.all(DelegationSet) if one.id >= marker), key=lambda one: one.id)
    out = {"DelegationSets": [view(one) for one in found[:size]], "Marker": req.get("Marker", ""), "IsTruncated": len(found) > size, "MaxItems": str(size)}
    return out | ({"NextMarker": found[size].id} if len(found) > size else {})  # type: ignore[return-value]


@route53.op(resource=by_id)
def get_reusable_delegation_set_limit(call: Call, req: t.GetReusableDelegationSetLimitRequest) -> t.GetReusableDelegationSetLimitResponse:
    return {"Limit": {"Type": req["Type"], "Value": MOST_ZONES}, "Count": users(call, find(call, req["DelegationSetId"]))}


@route53.op(resource=by_id)
def delete_reusable_delegation_set(call: Call, req: t.DeleteReusableDelegationSetRequest) -> None:
    held = find(call, req["Id"])
    if users(call, held):
        raise errors.delegation_set_in_use()
    call.delete(held)
