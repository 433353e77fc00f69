"""Every sentence S3 Control says no with."""
from __future__ import annotations

from cloche.kernel import AwsError


def access_denied(message: str = "Access Denied") -> AwsError:
    return AwsError("AccessDenied", message, 403)


def bad_name(name: str) -> AwsError:
    return AwsError("InvalidRequest", f"The access point name {name} is not valid: names have 3 to 50 small letters, digits and hyphens, and do not end in -s3alias.")


def no_such_bucket(name: str) -> AwsError:
    return AwsError("NoSuchBucket", f"The specified bucket does not exist: {name}", 404)


def no_such_point() -> AwsError:
    return AwsError("NoSuchAccessPoint", "The specified accesspoint does not exist", 404)


def no_policy() -> AwsError:
    return AwsError("NoSuchAccessPointPolicy", "The specified accesspoint policy does not exist", 404)


def already_yours(name: str) -> AwsError:
    return AwsError("AccessPointAlreadyOwnedByYou", "Your previous request to create the named accesspoint succeeded and you already own it.", 409, extra={"AccessPointName": name})


def too_many() -> AwsError:
    return AwsError("TooManyAccessPoints", "You have attempted to create more access points than allowed in the account and Region")


def malformed_policy(message: str) -> AwsError:
    return AwsError("MalformedPolicy", message)


def no_block() -> AwsError:
    return AwsError("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found", 404)


def bad_token() -> AwsError:
    return AwsError("InvalidToken", "The token that you provided is not valid")


def no_such_resource() -> AwsError:
    return AwsError("NoSuchResource", "The specified resource doesn't exist.", 404)


def bad(message: str) -> AwsError:
    return AwsError("InvalidRequest", message)


def no_such_job(id_: str) -> AwsError:
    return AwsError("NotFoundException", f"The specified job does not exist: {id_}", 404)


def token_used() -> AwsError:
    return AwsError("IdempotencyException", "The client request token was used before with other parameters")


def wrong_status(status: str) -> AwsError:
    return AwsError("JobStatusException", f"The requested change is not possible: the job's status is {status}")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTagsException", "A job can have at most 50 tags")


def not_built(message: str) -> AwsError:
    return AwsError("NotImplemented", message, 501)
