"""Running CloudFront Functions: a Node in a sandbox of Lambda's engine, one for an account and a second when it is busy, kept warm; within it each call has a context of its own.

Where the machine has no Node.js, nothing pretends: whoever asks is told what to install.
"""
from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from cloche.engines.run import interpreters
from cloche.engines.run.invocation import Invocation, Spec
from cloche.engines.run.sandbox import SandboxError
from cloche.kernel import AwsError, Call
from cloche.services.lambda_ import public as lambdas

from .. import things
from . import pairs

INSIDE = Path(__file__).with_name("inside") / "runner.mjs"
MOST, MEMORY_MB, TMP_MB = 2, 256, 16
SECONDS, COMPUTE_MS = 5.0, 100     # AWS gives about a millisecond of a machine that has compiled the function before
KEEP_SECONDS, MOST_IDLE = 600.0, 4   # how long, and how many of all accounts, are kept warm


class Ran(NamedTuple):
    output: str
    error: str
    logs: list[str]
    utilization: int

    @property
    def value(self) -> dict[str, Any]:
        return json.loads(self.output)  # type: ignore[no-any-return]


class Bench:
    """The sandboxes of an account, among those of others."""

    def __init__(self, benches: dict[str, Bench]) -> None:
        self.benches = benches
        self.idle: list[Any] = []
        self.count = 0
        self.waiting: list[asyncio.Future[None]] = []

    async def take(self, call: Call) -> Any:
        while True:
            while self.idle:
                found = self.idle.pop()
                if not found.dead:
                    return found
            if self.count < MOST:
                self.count += 1
                try:
                    made = await start(call)
                except BaseException:
                    self.gone()
                    raise
                made.on_dead = self.both(made.on_dead)
                return made
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(turn)
            await turn

    def both(self, before: Any) -> Any:
        def dead(environment: Any) -> None:
            before(environment)
            self.gone()
        return dead

    def gone(self) -> None:
        self.count -= 1
        self._next()

    def give_back(self, environment: Any) -> None:
        if not environment.dead and not environment.killed:
            self.idle.append(environment)
            warm = [(one.began, bench, one) for bench in self.benches.values() for one in bench.idle]
            if len(warm) > MOST_IDLE:
                _, bench, oldest = min(warm, key=lambda row: row[0])
                bench.idle.remove(oldest)
                oldest.kill()
            asyncio.get_running_loop().call_later(KEEP_SECONDS, self._old, environment, environment.began)
        self._next()

    def _old(self, environment: Any, used: float) -> None:
        if environment in self.idle and environment.began == used:
            self.idle.remove(environment)
            environment.kill()

    def _next(self) -> None:
        while self.waiting:
            turn = self.waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                return


def bench(call: Call) -> Bench:
    benches: dict[str, Bench] = call.cloud.memory.setdefault("cloudfront.functions", {})
    if call.account not in benches:
        benches[call.account] = Bench(benches)
    return benches[call.account]


async def start(call: Call) -> Any:
    major = next((one for one in reversed(interpreters.NODES) if interpreters.node(one)), None)
    if major is None:
        raise SandboxError("CloudFront Functions run in Node.js, and this machine has none. Install it (nvm install 22, or from nodejs.org, so that `node` is on the PATH) and try again.")
    engine, root = lambdas.room(call)
    text = INSIDE.read_bytes()
    name = "cloudfront-" + hashlib.sha256(text).hexdigest()[:32]
    if not (root / name).exists():
        (root / name).mkdir(parents=True)
        (root / name / "runner.mjs").write_bytes(text)
    return await engine.start(Spec(f"nodejs{major}.x", "runner.handler", name, None, MEMORY_MB, TMP_MB, {}))


async def run(call: Call, function: Any, code: bytes, config: dict[str, Any], event: dict[str, Any]) -> Ran:
    """The function's answer as JSON text, or how it failed. AwsError (TestFunctionFailed) if nothing can run here."""
    asked: dict[str, Any] = {"code": code.decode("utf-8", "replace"), "event": event, "runtime": config["Runtime"], "ms": COMPUTE_MS}
    store = next((one["KeyValueStoreARN"].rpartition("/")[2] for one in things.items(config.get("KeyValueStoreAssociations"))), "")
    if store:
        asked |= {"store": store, "version": pairs.version(call, store)}
    here = bench(call)
    try:
        environment = await here.take(call)
        try:
            said = await once(call, environment, function, asked)
            if said.get("need"):
                _, modified, _, _ = pairs.state(call, store)
                said = await once(call, environment, function, asked | {"pairs": dict(pairs.page(call, store, "", 1 << 30)), "created": modified, "modified": modified})
        finally:
            here.give_back(environment)
    except SandboxError as error:
        raise AwsError("TestFunctionFailed", str(error), 500) from None
    spent = min(100, max(1, round(said.get("spent", 0) / COMPUTE_MS * 100)))
    return Ran(json.dumps(said["output"], separators=(",", ":")) if "output" in said else "", said.get("error", ""), said.get("logs", []), spent)


async def once(call: Call, environment: Any, function: Any, asked: dict[str, Any]) -> dict[str, Any]:
    outcome = await environment.invoke(Invocation(call.uuid(), json.dumps(asked).encode(), function.arn, SECONDS))
    if outcome.failed:
        why = "The function took too much compute time." if outcome.status == "timeout" else "The function's sandbox ended."
        return {"error": why, "logs": [], "spent": SECONDS * 1000}
    return json.loads(outcome.payload)  # type: ignore[no-any-return]


def event_of(blob: bytes) -> dict[str, Any] | None:
    """The event object of TestFunction."""
    try:
        event = json.loads(blob)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("request"), dict) and event.get("version") else None
