"""A client, and zones and records in one line each."""
import pytest


class Api:
    def __init__(self, cloud):
        self.cloud, self.client, self.count = cloud, cloud.client("route53"), 0

    def zone(self, name="example.com", **more):
        self.count += 1
        return self.client.create_hosted_zone(Name=name, CallerReference=f"r{self.count}", **more)["HostedZone"]["Id"]

    def change(self, zone, *changes, **more):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": one} for action, one in changes], **more}
        return self.client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]

    def create(self, zone, *sets):
        return self.change(zone, *(("CREATE", one) for one in sets))

    def names(self, zone, **more):
        return [(one["Name"], one["Type"]) for one in self.client.list_resource_record_sets(HostedZoneId=zone, **more)["ResourceRecordSets"]]

    def ask(self, zone, name, type_="A", **more):
        said = self.client.test_dns_answer(HostedZoneId=zone, RecordName=name, RecordType=type_, **more)
        return said["ResponseCode"], said["RecordData"]


def rr(name, type_="A", *values, ttl=300, **more):
    return {"Name": name, "Type": type_, "TTL": ttl, "ResourceRecords": [{"Value": x} for x in values or ("192.0.2.1",)], **more}


def alias(name, target, zone, type_="A", health=False, **more):
    return {"Name": name, "Type": type_, "AliasTarget": {"HostedZoneId": zone.rsplit("/", 1)[-1], "DNSName": target, "EvaluateTargetHealth": health}, **more}


@pytest.fixture
def api(cloud):
    made = Api(cloud)
    yield made
    for one in reversed(made.client.list_health_checks()["HealthChecks"]):      # the session's clock is everybody's: what is still looked at costs every later jump
        if one["HealthCheckConfig"]["Type"] != "CALCULATED":
            made.client.update_health_check(HealthCheckId=one["Id"], Disabled=True)
