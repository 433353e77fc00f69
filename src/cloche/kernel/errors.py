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


def unknown_operation(name: str) -> AwsError:
    return AwsError("UnknownOperationException", f"The operation {name} is not known." if name else "", 400, query_code="InvalidAction")


def internal(request_id: str) -> AwsError:
    return AwsError("InternalFailure", f"A fault in Cloche, not in your request. Its log has the story under {request_id}.", 500, query_code="InternalFailure")
