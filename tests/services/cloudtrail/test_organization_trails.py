"""CloudTrail: trails of an organization."""
import pytest

from cloche.testing.people import refused

from ..organizations.conftest import Org
from .test_trails import bucket, delivered, keys, names, policy


@pytest.fixture
def org(cloud):
    return Org(cloud)


def test_who_may_make_one(cloud):
    client, name = cloud.client("cloudtrail"), bucket(cloud)
    one = {"Name": "all", "S3BucketName": name, "IsOrganizationTrail": True}
    refused("OrganizationsNotInUseException", client.create_trail, **one)
    org = Org(cloud)
    refused("CloudTrailAccessNotEnabledException", client.create_trail, **one)
    org.api.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    refused("InsufficientS3BucketPolicyException", client.create_trail, **one)
    cloud.client("s3").put_bucket_policy(Bucket=name, Policy=policy(name, f"AWSLogs/{cloud.account}/", f"AWSLogs/{org.id}/"))
    assert client.create_trail(**one)["IsOrganizationTrail"]
    member = org.member("m")
    refused("NotOrganizationMasterAccountException", member.client("cloudtrail").create_trail, **one)


def test_an_organization_of_consolidated_billing_has_none(cloud):
    Org(cloud, "CONSOLIDATED_BILLING")
    refused("OrganizationNotInAllFeaturesModeException", cloud.client("cloudtrail").create_trail, Name="all", S3BucketName=bucket(cloud), IsOrganizationTrail=True)


def test_members_are_logged_and_cannot_change_it(cloud, org):
    org.api.enable_aws_service_access(ServicePrincipal="cloudtrail.amazonaws.com")
    client, member = cloud.client("cloudtrail"), org.member("m")
    name = bucket(cloud, f"AWSLogs/{cloud.account}/", f"AWSLogs/{org.id}/")
    arn = client.create_trail(Name="all", S3BucketName=name, IsOrganizationTrail=True, IsMultiRegionTrail=True)["TrailARN"]
    client.start_logging(Name="all")
    member.client("sqs", region="eu-west-1").create_queue(QueueName="theirs")
    cloud.client("sqs").create_queue(QueueName="ours")
    cloud.advance(301)
    folder = f"AWSLogs/{org.id}/{member.account}/CloudTrail/eu-west-1/"
    [key] = keys(cloud, name, folder)
    assert key.startswith(folder) and [one["requestParameters"]["queueName"] for one in delivered(cloud, name, folder)] == ["theirs"]
    assert "CreateQueue" in names(delivered(cloud, name, f"AWSLogs/{org.id}/{cloud.account}/CloudTrail/us-east-1/"))
    theirs = member.client("cloudtrail")
    [shadow] = theirs.describe_trails()["trailList"]
    assert shadow["TrailARN"] == arn and shadow["IsOrganizationTrail"]
    assert not theirs.describe_trails(includeShadowTrails=False)["trailList"]
    assert theirs.get_trail_status(Name=arn)["IsLogging"]
    refused("NotOrganizationMasterAccountException", theirs.stop_logging, Name=arn)
