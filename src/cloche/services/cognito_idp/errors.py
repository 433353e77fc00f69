"""What user pools say when they refuse. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def unauthorized(message: str) -> AwsError:
    return AwsError("NotAuthorizedException", message)


def missing(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", what)


def no_pool(id_: str) -> AwsError:
    return missing(f"User pool {id_} does not exist.")


def no_client(id_: str) -> AwsError:
    return missing(f"User pool client {id_} does not exist.")


def no_group() -> AwsError:
    return missing("Group not found.")


def no_user() -> AwsError:
    return AwsError("UserNotFoundException", "User does not exist.")


def group_exists() -> AwsError:
    return AwsError("GroupExistsException", "A group with the name already exists.")


def user_exists(message: str = "User already exists") -> AwsError:
    return AwsError("UsernameExistsException", message)


def alias_exists(message: str) -> AwsError:
    return AwsError("AliasExistsException", message)


def schema(message: str) -> AwsError:
    return parameter(f"Attributes did not conform to the schema: {message}\n")


def bad_password(message: str) -> AwsError:
    return AwsError("InvalidPasswordException", f"Password did not conform with policy: {message}")


def password_used() -> AwsError:
    return AwsError("PasswordHistoryPolicyViolationException", "Password has previously been used.")


def wrong_password() -> AwsError:
    return unauthorized("Incorrect username or password.")


def attempts_exceeded() -> AwsError:
    return unauthorized("Password attempts exceeded")


def disabled() -> AwsError:
    return unauthorized("User is disabled.")


def unconfirmed() -> AwsError:
    return AwsError("UserNotConfirmedException", "User is not confirmed.")


def reset_required() -> AwsError:
    return AwsError("PasswordResetRequiredException", "Password reset required for the user")


def temporary_expired() -> AwsError:
    return unauthorized("Temporary password has expired and must be reset by an administrator.")


def code_mismatch() -> AwsError:
    return AwsError("CodeMismatchException", "Invalid verification code provided, please try again.")


def mfa_mismatch() -> AwsError:
    return AwsError("CodeMismatchException", "Invalid code received for user")


def code_expired() -> AwsError:
    return AwsError("ExpiredCodeException", "Invalid code provided, please request a code again.")


def too_many_tries() -> AwsError:
    return AwsError("LimitExceededException", "Attempt limit exceeded, please try after some time.")


def provider_exists(name: str) -> AwsError:
    return AwsError("DuplicateProviderException", f"A provider with the name {name} already exists in the user pool.")


def bad_page() -> AwsError:
    return parameter("Invalid NextToken.")


def bad_session() -> AwsError:
    return unauthorized("Invalid session for the user.")


def session_expired() -> AwsError:
    return unauthorized("Invalid session for the user, session is expired.")


def no_secret_hash(client_id: str) -> AwsError:
    return unauthorized(f"Client {client_id} is configured with secret but SECRET_HASH was not received")


def bad_secret_hash(client_id: str) -> AwsError:
    return unauthorized(f"Unable to verify secret hash for client {client_id}")


def bad_access_token() -> AwsError:
    return unauthorized("Invalid Access Token")


def access_token_expired() -> AwsError:
    return unauthorized("Access Token has expired")


def access_token_revoked() -> AwsError:
    return unauthorized("Access Token has been revoked")


def no_scope() -> AwsError:
    return unauthorized("Access Token does not have required scopes")


def lambda_said(trigger: str, message: str) -> AwsError:
    return AwsError("UserLambdaValidationException", f"{trigger} failed with error {message}.")


def lambda_unreachable(trigger: str, why: str) -> AwsError:
    return AwsError("UnexpectedLambdaException", f"{trigger} invocation failed due to error {why}.")


def lambda_answer() -> AwsError:
    return AwsError("InvalidLambdaResponseException", "Unrecognizable lambda output")


def bad_role(message: str) -> AwsError:
    return AwsError("InvalidSmsRoleTrustRelationshipException", message)


def software_token(message: str = "Code mismatch") -> AwsError:
    return AwsError("EnableSoftwareTokenMFAException", message)


def precondition(message: str) -> AwsError:
    return AwsError("PreconditionNotMetException", message)


def forbidden() -> AwsError:
    return AwsError("ForbiddenException", "Request not allowed due to WAF block.")


def unsupported(message: str) -> AwsError:
    return AwsError("UnsupportedOperationException", message)


def unbuilt(what: str) -> AwsError:
    return AwsError("NotImplemented", f"cognito-idp: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


def no_such_scope(scope: str) -> AwsError:
    return AwsError("ScopeDoesNotExistException", f"The scope {scope} does not exist.")


def no_resend() -> AwsError:
    return AwsError("UnsupportedUserStateException", "Resend not possible. The user's status is not FORCE_CHANGE_PASSWORD.")


def domain(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
