"""Global endpoints: two buses of one name in two regions. Events go to the primary one while its health check is well, else to the other; with replication to both."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as events
from .buses import look as bus_named
from .buses import page

if TYPE_CHECKING:
    from cloche.shapes import events as t

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


class Endpoint(Record, frozen=True):
    kind = "events.endpoint"
    scope = "account"

    name: str
    arn: str
    id: str
    home: str  # the region it was made in
    routing: dict[str, Any]
    replication: str
    buses: list[dict[str, str]]
    created: float
    changed: float
    role: str = ""
    description: str = ""

    @property
    def key(self) -> str:
        return f"{self.home}/{self.name}"


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"endpoint/{req['Name']}")


def find(call: Call, name: str, home: str | None = None) -> Endpoint:
    found = call.get(Endpoint, f"{home or call.region}/{name}")
    if found is None:
        raise errors.not_found(f"Endpoint '{name}' does not exist.")
    return found


def checked(call: Call, routing: Any, replication: str, buses: Any, role: str) -> None:
    arns = [one["EventBusArn"] for one in buses]
    regions, names = {arn.split(":")[3] for arn in arns}, {arn.partition(":event-bus/")[2] for arn in arns}
    if len(regions) != 2 or len(names) != 1 or "" in names:
        raise errors.invalid("The event buses of an endpoint must have one name in two regions.")
    if call.region not in regions or routing["FailoverConfig"]["Secondary"]["Route"] not in regions - {call.region}:
        raise errors.invalid("The primary Region must be this one, and the secondary the other bus's.")
    for arn in arns:
        if bus_named(call.at(call.account, arn.split(":")[3]), arn.partition(":event-bus/")[2]) is None:
            raise errors.not_found(f"Event bus {arn} does not exist.")
    if replication == "ENABLED" and not role:
        raise errors.invalid("RoleArn is required where replication is enabled.")
    if role:
        call.pass_role(role, "events.amazonaws.com")


def shown(one: Endpoint) -> dict[str, Any]:
    found = {"Name": one.name, "Arn": one.arn, "RoutingConfig": one.routing, "ReplicationConfig": {"State": one.replication}, "EventBuses": one.buses, "State": "ACTIVE", "EndpointId": one.id,
             "EndpointUrl": f"https://{one.id}.endpoint.events.amazonaws.com", "CreationTime": one.created, "LastModifiedTime": one.changed, "RoleArn": one.role, "Description": one.description}
    return {name: value for name, value in found.items() if value != ""}


BRIEF = ("Name", "Arn", "RoutingConfig", "ReplicationConfig", "EventBuses", "RoleArn")


@events.op(resource=by_name)
def create_endpoint(call: Call, req: t.CreateEndpointRequest) -> t.CreateEndpointResponse:
    if call.get(Endpoint, f"{call.region}/{req['Name']}"):
        raise errors.exists("Endpoint", req["Name"])
    replication, role = (req.get("ReplicationConfig") or {}).get("State", "ENABLED"), req.get("RoleArn") or ""
    checked(call, req["RoutingConfig"], replication, req["EventBuses"], role)
    one = call.put(Endpoint(req["Name"], by_name(call, req), f"{call.pick(LETTERS, 10)}.{call.pick(LETTERS, 3)}", call.region, req["RoutingConfig"], replication, req["EventBuses"],  # type: ignore[arg-type]
                            call.now, call.now, role, req.get("Description") or ""))
    return {**{k: v for k, v in shown(one).items() if k in BRIEF}, "State": "CREATING"}  # type: ignore[typeddict-item]


@events.op(resource=by_name)
def describe_endpoint(call: Call, req: t.DescribeEndpointRequest) -> t.DescribeEndpointResponse:
    return shown(find(call, req["Name"], req.get("HomeRegion")))  # type: ignore[return-value]


@events.op(resource=lambda call, req: call.arn("endpoint/*"))
def list_endpoints(call: Call, req: t.ListEndpointsRequest) -> t.ListEndpointsResponse:
    every = [one for one in sorted(call.all(Endpoint), key=lambda one: one.name) if one.home == (req.get("HomeRegion") or call.region) and one.name.startswith(req.get("NamePrefix") or "")]
    found, token = page(every, {"NextToken": req.get("NextToken"), "Limit": req.get("MaxResults")})
    result: Any = {"Endpoints": [shown(one) for one in found]}
    return result | {"NextToken": token} if token else result  # type: ignore[no-any-return]


@events.op(resource=by_name)
def update_endpoint(call: Call, req: t.UpdateEndpointRequest) -> t.UpdateEndpointResponse:
    old = find(call, req["Name"])
    one = old.but(routing=req.get("RoutingConfig") or old.routing, replication=(req.get("ReplicationConfig") or {}).get("State", old.replication), buses=req.get("EventBuses") or old.buses,
                  role=req.get("RoleArn") or old.role, description=req.get("Description", old.description), changed=call.now)
    checked(call, one.routing, one.replication, one.buses, one.role)
    call.put(one)
    return {**{k: v for k, v in shown(one).items() if k in (*BRIEF, "EndpointId", "EndpointUrl")}, "State": "UPDATING"}  # type: ignore[typeddict-item]


@events.op(resource=by_name)
def delete_endpoint(call: Call, req: t.DeleteEndpointRequest) -> t.DeleteEndpointResponse:
    call.delete(find(call, req["Name"]))
    return {}


# -- routing --------------------------------------------------------------------------------------------------------------


def regions(call: Call, id_: str) -> list[str]:
    """Where events for the endpoint go: the first answers, a second is a copy."""
    from cloche.services.route53 import public as names
    one = next((one for one in call.all(Endpoint) if one.id == id_), None)
    if one is None:
        raise errors.not_found(f"Endpoint '{id_}' does not exist.")
    failover = one.routing["FailoverConfig"]
    well = names.healthy(call, failover["Primary"]["HealthCheck"].rpartition("/")[2])
    first, second = (one.home, failover["Secondary"]["Route"]) if well else (failover["Secondary"]["Route"], one.home)
    return [first, second] if one.replication == "ENABLED" else [first]
