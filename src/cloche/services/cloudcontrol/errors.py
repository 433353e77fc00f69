"""What Cloud Control says when it refuses. One function per sentence, in AWS's own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_type(name: str) -> AwsError:
    return AwsError("TypeNotFoundException", f"The type '{name}' cannot be found.")


def unsupported(name: str, action: str) -> AwsError:
    return AwsError("UnsupportedActionException", f"Resource type {name} does not support {action} action")


def not_built(name: str) -> AwsError:
    return AwsError("NotImplemented", f"Cloche does not build resources of type {name} yet", 501)


def bad_state(what: str) -> AwsError:
    return AwsError("InvalidRequestException", what)


def invalid(fault: str) -> AwsError:
    return AwsError("ValidationException", f"Model validation failed ({fault})")


def bad_identifier(text: str, name: str) -> AwsError:
    return AwsError("ValidationException", f"Identifier {text} is not valid for identifier [{name}]")


def not_found(name: str, identifier: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Resource of type '{name}' with identifier '{identifier}' was not found.")


def no_request(token: str) -> AwsError:
    return AwsError("RequestTokenNotFoundException", f"Request with token {token} was not found")


def token_conflict(token: str) -> AwsError:
    return AwsError("ClientTokenConflictException", f"Client token {token} was used with another request")


def concurrent(token: str) -> AwsError:
    return AwsError("ConcurrentOperationException", f"Another operation on this resource is in progress: {token}")


def too_late(token: str, status: str) -> AwsError:
    return AwsError("ConcurrentModificationException", f"Request with token {token} is in {status} state and cannot be cancelled")


def bad_token() -> AwsError:
    return AwsError("InvalidRequestException", "Invalid pagination token")
