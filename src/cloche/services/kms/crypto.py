"""Encrypting and decrypting with a key, and data keys that leave under it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from cloche.kernel import Call, Need

from . import ciphertext, errors, keys, outside, permission, specs, usage
from . import service as kms
from .keys import Key
from .material import open_, random_bytes

if TYPE_CHECKING:
    from cloche.shapes import kms as t

DATA_KEY = {"AES_128": 16, "AES_256": 32}
_OAEP = {"RSAES_OAEP_SHA_1": hashes.SHA1, "RSAES_OAEP_SHA_256": hashes.SHA256}


def _oaep(algorithm: str) -> padding.OAEP:
    kind = _OAEP[algorithm]
    return padding.OAEP(padding.MGF1(kind()), kind(), None)


def for_encryption(key: Key, operation: str, algorithm: str) -> None:
    if key.usage != "ENCRYPT_DECRYPT":
        raise errors.wrong_usage(key.arn, key.usage, operation)
    if algorithm not in specs.algorithms(key.spec, key.usage)["EncryptionAlgorithms"]:
        raise errors.wrong_algorithm(algorithm, key.spec)
    keys.usable(key)


def seal(call: Call, key: Key, plaintext: bytes, context: dict[str, str] | None, operation: str = "GenerateDataKey", service: str = "") -> bytes:
    """Plaintext under the key's current material. A key in an external store is asked at once: who can wait has `outside.Sealing`."""
    if key.store:
        return outside.Sealing(call, key, plaintext, context, operation, service).now()
    return ciphertext.write(key.account, key.id, key.material.id, open_(call, key.id, key.material), random_bytes(call, 12), plaintext, context)


def unseal(call: Call, key: Key, parsed: ciphertext.Parsed, context: dict[str, str] | None, service: str = "") -> bytes:
    if parsed.outside:
        return outside.Opening(call, key, parsed, context, "Decrypt", service).now()
    material = next((m for m in key.materials if m.id == parsed.material_id), None)
    if material is None:
        raise errors.bad_ciphertext()
    try:
        secret = open_(call, key.id, material)
    except InvalidTag:
        raise errors.bad_ciphertext() from None
    return ciphertext.read(parsed, secret, context)


def key_of(call: Call, blob: bytes) -> Key:
    """The key that a ciphertext names, if it can be seen from here."""
    parsed = ciphertext.parse(blob)
    key = call.at(parsed.account, call.region).get(Key, parsed.key_id)
    if key is None:
        raise errors.unreachable_ciphertext()
    return key


# -- encrypt and decrypt --------------------------------------------------------------------------------------------------


@kms.op(needs=permission.on_key("Encrypt", alias=True, encryption="EncryptionContext"))
def encrypt(call: Call, req: t.EncryptRequest) -> t.EncryptResponse:
    key, algorithm = keys.find(call, req["KeyId"], alias=True), req.get("EncryptionAlgorithm", "SYMMETRIC_DEFAULT")
    for_encryption(key, "Encrypt", algorithm)
    if req.get("DryRun"):
        raise errors.dry_run()
    said: Any = {"KeyId": key.arn, "EncryptionAlgorithm": algorithm}
    if key.store:
        return _when_sealed(call, key, req["Plaintext"], req.get("EncryptionContext"), "Encrypt", said)
    said["CiphertextBlob"] = _encrypt(call, key, algorithm, req["Plaintext"], req.get("EncryptionContext"))
    usage.note(call, key, "Encrypt")
    return said  # type: ignore[no-any-return]


async def _sealed(call: Call, key: Key, plaintext: bytes, context: dict[str, str] | None, operation: str, said: dict[str, Any]) -> dict[str, Any]:
    """The answer of an operation that a key outside must seal for."""
    said["CiphertextBlob"] = await outside.Sealing(call, key, plaintext, context, operation).later()
    usage.note(call, key, operation)
    return said


def _when_sealed(*about: Any) -> Any:
    """A plain handler returns this, since it must wait after all."""
    return _sealed(*about)


def _encrypt(call: Call, key: Key, algorithm: str, plaintext: bytes, context: dict[str, str] | None) -> bytes:
    if algorithm == "SYMMETRIC_DEFAULT":
        return seal(call, key, plaintext, context)
    public: Any = serialization.load_der_public_key(key.public)
    limit = specs.RSA[key.spec] // 8 - 2 * _OAEP[algorithm].digest_size - 2
    if len(plaintext) > limit:
        raise errors.invalid(f"Algorithm {algorithm} and key spec {key.spec} cannot encrypt data larger than {limit} bytes.")
    return public.encrypt(plaintext, _oaep(algorithm))  # type: ignore[no-any-return]


def _decryption(operation: str, key_member: str, context: str, algorithm: str) -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        key = _for_decryption(call, req.get("CiphertextBlob"), req.get(key_member), req.get(algorithm, "SYMMETRIC_DEFAULT"))
        return permission.need(call, key, operation, req.get(context))

    return needs


def _for_decryption(call: Call, blob: bytes | None, key_id: str | None, algorithm: str) -> Key:
    """The key to decrypt with: named by the request, by the ciphertext, or by both alike."""
    if not blob:
        raise errors.invalid("1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null")
    if algorithm != "SYMMETRIC_DEFAULT":
        if key_id is None:
            raise errors.invalid("Please specify a key ID: the ciphertext of an asymmetric key does not name it.")
        return keys.find(call, key_id, alias=True)
    given = keys.find(call, key_id, alias=True) if key_id is not None else None
    if given is not None and given.spec != "SYMMETRIC_DEFAULT":
        raise errors.wrong_algorithm(algorithm, given.spec)
    key = key_of(call, blob)
    if given is not None and given.id != key.id:
        raise errors.wrong_key()
    return key


@kms.op(needs=_decryption("Decrypt", "KeyId", "EncryptionContext", "EncryptionAlgorithm"), partly="answers for Nitro enclaves (Recipient) are not built")
def decrypt(call: Call, req: t.DecryptRequest) -> t.DecryptResponse:
    algorithm = req.get("EncryptionAlgorithm", "SYMMETRIC_DEFAULT")
    key = _for_decryption(call, req.get("CiphertextBlob"), req.get("KeyId"), algorithm)
    for_encryption(key, "Decrypt", algorithm)
    if req.get("DryRun"):
        raise errors.dry_run()
    out: Any = {"KeyId": key.arn, "EncryptionAlgorithm": algorithm}
    if key.store:
        return _opened(call, key, req, out)  # type: ignore[return-value]
    out["Plaintext"] = _decrypt(call, key, algorithm, req["CiphertextBlob"], req.get("EncryptionContext"))
    if algorithm == "SYMMETRIC_DEFAULT":
        out["KeyMaterialId"] = ciphertext.parse(req["CiphertextBlob"]).material_id
    usage.note(call, key, "Decrypt")
    return out  # type: ignore[no-any-return]


async def _opened(call: Call, key: Key, req: Any, out: dict[str, Any]) -> dict[str, Any]:
    out["Plaintext"] = await outside.Opening(call, key, ciphertext.parse(req["CiphertextBlob"]), req.get("EncryptionContext"), "Decrypt").later()
    usage.note(call, key, "Decrypt")
    return out


def _decrypt(call: Call, key: Key, algorithm: str, blob: bytes, context: dict[str, str] | None) -> bytes:
    if algorithm == "SYMMETRIC_DEFAULT":
        return unseal(call, key, ciphertext.parse(blob), context)
    private: Any = serialization.load_der_private_key(open_(call, key.id, key.material), None)
    try:
        return private.decrypt(blob, _oaep(algorithm))  # type: ignore[no-any-return]
    except ValueError:
        raise errors.bad_ciphertext() from None


def _re_encryption(call: Call, req: Any) -> list[Need]:
    source = _decryption("ReEncryptFrom", "SourceKeyId", "SourceEncryptionContext", "SourceEncryptionAlgorithm")(call, req)
    return [*source, *permission.on_key("ReEncryptTo", "DestinationKeyId", alias=True, encryption="DestinationEncryptionContext")(call, req)]


@kms.op(needs=_re_encryption)
def re_encrypt(call: Call, req: t.ReEncryptRequest) -> t.ReEncryptResponse:
    before, after = req.get("SourceEncryptionAlgorithm", "SYMMETRIC_DEFAULT"), req.get("DestinationEncryptionAlgorithm", "SYMMETRIC_DEFAULT")
    source = _for_decryption(call, req.get("CiphertextBlob"), req.get("SourceKeyId"), before)
    target = keys.find(call, req["DestinationKeyId"], alias=True)
    for_encryption(source, "ReEncrypt", before)
    for_encryption(target, "ReEncrypt", after)
    if req.get("DryRun"):
        raise errors.dry_run()
    said: Any = {"SourceKeyId": source.arn, "KeyId": target.arn, "SourceEncryptionAlgorithm": before, "DestinationEncryptionAlgorithm": after}
    if source.store or target.store:
        return _again_outside(call, source, target, req, before, after, said)  # type: ignore[return-value]
    plaintext = _decrypt(call, source, before, req["CiphertextBlob"], req.get("SourceEncryptionContext"))
    said["CiphertextBlob"] = _encrypt(call, target, after, plaintext, req.get("DestinationEncryptionContext"))
    for key in (source, target):
        usage.note(call, key, "ReEncrypt")
    return said  # type: ignore[no-any-return]


async def _again_outside(call: Call, source: Key, target: Key, req: Any, before: str, after: str, said: dict[str, Any]) -> dict[str, Any]:
    opened, closed = req.get("SourceEncryptionContext"), req.get("DestinationEncryptionContext")
    if source.store:
        plaintext = await outside.Opening(call, source, ciphertext.parse(req["CiphertextBlob"]), opened, "ReEncrypt").later()
    else:
        plaintext = _decrypt(call, source, before, req["CiphertextBlob"], opened)
    said["CiphertextBlob"] = await outside.Sealing(call, target, plaintext, closed, "ReEncrypt").later() if target.store else _encrypt(call, target, after, plaintext, closed)
    for key in (source, target):
        usage.note(call, key, "ReEncrypt")
    return said


# -- data keys ------------------------------------------------------------------------------------------------------------


def _data_key(call: Call, req: Any, operation: str) -> Any:
    key = keys.find(call, req["KeyId"], alias=True)
    if ("NumberOfBytes" in req) == ("KeySpec" in req):
        raise errors.one_of_size_and_spec()
    for_encryption(key, operation, "SYMMETRIC_DEFAULT")
    if req.get("DryRun"):
        raise errors.dry_run()
    plaintext, context = random_bytes(call, req.get("NumberOfBytes") or DATA_KEY[req["KeySpec"]]), req.get("EncryptionContext")
    said: Any = {"KeyId": key.arn, **({"Plaintext": plaintext} if operation == "GenerateDataKey" else {})}
    if key.store:
        return _when_sealed(call, key, plaintext, context, operation, said)
    said |= {"CiphertextBlob": seal(call, key, plaintext, context), "KeyMaterialId": key.material.id}
    usage.note(call, key, operation)
    return said


@kms.op(needs=permission.on_key("GenerateDataKey", alias=True, encryption="EncryptionContext"), partly="answers for Nitro enclaves (Recipient) are not built")
def generate_data_key(call: Call, req: t.GenerateDataKeyRequest) -> t.GenerateDataKeyResponse:
    return _data_key(call, req, "GenerateDataKey")  # type: ignore[no-any-return]


@kms.op(needs=permission.on_key("GenerateDataKeyWithoutPlaintext", alias=True, encryption="EncryptionContext"))
def generate_data_key_without_plaintext(call: Call, req: t.GenerateDataKeyWithoutPlaintextRequest) -> t.GenerateDataKeyWithoutPlaintextResponse:
    return _data_key(call, req, "GenerateDataKeyWithoutPlaintext")  # type: ignore[no-any-return]


@kms.op(lambda call, req: "*", partly="random bytes come from KMS, not from CloudHSM (CustomKeyStoreId is refused); Nitro enclaves are not built")
def generate_random(call: Call, req: t.GenerateRandomRequest) -> t.GenerateRandomResponse:
    if "NumberOfBytes" not in req:
        raise errors.invalid("NumberOfBytes is required.")
    if store := req.get("CustomKeyStoreId"):
        from .key_stores import find
        raise errors.unsupported(f"{find(call, store).id} is not an AWS CloudHSM key store.")
    return {"Plaintext": random_bytes(call, req["NumberOfBytes"])}
