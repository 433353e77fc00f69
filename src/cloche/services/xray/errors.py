"""What X-Ray says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message, 400)


def bad_filter(why: str) -> AwsError:
    return invalid(f"Invalid filter expression: {why}")


def bad_token() -> AwsError:
    return invalid("Invalid next token")


def bad_range() -> AwsError:
    return invalid("EndTime must be after StartTime")


def no_group() -> AwsError:
    return invalid("Group not found")


def group_exists(name: str) -> AwsError:
    return invalid(f"Group {name} already exists")


def no_rule() -> AwsError:
    return invalid("Sampling rule does not exist")


def too_many_rules() -> AwsError:
    return AwsError("RuleLimitExceededException", "Sampling rule limit exceeded", 400)


def no_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", "Resource not found", 404, extra={"ResourceName": arn})


def too_many_tags(arn: str) -> AwsError:
    return AwsError("TooManyTagsException", "Too many tags", 400, extra={"ResourceName": arn})


def malformed_policy(why: str) -> AwsError:
    return AwsError("MalformedPolicyDocumentException", why, 400)


def bad_revision() -> AwsError:
    return AwsError("InvalidPolicyRevisionIdException", "The provided policy revision id does not match the latest policy revision id", 400)


def policy_too_long() -> AwsError:
    return AwsError("PolicySizeLimitExceededException", "The resource policy exceeds the maximum size of 5 KB", 400)


def too_many_policies() -> AwsError:
    return AwsError("PolicyCountLimitExceededException", "The maximum of 5 resource policies has been reached", 400)


def locks_out() -> AwsError:
    return AwsError("LockoutPreventionException", "The provided resource policy would prevent the principal in this request from calling PutResourcePolicy in the future", 400)
