"""Launch templates: versions, defaults, and what a launch makes of one."""
from .instances import AL2, one, refused


def template(cloud, name="tpl", **data):
    return cloud.client("ec2").create_launch_template(LaunchTemplateName=name, LaunchTemplateData={"ImageId": AL2, "InstanceType": "t3.micro", **data})["LaunchTemplate"]["LaunchTemplateId"]


def run(cloud, **more):
    return cloud.client("ec2").run_instances(MinCount=1, MaxCount=1, **more)["Instances"][0]


def test_versions_are_numbered_and_one_is_the_default(cloud):
    ec2 = cloud.client("ec2")
    id_ = template(cloud)
    second = ec2.create_launch_template_version(LaunchTemplateId=id_, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"})["LaunchTemplateVersion"]
    assert second["VersionNumber"] == 2 and second["LaunchTemplateData"] == {"ImageId": AL2, "InstanceType": "t3.small"} and not second["DefaultVersion"]
    shown = ec2.describe_launch_templates(LaunchTemplateNames=["tpl"])["LaunchTemplates"][0]
    assert (shown["DefaultVersionNumber"], shown["LatestVersionNumber"]) == (1, 2)
    assert run(cloud, LaunchTemplate={"LaunchTemplateId": id_})["InstanceType"] == "t3.micro"
    assert run(cloud, LaunchTemplate={"LaunchTemplateName": "tpl", "Version": "$Latest"})["InstanceType"] == "t3.small"
    ec2.modify_launch_template(LaunchTemplateId=id_, DefaultVersion="2")
    assert run(cloud, LaunchTemplate={"LaunchTemplateId": id_, "Version": "$Default"})["InstanceType"] == "t3.small"
    assert [v["VersionNumber"] for v in ec2.describe_launch_template_versions(LaunchTemplateId=id_)["LaunchTemplateVersions"]] == [2, 1]
    answer = ec2.delete_launch_template_versions(LaunchTemplateId=id_, Versions=["1", "2"])
    assert [v["VersionNumber"] for v in answer["SuccessfullyDeletedLaunchTemplateVersions"]] == [1] and len(answer["UnsuccessfullyDeletedLaunchTemplateVersions"]) == 1
    ec2.delete_launch_template(LaunchTemplateId=id_)
    refused("InvalidLaunchTemplateId.NotFound", ec2.describe_launch_templates, LaunchTemplateIds=[id_])


def test_the_request_counts_over_the_template(cloud):
    ec2 = cloud.client("ec2")
    id_ = template(cloud, UserData="aGk=", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}]}],
                   BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 20}}])
    made = run(cloud, LaunchTemplate={"LaunchTemplateId": id_}, InstanceType="t3.large", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "b", "Value": "2"}]}])
    tags = {t["Key"]: t["Value"] for t in made["Tags"]} if made["Tags"] else {}
    tags = {t["Key"]: t["Value"] for t in one(ec2, made["InstanceId"])["Tags"]}
    assert made["InstanceType"] == "t3.large" and tags == {"a": "1", "b": "2", "aws:ec2launchtemplate:id": id_, "aws:ec2launchtemplate:version": "1"}
    assert ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [made["InstanceId"]]}])["Volumes"][0]["Size"] == 20
    assert ec2.describe_instance_attribute(InstanceId=made["InstanceId"], Attribute="userData")["UserData"]["Value"] == "aGk="


def test_what_is_refused_of_templates(cloud):
    ec2 = cloud.client("ec2")
    id_ = template(cloud)
    refused("InvalidLaunchTemplateName.AlreadyExistsException", ec2.create_launch_template, LaunchTemplateName="tpl", LaunchTemplateData={"ImageId": AL2})
    refused("InvalidLaunchTemplateName.NotFoundException", ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateName": "none"})
    refused("InvalidLaunchTemplateId.VersionNotFound", ec2.run_instances, MinCount=1, MaxCount=1, LaunchTemplate={"LaunchTemplateId": id_, "Version": "7"})


def test_the_data_of_an_instance_launches_its_like(cloud):
    ec2 = cloud.client("ec2")
    made = run(cloud, ImageId=AL2, InstanceType="t3.small", DisableApiTermination=True)
    data = ec2.get_launch_template_data(InstanceId=made["InstanceId"])["LaunchTemplateData"]
    assert data["ImageId"] == AL2 and data["InstanceType"] == "t3.small" and data["DisableApiTermination"] and data["NetworkInterfaces"][0]["SubnetId"] == made["SubnetId"]
