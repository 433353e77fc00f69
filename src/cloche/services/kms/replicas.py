"""Multi-Region keys: the same id and material in several regions. A primary makes replicas; everything else about them is their own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors, keys, permission
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t


def _context(call: Call, req: Any) -> dict[str, Any]:
    return {"kms:ReplicaRegion": req.get("ReplicaRegion", ""), "kms:PrimaryRegion": req.get("PrimaryRegion", "")}


@kms.op(needs=permission.on_key("ReplicateKey", context=_context))
def replicate_key(call: Call, req: t.ReplicateKeyRequest) -> t.ReplicateKeyResponse:
    key, region = keys.find(call, req["KeyId"]), req["ReplicaRegion"]
    if not key.multi_region or key.primary:
        raise errors.not_multi_region(key.arn)
    keys.usable(key)
    there = call.at(key.account, region)
    if region == key.region or there.get(keys.Key, key.id):
        raise AwsError("AlreadyExistsException", f"Key arn:aws:kms:{region}:{key.account}:key/{key.id} already exists.")
    policy = req.get("Policy") or keys.default_policy(key.account)
    permission.check_policy(there, f"arn:aws:kms:{region}:{key.account}:key/{key.id}", policy, req.get("BypassPolicyLockoutSafetyCheck", False))
    tags = {tag["TagKey"]: tag["TagValue"] for tag in req.get("Tags") or ()}
    external = key.origin == "EXTERNAL"
    replica = there.put(keys.Key(
        key.id, key.account, region, call.now, policy, key.spec, key.usage, "PendingImport" if external else "Enabled", origin=key.origin, description=req.get("Description", ""),
        multi_region=True, tags=tags, materials=() if external else key.materials, public=key.public, imported=key.imported, primary=key.region,
    ))
    keys.change(call, key, replicas=(*key.replicas, region))
    return {"ReplicaKeyMetadata": keys.describe(there, replica), "ReplicaPolicy": policy, "ReplicaTags": req.get("Tags") or []}


@kms.op(needs=permission.on_key("UpdatePrimaryRegion", context=_context))
def update_primary_region(call: Call, req: t.UpdatePrimaryRegionRequest) -> None:
    key, region = keys.find(call, req["KeyId"]), req["PrimaryRegion"]
    if not key.multi_region or key.primary:
        raise errors.not_multi_region(key.arn)
    there = call.at(key.account, region)
    chosen = there.get(keys.Key, key.id)
    if chosen is None or region == key.region:
        raise errors.no_key(f"arn:aws:kms:{region}:{key.account}:key/{key.id}")
    keys.usable(key)
    keys.usable(chosen)
    others = tuple(r for r in key.replicas if r != region)
    for name in others:
        place = call.at(key.account, name)
        if replica := place.get(keys.Key, key.id):
            place.put(replica.but(primary=region))
    there.put(chosen.but(primary="", replicas=(*others, key.region), rotation_days=key.rotation_days, next_rotation=key.next_rotation))
    keys.change(call, key, primary=region, replicas=(), rotation_days=0, next_rotation=0)
    from . import rotation

    call.cancel(rotation.rotate, key.id)
    if key.rotation_days:
        there.due(key.next_rotation, rotation.rotate, key.id, id=key.id)
