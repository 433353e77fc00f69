"""What Cognito Sync says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def no_pool(id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"IdentityPool '{id}' not found.", 404)


def no_identity(id: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Identity '{id}' not found.", 404)


def no_dataset(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Dataset '{name}' not found.", 404)


def bad_session() -> AwsError:
    return AwsError("InvalidParameterException", "Invalid SyncSessionToken.", 400)


def conflict(key: str, count: int) -> AwsError:
    return AwsError("ResourceConflictException", f"Current SyncCount for {key} does not match the given: it is {count}.", 409)


def limit(what: str) -> AwsError:
    return AwsError("LimitExceededException", f"The limit of {what} is reached.", 400)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def bad_token() -> AwsError:
    return invalid("Invalid NextToken.")
