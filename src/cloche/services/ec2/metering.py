"""What of EC2 is paid by the time it lasts, told to the ledger (`services/ce`) when it begins, changes and ends."""
from __future__ import annotations

from cloche.kernel import Call
from cloche.services.ce import public as ce

from . import instance_types, life, prices, tags
from .instances import Instance
from .nat_gateways import LIVING, NatGateway
from .volumes import Volume

COMPUTE, OTHER = "Amazon Elastic Compute Cloud - Compute", "EC2 - Other"


def instance(call: Call, one: Instance) -> None:
    """From running to stopping, or to its end; spot at its price of the hour in which it began."""
    if one.state == "running":
        kind = instance_types.get(one.type)
        spot = getattr(one, "lifecycle", "") == "spot"
        ce.keep(call, COMPUTE, f"{'SpotUsage' if spot else 'BoxUsage'}:{one.type}", one.id, rate=prices.spot(kind, one.zone, call.now) if spot else prices.on_demand(kind), kind=one.type)
    elif one.state in ("stopping", "stopped", "shutting-down", "terminated"):
        ce.end(call, one.id, dict(tags.of(call, one.id)))


life.LISTENERS.append(instance)


def volume(call: Call, one: Volume) -> None:
    ce.keep(call, OTHER, "EBS:VolumeUsage" if one.type == "standard" else f"EBS:VolumeUsage.{one.type}", one.id, one.size)


def gateway(call: Call, one: NatGateway) -> None:
    if one.state == "available":
        ce.keep(call, OTHER, "NatGateway-Hours", one.id)
    elif one.state not in LIVING or one.state == "deleting":
        ended(call, one.id)


def ended(call: Call, id_: str) -> None:
    ce.end(call, id_, dict(tags.of(call, id_)))
