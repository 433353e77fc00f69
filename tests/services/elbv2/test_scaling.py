"""A load balancer before an Auto Scaling group whose health it decides."""
import base64
import time

import pytest

from cloche.engines.world import lacking
from tests.services.ec2.test_machines import sh

from .conftest import WEB, forward

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")


def test_an_instance_that_the_balancer_finds_unhealthy_is_replaced(lb):
    group, balancer, scaling = lb.group(HealthCheckIntervalSeconds=10), lb.balancer(), lb.cloud.client("autoscaling")
    lb.client.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}])
    lb.listener(balancer, forward(group))
    image = lb.cloud.client("ssm").get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]
    lb.ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={
        "ImageId": image, "InstanceType": "t3.micro", "SecurityGroupIds": [lb.open_group], "UserData": base64.b64encode(WEB.replace('"{name}"', '"$(hostname)"').encode()).decode()})
    scaling.create_auto_scaling_group(AutoScalingGroupName="web", LaunchTemplate={"LaunchTemplateName": "web"}, MinSize=1, MaxSize=1, HealthCheckType="ELB", HealthCheckGracePeriod=30,
                                      VPCZoneIdentifier=lb.subnets[0]["SubnetId"], TargetGroupARNs=[group])

    def healthy(but=""):
        for _ in range(40):
            if found := [id_ for id_, (state, _) in lb.health(group).items() if state == "healthy" and id_ != but]:
                return found[0]
            lb.cloud.advance(10)
            time.sleep(0.2)                                    # machines boot in real time
        raise AssertionError(lb.health(group))

    first = healthy()
    assert lb.ask(balancer).text.startswith("ip-")
    sh(lb.cloud, first, "pkill -f http.server; true")
    second = healthy(but=first)
    assert second != first and lb.ask(balancer).text.startswith("ip-")
    lb.cloud.advance(60)
    assert list(lb.health(group)) == [second]                  # the old one has drained and is gone
    scaling.delete_auto_scaling_group(AutoScalingGroupName="web", ForceDelete=True)
    lb.cloud.advance(30)
