"""What an hour costs: on demand from AWS's price list (us-east-1, Linux), by size; on the spot market a share of that, moving from hour to hour as markets do.

The spot price is a function of zone, type and hour, so that yesterday's history stays what it was.
"""
from __future__ import annotations

import hashlib

from .instance_types import InstanceType

# dollars an hour and vCPU (2 vCPUs are a `large`)
PER_VCPU = {"t1": 0.02, "t2": 0.0464, "t3": 0.0416, "t3a": 0.0376, "t4g": 0.0336, "m1": 0.044, "m4": 0.05, "m5": 0.048, "m5a": 0.043, "m6i": 0.048, "m6a": 0.0432, "m7i": 0.0504, "m6g": 0.0385, "m7g": 0.0408,
            "c4": 0.05, "c5": 0.0425, "c6i": 0.0425, "c7i": 0.0446, "c6g": 0.034, "c7g": 0.0363, "r4": 0.0665, "r5": 0.063, "r6i": 0.063, "r7i": 0.06615, "r6g": 0.0504, "r7g": 0.0536,
            "m5d": 0.0565, "m5n": 0.0595, "c5a": 0.0385, "c5n": 0.054, "c6a": 0.03825, "r5a": 0.0565, "r6a": 0.0567, "g5": 0.2515,
            "x1": 0.1042, "i3": 0.078, "g4dn": 0.1315, "p3": 0.3825}
BURST = {"nano": 0.125, "micro": 0.25, "small": 0.5, "medium": 1.0, "large": 2.0, "xlarge": 4.0, "2xlarge": 8.0}  # of the price of `medium`, which is 2 vCPUs' price of the family over one
HOUR = 3600.0


def on_demand(kind: InstanceType) -> float:
    each = PER_VCPU[kind.family]
    return round(each * BURST[kind.size], 4) if kind.burst else round(each * kind.vcpus, 4)


def spot(kind: InstanceType, zone: str, moment: float) -> float:
    """Between 28 and 40 % of the price on demand."""
    share = 0.28 + 0.12 * hashlib.sha256(f"{zone}/{kind.name}/{int(moment // HOUR)}".encode()).digest()[0] / 255
    return round(on_demand(kind) * share, 6)
