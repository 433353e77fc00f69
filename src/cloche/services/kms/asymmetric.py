"""Signing, MACs, public keys and pairs of data keys."""
from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from cloche.kernel import Call

from . import crypto, errors, keys, outside, permission, specs, usage
from . import service as kms
from .material import open_

if TYPE_CHECKING:
    from cloche.shapes import kms as t

_HASH: dict[str, Any] = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def _for_use(key: keys.Key, usage: str, operation: str, algorithm: str = "", among: str = "") -> None:
    if key.usage != usage:
        raise errors.wrong_usage(key.arn, key.usage, operation)
    if algorithm and algorithm not in specs.algorithms(key.spec, key.usage)[among]:
        raise errors.wrong_algorithm(algorithm, key.spec)
    keys.usable(key)


@kms.op(needs=permission.on_key("GetPublicKey", alias=True))
def get_public_key(call: Call, req: t.GetPublicKeyRequest) -> t.GetPublicKeyResponse:
    key = keys.find(call, req["KeyId"], alias=True)
    if key.state == "PendingImport":
        keys.usable(key)
    if not key.public:
        raise errors.unsupported(f"{key.arn} is not an asymmetric key.")
    keys.usable(key)
    out: Any = {"KeyId": key.arn, "PublicKey": key.public, "CustomerMasterKeySpec": key.spec, "KeySpec": key.spec, "KeyUsage": key.usage}
    return out | specs.algorithms(key.spec, key.usage)


# -- agreement ------------------------------------------------------------------------------------------------------------


@kms.op(needs=permission.on_key("DeriveSharedSecret", alias=True, context=lambda call, req: {"kms:KeyAgreementAlgorithm": req["KeyAgreementAlgorithm"]}),
        partly="answers for Nitro enclaves (Recipient) are not built")
def derive_shared_secret(call: Call, req: t.DeriveSharedSecretRequest) -> t.DeriveSharedSecretResponse:
    """ECDH of the key's private half and somebody's public one: both sides come to the same bytes."""
    key = keys.find(call, req["KeyId"], alias=True)
    _for_use(key, "KEY_AGREEMENT", "DeriveSharedSecret", req["KeyAgreementAlgorithm"], "KeyAgreementAlgorithms")
    private: Any = serialization.load_der_private_key(open_(call, key.id, key.material), None)
    try:
        public: Any = serialization.load_der_public_key(req["PublicKey"])
        if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != private.curve.name:
            raise ValueError
    except (ValueError, UnsupportedAlgorithm):
        raise errors.invalid(f"The public key is not one of {key.spec}, DER-encoded as X.509 SubjectPublicKeyInfo.") from None
    if req.get("DryRun"):
        raise errors.dry_run()
    usage.note(call, key, "DeriveSharedSecret")
    out: Any = {"KeyId": key.arn, "SharedSecret": private.exchange(ec.ECDH(), public), "KeyAgreementAlgorithm": "ECDH", "KeyOrigin": key.origin}
    return out  # type: ignore[no-any-return]


# -- signatures -----------------------------------------------------------------------------------------------------------


def _scheme(algorithm: str, message: bytes, message_type: str) -> tuple[Any, ...]:
    """What to hand to sign() and verify() after the message: padding and hash, as the key's kind wants them."""
    if algorithm.startswith("ED25519"):
        if (message_type == "DIGEST") != algorithm.endswith("PH_SHA_512") or algorithm.endswith("PH_SHA_512"):
            raise errors.invalid(f"{algorithm} takes a RAW message; prehashed Ed25519 is not built in Cloche.")
        return ()
    kind = _HASH[algorithm.rpartition("_")[2]]()
    if message_type == "DIGEST":
        if len(message) != kind.digest_size:
            raise errors.invalid(f"Digest is invalid length for algorithm {algorithm}.")
        digest: Any = utils.Prehashed(kind)
    elif message_type == "RAW":
        digest = kind
    else:
        raise errors.invalid("MessageType EXTERNAL_MU is for ML-DSA keys.")
    if algorithm.startswith("ECDSA"):
        return (ec.ECDSA(digest),)
    if "PSS" in algorithm:
        return padding.PSS(padding.MGF1(kind), kind.digest_size), digest
    return padding.PKCS1v15(), digest


@kms.op(needs=permission.on_key("Sign", alias=True, context=lambda call, req: {"kms:SigningAlgorithm": req["SigningAlgorithm"], "kms:MessageType": req.get("MessageType", "RAW")}))
def sign(call: Call, req: t.SignRequest) -> t.SignResponse:
    key, algorithm = keys.find(call, req["KeyId"], alias=True), req["SigningAlgorithm"]
    _for_use(key, "SIGN_VERIFY", "Sign", algorithm, "SigningAlgorithms")
    scheme = _scheme(algorithm, req["Message"], req.get("MessageType", "RAW"))
    if req.get("DryRun"):
        raise errors.dry_run()
    private: Any = serialization.load_der_private_key(open_(call, key.id, key.material), None)
    usage.note(call, key, "Sign")
    return {"KeyId": key.arn, "Signature": private.sign(req["Message"], *scheme), "SigningAlgorithm": algorithm}


@kms.op(needs=permission.on_key("Verify", alias=True, context=lambda call, req: {"kms:SigningAlgorithm": req["SigningAlgorithm"], "kms:MessageType": req.get("MessageType", "RAW")}))
def verify(call: Call, req: t.VerifyRequest) -> t.VerifyResponse:
    key, algorithm = keys.find(call, req["KeyId"], alias=True), req["SigningAlgorithm"]
    _for_use(key, "SIGN_VERIFY", "Verify", algorithm, "SigningAlgorithms")
    scheme = _scheme(algorithm, req["Message"], req.get("MessageType", "RAW"))
    if req.get("DryRun"):
        raise errors.dry_run()
    public: Any = serialization.load_der_public_key(key.public)
    try:
        public.verify(req["Signature"], req["Message"], *scheme)
    except InvalidSignature:
        raise errors.bad_signature() from None
    usage.note(call, key, "Verify")
    return {"KeyId": key.arn, "SignatureValid": True, "SigningAlgorithm": algorithm}


# -- MACs -----------------------------------------------------------------------------------------------------------------


def _mac(call: Call, key: keys.Key, algorithm: str, message: bytes) -> bytes:
    return hmac.digest(open_(call, key.id, key.material), message, f"sha{algorithm.rpartition('_')[2]}")


@kms.op(needs=permission.on_key("GenerateMac", alias=True, context=lambda call, req: {"kms:MacAlgorithm": req["MacAlgorithm"]}))
def generate_mac(call: Call, req: t.GenerateMacRequest) -> t.GenerateMacResponse:
    key = keys.find(call, req["KeyId"], alias=True)
    _for_use(key, "GENERATE_VERIFY_MAC", "GenerateMac", req["MacAlgorithm"], "MacAlgorithms")
    if req.get("DryRun"):
        raise errors.dry_run()
    usage.note(call, key, "GenerateMac")
    return {"Mac": _mac(call, key, req["MacAlgorithm"], req["Message"]), "MacAlgorithm": req["MacAlgorithm"], "KeyId": key.arn}


@kms.op(needs=permission.on_key("VerifyMac", alias=True, context=lambda call, req: {"kms:MacAlgorithm": req["MacAlgorithm"]}))
def verify_mac(call: Call, req: t.VerifyMacRequest) -> t.VerifyMacResponse:
    key = keys.find(call, req["KeyId"], alias=True)
    _for_use(key, "GENERATE_VERIFY_MAC", "VerifyMac", req["MacAlgorithm"], "MacAlgorithms")
    if req.get("DryRun"):
        raise errors.dry_run()
    if not hmac.compare_digest(_mac(call, key, req["MacAlgorithm"], req["Message"]), req["Mac"]):
        raise errors.bad_mac()
    usage.note(call, key, "VerifyMac")
    return {"KeyId": key.arn, "MacValid": True, "MacAlgorithm": req["MacAlgorithm"]}


# -- pairs of data keys -----------------------------------------------------------------------------------------------------


async def _pair(call: Call, req: Any, operation: str) -> dict[str, Any]:
    key, spec = keys.find(call, req["KeyId"], alias=True), req["KeyPairSpec"]
    crypto.for_encryption(key, operation, "SYMMETRIC_DEFAULT")
    if spec not in specs.RSA and spec not in specs.CURVES and spec != "ECC_NIST_EDWARDS25519":
        raise errors.unsupported(f"Key pairs of spec {spec} are not built in Cloche.")
    if req.get("DryRun"):
        raise errors.dry_run()
    private, public = await asyncio.to_thread(specs.generate, spec, b"")
    context = req.get("EncryptionContext")
    blob = await outside.Sealing(call, key, private, context, operation).later() if key.store else crypto.seal(call, key, private, context)
    usage.note(call, key, operation)
    said = {"PrivateKeyCiphertextBlob": blob, "PrivateKeyPlaintext": private, "PublicKey": public, "KeyId": key.arn, "KeyPairSpec": spec}
    return said if key.store else said | {"KeyMaterialId": key.material.id}


def _pair_context(call: Call, req: Any) -> dict[str, Any]:
    return {"kms:DataKeyPairSpec": req["KeyPairSpec"]}


@kms.op(needs=permission.on_key("GenerateDataKeyPair", alias=True, encryption="EncryptionContext", context=_pair_context), partly="answers for Nitro enclaves (Recipient) are not built")
async def generate_data_key_pair(call: Call, req: t.GenerateDataKeyPairRequest) -> t.GenerateDataKeyPairResponse:
    return await _pair(call, req, "GenerateDataKeyPair")  # type: ignore[return-value]


@kms.op(needs=permission.on_key("GenerateDataKeyPairWithoutPlaintext", alias=True, encryption="EncryptionContext", context=_pair_context))
async def generate_data_key_pair_without_plaintext(call: Call, req: t.GenerateDataKeyPairWithoutPlaintextRequest) -> t.GenerateDataKeyPairWithoutPlaintextResponse:
    out = await _pair(call, req, "GenerateDataKeyPairWithoutPlaintext")
    del out["PrivateKeyPlaintext"]
    return out  # type: ignore[return-value]
