"""What is written down of requests: access logs in S3, metrics in CloudWatch; and what lives on after a crash."""
import gzip
import json
import re
import time

import pytest
from botocore.exceptions import ClientError

from .conftest import LoadBalancing, forward, says


def on(lb, balancer, bucket, prefix=""):
    lb.client.modify_load_balancer_attributes(LoadBalancerArn=balancer["LoadBalancerArn"], Attributes=[
        {"Key": "access_logs.s3.enabled", "Value": "true"}, {"Key": "access_logs.s3.bucket", "Value": bucket}, {"Key": "access_logs.s3.prefix", "Value": prefix}])


@pytest.mark.parametrize("principal", [{"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, {"AWS": "arn:aws:iam::127311923021:root"}])
def test_access_logs_arrive_every_five_minutes_where_the_bucket_lets_them(lb, principal):
    s3, bucket = lb.cloud.client("s3"), f"logs-{lb.cloud.account}"
    s3.create_bucket(Bucket=bucket)
    balancer = lb.balancer()
    lb.listener(balancer, says("x"))
    with pytest.raises(ClientError, match=r"InvalidConfigurationRequest.*Access Denied for bucket"):
        on(lb, balancer, bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": principal, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/mine/AWSLogs/{lb.cloud.account}/*"}]}))
    on(lb, balancer, bucket, "mine")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [f"mine/AWSLogs/{lb.cloud.account}/ELBAccessLogTestFile"]
    lb.ask(balancer, "/a b?c=d".replace(" ", "%20"), headers={"User-Agent": 'say "hi"'})
    lb.cloud.advance(minutes=5)
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"] if one["Key"].endswith(".gz")]
    id_ = balancer["LoadBalancerArn"].rsplit("/", 1)[1]
    assert len(keys) == 1 and re.fullmatch(rf"mine/AWSLogs/{lb.cloud.account}/elasticloadbalancing/us-east-1/\d{{4}}/\d\d/\d\d/{lb.cloud.account}_elasticloadbalancing_us-east-1_app\.lb\.{id_}"
                                           r"_\d{8}T\d{4}Z_[\d.]+_\w{8}\.log\.gz", keys[0])
    line = gzip.decompress(s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()).decode().strip()
    fields = re.findall(r'"[^"]*"|\S+', line)
    assert len(fields) == 33 and fields[0] == "http" and fields[2] == f"app/lb/{id_}" and fields[8] == "200" and fields[9] == "-"
    assert fields[12] == f'"GET http://{balancer["DNSName"]}:80/a%20b?c=d HTTP/1.1"' and fields[13] == '"say \\x22hi\\x22"' and fields[20] == "0" and fields[22] == '"fixed-response"'


def test_a_bucket_must_be_named(lb):
    arn = lb.balancer()["LoadBalancerArn"]
    with pytest.raises(ClientError, match="ValidationError"):
        lb.client.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": "access_logs.s3.enabled", "Value": "true"}])


def test_requests_are_counted_in_cloudwatch(lb):
    one = lb.machine(lambda method, target, headers, body: (404 if target == "/no" else 200, [], b"x"))
    balancer = lb.behind(one)
    start = lb.cloud.now
    for path in ("/", "/", "/no"):
        lb.ask(balancer, path)
    lb.cloud.advance(minutes=2)
    watch, path = lb.cloud.client("cloudwatch"), balancer["LoadBalancerArn"].split(":loadbalancer/")[1]
    group = balancer["group"].rsplit(":", 1)[1]

    def total(name, *more, statistic="Sum"):
        points = watch.get_metric_statistics(Namespace="AWS/ApplicationELB", MetricName=name, Dimensions=[*more, {"Name": "LoadBalancer", "Value": path}], StartTime=start - 120, EndTime=start + 300,
                                             Period=60, Statistics=[statistic])["Datapoints"]
        return sum(point[statistic] for point in points) if statistic == "Sum" else [point[statistic] for point in points]

    assert total("RequestCount") == 3 and total("HTTPCode_Target_2XX_Count") == 2 and total("HTTPCode_Target_4XX_Count") == 1
    assert total("RequestCountPerTarget", {"Name": "TargetGroup", "Value": group}) == 3
    assert set(total("HealthyHostCount", {"Name": "TargetGroup", "Value": group}, statistic="Maximum")) == {1.0}


def test_a_load_balancer_listens_again_after_a_crash(process):
    cloud = process()
    lb = LoadBalancing(cloud)
    balancer = lb.balancer()
    group = lb.group(TargetType="lambda")
    lb.listener(balancer, says("still here"))
    lb.client.create_rule(ListenerArn=lb.client.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"][0]["ListenerArn"], Priority=1,
                          Conditions=[{"Field": "path-pattern", "Values": ["/f"]}], Actions=[forward(group)])
    assert lb.ask(balancer).text == "still here"
    cloud.kill()
    cloud.start()
    lb = LoadBalancing(cloud)
    end = time.monotonic() + 10
    while True:
        try:
            assert lb.ask(balancer, timeout=2).text == "still here"
            break
        except OSError:
            assert time.monotonic() < end
    assert lb.ask(balancer, "/f").status == 503
