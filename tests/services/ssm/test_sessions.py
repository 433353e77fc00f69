"""Session Manager: shells and commands in instances, over the data channel that the session-manager-plugin speaks."""
import json
import os
import uuid

import pytest

from cloche.engines.world import lacking
from cloche.services.ssm import agent_messages as wire
from cloche.testing.people import Person, allow, refused
from cloche.wire import websocket

from .machines import launch, until
from .plugin import Plugin

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture(scope="module")
def place(cloche_server):
    account = cloche_server.other()
    account.instance = launch(account)
    yield account
    account.client("ec2").terminate_instances(InstanceIds=[account.instance])


def test_a_shell_is_talked_with_on_a_terminal(place):
    ssm = place.client("ssm")
    started = ssm.start_session(Target=place.instance, Reason="look around")
    active = ssm.describe_sessions(State="Active", Filters=[{"key": "Target", "value": place.instance}])["Sessions"]
    assert [(one["SessionId"], one["Status"], one["Reason"], one["DocumentName"]) for one in active] == [(started["SessionId"], "Connected", "look around", "SSM-SessionManagerRunShell")]
    plugin = Plugin(started)
    plugin.until(lambda: getattr(plugin, "complete", False))
    assert plugin.asked["RequestedClientActions"][0]["ActionParameters"]["SessionType"] == "Standard_Stream"
    plugin.send(json.dumps({"cols": 123, "rows": 45}).encode(), wire.SIZE)
    plugin.send(b"echo $((40+2)) $(id -un) $(stty size) $(tty)\n")
    plugin.until(lambda: b"42 ssm-user 45 123 /dev/pts/" in plugin.said or os.geteuid() != 0)
    assert plugin.acknowledged == list(range(plugin.sequence))
    plugin.send(b"exit\n")
    plugin.until(lambda: plugin.closed)
    assert plugin.closed["SessionId"] == started["SessionId"]
    assert started["SessionId"] in [one["SessionId"] for one in ssm.describe_sessions(State="History")["Sessions"]]
    assert not ssm.describe_sessions(State="Active")["Sessions"]


def test_a_session_is_terminated_from_outside_and_by_the_client(place):
    ssm = place.client("ssm")
    for by_client in (False, True):
        started = ssm.start_session(Target=place.instance)
        plugin = Plugin(started)
        plugin.until(lambda p=plugin: getattr(p, "complete", False))
        if by_client:
            plugin.send((2).to_bytes(4, "big"), wire.FLAG)
        else:
            assert ssm.terminate_session(SessionId=started["SessionId"])["SessionId"] == started["SessionId"]
        plugin.until(lambda p=plugin: p.closed)
        assert ssm.describe_sessions(State="History", Filters=[{"key": "SessionId", "value": started["SessionId"]}])["Sessions"][0]["Status"] == "Terminated"


def test_commands_with_and_without_a_terminal(place):
    ssm = place.client("ssm")
    plugin = Plugin(ssm.start_session(Target=place.instance, DocumentName="AWS-StartInteractiveCommand", Parameters={"command": ["tty; echo over"]}))
    plugin.until(lambda: plugin.closed)
    assert b"/dev/pts/" in plugin.said and b"over" in plugin.said
    plain = Plugin(ssm.start_session(Target=place.instance, DocumentName="AWS-StartNonInteractiveCommand", Parameters={"command": ["tty; echo no >&2"]}))
    plain.until(lambda: plain.closed)
    assert plain.said == b"not a tty\n" and plain.errors == b"no\n"


def test_a_port_of_the_instance_is_reached_whatever_its_groups_say(place):
    ssm = place.client("ssm")
    server = "import socket; s = socket.create_server((\"127.0.0.1\", 2222)); c, _ = s.accept(); c.sendall(b\"hello \" + c.recv(100)); c.close()"
    ssm.send_command(InstanceIds=[place.instance], DocumentName="AWS-RunShellScript", Parameters={"commands": [f"python3 -c '{server}'"]})
    listening = ssm.send_command(InstanceIds=[place.instance], DocumentName="AWS-RunShellScript", Parameters={"commands": ["until ss -ltn | grep -q :2222; do sleep 0.05; done"]})["Command"]["CommandId"]
    until(lambda: ssm.get_command_invocation(CommandId=listening, InstanceId=place.instance)["Status"] == "Success")
    plugin = Plugin(ssm.start_session(Target=place.instance, DocumentName="AWS-StartSSHSession", Parameters={"portNumber": ["2222"]}))
    plugin.until(lambda: getattr(plugin, "complete", False))
    plugin.send(b"you")
    plugin.until(lambda: plugin.closed)
    assert plugin.said == b"hello you"


def test_the_token_opens_the_channel_and_a_resumed_session_has_another(place):
    ssm = place.client("ssm")
    started = ssm.start_session(Target=place.instance)
    wrong = Plugin(started, token="wrong")
    assert wrong.receive()[0] == websocket.CLOSE
    again = ssm.resume_session(SessionId=started["SessionId"])
    assert again["TokenValue"] != started["TokenValue"]
    plugin = Plugin(again)
    plugin.until(lambda: getattr(plugin, "complete", False))
    ssm.terminate_session(SessionId=started["SessionId"])
    plugin.until(lambda: plugin.closed)
    refused("DoesNotExistException", ssm.resume_session, SessionId=started["SessionId"])


def test_a_session_of_which_nothing_is_heard_ends(place):
    ssm = place.client("ssm")
    started = ssm.start_session(Target=place.instance)
    place.advance(minutes=21)
    assert started["SessionId"] in [one["SessionId"] for one in ssm.describe_sessions(State="History")["Sessions"]]


def test_what_is_not_connected_is_refused(place):
    ssm = place.client("ssm")
    refused("TargetNotConnected", ssm.start_session, Target="i-00000000000000000")
    refused("InvalidDocument", ssm.start_session, Target=place.instance, DocumentName="AWS-RunShellScript")
    assert ssm.get_connection_status(Target=place.instance)["Status"] == "connected" and ssm.get_connection_status(Target="i-00000000000000000")["Status"] == "notconnected"
    one = Person(place, "one", allow("ssm:StartSession", f"arn:aws:ec2:us-east-1:{place.account}:instance/i-1")).client("ssm")
    refused("AccessDeniedException", one.start_session, Target=place.instance)


def test_messages_are_packed_as_the_plugin_unpacks_them():
    one = wire.Message(wire.INPUT_STREAM, b"hello", wire.OUTPUT, 7, 1, str(uuid.UUID(int=0x0102030405060708090A0B0C0D0E0F10)), 1700000000000)
    raw = wire.pack(one)
    assert raw[:4] == (116).to_bytes(4, "big") and raw[4:36] == b"input_stream_data" + b" " * 15 and raw[116:120] == (5).to_bytes(4, "big") and raw[120:] == b"hello"
    assert raw[64:72] == bytes(range(9, 17)) and raw[72:80] == bytes(range(1, 9))  # the halves of the id are exchanged
    assert wire.unpack(raw) == one
    for bad in (b"", raw[:100], raw[:-1], raw[:-1] + b"x"):
        with pytest.raises(ValueError):
            wire.unpack(bad)


def test_frames_come_in_pieces_and_fragments():
    reader = websocket.Reader()
    masked = bytes((0x01, 0x83)) + b"abcd" + bytes(a ^ b for a, b in zip(b"hel", b"abc", strict=True)) + bytes((0x89, 0x80)) + b"wxyz" + bytes((0x80, 0x82)) + b"abcd" + bytes(a ^ b for a, b in zip(b"lo", b"ab", strict=True))
    assert [one for i in range(len(masked)) for one in reader.feed(masked[i:i + 1])] == [(websocket.PING, b""), (websocket.TEXT, b"hello")]
    with pytest.raises(websocket.Broken):
        list(websocket.Reader().feed(b"\x81\x01a"))
    assert websocket.frame(2, b"x" * 70000)[:10] == b"\x82\x7f" + (70000).to_bytes(8, "big") and websocket.frame(1, b"y" * 200)[:4] == b"\x81\x7e\x00\xc8"
