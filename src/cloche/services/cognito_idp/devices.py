"""Devices that are remembered: after a sign-in a client gets a device key, keeps a password of its own for it and proves it by SRP the next time, in the place of a second factor."""
from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import challenges, errors, paging, pools, sessions, srp, tokens, users
from . import service as cognito
from .challenges import Attempt
from .pools import Pool
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_device (pool TEXT NOT NULL, key TEXT NOT NULL, device TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (pool, key, device)) WITHOUT ROWID;
""")


class Device(msgspec.Struct, frozen=True, omit_defaults=True):
    id: str
    group: str
    created: float
    modified: float
    used: float
    salt: str = ""               # hexadecimal; empty until the client has confirmed the device
    verifier: str = ""
    name: str = ""
    address: str = ""
    remembered: bool = False

    def but(self, **changes: Any) -> Device:
        return msgspec.structs.replace(self, **changes)


def put(call: Call, user: User, device: Device) -> None:
    call.sql("INSERT OR REPLACE INTO cognito_device VALUES (?,?,?,?)", user.pool, user.key, device.id, msgspec.msgpack.encode(device))


def get(call: Call, user: User, id_: str) -> Device | None:
    row = call.row("SELECT body FROM cognito_device WHERE pool = ? AND key = ? AND device = ?", user.pool, user.key, id_)
    return msgspec.msgpack.decode(row[0], type=Device) if row else None


def find(call: Call, user: User, id_: str) -> Device:
    if device := get(call, user, id_):
        return device
    raise errors.missing("Device does not exist.")


def fresh(call: Call, pool: Pool, user: User) -> dict[str, str] | None:
    """What a sign-in from a new device is told, if the pool tracks devices."""
    if not pool.values.get("DeviceConfiguration"):
        return None
    device = Device(f"{call.region}_{call.uuid()}", f"-{call.id(digits=8)}", call.now, call.now, call.now, address=call.source_ip or "")
    put(call, user, device)
    return {"DeviceKey": device.id, "DeviceGroupKey": device.group}


def known(attempt: Attempt, user: User, id_: str) -> Device | None:
    """The device of a sign-in, if it is one that is remembered."""
    if not id_ or not attempt.pool.values.get("DeviceConfiguration"):
        return None
    device = get(attempt.call, user, id_)
    return device if device and device.remembered and device.verifier else None


# -- the proof -----------------------------------------------------------------------------------------------------------------------------

async def srp_begun(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    """DEVICE_SRP_AUTH: the client's half; the server's is the next challenge."""
    device = known(attempt, user, given.get("DEVICE_KEY", ""))
    try:
        a = int(given.get("SRP_A", ""), 16)
    except ValueError:
        a = 0
    if device is None or device.id != body["device"] or a % srp.N == 0:
        raise errors.wrong_password()
    challenges.step_over(attempt, token)
    call = attempt.call
    kept, secret = srp.Verifier(device.salt, device.verifier), int.from_bytes(base64.urlsafe_b64decode(call.secret(48)), "big")
    block = base64.b64encode(call.secret(600).encode()).decode()
    with call.step():
        sessions.begin(call, attempt.client, "DEVICE_PASSWORD_VERIFIER", user.key, token=block, a=f"{a:x}", secret=f"{secret:x}", device=device.id, source=body["source"])
    return {"ChallengeName": "DEVICE_PASSWORD_VERIFIER", "ChallengeParameters": {
        "SALT": device.salt, "SECRET_BLOCK": block, "SRP_B": f"{srp.public(kept, secret):x}", "DEVICE_KEY": device.id, "USERNAME": user.name}}


async def proven(attempt: Attempt, user: User, given: dict[str, str], token: str, body: dict[str, Any]) -> Any:
    """DEVICE_PASSWORD_VERIFIER: as a user's own, with group and device in the place of pool and name."""
    challenges.step_over(attempt, token)
    device, stamp = known(attempt, user, body["device"]), given.get("TIMESTAMP", "")
    if device is None or not challenges.TIMESTAMP.fullmatch(stamp):
        raise errors.wrong_password()
    key = srp.key(srp.Verifier(device.salt, device.verifier), int(body["a"], 16), int(body["secret"], 16))
    made = srp.signature(key, device.group, device.id, base64.b64decode(token), stamp)
    if not hmac.compare_digest(made.encode(), given.get("PASSWORD_CLAIM_SIGNATURE", "").encode()):
        raise errors.wrong_password()
    with attempt.call.step():
        put(attempt.call, user, device.but(used=attempt.call.now))
    return await challenges.finish(attempt._replace(device=device.id, proven=True), user, body["source"])


challenges.ANSWERS |= {"DEVICE_SRP_AUTH": srp_begun, "DEVICE_PASSWORD_VERIFIER": proven}


# -- what people and administrators do about devices -------------------------------------------------------------------------------------------

@cognito.op(unsigned=True)
def confirm_device(call: Call, req: t.ConfirmDeviceRequest) -> t.ConfirmDeviceResponse:
    there, pool, _, user, _ = tokens.enter(call, req["AccessToken"])
    config = pool.values.get("DeviceConfiguration")
    if not config:
        raise errors.parameter("Device tracking is not enabled for the user pool.")
    device, proof = find(there, user, req["DeviceKey"]), req.get("DeviceSecretVerifierConfig") or {}
    if device.verifier:
        raise errors.parameter("Device is already confirmed.")
    try:
        salt, verifier = (base64.b64decode(proof.get(name, ""), validate=True).hex() for name in ("Salt", "PasswordVerifier"))
    except (binascii.Error, ValueError):
        salt = verifier = ""
    if not salt or not verifier:
        raise errors.parameter("Invalid device secret verifier config.")
    ask = bool(config.get("DeviceOnlyRememberedOnUserPrompt"))
    put(there, user, device.but(salt=salt, verifier=verifier, name=req.get("DeviceName", ""), remembered=not ask, modified=call.now))
    return {"UserConfirmationNecessary": ask}


def shown(device: Device) -> Any:
    said = {"device_status": "valid" if device.verifier else "invalid", "device_name": device.name, "dev:device_remembered_status": "remembered" if device.remembered else "not_remembered",
            "last_ip_used": device.address}
    return {"DeviceKey": device.id, "DeviceAttributes": [{"Name": k, "Value": v} for k, v in said.items() if v], "DeviceCreateDate": device.created, "DeviceLastModifiedDate": device.modified,
            "DeviceLastAuthenticatedDate": device.used}


def whose(call: Call, req: Any) -> User:
    return users.find(call, pools.find(call, req["UserPoolId"]), req["Username"])


def listed(call: Call, user: User, req: Any) -> Any:
    limit = req.get("Limit") or 60
    rows = call.sql("SELECT device, body FROM cognito_device WHERE pool = ? AND key = ? AND device > ? ORDER BY device LIMIT ?", user.pool, user.key,
                    paging.after(req.get("PaginationToken"), "PaginationToken"), limit + 1)
    answer: dict[str, Any] = {"Devices": [shown(msgspec.msgpack.decode(body, type=Device)) for _, body in rows[:limit]]}
    return answer | ({"PaginationToken": paging.token(rows[limit - 1][0])} if len(rows) > limit else {})


def marked(call: Call, user: User, req: Any) -> None:
    device = find(call, user, req["DeviceKey"])
    put(call, user, device.but(remembered=req.get("DeviceRememberedStatus") == "remembered", modified=call.now))


def forgotten(call: Call, user: User, id_: str) -> None:
    find(call, user, id_)
    call.sql("DELETE FROM cognito_device WHERE pool = ? AND key = ? AND device = ?", user.pool, user.key, id_)


@cognito.op(unsigned=True)
def get_device(call: Call, req: t.GetDeviceRequest) -> t.GetDeviceResponse:
    there, _, _, user, _ = tokens.enter(call, req.get("AccessToken", ""))
    return {"Device": shown(find(there, user, req["DeviceKey"]))}


@cognito.op(unsigned=True)
def list_devices(call: Call, req: t.ListDevicesRequest) -> t.ListDevicesResponse:
    there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
    return listed(there, user, req)  # type: ignore[no-any-return]


@cognito.op(unsigned=True)
def update_device_status(call: Call, req: t.UpdateDeviceStatusRequest) -> t.UpdateDeviceStatusResponse:
    there, _, _, user, _ = tokens.enter(call, req["AccessToken"])
    marked(there, user, req)
    return {}


@cognito.op(unsigned=True)
def forget_device(call: Call, req: t.ForgetDeviceRequest) -> None:
    there, _, _, user, _ = tokens.enter(call, req.get("AccessToken", ""))
    forgotten(there, user, req["DeviceKey"])


@cognito.op(resource=pools.by_id)
def admin_get_device(call: Call, req: t.AdminGetDeviceRequest) -> t.AdminGetDeviceResponse:
    return {"Device": shown(find(call, whose(call, req), req["DeviceKey"]))}


@cognito.op(resource=pools.by_id)
def admin_list_devices(call: Call, req: t.AdminListDevicesRequest) -> t.AdminListDevicesResponse:
    return listed(call, whose(call, req), req)  # type: ignore[no-any-return]


@cognito.op(resource=pools.by_id)
def admin_update_device_status(call: Call, req: t.AdminUpdateDeviceStatusRequest) -> t.AdminUpdateDeviceStatusResponse:
    marked(call, whose(call, req), req)
    return {}


@cognito.op(resource=pools.by_id)
def admin_forget_device(call: Call, req: t.AdminForgetDeviceRequest) -> None:
    forgotten(call, whose(call, req), req["DeviceKey"])
