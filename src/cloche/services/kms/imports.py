"""Imported key material: brought wrapped under a key that KMS made for the purpose, perhaps only for a while.

A key takes one material for ever: its id is its digest, so that the same bytes brought again open what they sealed before.
"""
from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

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


@kms.op(needs=permission.on_key("ImportKeyMaterial", context=_import_context), partly="ImportType NEW_KEY_MATERIAL, the rotation of imported keys, is not built")
def import_key_material(call: Call, req: t.ImportKeyMaterialRequest) -> t.ImportKeyMaterialResponse:
    key = _external(call, req)
    expires = req.get("ExpirationModel", "KEY_MATERIAL_EXPIRES") == "KEY_MATERIAL_EXPIRES"
    if expires != ("ValidTo" in req):
        raise errors.invalid("A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES" if expires else "A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE")
    if expires and not call.now < req["ValidTo"] <= call.now + 365 * keys.DAY:
        raise errors.invalid("The validTo date must be in the future and within 365 days.")
    if req.get("ImportType") == "NEW_KEY_MATERIAL" and key.imported:
        raise errors.unsupported("New material for an imported key is not built in Cloche.")
    secret = _unwrapped(call, key, req)
    id_ = hashlib.sha256(key.id.encode() + secret).hexdigest()
    public = specs.imported(key.spec, secret)
    if public is None or (key.imported and key.imported != id_):
        raise errors.wrong_material()
    place = keys.home(call, key)
    material = Material(id_, seal(call, secret, f"{key.id}/{id_}"), call.now)
    keys.change(call, key, materials=(material,), public=public, imported=id_, valid_to=req.get("ValidTo", 0), state="Enabled" if key.state == "PendingImport" else key.state)
    place.cancel(expire, key.id)
    if expires:
        place.due(req["ValidTo"], expire, key.id, id=key.id)
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
def expire(call: Call, id: str) -> None:
    key = call.get(keys.Key, id)
    if key is not None:
        _wipe(call, key)
        keys.tell(call, key, "KMS Imported Key Material Expiration")


def _wipe(call: Call, key: keys.Key) -> None:
    call.put(key.but(materials=(), valid_to=0, state="PendingImport" if key.state in ("Enabled", "Disabled") else key.state))


@kms.op(needs=permission.on_key("DeleteImportedKeyMaterial"))
def delete_imported_key_material(call: Call, req: t.DeleteImportedKeyMaterialRequest) -> t.DeleteImportedKeyMaterialResponse:
    key = _external(call, req)
    place = keys.home(call, key)
    place.cancel(expire, key.id)
    _wipe(place, key)
    return {"KeyId": key.arn, "KeyMaterialId": key.imported} if key.imported else {"KeyId": key.arn}
