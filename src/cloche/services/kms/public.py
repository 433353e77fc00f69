"""What other services do with keys, for their caller: the key's policy and grants are asked about the call's principal, `kms:ViaService` being the service.

    kms.encrypt(call, "alias/aws/ssm", b"...", {"PARAMETER_ARN": arn})    -> blob
"""
from __future__ import annotations

from cloche.kernel import AwsError, Call

from . import ciphertext, crypto, keys, permission
from .material import random_bytes


def find(call: Call, key_id: str) -> keys.Key:
    """The key (id, ARN, alias or alias ARN); AWS's own keys appear when first named."""
    return keys.find(call.of("kms"), key_id, alias=True)


def _ask(call: Call, key: keys.Key, operation: str, context: dict[str, str] | None) -> Call:
    inside = call.of("kms")
    via = call.service.iam or call.service.name
    permission.require(inside, key, operation, context, via=via)
    return inside


def encrypt(call: Call, key_id: str, plaintext: bytes, context: dict[str, str] | None = None) -> bytes:
    key = find(call, key_id)
    inside = _ask(call, key, "Encrypt", context)
    crypto.for_encryption(key, "Encrypt", "SYMMETRIC_DEFAULT")
    return crypto.seal(inside, key, plaintext, context)


def decrypt(call: Call, blob: bytes, context: dict[str, str] | None = None) -> bytes:
    key = crypto.key_of(call.of("kms"), blob)
    inside = _ask(call, key, "Decrypt", context)
    crypto.for_encryption(key, "Decrypt", "SYMMETRIC_DEFAULT")
    return crypto.unseal(inside, key, ciphertext.parse(blob), context)


def data_key(call: Call, key_id: str, context: dict[str, str] | None = None, length: int = 32) -> tuple[bytes, bytes]:
    """(plaintext, the same under the key)."""
    key = find(call, key_id)
    inside = _ask(call, key, "GenerateDataKey", context)
    crypto.for_encryption(key, "GenerateDataKey", "SYMMETRIC_DEFAULT")
    plaintext = random_bytes(inside, length)
    return plaintext, crypto.seal(inside, key, plaintext, context)


def key_arn(call: Call, key_id: str) -> str | None:
    """The ARN of a key, or None if there is none such. Nobody is asked."""
    try:
        return find(call, key_id).arn
    except AwsError:
        return None
