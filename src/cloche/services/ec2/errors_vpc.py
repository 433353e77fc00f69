"""What EC2 says about networks when it refuses: VPCs, subnets, routes, gateways, rules, interfaces, addresses.

Codes and sentences are those of the EC2 API Reference ("Error codes for the Amazon EC2 API") and of answers that people have shown.
"""
from __future__ import annotations

from cloche.kernel import AwsError

# -- limits ------------------------------------------------------------------------------------------------------------------


def vpc_limit() -> AwsError:
    return AwsError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


def vpc_blocks_limit(vpc: str, most: int) -> AwsError:
    return AwsError("CidrLimitExceeded", f"This network '{vpc}' has met its maximum number of allowed CIDRs: {most}")


def subnet_limit() -> AwsError:
    return AwsError("SubnetLimitExceeded", "The maximum number of subnets has been reached.")


def table_limit() -> AwsError:
    return AwsError("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")


def route_limit() -> AwsError:
    return AwsError("RouteLimitExceeded", "The maximum number of routes has been reached.")


def internet_gateway_limit() -> AwsError:
    return AwsError("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")


def egress_only_gateway_limit() -> AwsError:
    return AwsError("InternetGatewayLimitExceeded", "The maximum number of egress-only internet gateways has been reached.")


def acl_limit() -> AwsError:
    return AwsError("NetworkAclLimitExceeded", "The maximum number of network ACLs has been reached.")


def acl_entry_limit() -> AwsError:
    return AwsError("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")


def group_limit() -> AwsError:
    return AwsError("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")


def group_rule_limit() -> AwsError:
    return AwsError("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")


def groups_per_interface() -> AwsError:
    return AwsError("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")


def address_limit() -> AwsError:
    return AwsError("AddressLimitExceeded", "The maximum number of addresses has been reached.")


def interface_limit() -> AwsError:
    return AwsError("NetworkInterfaceLimitExceeded", "The maximum number of network interfaces has been reached.")


def attachment_limit(instance: str, type_: str) -> AwsError:
    return AwsError("AttachmentLimitExceeded", f"Interface count exceeds the limit for instance '{instance}' of type {type_}")


def private_address_limit(type_: str) -> AwsError:
    return AwsError("PrivateIpAddressLimitExceeded", f"Number of private addresses will exceed limit: the instance type {type_} does not support more addresses per interface")


def nat_limit(zone: str) -> AwsError:
    return AwsError("NatGatewayLimitExceeded", f"The maximum number of NAT Gateways has been reached in {zone}.")


def dhcp_limit() -> AwsError:
    return AwsError("DhcpOptionsLimitExceeded", "The maximum number of DHCP options sets has been reached.")


def no_public_addresses() -> AwsError:
    return AwsError("InsufficientAddressCapacity", "There are no addresses in the pool to meet the request")


# -- VPCs and subnets ----------------------------------------------------------------------------------------------------------

def bad_cidr(value: str, parameter: str = "cidrBlock") -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({value}) for parameter {parameter} is invalid. This is not a valid CIDR block.")


def vpc_range(cidr: str) -> AwsError:
    return AwsError("InvalidVpc.Range", f"The CIDR '{cidr}' is invalid.")


def vpc_conflict(cidr: str) -> AwsError:
    return AwsError("InvalidVpc.Conflict", f"The CIDR '{cidr}' conflicts with another block of the VPC")


def restricted_block(cidr: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"The CIDR '{cidr}' is restricted. Use a CIDR from the same private address range as the current VPC CIDR, or use a publicly-routable CIDR. "
                    "For additional restrictions, see https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Subnets.html")


def no_cidr() -> AwsError:
    return AwsError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")


def default_vpc_exists(id_: str) -> AwsError:
    return AwsError("DefaultVpcAlreadyExists", f"A Default VPC already exists for this account in this region: {id_}")


def no_default_vpc() -> AwsError:
    return AwsError("DefaultVpcDoesNotExist", "No default VPC exists for this account in this region.")


def no_default_vpc_for_user() -> AwsError:
    return AwsError("VPCIdNotSpecified", "No default VPC for this user")


def default_subnet_exists(id_: str, zone: str) -> AwsError:
    return AwsError("DefaultSubnetAlreadyExistsInAvailabilityZone", f"'{id_}' is already the default subnet in {zone}.")


def dns_hostnames_need_support() -> AwsError:
    return AwsError("InvalidParameterCombination", "enableDnsHostnames can only be enabled when enableDnsSupport is enabled.")


def one_attribute() -> AwsError:
    return AwsError("InvalidParameterCombination", "Fields for multiple attribute types specified")


def no_attribute() -> AwsError:
    return AwsError("MissingParameter", "The request must contain exactly one attribute to modify")


def association_not_found(noun: str, id_: str) -> AwsError:
    return AwsError("InvalidAssociationID.NotFound", f"The {noun} '{id_}' does not exist")


def vpc_block_not_found(id_: str) -> AwsError:
    return AwsError("InvalidVpcCidrBlockAssociationID.NotFound", f"The vpc CIDR block association ID '{id_}' does not exist")


def subnet_block_not_found(id_: str) -> AwsError:
    return AwsError("InvalidSubnetCidrBlockAssociationID.NotFound", f"The subnet CIDR block association ID '{id_}' does not exist")


def primary_block(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"The vpc CIDR block with association ID {id_} may not be disassociated. It is the primary IPv4 CIDR block of the VPC")


def block_in_use(cidr: str) -> AwsError:
    return AwsError("InvalidCidr.InUse", f"CIDR '{cidr}' is currently in use.")


def subnet_range(cidr: str) -> AwsError:
    return AwsError("InvalidSubnet.Range", f"The CIDR '{cidr}' is invalid.")


def subnet_conflict(cidr: str) -> AwsError:
    return AwsError("InvalidSubnet.Conflict", f"The CIDR '{cidr}' conflicts with another subnet")


def subnet_full(id_: str) -> AwsError:
    return AwsError("InsufficientFreeAddressesInSubnet", f"There are not enough free addresses in subnet '{id_}' to satisfy the requested number of instances.")


def insufficient_in_zone(id_: str) -> AwsError:
    return AwsError("InsufficientFreeAddressesInSubnet", f"The specified subnet does not have enough free addresses to satisfy the request: {id_}")


# -- routes and gateways ---------------------------------------------------------------------------------------------------------

def route_exists(destination: str) -> AwsError:
    return AwsError("RouteAlreadyExists", f"The route identified by {destination} already exists.")


def route_not_found(destination: str, table: str) -> AwsError:
    return AwsError("InvalidRoute.NotFound", f"no route with destination-cidr-block {destination} in route table {table}")


def replace_route_not_found(destination: str, table: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"There is no route defined for '{destination}' in the route table. Use CreateRoute instead.")


def local_route(destination: str, table: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"cannot remove local route {destination} in route table {table}")


def different_networks(table: str, target: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"route table {table} and network gateway {target} belong to different networks")


def one_target() -> AwsError:
    return AwsError("InvalidParameterCombination", "The parameters specify more than one target or destination: exactly one of each is expected")


def narrower_than_local(destination: str, cidr: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Route with destination {destination} is more specific than the local route {cidr} and does not match the CIDR block of a subnet, "
                    "or its target is not a NAT gateway, network interface, or Gateway Load Balancer endpoint")


def main_association(id_: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"cannot disassociate the main route table association {id_}")


def already_associated(message: str) -> AwsError:
    return AwsError("Resource.AlreadyAssociated", message)


def has_gateway(vpc: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Network {vpc} already has an internet gateway attached")


def not_attached(gateway: str, vpc: str) -> AwsError:
    return AwsError("Gateway.NotAttached", f"resource {gateway} is not attached to network {vpc}")


def no_internet_gateway(vpc: str) -> AwsError:
    return AwsError("Gateway.NotAttached", f"Network {vpc} is not attached to any internet gateway")


def mapped_addresses(vpc: str) -> AwsError:
    return AwsError("DependencyViolation", f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.")


def nat_not_found(id_: str) -> AwsError:
    return AwsError("NatGatewayNotFound", f"NatGateway {id_} was not found")


def nat_malformed(id_: str) -> AwsError:
    return AwsError("NatGatewayMalformed", f"The NAT gateway ID '{id_}' is malformed")


def elastic_address_not_found(id_: str) -> AwsError:
    return AwsError("InvalidElasticIpID.NotFound", f"Elastic IP allocation ID '{id_}' does not exist")


# -- network ACLs ------------------------------------------------------------------------------------------------------------------

def entry_exists(number: int) -> AwsError:
    return AwsError("NetworkAclEntryAlreadyExists", f"The network acl entry identified by {number} already exists.")


def entry_not_found(number: int, egress: bool) -> AwsError:
    return AwsError("InvalidNetworkAclEntry.NotFound", f"The {'egress' if egress else 'ingress'} network acl entry with rule number {number} does not exist")


def entry_number(number: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({number}) for parameter ruleNumber is invalid. Must be between 1 and 32766")


def default_acl(id_: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"cannot delete default network ACL {id_}")


# -- security groups -----------------------------------------------------------------------------------------------------------------

def group_not_found(id_: str) -> AwsError:
    return AwsError("InvalidGroup.NotFound", f"The security group '{id_}' does not exist")


def group_id_malformed(id_: str) -> AwsError:
    return AwsError("InvalidGroupId.Malformed", f'Invalid id: "{id_}" (expecting "sg-...")')


def group_duplicate(name: str, vpc: str) -> AwsError:
    return AwsError("InvalidGroup.Duplicate", f"The security group '{name}' already exists for VPC '{vpc}'")


def group_reserved(name: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Cannot use reserved security group name: {name}")


def group_name(name: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*." if name.startswith("sg-") else
                    f"Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported.")


def group_description(value: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({value}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.")


def rule_description(value: str) -> AwsError:
    return AwsError("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")


def default_group(id_: str, name: str = "default") -> AwsError:
    return AwsError("CannotDelete", f'the specified group: "{id_}" name: "{name}" cannot be deleted by a user')


def group_in_use(id_: str) -> AwsError:
    return AwsError("DependencyViolation", f"resource {id_} has a dependent object")


def permission_duplicate(rule: str) -> AwsError:
    return AwsError("InvalidPermission.Duplicate", f'the specified rule "{rule}" already exists')


def permission_twice() -> AwsError:
    return AwsError("InvalidParameterValue", "The same permission must not appear multiple times")


def permission_not_found() -> AwsError:
    return AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")


def permission_malformed(why: str) -> AwsError:
    return AwsError("InvalidPermission.Malformed", why)


def ports_missing(kind: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid value 'Must specify both from and to ports with {kind}.' for portRange.")


def bad_ports(low: int, high: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid TCP/UDP port range ({low}:{high})")


def bad_protocol(value: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Invalid value '{value}' for IP protocol. Unknown protocol.")


def bad_rule_cidr(value: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"CIDR block {value} is malformed")


def rule_not_found(ids: list[str]) -> AwsError:
    if len(ids) == 1:
        return AwsError("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{ids[0]}' does not exist")
    return AwsError("InvalidSecurityGroupRuleId.NotFound", f"The security group rule IDs '{', '.join(ids)}' do not exist")


def group_other_network(id_: str, vpc: str) -> AwsError:
    return AwsError("InvalidGroup.NotFound", f"You have specified two resources that belong to different networks: security group {id_} is not in {vpc}")


def groups_other_network() -> AwsError:
    return AwsError("InvalidParameterValue", "You have specified two resources that belong to different networks.")


# -- interfaces and addresses -----------------------------------------------------------------------------------------------------------

def address_outside(address: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Address {address} does not fall within the subnet's address range")


def address_reserved(address: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Address {address} is in subnet's reserved address range")


def address_in_use(address: str) -> AwsError:
    return AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def bad_address(address: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"invalid value for parameter address: {address}")


def interface_in_use(id_: str) -> AwsError:
    return AwsError("InvalidNetworkInterface.InUse", f"Network interface '{id_}' is currently in use.")


def interface_delete_in_use(id_: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Network interface '{id_}' is currently in use.")


def attachment_not_found(id_: str) -> AwsError:
    return AwsError("InvalidAttachmentID.NotFound", f"The interface attachment '{id_}' does not exist.")


def primary_interface(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", "The network interface at device index 0 and networkCard index 0 cannot be detached.")


def device_taken(instance: str, index: int) -> AwsError:
    return AwsError("InvalidParameterValue", f"Instance '{instance}' already has an interface attached at device index '{index}'.")


def other_zone(eni: str, zone: str, instance_zone: str) -> AwsError:
    return AwsError("InvalidParameterCombination", f"You may not attach a network interface to an instance if they are not in the same availability zone. "
                    f"Network interface '{eni}' is in {zone}, the instance is in {instance_zone}")


def managed_interface(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"You do not have permission to access the specified resource: {id_} is managed by an AWS service.")


def allocation_not_found(ids: str | list[str]) -> AwsError:
    if isinstance(ids, str) or len(ids) == 1:
        return AwsError("InvalidAllocationID.NotFound", f"The allocation ID '{ids if isinstance(ids, str) else ids[0]}' does not exist")
    return AwsError("InvalidAllocationID.NotFound", f"The allocation IDs '{', '.join(ids)}' do not exist")


def public_address_not_found(address: str) -> AwsError:
    return AwsError("InvalidAddress.NotFound", f"Address '{address}' not found.")


def auth_failure_address(address: str) -> AwsError:
    return AwsError("AuthFailure", f"The address '{address}' does not belong to you.")


def address_still_associated(address: str) -> AwsError:
    return AwsError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def address_locked(address: str) -> AwsError:
    return AwsError("InvalidAddress.Locked", f"Address {address} cannot be released: it is in use by a managed resource.")


def eip_associated(id_: str) -> AwsError:
    return AwsError("Resource.AlreadyAssociated", f"resource {id_} is already associated with associate-id")


def managed_address() -> AwsError:
    return AwsError("AuthFailure", "You do not have permission to access the specified resource.")


def address_not_associated(address: str) -> AwsError:
    return AwsError("InvalidAssociationID.NotFound", f"The association ID for address '{address}' does not exist")


def cidr_is_routed(cidr: str, table: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"The CIDR '{cidr}' is the same as or larger than the destination of a route in route table {table}")


def egress_gateway_not_found(ids: list[str]) -> AwsError:
    return AwsError("InvalidGatewayID.NotFound", f"The eigw ID '{ids[0]}' does not exist")


def subnet_block_limit(subnet: str) -> AwsError:
    return AwsError("SubnetCidrBlockLimitExceeded", f"The maximum number of IPv6 CIDR blocks associated with the subnet '{subnet}' has been reached.")


def too_many_addresses(most: int) -> AwsError:
    return AwsError("PrivateIpAddressLimitExceeded", f"A network interface has at most {most} addresses")
