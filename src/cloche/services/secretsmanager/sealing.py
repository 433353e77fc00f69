"""Values under lock and key: each version has its own data key, made by KMS for the caller and bound to the secret's ARN and the version."""
from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloche.kernel import AwsError, Call
from cloche.services.kms import public as kms

from . import errors
from .records import Secret, home

OWN_KEY = "alias/aws/secretsmanager"
ONCE = bytes(12)                                       # a data key seals one value only

Value = str | bytes


def _bound(secret: Secret, version: str) -> dict[str, str]:
    return {"SecretARN": secret.arn, "SecretVersionId": version}


def _trouble(error: AwsError, otherwise: AwsError) -> AwsError:
    return errors.kms_denied() if error.code == "AccessDeniedException" else otherwise


def put(call: Call, secret: Secret, version: str, key_id: str, value: Value) -> None:
    here = home(call, secret)
    if not key_id and call.principal.account != secret.account:
        raise errors.default_key_is_ours()
    try:
        plain, under_key = kms.data_key(here, key_id or OWN_KEY, _bound(secret, version))
    except AwsError as error:
        raise _trouble(error, errors.cannot_encrypt()) from None
    body = b"s" + value.encode() if isinstance(value, str) else b"b" + value
    call.sql("INSERT OR REPLACE INTO secret_value VALUES (?,?,?,?)", secret.arn, version, under_key, AESGCM(plain).encrypt(ONCE, body, None))


def get(call: Call, secret: Secret, version: str) -> Value | None:
    """The value as the caller's rights on the key let it be read; None if the version has none yet."""
    row = call.row("SELECT data_key, sealed FROM secret_value WHERE arn=? AND version=?", secret.arn, version)
    if row is None:
        return None
    if call.principal.account != secret.account and not secret.versions[version].key:
        raise errors.default_key_is_ours()
    try:
        body = AESGCM(kms.decrypt(home(call, secret), row[0], _bound(secret, version))).decrypt(ONCE, row[1], None)
    except AwsError as error:
        raise _trouble(error, errors.cannot_decrypt()) from None
    except InvalidTag:
        raise errors.cannot_decrypt() from None
    return body[1:].decode() if body[:1] == b"s" else body[1:]


def drop(call: Call, secret: Secret, version: str = "") -> None:
    """Forget a value, or all of a secret's."""
    if version:
        call.sql("DELETE FROM secret_value WHERE arn=? AND version=?", secret.arn, version)
    else:
        call.sql("DELETE FROM secret_value WHERE arn=?", secret.arn)
