"""Classic Load Balancers: the control plane."""
import json
import re

import pytest
from botocore.exceptions import ClientError

from tests.services.elbv2.conftest import LoadBalancing, lb  # noqa: F401 - a fixture
from tests.services.elbv2.test_listeners import certificate, imported
from tests.services.elbv2.test_templates import settle

HTTP = {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}


def refused(code, message=""):
    return pytest.raises(ClientError, match=rf"\({code}\).*{message}")


class Classic:
    def __init__(self, lb: LoadBalancing):  # noqa: F811
        self.lb, self.cloud, self.client = lb, lb.cloud, lb.cloud.client("elb")

    def make(self, name="old", *listeners, **more):
        if "AvailabilityZones" not in more:
            more.setdefault("Subnets", [one["SubnetId"] for one in self.lb.subnets[:2]])
        more.setdefault("SecurityGroups", [self.lb.open_group])
        return self.client.create_load_balancer(LoadBalancerName=name, Listeners=list(listeners) or [HTTP], **more)["DNSName"]

    def told(self, name="old"):
        return self.client.describe_load_balancers(LoadBalancerNames=[name])["LoadBalancerDescriptions"][0]

    def health(self, name="old"):
        return {one["InstanceId"]: (one["State"], one["ReasonCode"], one["Description"]) for one in self.client.describe_instance_health(LoadBalancerName=name)["InstanceStates"]}


@pytest.fixture
def classic(lb):  # noqa: F811
    made = Classic(lb)
    yield made
    for one in made.client.describe_load_balancers()["LoadBalancerDescriptions"]:
        made.client.delete_load_balancer(LoadBalancerName=one["LoadBalancerName"])


def test_a_balancer_is_there_at_once_with_aws_defaults(classic):
    dns = classic.make()
    assert re.fullmatch(r"old-\d+\.us-east-1\.elb\.amazonaws\.com", dns)
    told = classic.told()
    assert told["DNSName"] == dns and told["HealthCheck"] == {"Target": "TCP:80", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10}
    assert told["Scheme"] == "internet-facing" and told["VPCId"] == classic.lb.vpc and told["Instances"] == [] and told["SecurityGroups"] == [classic.lb.open_group]
    assert told["ListenerDescriptions"] == [{"Listener": HTTP, "PolicyNames": []}] and told["SourceSecurityGroup"] == {"OwnerAlias": classic.cloud.account, "GroupName": "open"}
    assert classic.make() == dns                               # the same again
    with refused("DuplicateLoadBalancerName"):
        classic.make("old", HTTP | {"LoadBalancerPort": 81})
    assert classic.make("inside", Scheme="internal").startswith("internal-inside-")
    assert classic.lb.ask(dns).status == 503                   # nobody registered
    for _ in range(2):
        classic.client.delete_load_balancer(LoadBalancerName="old")
    with refused("LoadBalancerNotFound", "There is no ACTIVE Load Balancer named 'old'"):
        classic.told()
    assert {one["Name"]: one["Max"] for one in classic.client.describe_account_limits()["Limits"]}["classic-load-balancers"] == "20"


def test_zones_stand_for_their_default_subnets(classic):
    zones = [one["AvailabilityZone"] for one in classic.lb.subnets]
    classic.make(AvailabilityZones=zones[:1])
    assert classic.told()["AvailabilityZones"] == zones[:1] and classic.told()["Subnets"] == [classic.lb.subnets[0]["SubnetId"]]
    assert classic.client.enable_availability_zones_for_load_balancer(LoadBalancerName="old", AvailabilityZones=zones[1:2])["AvailabilityZones"] == zones[:2]
    assert classic.client.disable_availability_zones_for_load_balancer(LoadBalancerName="old", AvailabilityZones=zones[:1])["AvailabilityZones"] == zones[1:2]
    with refused("InvalidConfigurationRequest"):
        classic.client.disable_availability_zones_for_load_balancer(LoadBalancerName="old", AvailabilityZones=zones[1:2])
    ids = [one["SubnetId"] for one in classic.lb.subnets]
    assert classic.client.attach_load_balancer_to_subnets(LoadBalancerName="old", Subnets=[ids[0]])["Subnets"] == sorted(ids[:2])
    assert classic.client.detach_load_balancer_from_subnets(LoadBalancerName="old", Subnets=[ids[1]])["Subnets"] == [ids[0]]
    other = classic.lb.ec2.create_security_group(GroupName="other", Description="other", VpcId=classic.lb.vpc)["GroupId"]
    assert classic.client.apply_security_groups_to_load_balancer(LoadBalancerName="old", SecurityGroups=[other])["SecurityGroups"] == [other]
    with refused("ValidationError"):
        classic.make("none", AvailabilityZones=["us-east-1z"])


def test_listeners_come_and_go(classic):
    classic.make()
    tcp = {"Protocol": "TCP", "LoadBalancerPort": 5000, "InstanceProtocol": "TCP", "InstancePort": 5001}
    for _ in range(2):
        classic.client.create_load_balancer_listeners(LoadBalancerName="old", Listeners=[tcp])
    with refused("DuplicateListener"):
        classic.client.create_load_balancer_listeners(LoadBalancerName="old", Listeners=[tcp | {"InstancePort": 1}])
    with refused("ValidationError", "same Internet protocol layer"):
        classic.client.create_load_balancer_listeners(LoadBalancerName="old", Listeners=[tcp | {"InstanceProtocol": "HTTP", "LoadBalancerPort": 1}])
    with refused("CertificateNotFound"):
        classic.client.create_load_balancer_listeners(LoadBalancerName="old", Listeners=[HTTP | {
            "Protocol": "HTTPS", "LoadBalancerPort": 443, "SSLCertificateId": f"arn:aws:iam::{classic.cloud.account}:server-certificate/none"}])
    arn = imported(classic.lb, "example.com")
    classic.client.create_load_balancer_listeners(LoadBalancerName="old", Listeners=[HTTP | {"Protocol": "HTTPS", "LoadBalancerPort": 443, "SSLCertificateId": arn}])
    assert classic.lb.ask(f"{classic.told()['DNSName']}:443").status == 503
    body, key = certificate("b.example.com")
    other = classic.cloud.client("iam").upload_server_certificate(ServerCertificateName="b", CertificateBody=body.decode(), PrivateKey=key.decode())["ServerCertificateMetadata"]["Arn"]
    classic.client.set_load_balancer_listener_ssl_certificate(LoadBalancerName="old", LoadBalancerPort=443, SSLCertificateId=other)
    assert {one["Listener"].get("SSLCertificateId") for one in classic.told()["ListenerDescriptions"]} == {None, other}
    with refused("ListenerNotFound"):
        classic.client.set_load_balancer_listener_ssl_certificate(LoadBalancerName="old", LoadBalancerPort=444, SSLCertificateId=other)
    classic.client.delete_load_balancer_listeners(LoadBalancerName="old", LoadBalancerPorts=[443, 5000])
    assert [one["Listener"]["LoadBalancerPort"] for one in classic.told()["ListenerDescriptions"]] == [80]


def test_the_health_check_is_configured(classic):
    classic.make()
    check = {"Target": "HTTP:8080/health", "Interval": 10, "Timeout": 3, "UnhealthyThreshold": 3, "HealthyThreshold": 2}
    assert classic.client.configure_health_check(LoadBalancerName="old", HealthCheck=check)["HealthCheck"] == check and classic.told()["HealthCheck"] == check
    for bad in ({"Target": "HTTP:80"}, {"Target": "TCP:80/x"}, {"Target": "FTP:21"}, {"Timeout": 10}):
        with refused("ValidationError"):
            classic.client.configure_health_check(LoadBalancerName="old", HealthCheck=check | bad)


def test_an_instance_must_exist(classic):
    classic.make()
    with refused("InvalidInstance"):
        classic.client.register_instances_with_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0123456789abcdef0"}])
    with refused("InvalidInstance"):
        classic.client.deregister_instances_from_load_balancer(LoadBalancerName="old", Instances=[{"InstanceId": "i-0123456789abcdef0"}])
    assert classic.health() == {}


def test_policies(classic):
    classic.make()
    classic.client.create_lb_cookie_stickiness_policy(LoadBalancerName="old", PolicyName="lb", CookieExpirationPeriod=60)
    classic.client.create_app_cookie_stickiness_policy(LoadBalancerName="old", PolicyName="app", CookieName="SESSION")
    classic.client.create_load_balancer_policy(LoadBalancerName="old", PolicyName="proxy", PolicyTypeName="ProxyProtocolPolicyType",
                                               PolicyAttributes=[{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}])
    told = classic.told()["Policies"]
    assert told == {"AppCookieStickinessPolicies": [{"PolicyName": "app", "CookieName": "SESSION"}], "LBCookieStickinessPolicies": [{"PolicyName": "lb", "CookieExpirationPeriod": 60}],
                    "OtherPolicies": ["proxy"]}
    classic.client.set_load_balancer_policies_of_listener(LoadBalancerName="old", LoadBalancerPort=80, PolicyNames=["lb"])
    classic.client.set_load_balancer_policies_for_backend_server(LoadBalancerName="old", InstancePort=80, PolicyNames=["proxy"])
    assert classic.told()["ListenerDescriptions"][0]["PolicyNames"] == ["lb"] and classic.told()["BackendServerDescriptions"] == [{"InstancePort": 80, "PolicyNames": ["proxy"]}]
    with refused("InvalidConfigurationRequest"):
        classic.client.delete_load_balancer_policy(LoadBalancerName="old", PolicyName="lb")
    with refused("DuplicatePolicyName"):
        classic.client.create_lb_cookie_stickiness_policy(LoadBalancerName="old", PolicyName="lb")
    with refused("PolicyNotFound"):
        classic.client.set_load_balancer_policies_of_listener(LoadBalancerName="old", LoadBalancerPort=80, PolicyNames=["none"])
    with refused("PolicyTypeNotFound"):
        classic.client.create_load_balancer_policy(LoadBalancerName="old", PolicyName="x", PolicyTypeName="none")
    classic.client.delete_load_balancer_policy(LoadBalancerName="old", PolicyName="app")
    described = classic.client.describe_load_balancer_policies(LoadBalancerName="old", PolicyNames=["lb"])["PolicyDescriptions"]
    assert described[0]["PolicyTypeName"] == "LBCookieStickinessPolicyType"
    assert {one["PolicyTypeName"] for one in classic.client.describe_load_balancer_policy_types()["PolicyTypeDescriptions"]} >= {"SSLNegotiationPolicyType", "ProxyProtocolPolicyType"}


def test_attributes_and_tags(classic):
    classic.make(Tags=[{"Key": "a", "Value": "1"}])
    told = classic.client.describe_load_balancer_attributes(LoadBalancerName="old")["LoadBalancerAttributes"]
    assert told["ConnectionSettings"] == {"IdleTimeout": 60} and told["CrossZoneLoadBalancing"] == {"Enabled": False} and told["ConnectionDraining"] == {"Enabled": False, "Timeout": 300}
    changed = classic.client.modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes={"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionSettings": {"IdleTimeout": 30}})
    assert changed["LoadBalancerAttributes"] == {"CrossZoneLoadBalancing": {"Enabled": True}, "ConnectionSettings": {"IdleTimeout": 30}}
    with refused("InvalidConfigurationRequest"):
        classic.client.modify_load_balancer_attributes(LoadBalancerName="old", LoadBalancerAttributes={"ConnectionDraining": {"Enabled": True, "Timeout": 3601}})
    classic.client.add_tags(LoadBalancerNames=["old"], Tags=[{"Key": "b", "Value": "2"}])
    classic.client.remove_tags(LoadBalancerNames=["old"], Tags=[{"Key": "a"}])
    assert classic.client.describe_tags(LoadBalancerNames=["old"])["TagDescriptions"] == [{"LoadBalancerName": "old", "Tags": [{"Key": "b", "Value": "2"}]}]


def test_a_stack_makes_one(classic):
    cfn = classic.cloud.client("cloudformation")
    whole = {"Resources": {"Old": {"Type": "AWS::ElasticLoadBalancing::LoadBalancer", "Properties": {
        "Subnets": [one["SubnetId"] for one in classic.lb.subnets[:2]], "SecurityGroups": [classic.lb.open_group], "CrossZone": True, "ConnectionDrainingPolicy": {"Enabled": True, "Timeout": 60},
        "LBCookieStickinessPolicy": [{"PolicyName": "sticky", "CookieExpirationPeriod": "60"}], "Listeners": [{**{k: str(v) for k, v in HTTP.items()}, "PolicyNames": ["sticky"]}],
        "HealthCheck": {"Target": "HTTP:80/", "Interval": "10", "Timeout": "5", "HealthyThreshold": "2", "UnhealthyThreshold": "2"}}}},
        "Outputs": {"Name": {"Value": {"Fn::GetAtt": ["Old", "DNSName"]}}, "Group": {"Value": {"Fn::GetAtt": ["Old", "SourceSecurityGroup.GroupName"]}}}}
    cfn.create_stack(StackName="classic", TemplateBody=json.dumps(whole))
    out = settle(classic, "classic", "CREATE_COMPLETE")
    made = classic.client.describe_load_balancers()["LoadBalancerDescriptions"][0]
    assert out == {"Name": made["DNSName"], "Group": "open"} and made["ListenerDescriptions"][0]["PolicyNames"] == ["sticky"] and made["HealthCheck"]["Target"] == "HTTP:80/"
    whole["Resources"]["Old"]["Properties"]["HealthCheck"]["Target"] = "TCP:80"
    cfn.update_stack(StackName="classic", TemplateBody=json.dumps(whole))
    settle(classic, "classic", "UPDATE_COMPLETE")
    assert classic.told(made["LoadBalancerName"])["HealthCheck"]["Target"] == "TCP:80"
    cfn.delete_stack(StackName="classic")
    classic.cloud.advance(5)
    assert classic.client.describe_load_balancers()["LoadBalancerDescriptions"] == []
