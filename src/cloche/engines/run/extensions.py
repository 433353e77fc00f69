"""The Extensions API (2020-01-01): who registered, what each waits for, and the last two seconds of an environment.

External extensions are programs below /opt/extensions, started before the runtime; internal ones register from within it. The phases wait for them:
init is over when the runtime and all of them have asked for what comes next, an invocation when those that wanted to hear of it have asked again.
"""
from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

from .invocation import Invocation
from .telemetry import Refused, Telemetry

if TYPE_CHECKING:
    from .environment import Environment
    from .runtime_api import Connection

PREFIX = "/2020-01-01/extension/"
TELEMETRY = {"/2022-07-01/telemetry": "telemetry", "/2020-08-15/logs": "logs"}
MOST = 10
EXTERNAL_SECONDS, INTERNAL_SECONDS = 2.0, 0.5
EVENTS = ("INVOKE", "SHUTDOWN")
# what the function's variables have and an extension's have not
HIDDEN = {"AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER"}


class Extension:
    """One that has registered. `connection` is where it waits for its next event."""

    def __init__(self, name: str, id_: str, events: list[str], external: bool) -> None:
        self.name, self.id, self.events, self.external = name, id_, events, external
        self.connection: Connection | None = None
        self.pending: dict[str, Any] | None = None
        self.asked = self.over = False


class Extensions:
    def __init__(self, environment: Environment, names: list[str] | None) -> None:
        self.env = environment
        self.family = names is not None  # several processes, of which the sandbox's init takes care
        self.missing = set(names or ())  # not yet registered
        self.external = frozenset(names or ())
        self.registered: dict[str, Extension] = {}
        self.telemetry = Telemetry(environment)
        self.serial = 0
        self.shutting = self.runtime_ended = False

    def begin(self) -> None:
        """Once the sandbox runs: without extensions the runtime comes at once."""
        variables = self.env.spec.variables
        self.telemetry.tell("platform.initStart", {
            "initializationType": variables.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"), "phase": "init", "functionName": variables.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            "functionVersion": variables.get("AWS_LAMBDA_FUNCTION_VERSION", ""), "instanceMaxMemory": self.env.spec.memory_mb << 20, "runtimeVersion": self.env.spec.runtime})
        if self.family and not self.missing:
            self.env.sandbox.order(runtime=True)

    # what the environment asks and tells
    @property
    def ready(self) -> bool:
        """Whether init need not wait for anybody here."""
        return not self.missing and all(one.asked for one in self.registered.values())

    @property
    def busy(self) -> bool:
        """Whether somebody is still at work on the invocation."""
        return any("INVOKE" in one.events and not one.connection and not one.over for one in self.registered.values())

    def initialised(self, failed: str = "") -> None:
        for one in self.registered.values():
            self.env.platform.append((time.time(), "platform.extension", {"name": one.name, "state": "Ready" if one.asked else "Started", "events": one.events}))
        self.telemetry.initialised(failed)

    def invoked(self, inv: Invocation) -> None:
        event = {"eventType": "INVOKE", "deadlineMs": int((time.time() + inv.timeout) * 1000), "requestId": inv.id, "invokedFunctionArn": inv.arn,
                 "tracing": {"type": "X-Amzn-Trace-Id", "value": inv.trace}}
        for one in self.registered.values():
            if "INVOKE" in one.events and not one.over:
                self.deliver(one, event)

    def deliver(self, one: Extension, event: dict[str, Any]) -> None:
        if one.connection is None:
            one.pending = event
            return
        self.serial += 1
        connection, one.connection, one.pending = one.connection, None, None
        connection.answer(200, json.dumps(event).encode(), {"Content-Type": "application/json", "Lambda-Extension-Event-Identifier": f"{one.id[:-12]}{self.serial:012x}"})

    def shut_down(self, reason: str) -> bool:
        """Tell them that it is over; the sandbox ends when they have, or when their time is up. False: nobody is here to be told."""
        there = [one for one in self.registered.values() if not one.over]
        if not there or self.shutting:
            return self.shutting
        self.shutting = True
        seconds = EXTERNAL_SECONDS if any(one.external for one in there) else INTERNAL_SECONDS
        self.telemetry.flush()
        if self.family and not self.runtime_ended:
            self.env.sandbox.order(terminate="")
        for one in there:
            if "SHUTDOWN" in one.events:
                self.deliver(one, {"eventType": "SHUTDOWN", "shutdownReason": reason, "deadlineMs": int((time.time() + seconds) * 1000)})
        self.env.loop.call_later(seconds, self.env.sandbox.kill)
        self.look()
        return True

    def look(self) -> None:
        """While shutting down: is there still somebody to wait for?"""
        external = [one for one in self.registered.values() if one.external and not one.over and "SHUTDOWN" in one.events]
        if not external and (self.runtime_ended or not self.family or any(one.external for one in self.registered.values())):
            self.env.sandbox.kill()

    def process_ended(self, name: str, report: dict[str, int]) -> None:
        """One of the processes is no more: `name` is empty for the runtime."""
        if not name:
            self.runtime_ended = True
        for one in self.registered.values():
            if one.name == name and one.external:
                one.over = True
        if self.shutting:
            return self.look()
        if not name:
            return self.env.runtime_ended(report)
        launched = report.get("exit") != 126
        self.env.platform.append((time.time(), "platform.extension", {"name": name, "state": "Exited" if launched else "LaunchError", "events": [],
                                                                     **({} if launched else {"errorType": "PermissionDenied"})}))
        how = f"signal: {report['signal']}" if "signal" in report else f"exit status {report.get('exit', 0)}"
        return self.env.extension_failed("Extension.Crash" if launched else "Extension.LaunchError", how)

    # what they ask over HTTP
    def serve(self, connection: Connection, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        if path == PREFIX + "register" and method == "POST":
            return self.register(connection, headers, body)
        asked = path.removeprefix(PREFIX) if path.startswith(PREFIX) else ""
        telemetry = TELEMETRY.get(path.rstrip("/"), "")
        if not ((asked == "event/next" and method == "GET") or (asked in ("init/error", "exit/error") and method == "POST") or (telemetry and method == "PUT")):
            return connection.refuse(404, "NotFound", f"No such path: {path}")
        id_ = headers.get("lambda-extension-identifier", "")
        if not id_:
            return connection.refuse(403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
        if not re.fullmatch(r"[0-9a-f-]{36}", id_):
            return connection.refuse(403, "Extension.InvalidExtensionIdentifier", f"Invalid Lambda-Extension-Identifier {id_}")
        one = self.registered.get(id_)
        if one is None:
            return connection.refuse(403, "Extension.UnknownExtensionIdentifier", f"Unknown extension {id_}")
        if telemetry:
            return self.subscribe(connection, one, telemetry, body)
        if asked == "event/next":
            return self.next(connection, one)
        return self.failed(connection, one, asked, headers)

    def register(self, connection: Connection, headers: dict[str, str], body: bytes) -> None:
        name = headers.get("lambda-extension-name", "")
        if not name:
            return connection.refuse(403, "Extension.InvalidExtensionName", "Empty extension name")
        if self.env.ready.done():
            return connection.refuse(403, "Extension.RegistrationClosed", "Extension registration closed already")
        if any(one.name == name for one in self.registered.values()):
            return connection.refuse(403, "Extension.AlreadyRegistered", f"Extension with name {name} already registered")
        if len(self.registered) >= MOST:
            return connection.refuse(403, "Extension.TooManyExtensions", f"Extension limit ({MOST}) reached")
        try:
            events = list(dict.fromkeys(json.loads(body or b"{}").get("events", [])))
        except (ValueError, AttributeError, TypeError):
            return connection.refuse(400, "InvalidRequestFormat", "Could not parse the request body")
        external = name in self.external
        for event in events:
            if event not in EVENTS:
                return connection.refuse(400, "Extension.InvalidEventType", f"{event}: InvalidEventType")
            if event == "SHUTDOWN" and not external:
                return connection.refuse(400, "Extension.InvalidEventType", f"{event}: ShutdownEventNotSupportedForInternalExtension")
        one = Extension(name, self.env.new_id(), events, external)
        self.registered[one.id] = one
        variables = self.env.spec.variables
        said = {"functionName": variables.get("AWS_LAMBDA_FUNCTION_NAME", ""), "functionVersion": variables.get("AWS_LAMBDA_FUNCTION_VERSION", ""), "handler": self.env.spec.handler}
        if "accountid" in headers.get("lambda-extension-accept-feature", "").lower():
            said["accountId"] = self.env.spec.account
        connection.answer(200, json.dumps(said).encode(), {"Content-Type": "application/json", "Lambda-Extension-Identifier": one.id})
        if name in self.missing:
            self.missing.discard(name)
            if not self.missing:
                self.env.sandbox.order(runtime=True)
        return None

    def next(self, connection: Connection, one: Extension) -> None:
        one.connection, one.asked = connection, True
        if one.pending:
            return self.deliver(one, one.pending)
        return self.env.settle()

    def failed(self, connection: Connection, one: Extension, asked: str, headers: dict[str, str]) -> None:
        kind = headers.get("lambda-extension-function-error-type", "")
        if not kind:
            return connection.refuse(400, "Extension.MissingHeader", "Missing Lambda-Extension-Function-Error-Type header")
        connection.accept()
        one.over = True
        if not self.shutting:
            self.env.platform.append((time.time(), "platform.extension", {"name": one.name, "state": "Failed" if asked == "init/error" else "Exited", "events": one.events, "errorType": kind}))
            self.env.extension_failed("Extension.InitError" if asked == "init/error" else "Extension.ExitError", kind)
        return None

    def subscribe(self, connection: Connection, one: Extension, kind: str, body: bytes) -> None:
        try:
            self.telemetry.subscribe(one.name, kind, body, closed=self.env.ready.done())
        except Refused as refused:
            return connection.refuse(refused.status, refused.kind, refused.text)
        return connection.answer(200, b'"OK"', {"Content-Type": "application/json"})

    def left(self, connection: Connection) -> None:
        """A connection is gone; whoever waited on it waits no more."""
        for one in self.registered.values():
            if one.connection is connection:
                one.connection = None
