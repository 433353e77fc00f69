"""What EC2 fleets and Spot fleets have in common: pools to launch from, a target, and bringing the one to the other.

A fleet of type maintain is looked at again whenever one of its instances goes; one of type request or instant only when it is made or changed.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import AwsError, Call, Record

from . import errors, instance_requirements, instance_types, launch_templates, life, links, prices, public_images, spot, zones
from .instances import Instance
from .spot import SpotRequest

MOST_TYPES = 40     # of those that fit requirements, the cheapest
ALIVE = ("pending", "running", "stopping", "stopped")


class Pool(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way to launch: RunInstances' members, how much an instance counts, and the most that is paid for it."""
    spec: dict[str, Any]
    weight: float = 1
    price: str = ""
    priority: float = 0
    config: int = 0               # which launch template configuration it came from
    override: dict[str, Any] = {}


class Fleet(Record, frozen=True):
    kind = "ec2.fleet"

    id: str                       # fleet-... or sfr-...
    type: str                     # instant, request, maintain
    made: float
    pools: list[Pool]
    asked: dict[str, Any]         # the request, for answers
    total: float = 0
    on_demand: float = 0
    strategy: str = "lowest-price"
    on_demand_strategy: str = "lowest-price"
    excess: str = "termination"
    state: str = "active"
    price: str = ""
    token: str = ""
    history: list[dict[str, Any]] = []
    tags: dict[str, str] = {}     # of its instances
    ends: float = 0
    terminate_at_end: bool = False

    @property
    def key(self) -> str:
        return self.id


def kind_of(pool: Pool) -> instance_types.InstanceType:
    return instance_types.find(pool.spec.get("InstanceType") or "m1.small")


def pools(call: Call, configs: Any, price: str = "") -> list[Pool]:
    """Of launch template configurations: an override each, over the template's data."""
    out = []
    for number, config in enumerate(configs or ()):
        wanted = config.get("LaunchTemplateSpecification") or {}
        for override in config.get("Overrides") or [{}]:
            spec: dict[str, Any] = {"LaunchTemplate": {k: v for k, v in wanted.items() if k in ("LaunchTemplateId", "LaunchTemplateName", "Version")}}
            for member in ("InstanceType", "SubnetId", "ImageId", "KeyName", "BlockDeviceMappings", "IamInstanceProfile", "MetadataOptions"):
                if override.get(member):
                    spec[member] = override[member]
            place = dict(override.get("Placement") or {})
            if override.get("AvailabilityZone"):
                place["AvailabilityZone"] = override["AvailabilityZone"]
            if override.get("AvailabilityZoneId"):
                place["AvailabilityZone"] = zones.by_id(call.account, call.region, override["AvailabilityZoneId"]) or ""
            if place:
                spec["Placement"] = place
            whole = launch_templates.merged(call, spec)
            for gone in ("LaunchTemplate", "InstanceMarketOptions"):
                whole.pop(gone, None)
            requirements = override.get("InstanceRequirements") or whole.pop("InstanceRequirements", None)
            types = [kind.name for kind in instance_requirements.matching(requirements, (public_images.ARCHITECTURE,))[:MOST_TYPES]] if requirements else [whole.get("InstanceType") or "m1.small"]
            if not types:
                raise errors.invalid("No instance types match the InstanceRequirements.")
            out += [Pool({**whole, "InstanceType": name}, float(override.get("WeightedCapacity") or 1), override.get("MaxPrice") or override.get("SpotPrice") or price,
                         float(override.get("Priority") or 0), number, dict(override)) for name in types]
    return out


def members(call: Call, fleet: Fleet) -> list[Instance]:
    return [one for id_ in links.users(call, fleet.id, "i-") if (one := call.get(Instance, id_)) and one.state in ALIVE]


def weight(fleet: Fleet, one: Instance) -> float:
    return next((pool.weight for pool in fleet.pools if pool.spec.get("InstanceType") == one.type), 1.0)


def fulfilled(call: Call, fleet: Fleet) -> tuple[float, float]:
    """(all, of that on demand)."""
    there = members(call, fleet)
    return sum(weight(fleet, one) for one in there), sum(weight(fleet, one) for one in there if not one.lifecycle)


def _zone(call: Call, pool: Pool) -> str:
    return (pool.spec.get("Placement") or {}).get("AvailabilityZone") or zones.of(call.region)[0]


def _order(call: Call, fleet: Fleet, lifecycle: str) -> list[Pool]:
    strategy = fleet.strategy if lifecycle == "spot" else fleet.on_demand_strategy
    counts: dict[str, int] = {}
    for one in members(call, fleet):
        counts[one.type + one.zone] = counts.get(one.type + one.zone, 0) + 1

    def rank(pool: Pool) -> Any:
        kind = kind_of(pool)
        each = (prices.spot(kind, _zone(call, pool), call.now) if lifecycle == "spot" else prices.on_demand(kind)) / pool.weight
        if strategy == "diversified":
            return (counts.get(kind.name + _zone(call, pool), 0), each)
        if strategy in ("prioritized", "capacity-optimized-prioritized", "capacityOptimizedPrioritized"):
            return (pool.priority, each)
        return (0, each)
    return sorted(fleet.pools, key=rank)


def noted(call: Call, fleet: Fleet, kind: str, sub: str, text: str = "", instance: str = "") -> Fleet:
    event = {"EventType": kind, "Timestamp": call.now, "EventInformation": {"EventSubType": sub, **({"EventDescription": text} if text else {}), **({"InstanceId": instance} if instance else {})}}
    return call.put(fleet.but(history=[*fleet.history[-499:], event]))


def settle(call: Call, fleet: Fleet) -> tuple[Fleet, list[tuple[Pool, Instance]], list[tuple[Pool, AwsError]]]:
    """Launch what is missing, end what is too much. (the fleet, what was launched from which pool, what failed)."""
    made: list[tuple[Pool, Instance]] = []
    failed: list[tuple[Pool, AwsError]] = []
    for lifecycle in ("on-demand", "spot"):
        while True:
            everything, demanded = fulfilled(call, fleet)
            missing = fleet.on_demand - demanded if lifecycle == "on-demand" else fleet.total - everything
            if missing <= 0:
                break
            one = None
            for pool in _order(call, fleet, lifecycle):
                try:
                    one = _launch(call, fleet, pool, lifecycle)
                except AwsError as error:
                    failed.append((pool, error))
                    continue
                made.append((pool, one))
                fleet = noted(call, fleet, "instanceChange", "launched", "", one.id)
                break
            if one is None:
                fleet = noted(call, fleet, "error", "spotFleetRequestConfigurationInvalid" if not failed else failed[-1][1].code, failed[-1][1].message if failed else "")
                break
    if fleet.excess.lower() != "notermination" and fleet.excess != "no-termination":
        for one in sorted(members(call, fleet), key=lambda one: one.launched, reverse=True):
            everything, _ = fulfilled(call, fleet)
            if everything - weight(fleet, one) < fleet.total or (not one.lifecycle and everything <= fleet.total):
                continue
            life.end(call, one)
            fleet = noted(call, fleet, "instanceChange", "terminated", "", one.id)
    return fleet, made, failed


def _launch(call: Call, fleet: Fleet, pool: Pool, lifecycle: str) -> Instance:
    from . import launch, tags
    spec = {**pool.spec, "MinCount": 1, "MaxCount": 1}
    name = "aws:ec2:fleet-id" if fleet.id.startswith("fleet-") else "aws:ec2spot:fleet-request-id"
    if lifecycle == "on-demand":
        one = launch.run(call, launch.plan(call, spec), 1, spawned_by=fleet.id)[0]
    else:
        planned = launch.plan(call, spec)
        request = SpotRequest(call.id("sir-", 8), "one-time", "open", "pending-evaluation", call.now, call.now, planned.subnet.zone, pool.spec, pool.price or fleet.price, fleet=fleet.id,
                              behavior="terminate")
        request = spot.fill(call, spot.put(call, request))
        if request.state != "active":
            call.delete(request)
            raise AwsError("SpotMaxPriceTooLow" if request.status == "price-too-low" else "InvalidFleetConfiguration", request.fault or spot.STATUS[request.status])
        one = call.get(Instance, request.instance)  # type: ignore[assignment]
    tags.put(call, one.id, {**fleet.tags, name: fleet.id})
    return one
