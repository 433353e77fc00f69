"""The tree below /latest/meta-data/: dicts are directories, texts are files, functions are either and are only called when somebody goes there."""
from __future__ import annotations

import functools
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.iam import public as iam
from cloche.services.sts import public as sts

from . import addresses, instances, key_pairs, security_groups, sharing, tags, vpcs, zones
from .instances import Instance
from .network_interfaces import NetworkInterface

Place = dict[str, Any]
SESSION_SECONDS = 6 * 3600.0
RENEWED_SECONDS = 3600.0     # so old are credentials at most that are handed out


def opened(place: Any) -> Any:
    return place() if callable(place) else place


def listed(place: Place) -> list[str]:
    """Directories end in a slash; a place that names its own lines (public-keys) has them under ''."""
    if "" in place:
        return list(place[""])
    return [name + ("/" if _directory(each) else "") for name, each in place.items()]


def _directory(each: Any) -> bool:
    return isinstance(each, dict) or getattr(each, "directory", False)


def folder(function: Callable[[], Place]) -> Any:
    class Folder:
        """A directory that is made when it is opened."""
        directory = True

        def __call__(self) -> Place:
            return function()
    return Folder()


def iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tree(call: Call, one: Instance) -> Place:
    plugs = instances.interfaces(call, one)
    first = plugs[0] if plugs else None
    name = instances.private_name(call, one, first) if first and first.addresses else ""
    out: Place = {
        "ami-id": one.image, "ami-launch-index": str(one.index), "ami-manifest-path": "(unknown)", "block-device-mapping": _disks(call, one), "events": {"maintenance": {
            "history": "[]", "scheduled": "[]"}}, "hostname": name, "instance-action": "none", "instance-id": one.id, "instance-life-cycle": one.lifecycle or "on-demand", "instance-type": one.type,
        "local-hostname": name, "metrics": {"vhostmd": '<?xml version="1.0" encoding="UTF-8"?>'}, "network": {"interfaces": {"macs": {plug.mac: folder(functools.partial(_plug, call, plug)) for plug in plugs}}},
        "placement": _placement(call, one), "profile": "default-hvm", "reservation-id": one.reservation, "services": {"domain": "amazonaws.com", "partition": "aws"}, "system": "nitro",
    }
    if one.profile:
        out["iam"] = {"info": lambda: _info(call, one), "security-credentials": folder(lambda: _roles(call, one))}
    if one.key_name and (pair := call.get(key_pairs.KeyPair, one.key_name)):
        out["public-keys"] = {"": [f"0={pair.name}"], "0": {"openssh-key": f"{pair.public} {pair.name}\n"}}
    if first:
        out["mac"] = first.mac
        out["security-groups"] = "\n".join(security_groups.find(call, id_).name for id_ in first.groups)
        if first.addresses:
            out["local-ipv4"] = first.private
            if public := first.addresses[0].public:
                out["public-ipv4"] = public
                if public_name := _public_name(call, first, public):
                    out["public-hostname"] = public_name
        if first.addresses6:
            out["ipv6"] = first.addresses6[0]
    if one.spot_action:
        out["spot"] = {"instance-action": json.dumps(one.spot_action), **({"termination-time": one.spot_action["time"]} if one.spot_action["action"] == "terminate" else {})}
    if one.metadata.get("InstanceMetadataTags") == "enabled":
        out["tags"] = {"instance": {key: value for key, value in tags.of(call, one.id).items()}}
    if one.spawned_by.startswith("asg:"):
        out["autoscaling"] = {"target-lifecycle-state": "InService"}
    return dict(sorted(out.items()))


def _public_name(call: Call, plug: NetworkInterface, public: str) -> str:
    vpc = sharing.vpc_lived_in(call, plug.vpc_id)
    return addresses.public_name(call.region, public) if vpc and vpc.dns_hostnames and vpc.dns_support else ""


def _disks(call: Call, one: Instance) -> Place:
    out: Place = {"ami": one.root_device, "root": one.root_device}
    count = 0
    for disk in instances.disks(call, one):
        on = disk.on(one.id)
        if on and on.device != one.root_device:
            count += 1
            out[f"ebs{count}"] = on.device.removeprefix("/dev/")
    return dict(sorted(out.items()))


def _placement(call: Call, one: Instance) -> Place:
    out: Place = {"availability-zone": one.zone, "availability-zone-id": zones.id_of(call.account, one.zone), "region": call.region}
    if one.group:
        from . import placement_groups
        if group := call.get(placement_groups.PlacementGroup, one.group):
            out["group-name"] = group.name
    if one.partition:
        out["partition-number"] = str(one.partition)
    if one.host:
        out["host-id"] = one.host
    return dict(sorted(out.items()))


def _plug(call: Call, plug: NetworkInterface) -> Place:
    subnet, vpc = sharing.subnet_lived_in(call, plug.subnet_id), sharing.vpc_lived_in(call, plug.vpc_id) or vpcs.find(call, plug.vpc_id)
    publics = [(each.public, each.private) for each in plug.addresses if each.public]
    out: Place = {
        "device-number": str(plug.attachment.device if plug.attachment else 0), "interface-id": plug.id, "mac": plug.mac, "owner-id": call.account, "subnet-id": subnet.id, "vpc-id": vpc.id,
        "local-ipv4s": "\n".join(each.private for each in plug.addresses), "security-group-ids": "\n".join(plug.groups),
        "security-groups": "\n".join(security_groups.find(call, id_).name for id_ in plug.groups), "subnet-ipv4-cidr-block": subnet.cidr, "vpc-ipv4-cidr-block": vpc.cidr,
        "vpc-ipv4-cidr-blocks": "\n".join(vpc.cidrs), "network-card": str(plug.attachment.card if plug.attachment else 0),
    }
    if plug.addresses:
        out["local-hostname"] = addresses.private_name(call.region, plug.private)
    if publics:
        out |= {"public-ipv4s": "\n".join(public for public, _ in publics), "ipv4-associations": {public: private for public, private in publics}}
        if name := _public_name(call, plug, publics[0][0]):
            out["public-hostname"] = name
    if plug.addresses6:
        out |= {"ipv6s": "\n".join(plug.addresses6), "subnet-ipv6-cidr-blocks": subnet.cidr6, "vpc-ipv6-cidr-blocks": "\n".join(vpc.cidrs6)}
    if plug.prefixes:
        out["ipv4-prefix"] = "\n".join(plug.prefixes)
    return dict(sorted(out.items()))


# -- the role -----------------------------------------------------------------------------------------------------------------------

def _info(call: Call, one: Instance) -> str:
    found = iam.instance_profile(call, one.profile)
    if found is None:
        return json.dumps({"Code": "InstanceProfileNotFound", "Message": f"Instance Profile {one.profile} cannot be found.", "LastUpdated": iso(call.now)}, indent=2)
    return json.dumps({"Code": "Success", "LastUpdated": iso(call.now), "InstanceProfileArn": one.profile, "InstanceProfileId": found.id}, indent=2)


def _roles(call: Call, one: Instance) -> Place:
    """One file, named like the role (not the profile)."""
    found = iam.instance_profile(call, one.profile)
    return {found.role: lambda: credentials(call, one, found.role)} if found and found.role else {}


def credentials(call: Call, one: Instance, role: str) -> str:
    """Real ones, of a session named like the instance; new ones every hour, long before the old expire."""
    kept: dict[str, tuple[str, float, dict[str, Any]]] = call.cloud.memory.setdefault("ec2.credentials", {})
    there = kept.get(one.id)
    arn = iam.role_arn(call, role)
    if there is None or there[0] != arn or not 0 <= call.now - there[1] < RENEWED_SECONDS:
        try:
            with call.step():
                made, _ = sts.service_session(call, arn, one.id, "ec2.amazonaws.com", SESSION_SECONDS, instances.arn(call, one.id))
        except AwsError:
            return json.dumps({"Code": "AssumeRoleUnauthorizedAccess", "Message": f"EC2 cannot assume the role {role}. Please see documentation at "
                               "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.", "LastUpdated": iso(call.now)}, indent=2)
        there = kept[one.id] = (arn, call.now, made)
    made = there[2]
    return json.dumps({"Code": "Success", "LastUpdated": iso(there[1]), "Type": "AWS-HMAC", "AccessKeyId": made["AccessKeyId"], "SecretAccessKey": made["SecretAccessKey"],
                       "Token": made["SessionToken"], "Expiration": iso(made["Expiration"])}, indent=2)
