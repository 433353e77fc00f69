"""What the schema registry says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def bad_request(why: str) -> AwsError:
    return AwsError("BadRequestException", why, 400, extra={"Code": "BadRequest"})


def no_registry(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Registry with name {name} does not exist.", 404, extra={"Code": "NotFound"})


def no_schema(registry: str, name: str) -> AwsError:
    return AwsError("NotFoundException", f"Schema with name {name} does not exist in registry {registry}.", 404, extra={"Code": "NotFound"})


def no_version(name: str, version: str) -> AwsError:
    return AwsError("NotFoundException", f"Version {version} of schema {name} does not exist.", 404, extra={"Code": "NotFound"})


def no_discoverer(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Discoverer with id {name} does not exist.", 404, extra={"Code": "NotFound"})


def no_policy(name: str) -> AwsError:
    return AwsError("NotFoundException", f"Registry {name} has no resource policy.", 404, extra={"Code": "NotFound"})


def no_resource(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"Resource {arn} does not exist.", 404, extra={"Code": "NotFound"})


def exists(kind: str, name: str) -> AwsError:
    return AwsError("ConflictException", f"{kind} with name {name} already exists.", 409, extra={"Code": "Conflict"})


def reserved(name: str) -> AwsError:
    return AwsError("ForbiddenException", f"Registry {name} is reserved for AWS.", 403, extra={"Code": "Forbidden"})


def revision_differs() -> AwsError:
    return AwsError("PreconditionFailedException", "The revision id does not match the latest one.", 412, extra={"Code": "PreconditionFailed"})


def bad_token() -> AwsError:
    return bad_request("The NextToken is not valid.")
