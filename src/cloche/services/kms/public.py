"""What other services do with keys, for their caller: the key's policy and grants are asked about the call's principal, `kms:ViaService` being the service.

    kms.encrypt(call, "alias/aws/ssm", b"...", {"PARAMETER_ARN": arn})    -> blob

What they keep in quantity lies under data keys, and those lie beside it under the key itself: envelopes. A data key is remembered in memory
for each of its users as long as the service says; until then KMS is not asked, so a key that is disabled, or a permission that is taken away, is
noticed after that time at the latest.

    key = kms.sealing_key(call, queue_key, context, queue.number, 300)    -> kms.seal(call, key.cipher, raw), key.wrapped
    kms.unseal(kms.opening_key(call, wrapped, context, 300), sealed)      -> raw
"""
from __future__ import annotations

from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloche.kernel import AwsError, Call

from . import ciphertext, crypto, keys, permission, usage
from .material import random_bytes


def find(call: Call, key_id: str) -> keys.Key:
    """The key (id, ARN, alias or alias ARN); AWS's own keys appear when first named."""
    return keys.find(call.of("kms"), key_id, alias=True)


def _ask(call: Call, key: keys.Key, operation: str, context: dict[str, str] | None) -> Call:
    inside = call.of("kms")
    permission.require(inside, key, operation, context, via=_name(call))
    return inside


def _name(call: Call) -> str:
    """The service that asks."""
    return str(call.service.iam or call.service.name)


def encrypt(call: Call, key_id: str, plaintext: bytes, context: dict[str, str] | None = None) -> bytes:
    key = find(call, key_id)
    inside = _ask(call, key, "Encrypt", context)
    crypto.for_encryption(key, "Encrypt", "SYMMETRIC_DEFAULT")
    return _used(call, inside, key, "Encrypt", context, crypto.seal(inside, key, plaintext, context, "Encrypt", _name(call)))


def decrypt(call: Call, blob: bytes, context: dict[str, str] | None = None, ask: bool = True) -> bytes:
    key = crypto.key_of(call.of("kms"), blob)
    inside = _ask(call, key, "Decrypt", context) if ask else call.of("kms")
    crypto.for_encryption(key, "Decrypt", "SYMMETRIC_DEFAULT")
    return _used(call, inside, key, "Decrypt", context, crypto.unseal(inside, key, ciphertext.parse(blob), context, _name(call)))


def _used(call: Call, inside: Call, key: keys.Key, operation: str, context: dict[str, str] | None, result: bytes) -> bytes:
    """CloudTrail hears of it as of a request that the service made for its caller."""
    told: dict[str, Any] = {"KeyId": key.arn, **({"EncryptionContext": context} if context else {}), **({"KeySpec": "AES_256"} if operation == "GenerateDataKey" else {})}
    usage.note(inside, key, operation, f"{_name(call)}.amazonaws.com", told)
    return result


def data_key(call: Call, key_id: str, context: dict[str, str] | None = None, length: int = 32) -> tuple[bytes, bytes]:
    """(plaintext, the same under the key)."""
    key = find(call, key_id)
    inside = _ask(call, key, "GenerateDataKey", context)
    crypto.for_encryption(key, "GenerateDataKey", "SYMMETRIC_DEFAULT")
    plaintext = random_bytes(inside, length)
    return plaintext, _used(call, inside, key, "GenerateDataKey", context, crypto.seal(inside, key, plaintext, context, service=_name(call)))


def grant(call: Call, key_id: str, service: str, operations: list[str], constraints: dict[str, Any] | None = None) -> str:
    """The caller (kms:CreateGrant) lets a service go on by itself ("dynamodb.amazonaws.com"); the same grant again is the same."""
    from . import grants
    key = find(call, key_id)
    inside = _ask(call, key, "CreateGrant", None)
    req: Any = {"KeyId": key.id if key.account == inside.account else key.arn, "GranteePrincipal": service, "Operations": operations, "Name": f"{service}/{constraints}"[:256]}
    return grants.create_grant(inside, req | ({"Constraints": constraints} if constraints else {}))["GrantId"]


def retire(call: Call, key_id: str, service: str, constraints: dict[str, Any]) -> None:
    """The service needs what it was granted no more. Nobody is asked, and it is no matter if the key is gone."""
    from . import grants
    try:
        key = find(call, key_id)
    except AwsError:
        return
    inside = call.of("kms")
    for id_ in key.grants:
        one = keys.home(inside, key).get(grants.Grant, id_)
        if one is not None and one.grantee == service and one.constraints == constraints:
            grants.end(inside, key, id_)
            return


def is_usable(call: Call, key_id: str) -> bool:
    """Is there such a key, and is it enabled? Nobody is asked."""
    try:
        keys.usable(find(call, key_id))
    except AwsError:
        return False
    return True


def key_arn(call: Call, key_id: str) -> str | None:
    """The ARN of a key, or None if there is none such. Nobody is asked."""
    try:
        return find(call, key_id).arn
    except AwsError:
        return None


# -- envelopes ------------------------------------------------------------------------------------------------------------

NONCE = 12
REMEMBERED = 1000


class DataKey(NamedTuple):
    until: float
    cipher: AESGCM
    wrapped: bytes  # the data key under the KMS key


def sealing_key(call: Call, key_id: str, context: dict[str, str], place: Any, seconds: float) -> DataKey:
    """A data key to seal with: this user's of this place, or a new one when its time is up (kms:GenerateDataKey)."""
    kept: dict[Any, DataKey] = call.cloud.memory.setdefault("kms.sealing_keys", {})
    who = (call.principal.arn, call.service.name, place, key_id)
    found = kept.get(who)
    if found is None or found.until <= call.now:
        plain, wrapped = data_key(call, key_id, context)
        found = _remember(kept, who, DataKey(call.now + seconds, AESGCM(plain), wrapped))
    return found


def opening_key(call: Call, wrapped: bytes, context: dict[str, str], seconds: float, ask: bool = True) -> AESGCM:
    """A data key as it was wrapped, opened for this user (kms:Decrypt). Not `ask`: for somebody who was asked about when it was sealed."""
    kept: dict[Any, DataKey] = call.cloud.memory.setdefault("kms.opening_keys", {})
    who = (call.principal.arn, call.service.name, wrapped, ask)
    found = kept.get(who)
    if found is None or found.until <= call.now:
        found = _remember(kept, who, DataKey(call.now + seconds, AESGCM(decrypt(call, wrapped, context, ask)), wrapped))
    return found.cipher


def _remember(kept: dict[Any, DataKey], who: Any, key: DataKey) -> DataKey:
    if len(kept) >= REMEMBERED:
        kept.clear()
    kept[who] = key
    return key


def seal(call: Call, cipher: AESGCM, raw: bytes) -> bytes:
    nonce = random_bytes(call, NONCE)
    return nonce + cipher.encrypt(nonce, raw, None)


def unseal(cipher: AESGCM, sealed: bytes) -> bytes:
    return cipher.decrypt(sealed[:NONCE], sealed[NONCE:], None)
