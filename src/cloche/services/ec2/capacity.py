"""Is there room? The hardware for one more instance: a host, a rack of a spread group, a partition, a reserved place."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import capacity_reservations, hosts, placement_groups
from .instance_types import InstanceType


def place(call: Call, kind: InstanceType, fields: dict[str, Any]) -> dict[str, Any]:
    """What placing it adds to its record. Raises where there is no room."""
    found: dict[str, Any] = {}
    if fields.get("tenancy") == "host":
        found["host"] = hosts.place(call, kind, fields["zone"], fields.get("host", ""))
    if fields.get("group"):
        found |= placement_groups.place(call, fields["group"], fields["zone"], fields.get("partition", 0), kind.name)
    if reserved := capacity_reservations.for_(call, kind, fields):
        found["capacity_reservation"] = reserved
    return found
