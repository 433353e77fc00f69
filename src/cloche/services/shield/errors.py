"""What Shield says when it refuses."""
from __future__ import annotations

from cloche.kernel import AwsError


def no_subscription() -> AwsError:
    return AwsError("ResourceNotFoundException", "The subscription does not exist.", extra={"resourceType": "Subscription"})


def subscribed() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The subscription already exists.", extra={"resourceType": "Subscription"})


def locked() -> AwsError:
    return AwsError("LockedSubscriptionException", "You are trying to update a subscription that has not yet completed the 1-year commitment.")


def not_subscribed() -> AwsError:
    return AwsError("InvalidOperationException", "The account is not subscribed to AWS Shield Advanced.")


def no_protection(id_: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The referenced protection does not exist: {id_}", extra={"resourceType": "Protection"})


def protected() -> AwsError:
    return AwsError("ResourceAlreadyExistsException", "The referenced resource is already protected.", extra={"resourceType": "Protection"})


def no_resource(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The referenced resource does not exist: {arn}")


def bad_resource(arn: str) -> AwsError:
    return AwsError("InvalidResourceException", f"Unrecognized resource '{arn}'. Protections are for Elastic IP addresses, Elastic Load Balancers, CloudFront distributions, "
                    "Global Accelerator accelerators and Route 53 hosted zones.")


def either() -> AwsError:
    return AwsError("InvalidParameterException", "Exactly one of ProtectionId and ResourceArn is required.")


def too_many(most: int) -> AwsError:
    return AwsError("LimitsExceededException", f"The limit of {most} protections for this resource type was reached.", extra={"Type": "Protection", "Limit": most})


def bad_token() -> AwsError:
    return AwsError("InvalidPaginationTokenException", "The NextToken is not valid.")
