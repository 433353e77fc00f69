"""Attributes of instances, their profiles, types, placement, hosts and reserved places."""
import json

from .instances import AL2, launch, one, refused

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def profile(cloud, name):
    iam = cloud.client("iam")
    iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument=TRUST)
    made = iam.create_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=f"{name}-role")
    return made["Arn"]


def test_user_data_and_type_change_only_while_the_instance_is_stopped(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud, UserData="#!/bin/sh\necho 1")
    error = refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=id_, UserData={"Value": "#!/bin/sh\necho 2"})
    assert "'stopped'" in error["Message"]
    refused("IncorrectInstanceState", ec2.modify_instance_attribute, InstanceId=id_, InstanceType={"Value": "t3.small"})
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(5)
    ec2.modify_instance_attribute(InstanceId=id_, UserData={"Value": "#!/bin/sh\necho 2"})
    ec2.modify_instance_attribute(InstanceId=id_, InstanceType={"Value": "t3.small"})
    import base64
    value = ec2.describe_instance_attribute(InstanceId=id_, Attribute="userData")["UserData"]["Value"]
    assert base64.b64decode(value) == b"#!/bin/sh\necho 2" and one(ec2, id_)["InstanceType"] == "t3.small"


def test_small_attributes_change_any_time_one_at_a_request(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    ec2.modify_instance_attribute(InstanceId=id_, DisableApiTermination={"Value": True})
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[id_])
    ec2.modify_instance_attribute(InstanceId=id_, Attribute="disableApiTermination", Value="false")
    ec2.modify_instance_attribute(InstanceId=id_, InstanceInitiatedShutdownBehavior={"Value": "terminate"})
    assert ec2.describe_instance_attribute(InstanceId=id_, Attribute="instanceInitiatedShutdownBehavior")["InstanceInitiatedShutdownBehavior"]["Value"] == "terminate"
    ec2.modify_instance_attribute(InstanceId=id_, SourceDestCheck={"Value": False})
    assert one(ec2, id_)["SourceDestCheck"] is False
    ec2.reset_instance_attribute(InstanceId=id_, Attribute="sourceDestCheck")
    assert one(ec2, id_)["SourceDestCheck"] is True
    ec2.modify_instance_attribute(InstanceId=id_, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}])
    assert one(ec2, id_)["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"] is False
    refused("InvalidParameterCombination", ec2.modify_instance_attribute, InstanceId=id_, SourceDestCheck={"Value": False}, EbsOptimized={"Value": True})


def test_metadata_options_monitoring_credits_and_maintenance(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    ec2.modify_instance_metadata_options(InstanceId=id_, HttpTokens="required", HttpPutResponseHopLimit=3, InstanceMetadataTags="enabled")
    assert one(ec2, id_)["MetadataOptions"]["HttpTokens"] == "required" and one(ec2, id_)["MetadataOptions"]["HttpPutResponseHopLimit"] == 3
    refused("InvalidParameterValue", ec2.modify_instance_metadata_options, InstanceId=id_, HttpPutResponseHopLimit=65)
    assert one(ec2, id_)["Monitoring"]["State"] == "disabled"
    assert ec2.monitor_instances(InstanceIds=[id_])["InstanceMonitorings"][0]["Monitoring"]["State"] == "pending" and one(ec2, id_)["Monitoring"]["State"] == "enabled"
    assert ec2.unmonitor_instances(InstanceIds=[id_])["InstanceMonitorings"][0]["Monitoring"]["State"] == "disabling"
    assert ec2.describe_instance_credit_specifications(InstanceIds=[id_])["InstanceCreditSpecifications"] == [{"InstanceId": id_, "CpuCredits": "unlimited"}]
    ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": id_, "CpuCredits": "standard"}])
    assert ec2.describe_instance_credit_specifications(InstanceIds=[id_])["InstanceCreditSpecifications"][0]["CpuCredits"] == "standard"
    assert ec2.modify_default_credit_specification(InstanceFamily="t3", CpuCredits="standard")["InstanceFamilyCreditSpecification"]["CpuCredits"] == "standard"
    assert ec2.get_default_credit_specification(InstanceFamily="t3")["InstanceFamilyCreditSpecification"]["CpuCredits"] == "standard"
    assert ec2.modify_instance_maintenance_options(InstanceId=id_, AutoRecovery="disabled")["AutoRecovery"] == "disabled"
    ec2.modify_private_dns_name_options(InstanceId=id_, EnableResourceNameDnsARecord=True)
    assert one(ec2, id_)["PrivateDnsNameOptions"]["EnableResourceNameDnsARecord"] is True
    assert "Output" not in ec2.get_console_output(InstanceId=id_) and ec2.get_password_data(InstanceId=id_)["PasswordData"] == ""
    refused("UnsupportedOperation", ec2.get_instance_uefi_data, InstanceId=id_)
    assert ec2.describe_instance_image_metadata(InstanceIds=[id_])["InstanceImageMetadata"][0]["ImageMetadata"]["ImageId"] == AL2


def test_account_settings(cloud):
    ec2 = cloud.client("ec2")
    values = {a["AttributeName"]: a["AttributeValues"][0]["AttributeValue"] for a in ec2.describe_account_attributes()["AccountAttributes"]}
    assert values["supported-platforms"] == "VPC" and values["default-vpc"] == ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    assert ec2.enable_serial_console_access()["SerialConsoleAccessEnabled"] and ec2.get_serial_console_access_status()["SerialConsoleAccessEnabled"]
    assert not ec2.disable_serial_console_access()["SerialConsoleAccessEnabled"]


def test_an_instance_has_one_profile_which_can_be_put_on_replaced_and_taken_off(cloud):
    ec2 = cloud.client("ec2")
    first, second = profile(cloud, "one"), profile(cloud, "two")
    refused("NoSuchEntity", cloud.client("iam").get_instance_profile, InstanceProfileName="one-role")        # a role comes without a profile of its name
    id_ = launch(cloud)
    made = ec2.associate_iam_instance_profile(InstanceId=id_, IamInstanceProfile={"Name": "one"})["IamInstanceProfileAssociation"]
    assert made["State"] == "associating" and one(ec2, id_)["IamInstanceProfile"]["Arn"] == first
    refused("IncorrectState", ec2.associate_iam_instance_profile, InstanceId=id_, IamInstanceProfile={"Name": "two"})
    ec2.replace_iam_instance_profile_association(AssociationId=made["AssociationId"], IamInstanceProfile={"Arn": second})
    (shown,) = ec2.describe_iam_instance_profile_associations(Filters=[{"Name": "instance-id", "Values": [id_]}])["IamInstanceProfileAssociations"]
    assert shown["State"] == "associated" and shown["IamInstanceProfile"]["Arn"] == second
    ec2.disassociate_iam_instance_profile(AssociationId=shown["AssociationId"])
    assert "IamInstanceProfile" not in one(ec2, id_)
    assert one(ec2, launch(cloud, IamInstanceProfile={"Name": "one"}))["IamInstanceProfile"]["Arn"] == first
    error = refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "one-role"})
    assert "Invalid IAM Instance Profile name" in error["Message"]


def test_giving_an_instance_a_role_needs_iam_pass_role(cloud):
    iam = cloud.client("iam")
    profile(cloud, "one")
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}))
    pair = iam.create_access_key(UserName="u")["AccessKey"]
    ec2 = cloud.client("ec2", key=pair["AccessKeyId"], secret=pair["SecretAccessKey"])
    refused("UnauthorizedOperation", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, IamInstanceProfile={"Name": "one"})
    id_ = ec2.run_instances(ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    refused("UnauthorizedOperation", ec2.associate_iam_instance_profile, InstanceId=id_, IamInstanceProfile={"Name": "one"})


def test_permission_to_run_instances_can_be_bound_to_a_type(cloud):
    iam = cloud.client("iam")
    iam.create_user(UserName="u")
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:RunInstances", "Resource": "arn:aws:ec2:*:*:instance/*", "Condition": {
            "StringNotEquals": {"ec2:InstanceType": "t3.micro"}}}]}))
    pair = iam.create_access_key(UserName="u")["AccessKey"]
    ec2 = cloud.client("ec2", key=pair["AccessKeyId"], secret=pair["SecretAccessKey"])
    ec2.run_instances(ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    refused("UnauthorizedOperation", ec2.run_instances, ImageId=AL2, InstanceType="t3.small", MinCount=1, MaxCount=1)


def test_instance_types_tell_their_limits(cloud):
    ec2 = cloud.client("ec2")
    micro = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"][0]
    assert micro["VCpuInfo"]["DefaultVCpus"] == 2 and micro["MemoryInfo"]["SizeInMiB"] == 1024 and micro["BurstablePerformanceSupported"]
    assert (micro["NetworkInfo"]["MaximumNetworkInterfaces"], micro["NetworkInfo"]["Ipv4AddressesPerInterface"]) == (2, 2) and micro["ProcessorInfo"]["SupportedArchitectures"] == ["x86_64"]
    refused("InvalidParameterValue", ec2.describe_instance_types, InstanceTypes=["t3.huge"])
    arm = [k["InstanceType"] for k in ec2.describe_instance_types(Filters=[{"Name": "processor-info.supported-architecture", "Values": ["arm64"]}, {"Name": "vcpu-info.default-vcpus", "Values": ["1"]}])["InstanceTypes"]]
    assert set(arm) == {f"{family}.medium" for family in ("m6g", "m7g", "c6g", "c7g", "r6g", "r7g")}
    offers = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["t3.micro"]}])["InstanceTypeOfferings"]
    assert {o["Location"] for o in offers} == {f"us-east-1{x}" for x in "abcdef"}
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="t4g.micro", MinCount=1, MaxCount=1)
