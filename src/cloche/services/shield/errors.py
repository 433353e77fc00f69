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


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, extra={"reason": "OTHER"})


def wrong_moment(message: str) -> AwsError:
    return AwsError("InvalidOperationException", message)


def bad_response(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


def limit(type_: str, most: int) -> AwsError:
    return AwsError("LimitsExceededException", f"The limit of {most} was reached.", extra={"Type": type_, "Limit": most})


def no_group(id_: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The referenced protection group does not exist: {id_}", extra={"resourceType": "ProtectionGroup"})


def group_exists(id_: str) -> AwsError:
    return AwsError("ResourceAlreadyExistsException", f"The protection group already exists: {id_}", extra={"resourceType": "ProtectionGroup"})


def no_role(arn: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The role does not exist: {arn}", extra={"resourceType": "Role"})


def bad_role(arn: str) -> AwsError:
    return AwsError("InvalidParameterException", f"The role {arn} must trust the service principal drt.shield.amazonaws.com and have the managed policy AWSShieldDRTAccessPolicy.")


def no_team_role() -> AwsError:
    return AwsError("NoAssociatedRoleException", "The account does not have a role associated for the Shield Response Team.")


def no_bucket(name: str) -> AwsError:
    return AwsError("ResourceNotFoundException", f"The log bucket does not exist: {name}", extra={"resourceType": "LogBucket"})


def no_attack(id_: str) -> AwsError:
    return AwsError("AccessDeniedException", f"The attack does not exist, or is not of a resource of this account: {id_}")
