"""How objects are sealed: SSE-S3 unless said otherwise, KMS keys of the same region, keys of the customer's own.

KMS is asked for a data key at each write and to open it at each read, in the caller's name: who may not use the key cannot read, and a
disabled key closes its objects. Under it the bytes are really sealed on disk (`cipher.py`), and so under a customer's own key, of which only a
salted digest is kept. SSE-S3, the default, leaves them to the rights of the data directory: sealing them under a key that lies beside them would
only cost. SSE-C is blocked in new buckets (April 2026) until PutBucketEncryption unblocks it.
"""
from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find
from .cipher import Cipher
from .rows import About, Version

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

DEFAULT = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False, "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]}
ASKED = ("ServerSideEncryption", "SSEKMSKeyId", "SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5", "SSEKMSEncryptionContext", "BucketKeyEnabled")
WRITERS = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id")
CUSTOMER = ("SSECustomerAlgorithm", "SSECustomerKey", "SSECustomerKeyMD5")


def rule_of(bucket: Bucket) -> dict[str, Any]:
    return bucket.settings.get("encryption", DEFAULT)["Rules"][0]


def seal(call: Call, bucket: Bucket, req: Any, about: About, arn: str) -> Cipher | None:
    """Decide how a new version is sealed, and write it into what is known about it."""
    if "encryption" not in bucket.settings and not any(member in req for member in ASKED):
        return None
    if any(member in req for member in CUSTOMER):
        if "ServerSideEncryption" in req:
            raise errors.argument("Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
                                  "x-amz-server-side-encryption", req["ServerSideEncryption"])
        if "SSE-C" in (rule_of(bucket).get("BlockedEncryptionTypes") or DEFAULT["Rules"][0]["BlockedEncryptionTypes"]).get("EncryptionType", []):
            raise errors.access_denied("User is not authorized to perform this action: server-side encryption with customer-provided keys (SSE-C) is blocked on this bucket")
        key = customer_key(req)
        about.sse, about.customer_md5 = "", req["SSECustomerKeyMD5"]
        about.customer, about.nonce = _salted(key, call.id(digits=16)), _nonce(call)
        return Cipher(_derived(key, about), about.nonce)
    default = rule_of(bucket).get("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    algorithm, key_id = req.get("ServerSideEncryption"), req.get("SSEKMSKeyId")
    if algorithm is None and key_id is not None:
        raise errors.argument("The encryption method specified is not supported", "x-amz-server-side-encryption-aws-kms-key-id", key_id) if default["SSEAlgorithm"] == "AES256" else errors.invalid("")
    if algorithm is None:
        algorithm, key_id = default["SSEAlgorithm"], default.get("KMSMasterKeyID")
    elif algorithm == "AES256" and key_id is not None:
        raise errors.argument("The encryption method specified is not supported", "x-amz-server-side-encryption-aws-kms-key-id", key_id)
    elif algorithm not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise errors.argument("The encryption method specified is not supported", "x-amz-server-side-encryption", algorithm)
    elif key_id is None and algorithm == default["SSEAlgorithm"]:
        key_id = default.get("KMSMasterKeyID")
    about.sse = algorithm
    if algorithm == "AES256":
        return None
    about.bucket_key = bool(req.get("BucketKeyEnabled", rule_of(bucket).get("BucketKeyEnabled", False)))
    about.kms_context = _context(arn, bucket, about, req)
    about.kms_key, about.sealed, key = _data_key(call, bucket, key_id or "alias/aws/s3", about.kms_context)
    about.nonce = _nonce(call)
    return Cipher(key, about.nonce)


def as_sealed(about: About, before: About) -> None:
    """What is already on disk was sealed as `before` says."""
    for name in ("sse", "kms_key", "bucket_key", "sealed", "kms_context", "customer", "customer_md5", "nonce"):
        setattr(about, name, getattr(before, name))


def _nonce(call: Call) -> bytes:
    return bytes.fromhex(call.id(digits=16))


def _derived(key: bytes, about: About) -> bytes:
    """The customer's key is not used for bytes itself: each version has a key of its own."""
    return hmac.digest(key, b"cloche s3 object " + about.customer.partition(":")[0].encode(), "sha256")


def _context(arn: str, bucket: Bucket, about: About, req: Any) -> dict[str, str]:
    context = {"aws:s3:arn": bucket.arn if about.bucket_key else arn}
    if (text := req.get("SSEKMSEncryptionContext")) is not None:
        try:
            more = json.loads(b64decode(text, validate=True))
        except ValueError:
            raise errors.argument("The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON with the encryption context key-value pairs",
                                  "x-amz-server-side-encryption-context", text) from None
        context = more | context
    return context


def check_read(headers: dict[str, str]) -> None:
    """How the server seals is no business of a read: only a customer's key comes with one."""
    for name in WRITERS:
        if name in headers:
            raise errors.argument(f"{name} header is not supported for this operation.", name, headers[name])


def unseal(call: Call, bucket: Bucket, v: Version, req: Any, members: tuple[str, ...] = CUSTOMER) -> None:
    """Give the version what opens its bytes. Raises unless the caller can."""
    v.cipher = opened(call, bucket, v.about, req, members)


def opened(call: Call, bucket: Bucket, about: About, req: Any, members: tuple[str, ...] = CUSTOMER) -> Cipher | None:
    if about.customer:
        if not any(member in req for member in members):
            raise errors.invalid("The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.")
        key = customer_key({plain: req[member] for plain, member in zip(CUSTOMER, members, strict=True) if member in req})
        if not hmac.compare_digest(_salted(key, about.customer.partition(":")[0]), about.customer):
            raise errors.access_denied()
        return _cipher(_derived(key, about), about)
    if any(member in req for member in members):
        raise errors.invalid("The encryption parameters are not applicable to this object.")
    if about.sealed:
        from cloche.services.kms import public as kms
        with _as_s3_says():
            return _cipher(kms.decrypt(_beside(call, bucket), about.sealed, about.kms_context), about)
    return None


def _cipher(key: bytes, about: About) -> Cipher | None:
    return Cipher(key, about.nonce, tuple((number, size) for number, size, _ in about.parts)) if about.nonce else None


def _beside(call: Call, bucket: Bucket) -> Call:
    """The caller, where the bucket is: keys of other regions do not count."""
    return call.at(call.principal.account or bucket.owner, bucket.region)


def _data_key(call: Call, bucket: Bucket, key_id: str, context: dict[str, str]) -> tuple[str, bytes, bytes]:
    from cloche.services.kms import public as kms
    there = _beside(call, bucket)
    with _as_s3_says():
        key, sealed = kms.data_key(there, key_id, context)
        return kms.key_arn(there, key_id) or key_id, sealed, key


@contextmanager
def _as_s3_says() -> Iterator[None]:
    """What KMS refuses, under the names that S3 gives it."""
    try:
        yield
    except AwsError as error:
        if error.code.startswith("AccessDenied"):
            raise errors.access_denied(error.message) from None
        raise AwsError("KMS." + error.code, error.message) from None


def customer_key(req: Any) -> bytes:
    """The customer's key, if what came with it fits."""
    algorithm, text, md5 = (req.get(member) for member in CUSTOMER)
    if algorithm is None:
        raise errors.argument("Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
                              "x-amz-server-side-encryption", "null")
    if algorithm != "AES256":
        raise AwsError("InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid. Supported value: AES256.",
                       extra={"ArgumentName": "x-amz-server-side-encryption-customer-algorithm", "ArgumentValue": algorithm})
    if text is None:
        raise errors.argument("Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
                              "x-amz-server-side-encryption", "null")
    if md5 is None:
        raise errors.argument("Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
                              "x-amz-server-side-encryption", "null")
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise errors.argument("The secret key was invalid for the specified algorithm.", "x-amz-server-side-encryption", "null")
    if b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode() != md5:
        raise errors.argument("The calculated MD5 hash of the key did not match the hash that was provided.", "x-amz-server-side-encryption", "null")
    return key


def _salted(key: bytes, salt: str) -> str:
    return f"{salt}:{hashlib.sha256(salt.encode() + key).hexdigest()}"


def shown(about: About) -> dict[str, Any]:
    """The members of an answer that say how a version is sealed."""
    if about.customer:
        return {"SSECustomerAlgorithm": "AES256", "SSECustomerKeyMD5": about.customer_md5}
    if about.sse == "AES256":
        return {"ServerSideEncryption": "AES256"}
    return {"ServerSideEncryption": about.sse, "SSEKMSKeyId": about.kms_key} | ({"BucketKeyEnabled": True} if about.bucket_key else {})


# --- the bucket's default -----------------------------------------------------------------------------------------------------

@s3.op(needs=on_bucket("s3:PutEncryptionConfiguration"))
def put_bucket_encryption(call: Call, req: t.PutBucketEncryptionRequest) -> None:
    bucket = find(call, req["Bucket"], req)
    configuration = req["ServerSideEncryptionConfiguration"]
    if len(configuration["Rules"]) != 1:
        raise errors.malformed_xml()
    rule = configuration["Rules"][0]
    default = rule.get("ApplyServerSideEncryptionByDefault")
    if default is None:
        default = rule["ApplyServerSideEncryptionByDefault"] = dict(rule_of(bucket)["ApplyServerSideEncryptionByDefault"])
    if default["SSEAlgorithm"] == "AES256" and default.get("KMSMasterKeyID"):
        raise errors.argument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse", "ApplyServerSideEncryptionByDefault", default["SSEAlgorithm"])
    if default["SSEAlgorithm"] not in ("AES256", "aws:kms", "aws:kms:dsse"):
        raise errors.malformed_xml()
    rule.setdefault("BucketKeyEnabled", False)
    blocked = (rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType")
    if blocked is None:
        rule["BlockedEncryptionTypes"] = rule_of(bucket).get("BlockedEncryptionTypes", {"EncryptionType": ["SSE-C"]})
    call.put(bucket.having(encryption=msgspec.to_builtins(configuration)))


@s3.op(needs=on_bucket("s3:GetEncryptionConfiguration"))
def get_bucket_encryption(call: Call, req: t.GetBucketEncryptionRequest) -> t.GetBucketEncryptionOutput:
    configuration = find(call, req["Bucket"], req).settings.get("encryption", DEFAULT)
    return {"ServerSideEncryptionConfiguration": configuration}


@s3.op(needs=on_bucket("s3:PutEncryptionConfiguration"))
def delete_bucket_encryption(call: Call, req: t.DeleteBucketEncryptionRequest) -> None:
    """Takes the bucket back to what every bucket has."""
    call.put(find(call, req["Bucket"], req).having(encryption=None))
