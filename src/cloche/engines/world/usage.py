"""What a machine has used: seconds of processor, and bytes and packets through its interface, as the kernel counts them."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .world import World


class Usage(NamedTuple):
    cpu_seconds: float | None  # None where the kernel does not count (no groups)
    received: int = 0
    sent: int = 0
    packets_in: int = 0
    packets_out: int = 0


def of(world: World, machine: str) -> Usage | None:
    """Since it was booted; None if it does not run."""
    running = world.machines.running.get(machine)
    if running is None or not running.up:
        return None
    return Usage(world.cgroups.spent("m-" + machine), *_traffic(running.pid))


def _traffic(pid: int) -> tuple[int, int, int, int]:
    """Of all interfaces in the machine's namespace but the loopback."""
    try:
        lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    except OSError:
        return 0, 0, 0, 0
    total = [0, 0, 0, 0]
    for line in lines:
        name, _, rest = line.partition(":")
        if name.strip() != "lo":
            words = rest.split()
            for i, at in enumerate((0, 8, 1, 9)):
                total[i] += int(words[at])
    return total[0], total[1], total[2], total[3]
