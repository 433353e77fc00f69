"""`dock`: an account with a cluster, a network, an image of busybox in ECR and two roles, shared by a module."""
import functools
import io
import json
import shutil
import tarfile
import time

import pytest
from botocore.exceptions import ClientError

from cloche.engines.world import lacking
from tests.services.ec2.plugged import Plugged
from tests.services.ecr import pushing

BUSYBOX = shutil.which("busybox")
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
TOOLS = ("sh", "sleep", "cat", "ls", "id", "ps", "touch", "kill", "echo", "hostname", "env", "httpd", "wget", "nc", "true", "false", "mkdir", "head", "test", "ip")
CONFIG = {"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin", "FROM_IMAGE=yes"], "Cmd": ["sh", "-c", "echo hello"], "WorkingDir": "/www"}}


@functools.cache
def layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
        for name in ("bin", "etc", "www", "tmp"):
            info = tarfile.TarInfo(name)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        tar.add(BUSYBOX, "bin/busybox")
        for name in TOOLS:
            info = tarfile.TarInfo(f"bin/{name}")
            info.type, info.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(info)
        for name, text in (("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/www:/bin/sh\n"), ("etc/group", "root:x:0:\nweb:x:33:\n"), ("www/index.html", "from the task")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class Dock:
    def __init__(self, server):
        self.server, self.cloud = server, server.other()
        self.client = self.cloud.client
        self.ecs, self.ec2, self.iam = self.client("ecs"), self.client("ec2"), self.client("iam")
        self.ecs.create_cluster(clusterName="c")
        self.repository = self.client("ecr").create_repository(repositoryName="box")["repository"]
        pushing.image(self.client("ecr"), "box", "1", json.dumps(CONFIG).encode(), layer())
        self.image = self.repository["repositoryUri"] + ":1"
        subnets = sorted(self.ec2.describe_subnets()["Subnets"], key=lambda one: one["AvailabilityZone"])
        self.subnets, self.vpc = [one["SubnetId"] for one in subnets], subnets[0]["VpcId"]
        self.group = self.ec2.create_security_group(GroupName="web", Description="web", VpcId=self.vpc)["GroupId"]
        self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        self.execution = self.role("execution", "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
        self.network = {"awsvpcConfiguration": {"subnets": self.subnets[:2], "securityGroups": [self.group]}}
        self._plugged = None

    def role(self, name, policy=None, *, actions=(), trust=TRUST):
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        if policy:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=policy)
        if actions:
            self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}))
        return arn

    @property
    def plugged(self):
        if self._plugged is None:
            self._plugged = Plugged(self.server, self.cloud)
        return self._plugged

    def container(self, *command, name="main", **more):
        return {"name": name, "image": self.image, **({"command": list(command)} if command else {}), **more}

    def define(self, family, *containers, fargate=True, **more):
        if fargate:
            more = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512", "executionRoleArn": self.execution} | more
        made = self.ecs.register_task_definition(family=family, containerDefinitions=list(containers), **more)["taskDefinition"]
        return f"{made['family']}:{made['revision']}"

    def run(self, definition, **more):
        more = {"launchType": "FARGATE", "networkConfiguration": self.network, "cluster": "c"} | more
        answer = self.ecs.run_task(taskDefinition=definition, **more)
        assert not answer["failures"], answer["failures"]
        return answer["tasks"][0]["taskArn"]

    def task(self, arn, **more):
        return self.ecs.describe_tasks(cluster="c", tasks=[arn], **more)["tasks"][0]

    def until(self, arn, status, seconds=60.0):
        """The task in that state; what it is on the way there is not looked at."""
        end = time.monotonic() + seconds
        while (one := self.task(arn))["lastStatus"] != status:
            assert one["lastStatus"] != "STOPPED" and time.monotonic() < end, one
            time.sleep(0.02)
        return one

    def service(self, name):
        return self.ecs.describe_services(cluster="c", services=[name])["services"][0]

    def wait(self, true, seconds=60.0):
        end = time.monotonic() + seconds
        while not (found := true()):
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.02)
        return found

    def address(self, task):
        return next(one["value"] for one in task["attachments"][0]["details"] if one["name"] == "privateIPv4Address")

    def get(self, space, address, path="/index.html", port=80):
        """What a web server in a container says, once it listens."""
        return self.wait(lambda: (said := self.plugged.ask(space, address, port, f"GET {path} HTTP/1.0\r\n\r\n".encode())) != "refused" and said)

    def close(self):
        for service in self.ecs.get_paginator("list_services").paginate(cluster="c").build_full_result()["serviceArns"]:
            self.ecs.delete_service(cluster="c", service=service, force=True)
        for arn in self.ecs.list_tasks(cluster="c")["taskArns"]:
            self.ecs.stop_task(cluster="c", task=arn)
        self.cloud.advance(130)
        if self._plugged:
            self._plugged.close()
        self.cloud.control("clock", {"forget": self.cloud.account})


@pytest.fixture(scope="module")
def dock(cloche_server):
    if reason := lacking():
        pytest.skip(reason)
    if BUSYBOX is None:
        pytest.skip("busybox (static) is not installed")
    made = Dock(cloche_server)
    yield made
    made.close()


@pytest.fixture
def refused():
    """Call it and give back the code and message of the refusal."""
    def call(function, *args, **kw):
        with pytest.raises(ClientError) as error:
            function(*args, **kw)
        said = error.value.response["Error"]
        return said["Code"], said["Message"]
    return call
