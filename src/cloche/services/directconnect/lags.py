"""Link aggregation groups: connections of one speed at one place that act as one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import connections, errors, tags
from . import service as directconnect
from .connections import REVIEW_SECONDS, Connection

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

MOST, MOST_LINKS, MOST_FAST = 10, 4, 2                 # LAGs, links of one, and links of 100 Gbps and more


class Lag(Record, frozen=True):
    kind = "directconnect.lag"

    id: str
    name: str
    location: str
    bandwidth: str
    made: float
    minimum: int = 0
    provider: str = ""
    macsec: bool = False
    encryption: str = ""

    @property
    def key(self) -> str:
        return self.id

    def state(self, now: float) -> str:
        return "pending" if now >= self.made + REVIEW_SECONDS else "requested"


def arn(call: Call, id_: str) -> str:
    return call.arn(f"dxlag/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req.get("lagId") or "*")


def find(call: Call, id_: str) -> Lag:
    found = call.get(Lag, id_)
    if found is None:
        raise errors.no_lag(id_)
    return found


def links(call: Call, lag: str) -> list[Connection]:
    return [one for one in call.all(Connection) if one.lag == lag and not one.ended]


def shown(call: Call, one: Lag, state: str = "") -> Any:
    every = links(call, one.id)
    out = {"lagId": one.id, "lagName": one.name, "lagState": state or one.state(call.now), "ownerAccount": call.account, "region": call.region, "location": one.location,
           "connectionsBandwidth": one.bandwidth, "numberOfConnections": len(every), "minimumLinks": one.minimum, "connections": [connections.shown(call, x) for x in every],
           "allowsHostedConnections": False, "jumboFrameCapable": True, "hasLogicalRedundancy": "unknown", "macSecCapable": one.macsec, "macSecKeys": [], "tags": tags.shown(call, arn(call, one.id)),
           "encryptionMode": one.encryption or ("should_encrypt" if one.macsec else "no_encrypt")}
    return out | ({"providerName": one.provider} if one.provider else {})


def joins(call: Call, one: Lag, location: str, bandwidth: str) -> None:
    if (one.location, one.bandwidth) != (location, bandwidth):
        raise errors.unsupported(f"All connections of the LAG {one.id} are of {one.bandwidth} at {one.location}.")
    if len(links(call, one.id)) >= (MOST_FAST if one.bandwidth in ("100Gbps", "400Gbps") else MOST_LINKS):
        raise errors.limit(f"connections in the LAG {one.id}")


@directconnect.op(ANY, context=tags.facts)
def create_lag(call: Call, req: t.CreateLagRequest) -> t.Lag:
    """New connections, and perhaps one there is."""
    connections.place(call, req["location"], req["connectionsBandwidth"])
    if len(call.all(Lag)) >= MOST:
        raise errors.limit("LAGs")
    given = connections.find(call, req["connectionId"]) if req.get("connectionId") else None
    macsec = bool(req.get("requestMACSec"))
    made = call.put(Lag(call.id("dxlag-", 8), req["lagName"], req["location"], req["connectionsBandwidth"], call.now, provider=req.get("providerName", ""), macsec=macsec))
    if given:
        joins(call, made, given.location, given.bandwidth)
        call.put(given.but(lag=made.id))
    for number in range(req["numberOfConnections"] - (given is not None)):
        joins(call, made, made.location, made.bandwidth)
        child = connections.enter(call, name=f"{made.name}-{number + 1}", location=made.location, bandwidth=made.bandwidth, lag=made.id, macsec=macsec)
        tags.put(call, connections.arn(call, child.id), req.get("childConnectionTags"))
    tags.put(call, arn(call, made.id), req.get("tags"))
    return shown(call, made)  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def describe_lags(call: Call, req: t.DescribeLagsRequest) -> t.Lags:
    found = [find(call, req["lagId"])] if req.get("lagId") else call.all(Lag)
    return {"lags": [shown(call, one) for one in found]}


@directconnect.op(resource=by_id)
def update_lag(call: Call, req: t.UpdateLagRequest) -> t.Lag:
    one = find(call, req["lagId"])
    minimum = req.get("minimumLinks", one.minimum)
    if minimum > len(links(call, one.id)):
        raise errors.unsupported(f"The LAG {one.id} has fewer connections than {minimum}.")
    return shown(call, call.put(one.but(name=req.get("lagName") or one.name, minimum=minimum, encryption=req.get("encryptionMode") or one.encryption)))  # type: ignore[no-any-return]


@directconnect.op(resource=lambda call, req: [connections.by_id(call, req), by_id(call, req)])
def associate_connection_with_lag(call: Call, req: t.AssociateConnectionWithLagRequest) -> t.Connection:
    one, lag = connections.find(call, req["connectionId"]), find(call, req["lagId"])
    joins(call, lag, one.location, one.bandwidth)
    return connections.shown(call, call.put(one.but(lag=lag.id)))  # type: ignore[no-any-return]


@directconnect.op(resource=lambda call, req: [connections.by_id(call, req), by_id(call, req)])
def disassociate_connection_from_lag(call: Call, req: t.DisassociateConnectionFromLagRequest) -> t.Connection:
    one, lag = connections.find(call, req["connectionId"]), find(call, req["lagId"])
    if one.lag != lag.id:
        raise errors.unsupported(f"The connection {one.id} is not associated with the LAG {lag.id}.")
    if len(links(call, lag.id)) - 1 < lag.minimum:
        raise errors.unsupported(f"The LAG {lag.id} needs {lag.minimum} connections.")
    return connections.shown(call, call.put(one.but(lag="")))  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def delete_lag(call: Call, req: t.DeleteLagRequest) -> t.Lag:
    from . import interfaces
    one = find(call, req["lagId"])
    if links(call, one.id):
        raise errors.in_use(f"LAG {one.id}", "connections")
    if interfaces.on(call, one.id):
        raise errors.in_use(f"LAG {one.id}", "virtual interfaces")
    answer = shown(call, one, "deleting")
    call.delete(one)
    tags.drop(call, arn(call, one.id))
    return answer  # type: ignore[no-any-return]
