"""Instances that really run: user data, stop and start, disks, and that nothing is left of them. (`real` is a cloud with machines.)"""
import ipaddress
import os
import subprocess
import time
from pathlib import Path

import pytest

from cloche.engines.world import lacking

from .instances import AL2023, one

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


def until(true, seconds=15):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
    return found


def state(cloud, id_, wanted):
    return until(lambda: (found := one(cloud.client("ec2"), id_))["State"]["Name"] == wanted and found)


def launch(cloud, **more):
    id_ = cloud.client("ec2").run_instances(ImageId=AL2023, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)["Instances"][0]["InstanceId"]
    state(cloud, id_, "running")
    return id_


def sh(cloud, id_, text, seconds=20):
    """What a shell in it says, by Run Command."""
    ssm = cloud.client("ssm")
    command = ssm.send_command(InstanceIds=[id_], DocumentName="AWS-RunShellScript", Parameters={"commands": [text]})["Command"]["CommandId"]
    found = until(lambda: (got := ssm.get_command_invocation(CommandId=command, InstanceId=id_))["Status"] not in ("Pending", "InProgress") and got, seconds)
    assert found["Status"] == "Success", (found["StatusDetails"], found["StandardOutputContent"], found["StandardErrorContent"])
    return found["StandardOutputContent"].strip()


def test_user_data_runs_once_and_its_words_are_on_the_console(real):
    ec2 = real.client("ec2")
    id_ = launch(real, UserData="#!/bin/bash\necho \"I am $(id -un)\"; echo x >> /root/count\n")
    said = until(lambda: "finished" in (text := ec2.get_console_output(InstanceId=id_, Latest=True)["Output"]) and text)
    assert "I am root" in said
    address = one(ec2, id_)["PrivateIpAddress"]
    subnet = ipaddress.ip_network(ec2.describe_subnets(SubnetIds=[one(ec2, id_)["SubnetId"]])["Subnets"][0]["CidrBlock"])
    assert sh(real, id_, "hostname; ip -4 -o addr show eth0 | grep -o 'inet [0-9.]*'; cat /var/log/cloud-init-output.log | head -1; ip -4 route show default | cut -d' ' -f3").split("\n") == [
        f"ip-{address.replace('.', '-')}.ec2.internal", f"inet {address}", "I am root", str(subnet[1])]       # the router is at + 1 of every subnet
    ec2.stop_instances(InstanceIds=[id_])
    state(real, id_, "stopped")
    ec2.start_instances(InstanceIds=[id_])
    state(real, id_, "running")
    assert sh(real, id_, "cloud-init status --wait; wc -l < /root/count") == "status: done\n1"
    ec2.reboot_instances(InstanceIds=[id_])
    real.advance(1)
    assert sh(real, id_, "cloud-init status --wait; wc -l < /root/count") == "status: done\n1"
    ec2.terminate_instances(InstanceIds=[id_])
    state(real, id_, "terminated")


def test_a_reboot_boots_the_same_disk_again(real):
    id_ = launch(real)
    before = sh(real, id_, "echo kept > /root/file; touch /run/gone; echo ok")
    assert before == "ok"
    real.client("ec2").reboot_instances(InstanceIds=[id_])
    real.advance(1)
    assert sh(real, id_, "cat /root/file; test -e /run/gone || echo fresh") == "kept\nfresh"
    real.client("ec2").terminate_instances(InstanceIds=[id_])


@pytest.mark.parametrize("behaviour, comes", [("stop", "stopped"), ("terminate", "terminated")])
def test_shutting_down_from_inside_does_what_the_instance_was_told(real, behaviour, comes):
    id_ = launch(real, InstanceInitiatedShutdownBehavior=behaviour)
    real.client("ssm").send_command(InstanceIds=[id_], DocumentName="AWS-RunShellScript", Parameters={"commands": ["shutdown -h now"]})
    found = state(real, id_, comes)
    assert found["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"


def test_a_reboot_from_inside_changes_no_state(real):
    id_ = launch(real)
    sh(real, id_, "touch /run/gone")
    real.client("ssm").send_command(InstanceIds=[id_], DocumentName="AWS-RunShellScript", Parameters={"commands": ["reboot"]})
    time.sleep(0.3)
    real.advance(1)
    assert one(real.client("ec2"), id_)["State"]["Name"] == "running"
    until(lambda: id_ in [n["InstanceId"] for n in real.client("ssm").describe_instance_information()["InstanceInformationList"]])
    assert sh(real, id_, "test -e /run/gone || echo fresh") == "fresh"


@pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root")
def test_a_volume_is_attached_formatted_snapshotted_and_moved(real):
    ec2 = real.client("ec2")
    first = launch(real)
    zone = one(ec2, first)["Placement"]["AvailabilityZone"]
    second = launch(real, Placement={"AvailabilityZone": zone})
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1)["VolumeId"]
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available")

    def attach(volume_id, instance):
        assert ec2.attach_volume(VolumeId=volume_id, InstanceId=instance, Device="/dev/sdf")["State"] == "attaching"
        until(lambda: ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Attachments"][0]["State"] == "attached")

    attach(volume, first)
    assert sh(real, first, "readlink -f /dev/sdf").startswith("/dev/nvme")         # as on Nitro: the name that was asked for is a link
    sh(real, first, "set -e; test -b /dev/sdf; mkfs.ext4 -q /dev/sdf; mkdir /data; mount /dev/sdf /data; grep -q ' /data ext4' /proc/mounts; echo hello > /data/file; sync")
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    until(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed" or real.advance(1))
    sh(real, first, "set -e; echo later > /data/file; umount /data")
    ec2.detach_volume(VolumeId=volume)
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["State"] == "available")
    assert sh(real, first, "test -e /dev/sdf || echo gone") == "gone"
    attach(volume, second)
    assert sh(real, second, "mount /dev/sdf /mnt && cat /mnt/file") == "later"
    copy = ec2.create_volume(AvailabilityZone=zone, SnapshotId=snapshot)["VolumeId"]
    until(lambda: ec2.describe_volumes(VolumeIds=[copy])["Volumes"][0]["State"] == "available" or real.advance(1))
    attach(copy, first)
    assert sh(real, first, "mount /dev/sdf /data && cat /data/file") == "hello"
    ec2.terminate_instances(InstanceIds=[first, second])


def test_an_interface_moves_between_running_instances_and_packets_follow(real):
    """Plugged in while they run: the system in them gives it its address, and whoever asks for that finds who has it now."""
    ec2 = real.client("ec2")
    one_, two = launch(real, Placement={"AvailabilityZone": "us-east-1a"}), launch(real, Placement={"AvailabilityZone": "us-east-1a"})
    subnet = one(ec2, one_)["SubnetId"]
    card = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    address, mac = card["PrivateIpAddress"], card["MacAddress"]
    look, ask = "ip -4 -o addr show eth1 | grep -o 'inet [0-9.]*'; cat /sys/class/net/eth1/address", f"curl -s -m 2 http://{address}:8000/ || echo none"
    for id_ in (one_, two):
        sh(real, id_, f"mkdir -p /srv/who && cd /srv/who && echo {id_} > index.html && (nohup python3 -m http.server 8000 > /dev/null 2>&1 &)")

    def says(id_, text, wanted):
        until(lambda: sh(real, id_, text + " 2>/dev/null; true") == wanted)
    for here, there in ((one_, two), (two, one_)):
        attachment = ec2.attach_network_interface(NetworkInterfaceId=card["NetworkInterfaceId"], InstanceId=here, DeviceIndex=1)["AttachmentId"]
        real.advance(2)
        says(here, look, f"inet {address}\n{mac}")
        says(there, ask, here)
        ec2.detach_network_interface(AttachmentId=attachment)
        real.advance(2)
        says(here, "ip link show eth1 > /dev/null || echo gone", "gone")
    ec2.delete_network_interface(NetworkInterfaceId=card["NetworkInterfaceId"])
    ec2.terminate_instances(InstanceIds=[one_, two])


def test_an_instance_cannot_reach_cloches_control_nor_the_host(real):
    id_ = launch(real)
    port = real.url.rsplit(":", 1)[1]
    hosts = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout.split()
    for address in ["127.0.0.1", "169.254.169.254", "172.31.0.1", *hosts]:
        host = f"[{address}]" if ":" in address else address
        assert sh(real, id_, f"curl -s -o /dev/null -m 1 http://{host}:{port}/_cloche/health; echo $?") in ("7", "28"), address
    real.client("ec2").terminate_instances(InstanceIds=[id_])


def test_an_instance_cannot_reach_another_accounts_vpc_but_by_its_public_side(real):
    """The other's network is not routed to, whatever its rules admit; its public address is, as from anywhere."""
    other = real.other()
    ec2 = other.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="open", Description="open to all", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    ours = real.client("ec2").create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = real.client("ec2").create_subnet(VpcId=ours, CidrBlock="10.77.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
    default = real.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}, {"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"][0]["SubnetId"]
    target = launch(other, SecurityGroupIds=[group], UserData="#!/bin/sh\ncd /srv && echo theirs > index.html && (nohup python3 -m http.server 80 > /dev/null 2>&1 &)\n")
    theirs = one(ec2, target)
    until(lambda: sh(other, target, "curl -s -m 1 localhost/ || true") == "theirs")
    inside, outside = launch(real, SubnetId=subnet), launch(real, SubnetId=default)
    assert sh(real, inside, f"curl -s -m 1 {theirs['PrivateIpAddress']} || echo none") == "none"
    assert sh(real, inside, f"curl -s -m 1 {theirs['PublicIpAddress']} || echo none") == "none"     # its VPC has no gateway
    assert sh(real, outside, f"curl -s -m 3 {theirs['PublicIpAddress']} || echo none") == "theirs"


def descendants(pid):
    found = [pid]
    for each in found:
        found += [int(p) for p in Path(f"/proc/{each}/task/{each}/children").read_text().split()]
    return found


def test_after_kill_9_nothing_is_left_and_instances_are_up_again_with_their_disks(process, tmp_path):
    cloud = process()
    ec2 = cloud.client("ec2")
    id_, stopped = launch(cloud), launch(cloud)
    sh(cloud, id_, "echo kept > /root/file")
    ec2.stop_instances(InstanceIds=[stopped])
    state(cloud, stopped, "stopped")
    before = one(ec2, id_)
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    all_of_it = descendants(cloud.process.pid)
    assert len(all_of_it) > 3
    cloud.kill()
    until(lambda: not [pid for pid in all_of_it if os.path.exists(f"/proc/{pid}")])
    assert str(cloud.data) not in Path("/proc/mounts").read_text()
    if os.geteuid() == 0:
        until(lambda: f"cloche{all_of_it[0]}." not in subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout)
        assert f"cloche{all_of_it[0]}." in links
    cloud.start()
    after = state(cloud, id_, "running")
    until(lambda: [n["InstanceId"] for n in cloud.client("ssm").describe_instance_information()["InstanceInformationList"]] == [id_])
    assert sh(cloud, id_, "cat /root/file; ip -4 -o addr show eth0 | grep -o 'inet [0-9.]*'") == f"kept\ninet {before['PrivateIpAddress']}"
    assert after.get("PublicIpAddress") == before.get("PublicIpAddress") and one(cloud.client("ec2"), stopped)["State"]["Name"] == "stopped"


def test_a_snapshot_of_the_cloud_has_the_disks_of_its_instances(process):
    cloud = process()
    id_ = launch(cloud)
    sh(cloud, id_, "echo before > /root/file")
    cloud.control("snapshots/then", {})
    sh(cloud, id_, "echo after > /root/file")
    cloud.control("snapshots/then/restore", {})
    state(cloud, id_, "running")
    until(lambda: cloud.client("ssm").describe_instance_information()["InstanceInformationList"])
    assert sh(cloud, id_, "cat /root/file") == "before"
    cloud.control("reset", {})
    assert not list((cloud.data / "disks").glob("*/*/vol-*"))


def test_without_compute_instances_are_records_that_say_so(process):
    cloud = process("--compute", "none")
    ec2 = cloud.client("ec2")
    id_ = ec2.run_instances(ImageId=AL2023, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    cloud.advance(5)
    assert one(ec2, id_)["StateReason"]["Code"] == "Cloche.RecordOnly"
    assert not cloud.client("ssm").describe_instance_information()["InstanceInformationList"]


def test_an_image_of_an_instance_boots_others_that_run_their_own_user_data(real):
    ec2 = real.client("ec2")
    first = launch(real, UserData="#!/bin/sh\necho one >> /root/runs\n")
    sh(real, first, "cloud-init status --wait; echo baked > /opt/app")
    image = ec2.create_image(InstanceId=first, Name="baked", NoReboot=True)["ImageId"]
    until(lambda: ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available" or real.advance(1))
    second = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData="#!/bin/sh\necho two >> /root/runs\n")["Instances"][0]["InstanceId"]
    state(real, second, "running")
    assert sh(real, second, "cloud-init status --wait >/dev/null; cat /opt/app /root/runs; hostname").split("\n")[:3] == ["baked", "one", "two"]
    assert sh(real, second, "hostname") != sh(real, first, "hostname")
    ec2.terminate_instances(InstanceIds=[first, second])
