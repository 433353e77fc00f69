"""What CloudWatch Logs says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_group() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log group does not exist.")


def no_stream() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified log stream does not exist.")


def no_filter(what: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The specified {what} filter does not exist.")


def no_resource() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified resource does not exist.")


def group_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log group already exists")


def stream_exists() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The specified log stream already exists")


def bad_key(arn: str) -> AwsError:
    return invalid(f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'.")


def closed(arn: str) -> AwsError:
    """The key of events that are there, or were to come."""
    return AwsError("AccessDeniedException", f"The specified KMS key does not exist or is not allowed to be used with Arn '{arn}'.")


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def protected() -> AwsError:
    return AwsError("OperationAbortedException", "The specified log group has deletion protection enabled. Disable deletion protection before deleting it.")


def unsorted() -> AwsError:
    return invalid("Log events in a single PutLogEvents request must be in chronological order.")


def too_wide() -> AwsError:
    return invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")


def too_large(size: int, limit: int, what: str = "Upload") -> AwsError:
    return invalid(f"{what} too large: {size} bytes exceeds limit of {limit}")


def bad_token() -> AwsError:
    return invalid("The specified nextToken is invalid.")


def too_many_filters() -> AwsError:
    return AwsError("LimitExceededException", "Resource limit exceeded.")


def not_executable() -> AwsError:
    return invalid("Could not execute the lambda function. Make sure you have given CloudWatch Logs permission to execute your function.")


def role_needed(vendor: str) -> AwsError:
    return invalid(f"destinationArn for vendor {vendor} cannot be used without roleArn")


def role_not_wanted(vendor: str) -> AwsError:
    return invalid(f"destinationArn for vendor {vendor} cannot be used with roleArn")


def no_test_message(name: str) -> AwsError:
    return invalid(f"Could not deliver test message to specified {name} stream. Check if the given {name} stream is in ACTIVE state.")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", "The request contains too many tags: a resource can have 50 at most.")


def no_destination() -> AwsError:
    return AwsError("ResourceNotFoundException", "The specified destination does not exist.")
