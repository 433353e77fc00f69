"""EFS in instances: mounted where the network lets NFS through, and nowhere else."""
import pytest

from cloche.engines.world import lacking
from cloche.testing.people import allow, document, trusting
from tests.services.ssm.machines import launch, result, send, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture(scope="module")
def place(cloche_server):
    """Two instances in one zone, and a file system with a mount target there whose group lets only the first one's in."""
    account = cloche_server.other()
    ec2, efs = account.client("ec2"), account.client("efs")
    subnet = ec2.describe_subnets()["Subnets"][0]
    client, server = (ec2.create_security_group(GroupName=name, Description=name)["GroupId"] for name in ("client", "server"))
    ec2.authorize_security_group_ingress(GroupId=server, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 2049, "ToPort": 2049, "UserIdGroupPairs": [{"GroupId": client}]}])
    account.fs = efs.create_file_system(CreationToken="shared")["FileSystemId"]
    until(lambda: efs.describe_file_systems(FileSystemId=account.fs)["FileSystems"][0]["LifeCycleState"] == "available")
    account.target = efs.create_mount_target(FileSystemId=account.fs, SubnetId=subnet["SubnetId"], SecurityGroups=[server])
    until(lambda: efs.describe_mount_targets(FileSystemId=account.fs)["MountTargets"][0]["LifeCycleState"] == "available")
    account.first = launch(account, SubnetId=subnet["SubnetId"], SecurityGroupIds=[client])
    account.second = launch(account, SubnetId=subnet["SubnetId"], SecurityGroupIds=[client])
    account.stranger = launch(account, SubnetId=subnet["SubnetId"])
    yield account
    ec2.terminate_instances(InstanceIds=[account.first, account.second, account.stranger])


def run(place, instance, text):
    got = result(place, send(place, [instance], text), instance)
    return got["ResponseCode"], got["StandardOutputContent"].strip(), got["StandardErrorContent"]


def test_two_instances_share_what_they_write(place):
    nfs = f"mount -t nfs4 -o nfsvers=4.1 {place.fs}.efs.us-east-1.amazonaws.com:/ /mnt"
    assert run(place, place.first, f"set -e; {nfs}; echo shared > /mnt/file; mkdir /mnt/dir") == (0, "", "")
    assert run(place, place.second, f"set -e; mount -t efs {place.fs} /mnt; cat /mnt/file; stat -c %U /mnt/file; grep -c ' /mnt ' /proc/mounts")[:2] == (0, "shared\nroot\n1")
    assert run(place, place.second, f"set -e; mount -t nfs4 {place.target['IpAddress']}:/dir /media; touch /media/inner; umount /media; ls /mnt/dir") == (0, "inner", "")
    assert place.client("efs").describe_file_systems(FileSystemId=place.fs)["FileSystems"][0]["SizeInBytes"]["Value"] >= 6144
    assert run(place, place.first, "umount /mnt; ls /mnt")[:2] == (0, "")


def test_whom_the_groups_do_not_let_through_cannot_mount(place):
    code, _, said = run(place, place.stranger, f"mount -t nfs4 {place.fs}.efs.us-east-1.amazonaws.com:/ /mnt")
    assert code and "timed out" in said.lower()
    assert run(place, place.stranger, f"timeout 1 bash -c '</dev/tcp/{place.target['IpAddress']}/2049'")[0]
    assert run(place, place.first, f"timeout 1 bash -c '</dev/tcp/{place.target['IpAddress']}/2049'")[0] == 0


def test_what_is_not_there_cannot_be_mounted(place):
    for source in ("fs-00000000000000000:/", f"{place.fs}:/nothing", "192.168.7.7:/", "files.example.com:/"):
        assert run(place, place.first, f"mount -t nfs4 {source} /mnt")[0], source


def test_read_only_and_through_an_access_point(place):
    efs = place.client("efs")
    point = efs.create_access_point(ClientToken="app", FileSystemId=place.fs, RootDirectory={"Path": "/app", "CreationInfo": {"OwnerUid": 1000, "OwnerGid": 1000, "Permissions": "750"}})["AccessPointId"]
    code, said, err = run(place, place.first, f"set -e; mount -t efs -o tls,accesspoint={point} {place.fs} /mnt; stat -c '%u %a' /mnt; touch /mnt/x; umount /mnt; mount -t efs -o ro {place.fs} /mnt; ls /mnt/app; ! touch /mnt/y 2>/dev/null; umount /mnt")
    assert (code, said) == (0, "1000 750\nx"), err


def test_a_policy_is_kept_for_roles_and_for_nobody_in_particular(place):
    efs, iam, ec2 = place.client("efs"), place.client("iam"), place.client("ec2")
    role = iam.create_role(RoleName="files", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))["Role"]["Arn"]
    iam.create_instance_profile(InstanceProfileName="files")
    iam.add_role_to_instance_profile(InstanceProfileName="files", RoleName="files")
    ec2.associate_iam_instance_profile(InstanceId=place.first, IamInstanceProfile={"Name": "files"})
    efs.put_file_system_policy(FileSystemId=place.fs, Policy=document(allow(["elasticfilesystem:ClientMount"], Principal={"AWS": role})))
    code, _, said = run(place, place.second, f"mount -t efs {place.fs} /media")
    assert code and "permission denied" in said.lower()
    assert run(place, place.first, f"set -e; mount -t efs -o tls,iam {place.fs} /mnt; ! touch /mnt/z 2>/dev/null; umount /mnt")[0] == 0
    efs.delete_file_system_policy(FileSystemId=place.fs)
