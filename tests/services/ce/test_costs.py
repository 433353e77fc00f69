"""Cost Explorer: what was really used on the cloud's clock, priced, by account and tag."""
from datetime import UTC, datetime, timedelta

import pytest

from cloche.testing.cloche import Cloche
from cloche.testing.people import refused

from ..organizations.conftest import Org

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
COMPUTE, OTHER = "Amazon Elastic Compute Cloud - Compute", "EC2 - Other"


@pytest.fixture(scope="module")
def cloche_server():
    with Cloche(compute="none") as cloud:
        yield cloud


def days(cloud, back=0, on=1):
    now = datetime.fromtimestamp(cloud.now, UTC)
    return {"Start": f"{now - timedelta(days=back):%Y-%m-%d}", "End": f"{now + timedelta(days=on):%Y-%m-%d}"}


def ask(cloud, back=0, granularity="MONTHLY", metrics=("UnblendedCost", "UsageQuantity"), **more):
    return cloud.client("ce").get_cost_and_usage(TimePeriod=days(cloud, back), Granularity=granularity, Metrics=list(metrics), **more)["ResultsByTime"]


def costs(cloud, back=2, by="SERVICE", kind="DIMENSION", metric="UnblendedCost", **more):
    found = {}
    for row in ask(cloud, back, "DAILY", GroupBy=[{"Type": kind, "Key": by}], **more):
        for group in row["Groups"]:
            found[group["Keys"][0]] = found.get(group["Keys"][0], 0) + float(group["Metrics"][metric]["Amount"])
    return found


def run(cloud, kind="t3.micro", **tags):
    more = {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]} if tags else {}
    id_ = cloud.client("ec2").run_instances(ImageId=IMAGE, InstanceType=kind, MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
    cloud.advance(5)
    return id_


def test_an_instance_costs_while_it_runs(cloud):
    ec2 = cloud.client("ec2")
    assert costs(cloud) == {}
    id_ = run(cloud)
    cloud.advance(hours=10)
    assert costs(cloud, metric="UsageQuantity")[COMPUTE] == pytest.approx(10, abs=0.05)
    assert costs(cloud)[COMPUTE] == pytest.approx(10 * 0.0104, rel=0.01)
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(hours=10)
    assert costs(cloud)[COMPUTE] == pytest.approx(10 * 0.0104, rel=0.01), "stopped, only its volume costs"
    ec2.start_instances(InstanceIds=[id_])
    cloud.advance(hours=5)
    ec2.terminate_instances(InstanceIds=[id_])
    cloud.advance(hours=5)
    assert costs(cloud)[COMPUTE] == pytest.approx(15 * 0.0104, rel=0.01)
    assert set(costs(cloud, by="USAGE_TYPE")) == {"BoxUsage:t3.micro", "EBS:VolumeUsage.gp3"} and set(costs(cloud, by="INSTANCE_TYPE")) == {"t3.micro", "NoInstanceType"}


def test_volumes_gateways_and_balancers_cost_by_their_time(cloud):
    ec2 = cloud.client("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=730, VolumeType="gp3")["VolumeId"]
    cloud.advance(hours=10)
    assert costs(cloud)[OTHER] == pytest.approx(10 * 0.08, rel=0.01)
    ec2.modify_volume(VolumeId=volume, Size=1460)
    cloud.advance(hours=10)
    assert costs(cloud)[OTHER] == pytest.approx(30 * 0.08, rel=0.02)
    ec2.delete_volume(VolumeId=volume)
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    cloud.advance(hours=4)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    cloud.advance(hours=4)
    assert costs(cloud, by="USAGE_TYPE")["NatGateway-Hours"] == pytest.approx(4 * 0.045, rel=0.05)


def test_requests_cost_what_services_counted(cloud):
    sqs, s3 = cloud.client("sqs"), cloud.client("s3")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    for _ in range(4):
        sqs.send_message(QueueUrl=url, MessageBody="x")
    bucket = f"c-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * (1 << 20))
    cloud.advance(hours=10)
    found = costs(cloud, metric="UsageQuantity")
    assert found["Amazon Simple Queue Service"] == 4
    assert found["Amazon Simple Storage Service"] == pytest.approx(10 / 1024 / 730, rel=0.02)
    assert costs(cloud)["Amazon Simple Queue Service"] == pytest.approx(4 * 0.0000004)


def test_days_and_months_filters_and_refusals(cloud):
    run(cloud)
    cloud.advance(days=3)
    daily = ask(cloud, 3, "DAILY", Filter={"Dimensions": {"Key": "SERVICE", "Values": [COMPUTE]}})
    assert len(daily) == 4 and float(daily[1]["Total"]["UsageQuantity"]["Amount"]) == pytest.approx(24) and daily[1]["Total"]["UsageQuantity"]["Unit"] == "Hrs"
    assert daily[0]["Groups"] == [] and daily[-1]["Estimated"] is True and daily[1]["Total"]["UnblendedCost"] == {"Amount": "0.2496", "Unit": "USD"}
    whole = sum(float(one["Total"]["UnblendedCost"]["Amount"]) for one in ask(cloud, 3))
    both = sum(float(one["Total"]["UnblendedCost"]["Amount"]) for one in ask(cloud, 3, Filter={"Or": [{"Dimensions": {"Key": "SERVICE", "Values": [COMPUTE]}},
                                                                                                  {"Not": {"Dimensions": {"Key": "SERVICE", "Values": [COMPUTE]}}}]}))
    assert whole == pytest.approx(both, abs=1e-6) and whole > 0.7
    api, when = cloud.client("ce"), days(cloud, 3)
    values = api.get_dimension_values(TimePeriod=when, Dimension="SERVICE")
    assert [one["Value"] for one in values["DimensionValues"]] == [COMPUTE, OTHER] and values["TotalSize"] == 2
    assert "before end date" in refused("ValidationException", api.get_cost_and_usage, TimePeriod={"Start": when["End"], "End": when["Start"]}, Granularity="DAILY", Metrics=["UnblendedCost"])
    refused("ValidationException", api.get_cost_and_usage, TimePeriod=when, Granularity="DAILY", Metrics=["Weather"])
    refused("ValidationException", api.get_cost_and_usage, TimePeriod={"Start": "2010-01-01", "End": when["End"]}, Granularity="DAILY", Metrics=["UnblendedCost"])
    refused("DataUnavailableException", api.get_cost_and_usage, TimePeriod=when, Granularity="HOURLY", Metrics=["UnblendedCost"])


def test_one_pays_for_all_and_each_sees_its_own(cloud):
    org = Org(cloud)
    member = org.member("dev")
    run(cloud)
    run(member, "t3.small", team="a")
    run(member, "t3.small", team="b")
    cloud.advance(hours=10)
    by_account = costs(cloud, by="LINKED_ACCOUNT", Filter={"Dimensions": {"Key": "SERVICE", "Values": [COMPUTE]}})
    assert by_account == {cloud.account: pytest.approx(0.104, rel=0.01), member.account: pytest.approx(0.416, rel=0.01)}
    assert set(costs(member, by="LINKED_ACCOUNT")) == {member.account}
    names = cloud.client("ce").get_cost_and_usage(TimePeriod=days(cloud), Granularity="DAILY", Metrics=["UnblendedCost"], GroupBy=[{"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"}])
    assert {one["Value"]: one["Attributes"]["description"] for one in names["DimensionValueAttributes"]}[member.account] == "dev"
    api = cloud.client("ce")
    assert set(costs(cloud, by="team", kind="TAG")) == {"team$"}, "a tag counts once it is activated"
    refused("AccessDeniedException", member.client("ce").list_cost_allocation_tags)
    assert [(one["TagKey"], one["Status"], one["Type"]) for one in api.list_cost_allocation_tags()["CostAllocationTags"]] == [("team", "Inactive", "UserDefined")]
    wrong = api.update_cost_allocation_tags_status(CostAllocationTagsStatus=[{"TagKey": "team", "Status": "Active"}, {"TagKey": "none", "Status": "Active"}])["Errors"]
    assert [one["TagKey"] for one in wrong] == ["none"]
    assert {key: value for key, value in costs(cloud, by="team", kind="TAG").items() if key != "team$"} == {"team$a": pytest.approx(0.208, rel=0.01), "team$b": pytest.approx(0.208, rel=0.01)}
    when = days(cloud, 2)
    assert api.get_tags(TimePeriod=when)["Tags"] == ["team"] and api.get_tags(TimePeriod=when, TagKey="team")["Tags"] == ["", "a", "b"]
    assert set(costs(cloud, by="team", kind="TAG", Filter={"Tags": {"Key": "team", "Values": ["a"]}})) == {"team$a"}


def test_functions_cost_by_request_and_by_memory_and_time(cloud):
    import io
    import zipfile

    from cloche.testing.people import document
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "def f(e, c): return 1")
    role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document({"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}))["Role"]["Arn"]
    api = cloud.client("lambda")
    api.create_function(FunctionName="f", Runtime="python3.12", Handler="f.f", Role=role, MemorySize=512, Code={"ZipFile": code.getvalue()})
    api.get_waiter("function_active_v2").wait(FunctionName="f", WaiterConfig={"Delay": 1})
    for _ in range(2):
        assert "FunctionError" not in api.invoke(FunctionName="f")
    found = costs(cloud, by="USAGE_TYPE", metric="UsageQuantity")
    assert found["Request"] == 2 and found["Lambda-GB-Second"] > 0
    assert costs(cloud, by="USAGE_TYPE")["Lambda-GB-Second"] == pytest.approx(found["Lambda-GB-Second"] * 0.0000166667, abs=1e-9)


def test_a_load_balancer_costs_from_its_making_to_its_deletion(cloud):
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    arn = elb.create_load_balancer(Name="b", Subnets=subnets, Tags=[{"Key": "team", "Value": "a"}])["LoadBalancers"][0]["LoadBalancerArn"]
    cloud.advance(hours=6)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    cloud.advance(hours=6)
    assert costs(cloud)["Amazon Elastic Load Balancing"] == pytest.approx(6 * 0.0225, rel=0.01)
    assert [one["TagKey"] for one in cloud.client("ce").list_cost_allocation_tags()["CostAllocationTags"]] == ["team"], "what it was tagged with is remembered"
