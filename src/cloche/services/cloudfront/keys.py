"""Public keys, and groups of them that a behaviour trusts: who holds the private key of one may sign URLs and cookies. Field-level encryption uses them too."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call

from . import errors, things
from . import service as cloudfront
from .things import Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

MOST_IN_GROUP = 5


def trusted(config: dict[str, Any]) -> set[str]:
    return {id_ for one in things.behaviours(config) for id_ in things.items(one.get("TrustedKeyGroups"))}


KEY = Noun("public-key", "public key", "PublicKey", "PublicKey", 10, "TooManyPublicKeys", arns=False)
GROUP = Noun("key-group", "key group", "Resource", "KeyGroup", 10, "TooManyKeyGroups", arns=False, used=trusted, uuid=True)


def read(text: str) -> Any:
    """The key in a PEM text: RSA of 2048 bits, or ECDSA on P-256."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    try:
        key = serialization.load_pem_public_key(text.encode())
    except (ValueError, TypeError):
        raise errors.invalid("Your request contains empty/invalid/out of limits RSA Encoded Key") from None
    if isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise errors.invalid("Your request contains empty/invalid/out of limits RSA Encoded Key")


def key(thing: Thing) -> dict[str, Any]:
    return {"Id": thing.id, "CreatedTime": thing.created, "PublicKeyConfig": thing.config}


@cloudfront.op(ANY)
def create_public_key(call: Call, req: t.CreatePublicKeyRequest) -> t.CreatePublicKeyResult:
    config = req["PublicKeyConfig"]
    read(config["EncodedKey"])
    made = things.make(call, KEY, {"Comment": "", **config}, "K" + call.pick(things.LETTERS, 13))
    return things.answer(KEY, made, key(made), True)


@cloudfront.op(ANY)
def get_public_key(call: Call, req: t.GetPublicKeyRequest) -> t.GetPublicKeyResult:
    found = things.find(call, KEY, req["Id"])
    return things.answer(KEY, found, key(found))


@cloudfront.op(ANY)
def get_public_key_config(call: Call, req: t.GetPublicKeyConfigRequest) -> t.GetPublicKeyConfigResult:
    return things.config_of(KEY, things.find(call, KEY, req["Id"]))


@cloudfront.op(ANY)
def list_public_keys(call: Call, req: t.ListPublicKeysRequest) -> t.ListPublicKeysResult:
    def short(one: Thing) -> dict[str, Any]:
        return {"Id": one.id, "CreatedTime": one.created, "Name": one.name, "EncodedKey": one.config["EncodedKey"], "Comment": one.config["Comment"]}
    return {"PublicKeyList": things.listed(req, things.every(call, KEY), short)}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def update_public_key(call: Call, req: t.UpdatePublicKeyRequest) -> t.UpdatePublicKeyResult:
    old, new = things.find(call, KEY, req["Id"]).config, req["PublicKeyConfig"]
    if any(old[name] != new[name] for name in ("CallerReference", "Name", "EncodedKey")):  # type: ignore[literal-required]
        raise errors.said("CannotChangeImmutablePublicKeyFields", "You can't change the value of a public key.")
    changed = things.change(call, KEY, req, {"Comment": "", **new})
    return things.answer(KEY, changed, key(changed))


@cloudfront.op(ANY)
def delete_public_key(call: Call, req: t.DeletePublicKeyRequest) -> None:
    from .field_encryption import PROFILE
    found = things.locked(things.find(call, KEY, req["Id"]), req)
    if any(found.id in one.config["Items"] for one in things.every(call, GROUP)) or any(
            found.id == entity["PublicKeyId"] for one in things.every(call, PROFILE) for entity in things.items(one.config["EncryptionEntities"])):
        raise errors.said("PublicKeyInUse", "The specified public key is in use.")
    call.delete(found)


# -- groups -----------------------------------------------------------------------------------------------------------------------

def checked(call: Call, config: Any) -> dict[str, Any]:
    if len(config["Items"]) > MOST_IN_GROUP:
        raise errors.too_many("TooManyPublicKeysInKeyGroup", "public keys in a key group")
    if not config["Items"] or any(call.get(Thing, f"{KEY.path}/{id_}") is None for id_ in config["Items"]):
        raise errors.invalid("The parameter PublicKeys contains a public key that does not exist.")
    return config  # type: ignore[no-any-return]


def named_once(call: Call, config: dict[str, Any], id_: str) -> None:
    if any(one.name == config["Name"] and one.id != id_ for one in things.every(call, GROUP)):
        raise errors.taken("KeyGroupAlreadyExists", "A key group")


@cloudfront.op(ANY)
def create_key_group(call: Call, req: t.CreateKeyGroupRequest) -> t.CreateKeyGroupResult:
    config = checked(call, req["KeyGroupConfig"])
    named_once(call, config, "")
    return things.answer(GROUP, things.make(call, GROUP, config, by=""), made=True)


@cloudfront.op(ANY)
def get_key_group(call: Call, req: t.GetKeyGroupRequest) -> t.GetKeyGroupResult:
    return things.answer(GROUP, things.find(call, GROUP, req["Id"]))


@cloudfront.op(ANY)
def get_key_group_config(call: Call, req: t.GetKeyGroupConfigRequest) -> t.GetKeyGroupConfigResult:
    return things.config_of(GROUP, things.find(call, GROUP, req["Id"]))


@cloudfront.op(ANY)
def list_key_groups(call: Call, req: t.ListKeyGroupsRequest) -> t.ListKeyGroupsResult:
    return {"KeyGroupList": things.listed(req, things.every(call, GROUP), lambda one: {"KeyGroup": things.shown(GROUP, one)})}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def update_key_group(call: Call, req: t.UpdateKeyGroupRequest) -> t.UpdateKeyGroupResult:
    config = checked(call, req["KeyGroupConfig"])
    named_once(call, config, req["Id"])
    return things.answer(GROUP, things.change(call, GROUP, req, config))


@cloudfront.op(ANY)
def delete_key_group(call: Call, req: t.DeleteKeyGroupRequest) -> None:
    thing = things.locked(things.find(call, GROUP, req["Id"]), req)
    if things.users(call, GROUP, thing.id):
        raise errors.said("ResourceInUse", "Cannot delete this resource because it is in use.")
    call.delete(thing)


def keys_of(call: Call, group: str) -> list[str]:
    """The ids of a group's keys."""
    found = call.get(Thing, f"{GROUP.path}/{group}")
    return list(found.config["Items"]) if found else []
