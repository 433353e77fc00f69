"""Auto Scaling and CloudWatch over machines that really run. (`real` is a cloud with machines.)"""
import base64
import time
import urllib.request

import pytest

from cloche.engines.world import lacking

from .help import ids, image, look, running, settle

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture
def cloud(real):
    yield real
    client = real.client("autoscaling")
    for one in client.describe_auto_scaling_groups()["AutoScalingGroups"]:
        client.delete_auto_scaling_group(AutoScalingGroupName=one["AutoScalingGroupName"], ForceDelete=True)
    real.advance(60)


def metric(cloud, name, dims, statistic="Average", period=60, back=1800, space="AWS/EC2"):
    got = cloud.client("cloudwatch").get_metric_statistics(
        Namespace=space, MetricName=name, Dimensions=[{"Name": k, "Value": v} for k, v in dims.items()], StartTime=cloud.now - back, EndTime=cloud.now + 60, Period=period, Statistics=[statistic])
    return sorted((p["Timestamp"].timestamp(), p[statistic]) for p in got["Datapoints"])


def passing(cloud, minutes):
    """Minutes in steps, with a little real time in each, so that there is something to measure."""
    for _ in range(minutes):
        time.sleep(0.03)
        cloud.advance(60)


def launch(cloud, **more):
    ec2 = cloud.client("ec2")
    id_ = ec2.run_instances(ImageId=image(cloud), InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
    cloud.advance(5)
    return id_


def test_basic_monitoring_tells_every_five_minutes_and_status_checks_every_minute(cloud):
    id_ = launch(cloud)
    passing(cloud, 11)
    five = metric(cloud, "CPUUtilization", {"InstanceId": id_})
    assert len(five) in (2, 3) and five[1][0] - five[0][0] == 300 and all(0 <= value <= 100 for _, value in five)
    assert len(metric(cloud, "StatusCheckFailed", {"InstanceId": id_})) >= 10 and {v for _, v in metric(cloud, "StatusCheckFailed", {"InstanceId": id_})} == {0}
    assert metric(cloud, "CPUUtilization", {"InstanceType": "t3.micro"}) == []
    cloud.client("ec2").terminate_instances(InstanceIds=[id_])


def test_detailed_monitoring_tells_every_minute(cloud):
    id_ = launch(cloud, Monitoring={"Enabled": True})
    passing(cloud, 5)
    found = metric(cloud, "CPUUtilization", {"InstanceId": id_})
    assert len(found) >= 4 and found[1][0] - found[0][0] == 60
    assert metric(cloud, "CPUUtilization", {"InstanceType": "t3.micro"}) != [] and metric(cloud, "NetworkIn", {"InstanceId": id_}, "Sum") != []
    cloud.client("ec2").unmonitor_instances(InstanceIds=[id_])
    cloud.client("ec2").terminate_instances(InstanceIds=[id_])


def test_a_busy_group_grows_by_its_processors_alone(cloud):
    client = cloud.client("autoscaling")
    running(cloud, MinSize=1, MaxSize=3, DefaultInstanceWarmup=60)
    client.put_scaling_policy(AutoScalingGroupName="g", PolicyName="cpu", PolicyType="TargetTrackingScaling", TargetTrackingConfiguration={
        "PredefinedMetricSpecification": {"PredefinedMetricType": "ASGAverageCPUUtilization"}, "TargetValue": 10})
    [one] = ids(look(cloud))
    cloud.client("ec2").monitor_instances(InstanceIds=[one])
    cloud.client("ssm").send_command(InstanceIds=[one], DocumentName="AWS-RunShellScript", Parameters={"commands": ["nohup sh -c 'i=0; while :; do i=$((i+1)); done' >/dev/null 2>&1 &"]})
    time.sleep(0.1)
    for _ in range(6):
        passing(cloud, 1)
        if look(cloud)["DesiredCapacity"] > 1:
            break
    assert look(cloud)["DesiredCapacity"] > 1, metric(cloud, "CPUUtilization", {"AutoScalingGroupName": "g"})
    assert len(settle(cloud)["Instances"]) > 1  # how busy a processor is, and so how far it grows, the machine beneath decides


SERVE = """#!/bin/bash
mkdir -p /srv/www && hostname > /srv/www/index.html && cd /srv/www && nohup python3 -m http.server 80 >/dev/null 2>&1 &
"""


def test_an_instance_whose_server_died_is_replaced_by_the_balancers_word(cloud):
    """Area 10.8: HealthCheckType ELB, an unhealthy target is terminated and replaced; requests go to who is well."""
    client, elb, ec2 = cloud.client("autoscaling"), cloud.client("elbv2"), cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnets = {s["AvailabilityZone"]: s["SubnetId"] for s in ec2.describe_subnets()["Subnets"]}
    zones = sorted(subnets)[:2]
    open_ = ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=open_, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    balancer = elb.create_load_balancer(Name="web", Subnets=[subnets[z] for z in zones], SecurityGroups=[open_])["LoadBalancers"][0]
    arn = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, HealthCheckIntervalSeconds=10)["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}])
    elb.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}])
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={
        "ImageId": image(cloud), "InstanceType": "t3.micro", "SecurityGroupIds": [open_], "UserData": base64.b64encode(SERVE.encode()).decode()})["LaunchTemplate"]["LaunchTemplateId"]
    client.create_auto_scaling_group(AutoScalingGroupName="g", MinSize=2, MaxSize=3, VPCZoneIdentifier=",".join(subnets[z] for z in zones), LaunchTemplate={"LaunchTemplateId": made},
                                     TargetGroupARNs=[arn], HealthCheckType="ELB", HealthCheckGracePeriod=30)

    def health():
        return {d["Target"]["Id"]: d["TargetHealth"]["State"] for d in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]}

    def pass_until(true, turns=30):
        for _ in range(turns):
            if true():
                return
            time.sleep(0.05)
            cloud.advance(15)
        raise AssertionError((health(), look(cloud), client.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]))

    pass_until(lambda: list(health().values()) == ["healthy"] * 2 and len(ids(look(cloud))) == 2)
    victim = sorted(ids(look(cloud)))[0]
    cloud.client("ssm").send_command(InstanceIds=[victim], DocumentName="AWS-RunShellScript", Parameters={"commands": ["pkill -f http.server"]})
    pass_until(lambda: victim not in ids(look(cloud)) and list(health().values()) == ["healthy"] * 2)
    causes = [a["Cause"] for a in client.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]]
    assert any("ELB system health check failure" in cause for cause in causes)
    request = urllib.request.Request(f"{cloud.url}/", headers={"Host": balancer["DNSName"]})
    assert urllib.request.urlopen(request).read().startswith(b"ip-")
    elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
