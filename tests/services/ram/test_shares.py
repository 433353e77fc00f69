"""What is shared with whom, and how they come to it."""
import json

import pytest

from cloche.testing.people import refused

from ..identity_center import center  # noqa: F401


@pytest.fixture
def ram(cloud):
    return cloud.client("ram")


def prefix_list(cloud, n=1):
    return f"arn:aws:ec2:us-east-1:{cloud.account}:prefix-list/pl-{n:017x}"


def test_a_stranger_is_invited_and_takes_part_when_it_says_yes(cloud, ram):
    other = cloud.other()
    share = ram.create_resource_share(name="s", resourceArns=[prefix_list(cloud)], principals=[other.account], tags=[{"key": "a", "value": "b"}])["resourceShare"]
    arn = share["resourceShareArn"]
    assert share["status"] == "ACTIVE" and share["tags"] == [{"key": "a", "value": "b"}]
    theirs = other.client("ram")
    assert theirs.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"] == []
    [invitation] = theirs.get_resource_share_invitations()["resourceShareInvitations"]
    assert (invitation["status"], invitation["senderAccountId"], invitation["resourceShareName"]) == ("PENDING", cloud.account, "s")
    assert [one["type"] for one in theirs.list_pending_invitation_resources(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])["resources"]] == ["ec2:PrefixList"]
    assert ram.get_resource_share_associations(associationType="PRINCIPAL", resourceShareArns=[arn])["resourceShareAssociations"][0]["status"] == "ASSOCIATING"
    refused("ResourceShareInvitationArnNotFoundException", ram.accept_resource_share_invitation, resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    assert theirs.accept_resource_share_invitation(resourceShareInvitationArn=invitation["resourceShareInvitationArn"])["resourceShareInvitation"]["status"] == "ACCEPTED"
    refused("ResourceShareInvitationAlreadyAcceptedException", theirs.reject_resource_share_invitation, resourceShareInvitationArn=invitation["resourceShareInvitationArn"])
    assert [one["resourceShareArn"] for one in theirs.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]] == [arn]
    assert [one["arn"] for one in theirs.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"]] == [prefix_list(cloud)]
    assert [one["id"] for one in ram.list_principals(resourceOwner="SELF")["principals"]] == [other.account]
    assert [one["id"] for one in theirs.list_principals(resourceOwner="OTHER-ACCOUNTS")["principals"]] == [cloud.account]
    assert ram.list_resource_share_permissions(resourceShareArn=arn)["permissions"][0]["name"] == "AWSRAMDefaultPermissionPrefixList"
    ram.disassociate_resource_share(resourceShareArn=arn, principals=[other.account])
    assert theirs.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"] == []


def test_an_invitation_may_be_refused_and_ends_after_seven_days(cloud, ram):
    first, second = cloud.other(), cloud.other()
    ram.create_resource_share(name="s", resourceArns=[prefix_list(cloud)], principals=[first.account, second.account])
    [one] = first.client("ram").get_resource_share_invitations()["resourceShareInvitations"]
    first.client("ram").reject_resource_share_invitation(resourceShareInvitationArn=one["resourceShareInvitationArn"])
    cloud.advance(days=7, seconds=1)
    [one] = second.client("ram").get_resource_share_invitations()["resourceShareInvitations"]
    assert one["status"] == "EXPIRED"
    refused("ResourceShareInvitationExpiredException", second.client("ram").accept_resource_share_invitation, resourceShareInvitationArn=one["resourceShareInvitationArn"])


def test_within_an_organization_that_shares_nobody_is_invited(cloud, center, ram):  # noqa: F811
    org = center.org.describe_organization()["Organization"]
    refused("OperationNotPermittedException", ram.create_resource_share, name="s", principals=[org["Arn"]])
    refused("OperationNotPermittedException", center.there("ram").enable_sharing_with_aws_organization)
    assert ram.enable_sharing_with_aws_organization()["returnValue"]
    arn = ram.create_resource_share(name="s", resourceArns=[prefix_list(cloud)], principals=[org["Arn"]], allowExternalPrincipals=False)["resourceShare"]["resourceShareArn"]
    assert [one["resourceShareArn"] for one in center.there("ram").get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]] == [arn]
    assert center.there("ram").get_resource_share_invitations()["resourceShareInvitations"] == []
    refused("OperationNotPermittedException", ram.associate_resource_share, resourceShareArn=arn, principals=[cloud.other().account])


def test_a_share_is_changed_tagged_and_deleted(cloud, ram):
    arn = ram.create_resource_share(name="s")["resourceShare"]["resourceShareArn"]
    ram.update_resource_share(resourceShareArn=arn, name="t")
    ram.tag_resource(resourceShareArn=arn, tags=[{"key": "x", "value": "y"}])
    assert ram.get_resource_shares(resourceOwner="SELF", name="t", tagFilters=[{"tagKey": "x", "tagValues": ["y"]}])["resourceShares"]
    ram.untag_resource(resourceShareArn=arn, tagKeys=["x"])
    assert ram.associate_resource_share(resourceShareArn=arn, resourceArns=[prefix_list(cloud)])["resourceShareAssociations"][0]["status"] == "ASSOCIATED"
    assert [one["associatedEntity"] for one in ram.get_resource_share_associations(associationType="RESOURCE")["resourceShareAssociations"]] == [prefix_list(cloud)]
    ram.delete_resource_share(resourceShareArn=arn)
    assert ram.get_resource_shares(resourceOwner="SELF")["resourceShares"][0]["status"] == "DELETED"
    refused("InvalidStateTransitionException", ram.update_resource_share, resourceShareArn=arn, name="u")
    cloud.advance(hours=1, seconds=1)
    assert ram.get_resource_shares(resourceOwner="SELF")["resourceShares"] == []


def test_only_ones_own_and_only_what_can_be_shared(cloud, ram):
    refused("OperationNotPermittedException", ram.create_resource_share, name="s", resourceArns=["arn:aws:ec2:us-east-1:999999999999:subnet/subnet-1"])
    refused("InvalidParameterException", ram.create_resource_share, name="s", resourceArns=[f"arn:aws:sqs:us-east-1:{cloud.account}:q"])
    refused("MalformedArnException", ram.create_resource_share, name="s", resourceArns=["nonsense"])
    refused("InvalidParameterException", ram.create_resource_share, name="s", principals=["bob"])
    refused("UnknownResourceException", ram.delete_resource_share, resourceShareArn=f"arn:aws:ram:us-east-1:{cloud.account}:resource-share/none")
    assert "ec2:PrefixList" in [one["resourceType"] for one in ram.list_resource_types()["resourceTypes"]]


def test_shares_by_cloudformation(cloud, ram):
    other = cloud.other().account
    template = {"Resources": {"S": {"Type": "AWS::RAM::ResourceShare", "Properties": {"Name": "s", "ResourceArns": [prefix_list(cloud)]}},
                              "P": {"Type": "AWS::RAM::PrincipalAssociation", "Properties": {"ResourceShareArn": {"Ref": "S"}, "Principal": other}}}}
    cfn = cloud.client("cloudformation")
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cloud.advance(5)
    assert ram.get_resource_share_associations(associationType="PRINCIPAL")["resourceShareAssociations"][0]["associatedEntity"] == other
    template["Resources"]["S"]["Properties"]["ResourceArns"] = [prefix_list(cloud, 2)]
    cfn.update_stack(StackName="s", TemplateBody=json.dumps(template))
    cloud.advance(5)
    assert [one["arn"] for one in ram.list_resources(resourceOwner="SELF")["resources"]] == [prefix_list(cloud, 2)]
    cfn.delete_stack(StackName="s")
    cloud.advance(5)
    assert ram.get_resource_shares(resourceOwner="SELF", resourceShareStatus="ACTIVE")["resourceShares"] == []
