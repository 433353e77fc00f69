"""Volume types and their limits (EBS User Guide, "Amazon EBS volume types"). IOPS of gp2 follow the size; gp3 has throughput of its own; io1 and io2 must be told."""
from __future__ import annotations

from typing import Any

from msgspec import Struct

from . import errors
from . import errors_volumes as refusals


class Kind(Struct, frozen=True):
    least: int                        # GiB
    most: int
    iops: tuple[int, int] = (0, 0)    # that may be asked for
    ratio: float = 0                  # IOPS a GiB at most
    throughput: bool = False
    boots: bool = True


TYPES = {
    "standard": Kind(1, 1024),
    "gp2": Kind(1, 16384),
    "gp3": Kind(1, 65536, (3000, 80000), 500, throughput=True),
    "io1": Kind(4, 16384, (100, 64000), 50),
    "io2": Kind(4, 65536, (100, 256000), 1000),
    "st1": Kind(125, 16384, boots=False),
    "sc1": Kind(125, 16384, boots=False),
}
GP3_IOPS, GP3_THROUGHPUT, GP3_MOST = 3000, 125, 2000


def chosen(kind: str, size: int, iops: int | None, throughput: int | None, *, root: bool = False) -> tuple[int, int]:
    """(IOPS, throughput) of a volume of this type and size; 0 where the type has none to tell. Refuses what does not go together."""
    facts = TYPES.get(kind)
    if facts is None:
        raise errors.invalid_value(kind, "volumeType", f"Unknown volume type: {kind}")
    if not facts.least <= size <= facts.most:
        raise refusals.volume_size(size, kind, facts.least, facts.most)
    if root and not facts.boots:
        raise errors.invalid(f"Invalid value '{kind}' for volumeType. A root volume cannot be of type {kind}.")
    if throughput is not None and not facts.throughput:
        raise errors.combination(f"The parameter throughput is not supported for {kind} volumes.")
    if kind in ("io1", "io2"):
        if iops is None:
            raise errors.missing("iops")
    elif iops is not None and kind != "gp3":
        raise errors.combination(f"The parameter iops is not supported for {kind} volumes.")
    if kind == "gp2":
        return min(16000, max(100, 3 * size)), 0
    if kind not in ("gp3", "io1", "io2"):
        return 0, 0
    iops = GP3_IOPS if iops is None else iops
    low, high = facts.iops
    if not low <= iops <= high:
        raise errors.invalid(f"Volume iops of {iops} is not in the supported range. Volumes of type {kind} must have an iops value between {low} and {high}.")
    if iops > max(GP3_IOPS if kind == "gp3" else low, size * facts.ratio):
        raise errors.invalid(f"Iops to volume size ratio of {iops / size:.6f} is too high; maximum is {facts.ratio:.0f}")
    if kind != "gp3":
        return iops, 0
    throughput = GP3_THROUGHPUT if throughput is None else throughput
    if not GP3_THROUGHPUT <= throughput <= GP3_MOST:
        raise errors.invalid(f"Throughput of {throughput} MiBps is not in the supported range of {GP3_THROUGHPUT} to {GP3_MOST} MiBps.")
    if throughput > iops * 0.25:
        raise errors.invalid(f"Throughput (MiBps) to iops ratio of {throughput / iops:.6f} is too high; maximum is 0.250000 MiBps per iops.")
    return iops, throughput


def shown(kind: str, iops: int, throughput: int) -> dict[str, Any]:
    return {**({"Iops": iops} if iops else {}), **({"Throughput": throughput} if throughput else {})}
