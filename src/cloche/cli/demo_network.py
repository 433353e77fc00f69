"""Three tiers in a VPC from one CloudFormation template: asked through the load balancer, broken twice, and told why each time."""
from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from . import talk
from .demo import Demo, example

STACK = "three-tier"


class Network(Demo):
    tools = ("aws",)

    def play(self) -> None:
        self.say("Start")
        self.up()
        self.say("Deploy: a VPC of five subnets, a NAT gateway, four security groups, a network ACL, three instances, a load balancer, a flow log")
        self.deploy()
        self.say("Ask, through the load balancer: web tier, application, database")
        self.until("the web tier is healthy", self.healthy)
        self.until("all three tiers answer", lambda: self.ask(quiet=True)[0] == 200)
        self.ask()
        self.say("Take the web tier out of the application's security group")
        self.close_group()
        self.say("Take the ephemeral ports out of the database's network ACL: it remembers no connection, so the answers die")
        self.close_acl()
        self.say("Both are in the flow log")
        self.flows()

    def deploy(self) -> None:
        start = time.perf_counter()
        self.sh("aws", "cloudformation", "deploy", "--stack-name", STACK, "--template-file", str(example("three-tier") / "template.yaml"), "--capabilities", "CAPABILITY_IAM", lines=3)
        print(f"  deployed in {time.perf_counter() - start:.1f} s")
        found = self.aws("cloudformation", "describe-stacks", "--stack-name", STACK, quiet=True)
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in found["Stacks"][0]["Outputs"]}

    def healthy(self) -> bool:
        self.sh("cloche", "clock", "advance", "15s", "--data", str(self.data), quiet=True)
        found = self.aws("elbv2", "describe-target-health", "--target-group-arn", self.outputs["Targets"], quiet=True)
        return [one["TargetHealth"]["State"] for one in found["TargetHealthDescriptions"]] == ["healthy"]

    def ask(self, quiet: bool = False) -> tuple[int, str]:
        if not quiet:
            print(f"$ curl -s http://{self.outputs['Url']}/orders --connect-to ::127.0.0.1:{self.port}", flush=True)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/orders", headers={"host": self.outputs["Url"]})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        if not quiet:
            print(f"  {status} {text.strip()}", flush=True)
        return status, text

    def refused(self) -> None:
        if self.ask()[0] != 504:
            raise talk.Failed("the packet should have died")

    def why(self, source: str, target: str, port: int) -> None:
        self.sh("cloche", "why", "--from", self.outputs[source], "--to", self.outputs[target], "--port", str(port), "--data", str(self.data), lines=30, may_fail=True)

    def close_group(self) -> None:
        rule = ["--group-id", self.outputs["AppGroup"], "--ip-permissions", json.dumps([{"IpProtocol": "tcp", "FromPort": 1337, "ToPort": 1337, "UserIdGroupPairs": [{"GroupId": self.outputs["WebGroup"]}]}])]
        self.aws("ec2", "revoke-security-group-ingress", *rule, quiet=True)
        self.refused()
        self.why("Web", "AppAddress", 1337)
        self.aws("ec2", "authorize-security-group-ingress", *rule, quiet=True)
        self.ask()

    def close_acl(self) -> None:
        entry = ["--network-acl-id", self.outputs["DataAcl"], "--rule-number", "100", "--egress"]
        self.aws("ec2", "delete-network-acl-entry", *entry, quiet=True)
        self.refused()
        self.why("App", "DataAddress", 5432)
        self.aws("ec2", "create-network-acl-entry", *entry, "--protocol", "6", "--rule-action", "allow", "--cidr-block", "10.20.20.0/24", "--port-range", "From=1024,To=65535", quiet=True)
        self.ask()

    def flows(self) -> None:
        """Fields of a line: version account interface source destination source-port destination-port protocol packets bytes start end action status."""
        self.sh("cloche", "clock", "advance", "2m", "--data", str(self.data), quiet=True)
        found = self.aws("logs", "filter-log-events", "--log-group-name", "/three-tier/flows", "--filter-pattern", "REJECT", quiet=True)
        lines = [event["message"] for event in found["events"]]
        for what, field, port in (("on its way in, at the security group", 6, "1337"), ("on its way back, at the ACL", 5, "5432")):
            died = [line for line in lines if line.split()[field] == port]
            if not died:
                raise talk.Failed(f"the flow log has no line of what died {what}")
            print(f"  died {what}:\n    {died[0]}", flush=True)
