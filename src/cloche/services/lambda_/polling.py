"""Who fetches for the mappings. A poller is a worker that is woken by what arrives in its source (or by a timer, when something becomes visible or is to be
tried again), works until there is nothing more, and returns: so `advance` waits for it and nothing spins.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import queue_poller, stream_poller
from . import service as lambda_
from .mappings import QUEUE, Mapping

LOOK_AGAIN_SECONDS = 60.0


def topic(mapping: Mapping) -> tuple[str, str]:
    if mapping.source_kind == QUEUE:
        from cloche.services.sqs import public as sqs
        return sqs.topic(mapping.source)
    return stream_poller.topic(mapping.source)


def attend(call: Call, mapping: Mapping) -> None:
    """Listen to the source from now on, and look at once."""
    watched: dict[str, Any] = call.cloud.memory.setdefault("lambda.watched", {})
    if mapping.uuid not in watched:
        cloud, service, where = call.cloud, call.service, (call.account, call.region, mapping.uuid)

        def arrived() -> None:
            with cloud.store:
                cloud.work.wake(service, "poll", *where)

        cloud.work.watch(topic(mapping), arrived)
        watched[mapping.uuid] = (topic(mapping), arrived)
    with call.step():
        call.wake(poll, mapping.uuid)


def forget(call: Call, mapping: Mapping) -> None:
    watched: dict[str, Any] = call.cloud.memory.get("lambda.watched", {})
    if found := watched.pop(mapping.uuid, None):
        call.cloud.work.unwatch(*found)
    stream_poller.forget(call, mapping)


@lambda_.boot
def listen_again(call: Call) -> None:
    for where in call.cloud.store.scopes("lambda.mapping"):
        there = call.at(*where)
        for mapping in there.all(Mapping):
            if mapping.state == "Enabled":
                there.cloud.store.then(attend, there, mapping)
            elif mapping.state != mapping.wanted:
                from .mappings import settle
                there.wake(settle, mapping.uuid)


@lambda_.timer
def poll_again(call: Call, uuid: str) -> None:
    call.wake(poll, uuid)


def later(call: Call, mapping: Mapping) -> None:
    """The source, the function or a permission is missing; it may come back. A look: `advance` need not stop at every one."""
    with call.step():
        call.again(LOOK_AGAIN_SECONDS, poll_again, mapping.uuid, uuid=mapping.uuid)


@lambda_.worker
async def poll(call: Call, key: str) -> None:
    mapping = call.get(Mapping, key)
    if mapping is None or mapping.wanted != "Enabled":
        return
    again = await (queue_poller if mapping.source_kind == QUEUE else stream_poller).drain(call, mapping)
    mapping = call.get(Mapping, key)
    if again is not None and mapping is not None and mapping.wanted == "Enabled":
        with call.step():
            call.due(max(again, call.now + 0.001), poll_again, name=key, uuid=key)
