"""What identity pools say when they refuse. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def unauthorized(message: str) -> AwsError:
    return AwsError("NotAuthorizedException", message)


def no_pool(id_: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"IdentityPool '{id_}' not found.")


def no_identity(id_: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Identity '{id_}' not found.")


def no_guests() -> AwsError:
    return unauthorized("Unauthenticated access is not supported for this identity pool.")


def bad_login() -> AwsError:
    return unauthorized("Invalid login token.")


def no_role() -> AwsError:
    return AwsError("InvalidIdentityPoolConfigurationException", "Invalid identity pool configuration. Check assigned IAM roles for this pool.")
