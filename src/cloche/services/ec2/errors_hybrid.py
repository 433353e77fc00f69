"""What EC2 says when it refuses: peering, endpoints, VPN, transit gateways."""
from __future__ import annotations

from cloche.kernel import AwsError

# -- peering -----------------------------------------------------------------------------------------------------------------------

def peering_exists(one: str, other: str, id_: str) -> AwsError:
    return AwsError("VpcPeeringConnectionAlreadyExists", f"A VPC peering connection between VPCs {one} and {other} already exists: {id_}")


def peering_transition(id_: str, status: str, wanted: str) -> AwsError:
    return AwsError("InvalidStateTransition", f"Invalid state transition for {id_}, attempted to transition from {status} to {wanted}")


def peering_not_yours(account: str, verb: str, id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"User {account} cannot {verb} peering {id_}")


def peering_wrong_region(region: str, right: str, verb: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"Incorrect region ({region}) specified for this request. The peering connection can only be {verb} in {right}")


def peering_not_active(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"Peering {id_} is not active. Peering options can be added only to active peering connections.")


def peering_options_not_yours(account: str, side: str, id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"User {account} cannot modify the {side} peering options of {id_}")


def outstanding_peerings() -> AwsError:
    return AwsError("OutstandingVpcPeeringConnectionLimitExceeded", "You've reached the limit on the number of VPC peering connection requests that you can create for the specified VPC.")


def active_peerings(vpc: str) -> AwsError:
    return AwsError("ActiveVpcPeeringConnectionPerVpcLimitExceeded", f"You've reached the limit on the number of active VPC peering connections for {vpc}.")


def classic_link() -> AwsError:
    return AwsError("InvalidParameterValue", "ClassicLink is not available: EC2-Classic was retired in 2022")
