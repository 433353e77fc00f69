"""What identity pools say when they refuse. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def bad_page() -> AwsError:
    return parameter("Invalid NextToken.")


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


def no_tag_map(provider: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Principal tag attribute map for '{provider}' not found.")


def no_developer(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"Developer user identifier '{name}' not found.")


def conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message)
