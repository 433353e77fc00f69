"""Containers: an image's root, a process that is the first of its pid space, and what it cannot reach."""
import asyncio
import os
import shutil
import signal

import pytest

from cloche.engines.world import Container, WorldError, containers
from cloche.engines.world.containers import Person, Volume

BUSYBOX = shutil.which("busybox")
pytestmark = pytest.mark.skipif(BUSYBOX is None, reason="busybox (static) is not installed")


class Docks:
    def __init__(self, lab):
        self.lab, self.count = lab, 0
        self.root = lab.directory / "image"
        for name in ("bin", "etc", "data"):
            (self.root / name).mkdir(parents=True)
            if lab.world.shift:
                os.chown(self.root / name, lab.world.shift, lab.world.shift)
        shutil.copy(BUSYBOX, self.root / "bin/busybox")
        for name in ("sh", "sleep", "cat", "ls", "id", "ps", "touch", "kill", "echo", "hostname", "env", "pwd", "true"):
            (self.root / "bin" / name).symlink_to("busybox")
        (self.root / "etc/hosts").symlink_to("/tmp/cloche-must-not-be-written")
        lab(lab.world.namespace("c-net"))

    def run(self, *argv, person=Person(), init=False, **more):
        self.count += 1
        name = f"c-{self.count}"
        world, heard = self.lab.world, bytearray()
        more.setdefault("environment", {"PATH": "/bin"})
        self.lab(world.boot(Container(id=name, root=self.root, disk=self.lab.directory / "cdisks" / name, network="c-net", **more)))
        main = self.lab(containers.start(world, name, list(argv), lambda error, text: heard.extend(text), person, init))
        return name, main, heard

    def whole(self, *argv, **more):
        """(code, what it said) of a container that ends by itself."""
        name, main, heard = self.run(*argv, **more)
        code = self.lab(asyncio.wait_for(asyncio.shield(main.process.ended), 20))
        self.lab(self.lab.world.halt(name, "kill"))
        return code, heard.decode().strip()


@pytest.fixture(scope="module")
def docks(lab):
    return Docks(lab)


def test_its_process_is_the_first_and_sees_the_image_alone(docks):
    code, said = docks.whole("sh", "-c", "echo $$; ls /; hostname; cat /etc/hosts; ps | wc -l 2>/dev/null; exit 7", hostname="box", files={"/etc/hosts": "127.0.0.1 localhost\n"})
    assert code == 7
    assert said.split("\n")[:9] == ["1", "bin", "data", "dev", "etc", "proc", "sys", "box", "127.0.0.1 localhost"]


def test_its_environment_is_what_it_is_given_and_nothing_more(docks):
    said = docks.whole("env", environment={"PATH": "/bin", "A": "1"})[1]
    assert sorted(said.split("\n")) == ["A=1", "HOME=/root", "PATH=/bin"]


def test_it_runs_as_who_the_image_says_in_the_directory_it_says(docks):
    assert docks.whole("sh", "-c", "id -u; id -g; pwd", person=Person(33, 34, "/srv", "/made/for/it"))[1] == "33\n34\n/made/for/it"


def test_what_it_writes_is_its_own(docks):
    assert docks.whole("sh", "-c", "touch /data/mine; ls /data")[1] == "mine"
    assert docks.whole("ls", "/data")[1] == "" and list((docks.root / "data").iterdir()) == []
    assert docks.whole("touch", "/data/x", read_only=True)[0] == 1


def test_volumes_are_shared_and_may_be_read_only(docks):
    place = containers.volume(docks.lab.world, docks.lab.directory / "volumes/v")
    assert docks.whole("sh", "-c", "echo hi > /v/f", mounts=(Volume(str(place), "/v"),))[0] == 0
    code, said = docks.whole("sh", "-c", "cat /w/f; touch /w/g", mounts=(Volume(str(place), "/w", True),))
    assert code == 1 and said.startswith("hi")


def test_a_process_that_is_not_there_cannot_be_started(docks):
    with pytest.raises(WorldError) as error:
        docks.run("nothing-like-it")
    assert error.value.errno == 2


@pytest.mark.parametrize(("argv", "init", "code"), [
    (("sleep", "60"), False, None),                                    # the first process is not ended by a signal that it does not handle
    (("sh", "-c", "trap 'exit 3' TERM; while true; do sleep 0.05; done"), False, 3),
    (("sleep", "60"), True, -signal.SIGTERM)])
def test_a_signal_is_heard_as_a_first_process_hears_it(docks, argv, init, code):
    name, main, _ = docks.run(*argv, init=init)
    if code == 3:                                                      # the trap has been set
        docks.lab(asyncio.sleep(0.2))
    main.signal(signal.SIGTERM)
    if code is None:
        assert docks.lab(docks.lab.world.execute(name, ["true"]))[0] == 0
        main.signal(signal.SIGKILL)
        code = -signal.SIGKILL
    assert docks.lab(asyncio.wait_for(asyncio.shield(main.process.ended), 20)) == code
    docks.lab(docks.lab.world.halt(name, "kill"))


def test_a_command_beside_it_sees_its_processes(docks):
    name, main, _ = docks.run("sleep", "61")
    code, out, _ = docks.lab(containers.execute(docks.lab.world, name, ["sh", "-c", "ps; exit 5"], Person(), 10))
    assert code == 5 and b"sleep 61" in out
    docks.lab(docks.lab.world.halt(name, "kill"))
    assert docks.lab(asyncio.wait_for(asyncio.shield(main.process.ended), 20)) == -9
