"""Digests: each hour a signed list of the log files of that hour, with the one before in its signature: a chain that shows what was changed or is missing.

`aws cloudtrail validate-logs` follows it. The key pair is a region's; its public half is what ListPublicKeys gives.
"""
from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat, load_der_private_key

from cloche.kernel import ANY, AwsError, Call, Record, Sealed

from . import destinations, errors, records
from . import service as cloudtrail
from .trails import Trail

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

HOUR = 3600
VALID_SECONDS = 90 * 86_400  # how long a key pair signs


class KeyPair(Record, frozen=True):
    kind = "cloudtrail.key-pair"
    scope = "cloud"

    region: str
    made: float
    fingerprint: str
    public: str       # hexadecimal, PKCS #1
    private: Sealed

    @property
    def key(self) -> str:
        return f"{self.region}/{self.made:.0f}"


def hashed(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def begin(call: Call, trail: Trail, account: str, region: str) -> None:
    """The chain goes on from here, unless it does already."""
    from . import delivery
    if not trail.validation or not trail.logging:
        return
    there = call.at(account, region)
    now = delivery.state(there, trail.arn)
    if not now.since:
        there.put(now.but(since=call.now, before=None))
        there.after(HOUR, hour, f"digest:{trail.arn}", trail=trail.arn)


@cloudtrail.timer
def hour(call: Call, trail: str) -> None:
    call.wake(digest, trail)


@cloudtrail.worker
async def digest(call: Call, key: str) -> None:
    """An hour is over: its files, signed."""
    from . import delivery
    trail, now = delivery.trail_of(call, key), delivery.state(call, key)
    if trail is None or not now.since or call.now < now.since + HOUR:
        return
    if not (trail.validation and trail.logging):    # the chain ends; the next begins anew
        with call.step():
            call.put(now.but(since=0, before=None))
            call.sql("DELETE FROM cloudtrail_file WHERE trail = ? AND account = ? AND region = ?", key, call.account, call.region)
        return
    pair = await current(call)
    end = now.since + HOUR
    files = call.sql("SELECT id, bucket, object, hash, oldest, newest FROM cloudtrail_file WHERE trail = ? AND account = ? AND region = ? ORDER BY id", key, call.account, call.region)
    name = (f"{destinations.folder(trail, call.account)}/CloudTrail-Digest/{call.region}/{delivery.stamp(end, '%Y/%m/%d')}/"
            f"{call.account}_CloudTrail-Digest_{call.region}_{trail.name}_{trail.region}_{delivery.stamp(end, '%Y%m%dT%H%M%SZ')}.json.gz")
    before = now.before or {}
    content: dict[str, Any] = {
        "awsAccountId": call.account, "digestStartTime": records.moment(now.since), "digestEndTime": records.moment(end), "digestS3Bucket": trail.bucket, "digestS3Object": name,
        "digestPublicKeyFingerprint": pair.fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": max((one[5] for one in files), default=None), "oldestEventTime": min((one[4] for one in files), default=None),
        "previousDigestS3Bucket": before.get("bucket"), "previousDigestS3Object": before.get("object"), "previousDigestHashValue": before.get("hash"),
        "previousDigestHashAlgorithm": "SHA-256" if before else None, "previousDigestSignature": before.get("signature"),
        "logFiles": [{"s3Bucket": bucket, "s3Object": object, "hashValue": hash, "hashAlgorithm": "SHA-256", "newestEventTime": newest, "oldestEventTime": oldest}
                     for _, bucket, object, hash, oldest, newest in files],
    }
    raw = json.dumps(content, separators=(",", ":")).encode()
    signature = sign(pair, f"{content['digestEndTime']}\n{trail.bucket}/{name}\n{hashed(raw)}\n{before.get('signature') or 'null'}".encode())
    try:
        await delivery.put(call, trail, name, raw, **{"signature": signature, "signature-algorithm": "SHA256withRSA"})
        failure, last = "", {"bucket": trail.bucket, "object": name, "hash": hashed(raw), "signature": signature}
    except AwsError as error:
        failure, last = error.code, now.before or {}
    with call.step():
        kept = delivery.state(call, key)
        if failure:
            if kept.digest_error != failure:
                call.put(kept.but(digest_error=failure))
            call.again(HOUR, hour, f"digest:{key}", trail=key)
            return
        if files:
            call.sql("DELETE FROM cloudtrail_file WHERE trail = ? AND account = ? AND region = ? AND id <= ?", key, call.account, call.region, files[-1][0])
        call.put(kept.but(since=end, before=last, digest=call.now, digest_error=""))
        call.due(max(end + HOUR, call.now), hour, f"digest:{key}", trail=key)


# -- keys ---------------------------------------------------------------------------------------------------------------------------

def pairs(call: Call) -> list[KeyPair]:
    return sorted((one for one in call.all(KeyPair) if one.region == call.region), key=lambda one: one.made)


async def current(call: Call) -> KeyPair:
    """The region's key pair of now; one is made when there is none, or the last is old."""
    known = pairs(call)
    if known and call.now < known[-1].made + VALID_SECONDS:
        return known[-1]
    private, public = await asyncio.to_thread(_made)
    with call.step():
        if (known := pairs(call)) and call.now < known[-1].made + VALID_SECONDS:
            return known[-1]
        return call.put(KeyPair(call.region, call.now, hashlib.md5(public).hexdigest(), public.hex(), Sealed(private.hex())))


def _made() -> tuple[bytes, bytes]:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return pair.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), pair.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)


def sign(pair: KeyPair, text: bytes) -> str:
    private: Any = load_der_private_key(bytes.fromhex(str(pair.private)), None)
    return str(private.sign(text, padding.PKCS1v15(), SHA256()).hex())


@cloudtrail.op(resource=ANY)
def list_public_keys(call: Call, req: t.ListPublicKeysRequest) -> t.ListPublicKeysResponse:
    until = req.get("EndTime") or call.now
    since = req.get("StartTime") or until - 24 * HOUR
    if since > until:
        raise errors.bad_time_range()
    return {"PublicKeyList": [{"Value": bytes.fromhex(one.public), "ValidityStartTime": float(int(one.made)), "ValidityEndTime": float(int(one.made + VALID_SECONDS)), "Fingerprint": one.fingerprint}
                              for one in pairs(call) if one.made <= until and one.made + VALID_SECONDS >= since]}
