"""Regions and availability zones."""
import pytest
from botocore.exceptions import ClientError


def test_a_region_shows_its_zones_by_name_and_by_physical_id(cloud):
    zones = cloud.client("ec2").describe_availability_zones()["AvailabilityZones"]
    assert [z["ZoneName"] for z in zones] == [f"us-east-1{x}" for x in "abcdef"]
    assert sorted(z["ZoneId"] for z in zones) == [f"use1-az{n}" for n in range(1, 7)]
    ec2 = cloud.client("ec2", region="eu-west-1")
    assert {z["RegionName"] for z in ec2.describe_availability_zones(Filters=[{"Name": "zone-name", "Values": ["eu-west-1*"]}])["AvailabilityZones"]} == {"eu-west-1"}
    with pytest.raises(ClientError, match="Invalid availability zone"):
        ec2.describe_availability_zones(ZoneNames=["us-east-1a"])


def test_regions_that_one_must_opt_into_are_shown_only_when_asked_for(cloud):
    ec2 = cloud.client("ec2")
    enabled = {r["RegionName"] for r in ec2.describe_regions()["Regions"]}
    every = {r["RegionName"]: r["OptInStatus"] for r in ec2.describe_regions(AllRegions=True)["Regions"]}
    assert "eu-central-1" in enabled and "af-south-1" not in enabled and every["af-south-1"] == "not-opted-in"


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(cloud):
    ec2 = cloud.client("ec2")
    with pytest.raises(ClientError) as refused:
        ec2.describe_regions(DryRun=True)
    assert refused.value.response["Error"]["Code"] == "DryRunOperation" and refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_an_unknown_filter_and_a_tag_of_what_is_not_there_are_refused(cloud):
    ec2 = cloud.client("ec2")
    for call in (lambda: ec2.describe_tags(Filters=[{"Name": "colour", "Values": ["red"]}]), lambda: ec2.create_tags(Resources=["nonsense"], Tags=[{"Key": "a", "Value": "b"}]),
                 lambda: ec2.delete_tags(Resources=["nonsense"])):
        with pytest.raises(ClientError, match=r"invalid|not valid"):
            call()
