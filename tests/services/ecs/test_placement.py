"""Placement: which of several instances a task is put on. The instances are records: what is asked is where, in one answer."""
import json
import time

import pytest

from cloche.testing import Cloche


@pytest.fixture(scope="module")
def field():
    """Four instances in two zones: (ECS client, ARN -> zone, ARN -> type)."""
    with Cloche(compute="none") as server:
        cloud = server.other()
        ec2, ecs = cloud.client("ec2"), cloud.client("ecs")
        ecs.create_cluster()
        subnets = sorted(ec2.describe_subnets()["Subnets"], key=lambda one: one["AvailabilityZone"])[:2]
        image = cloud.client("ssm").get_parameter(Name="/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id")["Parameter"]["Value"]
        zones = {}
        for subnet, kind in zip(subnets * 2, ("t3.medium", "t3.medium", "t3.large", "t3.large"), strict=True):
            id_ = ec2.run_instances(ImageId=image, InstanceType=kind, MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"])["Instances"][0]["InstanceId"]
            one = ecs.register_container_instance(cluster="default", instanceIdentityDocument=json.dumps({"instanceId": id_}))["containerInstance"]
            zones[one["containerInstanceArn"]] = subnet["AvailabilityZone"], kind
        ecs.register_task_definition(family="f", containerDefinitions=[{"name": "a", "image": "b", "cpu": 256, "memory": 256}])
        yield ecs, zones


def placed(field, count, *strategy, **more):
    answer = field[0].run_task(taskDefinition="f", count=count, placementStrategy=[dict(zip(("type", "field"), one)) for one in strategy], **more)
    return [one["containerInstanceArn"] for one in answer["tasks"]], [one["reason"] for one in answer["failures"]]


def emptied(field):
    ecs, _ = field
    for arn in ecs.list_tasks()["taskArns"]:
        ecs.stop_task(task=arn)


def test_binpack_fills_the_instance_that_has_least_left(field):
    emptied(field)
    where, _ = placed(field, 3, ("binpack", "memory"), group="packed")
    assert len(set(where)) == 1 and field[1][where[0]][1] == "t3.medium"


def test_spread_shares_by_zone_or_instance_or_attribute(field):
    emptied(field)
    where, _ = placed(field, 4, ("spread", "attribute:ecs.availability-zone"), group="zones")
    assert sorted(field[1][arn][0] for arn in where) == ["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"]
    where, _ = placed(field, 4, ("spread", "instanceId"), group="hosts")
    assert len(set(where)) == 4
    where, _ = placed(field, 2, ("spread", "attribute:ecs.instance-type"), group="types")
    assert {field[1][arn][1] for arn in where} == {"t3.medium", "t3.large"}


def test_strategies_come_one_after_the_other(field):
    emptied(field)
    where, _ = placed(field, 4, ("spread", "attribute:ecs.availability-zone"), ("binpack", "cpu"), group="both")
    assert len(set(where)) == 2 and {field[1][arn][0] for arn in where} == {"us-east-1a", "us-east-1b"}


def test_random_is_somewhere_and_constraints_bind(field):
    emptied(field)
    assert placed(field, 1, ("random",))[1] == []
    where, why = placed(field, 5, group="one", placementConstraints=[{"type": "distinctInstance"}])
    assert len(set(where)) == 4 and set(why) == {"DistinctInstance placement constraint unsatisfied."}
    where, _ = placed(field, 2, group="large", placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance-type == t3.large"}])
    assert {field[1][arn][1] for arn in where} == {"t3.large"}
    where, why = placed(field, 1, group="none", placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ m5.*"}])
    assert where == [] and set(why) == {"MemberOf placement constraint unsatisfied."}


def test_without_machines_a_task_says_why_it_cannot_start(field):
    emptied(field)
    ecs, _ = field
    arn = ecs.run_task(taskDefinition="f")["tasks"][0]["taskArn"]
    for _ in range(1000):
        one = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        if one["lastStatus"] == "STOPPED":
            break
        time.sleep(0.02)
    assert (one["stopCode"], one["lastStatus"]) == ("TaskFailedToStart", "STOPPED")
