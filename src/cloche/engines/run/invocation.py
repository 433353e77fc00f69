"""The values of an invocation: what goes in, what comes out, and the sentences Lambda says when a runtime does not answer."""
from __future__ import annotations

import json
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SYNC_LIMIT = 6_291_556
STREAM_LIMIT = 200 << 20


class Joined(NamedTuple):
    """A network made elsewhere that an environment lives in, instead of one of its own with nothing but the endpoint."""

    descriptor: int  # of the namespace; open until the environment has been started
    binds: tuple[tuple[str, str], ...]  # files below the engine's code directory, and what they replace inside


class Mount(NamedTuple):
    """A directory that an environment shares with others, at /mnt/NAME; let in only if `address` can be reached from its network."""

    source: str  # relative to the engine's shared directory
    name: str
    address: str
    port: int
    patience: float
    uid: int  # whose, on disk, what the runtime writes is
    gid: int
    read_only: bool


class Image(NamedTuple):
    """A root of its own, instead of the host's programs with code and layers."""

    root: str  # relative to the engine's code directory
    argv: tuple[str, ...]
    directory: str
    variables: dict[str, str]  # what its author set


class Credentials(NamedTuple):
    access_key: str
    secret: str
    token: str
    seconds: float  # of real time for which they are good
    authorization: str  # what who asks for them must say


class Spec(NamedTuple):
    """An environment to be: everything that, when it changes, needs new environments."""

    runtime: str
    handler: str
    task: str  # directory of the code, relative to the engine's code directory
    opt: str | None  # directory of the merged layers, likewise
    memory_mb: int
    tmp_mb: int
    variables: dict[str, str]
    account: str = ""
    joined: Joined | None = None
    mounts: tuple[Mount, ...] = ()
    binds: tuple[tuple[str, str], ...] = ()  # as a joined network's, for the others
    owner: tuple[str, ...] = ()  # whose it is, as whoever hears its datagrams wants to know
    image: Image | None = None
    credentials: Credentials | None = None  # to be asked for, where they are not among the variables


@dataclass(slots=True)
class Invocation:
    id: str
    payload: bytes
    arn: str
    timeout: float
    trace: str = ""
    client_context: Any = None
    cognito: Any = None
    limit: int = SYNC_LIMIT
    on_chunk: Callable[[bytes, str], None] | None = None  # called with data and content type when the runtime streams its response
    tenant: str = ""


@dataclass(slots=True)
class Outcome:
    payload: bytes
    status: str = "success"  # | "error" (the function said so) | "timeout" | "failure" (the runtime did not answer) | "vanished" (not the function's fault)
    error_type: str = ""
    duration_ms: float = 0.0
    began: float = 0.0  # real moments of the whole
    ended: float = 0.0
    init_ms: float | None = None
    init_failed: bool = False
    initialization: str = "on-demand"
    restore_ms: float | None = None  # in the first invocation of a restored snapshot, instead of init_ms
    memory_mb: int = 0
    lines: list[tuple[float, str]] = field(default_factory=list)  # (real time, text)
    platform: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)  # (real time, kind, record) of what extensions did
    rest: Awaitable[Outcome] | None = None  # the answer is there but extensions are still at work: gives the outcome as its log shall tell it
    streamed: bool = False
    content_type: str = ""

    @property
    def failed(self) -> bool:
        return self.status != "success"

    @property
    def billed_ms(self) -> int:
        return max(1, math.ceil(self.duration_ms + (self.init_ms or 0)))


NOT_STARTED = {  # exits of ours, before an image's own program runs
    125: ("Runtime.InvalidWorkingDir", "chdir {directory}: no such file or directory"), 126: ("Runtime.InvalidEntrypoint", "fork/exec {argv0}: permission denied"),
    127: ("Runtime.InvalidEntrypoint", "fork/exec {argv0}: no such file or directory"), 124: ("Runtime.InvalidEntrypoint", "fork/exec {argv0}: exec format error"),
}


def error(kind: str, text: str, status: str = "failure") -> Outcome:
    return Outcome(json.dumps({"errorType": kind, "errorMessage": text}, separators=(",", ":")).encode(), status, kind)


def timed_out(id_: str, seconds: float) -> Outcome:
    said = f"Task timed out after {seconds:.2f} seconds"
    outcome = error("Sandbox.Timedout", f"RequestId: {id_} Error: {said}", "timeout")
    outcome.lines.append((time.time(), f"{stamp(time.time())} {id_} {said}\n"))
    return outcome


def exited(id_: str, report: dict[str, int], out_of_memory: bool, image: Image | None = None) -> Outcome:
    if out_of_memory:
        kind, why = "Runtime.OutOfMemory", "Runtime exited with error: signal: killed"
    elif signal := report.get("signal"):
        names = {9: "killed", 11: "segmentation fault (core dumped)", 6: "aborted (core dumped)", 15: "terminated"}
        kind, why = "Runtime.ExitError", f"Runtime exited with error: signal: {names.get(signal, signal)}"
    elif image and report.get("exit") in NOT_STARTED:
        kind, why = NOT_STARTED[report["exit"]]
        why = why.format(argv0=image.argv[0] if image.argv else "", directory=image.directory)
    elif code := report.get("exit"):
        kind, why = ("Runtime.InvalidEntrypoint" if code == 127 else "Runtime.ExitError"), f"Runtime exited with error: exit status {code}"
    else:
        kind, why = "Runtime.ExitError", "Runtime exited without providing a reason"
    outcome = error(kind, f"RequestId: {id_} Error: {why}")
    outcome.lines.append((time.time(), f"RequestId: {id_} Error: {why}\n{kind}\n"))
    return outcome


def extension_failed(id_: str, kind: str, how: str) -> Outcome:
    outcome = error(kind, f"RequestId: {id_} Error: {how}")
    outcome.lines.append((time.time(), f"RequestId: {id_} Error: {how}\n{kind}\n"))
    return outcome


def vanished() -> Outcome:
    """Somebody else on the machine ended the sandbox (or its zygote)."""
    return error("Sandbox.Failure", "The environment was ended from outside.", "vanished")


def too_large(limit: int) -> Outcome:
    return error("Function.ResponseSizeTooLarge", f"Response payload size exceeded maximum allowed payload size ({limit} bytes).", "error")


def with_request_id(body: bytes, id_: str) -> bytes:
    """An error of the init phase is told to the invocation that met it, under that invocation's id."""
    try:
        said = json.loads(body)
    except ValueError:
        return body
    if isinstance(said, dict) and said.get("requestId") == "":
        said["requestId"] = id_
        return json.dumps(said).encode()
    return body


def stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03d}Z"
