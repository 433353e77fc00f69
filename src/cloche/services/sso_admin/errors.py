"""What Identity Center says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def not_found(what: str, id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"{what} with identifier {id} does not exist.", 400)


def no_request(id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The request with identifier {id} does not exist.", 400)


def denied() -> AwsError:
    return AwsError("AccessDeniedException", "You do not have sufficient access to perform this action.", 400)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 400)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400)


def in_management() -> AwsError:
    return invalid("An account instance can not be created in the management account of an organization. The organization has its own instance.")


def account_instance() -> AwsError:
    return invalid("The operation is not supported for this Identity Center instance")


def quota(what: str, most: int) -> AwsError:
    return AwsError("ServiceQuotaExceededException", f"You have exceeded the quota of {most} {what}.", 400)


def bad_token() -> AwsError:
    return invalid("The pagination token is invalid.")
