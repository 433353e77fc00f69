"""Control groups: a hard ceiling on memory and processes of each environment, where this process may make groups.

Version 1 (a group in each hierarchy) and version 2 (one group) alike. Without them the memory watch and process limits still hold.
"""
from __future__ import annotations

import itertools
import os
from pathlib import Path

PROCESSES = 1024
_count = itertools.count(1)  # a process may hold several clouds


class Cgroups:
    def __init__(self) -> None:
        self.bases: dict[str, Path] = {}  # controller -> our directory in it
        self.unified = False
        self.sweep()
        name = f"cloche-{os.getpid()}-{next(_count)}"
        for controller, place in places().items():
            base = place / name
            try:
                base.mkdir()
                (base / "probe").mkdir()
                (base / "probe").rmdir()
            except OSError:
                continue
            self.bases[controller] = base
            if controller == "unified":
                self.unified = True
                try:
                    (base / "cgroup.subtree_control").write_text("+memory +pids")
                except OSError:
                    base.rmdir()
                    del self.bases[controller]

    def sweep(self) -> None:
        """Remove what servers left that are no more."""
        for place in places().values():
            for old in place.glob("cloche-*"):
                if not Path("/proc", old.name.split("-")[1]).exists():
                    remove(old)

    def enter(self, name: str, pid: int, memory_mb: int, cpus: float = 0) -> None:
        limit = str(memory_mb << 20)
        for controller, base in self.bases.items():
            group = base / name
            try:
                group.mkdir()
            except FileNotFoundError:  # the warden went, and took our directory with it
                base.mkdir(exist_ok=True)
                if self.unified:
                    write(base / "cgroup.subtree_control", "+memory +pids")
                group.mkdir()
            if controller in ("memory", "unified"):
                write(group / ("memory.max" if self.unified else "memory.limit_in_bytes"), limit)
                if self.unified:
                    write(group / "memory.swap.max", "0")
            if controller in ("pids", "unified"):
                write(group / "pids.max", str(PROCESSES))
            if cpus and self.unified and (group / "cpu.max").exists():
                write(group / "cpu.max", f"{int(cpus * 100000)} 100000")
            write(group / "cgroup.procs", str(pid))

    def leave(self, name: str) -> bool:
        """Whether all of it is gone; False while a process is still dying in it."""
        return all([remove(base / name) for base in self.bases.values()])

    def used(self, name: str) -> int | None:
        """Bytes of memory in use, without files: /tmp and the page cache are not the function's memory. None without a group."""
        base, file, field = self.bases.get("memory"), "memory.stat", "total_rss"
        if base is None:
            base, field = self.bases.get("unified"), "anon"
        if base is None:
            return None
        try:
            words = (base / name / file).read_text().split()
        except OSError:
            return 0
        return int(words[words.index(field) + 1])

    def spent(self, name: str) -> float | None:
        """Seconds of processor that the group has had; None where nobody counts."""
        try:
            if base := self.bases.get("cpuacct"):
                return int((base / name / "cpuacct.usage").read_text()) / 1e9
            if base := self.bases.get("unified"):
                words = (base / name / "cpu.stat").read_text().split()
                return int(words[words.index("usage_usec") + 1]) / 1e6
        except (OSError, ValueError):
            return None
        return None

    def killed(self, name: str) -> bool:
        """Whether the kernel killed something in the group for want of memory."""
        for base in self.bases.values():
            for file in ("memory.oom_control", "memory.events"):
                try:
                    words = (base / name / file).read_text().split()
                except OSError:
                    continue
                return int(words[words.index("oom_kill") + 1]) > 0 if "oom_kill" in words else False
        return False

    def close(self) -> None:
        for base in self.bases.values():
            remove(base)


def places() -> dict[str, Path]:
    """controller -> the group below which ours may lie."""
    found = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if controller in ("memory", "pids", "cpuacct"):
                found[controller] = Path(f"/sys/fs/cgroup/{controller}{path.rstrip('/')}")
        if number == "0" and os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
            # a group with processes may not have groups with limits below it: root goes to the top, others to what was delegated to them
            top = "" if os.geteuid() == 0 else os.path.dirname(path.rstrip("/"))
            return {"unified": Path(f"/sys/fs/cgroup{top}")}
    return {name: place for name, place in found.items() if place.exists()}


def remove(group: Path) -> bool:
    try:
        for below in group.iterdir():
            if below.is_dir():
                below.rmdir()
        group.rmdir()
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True


def write(path: Path, text: str) -> None:
    with open(path, "w") as f:
        f.write(text)
