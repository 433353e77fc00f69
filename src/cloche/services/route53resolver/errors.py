"""What Route 53 Resolver says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def not_found(what: str, id_: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"[RSLVR-00703] {what} with ID \"{id_}\" does not exist.", extra={"ResourceType": what})


def exists(what: str, reference: str) -> AwsError:
    return AwsError("ResourceExistsException", f"[RSLVR-00602] {what} with creator request ID \"{reference}\" already exists.", extra={"ResourceType": what})


def parameter(message: str, field: str = "") -> AwsError:
    return AwsError("InvalidParameterException", message, extra={"FieldName": field} if field else {})


def request(message: str) -> AwsError:
    return AwsError("InvalidRequestException", message)


def in_use(what: str, id_: str, by: str) -> AwsError:
    return AwsError("ResourceInUseException", f"[RSLVR-00902] {what} with ID \"{id_}\" is in use: {by}.", extra={"ResourceType": what})


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The value of NextToken is not valid.")


def limit(what: str) -> AwsError:
    return AwsError("LimitExceededException", f"[RSLVR-00501] The limit of {what} has been reached.", extra={"ResourceType": what})
