"""What CloudTrail says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def bad_attributes(message: str) -> AwsError:
    return AwsError("InvalidLookupAttributesException", message)


def bad_time_range() -> AwsError:
    return AwsError("InvalidTimeRangeException", "The start time must be earlier than the end time.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken is not valid, or it was given for other parameters.")


def throttled() -> AwsError:
    return AwsError("ThrottlingException", "Rate exceeded")
