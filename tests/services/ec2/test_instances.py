"""Instances: launching, describing, and the way from pending to terminated (records: no machine runs in these tests)."""
import base64

import pytest
from botocore.exceptions import ClientError

from .instances import AL2, AL2023, launch, one, refused


def test_an_instance_is_pending_and_then_running(cloud):
    ec2 = cloud.client("ec2")
    answer = ec2.run_instances(ImageId=AL2023, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance = answer["Instances"][0]
    assert answer["ReservationId"].startswith("r-") and instance["State"] == {"Code": 0, "Name": "pending"} and instance["StateReason"]["Code"] == "pending"
    cloud.advance(10)
    instance = one(ec2, instance["InstanceId"])
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert instance["ImageId"] == AL2023 and instance["InstanceType"] == "t3.micro" and instance["Architecture"] == "x86_64" and instance["RootDeviceName"] == "/dev/xvda"


def test_a_record_without_a_machine_says_so_while_it_runs(cloud):
    ec2 = cloud.client("ec2")
    reason = one(ec2, launch(cloud))["StateReason"]
    assert reason["Code"] == "Cloche.RecordOnly" and "no machine runs" in reason["Message"]


def test_a_launch_without_a_subnet_goes_to_a_default_subnet_with_a_public_address(cloud):
    ec2 = cloud.client("ec2")
    instance = one(ec2, launch(cloud, Placement={"AvailabilityZone": "us-east-1b"}))
    subnet = ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"][0]
    assert subnet["DefaultForAz"] and subnet["AvailabilityZone"] == instance["Placement"]["AvailabilityZone"] == "us-east-1b"
    assert instance["PublicIpAddress"] and instance["PublicDnsName"] == f"ec2-{instance['PublicIpAddress'].replace('.', '-')}.compute-1.amazonaws.com"
    assert instance["PrivateDnsName"] == f"ip-{instance['PrivateIpAddress'].replace('.', '-')}.ec2.internal"
    (plug,) = instance["NetworkInterfaces"]
    assert plug["Attachment"]["DeviceIndex"] == 0 and plug["Attachment"]["DeleteOnTermination"] and plug["Association"]["IpOwnerId"] == "amazon"
    assert [g["GroupName"] for g in instance["SecurityGroups"]] == ["default"]


def test_without_a_default_vpc_a_launch_must_name_its_subnet(cloud):
    ec2 = cloud.client("ec2")
    [vpc] = ec2.describe_vpcs()["Vpcs"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.detach_internet_gateway(InternetGatewayId=ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"], VpcId=vpc["VpcId"])
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    error = refused("VPCIdNotSpecified", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    assert error["Message"].startswith("No default VPC for this user")


def test_stopping_gives_the_public_address_back_and_starting_brings_another(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    before = one(ec2, id_)
    change = ec2.stop_instances(InstanceIds=[id_])["StoppingInstances"][0]
    assert (change["PreviousState"]["Name"], change["CurrentState"]["Name"]) == ("running", "stopping")
    cloud.advance(10)
    stopped = one(ec2, id_)
    assert stopped["State"] == {"Code": 80, "Name": "stopped"} and "PublicIpAddress" not in stopped and stopped["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert stopped["StateReason"]["Code"] == "Client.UserInitiatedShutdown" and stopped["StateTransitionReason"].startswith("User initiated (")
    assert ec2.start_instances(InstanceIds=[id_])["StartingInstances"][0]["CurrentState"]["Name"] == "pending"
    cloud.advance(10)
    after = one(ec2, id_)
    assert after["State"]["Name"] == "running" and after["PublicIpAddress"] != before["PublicIpAddress"] and after["PrivateIpAddress"] == before["PrivateIpAddress"]


def test_a_reboot_keeps_state_and_addresses(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    before = one(ec2, id_)
    ec2.reboot_instances(InstanceIds=[id_])
    after = one(ec2, id_)
    assert after["State"]["Name"] == "running" and after["PublicIpAddress"] == before["PublicIpAddress"] and after["LaunchTime"] == before["LaunchTime"]


def test_a_terminated_instance_is_seen_for_an_hour_and_its_interface_and_root_are_gone(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    before = one(ec2, id_)
    assert ec2.terminate_instances(InstanceIds=[id_])["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    cloud.advance(10)
    after = one(ec2, id_)
    assert after["State"] == {"Code": 48, "Name": "terminated"} and after["NetworkInterfaces"] == [] and "SubnetId" not in after
    refused("InvalidNetworkInterfaceID.NotFound", ec2.describe_network_interfaces, NetworkInterfaceIds=[before["NetworkInterfaces"][0]["NetworkInterfaceId"]])
    refused("InvalidVolume.NotFound", ec2.describe_volumes, VolumeIds=[before["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]])
    refused("IncorrectInstanceState", ec2.start_instances, InstanceIds=[id_])
    assert ec2.terminate_instances(InstanceIds=[id_])["TerminatingInstances"][0]["CurrentState"]["Name"] == "terminated"
    cloud.advance(hours=1)
    refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=[id_])


def test_ids_that_are_not_there_and_ids_that_are_none(cloud):
    ec2 = cloud.client("ec2")
    error = refused("InvalidInstanceID.NotFound", ec2.describe_instances, InstanceIds=["i-0123456789abcdef0"])
    assert error["Message"] == "The instance ID 'i-0123456789abcdef0' does not exist"
    refused("InvalidInstanceID.Malformed", ec2.describe_instances, InstanceIds=["i-nonsense"])
    refused("InvalidAMIID.NotFound", ec2.run_instances, ImageId="ami-0123456789abcdef0", MinCount=1, MaxCount=1)
    refused("InvalidAMIID.Malformed", ec2.run_instances, ImageId="ami-nonsense", MinCount=1, MaxCount=1)
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="t3.huge", MinCount=1, MaxCount=1)
    refused("InvalidParameterValue", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=2, MaxCount=1)
    refused("InvalidKeyPair.NotFound", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", KeyName="none", MinCount=1, MaxCount=1)
    refused("MissingParameter", ec2.run_instances, InstanceType="t3.micro", MinCount=1, MaxCount=1)


def test_termination_protection_and_stop_protection(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud, DisableApiTermination=True, DisableApiStop=True)
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[id_])
    refused("OperationNotPermitted", ec2.stop_instances, InstanceIds=[id_])
    assert one(ec2, id_)["State"]["Name"] == "running"


def test_protection_in_one_zone_does_not_keep_instances_of_another(cloud):
    ec2 = cloud.client("ec2")
    kept = launch(cloud, DisableApiTermination=True, Placement={"AvailabilityZone": "us-east-1a"})
    beside, away = launch(cloud, Placement={"AvailabilityZone": "us-east-1a"}), launch(cloud, Placement={"AvailabilityZone": "us-east-1b"})
    refused("OperationNotPermitted", ec2.terminate_instances, InstanceIds=[kept, beside, away])
    cloud.advance(10)
    assert [one(ec2, id_)["State"]["Name"] for id_ in (kept, beside, away)] == ["running", "running", "terminated"]


def test_the_same_client_token_launches_once(cloud):
    ec2 = cloud.client("ec2")
    what = {"ImageId": AL2, "InstanceType": "t3.micro", "MinCount": 2, "MaxCount": 2, "ClientToken": "again"}
    first, second = ec2.run_instances(**what), ec2.run_instances(**what)
    assert first["ReservationId"] == second["ReservationId"] and [i["AmiLaunchIndex"] for i in second["Instances"]] == [0, 1]
    refused("IdempotentParameterMismatch", ec2.run_instances, **{**what, "InstanceType": "t3.small"})


def test_user_data_is_limited_to_16_kb(cloud):
    ec2 = cloud.client("ec2")
    what = {"ImageId": AL2, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    ec2.run_instances(**what, UserData="x" * 16384)
    error = refused("InvalidParameterValue", ec2.run_instances, **what, UserData="x" * 16385)
    assert error["Message"] == "User data is limited to 16384 bytes"


def test_dry_run_launches_nothing(cloud):
    ec2 = cloud.client("ec2")
    refused("DryRunOperation", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, DryRun=True)
    assert ec2.describe_instances()["Reservations"] == []


def test_instances_are_found_by_their_facets_and_page_by_page(cloud):
    ec2 = cloud.client("ec2")
    ids = [launch(cloud, TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "n", "Value": str(n)}]}]) for n in range(6)]

    def found(name, *values):
        return [i["InstanceId"] for r in ec2.describe_instances(Filters=[{"Name": name, "Values": list(values)}])["Reservations"] for i in r["Instances"]]
    assert found("tag:n", "2", "4") == [ids[2], ids[4]] and found("instance-state-name", "running") == ids and found("instance-type", "t2.*") == []
    assert found("private-ip-address", one(ec2, ids[3])["PrivateIpAddress"]) == [ids[3]] and found("image-id", AL2023) == []
    page = ec2.describe_instances(MaxResults=5)
    rest = ec2.describe_instances(MaxResults=5, NextToken=page["NextToken"])
    assert [i["InstanceId"] for p in (page, rest) for r in p["Reservations"] for i in r["Instances"]] == ids and "NextToken" not in rest
    with pytest.raises(ClientError, match="The filter 'nonsense' is invalid"):
        found("nonsense", "x")


def test_the_status_of_instances_is_told_of_those_that_run(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud)
    (row,) = ec2.describe_instance_status()["InstanceStatuses"]
    assert row["InstanceId"] == id_ and row["InstanceState"]["Name"] == "running"
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(10)
    assert ec2.describe_instance_status()["InstanceStatuses"] == []
    (row,) = ec2.describe_instance_status(IncludeAllInstances=True)["InstanceStatuses"]
    assert row["InstanceStatus"]["Status"] == "not-applicable"


def test_state_changes_are_events(cloud):
    ec2, events, sqs = cloud.client("ec2"), cloud.client("events"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="states", Attributes={"Policy": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}]}'})["QueueUrl"]
    events.put_rule(Name="states", EventPattern='{"source":["aws.ec2"],"detail-type":["EC2 Instance State-change Notification"]}')
    events.put_targets(Rule="states", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:states", "InputPath": "$.detail"}])
    id_ = launch(cloud)
    ec2.terminate_instances(InstanceIds=[id_])
    cloud.advance(10)
    import json
    got = [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]]
    assert sorted(each["state"] for each in got) == ["pending", "running", "shutting-down", "terminated"] and {each["instance-id"] for each in got} == {id_}


def test_a_private_address_can_be_chosen_for_one_instance(cloud):
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"][0]
    address = subnet["CidrBlock"].replace(".0/20", ".77")
    assert one(ec2, launch(cloud, SubnetId=subnet["SubnetId"], PrivateIpAddress=address))["PrivateIpAddress"] == address
    refused("InvalidIPAddress.InUse", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"], PrivateIpAddress=address)
    refused("InvalidParameterCombination", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=2, MaxCount=2, SubnetId=subnet["SubnetId"], PrivateIpAddress=address)


def test_user_data_that_is_not_base64_is_refused(cloud):
    assert base64.b64decode("aGk=") == b"hi"
    ec2 = cloud.client("ec2")
    ec2.meta.events.unregister("before-parameter-build.ec2.RunInstances")
    error = refused("InvalidUserData.Malformed", lambda: _raw(cloud))
    assert "BASE64" in error["Message"]


def _raw(cloud):
    """boto3 encodes user data itself: this client does not."""
    import boto3
    from botocore.config import Config
    session = boto3.session.Session()
    client = session.client("ec2", endpoint_url=cloud.url, region_name="us-east-1", aws_access_key_id=cloud.account if cloud.account != "000000000000" else "test", aws_secret_access_key="test",
                            config=Config(retries={"total_max_attempts": 1}))

    def spoil(params, **_):
        params["body"]["UserData"] = "!!!not base64"
    client.meta.events.register("before-call.ec2.RunInstances", spoil)
    client.run_instances(ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1)


def test_the_name_of_a_parameter_stands_for_the_image_it_names(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud, image="resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64")
    assert one(ec2, id_)["ImageId"] == AL2023
    refused("InvalidAMIID.NotFound", ec2.run_instances, ImageId="resolve:ssm:none", InstanceType="t3.micro", MinCount=1, MaxCount=1)


def test_detailed_monitoring_is_pending_until_the_instance_runs(cloud):
    ec2 = cloud.client("ec2")
    made = ec2.run_instances(ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1, Monitoring={"Enabled": True})["Instances"][0]
    assert made["Monitoring"]["State"] == "pending"
    cloud.advance(5)
    assert one(ec2, made["InstanceId"])["Monitoring"]["State"] == "enabled"


def test_groups_and_addresses_go_on_the_interfaces_where_those_are_described(cloud):
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"][0]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=subnet["VpcId"])["GroupId"]
    what = {"ImageId": AL2, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    refused("InvalidParameterCombination", ec2.run_instances, **what, SecurityGroupIds=[group], NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet["SubnetId"]}])
    refused("InvalidParameterCombination", ec2.run_instances, **what, SubnetId=subnet["SubnetId"], NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet["SubnetId"]}])
    refused("AttachmentLimitExceeded", ec2.run_instances, **what, NetworkInterfaces=[{"DeviceIndex": n, "SubnetId": subnet["SubnetId"]} for n in range(3)])
    private = ec2.run_instances(**what, NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": subnet["SubnetId"], "Groups": [group], "AssociatePublicIpAddress": False, "SecondaryPrivateIpAddressCount": 1}])["Instances"][0]
    assert "PublicIpAddress" not in one(ec2, private["InstanceId"]) and [g["GroupId"] for g in private["SecurityGroups"]] == [group] and len(private["NetworkInterfaces"][0]["PrivateIpAddresses"]) == 2


def test_an_interface_that_was_there_before_becomes_the_primary_one_and_outlives_the_instance(cloud):
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"][0]["SubnetId"]
    plug = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]
    id_ = launch(cloud, NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": plug["NetworkInterfaceId"]}])
    assert one(ec2, id_)["PrivateIpAddress"] == plug["PrivateIpAddress"] and one(ec2, id_)["PublicIpAddress"]
    refused("InvalidNetworkInterface.InUse", ec2.run_instances, ImageId=AL2, InstanceType="t3.micro", MinCount=1, MaxCount=1,
            NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": plug["NetworkInterfaceId"]}])
    ec2.terminate_instances(InstanceIds=[id_])
    cloud.advance(5)
    assert ec2.describe_network_interfaces(NetworkInterfaceIds=[plug["NetworkInterfaceId"]])["NetworkInterfaces"][0]["Status"] == "available"


def test_an_instance_with_two_interfaces_gets_no_public_address_when_it_starts_again(cloud):
    ec2 = cloud.client("ec2")
    id_ = launch(cloud, Placement={"AvailabilityZone": "us-east-1a"})
    assert one(ec2, id_)["PublicIpAddress"]
    plug = ec2.create_network_interface(SubnetId=one(ec2, id_)["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(InstanceId=id_, NetworkInterfaceId=plug, DeviceIndex=1)
    ec2.stop_instances(InstanceIds=[id_])
    cloud.advance(5)
    ec2.start_instances(InstanceIds=[id_])
    cloud.advance(5)
    assert "PublicIpAddress" not in one(ec2, id_) and len(one(ec2, id_)["NetworkInterfaces"]) == 2
