"""What Service Quotas says when it refuses. One function per sentence, in AWS's own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_such_quota() -> AwsError:
    return AwsError("NoSuchResourceException", "The request failed because the specified service quota does not exist.")


def no_such_service() -> AwsError:
    return AwsError("NoSuchResourceException", "The request failed because the specified service does not exist.")


def no_such_request() -> AwsError:
    return AwsError("NoSuchResourceException", "The request failed because the specified quota increase request does not exist.")


def not_adjustable() -> AwsError:
    return AwsError("IllegalArgumentException", "The quota is not adjustable.")


def no_increase(value: float) -> AwsError:
    return AwsError("IllegalArgumentException", f"The desired value must be greater than the current value of the quota, {value:g}.")


def one_is_open() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "Only one open service quota increase request is allowed per quota.")


def bad_token() -> AwsError:
    return AwsError("InvalidPaginationTokenException", "The pagination token is invalid.")
