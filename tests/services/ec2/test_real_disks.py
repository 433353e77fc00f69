"""What is in disks, looked at from inside instances that really run: images, root volumes, growing, user data that is changed."""
import gzip
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from cloche.engines.world import lacking

from .instances import one, refused
from .test_machines import launch, sh, state, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


def image_of(cloud, id_, name):
    ec2 = cloud.client("ec2")
    image = ec2.create_image(InstanceId=id_, Name=name, NoReboot=True)["ImageId"]
    for _ in range(20):
        cloud.advance(2)
        if ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available":
            return image
    raise AssertionError(ec2.describe_images(ImageIds=[image]))


def test_an_image_has_the_files_of_the_instance_and_not_its_user_data(real):
    ec2 = real.client("ec2")
    id_ = launch(real, UserData="#!/bin/sh\ndate >> /root/first\n")
    assert sh(real, id_, "cloud-init status --wait >/dev/null; echo mine > /opt/file; sync; touch /run/here; wc -l < /root/first") == "1"
    image = image_of(real, id_, "with-file")
    assert sh(real, id_, "ls /run/here") == "/run/here"                 # NoReboot
    parts = MIMEMultipart()                         # several parts, compressed: the other ways to say it
    parts.attach(MIMEText("#cloud-config\nwrite_files:\n- path: /root/config\n  content: configured\n", "cloud-config"))
    parts.attach(MIMEText("#!/bin/sh\necho second > /root/second\n", "x-shellscript"))
    made = ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, UserData=gzip.compress(parts.as_bytes()))["Instances"][0]["InstanceId"]
    state(real, made, "running")
    assert sh(real, made, "cloud-init status --wait >/dev/null; cat /opt/file; wc -l < /root/first; cat /root/second /root/config") == "mine\n1\nsecond\nconfigured"
    sh(real, made, "echo other > /opt/file")
    assert sh(real, id_, "cat /opt/file") == "mine"
    ec2.create_image(InstanceId=id_, Name="rebooted")
    real.advance(1)
    until(lambda: sh(real, id_, "cat /opt/file; test -e /run/here || echo fresh") == "mine\nfresh")
    ec2.terminate_instances(InstanceIds=[id_, made])


def test_user_data_that_is_changed_while_stopped_is_served_and_not_run(real):
    ec2 = real.client("ec2")
    id_ = launch(real, UserData="#!/bin/sh\necho one > /root/ran\n")
    assert sh(real, id_, "cloud-init status --wait >/dev/null; cat /root/ran") == "one"
    refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=id_, UserData={"Value": "#!/bin/sh\necho two > /root/ran\n"})
    ec2.stop_instances(InstanceIds=[id_])
    state(real, id_, "stopped")
    ec2.modify_instance_attribute(InstanceId=id_, UserData={"Value": "#!/bin/sh\necho two > /root/ran\n"})
    ec2.start_instances(InstanceIds=[id_])
    state(real, id_, "running")
    got = "T=$(curl -s -X PUT http://169.254.169.254/latest/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'); curl -s -H \"X-aws-ec2-metadata-token: $T\" http://169.254.169.254/latest/user-data"
    assert sh(real, id_, f"cloud-init status --wait >/dev/null; cat /root/ran; {got}") == "one\n#!/bin/sh\necho two > /root/ran"
    ec2.terminate_instances(InstanceIds=[id_])


def test_the_root_volume_goes_from_a_stopped_instance_and_comes_back_with_its_files(real):
    ec2 = real.client("ec2")
    id_ = launch(real)
    root = one(ec2, id_)["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    sh(real, id_, "echo kept > /root/file")
    assert "Unable to detach root volume" in refused("OperationNotPermitted", ec2.detach_volume, VolumeId=root)["Message"]
    ec2.stop_instances(InstanceIds=[id_])
    state(real, id_, "stopped")
    ec2.detach_volume(VolumeId=root)
    real.advance(2)
    refused("InvalidParameterValue", ec2.start_instances, InstanceIds=[id_])
    ec2.attach_volume(VolumeId=root, InstanceId=id_, Device="/dev/xvda")
    real.advance(2)
    ec2.start_instances(InstanceIds=[id_])
    state(real, id_, "running")
    assert sh(real, id_, "cat /root/file") == "kept"
    ec2.terminate_instances(InstanceIds=[id_])


def test_a_volume_grows_while_it_is_used(real):
    ec2 = real.client("ec2")
    id_ = launch(real)
    volume = ec2.create_volume(AvailabilityZone=one(ec2, id_)["Placement"]["AvailabilityZone"], Size=1, VolumeType="gp3")["VolumeId"]
    real.advance(3)
    ec2.attach_volume(VolumeId=volume, InstanceId=id_, Device="/dev/sdf")
    until(lambda: ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Attachments"][0]["State"] == "attached")
    assert sh(real, id_, "blockdev --getsize64 /dev/sdf") == str(1 << 30)
    ec2.modify_volume(VolumeId=volume, Size=2)
    real.advance(5)
    assert sh(real, id_, "blockdev --getsize64 /dev/sdf") == str(2 << 30)
    ec2.terminate_instances(InstanceIds=[id_])
