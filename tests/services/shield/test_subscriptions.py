"""Shield Advanced: a year's subscription, and protections of what is there."""
from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refused(call, **kw):
    with pytest.raises(ClientError) as error:
        call(**kw)
    return error.value.response["Error"]["Code"]


def test_without_a_subscription_there_is_only_shield_standard(cloud):
    shield = cloud.client("shield")
    assert shield.get_subscription_state()["SubscriptionState"] == "INACTIVE"
    assert refused(shield.describe_subscription) == "ResourceNotFoundException"
    assert refused(shield.create_protection, Name="p", ResourceArn=f"arn:aws:ec2:us-east-1:{cloud.account}:eip-allocation/eipalloc-1") == "InvalidOperationException"


def test_a_subscription_runs_for_a_year_and_renews_itself(cloud):
    shield = cloud.client("shield")
    shield.create_subscription()
    assert refused(shield.create_subscription) == "ResourceAlreadyExistsException"
    assert shield.get_subscription_state()["SubscriptionState"] == "ACTIVE"
    got = shield.describe_subscription()["Subscription"]
    assert (got["AutoRenew"], got["TimeCommitmentInSeconds"]) == ("ENABLED", 31536000)
    assert refused(shield.update_subscription, AutoRenew="DISABLED") == "LockedSubscriptionException" == refused(shield.delete_subscription)
    cloud.advance(days=340)
    shield.update_subscription(AutoRenew="DISABLED")
    cloud.advance(days=26)
    assert shield.get_subscription_state()["SubscriptionState"] == "INACTIVE"


def test_what_is_there_can_be_protected_once(cloud):
    shield, ec2 = cloud.client("shield"), cloud.client("ec2")
    shield.create_subscription()
    allocation = ec2.allocate_address(Domain="vpc")["AllocationId"]
    arn = f"arn:aws:ec2:us-east-1:{cloud.account}:eip-allocation/{allocation}"
    id_ = shield.create_protection(Name="p", ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])["ProtectionId"]
    assert refused(shield.create_protection, Name="p", ResourceArn=arn) == "ResourceAlreadyExistsException"
    assert refused(shield.create_protection, Name="q", ResourceArn=arn[:-1]) == "ResourceNotFoundException"
    assert refused(shield.create_protection, Name="q", ResourceArn="arn:aws:sqs:us-east-1:1:q") == "InvalidResourceException"
    assert shield.describe_protection(ResourceArn=arn)["Protection"]["Id"] == id_ == shield.list_protections()["Protections"][0]["Id"]
    mine = shield.describe_protection(ProtectionId=id_)["Protection"]["ProtectionArn"]
    shield.tag_resource(ResourceARN=mine, Tags=[{"Key": "b", "Value": "2"}])
    shield.untag_resource(ResourceARN=mine, TagKeys=["a"])
    assert shield.list_tags_for_resource(ResourceARN=mine)["Tags"] == [{"Key": "b", "Value": "2"}]
    assert shield.list_attacks()["AttackSummaries"] == []
    shield.delete_protection(ProtectionId=id_)
    assert refused(shield.describe_protection, ProtectionId=id_) == "ResourceNotFoundException"
