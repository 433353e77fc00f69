"""What STS says when it refuses. One function per sentence, in AWS's own words."""
from cloche.kernel import AwsError


def denied(who: str, action: str, resource: str) -> AwsError:
    return AwsError("AccessDenied", f"User: {who} is not authorized to perform: {action} on resource: {resource}", 403)


def by_root() -> AwsError:
    return AwsError("AccessDenied", "Roles may not be assumed by root accounts.", 403)


def beyond_role() -> AwsError:
    return AwsError("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.", 400)


def beyond_chaining() -> AwsError:
    return AwsError("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.", 400)


def beyond_root() -> AwsError:
    return AwsError("ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for root users.", 400)


def not_with_session(operation: str) -> AwsError:
    return AwsError("AccessDenied", f"Cannot call {operation} with session credentials", 403)


def outbound_disabled() -> AwsError:
    return AwsError("OutboundWebIdentityFederationDisabledException", "Outbound web identity federation is not enabled for this account. Enable it in IAM first.", 403)


def beyond_session() -> AwsError:
    return AwsError("SessionDurationEscalationException", "The requested token duration would extend the session beyond its original expiration time.", 403)


def bad_algorithm(name: str) -> AwsError:
    return AwsError("ValidationError", f"Invalid signing algorithm {name}: it is one of RS256, ES384.", 400)


def no_origin() -> AwsError:
    return AwsError("ValidationError", "The calling session has no trusted identity propagation context with an origin identity.", 400)


def no_context(message: str) -> AwsError:
    return AwsError("ValidationError", message, 400)


def bad_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicyDocument", message, 400)


def packed_too_large(percent: int) -> AwsError:
    return AwsError("PackedPolicyTooLarge", f"Packed size of session tags, policy and policy ARNs consumes {percent}% of allotted space.", 400)


def duplicate_tags() -> AwsError:
    return AwsError("InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.", 400)


def transitive_missing() -> AwsError:
    return AwsError("InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.", 400)


def transitive_override(key: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {key}", 400)


def source_identity_set() -> AwsError:
    return AwsError("AccessDenied", "Source identity can not be changed once it is set.", 403)


def no_such_session_policy(arn: str) -> AwsError:
    return AwsError("ValidationError", f"Policy {arn} does not exist or is not attachable.", 400)


def bad_mfa() -> AwsError:
    return AwsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403)


def unknown_key(key: str) -> AwsError:
    return AwsError("ValidationError", f"The access key {key} does not exist.", 400)


def bad_message() -> AwsError:
    return AwsError("InvalidAuthorizationMessageException", "Message is not a valid authorization message", 400)


def no_identity(message: str) -> AwsError:
    return AwsError("InvalidIdentityToken", message, 400)


def not_authorized(action: str) -> AwsError:
    return AwsError("AccessDenied", f"Not authorized to perform {action}", 403)


def idp_rejected(status: str) -> AwsError:
    return AwsError("IDPRejectedClaim", f"The identity provider refused the request: {status}", 403)


def assertion_expired() -> AwsError:
    return AwsError("ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance", 400)


def no_keys() -> AwsError:
    return no_identity("Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements")


def token_expired() -> AwsError:
    return AwsError("ExpiredTokenException", "Token expired: current date/time must be before the expiration date/time", 400)


def bad_target(target: str) -> AwsError:
    return AwsError("ValidationError", f"{target} is invalid: a member account's id or the ARN of its root user is expected", 400)


def no_task_policy(arn: str) -> AwsError:
    return AwsError("ValidationError", f"{arn} is not one of the policies for root tasks", 400)
