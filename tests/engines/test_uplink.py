"""The host's way to public addresses, and that none leads back."""
import asyncio
import ipaddress
import os
import socket
import subprocess

import pytest

from cloche.engines.world import WorldError, uplink

from .worlds import Lab

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a link to the host needs root")
RANGE = "198.18.240.0/20"


def routes():
    return subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout


def test_a_new_cloche_takes_a_range_to_which_there_is_no_route(monkeypatch):
    taken = []
    monkeypatch.setattr(uplink, "routes", lambda: [ipaddress.IPv4Network(t) for t in taken])
    assert uplink.free("198.18.0.0/16") == "198.18.0.0/20"
    taken += ["198.18.0.0/20", "198.18.17.0/24"]
    assert uplink.free("198.18.0.0/16") == "198.18.32.0/20"


def test_the_host_reaches_public_addresses_and_nobody_reaches_the_host(lab):
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen()

        async def talk():
            await lab.world.uplink(RANGE)
            net = ipaddress.ip_network(RANGE)
            code, _, err = await lab.world.run("internet", ["ip", "addr", "add", f"{net[5]}/32", "dev", "lo"])
            assert code == 0, err
            server = await lab.world.socket("internet", "tcp", str(net[5]), 80)
            loop = asyncio.get_running_loop()
            client = socket.socket()
            client.setblocking(False)
            await asyncio.wait_for(loop.sock_connect(client, (str(net[5]), 80)), 2)
            accepted, peer = await asyncio.wait_for(loop.sock_accept(server), 2)
            back = await lab.world.socket("internet", "tcp")
            with pytest.raises((TimeoutError, OSError)):
                await asyncio.wait_for(loop.sock_connect(back, (peer[0], listening.getsockname()[1])), 0.3)
            for s in (server, client, accepted, back):
                s.close()

        lab(talk())
    assert RANGE in routes()


def test_two_worlds_keep_out_of_each_others_way_and_leave_nothing_behind(tmp_path):
    before = routes()
    one, other = Lab(tmp_path / "1"), Lab(tmp_path / "2")
    one(one.world.uplink("198.18.224.0/20"))
    with pytest.raises(WorldError, match="belong to others"):
        other(other.world.uplink("198.18.224.0/20"))
    other(other.world.uplink("198.18.208.0/20"))
    one.close()
    other.close()
    for _ in range(200):
        if routes() == before:
            break
        asyncio.run(asyncio.sleep(0.02))
    assert routes() == before
