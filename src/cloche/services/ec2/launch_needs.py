"""What IAM is asked about RunInstances: every resource that it makes or uses, each with what is known of it."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call, Need

from . import names, tags


def needs(call: Call, req: Any) -> list[Need]:
    """A request that cannot be understood is asked about as it stands: the refusal comes from the operation."""
    from . import image_records, launch_templates
    template = req.get("LaunchTemplate")
    try:
        whole: Any = launch_templates.merged(call, req)
    except AwsError:
        whole = req
    given = names.requested(whole)
    kind = whole.get("InstanceType") or ""
    options = whole.get("MetadataOptions") or {}
    profile = whole.get("IamInstanceProfile") or {}
    common: dict[str, Any] = {"ec2:Region": call.region}
    if template:
        common["ec2:IsLaunchTemplateResource"] = True
    about: dict[str, Any] = {**common, "ec2:InstanceType": kind, "ec2:Tenancy": (whole.get("Placement") or {}).get("Tenancy") or "default", "ec2:RootDeviceType": "ebs",
                             "ec2:EbsOptimized": bool(whole.get("EbsOptimized")), "ec2:InstanceMarketType": (whole.get("InstanceMarketOptions") or {}).get("MarketType") or "on-demand",
                             "ec2:MetadataHttpEndpoint": options.get("HttpEndpoint", "enabled"), "ec2:MetadataHttpTokens": options.get("HttpTokens", "optional")}
    if profile:
        about["ec2:InstanceProfile"] = profile.get("Arn") or call.arn(f"instance-profile/{profile.get('Name', '')}", service="iam", region="")
    if zone := (whole.get("Placement") or {}).get("AvailabilityZone"):
        about["ec2:AvailabilityZone"] = zone
    out = [Need("ec2:RunInstances", names.arn(call, "instance", "*"), about | _asked(given, "instance"))]
    image = whole.get("ImageId") or "*"
    facts = dict(common)
    if found := image_records.anywhere(call, image):
        facts |= {"ec2:Owner": found.alias or found.owner, "ec2:Public": found.public, "ec2:ImageType": "machine", "ec2:RootDeviceType": "ebs"}
    out.append(Need("ec2:RunInstances", names.arn(call, "image", image), facts | _tags(call, image)))
    plugs = whole.get("NetworkInterfaces") or [{}]
    subnets = [plug.get("SubnetId") for plug in plugs if plug.get("SubnetId")] or [whole.get("SubnetId") or "*"]
    groups = [id_ for plug in plugs for id_ in plug.get("Groups") or ()] or list(whole.get("SecurityGroupIds") or ()) or ["*"]
    for noun, ids in (("subnet", subnets), ("security-group", groups), ("network-interface", [plug.get("NetworkInterfaceId") or "*" for plug in plugs][:1]), ("volume", ["*"])):
        for id_ in dict.fromkeys(ids):
            more = _asked(given, noun) if id_ == "*" else _tags(call, id_)
            out.append(names.needed(call, "ec2:RunInstances", noun, id_, common | more))
    if name := whole.get("KeyName"):
        out.append(Need("ec2:RunInstances", names.arn(call, "key-pair", name), dict(common)))
    place = whole.get("Placement") or {}
    if group := place.get("GroupName"):
        out.append(Need("ec2:RunInstances", names.arn(call, "placement-group", group), common))
    if template:
        id_ = template.get("LaunchTemplateId") or launch_templates.id_of(call, template.get("LaunchTemplateName") or "") or "*"
        out.append(Need("ec2:RunInstances", names.arn(call, "launch-template", id_), common | _tags(call, id_)))
    for noun, wanted in given.items():
        if wanted:
            out.append(Need("ec2:CreateTags", names.arn(call, noun, "*"), {"ec2:CreateAction": "RunInstances", **common, **_asked(given, noun)}))
    return out


def _asked(given: dict[str, dict[str, str]], noun: str) -> dict[str, Any]:
    mine = given.get(noun)
    return {"aws:TagKeys": list(mine), **{f"aws:RequestTag/{k}": v for k, v in mine.items()}} if mine else {}


def _tags(call: Call, id_: str) -> dict[str, Any]:
    found = tags.of(call, id_)
    return {f"aws:ResourceTag/{k}": v for k, v in found.items()} | {f"ec2:ResourceTag/{k}": v for k, v in found.items()}
