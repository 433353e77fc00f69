"""What the portal says when it refuses."""
from cloche.kernel import AwsError


def unauthorized() -> AwsError:
    return AwsError("UnauthorizedException", "Session token not found or invalid", 401)


def no_access() -> AwsError:
    return AwsError("ForbiddenException", "No access", 403)


def bad_token() -> AwsError:
    return AwsError("InvalidRequestException", "Invalid pagination token", 400)
