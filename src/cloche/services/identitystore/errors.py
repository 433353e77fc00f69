"""What the identity store says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def not_found(what: str) -> AwsError:
    """what: USER, GROUP, GROUP_MEMBERSHIP, IDENTITY_STORE"""
    return AwsError("ResourceNotFoundException", f"{what} not found.", 400, extra={"ResourceType": what})


def duplicate(attribute: str) -> AwsError:
    return AwsError("ConflictException", f"Duplicate {attribute}", 400, extra={"Reason": "UNIQUENESS_CONSTRAINT_VIOLATION"})


def member_already() -> AwsError:
    return AwsError("ConflictException", "Member and Group relationship already exists.", 400, extra={"Reason": "UNIQUENESS_CONSTRAINT_VIOLATION"})


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400)


def bad_token() -> AwsError:
    return invalid("The pagination token is invalid.")
