"""Everything Application Auto Scaling refuses, in its words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def no_such_target(namespace: str, resource: str, dimension: str) -> AwsError:
    return AwsError("ObjectNotFoundException", f"No scalable target registered for service namespace: {namespace}, resource ID: {resource}, scalable dimension: {dimension}")


def no_such_policy(name: str) -> AwsError:
    return AwsError("ObjectNotFoundException", f"No scaling policy found with name: {name}")


def no_such_action(name: str) -> AwsError:
    return AwsError("ObjectNotFoundException", f"No scheduled action found with name: {name}")


def no_such_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The scalable target ARN {arn} does not exist.", extra={"ResourceName": arn})


def too_many_tags(arn: str) -> AwsError:
    return AwsError("TooManyTagsException", "A scalable target may have at most 50 tags.", extra={"ResourceName": arn})


def limit(what: str) -> AwsError:
    return AwsError("LimitExceededException", f"The limit of {what} is reached.")


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The next token supplied was invalid.")


def min_over_max(least: int, most: int) -> AwsError:
    return invalid(f"Maximum capacity cannot be less than minimum capacity: {most} < {least}")


def bad_resource(resource: str, dimension: str) -> AwsError:
    return invalid(f"Unsupported service namespace, resource type or scalable dimension: {resource}, {dimension}")


def missing_resource(service: str, resource: str) -> AwsError:
    return invalid(f"{service} resource does not exist: {resource}")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"application-autoscaling: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)
