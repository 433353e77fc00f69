"""Target groups, their health checks and attributes, and who can be a target."""
import pytest
from botocore.exceptions import ClientError

from .conftest import forward, says


def refused(code, message=""):
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


def test_an_http_group_has_the_health_check_of_an_application_load_balancer(lb):
    made = lb.client.create_target_group(Name="tg", Protocol="HTTP", Port=8080, VpcId=lb.vpc)["TargetGroups"][0]
    assert {k: v for k, v in made.items() if k.startswith(("Health", "Unhealthy", "Matcher"))} == {
        "HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True, "HealthCheckIntervalSeconds": 30, "HealthCheckTimeoutSeconds": 5,
        "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "HealthCheckPath": "/", "Matcher": {"HttpCode": "200"}}
    assert made["TargetType"] == "instance" and made["ProtocolVersion"] == "HTTP1" and made["LoadBalancerArns"] == []
    tcp = lb.client.create_target_group(Name="tcp", Protocol="TCP", Port=80, VpcId=lb.vpc)["TargetGroups"][0]
    assert tcp["HealthCheckProtocol"] == "TCP" and tcp["HealthCheckTimeoutSeconds"] == 10 and "Matcher" not in tcp


def test_the_same_group_again_is_the_same_and_another_is_a_duplicate(lb):
    assert lb.group() == lb.group()
    with refused("DuplicateTargetGroupName", "exists, but with different settings"):
        lb.group(Port=81)


@pytest.mark.parametrize("settings", [
    {"Protocol": None}, {"Port": None}, {"VpcId": None}, {"VpcId": "vpc-0123456789abcdef0"}, {"HealthCheckPath": "x"}, {"Matcher": {"HttpCode": "500"}}, {"Matcher": {"HttpCode": "abc"}},
    {"HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 5}, {"HealthCheckProtocol": "TCP"}, {"HealthCheckPort": "0"}, {"Name": "-bad"},
])
def test_a_group_that_cannot_be_is_refused(lb, settings):
    given = {"Name": "tg", "Protocol": "HTTP", "Port": 80, "VpcId": lb.vpc} | settings
    with refused("ValidationError"):
        lb.client.create_target_group(**{k: v for k, v in given.items() if v is not None})


def test_what_is_not_built_says_so(lb):
    for more in ({"ProtocolVersion": "GRPC"}, {"ProtocolVersion": "HTTP2"}, {"Protocol": "GENEVE", "Port": 6081}):
        with refused("NotImplemented"):
            lb.group(**more)


def test_the_health_check_can_be_changed(lb):
    arn = lb.group()
    changed = lb.client.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/health", HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, Matcher={"HttpCode": "200-299,404"})["TargetGroups"][0]
    assert (changed["HealthCheckPath"], changed["HealthCheckIntervalSeconds"], changed["HealthyThresholdCount"], changed["Matcher"]) == ("/health", 10, 2, {"HttpCode": "200-299,404"})
    assert lb.client.describe_target_groups(Names=["tg"])["TargetGroups"][0] == changed
    with refused("ValidationError", "interval must be greater than the timeout"):
        lb.client.modify_target_group(TargetGroupArn=arn, HealthCheckTimeoutSeconds=20)


def test_attributes_of_a_group(lb):
    arn = lb.group()
    read = lambda: {one["Key"]: one["Value"] for one in lb.client.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}
    assert read()["deregistration_delay.timeout_seconds"] == "300" and read()["stickiness.enabled"] == "false" and read()["stickiness.lb_cookie.duration_seconds"] == "86400"
    change = lambda *pairs: lb.client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in pairs])
    change(("stickiness.enabled", "true"), ("slow_start.duration_seconds", "30"))
    assert read()["slow_start.duration_seconds"] == "30"
    for pairs in ([("slow_start.duration_seconds", "29")], [("stickiness.type", "source_ip")], [("what", "x")], [("stickiness.type", "app_cookie")], [("stickiness.lb_cookie.duration_seconds", "604801")]):
        with refused("ValidationError"):
            change(*pairs)
    with refused("InvalidConfigurationRequest"):
        change(("preserve_client_ip.enabled", "true"))


def test_addresses_are_targets_inside_the_vpc_or_in_private_ranges(lb):
    arn = lb.group(TargetType="ip")
    register = lambda **target: lb.client.register_targets(TargetGroupArn=arn, Targets=[target])
    inside = "172.31.0.200"
    register(Id=inside, Port=8080)
    register(Id="10.1.2.3", AvailabilityZone="all")
    for target in ({"Id": "8.8.8.8"}, {"Id": "10.9.9.9"}, {"Id": inside, "AvailabilityZone": "all"}, {"Id": "no-address"}):
        with refused("ValidationError"):
            register(**target)
    told = {one["Target"]["Id"]: one for one in lb.client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]}
    assert told[inside]["HealthCheckPort"] == "8080" and told["10.1.2.3"]["Target"]["Port"] == 80 and told["10.1.2.3"]["Target"]["AvailabilityZone"] == "all"
    assert told[inside]["TargetHealth"] == {"State": "unused", "Reason": "Target.NotInUse", "Description": "Target group is not configured to receive traffic from the load balancer"}


def test_a_target_in_a_zone_that_the_balancer_has_not_is_unused(lb):
    arn = lb.group(TargetType="ip")
    lb.listener(lb.balancer(), forward(arn))
    base = {one["AvailabilityZone"]: one["CidrBlock"] for one in lb.subnets}
    zones = sorted(base)
    address = lambda zone: base[zone].split("/")[0].rsplit(".", 1)[0] + ".77"
    lb.client.register_targets(TargetGroupArn=arn, Targets=[{"Id": address(zones[0])}, {"Id": address(zones[2])}])
    told = {one["Target"]["AvailabilityZone"]: one["TargetHealth"] for one in lb.client.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]}
    assert told[zones[0]] == {"State": "initial", "Reason": "Elb.RegistrationInProgress", "Description": "Target registration is in progress"}
    assert told[zones[2]]["State"] == "unused" and "Availability Zone that is not enabled" in told[zones[2]]["Description"]


def test_deregistering_drains_for_the_delay_and_then_the_target_is_not_registered(lb):
    arn = lb.group(TargetType="ip")
    lb.client.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "60"}])
    lb.listener(lb.balancer(), forward(arn))
    one = {"Id": "172.31.0.77"}
    lb.client.register_targets(TargetGroupArn=arn, Targets=[one])
    lb.client.deregister_targets(TargetGroupArn=arn, Targets=[one])
    health = lambda: lb.client.describe_target_health(TargetGroupArn=arn, Targets=[one])["TargetHealthDescriptions"][0]["TargetHealth"]
    assert health() == {"State": "draining", "Reason": "Target.DeregistrationInProgress", "Description": "Target deregistration is in progress"}
    lb.cloud.advance(45)
    assert health()["State"] == "draining"
    lb.cloud.advance(16)
    assert health() == {"State": "unused", "Reason": "Target.NotRegistered", "Description": "Target is not registered to the target group"}
    with refused("InvalidTarget"):
        lb.client.deregister_targets(TargetGroupArn=arn, Targets=[one])


def test_an_instance_must_be_there(lb):
    arn = lb.group()
    with refused("InvalidTarget"):
        lb.client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "i-0123456789abcdef0"}])
    with refused("ValidationError", "is not valid"):
        lb.client.register_targets(TargetGroupArn=arn, Targets=[{"Id": "web"}])


def test_an_application_load_balancer_is_the_target_of_a_network_one(lb):
    inner = lb.balancer("inner")
    group = lb.group(TargetType="alb", Protocol="TCP", Port=80)
    with refused("InvalidTarget", "must have a listener"):
        lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": inner["LoadBalancerArn"]}])
    lb.listener(inner, says("inner"))
    lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": inner["LoadBalancerArn"]}])
    outer = lb.balancer("outer", Type="network")
    lb.listener(outer, forward(group), Protocol="TCP")
    lb.cloud.advance(10)
    assert lb.client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]["TargetHealth"] == {"State": "healthy"}
    assert lb.ask(outer).text == "inner"
    with refused("ResourceInUse"):
        lb.client.delete_load_balancer(LoadBalancerArn=inner["LoadBalancerArn"])
