"""What each control looks at in EC2: groups, lists, flow logs, volumes, instances, subnets."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .looking import Eye, Seen, told, verdict

OPEN = ("0.0.0.0/0", "::/0")
# EC2.19: "ports that have a high risk"
RISKY = (20, 21, 22, 23, 25, 110, 135, 143, 445, 1433, 1434, 3000, 3306, 3389, 4333, 5000, 5432, 5500, 5601, 8080, 8088, 8888, 9200, 9300)


def groups(eye: Eye) -> list[Any]:
    return eye.every("ec2", "DescribeSecurityGroups", "SecurityGroups")


def of_group(eye: Eye, one: Any, status: str) -> Seen:
    return Seen("AwsEc2SecurityGroup", eye.arn(f"security-group/{one['GroupId']}"), status,
                {"AwsEc2SecurityGroup": {"GroupName": one["GroupName"], "GroupId": one["GroupId"], "OwnerId": one["OwnerId"], "VpcId": one["VpcId"]}}, told(one.get("Tags")))


def open_ranges(one: Any, blocks: tuple[str, ...] = OPEN) -> Iterator[tuple[str, int, int]]:
    """(protocol, first port, last port) of what anybody may reach."""
    for rule in one["IpPermissions"]:
        given = {each["CidrIp"] for each in rule.get("IpRanges") or ()} | {each["CidrIpv6"] for each in rule.get("Ipv6Ranges") or ()}
        if given & set(blocks):
            protocol = rule["IpProtocol"]
            yield (protocol, 0, 65535) if protocol == "-1" or rule.get("FromPort", -1) == -1 else (protocol, rule["FromPort"], rule["ToPort"])


def reaches(one: Any, ports: tuple[int, ...], blocks: tuple[str, ...] = OPEN) -> bool:
    return any(protocol in ("-1", "tcp") and first <= port <= last for protocol, first, last in open_ranges(one, blocks) for port in ports)


def _no_way_to(ports: tuple[int, ...], blocks: tuple[str, ...] = OPEN) -> Callable[[Eye], Iterator[Seen]]:
    def look(eye: Eye) -> Iterator[Seen]:
        for one in groups(eye):
            yield of_group(eye, one, verdict(not reaches(one, ports, blocks)))
    return look


def default_groups(eye: Eye) -> Iterator[Seen]:
    for one in groups(eye):
        if one["GroupName"] == "default":
            yield of_group(eye, one, verdict(not one["IpPermissions"] and not one["IpPermissionsEgress"]))


def authorized_ports(eye: Eye) -> Iterator[Seen]:
    allowed = {protocol: eye.parameter("EC2.18", f"authorized{protocol.title()}Ports") or () for protocol in ("tcp", "udp")}
    for one in groups(eye):
        good = all(first == last and first in allowed.get(protocol, ()) for protocol, first, last in open_ranges(one))
        yield of_group(eye, one, verdict(good))


def flow_logs(eye: Eye) -> Iterator[Seen]:
    logs = eye.every("ec2", "DescribeFlowLogs", "FlowLogs")
    seen = {one["ResourceId"] for one in logs if one["FlowLogStatus"] == "ACTIVE" and one["TrafficType"] in ("REJECT", "ALL")}
    for one in eye.every("ec2", "DescribeVpcs", "Vpcs"):
        yield Seen("AwsEc2Vpc", eye.arn(f"vpc/{one['VpcId']}"), verdict(one["VpcId"] in seen), {"AwsEc2Vpc": {"State": one["State"]}}, told(one.get("Tags")))


def encrypted_by_default(eye: Eye) -> Iterator[Seen]:
    yield eye.of_account(verdict(eye.ask("ec2", "GetEbsEncryptionByDefault")["EbsEncryptionByDefault"]))


def encrypted_volumes(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("ec2", "DescribeVolumes", "Volumes"):
        if one.get("Attachments"):
            yield Seen("AwsEc2Volume", eye.arn(f"volume/{one['VolumeId']}"), verdict(one["Encrypted"]), {"AwsEc2Volume": {"Encrypted": one["Encrypted"], "Size": one["Size"], "Status": one["State"]}},
                       told(one.get("Tags")))


def instances(eye: Eye) -> Iterator[Any]:
    for row in eye.every("ec2", "DescribeInstances", "Reservations"):
        yield from (one for one in row["Instances"] if one["State"]["Name"] not in ("terminated", "shutting-down"))


def of_instance(eye: Eye, one: Any, status: str) -> Seen:
    details = {"Type": one["InstanceType"], "ImageId": one["ImageId"], "VpcId": one.get("VpcId"), "SubnetId": one.get("SubnetId")}
    return Seen("AwsEc2Instance", eye.arn(f"instance/{one['InstanceId']}"), status, {"AwsEc2Instance": {name: value for name, value in details.items() if value}}, told(one.get("Tags")))


def tokens_required(eye: Eye) -> Iterator[Seen]:
    for one in instances(eye):
        options = one.get("MetadataOptions") or {}
        yield of_instance(eye, one, verdict(options.get("HttpTokens") == "required" or options.get("HttpEndpoint") == "disabled"))


def no_public_address(eye: Eye) -> Iterator[Seen]:
    for one in instances(eye):
        yield of_instance(eye, one, verdict(not one.get("PublicIpAddress")))


def private_subnets(eye: Eye) -> Iterator[Seen]:
    for one in eye.every("ec2", "DescribeSubnets", "Subnets"):
        if one["OwnerId"] == eye.account:
            yield Seen("AwsEc2Subnet", eye.arn(f"subnet/{one['SubnetId']}"), verdict(not one["MapPublicIpOnLaunch"]),
                       {"AwsEc2Subnet": {"SubnetId": one["SubnetId"], "VpcId": one["VpcId"], "CidrBlock": one["CidrBlock"]}}, told(one.get("Tags")))


def closed_lists(eye: Eye) -> Iterator[Seen]:
    """By the rules in order, the first that is about the port decides: a deny before an allow closes it."""
    for one in eye.every("ec2", "DescribeNetworkAcls", "NetworkAcls"):
        inbound = sorted((entry for entry in one["Entries"] if not entry["Egress"]), key=lambda entry: entry["RuleNumber"])
        good = not any(_lets(inbound, port, block) for port in (22, 3389) for block in OPEN)
        yield Seen("AwsEc2NetworkAcl", eye.arn(f"network-acl/{one['NetworkAclId']}"), verdict(good), {"AwsEc2NetworkAcl": {"NetworkAclId": one["NetworkAclId"], "VpcId": one["VpcId"]}},
                   told(one.get("Tags")))


def _lets(entries: list[Any], port: int, block: str) -> bool:
    for entry in entries:
        range_ = entry.get("PortRange") or {"From": 0, "To": 65535}
        if block in (entry.get("CidrBlock"), entry.get("Ipv6CidrBlock")) and entry["Protocol"] in ("-1", "6") and (entry["Protocol"] == "-1" or range_["From"] <= port <= range_["To"]):
            return bool(entry["RuleAction"] == "allow")
    return False


CHECKS: dict[str, Callable[[Eye], Iterator[Seen]]] = {
    "EC2.2": default_groups, "EC2.3": encrypted_volumes, "EC2.6": flow_logs, "EC2.7": encrypted_by_default, "EC2.8": tokens_required, "EC2.9": no_public_address, "EC2.13": _no_way_to((22,)),
    "EC2.14": _no_way_to((3389,)), "EC2.15": private_subnets, "EC2.18": authorized_ports, "EC2.19": _no_way_to(RISKY), "EC2.21": closed_lists,
    "EC2.53": _no_way_to((22, 3389), OPEN[:1]), "EC2.54": _no_way_to((22, 3389), OPEN[1:])}
