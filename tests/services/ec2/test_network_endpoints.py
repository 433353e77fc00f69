"""VPC endpoints carry packets: S3 without a way to the internet, and the requests say by which endpoint they came."""
import json

from .test_network import REQUEST
from .test_network_insights import Net

AT = "198.19.1.7"           # any address of S3's prefix list


def signed(cloud, bucket, key):
    """A presigned GET as an HTTP/1.1 request of the virtual host."""
    from urllib.parse import urlsplit

    from botocore.config import Config
    url = cloud.client("s3", config=Config(s3={"addressing_style": "virtual"}, signature_version="s3v4"), key=cloud.account).generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=300)
    parts = urlsplit(url)
    return REQUEST.format(f"{parts.path.lstrip('/')}?{parts.query}", parts.netloc).encode()


def test_a_gateway_endpoint_leads_to_s3_where_nothing_else_leads_out(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    one, _, _ = plugged.plug(net.subnets[0], [net.groups[0]])
    ask = REQUEST.format("key", "no-such-bucket-of-ours.s3.us-east-1.amazonaws.com").encode()
    assert plugged.ask(one, AT, 80, ask, patience=0.2) == ""
    endpoint = net.ec2.create_vpc_endpoint(VpcId=net.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[net.table])["VpcEndpoint"]["VpcEndpointId"]
    plugged.settled()
    assert "<Code>NoSuchBucket</Code>" in plugged.ask(one, AT, 80, ask)
    assert plugged.ask(one, "198.19.200.1", 80, ask, patience=0.2) == ""                    # another service's address is not in the list
    found = net.analyse(one, endpoint)
    assert found["NetworkPathFound"] is True and found["ForwardPathComponents"][-1]["Component"]["Id"] == endpoint
    net.ec2.revoke_security_group_egress(GroupId=net.groups[0], IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    plugged.settled()
    assert plugged.ask(one, AT, 80, ask, patience=0.2) == ""                                # groups judge this way, too
    net.ec2.authorize_security_group_egress(GroupId=net.groups[0], IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "PrefixListIds": [{"PrefixListId": net.ec2.describe_prefix_lists(Filters=[
            {"Name": "prefix-list-name", "Values": ["com.amazonaws.us-east-1.s3"]}])["PrefixLists"][0]["PrefixListId"]}]}])
    plugged.settled()
    assert "<Code>NoSuchBucket</Code>" in plugged.ask(one, AT, 80, ask)
    net.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    plugged.settled()
    assert plugged.ask(one, AT, 80, ask, patience=0.2) == ""


def test_a_bucket_policy_may_ask_for_the_endpoint(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    net.lead()
    (one, _, _), (two, _, _) = plugged.plug(net.subnets[0], [net.groups[0]], public_address=True), plugged.plug(net.subnets[1], [net.groups[0]])
    private = net.ec2.create_route_table(VpcId=net.vpc)["RouteTable"]["RouteTableId"]
    net.ec2.associate_route_table(RouteTableId=private, SubnetId=net.subnets[1])
    endpoint = net.ec2.create_vpc_endpoint(VpcId=net.vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[private])["VpcEndpoint"]["VpcEndpointId"]
    s3, bucket = cloud.client("s3"), f"only-inside-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="key", Body=b"inside")
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": {"StringNotEquals": {"aws:SourceVpce": endpoint}}}]}))
    plugged.settled()
    ask = signed(cloud, bucket, "key")
    assert plugged.ask(one, AT, 80, ask).startswith("HTTP/1.1 403")         # over the internet gateway
    assert plugged.ask(two, AT, 80, ask).endswith("inside")                 # through the endpoint


def test_an_interface_endpoint_answers_in_its_subnet_under_its_groups(plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    one, _, _ = plugged.plug(net.subnets[0], [net.groups[0]])
    made = net.ec2.create_vpc_endpoint(VpcId=net.vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.us-east-1.sqs", SubnetIds=[net.subnets[1]],
                                       SecurityGroupIds=[net.groups[1]], PrivateDnsEnabled=False)["VpcEndpoint"]
    cloud.advance(120)
    plugged.settled()
    plug = net.ec2.describe_network_interfaces(NetworkInterfaceIds=net.ec2.describe_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["VpcEndpoints"][0]["NetworkInterfaceIds"])["NetworkInterfaces"][0]
    ask = REQUEST.format("", "sqs.us-east-1.amazonaws.com").encode()
    assert plugged.ask(one, plug["PrivateIpAddress"], 80, ask, patience=0.2) == ""
    net.open(80)
    plugged.settled()
    assert plugged.ask(one, plug["PrivateIpAddress"], 80, ask).startswith("HTTP/1.1 4")
