"""What GuardDuty says when it refuses: BadRequestException, with the kind of it in `__type`."""
from __future__ import annotations

from cloche.kernel import AwsError

INVALID = "InvalidInputException"


def bad(message: str, kind: str = INVALID) -> AwsError:
    return AwsError("BadRequestException", message, 400, extra={"__type": kind})


def exists() -> AwsError:
    return bad("The request is rejected because a detector already exists for the current account.")


def not_owned() -> AwsError:
    return bad("The request is rejected because the input detectorId is not owned by the current account.")


def bad_type(name: str) -> AwsError:
    return bad(f"The request is rejected because an invalid or out-of-range value is specified as an input parameter: {name}.")


def no_filter() -> AwsError:
    return bad("The request is rejected since no such resource found.")


def filter_exists() -> AwsError:
    return bad("The request is rejected because a filter with the given name already exists.")


def bad_token() -> AwsError:
    return bad("The request is rejected because the parameter nextToken has an invalid value.")


def bad_criteria() -> AwsError:
    return bad("The request is rejected because the parameter findingCriteria has an invalid value.")


def reserved() -> AwsError:
    return bad("Tag keys that begin with aws: are reserved.")


def set_exists(kind: str) -> AwsError:
    return bad(f"The request is rejected because a set with the given name already exists: {kind}.")


def too_many_sets() -> AwsError:
    return bad("The request is rejected because the maximum number of sets has been reached.")


def bad_location() -> AwsError:
    return bad("The request is rejected because the parameter location has an invalid value.")


def no_destination() -> AwsError:
    return bad("The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the destinationArn parameter. "
               "Refer to https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_exportfindings.html")
