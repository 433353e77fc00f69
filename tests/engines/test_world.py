"""The holder: namespaces that exist in it alone, sockets handed out of them, and that nothing is left when it ends."""
import asyncio
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cloche.engines.world import WorldError

from .worlds import Lab, descendants


def links(lab, name):
    code, out, err = lab(lab.world.run(name, ["ip", "-j", "link"]))
    assert code == 0, err
    return {link["ifname"]: link for link in json.loads(out)}


def pair(lab, a, b):
    """Two namespaces joined by a veth, 10.9.0.1 and 10.9.0.2."""
    for name in (a, b):
        lab(lab.world.namespace(name))
    for name, text in ((a, f"link add eth0 type veth peer name eth0 netns {b}\naddr add 10.9.0.1/24 dev eth0\nlink set eth0 up\n"),
                       (b, "addr add 10.9.0.2/24 dev eth0\nlink set eth0 up\n")):
        code, _, err = lab(lab.world.run(name, ["ip", "-batch", "-"], text.encode()))
        assert code == 0, err


def test_a_namespace_has_a_loopback_and_nothing_else(lab):
    lab(lab.world.namespace("vpc-1"))
    lab(lab.world.namespace("vpc-1"))  # again is no error
    found = links(lab, "vpc-1")
    assert list(found) == ["lo"] and "UP" in found["lo"]["flags"]


def test_a_command_gets_its_input_and_tells_its_outputs_and_code(lab):
    big = os.urandom(3 << 20)
    assert lab(lab.world.run("", ["sh", "-c", "cat; echo no >&2; exit 3"], big)) == (3, big, b"no\n")


def test_a_command_that_does_not_exist_is_an_error(lab):
    with pytest.raises(WorldError, match="No such file"):
        lab(lab.world.run("", ["not-a-command"]))


def test_a_command_in_no_namespace_is_an_error(lab):
    with pytest.raises(WorldError, match="vpc-none"):
        lab(lab.world.run("vpc-none", ["true"]))


def test_a_command_that_takes_too_long_is_killed_with_its_children(lab):
    began = time.monotonic()
    assert lab(lab.world.run("", ["sh", "-c", "sleep 60 & sleep 60"], timeout=0.1))[0] == -signal.SIGKILL
    assert time.monotonic() - began < 2
    for _ in range(100):        # killed they are; the kernel may still be burying them
        left = lab(lab.world.run("", ["sh", "-c", "cat /proc/[0-9]*/comm"]))[1]
        if b"sleep" not in left:
            break
    assert b"sleep" not in left


def test_the_holder_sees_no_process_of_the_host(lab):
    out = lab(lab.world.run("", ["sh", "-c", "ls /proc | grep -c '^[0-9]'"]))[1]
    assert int(out) <= 4  # itself, the shell, ls, grep


def test_sockets_are_made_inside_and_served_outside(lab):
    pair(lab, "a", "b")

    async def talk():
        listener = await lab.world.socket("b", "tcp", "10.9.0.2", 80)
        client = await lab.world.socket("a", "tcp")
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("10.9.0.2", 80))
        accepted, peer = await loop.sock_accept(listener)
        await loop.sock_sendall(client, b"hello")
        heard = await loop.sock_recv(accepted, 100)
        for s in (listener, client, accepted):
            s.close()
        return peer[0], heard

    assert lab(talk()) == ("10.9.0.1", b"hello")


def test_a_socket_that_cannot_be_bound_says_why(lab):
    lab(lab.world.namespace("empty"))
    with pytest.raises(WorldError, match="assign requested address"):
        lab(lab.world.socket("empty", "udp", "10.1.1.1", 53))
    lab(lab.world.socket("empty", "udp", "10.1.1.1", 53, freebind=True)).close()


def test_a_link_can_be_moved(lab):
    for name in ("m1", "m2"):
        lab(lab.world.namespace(name))
    lab(lab.world.run("m1", ["ip", "link", "add", "x0", "type", "veth", "peer", "name", "x1"]))
    lab(lab.world.move("x1", "m1", "m2"))
    assert "x1" in links(lab, "m2") and "x1" not in links(lab, "m1")
    with pytest.raises(WorldError):
        lab(lab.world.move("x1", "m1", "m2"))


def test_a_dropped_namespace_takes_its_links_with_it(lab):
    pair(lab, "d1", "d2")
    lab(lab.world.drop("d2"))
    end = time.monotonic() + 5
    while "eth0" in links(lab, "d1") and time.monotonic() < end:
        time.sleep(0.02)
    assert list(links(lab, "d1")) == ["lo"]


def test_kernel_settings_are_the_namespaces_own(lab):
    for name in ("s1", "s2"):
        lab(lab.world.namespace(name))
    lab(lab.world.sysctl("s1", **{"net/ipv4/ip_forward": 1}))
    read = [lab(lab.world.run(name, ["cat", "/proc/sys/net/ipv4/ip_forward"]))[1] for name in ("s1", "s2")]
    assert read == [b"1\n", b"0\n"]


def test_nft_and_its_log_work_inside(lab):
    lab(lab.world.namespace("n1"))
    code, _, err = lab(lab.world.run("n1", ["nft", "-f", "-"], b"table inet t { chain c { type filter hook input priority 0; tcp dport 1 log group 5 drop\n}\n}\n"))
    assert code == 0, err
    lab(lab.world.socket("n1", "netlink", protocol=12)).close()


def test_many_orders_at_once(lab):
    async def many():
        await asyncio.gather(*(lab.world.namespace(f"many-{i}") for i in range(200)))
        answers = await asyncio.gather(*(lab.world.run(f"many-{i}", ["echo", str(i)]) for i in range(100)))
        await asyncio.gather(*(lab.world.drop(f"many-{i}") for i in range(200)))
        return [out for _, out, _ in answers]

    assert lab(many()) == [b"%d\n" % i for i in range(100)]


PROGRAM = """
import asyncio, sys
from pathlib import Path
from cloche.engines.world import World

async def main():
    world = World(Path("."))
    await world.start()
    await world.namespace("one")
    asyncio.ensure_future(world.run("one", ["sleep", "1000"]))
    await asyncio.sleep(0.1)
    print("up", flush=True)
    await asyncio.sleep(1000)
asyncio.run(main())
"""


def test_nothing_is_left_when_the_server_is_killed():
    server = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE)
    assert server.stdout.readline() == b"up\n"
    all_of_it = descendants(server.pid)
    assert len(all_of_it) == 4  # the server, the holder twice, sleep
    server.kill()
    server.wait()
    end = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{pid}") for pid in all_of_it) and time.monotonic() < end:
        time.sleep(0.01)
    assert not [pid for pid in all_of_it if os.path.exists(f"/proc/{pid}")]


def test_the_end_of_the_holder_is_told_and_a_new_world_can_be_started(tmp_path):
    lab = Lab(tmp_path)
    told = []
    lab.world.on_end.append(lambda: told.append(True))

    async def end():
        waiting = asyncio.ensure_future(lab.world.run("", ["sleep", "100"]))
        await asyncio.sleep(0.05)
        os.kill(lab.world.pid, signal.SIGKILL)
        with pytest.raises(WorldError, match="ended"):
            await waiting
        await lab.world.start()
        await lab.world.namespace("again")

    lab(end())
    assert told == [True] and "again" in lab.world.names
    lab.close()
