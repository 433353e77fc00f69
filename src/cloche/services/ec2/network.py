"""The one door between the records and the network that carries packets: whatever changes what a packet may meet says so here."""
from __future__ import annotations

from cloche.kernel import Call

CHANGED = "ec2.network"


def changed(call: Call) -> None:
    """Something that the data plane depends on is different now."""
    call.signal(CHANGED)
