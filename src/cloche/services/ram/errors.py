"""What Resource Access Manager says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def no_share(arn: str) -> AwsError:
    return AwsError("UnknownResourceException", f"ResourceShare {arn} could not be found.", 400)


def no_invitation(arn: str) -> AwsError:
    return AwsError("ResourceShareInvitationArnNotFoundException", f"ResourceShareInvitation {arn} could not be found.", 400)


def settled(status: str) -> AwsError:
    """ACCEPTED, REJECTED or EXPIRED"""
    name = {"ACCEPTED": "AlreadyAccepted", "REJECTED": "AlreadyRejected", "EXPIRED": "Expired"}[status]
    return AwsError(f"ResourceShareInvitation{name}Exception", f"The invitation has already been {status.lower()}.", 400)


def malformed(arn: str) -> AwsError:
    return AwsError("MalformedArnException", f"The ARN {arn} is not valid.", 400)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message, 400)


def not_permitted(message: str) -> AwsError:
    return AwsError("OperationNotPermittedException", message, 400)


def no_resource(arn: str) -> AwsError:
    return AwsError("UnknownResourceException", f"The resource {arn} could not be found.", 400)


def within_organization() -> AwsError:
    return not_permitted("The resource you are attempting to share can only be shared within your AWS Organization. This error may also occur if you have not enabled sharing with your AWS "
                         "organization, or that onboarding process is still in progress.")


def default_vpc(arn: str) -> AwsError:
    return not_permitted(f"You can not share {arn}: subnets of a default VPC can not be shared.")


def not_active() -> AwsError:
    return AwsError("InvalidStateTransitionException", "The resource share is not active.", 400)


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The NextToken is not valid.", 400)
