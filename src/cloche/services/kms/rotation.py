"""Rotation: a key's new material encrypts, its old ones still decrypt."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import errors, keys, permission
from . import service as kms
from .material import make, random_bytes

if TYPE_CHECKING:
    from cloche.shapes import kms as t

ON_DEMAND_AT_MOST = 25


def _rotatable(key: keys.Key, imported: bool = False) -> None:
    """`imported`: material that was brought is no hindrance."""
    if key.spec != "SYMMETRIC_DEFAULT" or (key.origin != "AWS_KMS" and not imported) or key.primary or key.store:
        raise errors.unsupported(f"{key.arn} does not support rotation.")
    keys.not_pending(key)


@kms.op(needs=permission.on_key("EnableKeyRotation", context=lambda call, req: {"kms:RotationPeriodInDays": str(req.get("RotationPeriodInDays", 365))}))
def enable_key_rotation(call: Call, req: t.EnableKeyRotationRequest) -> None:
    key, days = keys.find(call, req["KeyId"]), req.get("RotationPeriodInDays", 365)
    keys.owned(key)
    _rotatable(key)
    keys.usable(key)
    due = call.now + days * keys.DAY
    keys.change(call, key, rotation_days=days, next_rotation=due)
    keys.home(call, key).due(due, rotate, key.id, id=key.id)


@kms.op(needs=permission.on_key("DisableKeyRotation"))
def disable_key_rotation(call: Call, req: t.DisableKeyRotationRequest) -> None:
    key = keys.find(call, req["KeyId"])
    keys.owned(key)
    _rotatable(key)
    keys.usable(key)
    keys.change(call, key, rotation_days=0, next_rotation=0)
    keys.home(call, key).cancel(rotate, key.id)


@kms.op(needs=permission.on_key("GetKeyRotationStatus"))
def get_key_rotation_status(call: Call, req: t.GetKeyRotationStatusRequest) -> t.GetKeyRotationStatusResponse:
    key = keys.find(call, req["KeyId"])
    if key.primary:  # rotation is the primary's, and the same everywhere
        key = call.at(key.account, key.primary).get(keys.Key, key.id) or key
    else:
        _rotatable(key, True)
    out: Any = {"KeyRotationEnabled": bool(key.rotation_days), "KeyId": key.id}
    if key.rotation_days:
        out |= {"RotationPeriodInDays": key.rotation_days, "NextRotationDate": key.next_rotation}
    return out  # type: ignore[no-any-return]


@kms.op(needs=permission.on_key("RotateKeyOnDemand"))
def rotate_key_on_demand(call: Call, req: t.RotateKeyOnDemandRequest) -> t.RotateKeyOnDemandResponse:
    key = keys.find(call, req["KeyId"])
    keys.owned(key)
    _rotatable(key, True)
    keys.usable(key)
    if key.origin == "EXTERNAL" and not (key.waiting and key.waiting.there):
        raise errors.nothing_to_rotate(key.arn)
    if sum(m.how == "ON_DEMAND" for m in key.materials) >= ON_DEMAND_AT_MOST:
        raise errors.too_many("On-demand rotation")
    if key.waiting:
        brought = msgspec.structs.replace(key.waiting, how="ON_DEMAND", created=call.now)
        keys.change(call, key, materials=(*key.materials, brought), waiting=None)
    else:
        _renew(call, key, "ON_DEMAND")
    return {"KeyId": key.arn}


def _renew(call: Call, key: keys.Key, how: str, **changes: Any) -> None:
    materials = (*key.materials, make(call, key.id, random_bytes(call, 32), how))
    keys.change(call, key, materials=materials, **changes)
    call.happened("RotateKey", keyId=key.id)
    for region in key.replicas:
        there = call.at(key.account, region)
        if replica := there.get(keys.Key, key.id):
            there.put(replica.but(materials=materials))


@kms.timer
def rotate(call: Call, id: str) -> None:
    key = call.get(keys.Key, id)
    if key is None or not key.rotation_days or key.state == "PendingDeletion":
        return
    due = call.now + key.rotation_days * keys.DAY
    _renew(call, key, "AUTOMATIC", next_rotation=due)
    keys.tell(call, key, "KMS CMK Rotation")
    call.due(due, rotate, id, id=id)


@kms.op(needs=permission.on_key("ListKeyRotations"))
def list_key_rotations(call: Call, req: t.ListKeyRotationsRequest) -> t.ListKeyRotationsResponse:
    key = keys.find(call, req["KeyId"])
    _rotatable(key, True)
    wanted = (*key.materials, *([key.waiting] if key.waiting else [])) if req.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL" else key.materials[1:]
    numbered = [(f"{i:06d}", m) for i, m in enumerate(wanted)]
    shown, more = keys.page(numbered, req, lambda pair: pair[0], 100)
    rotations: list[Any] = []
    for _, m in shown:
        state = "PENDING_ROTATION" if m is key.waiting else "CURRENT" if m is key.material else "NON_CURRENT"
        one: dict[str, Any] = {"KeyId": key.id, "KeyMaterialId": m.id, "KeyMaterialState": state}
        if key.origin == "EXTERNAL":
            one["ImportState"] = "IMPORTED" if m.there else "PENDING_IMPORT"
            if m.there:
                one["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if m.valid_to else "KEY_MATERIAL_DOES_NOT_EXPIRE"
            one |= ({"ValidTo": m.valid_to} if m.valid_to else {}) | ({"KeyMaterialDescription": m.description} if m.description else {})
        rotations.append(one | {"RotationDate": m.created, "RotationType": m.how} if m.how else one)
    out: Any = {"Rotations": rotations}
    return out | more
