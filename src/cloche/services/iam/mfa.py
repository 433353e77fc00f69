"""Virtual MFA devices: RFC 6238 codes, six digits, thirty seconds. Codes are computed by people's own clocks, so the real and the virtual time both count."""
from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsError, Call, Record, Sealed

from . import service as iam
from . import tags, users
from .names import moment
from .pages import page
from .root_access import nameless

if TYPE_CHECKING:
    from cloche.shapes import iam as t

STEP_SECONDS, DRIFT_STEPS = 30, 2
ROOTS = "root-account-mfa-device"


class Device(Record, frozen=True):
    kind = "iam.mfa"
    scope = "account"

    serial: str                                        # the device's ARN
    base32: Sealed = Sealed("")                        # the seed; "" in a record from before there were seals, which has it in `bare`
    created: float = 0.0
    user: str = ""                                     # whose it is, once enabled; "root" is not offered
    enabled: float = 0.0
    tags: dict[str, str] = {}
    used: int = 0                                      # step of the last code taken: no code is good twice
    bare: bytes = msgspec.field(default=b"", name="seed")

    @property
    def key(self) -> str:
        return self.serial

    @property
    def seed(self) -> bytes:
        return base64.b32decode(self.base32) if self.base32 else self.bare


def code(seed: bytes, step: int) -> str:
    digest = hmac.digest(seed, step.to_bytes(8, "big"), hashlib.sha1)
    at = digest[-1] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def step_of(call: Call, device: Device, given: str) -> int | None:
    """The time step of which this is the code."""
    for now in (call.now, call.cloud.clock.real()):
        middle = int(now) // STEP_SECONDS
        for step in range(middle - DRIFT_STEPS, middle + DRIFT_STEPS + 1):
            if hmac.compare_digest(code(device.seed, step), given):
                return step
    return None


def verified(call: Call, serial: str, given: str) -> bool:
    device = call.at(call.principal.account, call.region).get(Device, serial)
    if device is None or not device.user or call.principal.kind != "user" or device.user != call.principal.name or step_of(call, device, given) is None:
        raise AwsError("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403)
    return True


def of_root(call: Call, account: str, serial: str, given: str) -> bool:
    """A code of the root user's device. The console assigns that one, by a name that no other has: here making it is assigning it."""
    device = call.at(account, call.region).get(Device, serial)
    return device is not None and device.serial.endswith(":mfa/" + ROOTS) and step_of(call, device, given) is not None


def by_serial(call: Call, req: Any) -> str:
    return req["SerialNumber"]


def find(call: Call, serial: str) -> Device:
    found = call.get(Device, serial)
    if found is None:
        raise AwsError("NoSuchEntity", f"VirtualMFADevice with serial number {serial} does not exist.", 404)
    return found


def to_be(call: Call, req: Any) -> str:
    return call.arn(f"mfa{req.get('Path', '/')}{req['VirtualMFADeviceName']}", service="iam", region="")


@iam.op(resource=to_be, action=tags.action("CreateVirtualMFADevice", "TagMFADevice"), context=tags.request, partly="QRCodePNG is left out")
def create_virtual_mfa_device(call: Call, req: t.CreateVirtualMFADeviceRequest) -> t.CreateVirtualMFADeviceResponse:
    serial = to_be(call, req)
    if call.get(Device, serial):
        raise AwsError("EntityAlreadyExists", "MFADevice entity at the same path and name already exists.", 409)
    seed = base64.b32encode(hashlib.sha256(call.secret(40).encode()).digest()[:20] * 2)[:64]
    device = call.put(Device(serial, Sealed(seed.decode()), moment(call), tags=tags.given(call, req)))
    answer = {"SerialNumber": serial, "Base32StringSeed": seed}
    return {"VirtualMFADevice": answer | ({"Tags": tags.pairs(device.tags)} if device.tags else {})}


@iam.op(resource=users.by_name, context=users.facts)
def enable_mfa_device(call: Call, req: t.EnableMFADeviceRequest) -> None:
    user, device = users.find(call, req["UserName"]), find(call, req["SerialNumber"])
    if device.user:
        raise AwsError("EntityAlreadyExists", "MFADevice is already in use.", 409)
    call.put(synced(call, device, req).but(user=user.name, enabled=moment(call)))


def synced(call: Call, device: Device, req: Any) -> Device:
    """Two codes in a row prove that the person has the device."""
    first, second = (step_of(call, device, req[name]) for name in ("AuthenticationCode1", "AuthenticationCode2"))
    if first is None or second is None or second != first + 1:
        raise AwsError("InvalidAuthenticationCode", "Authentication code for device is not valid.", 403)
    return device.but(used=second)


@iam.op(resource=users.by_name, context=users.facts)
def resync_mfa_device(call: Call, req: t.ResyncMFADeviceRequest) -> None:
    call.put(synced(call, mine(call, req), req))


def mine(call: Call, req: Any) -> Device:
    user = users.find(call, users.name_of(call, req))
    device = call.get(Device, req["SerialNumber"])
    if device is None or device.user != user.name:
        raise AwsError("NoSuchEntity", f"MFA Device invalid for user. Device {req['SerialNumber']} is not assigned to {user.name}.", 404)
    return device


@iam.op(resource=users.by_name, context=users.facts)
def deactivate_mfa_device(call: Call, req: t.DeactivateMFADeviceRequest) -> None:
    call.put(mine(call, req).but(user="", enabled=0.0))


@iam.op(resource=by_serial)
def delete_virtual_mfa_device(call: Call, req: t.DeleteVirtualMFADeviceRequest) -> None:
    device = find(call, req["SerialNumber"])
    if device.user:
        raise AwsError("DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.", 409)
    call.delete(device)


@iam.op(resource=users.by_name)
def get_mfa_device(call: Call, req: t.GetMFADeviceRequest) -> t.GetMFADeviceResponse:
    device = mine(call, req) if "UserName" in req else find(call, req["SerialNumber"])
    return {"SerialNumber": device.serial, "Certifications": {}} | ({"UserName": device.user, "EnableDate": device.enabled} if device.user else {})


@iam.op(resource=users.by_name)
def list_mfa_devices(call: Call, req: t.ListMFADevicesRequest) -> t.ListMFADevicesResponse:
    if nameless(call, req):
        return {"MFADevices": [], "IsTruncated": False}
    name = users.find(call, users.name_of(call, req)).name
    found, more = page(req, (one for one in call.all(Device) if one.user == name), key=lambda one: one.serial)
    return {"MFADevices": [{"UserName": one.user, "SerialNumber": one.serial, "EnableDate": one.enabled} for one in found], **more}


@iam.op(resource=ANY)
def list_virtual_mfa_devices(call: Call, req: t.ListVirtualMFADevicesRequest) -> t.ListVirtualMFADevicesResponse:
    status = req.get("AssignmentStatus", "Any")
    wanted = [one for one in call.all(Device) if status == "Any" or bool(one.user) == (status == "Assigned")]
    found, more = page(req, wanted, key=lambda one: one.serial)
    return {"VirtualMFADevices": [
        {"SerialNumber": one.serial} | ({"User": users.view(call, users.find(call, one.user)), "EnableDate": one.enabled} if one.user else {}) for one in found
    ], **more}


@iam.op(resource=by_serial, context=tags.request)
def tag_mfa_device(call: Call, req: t.TagMFADeviceRequest) -> None:
    tags.add(call, find(call, req["SerialNumber"]), req)


@iam.op(resource=by_serial, context=tags.request)
def untag_mfa_device(call: Call, req: t.UntagMFADeviceRequest) -> None:
    tags.remove(call, find(call, req["SerialNumber"]), req)


@iam.op(resource=by_serial)
def list_mfa_device_tags(call: Call, req: t.ListMFADeviceTagsRequest) -> t.ListMFADeviceTagsResponse:
    return tags.listed(req, find(call, req["SerialNumber"]).tags)
