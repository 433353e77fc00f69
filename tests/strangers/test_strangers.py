"""Every operation of every service, tried by strangers: without credentials, with a wrong signature, with an expired session, with a key that may nothing, and with one that may
exactly what the operation declares, on everything.

Which operations nobody is asked about says their declaration (`open`, `unsigned`). Those that cannot be brought to the question of permission by a request made up from the model
stand in `not_covered.txt`, each with what it answers instead. `python -m tests.strangers.test_strangers` (PYTHONPATH=src) writes the list anew; read what it adds before you commit it.
"""
from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from cloche import _index
from cloche.kernel import Cloud
from cloche.wire import model

from .world import Keys, World, knock

LIST = Path(__file__).parent / "not_covered.txt"
DENIED = re.compile(r"^(?:You are not authorized to perform this operation\. )?User: (\S+) is not authorized to perform: (\S+) on resource: (.+?)(?: because no | with an explicit |$)", re.S)
SERVICES = sorted(_index.PACKAGES)
LATE = ("Delete", "Remove", "Leave", "Close", "Schedule", "Cancel", "Disable", "Deregister", "Purge", "Terminate", "Release")   # they take away what others need


class Tried(msgspec.Struct):
    """What came of an operation's trials: (status, code, message) each."""

    nobody: tuple[int, str, str]
    forged: tuple[int, str, str]
    late: tuple[int, str, str]
    stranger: tuple[int, str, str]
    changed: bool
    granted: tuple[int, str, str] = (0, "", "")
    actions: list[str] = []


async def everything() -> dict[tuple[str, str], Tried]:
    with tempfile.TemporaryDirectory() as data:
        cloud = Cloud(data, schedule=asyncio.get_running_loop().call_soon)
        cloud.start()
        world = World(cloud)
        await world.furnish()
        stranger, late = await world.people()
        await cloud.clock.advance(1000)
        forged = Keys(stranger.credentials.access_key, "x" * 40)
        tried: dict[tuple[str, str], Tried] = {}
        for service in SERVICES:
            await knock(cloud, "sts", "GetCallerIdentity", {}, stranger)      # so that the key's last use is not news
            for operation in sorted(cloud.service(service).entries):
                asked = world.asked(service, operation)
                answers = [await knock(cloud, service, operation, asked, keys) for keys in (None, forged, late)]
                for _ in range(4):                      # the first time, a key's use may be news that IAM writes down; and a worker may be at work beside
                    before = written(cloud)
                    answer = await knock(cloud, service, operation, asked, stranger)
                    changed = written(cloud) != before
                    if not changed:
                        break
                tried[service, operation] = Tried(*answers, answer, changed=changed)
        for name in sorted(tried, key=lambda name: (name[0], name[1].startswith(LATE), name)):
            await with_exactly_the_action(world, stranger, name, tried[name])
        await cloud.stop()
        return tried


def written(cloud: Cloud) -> tuple[int, int]:
    """Grows with every change of a record and of a row."""
    return cloud.store.version, cloud.store.db.total_changes


async def with_exactly_the_action(world: World, stranger: Keys, name: tuple[str, str], found: Tried) -> None:
    answer = found.stranger
    while (denied := DENIED.match(answer[2])) and denied[2] not in found.actions and len(found.actions) < 8:
        found.actions.append(denied[2])
        await world.grant(found.actions)
        answer = await knock(world.cloud, *name, world.asked(*name), stranger)
    found.granted = answer
    if found.actions:
        await world.grant([])


def entry(name: tuple[str, str]):
    import importlib
    return importlib.import_module(f"cloche.services.{_index.PACKAGES[name[0]]}").service.load().entries[name[1]]


def family(service: str) -> str:
    """The vocabulary of a service's refusals (spec chapter 20, "Authentication codes")."""
    meta = model.load(service).meta
    return service if service in ("s3", "ec2") else "query" if meta.get("protocols", [meta["protocol"]])[0] in ("query", "rest-xml") or service == "sqs" else "json"


MISSING = {"query": {"MissingAuthenticationToken"}, "json": {"MissingAuthenticationTokenException"}, "s3": {"AccessDenied"}, "ec2": {"MissingAuthenticationToken", "AuthFailure"}}
FORGED = {"query": {"SignatureDoesNotMatch"}, "json": {"InvalidSignatureException"}, "s3": {"SignatureDoesNotMatch"}, "ec2": {"AuthFailure"}}
LATE_CODES = {"query": {"ExpiredToken"}, "json": {"ExpiredTokenException"}, "s3": {"ExpiredToken"}, "ec2": {"RequestExpired"}}
# CloudWatch speaks CBOR with JSON's codes (the query protocol's stands in a header).
REFUSED = {"query": {"AccessDenied"}, "json": {"AccessDeniedException"}, "s3": {"AccessDenied"}, "ec2": {"UnauthorizedOperation"}}
OF_ITS_OWN = {"sns": {"AuthorizationError"}}


@pytest.fixture(scope="module")
def tried():
    return asyncio.run(everything())


def of(tried, service):
    """The service's operations that somebody is asked about."""
    found = {operation: one for (name, operation), one in tried.items() if name == service and not entry((name, operation)).open}
    if not found:
        pytest.skip(f"{service} asks nobody")
    return found


def listed():
    return {tuple(line.partition(":")[0].split()) for line in LIST.read_text().splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize("service", SERVICES)
def test_without_credentials_nobody_gets_in(tried, service):
    wrong = {op: one.nobody for op, one in of(tried, service).items() if one.nobody[1] not in MISSING[family(service)] and (service, op) not in listed()}
    assert not wrong


def test_what_needs_no_permission_still_needs_a_signature(tried):
    asked_nobody = {name: one for name, one in tried.items() if entry(name).open and not entry(name).unsigned}
    assert {name for name in asked_nobody if name[0] == "sts"} == {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
    assert not {name: one.nobody for name, one in asked_nobody.items() if one.nobody[1] not in MISSING[family(name[0])]}
    assert not {name: one.forged for name, one in asked_nobody.items() if one.forged[1] not in FORGED[family(name[0])]}


@pytest.mark.parametrize("service", SERVICES)
def test_a_wrong_signature_is_refused_in_the_services_own_words(tried, service):
    wrong = {op: one.forged for op, one in of(tried, service).items() if one.forged[1] not in FORGED[family(service)]}
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
def test_an_expired_session_is_refused_in_the_services_own_words(tried, service):
    wrong = {op: one.late for op, one in of(tried, service).items() if one.late[1] not in LATE_CODES[family(service)]}
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_without_permission_is_denied_and_changes_nothing(tried, service):
    codes = OF_ITS_OWN.get(service, REFUSED[family(service)])
    wrong = {op: one.stranger for op, one in of(tried, service).items() if (service, op) not in listed() and (one.stranger[1] not in codes or not DENIED.match(one.stranger[2]))}
    assert not wrong, "denied otherwise, or not at all; if permission cannot be asked first, write the list anew (see above) and explain"
    assert not [op for op, one in of(tried, service).items() if one.changed]
    assert not [op for op, one in of(tried, service).items() if one.stranger[0] < 300 and (service, op) not in listed()], "let in without permission"


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_may_exactly_what_the_operation_declares_is_not_denied(tried, service):
    wrong = {op: (one.actions, one.granted) for op, one in of(tried, service).items() if DENIED.match(one.granted[2])}
    assert not wrong
    for op, one in of(tried, service).items():
        declared = entry((service, op))
        if isinstance(declared.action, str) and declared.needs is None and one.actions:
            assert one.actions[0] == declared.action


def test_the_list_of_what_is_not_covered_says_nothing_that_is_not_so(tried):
    assert listed() == uncovered(tried).keys()


def test_no_request_was_a_fault_of_cloches(tried):
    assert not {name: answer for name, one in tried.items() for answer in (one.nobody, one.forged, one.late, one.stranger, one.granted) if answer[0] == 500}


def uncovered(tried):
    return {name: one.stranger for name, one in tried.items() if not entry(name).open and not DENIED.match(one.stranger[2])}


def write():
    """The list, with the reasons of lines that stay."""
    reasons = dict(line.split(": ", 1) for line in LIST.read_text().splitlines() if ": " in line and not line.startswith("#")) if LIST.exists() else {}
    lines = ["# Operations that a made-up request does not bring to the question of permission, and what they answer a stranger instead (test_strangers.py)."]
    for (service, operation), (status, code, message) in sorted(uncovered(asyncio.run(everything())).items()):
        name = f"{service} {operation}"
        lines.append(f"{name}: {reasons.get(name, f'UNEXPLAINED {status} {code}: {message[:100]}')}")
    LIST.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(write())
