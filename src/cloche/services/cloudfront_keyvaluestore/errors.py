"""What CloudFront KeyValueStore says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def no_store() -> AwsError:
    return AwsError("ResourceNotFoundException", "Key Value Store was not found.", 404)


def no_key() -> AwsError:
    return AwsError("ResourceNotFoundException", "Key was not found.", 404)


def stale() -> AwsError:
    return AwsError("ConflictException", "Pre-Condition failed", 409)


def unversioned() -> AwsError:
    return AwsError("ValidationException", "If-Match header is required", 400)


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message, 400)


def full() -> AwsError:
    return AwsError("ServiceQuotaExceededException", "The Key Value Store would be larger than 5 MB.", 402)
