"""Imported key material: brought wrapped under a key that KMS made for the purpose, perhaps only for a while.

A material's id is its digest, so that the same bytes brought again open what they sealed before. A symmetric key takes new material beside the old:
it waits until the key is rotated on demand. Other keys take one for ever.
"""
from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from cloche.kernel import Call, Record

from . import errors, keys, permission, specs
from . import service as kms
from .material import InvalidTag, Material, random_bytes, seal, unseal

if TYPE_CHECKING:
    from cloche.shapes import kms as t

TOKEN_SECONDS = 86400
_HASH: dict[str, Any] = {"1": hashes.SHA1, "256": hashes.SHA256}


class Wrapping(Record, frozen=True):
    """An import that was asked for: the private half of the key that wraps it, sealed."""

    kind = "kms.wrapping"

    token: str
    key_id: str
    algorithm: str
    sealed: bytes
    until: float

    @property
    def key(self) -> str:
        return self.token


def _external(call: Call, req: Any) -> keys.Key:
    key = keys.find(call, req["KeyId"])
    if key.origin != "EXTERNAL":
        raise errors.wrong_origin(key.arn, key.origin)
    keys.not_pending(key)
    return key


def _wrapping_context(call: Call, req: Any) -> dict[str, Any]:
    return {"kms:WrappingAlgorithm": req["WrappingAlgorithm"], "kms:WrappingKeySpec": req["WrappingKeySpec"]}


@kms.op(needs=permission.on_key("GetParametersForImport", context=_wrapping_context), partly="the deprecated RSAES_PKCS1_V1_5 and SM2 wrappings are not built")
async def get_parameters_for_import(call: Call, req: t.GetParametersForImportRequest) -> t.GetParametersForImportResponse:
    key, algorithm, spec = _external(call, req), req["WrappingAlgorithm"], req["WrappingKeySpec"]
    if spec not in specs.RSA or not algorithm.startswith(("RSAES_OAEP_", "RSA_AES_KEY_WRAP_")):
        raise errors.unsupported(f"{algorithm} under {spec} is not built in Cloche.")
    private, public = await asyncio.to_thread(specs.generate, spec, b"")
    token, until = random_bytes(call, 48).hex(), call.now + TOKEN_SECONDS
    with call.step():
        call.put(Wrapping(token, key.id, algorithm, seal(call, private, f"import/{token}"), until))
        call.due(until, forget, token, token=token)
    return {"KeyId": key.arn, "ImportToken": token.encode(), "PublicKey": public, "ParametersValidTo": until}


@kms.timer
def forget(call: Call, token: str) -> None:
    if found := call.get(Wrapping, token):
        call.delete(found)


def _import_context(call: Call, req: Any) -> dict[str, Any]:
    out: dict[str, Any] = {"kms:ExpirationModel": req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES")}
    return out | {"kms:ValidTo": req["ValidTo"]} if "ValidTo" in req else out


@kms.op(needs=permission.on_key("ImportKeyMaterial", context=_import_context), partly="new material for multi-Region keys that have replicas is not built")
def import_key_material(call: Call, req: t.ImportKeyMaterialRequest) -> t.ImportKeyMaterialResponse:
    key = _external(call, req)
    expires = req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES"
    if expires != ("ValidTo" in req):
        raise errors.invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES" if expires else "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
    if expires and not call.now < req["ValidTo"] <= call.now + 365 * keys.DAY:
        raise errors.invalid("The validTo date must be in the future and within 365 days.")
    known = {m.id for m in (*key.materials, *([key.waiting] if key.waiting else []))} | ({key.imported} - {""})
    new = req.get("ImportType", "EXISTING_KEY_MATERIAL" if known else "NEW_KEY_MATERIAL") == "NEW_KEY_MATERIAL"
    if new and req.get("KeyMaterialId"):
        raise errors.invalid("You cannot specify a KeyMaterialId with the ImportType NEW_KEY_MATERIAL.")
    if key.spec != "SYMMETRIC_DEFAULT" and any(name in req for name in ("ImportType", "KeyMaterialId", "KeyMaterialDescription")):
        raise errors.invalid("ImportType, KeyMaterialId and KeyMaterialDescription can be used with symmetric encryption keys only.")
    secret = _unwrapped(call, key, req)
    id_ = hashlib.sha256(key.id.encode() + secret).hexdigest()
    public = specs.imported(key.spec, secret)
    if public is None or (known and id_ not in known and not new) or (new and id_ in known) or req.get("KeyMaterialId", id_) != id_:
        raise errors.wrong_material()
    if new and known and (key.replicas or key.primary):
        raise errors.unsupported("New material for a multi-Region key with replicas is not built in Cloche.")
    if new and key.waiting and key.waiting.there:
        raise errors.several_materials(key.arn)
    old = next((m for m in (*key.materials, *([key.waiting] if key.waiting else [])) if m.id == id_), None)
    material = Material(id_, seal(call, secret, f"{key.id}/{id_}"), call.now, old.how if old else "", req.get("KeyMaterialDescription", old.description if old else ""), req.get("ValidTo", 0))
    if (new and known) or (key.waiting and key.waiting.id == id_):
        key = keys.change(call, key, waiting=material)
    else:
        materials = tuple(material if m.id == id_ else m for m in key.materials) if old else (*key.materials, material)
        key = keys.change(call, key, materials=materials, public=public, imported=key.imported or id_)
        keys.change(call, key, state="Enabled" if key.state == "PendingImport" and key.complete else key.state)
    place = keys.home(call, key)
    place.cancel(expire, f"{key.id}/{id_}")
    if expires:
        place.due(req["ValidTo"], expire, f"{key.id}/{id_}", id=key.id, material=id_)
    return {"KeyId": key.arn, "KeyMaterialId": id_}


def _unwrapped(call: Call, key: keys.Key, req: Any) -> bytes:
    wrapping = call.get(Wrapping, req["ImportToken"].decode("ascii", "replace"))
    if wrapping is None or wrapping.key_id != key.id:
        raise errors.bad_import_token()
    if wrapping.until <= call.now:
        raise errors.expired_import_token()
    try:
        private: Any = serialization.load_der_private_key(unseal(call, wrapping.sealed, f"import/{wrapping.token}"), None)
        kind = _HASH[wrapping.algorithm.rpartition("_")[2]]
        oaep = padding.OAEP(padding.MGF1(kind()), kind(), None)
        blob = req["EncryptedKeyMaterial"]
        if wrapping.algorithm.startswith("RSAES_OAEP_"):
            return private.decrypt(blob, oaep)  # type: ignore[no-any-return]
        size = private.key_size // 8
        return keywrap.aes_key_unwrap_with_padding(private.decrypt(blob[:size], oaep), blob[size:])
    except (ValueError, InvalidTag, keywrap.InvalidUnwrap):
        raise errors.bad_ciphertext() from None


@kms.timer
def expire(call: Call, id: str, material: str = "") -> None:
    key = call.get(keys.Key, id)
    if key is not None:
        _wipe(call, key, material or key.imported)
        keys.tell(call, key, "KMS Imported Key Material Expiration")


def _wipe(call: Call, key: keys.Key, id_: str) -> None:
    """Its bytes go, its id stays: whatever it encrypted opens again once the same bytes are brought again."""
    call.cancel(expire, f"{key.id}/{id_}")
    if key.waiting and key.waiting.id == id_:
        call.put(key.but(waiting=msgspec.structs.replace(key.waiting, sealed=b"", valid_to=0)))
        return
    gone = tuple(msgspec.structs.replace(m, sealed=b"", valid_to=0) if m.id == id_ else m for m in key.materials)
    call.put(key.but(materials=gone, state="PendingImport" if key.state in ("Enabled", "Disabled") else key.state))


@kms.op(needs=permission.on_key("DeleteImportedKeyMaterial"))
def delete_imported_key_material(call: Call, req: t.DeleteImportedKeyMaterialRequest) -> t.DeleteImportedKeyMaterialResponse:
    key = _external(call, req)
    id_ = req.get("KeyMaterialId") or (key.material.id if key.materials else "")
    if req.get("KeyMaterialId") and id_ not in {m.id for m in (*key.materials, *([key.waiting] if key.waiting else []))}:
        raise errors.no_material(id_)
    if id_:
        _wipe(keys.home(call, key), key, id_)
    return {"KeyId": key.arn, "KeyMaterialId": id_} if id_ else {"KeyId": key.arn}
