"""File systems of EFS in functions: real files, shared, under the access point's owner, where the network lets NFS through."""
import json

import pytest

from cloche.engines.world import lacking
from tests.services.ec2.test_network_insights import Net

from .conftest import refused, zipped
from .test_vpc import ENIS, inside

CODE = """
import os
def handler(event, context):
    path = '/mnt/files/' + event.get('name', 'file')
    try:
        if 'write' in event:
            open(path, 'a').write(event['write'])
        stat = os.stat(path)
        return [open(path).read(), stat.st_uid, stat.st_gid, os.getuid(), sorted(os.listdir('/mnt')), sorted(os.listdir('/mnt/files'))]
    except OSError as error:
        return type(error).__name__ + ' ' + os.strerror(error.errno)
"""


@pytest.fixture
def net(cloud):
    if reason := lacking():
        pytest.skip(reason)
    return Net(cloud)


class Files:
    """A file system with a mount target in the first subnet, whose group lets the functions' group in."""

    def __init__(self, bench, net):
        self.bench, self.net, self.efs, cloud = bench, net, bench.cloud.client("efs"), bench.cloud
        self.fs = self.efs.create_file_system(CreationToken="files")["FileSystemId"]
        cloud.advance(10)
        self.server = net.ec2.create_security_group(GroupName="nfs", Description="nfs", VpcId=net.vpc)["GroupId"]
        self.rule = {"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": [{"GroupId": net.groups[0]}]}
        net.ec2.authorize_security_group_ingress(GroupId=self.server, IpPermissions=[self.rule])
        self.efs.create_mount_target(FileSystemId=self.fs, SubnetId=net.subnets[0], SecurityGroups=[self.server])
        cloud.advance(120)
        self.point = self.access_point("app", PosixUser={"Uid": 1000, "Gid": 1001})

    def access_point(self, name, **more):
        made = self.efs.create_access_point(ClientToken=name, FileSystemId=self.fs, RootDirectory={"Path": f"/{name}", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1001, "Permissions": "755"}}, **more)
        self.bench.cloud.advance(5)
        return made["AccessPointArn"]

    def config(self, point=None):
        return {"FileSystemConfigs": [{"Arn": point or self.point, "LocalMountPath": "/mnt/files"}], "VpcConfig": inside(self.net), "Timeout": 20}


@pytest.fixture
def files(bench, net):
    return Files(bench, net)


def test_functions_share_files_that_belong_to_the_access_points_owner(bench, files):
    role = bench.role("shared", ENIS)
    made = bench.deploy("f", CODE, Role=role, **files.config())
    assert made["FileSystemConfigs"] == [{"Arn": files.point, "LocalMountPath": "/mnt/files"}]
    assert bench.call("f", {"write": "one "}) == ["one ", 993, 990, 993, ["files"], ["file"]]
    bench.deploy("g", CODE, Role=role, **files.config())
    assert bench.call("g", {"write": "two"})[0] == "one two" and bench.call("f", {})[0] == "one two"
    other = files.access_point("other", PosixUser={"Uid": 2000, "Gid": 2000})     # its directory is another's
    bench.client.update_function_configuration(FunctionName="g", FileSystemConfigs=[{"Arn": other, "LocalMountPath": "/mnt/files"}])
    bench.wait("g")
    assert bench.call("g", {"write": "x", "name": "new"}) == "PermissionError Permission denied"
    bench.client.update_function_configuration(FunctionName="g", FileSystemConfigs=[])
    assert "FileSystemConfigs" not in bench.wait("g")
    assert bench.call("g", {}).startswith("FileNotFoundError")


def test_files_outlive_the_environments(bench, files):
    bench.deploy("f", CODE, ENIS, **files.config())
    bench.call("f", {"write": "kept"})
    bench.client.update_function_configuration(FunctionName="f", Description="another environment")
    bench.wait("f")
    assert bench.call("f", {})[0] == "kept"


def test_without_a_way_through_the_groups_no_environment_begins(bench, files):
    bench.deploy("f", CODE, ENIS, **files.config())
    files.net.ec2.revoke_security_group_ingress(GroupId=files.server, IpPermissions=[files.rule])
    message = refused(bench.client.invoke, "EFSMountConnectivityException", FunctionName="f", Payload=b"{}")
    assert message.startswith("The Lambda function couldn't make a network connection to the configured file system")
    files.net.ec2.authorize_security_group_ingress(GroupId=files.server, IpPermissions=[files.rule])
    assert bench.call("f", {"write": "x"})[0] == "x"


def test_the_file_systems_policy_is_asked_about_the_functions_role(bench, files):
    role = bench.role("mine", ENIS)
    bench.deploy("f", CODE, Role=role, **files.config())

    def policy(*actions):
        statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": list(actions), "Resource": "*"}
        files.efs.put_file_system_policy(FileSystemId=files.fs, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}), BypassPolicyLockoutSafetyCheck=True)
        bench.client.update_function_configuration(FunctionName="f", Description=actions[0] + str(len(actions)))
        bench.wait("f")
    policy("elasticfilesystem:ClientRootAccess")
    refused(bench.client.invoke, "EFSMountFailureException", FunctionName="f", Payload=b"{}")
    policy("elasticfilesystem:ClientMount")
    assert bench.call("f", {"write": "x"}) == "OSError Read-only file system"
    policy("elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite")
    assert bench.call("f", {"write": "x"})[0] == "x"


def test_a_file_system_needs_a_vpc_and_a_mount_target_in_each_zone(bench, net, files):
    base = {"FunctionName": "f", "Runtime": "python3.11", "Handler": "index.handler", "Role": bench.role("r", ENIS), "Code": {"ZipFile": zipped(CODE)}}
    configs = files.config()["FileSystemConfigs"]
    create, invalid = bench.client.create_function, "InvalidParameterValueException"
    refused(create, invalid, f"Function must be configured to execute in a VPC to reference access point {files.point}.", FileSystemConfigs=configs, **base)
    gone = files.point[:-1] + ("0" if files.point[-1] != "0" else "1")
    refused(create, invalid, f"Access point {gone} does not exist.", FileSystemConfigs=[configs[0] | {"Arn": gone}], VpcConfig=inside(net), **base)
    second = net.ec2.create_subnet(VpcId=net.vpc, CidrBlock="10.0.8.0/24", AvailabilityZone="us-east-1f")["Subnet"]["SubnetId"]
    wrong = {"SubnetIds": [net.subnets[0], second], "SecurityGroupIds": [net.groups[0]]}
    assert "does not have mount targets created in all availability zones the function will execute in" in refused(create, invalid, FileSystemConfigs=configs, VpcConfig=wrong, **base)
    refused(create, "ValidationException", FileSystemConfigs=[configs[0] | {"LocalMountPath": "/opt/x"}], VpcConfig=inside(net), **base)
    made = bench.deploy("f", CODE, ENIS, **files.config())
    assert made["FileSystemConfigs"] == configs
    refused(bench.client.update_function_configuration, invalid, FunctionName="f", VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
