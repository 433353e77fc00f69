"""Instances as targets: real machines with a web server from their user data."""
import time

import pytest

from cloche.engines.world import lacking
from tests.services.ec2.test_machines import sh

from .conftest import forward, instance

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")


def until(lb, what, seconds=30):
    for _ in range(int(seconds)):
        if what():
            return
        lb.cloud.advance(5)
        time.sleep(0.2)                                        # a machine boots in real time
    raise AssertionError


def test_an_instance_is_initial_then_healthy_and_unused_once_it_is_stopped(lb):
    id_ = instance(lb, "web")
    group, balancer = lb.group(HealthCheckIntervalSeconds=10), lb.balancer()
    lb.listener(balancer, forward(group))
    lb.client.register_targets(TargetGroupArn=group, Targets=[{"Id": id_}])
    assert lb.health(group)[id_] == ("initial", "Elb.RegistrationInProgress")
    until(lb, lambda: lb.health(group)[id_] == ("healthy", ""))
    assert lb.ask(balancer).text == "web"
    lb.ec2.stop_instances(InstanceIds=[id_])
    until(lb, lambda: lb.health(group)[id_][0] == "unused")
    assert lb.health(group)[id_] == ("unused", "Target.InvalidState")
    lb.cloud.advance(10)
    assert lb.ask(balancer).status == 503                      # all are unused: that is no failing open
    lb.ec2.start_instances(InstanceIds=[id_])
    until(lb, lambda: lb.health(group)[id_][0] in ("initial", "unhealthy"))
    lb.ec2.terminate_instances(InstanceIds=[id_])
    until(lb, lambda: id_ not in lb.health(group))             # what is terminated is deregistered
    assert lb.ask(balancer).status == 503


@pytest.mark.parametrize("scheme", ["internal", "internet-facing"])
def test_an_instance_reaches_the_balancer_by_its_name_under_the_balancers_group(lb, scheme):
    group = lb.group(TargetType="lambda")
    own = lb.ec2.create_security_group(GroupName="front", Description="front", VpcId=lb.vpc)["GroupId"]
    balancer = lb.balancer(Scheme=scheme, SecurityGroups=[own])
    lb.listener(balancer, forward(group))
    lb.function("f", "def handler(event, context):\n    return {'statusCode': 200, 'body': 'seen ' + event['headers']['x-forwarded-for']}\n", group)
    id_ = instance(lb, "client")
    told = lb.ec2.describe_instances(InstanceIds=[id_])["Reservations"][0]["Instances"][0]
    curl = f"curl -s -m 2 http://{balancer['DNSName']}/; echo \" $?\""
    assert sh(lb.cloud, id_, curl) == "28"                    # dropped in silence
    lb.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **({"UserIdGroupPairs": [{"GroupId": lb.open_group}]} if scheme == "internal" else {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]})}])
    address = told["PrivateIpAddress"] if scheme == "internal" else told["PublicIpAddress"]
    assert sh(lb.cloud, id_, curl) == f"seen {address} 0"
    lb.ec2.terminate_instances(InstanceIds=[id_])
