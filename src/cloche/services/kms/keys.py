"""Keys: what one is, where it is found, and its life from Enabled to deleted.

A key is found by id, ARN, alias or alias ARN; an ARN may lead into another account, where the key's own policy decides.
"""
from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsEvent, Call, Record

from . import errors, permission, specs
from . import service as kms
from .material import Material, make, random_bytes

if TYPE_CHECKING:
    from cloche.shapes import kms as t

DAY = 86400
MAX_TAGS = 50


class Key(Record, frozen=True):
    kind = "kms.key"

    id: str
    account: str
    region: str
    created: float
    policy: str
    spec: str = "SYMMETRIC_DEFAULT"
    usage: str = "ENCRYPT_DECRYPT"
    state: str = "Enabled"
    manager: str = "CUSTOMER"
    origin: str = "AWS_KMS"
    description: str = ""
    multi_region: bool = False
    deletion: float = 0
    rotation_days: int = 0  # 0: no automatic rotation
    next_rotation: float = 0
    tags: dict[str, str] = {}
    materials: tuple[Material, ...] = ()
    grants: tuple[str, ...] = ()  # ids of Grant records
    public: bytes = b""  # DER, of an asymmetric key
    imported: str = ""  # id of the material that a key of origin EXTERNAL once got: no other will do
    waiting: Material | None = None  # brought, and to be the material at the next rotation
    primary: str = ""  # of a replica: the region of its primary
    replicas: tuple[str, ...] = ()  # of a primary: the regions of its replicas
    waiting_days: int = 30  # of a primary in PendingReplicaDeletion
    store: str = ""  # the custom key store it is in
    external: str = ""  # the name of its other half there

    @property
    def key(self) -> str:
        return self.id

    @property
    def arn(self) -> str:
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.id}"

    @property
    def complete(self) -> bool:
        """All material that it ever encrypted with is there."""
        return bool(self.materials) and all(m.there for m in self.materials)

    @property
    def material(self) -> Material:
        return self.materials[-1]


class Alias(Record, frozen=True):
    kind = "kms.alias"

    name: str
    target: str
    created: float
    updated: float

    @property
    def key(self) -> str:
        return self.name


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|mrk-[0-9a-f]{32}")


def find(call: Call, text: str, alias: bool = False) -> Key:
    """The key that the text names. `alias`: the operation takes aliases as well."""
    place, rest = call, text
    if text.startswith("arn:"):
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[2] != "kms" or parts[3] != call.region:
            raise errors.bad_arn(parts[3] if len(parts) == 6 and parts[2] == "kms" else text)
        place, rest = call.at(parts[4], call.region), parts[5]
        if rest.startswith("key/"):
            rest = rest[4:]
        elif not rest.startswith("alias/"):
            raise errors.bad_arn(text)
    if rest.startswith("alias/"):
        if not alias:
            raise errors.bad_key_id(text)
        rest = _target(place, rest)
    elif not _UUID.fullmatch(rest):
        raise errors.bad_key_id(text)
    key = place.get(Key, rest)
    if key is None:
        raise errors.no_key(f"arn:aws:kms:{call.region}:{place.account}:key/{rest}")
    return key


def _target(place: Call, name: str) -> str:
    found = place.get(Alias, name)
    if found is not None:
        return found.target
    if name.startswith("alias/aws/") and name[10:] in specs.MANAGED:
        return managed(place, name[10:]).id
    raise errors.no_alias(place.arn(name, service="kms"))


def home(call: Call, key: Key) -> Call:
    """The call in the account that owns the key."""
    return call if key.account == call.account else call.at(key.account, key.region)


def change(call: Call, key: Key, **changes: Any) -> Key:
    return home(call, key).put(key.but(**changes))


def tell(call: Call, key: Key, what: str) -> None:
    """EventBridge hears of what happens to a key without anybody asking."""
    call.emit(AwsEvent("aws.kms", what, {"key-id": key.id}, [key.arn]))


def usable(key: Key) -> None:
    if key.state == "Disabled":
        raise errors.disabled(key.arn)
    if key.state != "Enabled":
        raise errors.bad_state(key.arn, key.state)


def not_pending(key: Key) -> None:
    if key.state in ("PendingDeletion", "PendingReplicaDeletion"):
        raise errors.bad_state(key.arn, key.state)


def owned(key: Key) -> None:
    """AWS's own keys are not the customer's to change."""
    if key.manager == "AWS":
        raise errors.unsupported(f"{key.arn} is an AWS managed key.")


def default_policy(account: str) -> str:
    root = {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}
    return msgspec.json.encode({"Version": "2012-10-17", "Id": "key-default-1", "Statement": [root]}).decode()


def managed(call: Call, name: str) -> Key:
    """AWS's own key for one of its services (`alias/aws/s3`); made when it is first asked for."""
    alias = call.get(Alias, f"alias/aws/{name}")
    if alias is not None:
        return call.get(Key, alias.target)  # type: ignore[return-value]
    via = {"StringEquals": {"kms:CallerAccount": call.account, "kms:ViaService": f"{specs.MANAGED[name]}.{call.region}.amazonaws.com"}}
    use = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]
    look = ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"]
    statements = [
        {"Sid": "Allow access through the service for all principals in the account that are authorized to use it", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": use,
         "Resource": "*", "Condition": via},
        {"Sid": "Allow direct access to key metadata to the account", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{call.account}:root"}, "Action": look, "Resource": "*"},
    ]
    policy = msgspec.json.encode({"Version": "2012-10-17", "Id": f"auto-{name}-1", "Statement": statements}).decode()
    id_ = call.uuid()
    with call.step():
        key = call.put(Key(
            id_, call.account, call.region, call.now, policy, manager="AWS", description=f"Default key that protects my data when no other key is defined ({name})",
            rotation_days=365, next_rotation=call.now + 365 * DAY, materials=(make(call, id_, random_bytes(call, 32)),),
        ))
        call.put(Alias(f"alias/aws/{name}", id_, call.now, call.now))
    return key


# -- operations ---------------------------------------------------------------------------------------------------------


def _creation(call: Call, req: Any) -> dict[str, Any]:
    tags = {tag["TagKey"]: tag["TagValue"] for tag in req.get("Tags") or ()}
    return {
        "kms:KeySpec": req.get("KeySpec") or req.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT", "kms:KeyUsage": req.get("KeyUsage", "ENCRYPT_DECRYPT"),
        "kms:KeyOrigin": req.get("Origin", "AWS_KMS"), "kms:MultiRegion": req.get("MultiRegion", False), "kms:CallerAccount": call.principal.account,
        "kms:BypassPolicyLockoutSafetyCheck": req.get("BypassPolicyLockoutSafetyCheck", False), "aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()},
    }


@kms.op(lambda call, req: "*", context=_creation, partly="SM2, ML-DSA and ML-KEM keys are not built; there is no CloudHSM to make keys in")
async def create_key(call: Call, req: t.CreateKeyRequest) -> t.CreateKeyResponse:
    spec = req.get("KeySpec") or req.get("CustomerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    usage = specs.usage(spec, req.get("KeyUsage"))
    origin = req.get("Origin", "AWS_KMS")
    store = req.get("CustomKeyStoreId", "")
    external = await _in_store(call, req, origin, spec)
    tags = {tag["TagKey"]: tag["TagValue"] for tag in req.get("Tags") or ()}
    if call.reserves(tags):
        raise errors.bad_tag("User-defined tag keys cannot start with aws:.")
    if len(tags) > MAX_TAGS:
        raise errors.too_many("Tag")
    multi = req.get("MultiRegion", False)
    id_ = call.id("mrk-", 32) if multi else call.uuid()
    arn = call.arn(f"key/{id_}")
    policy = req.get("Policy") or default_policy(call.account)
    permission.check_policy(call, arn, policy, req.get("BypassPolicyLockoutSafetyCheck", False) or not req.get("Policy"))  # AWS's own locks nobody out
    own = origin in ("AWS_KMS", "EXTERNAL_KEY_STORE")
    if origin == "EXTERNAL":
        secret, public = b"", b""
    elif spec.startswith("RSA"):
        secret, public = await asyncio.to_thread(specs.generate, spec, b"")  # hundreds of milliseconds: not on the loop
    else:
        secret, public = specs.generate(spec, random_bytes(call, specs.HMAC_BYTES.get(spec, 32)))
    with call.step():
        _only_one(call, store, external)     # others may have come while the proxy was asked
        key = call.put(Key(
            id_, call.account, call.region, call.now, policy, spec, usage, description=req.get("Description", ""), multi_region=multi, tags=tags,
            materials=(make(call, id_, secret),) if own else (), public=public, origin=origin, state="Enabled" if own else "PendingImport", store=store, external=external,
        ))
    return {"KeyMetadata": describe(call, key)}


async def _in_store(call: Call, req: Any, origin: str, spec: str) -> str:
    """The name of the key's other half in an external key store, which must be there and fit; "" for others."""
    from . import key_stores, proxy

    id_, external = req.get("CustomKeyStoreId"), req.get("XksKeyId")
    if not id_:
        if external or origin in ("AWS_CLOUDHSM", key_stores.EXTERNAL):
            raise errors.key_store_needed(origin)
        return ""
    store = key_stores.find(call, id_)
    if origin != key_stores.EXTERNAL:
        raise errors.invalid(f"The custom key store {id_} takes keys of origin {key_stores.EXTERNAL} only.")
    if not external:
        raise errors.invalid(f"XksKeyId is required for keys of origin {key_stores.EXTERNAL}.")
    if spec != "SYMMETRIC_DEFAULT" or req.get("MultiRegion"):
        raise errors.unsupported("Keys in custom key stores are symmetric encryption keys of one Region.")
    if store.state != "CONNECTED":
        raise errors.bad_store_state(store.id, store.state)
    _only_one(call, id_, external)
    try:
        await proxy.metadata(call, store, external, "CreateKey")
    except proxy.Failed as failed:
        raise failed.of_key() from None
    return str(external)


def _only_one(call: Call, store: str, external: str) -> None:
    if external and any(one.store == store and one.external == external for one in call.all(Key)):
        raise errors.external_key_used(external)


def describe(call: Call, key: Key) -> t.KeyMetadata:
    out: Any = {
        "AWSAccountId": key.account, "KeyId": key.id, "Arn": key.arn, "CreationDate": key.created, "Enabled": key.state == "Enabled", "Description": key.description,
        "KeyUsage": key.usage, "KeyState": key.state, "Origin": key.origin, "KeyManager": key.manager, "CustomerMasterKeySpec": key.spec, "KeySpec": key.spec,
        "MultiRegion": key.multi_region, **specs.algorithms(key.spec, key.usage),
    }
    if key.store:
        from .key_stores import KeyStore
        out |= {"CustomKeyStoreId": key.store, "XksKeyConfiguration": {"Id": key.external}}
        place = home(call, key).get(KeyStore, key.store)
        if key.state == "Enabled" and (place is None or place.state != "CONNECTED"):
            out |= {"KeyState": "Unavailable", "Enabled": False}
    elif key.spec == "SYMMETRIC_DEFAULT" and key.materials:
        out["CurrentKeyMaterialId"] = key.material.id
    if key.deletion:
        out["DeletionDate"] = key.deletion
    if key.origin == "EXTERNAL" and key.complete:
        until = min((m.valid_to for m in key.materials if m.valid_to), default=0.0)
        out["ExpirationModel"] = "KEY_MATERIAL_EXPIRES" if until else "KEY_MATERIAL_DOES_NOT_EXPIRE"
        if until:
            out["ValidTo"] = until
    if key.multi_region:
        first = call.at(key.account, key.primary).get(Key, key.id) if key.primary else key
        regions = [{"Arn": f"arn:aws:kms:{region}:{key.account}:key/{key.id}", "Region": region} for region in (first.replicas if first else ())]
        out["MultiRegionConfiguration"] = {
            "MultiRegionKeyType": "REPLICA" if key.primary else "PRIMARY", "PrimaryKey": {"Arn": first.arn if first else key.arn, "Region": key.primary or key.region},
            "ReplicaKeys": regions,
        }
    return out  # type: ignore[no-any-return]


@kms.op(needs=permission.on_key("DescribeKey", alias=True))
def describe_key(call: Call, req: t.DescribeKeyRequest) -> t.DescribeKeyResponse:
    return {"KeyMetadata": describe(call, find(call, req["KeyId"], alias=True))}


@kms.op(lambda call, req: "*")
def list_keys(call: Call, req: t.ListKeysRequest) -> t.ListKeysResponse:
    keys = sorted(call.all(Key), key=lambda k: k.id)
    shown, more = page(keys, req, lambda k: k.id, 100)
    out: Any = {"Keys": [{"KeyId": k.id, "KeyArn": k.arn} for k in shown]}
    return out | more


def page(found: list[Any], req: Any, key: Any, default: int) -> tuple[list[Any], dict[str, Any]]:
    """A page of an ordered list; the marker is the last key shown."""
    after = req.get("Marker")
    if after is not None:
        found = [one for one in found if key(one) > after]
    limit = req.get("Limit") or default
    if len(found) > limit:
        return found[:limit], {"NextMarker": key(found[limit - 1]), "Truncated": True}
    return found, {"Truncated": False}


@kms.op(needs=permission.on_key("UpdateKeyDescription"))
def update_key_description(call: Call, req: t.UpdateKeyDescriptionRequest) -> None:
    key = find(call, req["KeyId"])
    owned(key)
    not_pending(key)
    change(call, key, description=req["Description"])


@kms.op(needs=permission.on_key("EnableKey"))
def enable_key(call: Call, req: t.EnableKeyRequest) -> None:
    key = find(call, req["KeyId"])
    owned(key)
    if key.state not in ("Enabled", "Disabled"):
        raise errors.bad_state(key.arn, key.state)
    change(call, key, state="Enabled")


@kms.op(needs=permission.on_key("DisableKey"))
def disable_key(call: Call, req: t.DisableKeyRequest) -> None:
    key = find(call, req["KeyId"])
    owned(key)
    if key.state not in ("Enabled", "Disabled"):
        raise errors.bad_state(key.arn, key.state)
    change(call, key, state="Disabled")


def _window(call: Call, req: Any) -> dict[str, Any]:
    return {"kms:ScheduleKeyDeletionPendingWindowInDays": str(req.get("PendingWindowInDays", 30))}


@kms.op(needs=permission.on_key("ScheduleKeyDeletion", context=_window))
def schedule_key_deletion(call: Call, req: t.ScheduleKeyDeletionRequest) -> t.ScheduleKeyDeletionResponse:
    key, days = find(call, req["KeyId"]), req.get("PendingWindowInDays", 30)
    owned(key)
    if not 7 <= days <= 30:
        raise errors.invalid(f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value {'greater' if days < 7 else 'less'} than or equal to {7 if days < 7 else 30}")
    not_pending(key)
    if key.replicas:  # a primary outlives its replicas; its window begins when the last is gone
        change(call, key, state="PendingReplicaDeletion", waiting_days=days)
        return {"KeyId": key.arn, "KeyState": "PendingReplicaDeletion", "PendingWindowInDays": days}
    due = call.now + days * DAY
    key = change(call, key, state="PendingDeletion", deletion=due)
    home(call, key).due(due, delete, key.id, id=key.id)
    return {"KeyId": key.arn, "DeletionDate": due, "KeyState": key.state, "PendingWindowInDays": days}


@kms.op(needs=permission.on_key("CancelKeyDeletion"))
def cancel_key_deletion(call: Call, req: t.CancelKeyDeletionRequest) -> t.CancelKeyDeletionResponse:
    key = find(call, req["KeyId"])
    if key.state not in ("PendingDeletion", "PendingReplicaDeletion"):
        raise errors.not_pending(key.arn)
    home(call, key).cancel(delete, key.id)
    change(call, key, state="Disabled" if key.complete else "PendingImport", deletion=0)
    return {"KeyId": key.arn}


@kms.timer
def delete(call: Call, id: str) -> None:
    """The material goes with the record: from here on its ciphertexts are noise. Aliases go along."""
    from . import usage
    from .grants import Grant

    key = call.get(Key, id)
    if key is None or key.state != "PendingDeletion":
        return
    for alias in call.all(Alias):
        if alias.target == id:
            call.delete(alias)
    for grant_id in key.grants:
        if grant := call.get(Grant, grant_id):
            call.delete(grant)
    call.delete(key)
    usage.forget(call, key)
    tell(call, key, "KMS CMK Deletion")
    call.happened("DeleteKey", keyId=key.id)
    if key.primary:
        _lost_a_replica(call.at(key.account, key.primary), key)


def _lost_a_replica(there: Call, replica: Key) -> None:
    first = there.get(Key, replica.id)
    if first is None:
        return
    first = first.but(replicas=tuple(r for r in first.replicas if r != replica.region))
    if first.state == "PendingReplicaDeletion" and not first.replicas:
        due = there.now + first.waiting_days * DAY
        first = first.but(state="PendingDeletion", deletion=due)
        there.due(due, delete, first.id, id=first.id)
    there.put(first)
