"""A look that finds nothing new does not hold up the clock; one that does is taken in full."""
import time


def health(cloud, id_):
    return cloud.client("route53").get_health_check_status(HealthCheckId=id_)["HealthCheckObservations"][0]["StatusReport"]


def test_a_year_with_a_health_check_passes_in_a_moment_and_the_check_is_as_fresh_as_ever(cloud):
    made = cloud.client("route53").create_health_check(CallerReference="r", HealthCheckConfig={
        "Type": "HTTP", "FullyQualifiedDomainName": "sts.us-east-1.amazonaws.com", "ResourcePath": "/?Action=GetCallerIdentity", "RequestInterval": 10, "FailureThreshold": 3})["HealthCheck"]["Id"]
    cloud.advance(60)
    begun = time.monotonic()
    cloud.advance(days=365)
    assert time.monotonic() - begun < 10  # 3,153,600 looks would take an hour
    report = health(cloud, made)
    assert "HTTP Status Code" in report["Status"] and abs(report["CheckedTime"].timestamp() - cloud.now) < 30
