"""What an account has settled for its instances in a region: metadata options, CPU credits, serial console, image rules, attributes of the account itself."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, names
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

NUMBERS = {"max-instances": "20", "vpc-max-security-groups-per-interface": "5", "max-elastic-ips": "5", "vpc-max-elastic-ips": "5"}


class Defaults(Record, frozen=True):
    kind = "ec2.account-defaults"

    metadata: dict[str, Any] = {}
    credits: dict[str, str] = {}
    serial_console: bool = False
    block_public_images: bool = True
    image_rules: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return ""


def of(call: Call) -> Defaults:
    return call.get(Defaults, "") or Defaults()


@ec2.op(**names.LOOK)
def describe_account_attributes(call: Call, req: t.DescribeAccountAttributesRequest) -> t.DescribeAccountAttributesResult:
    from . import vpcs
    vpc = vpcs.default(call)
    values = {"supported-platforms": "VPC", "default-vpc": vpc.id if vpc else "none", **NUMBERS}
    wanted = req.get("AttributeNames") or list(values)
    return {"AccountAttributes": [{"AttributeName": name, "AttributeValues": [{"AttributeValue": values[name]}]} for name in wanted if name in values]}


@ec2.op(**names.LOOK)
def get_instance_metadata_defaults(call: Call, req: t.GetInstanceMetadataDefaultsRequest) -> t.GetInstanceMetadataDefaultsResult:
    found = of(call).metadata
    return {"AccountLevel": {**found, "ManagedBy": "account"} if found else {}}  # type: ignore[typeddict-item]


@ec2.op(**names.LOOK)
def modify_instance_metadata_defaults(call: Call, req: t.ModifyInstanceMetadataDefaultsRequest) -> t.ModifyInstanceMetadataDefaultsResult:
    """`no-preference` and a hop limit of -1 take a default away."""
    found = dict(of(call).metadata)
    for member in ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "InstanceMetadataTags"):
        value: Any = req.get(member)
        if value is None:
            continue
        if value in ("no-preference", -1):
            found.pop(member, None)
        elif member == "HttpPutResponseHopLimit" and not 1 <= value <= 64:
            raise errors.invalid(f"The value '{value}' for HttpPutResponseHopLimit is invalid. It must be an integer between 1 and 64.")
        else:
            found[member] = value
    call.put(of(call).but(metadata=found))
    return {"Return": True}


@ec2.op(**names.LOOK)
def get_default_credit_specification(call: Call, req: t.GetDefaultCreditSpecificationRequest) -> t.GetDefaultCreditSpecificationResult:
    family = req["InstanceFamily"]
    return {"InstanceFamilyCreditSpecification": {"InstanceFamily": family, "CpuCredits": of(call).credits.get(family) or ("standard" if family == "t2" else "unlimited")}}


@ec2.op(**names.LOOK)
def modify_default_credit_specification(call: Call, req: t.ModifyDefaultCreditSpecificationRequest) -> t.ModifyDefaultCreditSpecificationResult:
    family, value = req["InstanceFamily"], req["CpuCredits"]
    if value not in ("standard", "unlimited"):
        raise errors.invalid(f"Invalid value '{value}' for CpuCredits: it must be 'standard' or 'unlimited'.")
    call.put(of(call).but(credits=of(call).credits | {family: value}))
    return {"InstanceFamilyCreditSpecification": {"InstanceFamily": family, "CpuCredits": value}}


@ec2.op(**names.LOOK)
def get_serial_console_access_status(call: Call, req: t.GetSerialConsoleAccessStatusRequest) -> t.GetSerialConsoleAccessStatusResult:
    return {"SerialConsoleAccessEnabled": of(call).serial_console, "ManagedBy": "account"}


@ec2.op(**names.LOOK)
def enable_serial_console_access(call: Call, req: t.EnableSerialConsoleAccessRequest) -> t.EnableSerialConsoleAccessResult:
    call.put(of(call).but(serial_console=True))
    return {"SerialConsoleAccessEnabled": True}


@ec2.op(**names.LOOK)
def disable_serial_console_access(call: Call, req: t.DisableSerialConsoleAccessRequest) -> t.DisableSerialConsoleAccessResult:
    call.put(of(call).but(serial_console=False))
    return {"SerialConsoleAccessEnabled": False}


@ec2.op(**names.LOOK)
def get_image_block_public_access_state(call: Call, req: t.GetImageBlockPublicAccessStateRequest) -> t.GetImageBlockPublicAccessStateResult:
    return {"ImageBlockPublicAccessState": "block-new-sharing" if of(call).block_public_images else "unblocked", "ManagedBy": "account"}


@ec2.op(**names.LOOK)
def enable_image_block_public_access(call: Call, req: t.EnableImageBlockPublicAccessRequest) -> t.EnableImageBlockPublicAccessResult:
    call.put(of(call).but(block_public_images=True))
    return {"ImageBlockPublicAccessState": "block-new-sharing"}


@ec2.op(**names.LOOK)
def disable_image_block_public_access(call: Call, req: t.DisableImageBlockPublicAccessRequest) -> t.DisableImageBlockPublicAccessResult:
    call.put(of(call).but(block_public_images=False))
    return {"ImageBlockPublicAccessState": "unblocked"}
