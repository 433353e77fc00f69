"""What EC2 says when it refuses: the sentences that all nouns share. An area's own sentences are in `errors_<area>.py`.

EC2's model declares no errors; the codes are those of the EC2 API Reference, "Error codes for the Amazon EC2 API".
"""
from __future__ import annotations

from cloche.kernel import AwsError


def not_found(code: str, noun: str, ids: str | list[str]) -> AwsError:
    """`InvalidVpcID.NotFound`, "vpc ID", ... One id or several, as AWS says them."""
    several = [ids] if isinstance(ids, str) else ids
    if len(several) == 1:
        return AwsError(code, f"The {noun} '{several[0]}' does not exist")
    return AwsError(code, f"The {noun}s '{', '.join(several)}' do not exist")


def malformed(code: str, id_: str) -> AwsError:
    """`InvalidInstanceID.Malformed`."""
    return AwsError(code, f'Invalid id: "{id_}"')


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def invalid_value(value: object, parameter: str, why: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({value}) for parameter {parameter} is invalid. {why}")


def combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def missing(parameter: str) -> AwsError:
    return AwsError("MissingParameter", f"The request must contain the parameter {parameter}")


def dependency(noun: str, id_: str) -> AwsError:
    return AwsError("DependencyViolation", f"The {noun} '{id_}' has dependencies and cannot be deleted.")


def dependency_because(message: str) -> AwsError:
    return AwsError("DependencyViolation", message)


def unsupported(message: str) -> AwsError:
    return AwsError("UnsupportedOperation", message)


def not_permitted(message: str) -> AwsError:
    return AwsError("OperationNotPermitted", message)


def incorrect_state(message: str) -> AwsError:
    return AwsError("IncorrectState", message)


def bad_filter(name: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"The filter '{name}' is invalid")


def bad_token(token: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Unable to parse pagination token '{token}'")


def bad_page(size: int, least: int, most: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {least} and {most}.")


def page_with_ids() -> AwsError:
    return AwsError("InvalidParameterCombination", "The parameter MaxResults cannot be used with the parameter that lists identifiers in the same request")


# -- tags -------------------------------------------------------------------------------------------------------------------

def reserved_tag() -> AwsError:
    return AwsError("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")


def bad_tag(why: str) -> AwsError:
    return AwsError("InvalidParameterValue", why)


def too_many_tags() -> AwsError:
    return AwsError("TagLimitExceeded", "More than 50 tags specified")


def duplicate_tag(key: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Duplicate tag key '{key}' specified.")


def wrong_tag_type(kind: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"'{kind}' is not a valid taggable resource type for this operation.")


def bad_id(id_: str) -> AwsError:
    return AwsError("InvalidID", f"The ID '{id_}' is not valid")


# -- idempotency ------------------------------------------------------------------------------------------------------------

def token_reused() -> AwsError:
    return AwsError("IdempotentParameterMismatch", "Client token already used with different parameters")
