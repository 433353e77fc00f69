"""What Cost Explorer says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def no_hours() -> AwsError:
    return AwsError("DataUnavailableException", "Hourly data is not available: it has not been enabled for this account.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The pagination token is invalid.")


def denied(message: str) -> AwsError:
    return AwsError("AccessDeniedException", message)
