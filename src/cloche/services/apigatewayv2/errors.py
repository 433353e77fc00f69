"""What HTTP APIs' control plane says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def bad_request(message: str) -> AwsError:
    return AwsError("BadRequestException", message, 400)


def not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message, 404)


def conflict(message: str) -> AwsError:
    return AwsError("ConflictException", message, 409)


def no_api(api: str) -> AwsError:
    return not_found(f"Invalid API identifier specified {api}")


def no_such(noun: str, key: str) -> AwsError:
    return not_found(f"Unable to find {noun} by key {key} within the provided API")


def bad_route_key() -> AwsError:
    return bad_request(
        'The provided route key is not formatted properly for HTTP protocol. Format should be "<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
    )


def route_exists(key: str) -> AwsError:
    return conflict(f"Route with key {key} already exists for this API")


def managed(what: str) -> AwsError:
    return bad_request(f"{what} is managed by API Gateway (quick create) and cannot be changed this way.")
