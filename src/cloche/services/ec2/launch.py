"""RunInstances: everything that is asked is checked first, then the instances are made, all of them or none."""
from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from cloche.kernel import Call, Record
from cloche.services.iam import public as iam

from . import block_devices, errors, hosts, image_records, instance_types, instances, launch_interfaces, launch_needs, launch_options, life, public_images, tags
from . import errors_instances as refusals
from . import service as ec2
from .image_records import Image
from .instance_types import InstanceType
from .instances import Instance
from .subnets import Subnet

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

DEFAULT_TYPE = "m1.small"      # what RunInstances takes where nothing is said
USER_DATA_BYTES = 16384


class Token(Record, frozen=True):
    """A client token, what was asked with it, and what came of it."""
    kind = "ec2.launch-token"

    token: str
    asked: str
    reservation: str
    ids: list[str]

    @property
    def key(self) -> str:
        return self.token


class Plan(Struct, frozen=True):
    """One RunInstances request, checked."""
    image: Image
    type: InstanceType
    subnet: Subnet
    req: Any
    mappings: list[dict[str, Any]]
    fields: dict[str, Any]               # of every instance's record
    plugs: list[dict[str, Any]]


def plan(call: Call, req: Any) -> Plan:
    """Raises what RunInstances refuses; changes nothing."""
    life.able(call)
    if not req.get("ImageId"):
        raise refusals.image_missing()
    image = image_records.find(call, resolved(call, req["ImageId"]))
    if image.state != "available":
        raise refusals.image_unavailable(image.id)
    if req.get("InstanceRequirements") and not req.get("InstanceType"):
        raise errors.combination("InstanceRequirements are for fleets and Auto Scaling groups: RunInstances wants an InstanceType.")
    kind = instance_types.find(req.get("InstanceType") or DEFAULT_TYPE)
    if image.architecture not in kind.architectures:
        raise refusals.architecture(",".join(kind.architectures), image.architecture)
    if image.architecture != public_images.ARCHITECTURE and not life.records_only(call):
        raise refusals.no_compute(f"This computer's processor is {public_images.ARCHITECTURE}: an image for {image.architecture} does not run on it. "
                                  f"Choose an image and an instance type for {public_images.ARCHITECTURE}, or start with `cloche up --compute none`.")
    least, most = req.get("MinCount", 1), req.get("MaxCount", 1)
    if least < 1:
        raise errors.invalid(f"Value ({least}) for parameter minCount is invalid. Expected a positive integer.")
    if most < least:
        raise errors.invalid(f"Value ({least}) for parameter minCount is invalid. The maxCount must be greater than or equal to minCount.")
    if most > 1 and _one_address(req):
        raise errors.combination("Private IP addresses and network interfaces can only be given to a single instance")
    if name := req.get("KeyName"):
        from . import key_pairs
        key_pairs.named(call, name)
    subnet, plugs = launch_interfaces.planned(call, req, kind)
    mappings = block_devices.merged(image, req.get("BlockDeviceMappings"))
    block_devices.checked(image, mappings)
    fields = {
        "image": image.id, "type": kind.name, "vpc": subnet.vpc_id, "subnet": subnet.id, "zone": subnet.zone, "key_name": req.get("KeyName") or "",
        "user_data": user_data(req.get("UserData")), "architecture": image.architecture, "root_device": image.root_device, "platform": image.platform, "login": image.user,
        **launch_options.fields(call, req, image, kind, subnet),
    }
    if profile := req.get("IamInstanceProfile"):
        fields |= {"profile": profile_arn(call, profile), "associated": call.now}
    return Plan(image, kind, subnet, req, mappings, fields, plugs)


def resolved(call: Call, image: str) -> str:
    """`resolve:ssm:NAME` is the image that a parameter names, as the caller may read it."""
    if not image.startswith("resolve:ssm:"):
        return image
    answer = call.do("ssm", "GetParameters", Names=[image.removeprefix("resolve:ssm:")])
    if not answer["Parameters"]:
        raise errors.AwsError("InvalidAMIID.NotFound", f"The parameter '{image.removeprefix('resolve:ssm:')}' does not exist")
    return str(answer["Parameters"][0]["Value"])


def _one_address(req: Any) -> bool:
    return bool(req.get("PrivateIpAddress") or any(each.get("PrivateIpAddress") or each.get("NetworkInterfaceId") or each.get("PrivateIpAddresses") for each in req.get("NetworkInterfaces") or ()))


def user_data(text: str | bytes | None) -> bytes:
    """As it was before base64; at most 16 KB of that."""
    if not text:
        return b""
    try:
        data = base64.b64decode("".join(text.split()), validate=True) if isinstance(text, str) else text
    except (ValueError, binascii.Error):
        raise refusals.user_data_base64() from None
    if len(data) > USER_DATA_BYTES:
        raise refusals.user_data_limit()
    return data


def profile_arn(call: Call, wanted: Any) -> str:
    """The ARN of an instance profile given by name or ARN; the caller must be allowed to pass its role to EC2."""
    arn, name = wanted.get("Arn"), wanted.get("Name")
    if arn and name:
        raise errors.combination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
    found = iam.instance_profile(call, arn or name or "")
    if found is None:
        raise refusals.no_profile_arn(arn) if arn else refusals.no_profile_named(name or "")
    if not found.role:
        raise refusals.profile_without_role(found.name)
    call.pass_role(iam.role_arn(call, found.role), "ec2.amazonaws.com")
    return arn or iam.instance_profile_arn(call, found)


def run(call: Call, planned: Plan, count: int, *, reservation: str = "", least: int = 1, **more: Any) -> list[Instance]:
    """Make `count` instances, or at least `least` of them if capacity does not go further."""
    from . import capacity
    req, made = planned.req, []
    reservation = reservation or call.id("r-")
    for index in range(count):
        try:
            place = capacity.place(call, planned.type, {**planned.fields, **more})
        except errors.AwsError:
            if index < least:
                raise
            break
        one = Instance(call.id("i-"), launched=call.now, reservation=reservation, index=index, reason_code="pending", reason="pending", token=req.get("ClientToken") or "",
                       **{**planned.fields, **more, **place})
        if one.profile:
            one = one.but(association=call.id("iip-assoc-"))
        hosts.tie(call, one)
        launch_interfaces.make(call, one, planned)
        disks = block_devices.make(call, planned.image, planned.mappings, one.id, one.zone)
        _tags(call, req, one, [disk.id for disk in disks])
        made.append(life.enter(call, one, "pending"))
    return made


def _tags(call: Call, req: Any, one: Instance, disks: list[str]) -> None:
    kinds = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")
    tags.take(call, req, "instance", one.id, *kinds)
    for id_ in disks:
        tags.take(call, req, "volume", id_, *kinds)
    for plug in instances.interfaces(call, one):
        if plug.made == call.now:
            tags.take(call, req, "network-interface", plug.id, *kinds)


@ec2.op(needs=launch_needs.needs, partly="hibernation, enclaves, elastic GPUs and inference accelerators, licenses and secondary interfaces are refused")
def run_instances(call: Call, req: t.RunInstancesRequest) -> t.Reservation:
    from . import launch_templates, spot
    token, asked = req.get("ClientToken"), ""
    if token:
        asked = hashlib.sha256(json.dumps(req, sort_keys=True, default=str).encode()).hexdigest()
        if before := call.get(Token, token):
            if before.asked != asked:
                raise errors.token_reused()
            return _answer(call, [one for id_ in before.ids if (one := call.get(Instance, id_))], before.reservation)
    whole: Any = launch_templates.merged(call, req)
    planned = plan(call, whole)
    more: dict[str, Any] = {}
    if used := launch_templates.named(call, req):
        more["template"] = used
    reservation = call.id("r-")
    if (market := whole.get("InstanceMarketOptions")) and market.get("MarketType") == "spot":
        made = spot.launch(call, planned, whole, reservation, **more)
    else:
        made = run(call, planned, whole["MaxCount"], reservation=reservation, least=whole["MinCount"], **more)
    if used:
        for one in made:
            tags.put(call, one.id, dict(zip(("aws:ec2launchtemplate:id", "aws:ec2launchtemplate:version"), used.split("/"), strict=True)))
    if token:
        call.put(Token(token, asked, reservation, [one.id for one in made]))
    return _answer(call, made, reservation)


def _answer(call: Call, made: list[Instance], reservation: str) -> Any:
    return {"ReservationId": reservation, "OwnerId": call.account, "Groups": [], "Instances": [instances.shown(call, one) for one in made]}
