"""Classic Load Balancers before real instances."""
import json

import pytest
from botocore.exceptions import ClientError

from cloche.engines.world import lacking
from tests.services.elbv2.conftest import instance, lb  # noqa: F401 - a fixture
from tests.services.elbv2.test_instances import until

from .test_load_balancers import HTTP, classic  # noqa: F401 - a fixture

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "-")


def test_an_instance_is_out_of_service_until_ten_checks_in_a_row_have_passed(classic):  # noqa: F811
    dns = classic.make("old", HTTP, {"Protocol": "TCP", "LoadBalancerPort": 8080, "InstanceProtocol": "TCP", "InstancePort": 80})
    ids = [instance(classic.lb, "a", 0), instance(classic.lb, "b", 1)]
    classic.client.configure_health_check(LoadBalancerName="old", HealthCheck={"Target": "HTTP:80/health", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10})
    classic.client.modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes={"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionDraining": {"Enabled": True, "Timeout": 60}})
    members = {"LoadBalancerName": "old", "Instances": [{"InstanceId": one} for one in ids]}
    classic.client.register_instances_with_load_balancer(**members)
    waiting = ("OutOfService", "Instance", "Instance has not passed the configured HealthyThreshold number of health checks consecutively.")
    until(classic.lb, lambda: set(classic.health().values()) == {waiting})        # the machines have booted and serve
    assert classic.client.deregister_instances_from_load_balancer(**members)["Instances"] == [] and classic.health() == {}
    assert {one["InstanceId"] for one in classic.client.register_instances_with_load_balancer(**members)["Instances"]} == set(ids)
    assert set(classic.health().values()) == {("OutOfService", "ELB", "Instance registration is still in progress.")}
    classic.cloud.advance(30 * 9 + 1)
    assert set(classic.health().values()) == {waiting}
    assert classic.lb.ask(dns).status == 503
    for _ in range(4):  # the tenth check; a busy machine may have let one of a real instance's fail before
        classic.cloud.advance(30)
        if set(classic.health().values()) == {("InService", "N/A", "N/A")}:
            break
    assert set(classic.health().values()) == {("InService", "N/A", "N/A")}
    assert {classic.lb.ask(dns).text for _ in range(6)} == {"a", "b"} and classic.lb.ask(f"{dns}:8080").status == 200
    classic.client.create_lb_cookie_stickiness_policy(LoadBalancerName="old", PolicyName="sticky", CookieExpirationPeriod=60)
    classic.client.set_load_balancer_policies_of_listener(LoadBalancerName="old", LoadBalancerPort=80, PolicyNames=["sticky"])
    first = classic.lb.ask(dns)
    kept = [one.split(";")[0] for one in first.headers.get_all("set-cookie")]
    assert kept[0].startswith("AWSELB=") and kept[1].startswith("AWSELBCORS=")
    again = [classic.lb.ask(dns, headers={"Cookie": kept[0]}) for _ in range(5)]
    assert {one.text for one in again} == {first.text} and not again[0].headers.get_all("set-cookie")
    classic.client.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": ids[0]}])
    assert classic.health()[ids[0]] == ("InService", "N/A", "Instance deregistration currently in progress.")
    assert {classic.lb.ask(dns).text for _ in range(4)} == {"b"}
    classic.cloud.advance(61)
    assert classic.health().keys() == {ids[1]}
    classic.lb.ec2.stop_instances(InstanceIds=[ids[1]])
    until(classic.lb, lambda: classic.health()[ids[1]][0] == "OutOfService")
    assert classic.health()[ids[1]][2].startswith("Instance is in stop")
    until(classic.lb, lambda: classic.lb.ask(dns).status in (502, 503, 504))  # the machine takes its moment to go down
    classic.lb.ec2.terminate_instances(InstanceIds=ids)
    until(classic.lb, lambda: classic.told()["Instances"] == [])       # what is terminated is deregistered


def test_requests_are_counted_and_logged(classic):  # noqa: F811
    s3, bucket = classic.cloud.client("s3"), f"classic-{classic.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    dns = classic.make()
    logs = {"AccessLog": {"Enabled": True, "S3BucketName": bucket, "S3BucketPrefix": "p", "EmitInterval": 5}}
    with pytest.raises(ClientError, match="Access Denied for bucket"):
        classic.client.modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes=logs)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::127311923021:root"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))
    classic.client.modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes=logs)
    start = classic.cloud.now
    assert classic.lb.ask(dns, "/x").status == 503
    classic.cloud.advance(minutes=6)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Key"].endswith(".log")]
    assert len(keys) == 1 and keys[0].startswith(f"p/AWSLogs/{classic.cloud.account}/elasticloadbalancing/us-east-1/") and "_elasticloadbalancing_us-east-1_old_" in keys[0]
    line = s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read().decode()
    assert ' old ' in line and f' - -1 -1 -1 503 - 0 0 "GET http://{dns}:80/x HTTP/1.1" "-" - -' in line
    points = classic.cloud.client("cloudwatch").get_metric_statistics(Namespace="AWS/ELB", MetricName="HTTPCode_ELB_5XX", Dimensions=[{"Name": "LoadBalancerName", "Value": "old"}],
                                                                      StartTime=start - 120, EndTime=start + 600, Period=60, Statistics=["Sum"])["Datapoints"]
    assert sum(one["Sum"] for one in points) == 1
