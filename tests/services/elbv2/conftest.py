"""`lb`: load balancers in the account's default VPC, functions behind them, and requests as from the internet."""
import http.client
import json

import pytest

from tests.services.lambda_.conftest import Bench

from .machines import Machine, tells

ANYWHERE = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]


class Answer:
    def __init__(self, response):
        self.status, self.body = response.status, response.read()
        self.headers = response.headers

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()


class LoadBalancing:
    def __init__(self, cloud, server=None):
        self.cloud, self.client, self.ec2, self.server = cloud, cloud.client("elbv2"), cloud.client("ec2"), server
        self._group = None
        self.machines = []

    def machine(self, behave=None, zone=0, groups=None, **more):
        """A target in the zone's default subnet; it admits anybody unless it has groups of its own."""
        subnet = self.subnets[zone]["SubnetId"]
        self.machines.append(Machine(self, subnet, groups or [self.open_group], behave or tells(f"m{len(self.machines)}"), **more))
        return self.machines[-1]

    def behind(self, *machines, group=None, **attributes):
        """A listening balancer before a group of these, all healthy."""
        group = group or self.group(TargetType="ip", HealthCheckIntervalSeconds=10)
        if attributes:
            self.client.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": k.replace("__", "."), "Value": v} for k, v in attributes.items()])
        balancer = self.balancer()
        balancer["group"], balancer["listener"] = group, self.listener(balancer, forward(group))
        self.register(group, *machines)
        self.cloud.advance(11)
        return balancer

    def register(self, group, *machines):
        if machines:
            self.client.register_targets(TargetGroupArn=group, Targets=[{"Id": one.address, "Port": one.port} for one in machines])

    def health(self, group):
        told = self.client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: (one["TargetHealth"]["State"], one["TargetHealth"].get("Reason", "")) for one in told}

    @property
    def subnets(self):
        found = self.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        return sorted(found, key=lambda one: one["AvailabilityZone"])

    @property
    def vpc(self):
        return self.subnets[0]["VpcId"]

    @property
    def open_group(self):
        """A security group that lets anybody in."""
        if self._group is None:
            self._group = self.ec2.create_security_group(GroupName="open", Description="open", VpcId=self.vpc)["GroupId"]
            self.ec2.authorize_security_group_ingress(GroupId=self._group, IpPermissions=ANYWHERE)
        return self._group

    def balancer(self, name="lb", wait=True, **more):
        if more.get("Type", "application") == "application":
            more.setdefault("SecurityGroups", [self.open_group])
        more.setdefault("Subnets", [one["SubnetId"] for one in self.subnets[:2]])
        made = self.client.create_load_balancer(Name=name, **more)["LoadBalancers"][0]
        if wait:
            self.cloud.advance(15)
        return made

    def group(self, name="tg", **more):
        if more.get("TargetType") != "lambda":
            more = {"Protocol": "HTTP", "Port": 80, "VpcId": self.vpc} | more
        return self.client.create_target_group(Name=name, **more)["TargetGroups"][0]["TargetGroupArn"]

    def listener(self, balancer, *actions, port=80, **more):
        return self.client.create_listener(LoadBalancerArn=balancer["LoadBalancerArn"], Protocol=more.pop("Protocol", "HTTP"), Port=port, DefaultActions=list(actions), **more)["Listeners"][0]["ListenerArn"]

    def function(self, name, code, group):
        """A function that the load balancer may invoke, registered with the group."""
        bench = Bench(self.cloud)
        arn = bench.deploy(name, code)["FunctionArn"]
        bench.client.add_permission(FunctionName=name, StatementId="elb", Action="lambda:InvokeFunction", Principal="elasticloadbalancing.amazonaws.com", SourceArn=group)
        self.client.register_targets(TargetGroupArn=group, Targets=[{"Id": arn}])
        return arn

    def ask(self, host, path="/", method="GET", headers=None, body=None, timeout=20):
        """As a client on the internet: Host is the load balancer's name."""
        name = host["DNSName"] if isinstance(host, dict) else host
        connection = http.client.HTTPConnection("127.0.0.1", self.cloud.port, timeout=timeout)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for key, value in [("Host", name), *(headers.items() if isinstance(headers, dict) else headers or [])]:
                connection.putheader(key, value)
            data = body.encode() if isinstance(body, str) else body
            if data is not None:
                connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            return Answer(connection.getresponse())
        finally:
            connection.close()


def forward(*groups, **more):
    if len(groups) == 1 and not more and isinstance(groups[0], str):
        return {"Type": "forward", "TargetGroupArn": groups[0]}
    return {"Type": "forward", "ForwardConfig": {"TargetGroups": [g if isinstance(g, dict) else {"TargetGroupArn": g} for g in groups], **more}}


def says(text, status="200", kind="text/plain"):
    return {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": status, "ContentType": kind, "MessageBody": text}}


@pytest.fixture
def lb(cloud, cloche_server):
    made = LoadBalancing(cloud, cloche_server)
    yield made
    for one in made.machines:
        one.end()
    for one in sorted(made.client.describe_load_balancers()["LoadBalancers"], key=lambda one: one["Type"], reverse=True):
        for group in made.client.describe_target_groups()["TargetGroups"]:
            if group["TargetType"] == "alb" and not group["LoadBalancerArns"]:
                made.client.delete_target_group(TargetGroupArn=group["TargetGroupArn"])
        made.client.modify_load_balancer_attributes(LoadBalancerArn=one["LoadBalancerArn"], Attributes=[{"Key": "deletion_protection.enabled", "Value": "false"}])
        made.client.delete_load_balancer(LoadBalancerArn=one["LoadBalancerArn"])


WEB = """#!/bin/bash
mkdir -p /srv/web && cd /srv/web && echo -n "{name}" > index.html && echo -n ok > health
nohup python3 -m http.server 80 > /var/log/web.log 2>&1 &
"""


def instance(lb, name, zone=0, script=WEB):
    """An instance that serves its name at port 80, running; its group admits anybody."""
    image = lb.cloud.client("ssm").get_parameter(Name="/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")["Parameter"]["Value"]
    made = lb.ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=lb.subnets[zone]["SubnetId"], SecurityGroupIds=[lb.open_group],
                                UserData=script.replace("{name}", name))["Instances"][0]["InstanceId"]
    for _ in range(100):
        state = lb.ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]["State"]["Name"]
        if state == "running":
            return made
        lb.cloud.advance(1)
    raise AssertionError(state)
