"""What Security Hub says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def _of(code: str, message: str, status: int) -> AwsError:
    return AwsError(code, message, status, extra={"Code": code})


def not_subscribed(account: str) -> AwsError:
    return _of("InvalidAccessException", f"Account {account} is not subscribed to AWS Security Hub", 401)


def already() -> AwsError:
    return _of("ResourceConflictException", "Account is already subscribed to Security Hub", 409)


def administers() -> AwsError:
    return invalid("Cannot disable Security Hub on the Security Hub administrator account with associated members. Disassociate the members first.")


def invalid(message: str) -> AwsError:
    return _of("InvalidInputException", message, 400)


def no_access(message: str) -> AwsError:
    return _of("InvalidAccessException", message, 401)


def missing(what: str) -> AwsError:
    return _of("ResourceNotFoundException", f"{what} does not exist.", 404)


def conflict(message: str) -> AwsError:
    return _of("ResourceConflictException", message, 409)


def limit(what: str) -> AwsError:
    return _of("LimitExceededException", f"The number of {what} is over the limit.", 429)


def bad_token() -> AwsError:
    return invalid("The NextToken is not valid.")
