"""`waf`: web ACLs and their parts made in few words."""
import pytest

NONE = [{"Priority": 0, "Type": "NONE"}]
SEEN = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}


def seen(name):
    return SEEN | {"MetricName": name}


def contains(text, field=None, where="CONTAINS", steps=NONE):
    return {"ByteMatchStatement": {"SearchString": text.encode(), "FieldToMatch": field or {"QueryString": {}}, "TextTransformations": steps, "PositionalConstraint": where}}


def rule(name, statement, action="Block", priority=0, settings=None, **more):
    return {"Name": name, "Priority": priority, "Statement": statement, "VisibilityConfig": seen(name), **({"Action": {action: settings or {}}} if action else {}), **more}


class Waf:
    def __init__(self, cloud):
        self.cloud, self.client = cloud, cloud.client("wafv2")

    def acl(self, *rules, name="acl", default="Allow", scope="REGIONAL", **more):
        return self.client.create_web_acl(Name=name, Scope=scope, DefaultAction={default: {}}, Rules=list(rules), VisibilityConfig=SEEN, **more)["Summary"]

    def group(self, *rules, name="group", capacity=100, **more):
        return self.client.create_rule_group(Name=name, Scope="REGIONAL", Capacity=capacity, Rules=list(rules), VisibilityConfig=SEEN, **more)["Summary"]

    def addresses(self, *ranges, name="ips", version="IPV4"):
        return self.client.create_ip_set(Name=name, Scope="REGIONAL", IPAddressVersion=version, Addresses=list(ranges))["Summary"]

    def patterns(self, *texts, name="patterns"):
        return self.client.create_regex_pattern_set(Name=name, Scope="REGIONAL", RegularExpressionList=[{"RegexString": one} for one in texts])["Summary"]


def named(summary, scope="REGIONAL", **more):
    return {"Name": summary["Name"], "Id": summary["Id"], "Scope": scope, **more}


def locked(summary, **more):
    return named(summary, LockToken=summary["LockToken"], **more)


@pytest.fixture
def waf(cloud):
    return Waf(cloud)
