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


# -- endpoints ----------------------------------------------------------------------------------------------------------------------

def endpoint_not_found(ids: list[str]) -> AwsError:
    return AwsError("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id{'s' if len(ids) > 1 else ''} '{', '.join(ids)}' {'do' if len(ids) > 1 else 'does'} not exist")


def endpoint_malformed(id_: str) -> AwsError:
    return AwsError("InvalidVpcEndpointId.Malformed", f"Invalid Id: '{id_}' (expecting 'vpce-...')")


def no_such_service(name: str) -> AwsError:
    return AwsError("InvalidServiceName", f"The Vpc Endpoint Service '{name}' does not exist")


def endpoint_parameter(message: str) -> AwsError:
    return AwsError("InvalidParameter", message)


def endpoint_type(wanted: str, types: tuple[str, ...]) -> AwsError:
    return endpoint_parameter(f"Endpoint type ({wanted}) does not match available service types ([{', '.join(types)}]).")


def private_dns_attributes(vpc: str) -> AwsError:
    return endpoint_parameter(f"Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {vpc}")


def private_dns_conflict(name: str, vpc: str) -> AwsError:
    return endpoint_parameter(f"private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {vpc}")


def private_dns_unsupported(name: str) -> AwsError:
    return endpoint_parameter(f"Private DNS can't be enabled because the service {name} does not provide the private DNS name.")


def same_zone(subnet: str) -> AwsError:
    return AwsError("DuplicateSubnetsInSameZone", f"Found another VPC endpoint subnet in the availability zone of {subnet}. VPC endpoint subnets should be in different availability zones "
                    "supported by the VPC endpoint service.")


def endpoint_route_exists(table: str, destination: str) -> AwsError:
    return AwsError("RouteAlreadyExists", f"route table {table} already has a route with destination-prefix-list-id {destination}")


def endpoint_route() -> AwsError:
    return AwsError("InvalidParameterValue", "Routes to a gateway endpoint are made with the endpoint, not by themselves")


def bad_endpoint_policy(why: str) -> AwsError:
    return AwsError("InvalidPolicyDocument", f"The specified policy document is not valid: {why}")


def only_for(member: str, kind: str) -> AwsError:
    return endpoint_parameter(f"{member} is not supported for {kind} endpoints")


def endpoint_service_not_found(ids: list[str]) -> AwsError:
    return AwsError("InvalidVpcEndpointServiceId.NotFound", f"The VpcEndpointService Id{'s' if len(ids) > 1 else ''} '{', '.join(ids)}' {'do' if len(ids) > 1 else 'does'} not exist")


def balancers_needed() -> AwsError:
    return endpoint_parameter("You must specify at least one Network Load Balancer or Gateway Load Balancer ARN")


def balancer_not_found(arn: str) -> AwsError:
    return endpoint_parameter(f"One or more Load Balancer ARNs are not valid: {arn}")


def balancer_taken(arn: str) -> AwsError:
    return endpoint_parameter(f"The Load Balancer {arn} is already associated with another VPC endpoint service")


def service_in_use(id_: str) -> AwsError:
    return AwsError("ExistingVpcEndpointConnections", f"The VPC endpoint service {id_} has existing connections")


def connection_state(endpoint: str, state: str) -> AwsError:
    return AwsError("InvalidState", f"The endpoint connection {endpoint} is in the state {state}")


# -- VPN ----------------------------------------------------------------------------------------------------------------------------

def certificate_not_found(arn: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"The certificate {arn} does not exist")


def customer_gateway_limit() -> AwsError:
    return AwsError("CustomerGatewayLimitExceeded", "The maximum number of customer gateways has been reached.")


def vpn_gateway_limit() -> AwsError:
    return AwsError("VpnGatewayLimitExceeded", "The maximum number of virtual private gateways has been reached.")


def vpn_connection_limit() -> AwsError:
    return AwsError("VpnConnectionLimitExceeded", "The maximum number of VPN connections has been reached.")


def gateway_attached(id_: str, vpc: str) -> AwsError:
    return AwsError("VpnGatewayAttachmentLimitExceeded", f"The virtual private gateway {id_} is already attached to {vpc}")


def vpc_has_gateway(vpc: str, gateway: str) -> AwsError:
    return AwsError("InvalidVpcState", f"VPC {vpc} already has the virtual private gateway {gateway} attached")


def gateway_not_attached(id_: str, vpc: str) -> AwsError:
    return AwsError("InvalidVpnGatewayAttachment.NotFound", f"The attachment with vpn gateway ID '{id_}' and vpc ID '{vpc}' does not exist")


# -- transit gateways -----------------------------------------------------------------------------------------------------------------

def transit_limit() -> AwsError:
    return AwsError("TransitGatewayLimitExceeded", "The maximum number of transit gateways has been reached.")


def transit_attached(vpc: str, transit: str, id_: str) -> AwsError:
    return AwsError("DuplicateTransitGatewayAttachment", f"{transit} already has the attachment {id_} to the VPC {vpc}.")


def transit_subnets_zone() -> AwsError:
    return AwsError("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ")


def transit_route_exists(cidr: str, table: str) -> AwsError:
    return AwsError("RouteAlreadyExists", f"Route {cidr} already exists in Transit Gateway Route Table {table}.")


def transit_route_not_found(cidr: str, table: str) -> AwsError:
    return AwsError("InvalidRoute.NotFound", f"Route {cidr} does not exist in Transit Gateway Route Table {table}.")


def transit_already_associated(attachment: str, table: str) -> AwsError:
    return AwsError("Resource.AlreadyAssociated", f"Transit Gateway Attachment {attachment} is already associated to the Transit Gateway Route Table {table}.")


def transit_not_associated(attachment: str, table: str) -> AwsError:
    return AwsError("InvalidAssociation.NotFound", f"Transit Gateway Attachment {attachment} is not associated with the Transit Gateway Route Table {table}.")


def transit_propagates(attachment: str, table: str) -> AwsError:
    return AwsError("TransitGatewayRouteTablePropagation.Duplicate", f"Propagation {attachment} already exists in Transit Gateway Route Table {table}.")


def transit_not_propagating(attachment: str, table: str) -> AwsError:
    return AwsError("TransitGatewayRouteTablePropagation.NotFound", f"Propagation {attachment} was not found in Transit Gateway Route Table {table}.")


def transit_has(id_: str, what: list[str]) -> AwsError:
    return AwsError("IncorrectState", f"{id_} has non-deleted {what[0]}")
