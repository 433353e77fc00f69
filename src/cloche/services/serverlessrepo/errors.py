"""What the Serverless Application Repository says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def bad(message: str) -> AwsError:
    return AwsError("BadRequestException", message, 400)


def no_application(arn: str) -> AwsError:
    return AwsError("NotFoundException", f"No application with id {arn} was found.", 404)


def no_version(arn: str, version: str) -> AwsError:
    return AwsError("NotFoundException", f"No version {version} of application {arn} was found.", 404)


def no_template(id_: str) -> AwsError:
    return AwsError("NotFoundException", f"No template with id {id_} was found.", 404)


def application_exists(arn: str) -> AwsError:
    return AwsError("ConflictException", f"Application with id {arn} already exists", 409)


def version_exists(arn: str, version: str) -> AwsError:
    return AwsError("ConflictException", f"Version {version} of application {arn} already exists", 409)


def unreadable(bucket: str, key: str) -> AwsError:
    """`sam publish` knows this sentence and says what to do."""
    return bad(f"Failed to copy S3 object. Access denied: bucket={bucket}, key={key}")


def no_object(bucket: str, key: str) -> AwsError:
    return bad(f"Failed to copy S3 object. Object not found: bucket={bucket}, key={key}")


def bad_uri(value: str, where: str) -> AwsError:
    return bad(f"Invalid S3 URI for {where}: {value}")


def both(one: str, other: str) -> AwsError:
    return bad(f"You can specify only one of {one} and {other}")


def needs_capabilities(names: list[str]) -> AwsError:
    return bad(f"Requires capabilities : [{', '.join(names)}]")


def bad_token() -> AwsError:
    return bad("The pagination token is not valid.")
