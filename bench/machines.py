"""A hundred instances: how long from RunInstances to the first line of user data, and what Cloche itself needs for each.

    python bench/machines.py [count]          as root, with the network (VPC, rules) of every instance really made
"""
from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cloche.testing import Cloche

AMI = "ami-0c10c8e0000000001"
FIRST = "#!/bin/sh\necho \"first $(cat /proc/uptime)\"\n"


def uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


def main(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as data, Cloche(data) as cloud:
        ec2, bell = cloud.client("ec2"), cloud.bell
        world = lambda: bell.cloud.memory["world"]
        took, answered = [], []
        launch(cloud, ec2, world)  # the world itself, the skeleton, the default VPC
        before = private("self")
        for _ in range(count):
            wait, said = launch(cloud, ec2, world)
            took.append(wait)
            answered.append(said)
        inits = [private(running.pid) for running in world().machines.running.values()]
        return {
            "instances": count, "first_line_ms_median": statistics.median(took) * 1000, "first_line_ms_last_ten": statistics.median(took[-10:]) * 1000, "first_line_ms_worst": max(took) * 1000,
            "run_instances_ms_median": statistics.median(answered) * 1000, "own_mib_per_instance": (statistics.mean(inits) + (private("self") - before) / count) / 1024,
        }


def launch(cloud: Cloche, ec2: object, world: object) -> tuple[float, float]:
    began = uptime()
    id_ = ec2.run_instances(ImageId=AMI, InstanceType="t3.nano", MinCount=1, MaxCount=1, UserData=FIRST)["Instances"][0]["InstanceId"]  # type: ignore[attr-defined]
    answered = uptime() - began
    while b"first " not in (said := world().console(id_) if "world" in cloud.bell.cloud.memory else b""):  # type: ignore[operator]
        time.sleep(0.002)
    return float(said.split(b"first ")[1].split()[0]) - began, answered


def private(pid: int | str) -> int:
    """KiB that are this process's alone."""
    return sum(int(line.split()[1]) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() if line.startswith("Private_"))


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100), indent=2))
