"""Flow logs: what the kernel counted, as lines at the end of each window of the clock."""
import asyncio
import gzip
import json

import pytest
from botocore.exceptions import ClientError

from cloche.services.ec2 import world

from ...engines.test_dns import query


def role(cloud, *actions):
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    arn = iam.create_role(RoleName="flow", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    if actions:
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
        iam.put_role_policy(RoleName="flow", PolicyName="write", PolicyDocument=json.dumps(policy))
    return arn


WRITE = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams")


def network(cloud):
    """A VPC with two subnets; the group lets 80 in."""
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{n}.0/24")["Subnet"]["SubnetId"] for n in (1, 2)]
    group = ec2.create_security_group(GroupName="web", Description="-", VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIp="10.7.0.0/16")
    return ec2, vpc, subnets, group


def lines(cloud, group, stream):
    return [one["message"] for one in cloud.client("logs").get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]


def test_accepted_and_refused_traffic_is_logged_for_each_interface(plugged):
    cloud = plugged.cloud
    ec2, vpc, subnets, group = network(cloud)
    made = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flows", DeliverLogsPermissionArn=role(cloud, *WRITE), MaxAggregationInterval=60)
    assert made["Unsuccessful"] == []
    (one, private, _), (two, server, _) = plugged.plug(subnets[0], [group]), plugged.plug(subnets[1], [group])
    plugged.listen(two, 80)

    async def look_up():
        asker = await world.running(plugged.call).socket(one, "udp", private, 0)
        try:
            asker.sendto(query("sqs.us-east-1.amazonaws.com"), ("10.7.0.2", 53))
            return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asker, 4096), 5)
        finally:
            asker.close()
    assert plugged(look_up())                                              # answered, and told by no flow log
    assert plugged.ask(one, server, 80) == private and plugged.ask(one, server, 443, patience=0.2) == ""
    cloud.advance(61)
    assert "10.7.0.2" not in " ".join(lines(cloud, "flows", f"{one}-all"))
    found = [line.split() for line in lines(cloud, "flows", f"{two}-all")]
    assert all(line[:3] == ["2", cloud.account, two] and len(line) == 14 and line[13] == "OK" for line in found)
    by = {(line[3], line[4], line[6] if line[3] == private else line[5], line[12]): line for line in found}
    assert set(by) == {(private, server, "80", "ACCEPT"), (server, private, "80", "ACCEPT"), (private, server, "443", "REJECT")}
    asked = by[private, server, "80", "ACCEPT"]
    assert asked[7] == "6" and int(asked[8]) >= 4 and int(asked[9]) > 160 and int(asked[11]) - int(asked[10]) in (60, 61)
    assert {(line.split()[12], line.split()[6]) for line in lines(cloud, "flows", f"{one}-all") if line.split()[3] == private} == {("ACCEPT", "80"), ("ACCEPT", "443")}
    cloud.advance(60)
    assert lines(cloud, "flows", f"{one}-all")[-1].split()[3:] == ["-"] * 7 + lines(cloud, "flows", f"{one}-all")[-1].split()[10:12] + ["-", "NODATA"]
    log = ec2.describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"][0]
    assert (log["FlowLogStatus"], log["DeliverLogsStatus"], log["MaxAggregationInterval"], log["TrafficType"], log["LogGroupName"]) == ("ACTIVE", "SUCCESS", 60, "ALL", "flows")
    ec2.delete_flow_logs(FlowLogIds=made["FlowLogIds"])
    count = len(lines(cloud, "flows", f"{one}-all"))
    cloud.advance(120)
    assert len(lines(cloud, "flows", f"{one}-all")) == count


def test_a_format_of_ones_own_goes_to_a_bucket(plugged):
    cloud = plugged.cloud
    ec2, _, subnets, group = network(cloud)
    s3 = cloud.client("s3")
    bucket = f"flows-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    words = "${interface-id} ${flow-direction} ${srcaddr} ${dstport} ${tcp-flags} ${action} ${vpc-id} ${subnet-id} ${type} ${traffic-path} ${version}"
    made = ec2.create_flow_logs(ResourceIds=[subnets[0]], ResourceType="Subnet", TrafficType="ACCEPT", LogDestinationType="s3", LogDestination=f"arn:aws:s3:::{bucket}/here", LogFormat=words)
    assert "AWSLogDeliveryWrite" in s3.get_bucket_policy(Bucket=bucket)["Policy"]      # the maker's hand let the service in
    (one, private, _), (two, server, _) = plugged.plug(subnets[0], [group]), plugged.plug(subnets[1], [group])
    plugged.listen(two, 80)
    assert plugged.ask(one, server, 80) == private and plugged.ask(one, server, 443, patience=0.2) == ""
    cloud.advance(601)
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(keys) == 1 and keys[0].startswith(f"here/AWSLogs/{cloud.account}/vpcflowlogs/us-east-1/2") and made["FlowLogIds"][0] in keys[0] and keys[0].endswith(".log.gz")
    head, *rows = gzip.decompress(s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()).decode().splitlines()
    assert head == "interface-id flow-direction srcaddr dstport tcp-flags action vpc-id subnet-id type traffic-path version"
    out = next(row.split() for row in rows if " egress " in row and " 80 " in row)
    vpc = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["VpcId"]
    assert out == [one, "egress", private, "80", out[4], "ACCEPT", vpc, subnets[0], "IPv4", "1", "5"] and int(out[4]) & 3 == 3
    assert {row.split()[0] for row in rows} == {one} and not any("REJECT" in row for row in rows)


def test_an_interfaces_log_goes_to_a_delivery_stream(plugged):
    cloud = plugged.cloud
    ec2, _, subnets, group = network(cloud)
    s3, firehose, bucket = cloud.client("s3"), cloud.client("firehose"), f"streamed-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "firehose.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
    hose = iam.create_role(RoleName="hose", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName="hose", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}]}))
    stream = firehose.create_delivery_stream(DeliveryStreamName="flows", ExtendedS3DestinationConfiguration={
        "RoleARN": hose, "BucketARN": f"arn:aws:s3:::{bucket}", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}})["DeliveryStreamARN"]
    cloud.advance(1)
    (one, private, _), (two, server, _) = plugged.plug(subnets[0], [group]), plugged.plug(subnets[1], [group])
    ec2.create_flow_logs(ResourceIds=[two], ResourceType="NetworkInterface", TrafficType="ALL", LogDestinationType="kinesis-data-firehose", LogDestination=stream, MaxAggregationInterval=60)
    plugged.settled()
    plugged.listen(two, 80)
    assert plugged.ask(one, server, 80) == private
    cloud.advance(61)
    cloud.advance(61)
    told = b"".join(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in s3.list_objects_v2(Bucket=bucket)["Contents"]).decode()
    assert f"{two} {private} {server}" in told and "ACCEPT" in told and one not in told


def test_what_an_interface_that_went_had_carried_is_still_told(plugged):
    cloud = plugged.cloud
    ec2, vpc, subnets, group = network(cloud)
    ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="REJECT", LogGroupName="flows", DeliverLogsPermissionArn=role(cloud, *WRITE))
    (one, _, _), (two, server, _) = plugged.plug(subnets[0], [group]), plugged.plug(subnets[0], [group])
    assert plugged.ask(one, server, 8080, patience=0.2) == ""
    plugged.release(one)
    plugged.settled()
    cloud.advance(601)
    found = lines(cloud, "flows", f"{two}-reject")
    assert len(found) == 1 and found[0].split()[6] == "8080" and found[0].split()[12] == "REJECT"


def test_without_permission_the_flow_log_says_so(plugged):
    cloud = plugged.cloud
    ec2, vpc, subnets, group = network(cloud)
    made = ec2.create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName="flows", DeliverLogsPermissionArn=role(cloud))["FlowLogIds"]
    plugged.plug(subnets[0], [group])
    cloud.advance(601)
    log = ec2.describe_flow_logs(FlowLogIds=made)["FlowLogs"][0]
    assert (log["DeliverLogsStatus"], log["DeliverLogsErrorMessage"]) == ("FAILED", "Access error")


def test_a_flow_log_is_refused_with_awss_words(cloud):
    ec2, vpc, _, _ = network(cloud)
    arn = role(cloud, *WRITE)
    good = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "g", "DeliverLogsPermissionArn": arn}
    made = ec2.create_flow_logs(**good, TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "a", "Value": "b"}]}])["FlowLogIds"]
    log = ec2.describe_flow_logs(FlowLogIds=made)["FlowLogs"][0]
    assert log["Tags"] == [{"Key": "a", "Value": "b"}] and log["LogFormat"].startswith("${version} ${account-id} ${interface-id}") and log["MaxAggregationInterval"] == 600
    for wrong, code in ((good, "FlowLogAlreadyExists"), (good | {"ResourceIds": ["vpc-00000000000000000"]}, r"InvalidVpcID\.NotFound"), (good | {"MaxAggregationInterval": 61}, "InvalidParameter"),
                        (good | {"LogFormat": "${version} ${colour}"}, "InvalidParameterValue"), ({k: v for k, v in good.items() if k != "DeliverLogsPermissionArn"}, "InvalidParameter"),
                        ({"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::there-is-no-such-bucket"}, "InvalidParameter")):
        with pytest.raises(ClientError, match=code):
            ec2.create_flow_logs(**wrong)
    with pytest.raises(ClientError, match=r"InvalidFlowLogId\.NotFound"):
        ec2.delete_flow_logs(FlowLogIds=["fl-00000000000000000"])
    ec2.delete_flow_logs(FlowLogIds=made)
    assert ec2.describe_flow_logs()["FlowLogs"] == []
