"""Volumes: a block device in a machine that can be formatted, mounted, taken away and given to another."""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloche.engines.world import Attachment

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")
NAMES = ("nvme1n1", "sdf")


@pytest.fixture
def volume(lab):
    lab.count += 1
    path = lab.directory / f"vol-{lab.count}"
    path.touch()
    os.truncate(path, 64 << 20)
    return Attachment(f"vol-{lab.count}", path, NAMES)


def loops():
    return subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=False).stdout


def test_a_volume_is_a_block_device_that_can_be_formatted_and_mounted(lab, volume):
    machine = lab.machine()
    lab(lab.world.machines.attach(machine.id, volume))
    assert lab.sh(machine, "test -b /dev/sdf && test -b /dev/nvme1n1 && blockdev --getsize64 /dev/sdf && readlink /dev/sdf").split() == [str(64 << 20), "nvme1n1"]
    lab.sh(machine, "mkfs.ext4 -q /dev/sdf && mkdir /data && mount /dev/sdf /data && echo hello > /data/file && chown ec2-user /data/file")
    assert lab.sh(machine, "grep /data /proc/mounts").startswith("/dev/nvme1n1 /data ext4 rw")
    assert lab.sh(machine, "stat -c '%U %U' /data /data/file | tr '\\n' ' '; df -m /data | tail -1 | cut -d' ' -f1") == "root root ec2-user ec2-user /dev/nvme1n1"
    lab.sh(machine, "umount /data && ! ls /data/file 2>/dev/null && mount -o ro /dev/nvme1n1 /data && ! touch /data/x && umount /data")
    lab.sh(machine, "echo '/dev/sdf /data ext4 defaults,nofail 0 2' > /etc/fstab && mount -a && cat /data/file")


def test_a_volume_moves_to_another_machine_with_what_is_on_it(lab, volume):
    one, other = lab.machine(volumes=(volume,)), lab.machine()
    lab.sh(one, "mkfs.ext4 -q /dev/sdf && mount /dev/sdf /mnt && echo moved > /mnt/file && umount /mnt")
    assert lab(lab.world.machines.detach(one.id, volume.volume)) is False
    lab.sh(one, "! test -e /dev/sdf && ! test -e /dev/nvme1n1")
    lab(lab.world.machines.attach(other.id, volume))
    assert lab.sh(other, "mount /dev/sdf /mnt && cat /mnt/file && umount /mnt") == "moved"


def test_a_volume_that_is_mounted_is_busy_when_it_is_detached(lab, volume):
    machine = lab.machine(volumes=(volume,))
    lab.sh(machine, "mkfs.ext4 -q /dev/sdf && mount /dev/sdf /mnt")
    assert lab(lab.world.machines.detach(machine.id, volume.volume)) is True
    assert str(volume.path) in loops()
    lab.sh(machine, "umount /mnt")
    lab.until(lambda: str(volume.path) not in loops())


def test_a_device_that_was_detached_cannot_be_opened_by_a_name_that_was_kept(lab, volume):
    machine = lab.machine(volumes=(volume,))
    lab.sh(machine, "ln /dev/nvme1n1 /dev/kept")
    lab(lab.world.machines.detach(machine.id, volume.volume))
    lab.sh(machine, "! head -c1 /dev/kept && ! mount /dev/kept /mnt")


def test_a_machine_cannot_mount_what_is_not_its_own(lab, volume):
    machine = lab.machine()
    lab.sh(machine, "! mount -t ext4 /dev/vda /mnt && ! mount -t ext4 /dev/null /mnt && ! mount -t ext4 /nowhere /mnt")


def test_volumes_are_there_again_after_a_reboot_and_a_stop(lab, volume):
    machine = lab.machine(volumes=(volume,))
    lab.sh(machine, "mkfs.ext4 -q /dev/sdf && mount /dev/sdf /mnt && echo kept > /mnt/file")
    lab(lab.world.halt(machine.id))
    lab(lab.world.boot(machine))
    assert lab.sh(machine, "mount /dev/sdf /mnt && cat /mnt/file") == "kept"


def test_a_volume_grows_while_it_is_in_use(lab, volume):
    machine = lab.machine(volumes=(volume,))
    lab.sh(machine, "mkfs.ext4 -q /dev/sdf")
    os.truncate(volume.path, 128 << 20)
    lab(lab.world.machines.grow(volume.volume))
    assert lab.sh(machine, "blockdev --getsize64 /dev/sdf; resize2fs /dev/sdf 2>/dev/null; mount /dev/sdf /mnt; df -m --output=size /mnt | tail -1").split()[0] == str(128 << 20)


PROGRAM = """
import asyncio, os, sys
from pathlib import Path
from cloche.engines.world import Attachment, Machine, World

async def main():
    data = Path(sys.argv[1])
    world = World(data)
    await world.start()
    await world.namespace("i-1")
    (data / "volume").touch()
    os.truncate(data / "volume", 64 << 20)
    await world.boot(Machine(id="i-1", disk=data / "i-1", volumes=(Attachment("vol-1", data / "volume", ("nvme1n1",)),)))
    print(await world.execute("i-1", ["sh", "-c", "mkfs.ext4 -q /dev/nvme1n1 && mount /dev/nvme1n1 /mnt && echo up"]), flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


def test_no_loop_device_and_no_mount_is_left_when_the_server_is_killed(lab, tmp_path):
    server = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE)
    assert b"up" in server.stdout.readline()
    assert str(tmp_path) in loops()
    server.kill()
    server.wait()
    lab.until(lambda: str(tmp_path) not in loops())
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
