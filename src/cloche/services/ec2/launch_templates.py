"""Launch templates: numbered versions of what RunInstances is told; a version never changes, one of them is the default."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, Record

from . import describe, errors, names, tags
from . import service as ec2
from .volumes import describe_time

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST_VERSIONS = 10_000
NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    number: int
    made: float
    by: str
    data: dict[str, Any]
    description: str = ""


class LaunchTemplate(Record, frozen=True):
    kind = "ec2.launch-template"

    id: str
    name: str
    made: float
    by: str
    versions: dict[int, Version]
    default: int = 1
    latest: int = 1
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


class Name(Record, frozen=True):
    kind = "ec2.launch-template-name"

    name: str
    id: str

    @property
    def key(self) -> str:
        return self.name


def id_of(call: Call, name: str) -> str:
    there = call.get(Name, name)
    return there.id if there else ""


def find(call: Call, id_: str) -> LaunchTemplate:
    if (found := call.get(LaunchTemplate, id_)) is None:
        if not re.fullmatch(r"lt-[0-9a-f]{8,17}", id_):
            raise AwsError("InvalidLaunchTemplateId.Malformed", f"Invalid id: '{id_}'")
        raise AwsError("InvalidLaunchTemplateId.NotFound", f"The specified launch template, with template ID {id_}, does not exist.")
    return found


tags.FINDERS["lt"] = find


def named(call: Call, req: Any) -> str:
    """`lt-.../3` of the template that a launch uses, or ""."""
    if not (wanted := req.get("LaunchTemplate")):
        return ""
    one = wanted_template(call, wanted)
    return f"{one.id}/{version(one, wanted.get('Version')).number}"


def wanted_template(call: Call, req: Any) -> LaunchTemplate:
    id_, name = req.get("LaunchTemplateId"), req.get("LaunchTemplateName")
    if id_ and name:
        raise errors.combination("The parameter LaunchTemplateId may not be used in combination with LaunchTemplateName")
    if id_:
        return find(call, id_)
    if not name:
        raise errors.missing("LaunchTemplateId or LaunchTemplateName")
    if not (id_ := id_of(call, name)):
        raise AwsError("InvalidLaunchTemplateName.NotFoundException", f"The specified launch template, with template name {name}, does not exist.")
    return find(call, id_)


def version(one: LaunchTemplate, wanted: Any) -> Version:
    number = number_of(one, wanted)
    if number not in one.versions:
        raise AwsError("InvalidLaunchTemplateId.VersionNotFound", f"Could not find the specified version {wanted} for the launch template with ID {one.id}.")
    return one.versions[number]


def number_of(one: LaunchTemplate, wanted: Any) -> int:
    if wanted in (None, "", "$Default"):
        return one.default
    if wanted == "$Latest":
        return one.latest
    if not str(wanted).isdigit():
        raise errors.invalid(f"The version '{wanted}' is not valid. A number, $Latest or $Default is expected.")
    return int(wanted)


# -- what a launch makes of one -------------------------------------------------------------------------------------------------------

RENAMED = {"RamDiskId": "RamdiskId", "ElasticGpuSpecifications": "ElasticGpuSpecification"}


def merged(call: Call, req: Any) -> dict[str, Any]:
    """The request over the template: what the request says counts; network interfaces and devices are merged by index and name, tags by kind and key."""
    wanted = req.get("LaunchTemplate")
    if not wanted:
        return dict(req)
    data = {RENAMED.get(k, k): v for k, v in version(wanted_template(call, wanted), wanted.get("Version")).data.items()}
    out: dict[str, Any] = dict(data)
    for member, value in req.items():
        if value is None:
            continue
        before = data.get(member)
        if member == "BlockDeviceMappings" and before:
            out[member] = _over(before, value, "DeviceName", "Ebs")
        elif member == "NetworkInterfaces" and before:
            out[member] = _over(before, value, "DeviceIndex")
        elif member == "TagSpecifications" and before:
            out[member] = _tags(before, value)
        elif member in ("Placement", "MetadataOptions", "CpuOptions") and isinstance(before, dict):
            out[member] = before | value
        else:
            out[member] = value
    if req.get("SubnetId") and out.get("NetworkInterfaces") and not req.get("NetworkInterfaces"):  # the subnet goes to the template's primary interface
        out["NetworkInterfaces"] = [dict(each, SubnetId=req["SubnetId"]) if not each.get("DeviceIndex") else each for each in out["NetworkInterfaces"]]
        out.pop("SubnetId")
    if req.get("SecurityGroupIds") and "SecurityGroups" in data:
        out.pop("SecurityGroups", None)
    out.pop("LaunchTemplate", None)
    return out


def _over(before: list[Any], after: list[Any], key: str, inner: str = "") -> list[Any]:
    found = {each.get(key): dict(each) for each in before}
    for each in after:
        there = found.get(each.get(key), {})
        both = there | each
        if inner and inner in there and inner in each:
            both[inner] = there[inner] | each[inner]
        found[each.get(key)] = both
    return list(found.values())


def _tags(before: list[Any], after: list[Any]) -> list[Any]:
    kinds: dict[str, dict[str, str]] = {}
    for each in [*before, *after]:
        kinds.setdefault(each.get("ResourceType", ""), {}).update({one["Key"]: one.get("Value", "") for one in each.get("Tags") or ()})
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in found.items()]} for kind, found in kinds.items()]


# -- operations -------------------------------------------------------------------------------------------------------------------------

def shown(call: Call, one: LaunchTemplate) -> t.LaunchTemplate:
    return {"LaunchTemplateId": one.id, "LaunchTemplateName": one.name, "CreateTime": one.made, "CreatedBy": one.by, "DefaultVersionNumber": one.default, "LatestVersionNumber": one.latest,
            "Tags": tags.shown(call, one.id), "Operator": {"Managed": False}}


def shown_version(one: LaunchTemplate, version_: Version) -> t.LaunchTemplateVersion:
    out: Any = {"LaunchTemplateId": one.id, "LaunchTemplateName": one.name, "VersionNumber": version_.number, "CreateTime": version_.made, "CreatedBy": version_.by,
                "DefaultVersion": version_.number == one.default, "LaunchTemplateData": _answer(version_.data), "Operator": {"Managed": False}}
    if version_.description:
        out["VersionDescription"] = version_.description
    return out  # type: ignore[no-any-return]


def _answer(data: dict[str, Any]) -> dict[str, Any]:
    """TagSpecifications and the market's moments come back as they went in; a password that AWS hides there is none."""
    return dict(data)


def checked(data: Any) -> dict[str, Any]:
    if not data:
        raise errors.missing("LaunchTemplateData")
    if data.get("InstanceRequirements") and data.get("InstanceType"):
        raise AwsError("InvalidParameterCombination", "You can't specify both InstanceType and InstanceRequirements")
    if data.get("UserData"):
        from . import launch
        launch.user_data(data["UserData"])
    if data.get("SecurityGroupIds") and data.get("NetworkInterfaces") and any(each.get("Groups") for each in data["NetworkInterfaces"]):
        raise errors.combination("Network interfaces and an instance-level security groups may not be specified on the same request")
    if (image := data.get("ImageId")) and not image.startswith(("ami-", "resolve:ssm:")):
        raise AwsError("InvalidAMIID.Malformed", f'Invalid id: "{image}" (expecting "ami-...")')
    return dict(data)


@ec2.op(**names.making("launch-template"))
def create_launch_template(call: Call, req: t.CreateLaunchTemplateRequest) -> t.CreateLaunchTemplateResult:
    name, token = req["LaunchTemplateName"], req.get("ClientToken") or ""
    if token and (before := next((one for one in call.all(LaunchTemplate) if one.token == token), None)):
        return {"LaunchTemplate": shown(call, before)}
    if not NAME.fullmatch(name):
        raise AwsError("InvalidLaunchTemplateName.MalformedException", f"Launch template name '{name}' is not valid: 3 to 128 letters, digits and ( ) . - / _ are expected.")
    if call.get(Name, name):
        raise AwsError("InvalidLaunchTemplateName.AlreadyExistsException", f"Launch template name already in use: {name}.")
    first = Version(1, call.now, call.principal.arn, checked(req["LaunchTemplateData"]), req.get("VersionDescription") or "")
    one = call.put(LaunchTemplate(call.id("lt-"), name, call.now, call.principal.arn, {1: first}, token=token))
    call.put(Name(name, one.id))
    tags.take(call, req, "launch-template", one.id)
    return {"LaunchTemplate": shown(call, one)}


def _on(call: Call, req: Any) -> Any:
    id_ = req.get("LaunchTemplateId") or id_of(call, req.get("LaunchTemplateName") or "") or "*"
    return names.on("launch-template", "LaunchTemplateId")["needs"](call, {"LaunchTemplateId": id_})


@ec2.op(needs=_on)
def create_launch_template_version(call: Call, req: t.CreateLaunchTemplateVersionRequest) -> t.CreateLaunchTemplateVersionResult:
    one = wanted_template(call, req)
    data = checked(req["LaunchTemplateData"])
    if source := req.get("SourceVersion"):
        data = version(one, source).data | data
    if len(one.versions) >= MOST_VERSIONS:
        raise AwsError("VersionLimitExceeded", f"You've reached the limit on the number of launch template versions ({MOST_VERSIONS}).")
    number = one.latest + 1
    made = Version(number, call.now, call.principal.arn, data, req.get("VersionDescription") or "")
    one = call.put(one.but(versions=one.versions | {number: made}, latest=number))
    return {"LaunchTemplateVersion": shown_version(one, made)}


@ec2.op(**names.LOOK)
def describe_launch_templates(call: Call, req: t.DescribeLaunchTemplatesRequest) -> t.DescribeLaunchTemplatesResult:
    ids, wanted = req.get("LaunchTemplateIds"), req.get("LaunchTemplateNames")
    found = [find(call, id_) for id_ in ids or ()] + [wanted_template(call, {"LaunchTemplateName": name}) for name in wanted or ()]
    if not ids and not wanted:
        found = call.all(LaunchTemplate)
    found = describe.matching(call, found, req.get("Filters"), {"launch-template-name": lambda x: x.name, "create-time": lambda x: describe_time(x.made)})
    return describe.page(req, [shown(call, one) for one in found], "LaunchTemplates", least=1, most=200)


@ec2.op(**names.LOOK)
def describe_launch_template_versions(call: Call, req: t.DescribeLaunchTemplateVersionsRequest) -> t.DescribeLaunchTemplateVersionsResult:
    """Of one template; or, with Versions $Latest and $Default alone, of all."""
    wanted = req.get("Versions") or []
    if not req.get("LaunchTemplateId") and not req.get("LaunchTemplateName"):
        if not wanted or any(each not in ("$Latest", "$Default") for each in wanted):
            raise errors.missing("LaunchTemplateId or LaunchTemplateName")
        pairs = [(one, one.versions[number]) for one in call.all(LaunchTemplate) for number in dict.fromkeys(number_of(one, each) for each in wanted)]
    else:
        one = wanted_template(call, req)
        low, high = int(req.get("MinVersion") or 0), int(req.get("MaxVersion") or one.latest)
        numbers = [version(one, each).number for each in wanted] if wanted else [n for n in sorted(one.versions, reverse=True) if low <= n <= high]
        pairs = [(one, one.versions[number]) for number in dict.fromkeys(numbers)]
    rows = [shown_version(one, each) for one, each in pairs]

    def data(name: str) -> Any:
        return lambda row: row["LaunchTemplateData"].get(name)
    rows = describe.matching(call, rows, req.get("Filters"), {
        "create-time": lambda row: describe_time(row["CreateTime"]), "ebs-optimized": data("EbsOptimized"), "image-id": data("ImageId"), "instance-type": data("InstanceType"),
        "is-default-version": lambda row: row["DefaultVersion"], "kernel-id": data("KernelId"), "ram-disk-id": data("RamDiskId"),
        "iam-instance-profile": lambda row: [*(row["LaunchTemplateData"].get("IamInstanceProfile") or {}).values()],
        "http-tokens": lambda row: (row["LaunchTemplateData"].get("MetadataOptions") or {}).get("HttpTokens"),
        "http-endpoint": lambda row: (row["LaunchTemplateData"].get("MetadataOptions") or {}).get("HttpEndpoint")})
    return describe.page(req, rows, "LaunchTemplateVersions", least=1, most=200)


@ec2.op(needs=_on)
def modify_launch_template(call: Call, req: t.ModifyLaunchTemplateRequest) -> t.ModifyLaunchTemplateResult:
    one = wanted_template(call, req)
    if wanted := req.get("DefaultVersion"):
        one = call.put(one.but(default=version(one, wanted).number))
    return {"LaunchTemplate": shown(call, one)}


@ec2.op(needs=_on)
def delete_launch_template_versions(call: Call, req: t.DeleteLaunchTemplateVersionsRequest) -> t.DeleteLaunchTemplateVersionsResult:
    one = wanted_template(call, req)
    done: list[Any] = []
    failed: list[Any] = []
    for text in req["Versions"]:
        number = int(text) if text.isdigit() else -1
        about = {"LaunchTemplateId": one.id, "LaunchTemplateName": one.name, "VersionNumber": number}
        if number == one.default:
            failed.append({**about, "ResponseError": {"Code": "operationNotPermitted", "Message": f"Cannot delete the default launch template version: {text}"}})
        elif number not in one.versions:
            failed.append({**about, "ResponseError": {"Code": "launchTemplateVersionDoesNotExist", "Message": f"The version {text} does not exist"}})
        else:
            one = call.put(one.but(versions={n: v for n, v in one.versions.items() if n != number}))
            done.append(about)
    return {"SuccessfullyDeletedLaunchTemplateVersions": done, "UnsuccessfullyDeletedLaunchTemplateVersions": failed}


@ec2.op(needs=_on)
def delete_launch_template(call: Call, req: t.DeleteLaunchTemplateRequest) -> t.DeleteLaunchTemplateResult:
    one = wanted_template(call, req)
    answer: Any = {"LaunchTemplate": shown(call, one)}
    call.delete(one)
    if there := call.get(Name, one.name):
        call.delete(there)
    tags.drop(call, one.id)
    return answer  # type: ignore[no-any-return]


@ec2.op(**names.on("instance", "InstanceId"))
def get_launch_template_data(call: Call, req: t.GetLaunchTemplateDataRequest) -> t.GetLaunchTemplateDataResult:
    """What one would have to say to get an instance like this one."""
    import base64

    from . import instances
    one = instances.find(call, req["InstanceId"])
    data: dict[str, Any] = {
        "ImageId": one.image, "InstanceType": one.type, "EbsOptimized": one.ebs_optimized, "Monitoring": {"Enabled": one.monitoring == "enabled"}, "DisableApiTermination": one.protected,
        "DisableApiStop": one.stop_protected, "InstanceInitiatedShutdownBehavior": one.shutdown, "Placement": {"AvailabilityZone": one.zone, "GroupName": "", "Tenancy": one.tenancy},
        "CpuOptions": {"CoreCount": one.cores, "ThreadsPerCore": one.threads}, "CapacityReservationSpecification": {"CapacityReservationPreference": one.capacity_preference},
        "HibernationOptions": {"Configured": False}, "EnclaveOptions": {"Enabled": False}, "MetadataOptions": {k: v for k, v in one.metadata.items() if k != "State"},
        "PrivateDnsNameOptions": one.names, "MaintenanceOptions": {"AutoRecovery": "default", **one.maintenance},
        "NetworkInterfaces": [{"DeviceIndex": plug.attachment.device, "SubnetId": plug.subnet_id, "Groups": plug.groups, "Description": plug.description, "InterfaceType": plug.interface_type,
                               "DeleteOnTermination": plug.attachment.delete_on_termination, "AssociatePublicIpAddress": bool(plug.lend_public), "PrivateIpAddresses": [
                                   {"Primary": not n, "PrivateIpAddress": a.private} for n, a in enumerate(plug.addresses)], "NetworkCardIndex": 0}
                              for plug in instances.interfaces(call, one) if plug.attachment],
        "BlockDeviceMappings": [{"DeviceName": on.device, "Ebs": {"DeleteOnTermination": on.delete_on_termination, "Encrypted": disk.encrypted, "VolumeSize": disk.size, "VolumeType": disk.type,
                                                                   **({"SnapshotId": disk.snapshot_id} if disk.snapshot_id else {})}}
                                for disk in instances.disks(call, one) if (on := disk.on(one.id))],
    }
    if one.key_name:
        data["KeyName"] = one.key_name
    if one.user_data:
        data["UserData"] = base64.b64encode(one.user_data).decode()
    if one.profile:
        data["IamInstanceProfile"] = {"Arn": one.profile}
    if one.credits:
        data["CreditSpecification"] = {"CpuCredits": one.credits}
    if mine := tags.shown(call, one.id):
        data["TagSpecifications"] = [{"ResourceType": "instance", "Tags": mine}]
    return {"LaunchTemplateData": data}  # type: ignore[typeddict-item]
