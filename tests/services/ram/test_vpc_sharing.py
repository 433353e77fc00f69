"""What is shared takes effect: subnets, prefix lists and resolver rules of another account, used and not changed."""
import pytest

from cloche.engines.world import lacking
from cloche.testing.people import Person, allow, refused

from ..ec2.plugged import Plugged
from ..organizations.conftest import Org


class Shared:
    """A network of one account, and another account that may be let in; an organization shares without asking."""

    def __init__(self, owner, guest, organization=None):
        self.organization = organization
        self.owner, self.guest = owner, guest
        self.ec2, self.ram, self.theirs = owner.client("ec2"), owner.client("ram"), guest.client("ec2")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.44.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.44.1.0/24")["Subnet"]["SubnetId"]

    def share(self, kind, id_, accept=True, service="ec2"):
        arn = f"arn:aws:{service}:us-east-1:{self.owner.account}:{kind}/{id_}"
        share = self.ram.create_resource_share(name=kind, resourceArns=[arn], principals=[self.guest.account])["resourceShare"]["resourceShareArn"]
        if accept and not self.organization:
            theirs = self.guest.client("ram")
            [invited] = [one for one in theirs.get_resource_share_invitations()["resourceShareInvitations"] if one["resourceShareArn"] == share]
            theirs.accept_resource_share_invitation(resourceShareInvitationArn=invited["resourceShareInvitationArn"])
        return share


@pytest.fixture
def shared(cloud):
    return Shared(cloud, cloud.other())


@pytest.fixture
def family(cloud):
    """Both within one organization: subnets go no further."""
    org = Org(cloud)
    guest = org.member("guest")
    cloud.client("ram").enable_sharing_with_aws_organization()
    return Shared(cloud, guest, org)


def ids(rows, name):
    return {one[name] for one in rows}


def test_a_subnet_is_seen_once_it_is_shared_and_no_more_when_it_is_not(family):
    refused("InvalidSubnetID.NotFound", family.theirs.describe_subnets, SubnetIds=[family.subnet])
    share = family.share("subnet", family.subnet)
    [seen] = family.theirs.describe_subnets(SubnetIds=[family.subnet])["Subnets"]
    assert (seen["OwnerId"], seen["VpcId"], seen["CidrBlock"], seen["SubnetArn"]) == (
        family.owner.account, family.vpc, "10.44.1.0/24", f"arn:aws:ec2:us-east-1:{family.owner.account}:subnet/{family.subnet}")
    [mine] = family.ec2.describe_subnets(SubnetIds=[family.subnet])["Subnets"]
    assert seen["AvailabilityZoneId"] == mine["AvailabilityZoneId"], "the same place, by whatever letter each account calls it"
    assert family.vpc in ids(family.theirs.describe_vpcs(Filters=[{"Name": "owner-id", "Values": [family.owner.account]}])["Vpcs"], "VpcId")
    assert ids(family.theirs.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [family.vpc]}])["Subnets"], "SubnetId") == {family.subnet}
    family.ram.disassociate_resource_share(resourceShareArn=share, principals=[family.guest.account])
    refused("InvalidSubnetID.NotFound", family.theirs.describe_subnets, SubnetIds=[family.subnet])
    refused("InvalidVpcID.NotFound", family.theirs.create_security_group, GroupName="g", Description="d", VpcId=family.vpc)


def test_subnets_are_shared_within_the_organization_and_not_of_a_default_vpc(family):
    arn = f"arn:aws:ec2:us-east-1:{family.owner.account}:subnet/"
    default = family.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    refused("OperationNotPermittedException", family.ram.create_resource_share, name="s", resourceArns=[arn + default], principals=[family.guest.account])
    refused("UnknownResourceException", family.ram.create_resource_share, name="s", resourceArns=[arn + "subnet-0123456789abcdef0"])
    stranger = family.owner.other().account
    said = refused("OperationNotPermittedException", family.ram.create_resource_share, name="s", resourceArns=[arn + family.subnet], principals=[stranger])
    assert "can only be shared within your AWS Organization" in said
    assert family.ram.get_resource_shares(resourceOwner="SELF")["resourceShares"] == []


def test_a_participant_sees_what_its_packets_meet_and_changes_none_of_it(family):
    ec2, theirs, vpc = family.ec2, family.theirs, family.vpc
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.44.2.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    egress = ec2.create_egress_only_internet_gateway(VpcId=vpc)["EgressOnlyInternetGateway"]["EgressOnlyInternetGatewayId"]
    table, unseen = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    for subnet in (family.subnet, other):
        ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.create_tags(Resources=[family.subnet, vpc, table], Tags=[{"Key": "Name", "Value": "owners"}])
    options = ec2.create_dhcp_options(DhcpConfigurations=[{"Key": "domain-name", "Values": ["corp.example.com"]}])["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(DhcpOptionsId=options, VpcId=vpc)
    [acl] = ids(ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["NetworkAcls"], "NetworkAclId")
    assert table not in ids(theirs.describe_route_tables()["RouteTables"], "RouteTableId")
    refused("InvalidRouteTableID.NotFound", theirs.delete_route_table, RouteTableId=table)
    family.share("subnet", family.subnet)
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    [seen] = theirs.describe_route_tables(Filters=here)["RouteTables"]
    assert (seen["RouteTableId"], seen["OwnerId"], seen["Tags"], [one["SubnetId"] for one in seen["Associations"]]) == (table, family.owner.account, [], [family.subnet])
    assert unseen not in ids(theirs.describe_route_tables()["RouteTables"], "RouteTableId")
    assert theirs.describe_route_tables(Filters=[*here, {"Name": "tag:Name", "Values": ["owners"]}])["RouteTables"] == [], "tags are not shared"
    assert theirs.describe_subnets(Filters=[{"Name": "tag-key", "Values": ["Name"]}])["Subnets"] == [] == theirs.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["owners"]}])["Vpcs"]
    [seen] = theirs.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert (seen["OwnerId"], seen["IsDefault"], [one["SubnetId"] for one in seen["Associations"]]) == (family.owner.account, True, [family.subnet])
    assert theirs.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]["Attachments"][0]["VpcId"] == vpc
    assert theirs.describe_egress_only_internet_gateways(EgressOnlyInternetGatewayIds=[egress])["EgressOnlyInternetGateways"][0]["Attachments"][0]["VpcId"] == vpc
    assert theirs.describe_dhcp_options(DhcpOptionsIds=[options])["DhcpOptions"][0]["OwnerId"] == family.owner.account
    assert theirs.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")["EnableDnsSupport"] == {"Value": True}
    for call, kw in ((theirs.delete_route_table, {"RouteTableId": table}), (theirs.create_route, {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}),
                     (theirs.associate_route_table, {"RouteTableId": table, "SubnetId": family.subnet}), (theirs.delete_network_acl, {"NetworkAclId": acl}),
                     (theirs.create_network_acl_entry, {"NetworkAclId": acl, "RuleNumber": 1, "Protocol": "-1", "RuleAction": "deny", "Egress": False, "CidrBlock": "0.0.0.0/0"}),
                     (theirs.detach_internet_gateway, {"InternetGatewayId": gateway, "VpcId": vpc}), (theirs.delete_internet_gateway, {"InternetGatewayId": gateway}),
                     (theirs.delete_egress_only_internet_gateway, {"EgressOnlyInternetGatewayId": egress}), (theirs.delete_dhcp_options, {"DhcpOptionsId": options}),
                     (theirs.modify_vpc_attribute, {"VpcId": vpc, "EnableDnsHostnames": {"Value": True}}), (theirs.create_nat_gateway, {"SubnetId": family.subnet, "ConnectivityType": "private"}),
                     (theirs.create_vpc_endpoint, {"VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3"}),
                     (theirs.create_flow_logs, {"ResourceType": "Subnet", "ResourceIds": [family.subnet], "TrafficType": "ALL", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::b"})):
        refused("UnauthorizedOperation", call, **kw)


def test_the_owner_sees_participants_interfaces_and_groups_and_changes_none(family):
    ec2, theirs = family.ec2, family.theirs
    family.share("subnet", family.subnet)
    group = theirs.create_security_group(GroupName="theirs", Description="d", VpcId=family.vpc)["GroupId"]
    plug = theirs.create_network_interface(SubnetId=family.subnet, Groups=[group])["NetworkInterface"]["NetworkInterfaceId"]
    [seen] = ec2.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [family.subnet]}])["NetworkInterfaces"]
    assert (seen["NetworkInterfaceId"], seen["OwnerId"]) == (plug, family.guest.account)
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["OwnerId"] == family.guest.account
    for call, kw in ((ec2.delete_network_interface, {"NetworkInterfaceId": plug}), (ec2.modify_network_interface_attribute, {"NetworkInterfaceId": plug, "Description": {"Value": "x"}}),
                     (ec2.delete_security_group, {"GroupId": group}), (ec2.create_network_interface, {"SubnetId": family.subnet, "Groups": [group]})):
        refused("UnauthorizedOperation", call, **kw)
    bucket = f"flows-{family.owner.account}"
    family.owner.client("s3").create_bucket(Bucket=bucket)
    made = ec2.create_flow_logs(ResourceType="NetworkInterface", ResourceIds=[plug], TrafficType="ALL", LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}")["FlowLogIds"]
    assert theirs.describe_flow_logs()["FlowLogs"] == [] and ids(ec2.describe_flow_logs()["FlowLogs"], "FlowLogId") == set(made)


def test_a_participants_group_refers_to_the_owners_by_account_and_does_not_launch_with_it(family):
    family.share("subnet", family.subnet)
    owners = family.ec2.create_security_group(GroupName="owners", Description="d", VpcId=family.vpc)["GroupId"]
    theirs = family.theirs.create_security_group(GroupName="theirs", Description="d", VpcId=family.vpc)["GroupId"]
    pair = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": owners, "UserId": family.owner.account}]}]
    family.theirs.authorize_security_group_ingress(GroupId=theirs, IpPermissions=pair)
    [rule] = family.theirs.describe_security_groups(GroupIds=[theirs])["SecurityGroups"][0]["IpPermissions"]
    assert [(one["GroupId"], one["UserId"]) for one in rule["UserIdGroupPairs"]] == [(owners, family.owner.account)]
    refused("InvalidGroup.NotFound", family.theirs.authorize_security_group_egress, GroupId=theirs, IpPermissions=[{**pair[0], "UserIdGroupPairs": [{"GroupId": owners}]}])
    refused("InvalidGroup.NotFound", family.theirs.create_network_interface, SubnetId=family.subnet, Groups=[owners])


def test_a_participant_puts_its_own_things_in_and_changes_nothing_of_the_owners(family):
    shared = family
    share = shared.share("subnet", shared.subnet)
    ec2, theirs = shared.ec2, shared.theirs
    group = theirs.create_security_group(GroupName="mine", Description="d", VpcId=shared.vpc)["GroupId"]
    theirs.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.44.0.0/16")
    refused("InvalidGroup.NotFound", theirs.create_network_interface, SubnetId=shared.subnet)
    free = ec2.describe_subnets(SubnetIds=[shared.subnet])["Subnets"][0]["AvailableIpAddressCount"]
    plug = theirs.create_network_interface(SubnetId=shared.subnet, Groups=[group])["NetworkInterface"]
    assert (plug["OwnerId"], plug["VpcId"]) == (shared.guest.account, shared.vpc)
    assert ec2.describe_subnets(SubnetIds=[shared.subnet])["Subnets"][0]["AvailableIpAddressCount"] == free - 1
    image = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
    one = theirs.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=shared.subnet, SecurityGroupIds=[group])["Instances"][0]
    assert (one["SubnetId"], one["VpcId"], one["NetworkInterfaces"][0]["OwnerId"]) == (shared.subnet, shared.vpc, shared.guest.account)
    assert ec2.describe_instances(Filters=[{"Name": "vpc-id", "Values": [shared.vpc]}])["Reservations"] == []
    for call, kw in ((theirs.delete_subnet, {"SubnetId": shared.subnet}), (theirs.modify_subnet_attribute, {"SubnetId": shared.subnet, "MapPublicIpOnLaunch": {"Value": True}}),
                     (theirs.create_route_table, {"VpcId": shared.vpc}), (theirs.delete_vpc, {"VpcId": shared.vpc}), (theirs.create_subnet, {"VpcId": shared.vpc, "CidrBlock": "10.44.2.0/24"})):
        refused("UnauthorizedOperation", call, **kw)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=shared.subnet)
    shared.ram.delete_resource_share(resourceShareArn=share)
    refused("InvalidSubnetID.NotFound", theirs.create_network_interface, SubnetId=shared.subnet, Groups=[group])
    assert theirs.describe_instances(InstanceIds=[one["InstanceId"]])["Reservations"][0]["Instances"][0]["SubnetId"] == shared.subnet, "what is in it stays"
    theirs.terminate_instances(InstanceIds=[one["InstanceId"]])
    theirs.delete_network_interface(NetworkInterfaceId=plug["NetworkInterfaceId"])
    for _ in range(200):
        shared.owner.advance(5)
        if theirs.describe_network_interfaces(Filters=[{"Name": "subnet-id", "Values": [shared.subnet]}])["NetworkInterfaces"] == []:
            break
    ec2.delete_subnet(SubnetId=shared.subnet)


def test_a_participants_policies_name_the_owners_subnet(family):
    shared = family
    shared.share("subnet", shared.subnet)
    group = shared.theirs.create_security_group(GroupName="mine", Description="d", VpcId=shared.vpc)["GroupId"]
    own = f"arn:aws:ec2:us-east-1:{shared.guest.account}"
    rest = [f"{own}:network-interface/*", f"{own}:security-group/*"]
    good = Person(shared.guest, "good", allow("ec2:CreateNetworkInterface", [f"arn:aws:ec2:us-east-1:{shared.owner.account}:subnet/{shared.subnet}", *rest]))
    bad = Person(shared.guest, "bad", allow("ec2:CreateNetworkInterface", [f"{own}:subnet/*", *rest]))
    refused("UnauthorizedOperation", bad.client("ec2").create_network_interface, SubnetId=shared.subnet, Groups=[group])
    assert good.client("ec2").create_network_interface(SubnetId=shared.subnet, Groups=[group])["NetworkInterface"]["SubnetId"] == shared.subnet


def test_an_organization_shares_without_invitations(cloud):
    org = Org(cloud)
    guest, other = org.member("guest"), org.member("other")
    cloud.client("ram").enable_sharing_with_aws_organization()
    unit = org.unit("apps")
    org.api.move_account(AccountId=guest.account, SourceParentId=org.root, DestinationParentId=unit)
    shared = Shared(cloud, guest)
    arn = org.api.describe_organizational_unit(OrganizationalUnitId=unit)["OrganizationalUnit"]["Arn"]
    shared.ram.create_resource_share(name="s", resourceArns=[f"arn:aws:ec2:us-east-1:{cloud.account}:subnet/{shared.subnet}"], principals=[arn], allowExternalPrincipals=False)
    assert guest.client("ram").get_resource_share_invitations()["resourceShareInvitations"] == []
    assert shared.subnet in ids(shared.theirs.describe_subnets()["Subnets"], "SubnetId")
    assert shared.subnet not in ids(other.client("ec2").describe_subnets()["Subnets"], "SubnetId")
    org.api.move_account(AccountId=guest.account, SourceParentId=unit, DestinationParentId=org.root)
    assert shared.subnet not in ids(shared.theirs.describe_subnets()["Subnets"], "SubnetId")


@pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())
def test_packets_go_between_the_owners_and_the_participants_things(cloche_server, family):
    shared = family
    shared.share("subnet", shared.subnet)
    mine, theirs = Plugged(cloche_server, shared.owner), Plugged(cloche_server, shared.guest)
    group = shared.theirs.create_security_group(GroupName="web", Description="d", VpcId=shared.vpc)["GroupId"]
    shared.theirs.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.44.0.0/16")
    (one, address, _), (two, server, _) = mine.plug(shared.subnet), theirs.plug(shared.subnet, [group])
    theirs.listen(two, 80)
    assert mine.ask(one, server, 80) == address
    assert mine.ask(one, server, 81, patience=0.2) == "", "the participant's own group decides"
    theirs.close()
    theirs.release(two)
    mine.release(one)


def test_a_prefix_list_is_used_as_ones_own_and_changed_by_its_owner_alone(shared):
    ec2, theirs = shared.ec2, shared.theirs
    pl = ec2.create_managed_prefix_list(PrefixListName="offices", MaxEntries=5, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8"}])["PrefixList"]["PrefixListId"]
    refused("InvalidPrefixListID.NotFound", theirs.get_managed_prefix_list_entries, PrefixListId=pl)
    group = theirs.create_security_group(GroupName="g", Description="d")["GroupId"]
    permission = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": pl}]}]
    refused("InvalidPrefixListID.NotFound", theirs.authorize_security_group_ingress, GroupId=group, IpPermissions=permission)
    shared.share("prefix-list", pl)
    [seen] = theirs.describe_managed_prefix_lists(PrefixListIds=[pl])["PrefixLists"]
    assert (seen["OwnerId"], seen["PrefixListArn"]) == (shared.owner.account, f"arn:aws:ec2:us-east-1:{shared.owner.account}:prefix-list/{pl}")
    theirs.authorize_security_group_ingress(GroupId=group, IpPermissions=permission)
    refused("UnauthorizedOperation", theirs.modify_managed_prefix_list, PrefixListId=pl, CurrentVersion=1, AddEntries=[{"Cidr": "11.0.0.0/8"}])
    refused("UnauthorizedOperation", theirs.delete_managed_prefix_list, PrefixListId=pl)
    ec2.modify_managed_prefix_list(PrefixListId=pl, CurrentVersion=1, AddEntries=[{"Cidr": "172.31.0.0/16"}])
    assert ids(theirs.get_managed_prefix_list_entries(PrefixListId=pl)["Entries"], "Cidr") == {"10.0.0.0/8", "172.31.0.0/16"}


@pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())
def test_a_change_of_a_shared_prefix_list_counts_for_whoever_uses_it(cloche_server, shared):
    ec2, theirs = shared.ec2, shared.theirs
    pl = ec2.create_managed_prefix_list(PrefixListName="friends", MaxEntries=5, AddressFamily="IPv4", Entries=[{"Cidr": "192.0.2.0/24"}])["PrefixList"]["PrefixListId"]
    shared.share("prefix-list", pl)
    vpc = theirs.create_vpc(CidrBlock="10.45.0.0/16")["Vpc"]["VpcId"]
    subnet = theirs.create_subnet(VpcId=vpc, CidrBlock="10.45.1.0/24")["Subnet"]["SubnetId"]
    group = theirs.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    theirs.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": pl}]}])
    guest, owner = Plugged(cloche_server, shared.guest), Plugged(cloche_server, shared.owner)
    (one, address, _), (two, server, _), (own, _, _) = guest.plug(subnet, [group]), guest.plug(subnet, [group]), owner.plug(shared.subnet)
    guest.listen(two, 80)
    assert guest.ask(one, server, 80, patience=0.2) == ""
    ec2.modify_managed_prefix_list(PrefixListId=pl, CurrentVersion=1, AddEntries=[{"Cidr": "10.45.0.0/16"}])
    guest.settled()
    assert guest.ask(one, server, 80) == address
    guest.close()
    for where, interface in ((guest, one), (guest, two), (owner, own)):
        where.release(interface)


def test_a_resolver_rule_is_associated_by_whom_it_is_shared_with(shared):
    mine, theirs = shared.owner.client("route53resolver"), shared.guest.client("route53resolver")
    rule = mine.create_resolver_rule(CreatorRequestId="1", RuleType="SYSTEM", DomainName="corp.example.com", Name="corp")["ResolverRule"]["Id"]
    vpc = shared.theirs.create_vpc(CidrBlock="10.46.0.0/16")["Vpc"]["VpcId"]
    refused("ResourceNotFoundException", theirs.associate_resolver_rule, ResolverRuleId=rule, VPCId=vpc)
    assert mine.get_resolver_rule(ResolverRuleId=rule)["ResolverRule"]["ShareStatus"] == "NOT_SHARED"
    share = shared.share("resolver-rule", rule, service="route53resolver")
    got = theirs.get_resolver_rule(ResolverRuleId=rule)["ResolverRule"]
    assert (got["ShareStatus"], got["OwnerId"], got["Arn"]) == ("SHARED_WITH_ME", shared.owner.account, f"arn:aws:route53resolver:us-east-1:{shared.owner.account}:resolver-rule/{rule}")
    assert mine.get_resolver_rule(ResolverRuleId=rule)["ResolverRule"]["ShareStatus"] == "SHARED_BY_ME"
    assert rule in ids(theirs.list_resolver_rules()["ResolverRules"], "Id")
    theirs.associate_resolver_rule(ResolverRuleId=rule, VPCId=vpc)
    assert ids(theirs.list_resolver_rule_associations()["ResolverRuleAssociations"], "ResolverRuleId") == {rule}
    refused("ResourceNotFoundException", theirs.delete_resolver_rule, ResolverRuleId=rule)
    refused("ResourceInUseException", mine.delete_resolver_rule, ResolverRuleId=rule)
    theirs.disassociate_resolver_rule(ResolverRuleId=rule, VPCId=vpc)
    shared.ram.delete_resource_share(resourceShareArn=share)
    refused("ResourceNotFoundException", theirs.get_resolver_rule, ResolverRuleId=rule)
    mine.delete_resolver_rule(ResolverRuleId=rule)


def attached(shared, accept=True):
    """The owner's transit gateway, with a VPC of its own and one of the guest's."""
    gateway = shared.ec2.create_transit_gateway(Options={"AutoAcceptSharedAttachments": "disable" if accept else "enable"})["TransitGateway"]["TransitGatewayId"]
    refused("InvalidTransitGatewayID.NotFound", shared.theirs.describe_transit_gateways, TransitGatewayIds=[gateway])
    shared.share("transit-gateway", gateway)
    vpc = shared.theirs.create_vpc(CidrBlock="10.47.0.0/16")["Vpc"]["VpcId"]
    subnet = shared.theirs.create_subnet(VpcId=vpc, CidrBlock="10.47.1.0/24")["Subnet"]["SubnetId"]
    shared.ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=shared.vpc, SubnetIds=[shared.subnet])
    theirs = shared.theirs.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])["TransitGatewayVpcAttachment"]
    return gateway, vpc, subnet, theirs["TransitGatewayAttachmentId"]


def test_a_vpc_of_another_account_is_attached_to_a_shared_transit_gateway_and_accepted(shared):
    gateway, vpc, _, id_ = attached(shared)
    ec2, theirs = shared.ec2, shared.theirs
    [seen] = theirs.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"]
    assert seen["OwnerId"] == shared.owner.account and seen["TransitGatewayArn"] == f"arn:aws:ec2:us-east-1:{shared.owner.account}:transit-gateway/{gateway}"
    refused("UnauthorizedOperation", theirs.delete_transit_gateway, TransitGatewayId=gateway)
    table = seen["Options"]["AssociationDefaultRouteTableId"]

    def propagated():
        found = ec2.search_transit_gateway_routes(TransitGatewayRouteTableId=table, Filters=[{"Name": "type", "Values": ["propagated"]}])["Routes"]
        return ids(found, "DestinationCidrBlock")
    for one, where in ((ec2, shared.owner), (theirs, shared.guest)):
        [held] = one.describe_transit_gateway_attachments(TransitGatewayAttachmentIds=[id_])["TransitGatewayAttachments"]
        assert (held["State"], held["TransitGatewayOwnerId"], held["ResourceOwnerId"]) == ("pendingAcceptance", shared.owner.account, shared.guest.account), where
    assert propagated() == {"10.44.0.0/16"}
    refused("InvalidTransitGatewayAttachmentID.NotFound", shared.owner.other().client("ec2").accept_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=id_)
    refused("OperationNotPermitted", theirs.accept_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=id_)
    ec2.accept_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_)
    assert propagated() == {"10.44.0.0/16", "10.47.0.0/16"}
    assert theirs.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[id_])["TransitGatewayVpcAttachments"][0]["State"] == "available"
    refused("UnauthorizedOperation", ec2.modify_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=id_, Options={"DnsSupport": "disable"})
    main = theirs.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    theirs.create_route(RouteTableId=main, DestinationCidrBlock="10.44.0.0/16", TransitGatewayId=gateway)
    theirs.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_)
    assert propagated() == {"10.44.0.0/16"} and len(ec2.describe_transit_gateway_attachments()["TransitGatewayAttachments"]) == 1


def test_a_guests_attachment_may_be_rejected(shared):
    _, _, _, id_ = attached(shared)
    shared.ec2.reject_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=id_)
    assert shared.theirs.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"][0]["State"] == "rejected"
    refused("IncorrectState", shared.ec2.accept_transit_gateway_vpc_attachment, TransitGatewayAttachmentId=id_)


@pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())
def test_packets_go_through_a_shared_transit_gateway(cloche_server, shared):
    gateway, vpc, subnet, _ = attached(shared, accept=False)
    for ec2, where, far in ((shared.ec2, shared.vpc, "10.47.0.0/16"), (shared.theirs, vpc, "10.44.0.0/16")):
        main = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [where]}])["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=main, DestinationCidrBlock=far, TransitGatewayId=gateway)
    group = shared.theirs.create_security_group(GroupName="web", Description="d", VpcId=vpc)["GroupId"]
    shared.theirs.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.44.0.0/16")
    mine, theirs = Plugged(cloche_server, shared.owner), Plugged(cloche_server, shared.guest)
    (one, address, _), (two, server, _) = mine.plug(shared.subnet), theirs.plug(subnet, [group])
    theirs.listen(two, 80)
    assert mine.ask(one, server, 80) == address
    theirs.close()
    theirs.release(two)
    mine.release(one)
