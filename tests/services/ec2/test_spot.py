"""Spot instances: requests, prices, and the two minutes before an interruption."""
import json

from .instances import AL2, launch, one, refused
from .test_metadata import ask  # noqa: F401 - a fixture

SPEC = {"ImageId": AL2, "InstanceType": "m5.large"}


def look(ec2, id_):
    return ec2.describe_spot_instance_requests(SpotInstanceRequestIds=[id_])["SpotInstanceRequests"][0]


def test_a_request_is_open_and_then_active_with_an_instance(cloud):
    ec2 = cloud.client("ec2")
    made = ec2.request_spot_instances(InstanceCount=1, LaunchSpecification=SPEC)["SpotInstanceRequests"][0]
    assert made["State"] == "open" and made["Type"] == "one-time" and made["Status"]["Code"] == "pending-evaluation"
    cloud.advance(5)
    now = look(ec2, made["SpotInstanceRequestId"])
    assert (now["State"], now["Status"]["Code"]) == ("active", "fulfilled")
    instance = one(ec2, now["InstanceId"])
    assert instance["InstanceLifecycle"] == "spot" and instance["SpotInstanceRequestId"] == made["SpotInstanceRequestId"]
    refused("UnsupportedOperation", ec2.stop_instances, InstanceIds=[now["InstanceId"]])
    ec2.terminate_instances(InstanceIds=[now["InstanceId"]])
    cloud.advance(5)
    assert (look(ec2, made["SpotInstanceRequestId"])["State"], look(ec2, made["SpotInstanceRequestId"])["Status"]["Code"]) == ("closed", "instance-terminated-by-user")


def test_a_price_that_is_too_low_leaves_the_request_open(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.request_spot_instances(SpotPrice="0.0001", LaunchSpecification=SPEC)["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    cloud.advance(5)
    assert (look(ec2, id_)["State"], look(ec2, id_)["Status"]["Code"]) == ("open", "price-too-low")
    assert ec2.cancel_spot_instance_requests(SpotInstanceRequestIds=[id_])["CancelledSpotInstanceRequests"][0]["State"] == "cancelled"
    refused("SpotMaxPriceTooLow", ec2.run_instances, **SPEC, MinCount=1, MaxCount=1, InstanceMarketOptions={"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.0001"}})


def test_a_launch_on_demand_has_no_lifecycle_and_one_on_the_market_has(cloud):
    ec2 = cloud.client("ec2")
    assert "InstanceLifecycle" not in one(ec2, launch(cloud))
    shown = one(ec2, launch(cloud, InstanceMarketOptions={"MarketType": "spot"}))
    assert shown["InstanceLifecycle"] == "spot" and look(ec2, shown["SpotInstanceRequestId"])["State"] == "active"


def test_a_persistent_request_comes_back(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.request_spot_instances(Type="persistent", LaunchSpecification=SPEC)["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    cloud.advance(5)
    first = look(ec2, id_)["InstanceId"]
    ec2.stop_instances(InstanceIds=[first])
    cloud.advance(5)
    assert look(ec2, id_)["State"] == "disabled"
    ec2.start_instances(InstanceIds=[first])
    cloud.advance(5)
    ec2.terminate_instances(InstanceIds=[first])
    cloud.advance(10)
    assert look(ec2, id_)["State"] == "active" and look(ec2, id_)["InstanceId"] != first


def test_prices_have_a_history_below_the_price_on_demand(cloud):
    ec2 = cloud.client("ec2")
    now = cloud.now
    rows = ec2.describe_spot_price_history(InstanceTypes=["m5.large"], AvailabilityZone="us-east-1a", StartTime=now - 86400, EndTime=now, ProductDescriptions=["Linux/UNIX"])["SpotPriceHistory"]
    assert len(rows) == 25 and len({row["SpotPrice"] for row in rows}) > 5 and all(0 < float(row["SpotPrice"]) < 0.096 for row in rows)


def test_an_interruption_is_announced_two_minutes_before(cloud, ask):  # noqa: F811
    ec2, sqs, events = cloud.client("ec2"), cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="q", Attributes={"Policy": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}'})["QueueUrl"]
    events.put_rule(Name="r", EventPattern='{"detail-type":["EC2 Spot Instance Interruption Warning"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:q", "InputPath": "$.detail"}])
    # a price that holds in this hour and some later hour does not meet
    now = float(ec2.describe_spot_price_history(InstanceTypes=["m5.large"], AvailabilityZone="us-east-1a", ProductDescriptions=["Linux/UNIX"])["SpotPriceHistory"][0]["SpotPrice"])
    spec = {**SPEC, "Placement": {"AvailabilityZone": "us-east-1a"}}
    id_ = ec2.request_spot_instances(SpotPrice=f"{now + 0.0000005:.7f}", LaunchSpecification=spec)["SpotInstanceRequests"][0]["SpotInstanceRequestId"]
    cloud.advance(5)
    instance = look(ec2, id_)["InstanceId"]
    for _ in range(48):
        if look(ec2, id_)["Status"]["Code"] != "fulfilled":
            break
        cloud.advance(3600 - cloud.now % 3600 + 1)
    assert look(ec2, id_)["Status"]["Code"] == "marked-for-termination" and one(ec2, instance)["State"]["Name"] == "running"
    warned = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert warned == {"instance-id": instance, "instance-action": "terminate"}
    told = json.loads(ask(instance, "/latest/meta-data/spot/instance-action")[1])
    assert told["action"] == "terminate" and told["time"].endswith("Z") and ask(instance, "/latest/meta-data/instance-life-cycle")[1] == "spot"
    cloud.advance(130)
    assert one(ec2, instance)["State"]["Name"] == "terminated" and one(ec2, instance)["StateReason"]["Code"] == "Server.SpotInstanceTermination"
    assert (look(ec2, id_)["State"], look(ec2, id_)["Status"]["Code"]) == ("closed", "instance-terminated-by-price")
