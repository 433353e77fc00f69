"""On-demand streams grow by themselves: what comes in is watched second by second, and a stream that is more than half used gets twice the shards.

So it always has room for twice its peak. It does not shrink again while its peak of thirty days is remembered, and here not at all.
"""
from __future__ import annotations

from cloche.kernel import Call

from . import service as kinesis
from .limits import BYTES, RECORDS
from .streams import Stream

MOST_SHARDS = 10_240


def count(call: Call, stream: Stream, size: int) -> None:
    """One record more in this second."""
    seconds: dict[int, list[float]] = call.cloud.memory.setdefault("kinesis.seconds", {})
    now = int(call.now)
    second = seconds.get(stream.number)
    if second is None or second[0] != now:
        second = seconds[stream.number] = [now, 0, 0, 0]
    second[1] += 1
    second[2] += size
    if not second[3]:
        open_ = len(stream.open())
        if second[1] * 2 > RECORDS * open_ or second[2] * 2 > BYTES * open_:
            second[3] = 1
            call.after(0, grow, name=stream.name, stream=stream.name, shards=min(MOST_SHARDS, open_ * 2))


@kinesis.timer
def grow(call: Call, stream: str, shards: int) -> None:
    from .resharding import scale
    found = call.get(Stream, stream)
    if found is not None and found.on_demand and not found.gone(call.now) and len(found.open()) < shards:
        call.put(scale(call, found, shards))
