"""Running a version once: admitted by concurrency, in an environment, its words to the logs. Everything that invokes comes through `run`."""
from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from cloche.engines.run.invocation import SYNC_LIMIT, Invocation, Outcome
from cloche.kernel import AwsError, Call

from . import errors, logs, metering, names, pace, recursion, tracing
from .pool import Pools, Warm, pools
from .records import Alias, Function, Version, account, concurrency, find, version_of

PENDING_SECONDS = 10.0  # a function just created is waited for; longer and the caller is told


class Result(NamedTuple):
    outcome: Outcome
    version: str
    log: bytes

    @property
    def payload(self) -> bytes:
        return self.outcome.payload

    @property
    def function_error(self) -> str | None:
        return "Unhandled" if self.outcome.failed else None

    @property
    def failed(self) -> bool:
        return self.outcome.failed


async def run(
    call: Call, name: names.Name, payload: bytes, *, request_id: str = "", trace: str = "", client_context: Any = None, cognito: Any = None, limit: int = SYNC_LIMIT,
    on_chunk: Callable[[bytes, str], None] | None = None, paced: bool = False, whole: bool = False, tenant: str = "", durable: bool = False, group: str = "",
) -> Result:
    """Invoke; raises TooManyRequestsException when concurrency says no, ResourceNotFoundException when there is nothing. `paced`: somebody waits for the answer; `whole`: and
    for what extensions do after it, because the log's tail is wanted. `group`: the log group, where it is another than the function's own (at the edge)."""
    there = call.at(name.account, name.region)
    function = find(call, name)
    version = choose(there, function, name)
    if version.state == "Pending" and version.snapstart:
        raise errors.snapshot_not_ready()
    if version.state == "Pending" or version.update == "InProgress":
        await settled(there, function.name)
        function, version = find(call, name), choose(there, find(call, name), name)
        if version.state == "Pending":
            raise errors.in_state("Pending")
    if version.state == "Failed":
        raise errors.in_state("Failed")
    if "TenancyConfig" in version.config and not tenant:
        raise errors.tenant_needed()  # what invokes by itself knows no tenants
    if "DurableConfig" in version.config and not durable:
        from .durable import run as whole_execution
        return Result((await whole_execution(there, function, version, name, payload or b"{}", trace=trace))[1], version.version, b"")
    arn = names.arn(there, function.name, name.qualifier)
    traced, trace = tracing.begin(there, version, trace or "")
    trace, times = recursion.follow(trace or trace_id(there), names.arn(there, function.name))
    if times > recursion.LIMIT and function.recursion == "Terminate":
        raise errors.recursive()
    room = pools(call.cloud)
    try:
        counter = admit(there, room, function, name.qualifier, paced)
    except AwsError:
        if traced:
            tracing.refused(there, version, traced, request_id)
        raise
    try:
        try:
            warm = await room.take(there, version, tenant=tenant)
        except AwsError as error:
            if error.status == 429:
                metering.throttled(there, function.name, name.qualifier)
            raise
        if function.provisioned:
            use(there, room, function, name.qualifier or "", version, warm)
        request_id = request_id or there.uuid()
        inv = Invocation(request_id, payload or b"{}", arn, float(version.timeout), trace, client_context, cognito, limit, on_chunk, tenant)
        try:
            outcome = await warm.environment.invoke(inv)
        except BaseException:
            room.give_back(there, warm, version)
            raise
    except BaseException:
        leave(room, counter)
        raise
    if outcome.status == "vanished":  # a fault of the machine: told as one, so that callers try again
        room.give_back(there, warm, version)
        leave(room, counter)
        raise errors.sandbox_failed(outcome.error_type)
    if traced:
        with there.step():
            tracing.end(there, version, traced, request_id, outcome)
    if outcome.rest and not whole:
        there.spawn(rest(there, room, counter, warm, function.name, name, version, request_id, outcome.rest, outcome.duration_ms, group, traced))
        return Result(outcome, version.version, b"")
    if warm.environment.extended and not outcome.rest:
        metering.after(there, function.name, name.qualifier, 0.0)
    if outcome.rest:
        return Result(outcome, version.version, await rest(there, room, counter, warm, function.name, name, version, request_id, outcome.rest, outcome.duration_ms, group, traced))
    return Result(outcome, version.version, ended(there, room, counter, warm, function.name, name, version, request_id, outcome, group, traced))


def use(there: Call, room: Pools, function: Function, qualifier: str, version: Version, warm: Warm) -> None:
    """Count an invocation of what is initialised beforehand, or should have been."""
    of = qualifier if qualifier in function.provisioned else version.version
    if of in function.provisioned:
        alive = room.provisioned(warm.key)
        busy = room.busy.get(warm.key, set())
        metering.provisioned(there, function.name, of, len(alive), sum(one in busy for one in alive), not warm.provisioned)


def leave(room: Pools, counter: list[tuple[str, str, str]]) -> None:
    for key in counter:
        room.running[key] -= 1
        if not room.running[key]:
            del room.running[key]


async def rest(there: Call, room: Pools, counter: list[tuple[str, str, str]], warm: Warm, function: str, name: names.Name, version: Version, request_id: str,
               working: Awaitable[Outcome], answered_ms: float, group: str, traced: tracing.Traced | None) -> bytes:
    """Extensions are still at work: the environment is theirs until they are done."""
    outcome = await working
    metering.after(there, function, name.qualifier, outcome.duration_ms - answered_ms)
    return ended(there, room, counter, warm, function, name, version, request_id, outcome, group, traced)


def ended(there: Call, room: Pools, counter: list[tuple[str, str, str]], warm: Warm, function: str, name: names.Name, version: Version, request_id: str, outcome: Outcome, group: str,
          traced: tracing.Traced | None) -> bytes:
    """Nobody works on it any more: the environment is free, and what was said is written. Gives the tail of its log."""
    room.give_back(there, warm, version)
    leave(room, counter)
    metering.ran(there, function, name.qualifier, outcome)
    out = logs.lines(version, request_id, outcome, version.config.get("RuntimeVersionConfig", {}).get("RuntimeVersionArn", ""), traced)
    with there.step():
        logs.put(there, version, warm.stream, out, outcome.ended, group)
    return logs.tail(out)


def choose(there: Call, function: Function, name: names.Name) -> Version:
    """The version that answers this time: an alias with weights throws dice."""
    alias = there.get(Alias, f"{function.name}:{name.qualifier}") if name.qualifier else None
    if alias and alias.weights:
        [(other, weight)] = alias.weights.items()
        if there.cloud.dice.random() < weight:
            return version_of(there, name._replace(qualifier=other))
    return version_of(there, name)


async def settled(there: Call, function: str) -> None:
    """Wait, for a while, until what was just created or changed is ready."""
    until = there.now + PENDING_SECONDS
    while there.now < until:
        version = there.get(Version, f"{function}:{names.LATEST}")
        if version is None or (version.state != "Pending" and version.update != "InProgress"):
            return
        await there.wait(active(there, function), until)


def active(there: Call, function: str) -> tuple[str, ...]:
    return ("lambda.active", there.account, there.region, function)


def admit(there: Call, room: Pools, function: Function, qualifier: str | None, paced: bool) -> list[tuple[str, str, str]]:
    """Count the invocation, or refuse it. Provisioned environments are part of the function's share."""
    mine, rest = (there.account, there.region, function.name), (there.account, there.region, "")
    if function.reserved is not None:
        over = "ReservedFunctionConcurrentInvocationLimitExceeded" if room.running.get(mine, 0) >= function.reserved else ""
        if not over and paced and not pace.may_ask(there, function.name, function.reserved):
            over = "ReservedFunctionInvocationRateLimitExceeded"
        counters = [mine]
    else:
        limit = concurrency(there) - account(there).reserved
        over = "ConcurrentInvocationLimitExceeded" if room.running.get(rest, 0) >= limit else ""
        if not over and paced and not pace.may_ask(there, "", limit):
            over = "FunctionInvocationRateLimitExceeded"
        counters = [mine, rest]
    if over:
        metering.throttled(there, function.name, qualifier)
        raise errors.throttled(over)
    for key in counters:
        room.running[key] = room.running.get(key, 0) + 1
    metering.admitted(there, function.name, room.running[mine], room.running.get(rest, 0))
    return counters


def trace_id(there: Call) -> str:
    return f"Root=1-{math.floor(there.now):08x}-{there.id(digits=24)};Parent={there.id(digits=16)};Sampled=0"
