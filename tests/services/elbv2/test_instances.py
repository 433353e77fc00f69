"""Instances as targets: real machines with a web server from their user data."""
import time

import pytest

from cloche.engines.world import lacking

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
    lb.ec2.terminate_instances(InstanceIds=[id_])
    until(lb, lambda: id_ not in lb.health(group))             # what is terminated is deregistered
    assert lb.ask(balancer).status == 503
