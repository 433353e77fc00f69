"""The metadata service, asked as it answers the listener (records) and from inside an instance (`real`)."""
import asyncio
import base64
import json

import pytest

from cloche.engines.net.small_http import Asked
from cloche.engines.world import lacking

from .instances import AL2, AL2023, launch, one, refused
from .test_instance_attributes import profile

M = "/latest/meta-data/"


@pytest.fixture
def ask(cloche_server, cloud):
    """`ask(instance, path, ...)` -> (status, text, answer)."""
    def call(id_, path, method="GET", **headers):
        async def run():
            from cloche.services.ec2 import metadata
            from cloche.services.ec2.instances import Instance
            inside = cloche_server.bell.cloud.internal(cloche_server.bell.cloud.service("ec2"), cloud.account, "us-east-1")
            return await metadata.answer(inside, inside.get(Instance, id_), Asked(method, path, {k.replace("_", "-"): v for k, v in headers.items()}, "10.0.0.1"))
        answer = asyncio.run_coroutine_threadsafe(run(), cloche_server._loop).result(20)
        return answer.status, answer.body.decode(errors="replace"), answer
    return call


def token(ask, id_, seconds="60"):
    return ask(id_, "/latest/api/token", "PUT", x_aws_ec2_metadata_token_ttl_seconds=seconds)


def test_the_tree_is_listed_with_slashes_after_directories(cloud, ask):
    id_ = launch(cloud)
    lines = ask(id_, M)[1].split("\n")
    assert {"ami-id", "instance-id", "placement/", "network/", "local-ipv4", "block-device-mapping/"} <= set(lines) and "iam/" not in lines and lines == sorted(lines)
    assert ask(id_, "/latest/")[1] == "dynamic\nmeta-data" and "latest" in ask(id_, "/")[1].split("\n")
    assert ask(id_, M + "placement/")[1].split("\n") == ["availability-zone", "availability-zone-id", "region"]
    assert ask(id_, M + "nonsense")[0] == 404 and ask(id_, M + "instance-id/more")[0] == 404 and ask(id_, "/latest/userdata/")[0] == 404 and ask(id_, "/nonsense")[0] == 404


def test_values_are_the_instances_own(cloud, ask):
    ec2 = cloud.client("ec2")
    key = ec2.create_key_pair(KeyName="k")["KeyPairId"]
    id_ = launch(cloud, KeyName="k")
    shown = one(ec2, id_)
    mac = shown["NetworkInterfaces"][0]["MacAddress"]
    for path, value in {
        "instance-id": id_, "ami-id": AL2, "instance-type": "t3.micro", "local-ipv4": shown["PrivateIpAddress"], "public-ipv4": shown["PublicIpAddress"], "mac": mac,
        "public-hostname": shown["PublicDnsName"], "local-hostname": shown["PrivateDnsName"], "security-groups": "default", "reservation-id": ask(id_, M + "reservation-id")[1],
        "placement/availability-zone": shown["Placement"]["AvailabilityZone"], "placement/region": "us-east-1", "instance-life-cycle": "on-demand", "public-keys": "0=k",
        f"network/interfaces/macs/{mac}/subnet-id": shown["SubnetId"], f"network/interfaces/macs/{mac}/vpc-id": shown["VpcId"], "network/interfaces/macs/": mac + "/",
        f"network/interfaces/macs/{mac}/public-ipv4s": shown["PublicIpAddress"], "services/partition": "aws", "block-device-mapping/root": "/dev/xvda",
    }.items():
        assert ask(id_, M + path)[:2] == (200, value), path
    assert ask(id_, M + "public-keys/0/openssh-key")[1].startswith("ssh-rsa ") and key


def test_user_data_is_raw_and_404_if_there_is_none(cloud, ask):
    assert ask(launch(cloud), "/latest/user-data")[0] == 404
    id_ = launch(cloud, UserData="#!/bin/sh\necho secret\n")
    assert ask(id_, "/latest/user-data")[:2] == (200, "#!/bin/sh\necho secret\n") and "user-data" in ask(id_, "/latest")[1]


def test_a_token_lives_as_long_as_was_asked_for_and_is_good_for_one_instance(cloud, ask):
    first, second = launch(cloud), launch(cloud)
    status, value, answer = token(ask, first)
    assert status == 200 and answer.ttl == 1 and ("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "60") in answer.headers
    assert ask(first, M + "instance-id", x_aws_ec2_metadata_token=value)[1] == first
    assert ask(second, M + "instance-id", x_aws_ec2_metadata_token=value)[0] == 401 and ask(first, M + "instance-id", x_aws_ec2_metadata_token="nonsense")[0] == 401
    cloud.advance(61)
    assert ask(first, M + "instance-id", x_aws_ec2_metadata_token=value)[0] == 401


@pytest.mark.parametrize("headers, status", [({}, 400), ({"x_aws_ec2_metadata_token_ttl_seconds": "0"}, 400), ({"x_aws_ec2_metadata_token_ttl_seconds": "21601"}, 400),
                                             ({"x_aws_ec2_metadata_token_ttl_seconds": "21600"}, 200), ({"x_aws_ec2_metadata_token_ttl_seconds": "60", "x_forwarded_for": "10.0.0.2"}, 403)])
def test_what_a_request_for_a_token_must_say(cloud, ask, headers, status):
    assert ask(launch(cloud), "/latest/api/token", "PUT", **headers)[0] == status


def test_where_tokens_are_required_a_plain_get_is_unauthorized(cloud, ask):
    id_ = launch(cloud, image=AL2023)
    assert ask(id_, M)[0] == 401 and ask(id_, "/latest/user-data")[0] == 401
    _, value, answer = token(ask, id_)
    assert answer.ttl == 2 and ask(id_, M + "instance-id", x_aws_ec2_metadata_token=value)[1] == id_
    cloud.client("ec2").modify_instance_metadata_options(InstanceId=id_, HttpEndpoint="disabled")
    assert ask(id_, M, x_aws_ec2_metadata_token=value)[0] == 403 and token(ask, id_)[0] == 403
    assert ask(id_, M, "DELETE")[0] == 403


def test_the_roles_credentials_are_real_and_rotate(cloud, ask):
    arn = profile(cloud, "prof")
    cloud.client("iam").put_role_policy(RoleName="prof-role", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]}))
    id_ = launch(cloud, IamInstanceProfile={"Name": "prof"})
    assert json.loads(ask(id_, M + "iam/info")[1])["InstanceProfileArn"] == arn
    assert ask(id_, M + "iam/security-credentials/")[1] == "prof-role"
    first = json.loads(ask(id_, M + "iam/security-credentials/prof-role")[1])
    assert first["Code"] == "Success" and first["Type"] == "AWS-HMAC" and first["AccessKeyId"].startswith("ASIA") and set(first) == {
        "Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    what = {"key": first["AccessKeyId"], "secret": first["SecretAccessKey"], "token": first["Token"]}
    assert cloud.client("sts", **what).get_caller_identity()["Arn"] == f"arn:aws:sts::{cloud.account}:assumed-role/prof-role/{id_}"
    cloud.client("sqs", **what).list_queues()
    refused("AccessDenied", cloud.client("sqs", **what).create_queue, QueueName="q")
    assert json.loads(ask(id_, M + "iam/security-credentials/prof-role")[1])["AccessKeyId"] == first["AccessKeyId"]
    cloud.advance(hours=5, minutes=54)
    assert json.loads(ask(id_, M + "iam/security-credentials/prof-role")[1])["AccessKeyId"] != first["AccessKeyId"]
    cloud.client("sqs", **what).list_queues()
    cloud.advance(minutes=7)
    refused("ExpiredToken", cloud.client("sts", **what).get_caller_identity)
    assert ask(id_, M + "iam/security-credentials/other")[0] == 404


def test_guardduty_finds_an_instances_credentials_used_elsewhere(cloud, ask):
    guard, arn = cloud.client("guardduty"), profile(cloud, "stolen")
    detector = guard.create_detector(Enable=True)["DetectorId"]
    id_ = launch(cloud, IamInstanceProfile={"Arn": arn})
    got = json.loads(ask(id_, M + "iam/security-credentials/stolen-role")[1])
    cloud.client("sts", key=got["AccessKeyId"], secret=got["SecretAccessKey"], token=got["Token"]).get_caller_identity()
    cloud.advance(minutes=6)
    found = guard.get_findings(DetectorId=detector, FindingIds=guard.list_findings(DetectorId=detector)["FindingIds"])["Findings"]
    [one] = [f for f in found if f["Type"] == "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"]
    assert (one["Severity"], one["Resource"]["InstanceDetails"]["InstanceId"], one["Resource"]["AccessKeyDetails"]["UserType"]) == (8.0, id_, "AssumedRole")
    guard.delete_detector(DetectorId=detector)


def test_a_role_that_does_not_trust_ec2_gives_no_credentials(cloud, ask):
    profile(cloud, "prof")
    cloud.client("iam").update_assume_role_policy(RoleName="prof-role", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
    id_ = launch(cloud, IamInstanceProfile={"Name": "prof"})
    assert json.loads(ask(id_, M + "iam/security-credentials/prof-role")[1])["Code"] == "AssumeRoleUnauthorizedAccess"


def test_tags_are_told_only_where_that_is_enabled(cloud, ask):
    what = {"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web"}]}]}
    assert ask(launch(cloud, **what), M + "tags/instance/Name")[0] == 404
    id_ = launch(cloud, **what, MetadataOptions={"InstanceMetadataTags": "enabled"})
    assert ask(id_, M + "tags/instance/")[1] == "Name" and ask(id_, M + "tags/instance/Name")[1] == "web"


def test_ipv6_addresses_are_told(cloud, ask):
    ec2 = cloud.client("ec2")
    subnet = ec2.describe_subnets(Filters=[{"Name": "availability-zone", "Values": ["us-east-1a"]}])["Subnets"][0]
    made = ec2.associate_vpc_cidr_block(VpcId=subnet["VpcId"], AmazonProvidedIpv6CidrBlock=True)
    block = ec2.describe_vpcs(VpcIds=[subnet["VpcId"]])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    ec2.associate_subnet_cidr_block(SubnetId=subnet["SubnetId"], Ipv6CidrBlock=block.replace("/56", "/64"))
    id_ = launch(cloud, SubnetId=subnet["SubnetId"], Ipv6AddressCount=1)
    shown = one(ec2, id_)
    mac = shown["NetworkInterfaces"][0]["MacAddress"]
    assert made and shown["Ipv6Address"] == ask(id_, M + "ipv6")[1] == ask(id_, M + f"network/interfaces/macs/{mac}/ipv6s")[1]
    assert ask(id_, M + f"network/interfaces/macs/{mac}/vpc-ipv6-cidr-blocks")[1] == block


def test_the_partition_is_told(cloud, ask):
    cloud.client("ec2").create_placement_group(GroupName="p", Strategy="partition", PartitionCount=3)
    id_ = launch(cloud, Placement={"GroupName": "p", "PartitionNumber": 2})
    assert ask(id_, M + "placement/partition-number")[1] == "2" and ask(id_, M + "placement/group-name")[1] == "p"


def test_the_identity_document_is_signed(cloud, ask):
    id_ = launch(cloud)
    text = ask(id_, "/latest/dynamic/instance-identity/document")[1]
    document = json.loads(text)
    assert document["instanceId"] == id_ and document["accountId"] == cloud.account and document["region"] == "us-east-1" and document["imageId"] == AL2
    signature, envelope = (base64.b64decode(ask(id_, f"/latest/dynamic/instance-identity/{kind}")[1]) for kind in ("signature", "pkcs7"))
    assert len(signature) == 256 and text.encode() in envelope
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import pkcs7
    (certificate,) = pkcs7.load_der_pkcs7_certificates(envelope)
    certificate.public_key().verify(signature, text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.skipif(bool(lacking()), reason="no machines here")
def test_an_instance_asks_for_itself_and_a_hop_limit_of_one_stops_at_it(real):
    from .test_machines import launch as boot
    from .test_machines import sh
    ec2 = real.client("ec2")
    arn = profile(real, "prof")
    id_ = boot(real, UserData="just data", IamInstanceProfile={"Name": "prof"})
    base = "http://169.254.169.254/latest"
    assert sh(real, id_, f"curl -s -o /dev/null -w '%{{http_code}}' {base}/meta-data/") == "401"
    got = f"T=$(curl -s -X PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60'); curl -s -H \"X-aws-ec2-metadata-token: $T\" {base}"
    assert sh(real, id_, f"{got}/meta-data/instance-id") == id_ and sh(real, id_, f"{got}/user-data") == "just data"
    assert json.loads(sh(real, id_, f"{got}/meta-data/iam/info"))["InstanceProfileArn"] == arn
    assert json.loads(sh(real, id_, f"{got}/meta-data/iam/security-credentials/prof-role"))["Code"] == "Success"
    shown = one(ec2, id_)
    assert sh(real, id_, f"{got}/meta-data/placement/availability-zone; echo; {got}/meta-data/local-ipv4; echo; {got}/meta-data/public-ipv4; echo; {got}/meta-data/").split("\n")[:3] == [
        shown["Placement"]["AvailabilityZone"], shown["PrivateIpAddress"], shown["PublicIpAddress"]]
    assert json.loads(sh(real, id_, f"{got}/dynamic/instance-identity/document"))["instanceId"] == id_
    code, put = "curl -s -o /dev/null -w '%{http_code} '", f"-X PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds:"
    assert sh(real, id_, f"{code} {put} 0'; {code} {put} 21601'; {code} {put} 60' -H 'X-Forwarded-For: 10.0.0.1'; {code} -H 'X-aws-ec2-metadata-token: none' {base}/meta-data/; "
                         f"T=$(curl -s {put} 60'); {code} -H \"X-aws-ec2-metadata-token: $T\" {base}/meta-data/nonsense") == "400 400 403 401 404"
    # any process of any user may ask
    assert sh(real, id_, f"cat > /tmp/ask <<'END'\n{got}/user-data\nEND\nchmod 644 /tmp/ask; su -s /bin/sh nobody -c 'sh /tmp/ask'") == "just data"
    ec2.modify_instance_metadata_options(InstanceId=id_, HttpEndpoint="disabled")
    assert sh(real, id_, f"{code} {put} 60'") == "403"
    ec2.modify_instance_metadata_options(InstanceId=id_, HttpEndpoint="enabled")
    # the service is not behind security groups: with no rule at all it answers
    group = ec2.create_security_group(GroupName="none", Description="none", VpcId=one(ec2, id_)["VpcId"])["GroupId"]
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    ec2.modify_instance_attribute(InstanceId=id_, Groups=[group])
    assert sh(real, id_, f"{got}/meta-data/instance-id") == id_
    # what is one hop further inside (a container) does not get the token with a limit of 1, and gets it with 2
    inside = ("set -e; echo 1 > /proc/sys/net/ipv4/ip_forward; ip netns add c; ip link add v0 type veth peer name v1 netns c; ip addr add 172.31.255.1/30 dev v0; ip link set v0 up; "
              "ip -n c addr add 172.31.255.2/30 dev v1; ip -n c link set v1 up; ip -n c route add default via 172.31.255.1; "
              "nft add table ip n; nft add chain ip n p '{ type nat hook postrouting priority 100; }'; nft add rule ip n p ip saddr 172.31.255.2 masquerade; echo ok")
    assert sh(real, id_, inside) == "ok"
    ask = f"ip netns exec c curl -s -m 2 -o /dev/null -w '%{{http_code}}' -X PUT {base}/api/token -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' || true"
    assert sh(real, id_, ask) == "200"
    ec2.modify_instance_metadata_options(InstanceId=id_, HttpPutResponseHopLimit=1)
    assert sh(real, id_, ask) == "000"
    ec2.terminate_instances(InstanceIds=[id_])
