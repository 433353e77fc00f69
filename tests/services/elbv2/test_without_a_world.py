"""A Cloche that keeps records only (`--compute none`): load balancers answer from outside, functions are their only targets, and the groups still bind."""
import pytest

from cloche.testing import Cloche

from .conftest import LoadBalancing, forward, says


def test_rules_and_functions_work_and_addresses_are_not_reached():
    with Cloche(compute="none") as server:
        lb = LoadBalancing(server.other(), server)
        group, ips = lb.group(TargetType="lambda"), lb.group("ips", TargetType="ip")
        closed = lb.ec2.create_security_group(GroupName="closed", Description="closed", VpcId=lb.vpc)["GroupId"]
        balancer = lb.balancer()
        assert lb.client.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == "active"
        listener = lb.listener(balancer, forward(group))
        lb.function("f", "def handler(event, context):\n    return {'statusCode': 200, 'body': 'function'}\n", group)
        lb.client.create_rule(ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/fixed"]}], Actions=[says("fixed")])
        lb.client.create_rule(ListenerArn=listener, Priority=2, Conditions=[{"Field": "path-pattern", "Values": ["/ip"]}], Actions=[forward(ips)])
        lb.client.register_targets(TargetGroupArn=ips, Targets=[{"Id": "172.31.0.50"}])
        assert lb.ask(balancer).text == "function" and lb.ask(balancer, "/fixed").text == "fixed" and lb.ask(balancer, "/ip").status == 502
        lb.cloud.advance(60)
        assert lb.health(ips) == {"172.31.0.50": ("unhealthy", "Elb.InternalError")}
        lb.client.set_security_groups(LoadBalancerArn=balancer["LoadBalancerArn"], SecurityGroups=[closed])
        with pytest.raises(TimeoutError):
            lb.ask(balancer, "/fixed", timeout=0.3)
