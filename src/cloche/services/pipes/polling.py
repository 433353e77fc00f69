"""Who fetches for the pipes: a worker woken by what arrives in the source, or by a timer when something becomes visible or is to be tried again. It works until there is nothing more."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import queues, sources, streams
from . import service as pipes
from .pipes import PASSING, Pipe, settle


def attend(call: Call, pipe: Pipe) -> None:
    """Listen to the source from now on, and look at once."""
    watched: dict[str, Any] = call.cloud.memory.setdefault("pipes.watched", {})
    if pipe.arn not in watched:
        cloud, service, where = call.cloud, call.service, (call.account, call.region, pipe.name)

        def arrived() -> None:
            with cloud.store:
                cloud.work.wake(service, "poll", *where)

        cloud.work.watch(sources.topic(pipe.source), arrived)
        watched[pipe.arn] = (sources.topic(pipe.source), arrived)
    with call.step():
        call.wake(poll, pipe.name)


def forget(call: Call, pipe: Pipe) -> None:
    watched: dict[str, Any] = call.cloud.memory.get("pipes.watched", {})
    if found := watched.pop(pipe.arn, None):
        call.cloud.work.unwatch(*found)


@pipes.boot
def listen_again(call: Call) -> None:
    for where in call.cloud.store.scopes("pipes.pipe"):
        there = call.at(*where)
        for pipe in there.all(Pipe):
            if pipe.state == "RUNNING":
                there.cloud.store.then(attend, there, pipe)
            elif pipe.state in PASSING:
                there.wake(settle, pipe.name)


@pipes.timer
def poll_again(call: Call, pipe: str) -> None:
    call.wake(poll, pipe)


def running(call: Call, pipe: Pipe) -> Pipe | None:
    """The pipe as it is now, while it runs and is the one it was."""
    now = call.get(Pipe, pipe.name)
    return now if now is not None and now.number == pipe.number and now.state == "RUNNING" else None


@pipes.worker
async def poll(call: Call, key: str) -> None:
    pipe = call.get(Pipe, key)
    if pipe is None or pipe.state != "RUNNING":
        return
    again = await (queues if pipe.source_kind == "sqs" else streams).drain(call, pipe)
    if again is not None and running(call, pipe):
        with call.step():
            call.due(max(again, call.now + 0.001), poll_again, name=key, pipe=key)
