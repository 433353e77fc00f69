"""The one exception a handler raises for its caller. Anything else is our bug and becomes a logged 500."""
from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """`code` and `message` as AWS says them; `extra` holds further modelled members of the error, by their names on the wire."""

    def __init__(
        self, code: str, message: str, status: int = 400, *, extra: dict[str, Any] | None = None, headers: dict[str, str] | None = None, query_code: str | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.query_code = code, message, status, query_code
        self.extra, self.headers = extra or {}, headers or {}

    def __repr__(self) -> str:
        return f"AwsError({self.code!r}, {self.message!r}, {self.status})"


def not_implemented(service: str, operation: str) -> AwsError:
    return AwsError("NotImplemented", f"{service}:{operation} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def unknown_operation(name: str, service: str, protocol: str, version: str) -> AwsError:
    """No operation of the service fits the request: each protocol says so in its own way."""
    if protocol == "query":
        return AwsError("InvalidAction", f"Could not find operation {name} for version {version}")
    if protocol == "ec2":
        return AwsError("InvalidAction", f"The action {name} is not valid for this web service.")
    if service == "s3":
        return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    if protocol.startswith("rest"):
        return AwsError("UnknownOperationException", "The requested operation is not recognized by the service.", 404)
    return AwsError("UnknownOperationException", f"The operation {name} is not known." if name else "")


def internal(request_id: str) -> AwsError:
    return AwsError("InternalFailure", f"A fault in Cloche, not in your request. Its log has the story under {request_id}.", 500, query_code="InternalFailure")
