"""A look that finds nothing new does not hold up the clock; one that does is taken in full."""
import time

from cloche.testing import Cloche


def health(cloud, id_):
    return cloud.client("route53").get_health_check_status(HealthCheckId=id_)["HealthCheckObservations"][0]["StatusReport"]


def test_a_year_with_a_health_check_passes_in_a_moment_and_the_check_is_as_fresh_as_ever():
    with Cloche() as cloud:
        pass_a_year(cloud)


def pass_a_year(cloud):
    made = cloud.client("route53").create_health_check(CallerReference="r", HealthCheckConfig={
        "Type": "HTTP", "FullyQualifiedDomainName": "sts.us-east-1.amazonaws.com", "ResourcePath": "/?Action=GetCallerIdentity", "RequestInterval": 10, "FailureThreshold": 3})["HealthCheck"]["Id"]
    cloud.advance(60)
    begun = time.monotonic()
    cloud.advance(days=365)
    assert time.monotonic() - begun < 10  # 3,153,600 looks would take an hour
    report = health(cloud, made)
    assert "HTTP Status Code" in report["Status"] and abs(report["CheckedTime"].timestamp() - cloud.now) < 30


def test_what_is_planned_for_an_account_can_be_forgotten():
    with Cloche() as cloud:
        url = cloud.client("sqs").create_queue(QueueName="q", Attributes={"MessageRetentionPeriod": "60"})["QueueUrl"]
        cloud.client("events").put_rule(Name="r", ScheduleExpression="rate(1 minute)")
        arn = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        cloud.client("events").put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])
        cloud.control("clock", {"forget": "000000000000"})
        begun = time.monotonic()
        cloud.advance(days=3650)
        assert time.monotonic() - begun < 10
