"""A world and a loop for tests of what lives in it; each file ends with nothing left behind."""
import asyncio
import time
from pathlib import Path

from cloche.engines.world import Machine, World


class Lab:
    """`lab(coroutine)`; `lab.machine(user_data=...)` is a booted machine, `lab.sh(machine, "ls")` what a shell in it says."""

    def __init__(self, directory):
        self.runner = asyncio.Runner()
        self.directory = directory
        self.world = World(directory)
        self.count = 0
        self(self.world.start())

    def __call__(self, coroutine):
        return self.runner.run(coroutine)

    def machine(self, **more):
        self.count += 1
        name = f"i-{self.count:04}"
        self(self.world.namespace(name))
        machine = Machine(id=name, disk=self.directory / "disks" / name, **more)
        self(self.world.boot(machine))
        return machine

    def sh(self, machine, text, stdin=b"", code=0, **more):
        found, out, err = self(self.world.execute(machine.id, ["sh", "-c", text], stdin, **more))
        assert found == code, (found, out, err)
        return out.decode().strip() or err.decode().strip()

    def until(self, true, seconds=20.0):
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, "it did not come to pass"
            self(asyncio.sleep(0.005))

    def log(self, machine):
        """What user data said, when it is done."""
        self.sh(machine, "cloud-init status --wait")
        return self.sh(machine, "cat /var/log/cloud-init-output.log 2>/dev/null; true")

    def close(self):
        self(self.world.close())
        self.runner.close()


def descendants(pid):
    found = [pid]
    for one in found:
        found += [int(p) for p in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    return found
