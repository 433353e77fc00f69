"""The `awslogs` driver: what a container says goes to a stream PREFIX/CONTAINER/TASK, line by line, under the execution role (or the instance's)."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.logs import public as logs

from . import resources
from . import service as ecs
from .pods import Failed, Live, Pod, pods
from .tasks import Task

LONGEST = 256 << 10


def options(one: dict[str, Any]) -> dict[str, str] | None:
    log = one.get("logConfiguration") or {}
    return dict(log.get("options") or {}) if log.get("logDriver") == "awslogs" else None


def stream(given: dict[str, str], name: str, task: str, runtime: str) -> str:
    prefix = given.get("awslogs-stream-prefix")
    return f"{prefix}/{name}/{task}" if prefix else given.get("awslogs-stream", runtime)


def prepare(call: Call, role: Any, task: Task, one: dict[str, Any]) -> None:
    """The stream is made before the container begins: a group that is not there, or may not be written to, stops the task."""
    given = options(one)
    if given is None:
        return
    try:
        there = role.acting("logs").at(call.account, given.get("awslogs-region") or call.region)
        if given.get("awslogs-create-group") == "true":
            try:
                there.do("logs", "CreateLogGroup", logGroupName=given["awslogs-group"])
            except AwsError as error:
                if error.code != "ResourceAlreadyExistsException":
                    raise
        there.do("logs", "CreateLogStream", logGroupName=given.get("awslogs-group", ""), logStreamName=stream(given, one["name"], task.id, task.id))
    except AwsError as error:
        if error.code != "ResourceAlreadyExistsException":
            raise Failed("ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: "
                         f"{error.code}: {error.message} : exit status 1") from None


def sink(call: Call, pod: Pod, live: Live) -> Callable[[bool, bytes], None]:
    """Whoever hears the container's process."""
    wanted = options(live.said) is not None

    def said(error: bool, text: bytes) -> None:
        if not wanted:
            return
        *lines, live.partial[error] = (live.partial[error] + text).split(b"\n")
        if len(live.partial[error]) > LONGEST:
            lines.append(live.partial[error])
            live.partial[error] = b""
        if lines:
            live.lines += [(int(call.now * 1000), line.decode("utf-8", "replace")) for line in lines]
            with call.step():
                call.wake(written, pod.task)
    return said


@ecs.worker
async def written(call: Call, key: str) -> None:
    pod = pods(call).get(key)
    if pod is None:
        return
    with call.step():
        for live in pod.lives.values():
            write(call, pod, live)


def write(call: Call, pod: Pod, live: Live) -> None:
    lines, live.lines = live.lines, []
    given = options(live.said)
    task = call.get(Task, pod.task)
    if not lines or given is None or task is None:
        return
    try:
        role = resources.Execution(call, task, pod.definition).acting("logs").at(call.account, given.get("awslogs-region") or call.region)
        logs.write(role, given["awslogs-group"], stream(given, live.name, pod.task, pod.task), lines)
    except AwsError:
        pass  # whoever takes the right away loses the lines, as on AWS; the container runs on


def rest(call: Call, pod: Pod, live: Live) -> None:
    """The last words, also without an end of line."""
    if options(live.said) is not None:
        for error, text in live.partial.items():
            if text:
                live.lines.append((int(call.now * 1000), text.decode("utf-8", "replace")))
                live.partial[error] = b""
    write(call, pod, live)
