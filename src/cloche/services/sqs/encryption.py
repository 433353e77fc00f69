"""Queues with a KMS key: bodies are kept under data keys of it, and whoever sends or receives needs the key as well.

A data key serves one sender of a queue for KmsDataKeyReusePeriodSeconds, and as long a receiver may use it again without
asking KMS: a key that is disabled is noticed after that time at the latest. Attributes stay as they are, as on AWS.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloche.kernel import AwsError, Call

from . import errors

if TYPE_CHECKING:
    from .queues import Queue

NONCE = 12


def key_of(queue: Queue) -> str | None:
    return queue.attributes.get("KmsMasterKeyId")


def context(queue_arn: str) -> dict[str, str]:
    return {"aws:sqs:arn": queue_arn}


def close(call: Call, queue: Queue, raw: bytes) -> tuple[bytes, bytes]:
    """The body under a data key, and that key under the queue's. Its first bytes say for which queue: a dead letter keeps its own."""
    from cloche.services.kms import public as kms
    keys: dict[Any, tuple[float, bytes, bytes]] = call.cloud.memory.setdefault("sqs.data_keys", {})
    place = (call.principal.arn, queue.number, key_of(queue))
    kept = keys.get(place)
    if kept is None or kept[0] <= call.now:
        try:
            plain, sealed = kms.data_key(call, key_of(queue) or "", context(queue.arn))
        except AwsError as error:
            raise errors.kms(error) from None
        kept = keys[place] = (call.now + queue.seconds("KmsDataKeyReusePeriodSeconds"), plain, queue.arn.encode() + b"\0" + sealed)
    nonce = call.cloud.dice.getrandbits(8 * NONCE).to_bytes(NONCE, "big")
    return nonce + AESGCM(kept[1]).encrypt(nonce, raw, None), kept[2]


def open_(call: Call, queue: Queue, body: bytes, sealed: bytes) -> str:
    from cloche.services.kms import public as kms
    opened: dict[Any, tuple[float, bytes]] = call.cloud.memory.setdefault("sqs.opened_keys", {})
    place = (call.principal.arn, sealed)
    kept = opened.get(place)
    if kept is None or kept[0] <= call.now:
        arn, _, blob = sealed.partition(b"\0")
        try:
            plain = kms.decrypt(call, blob, context(arn.decode()))
        except AwsError as error:
            raise errors.kms(error) from None
        period = int(queue.attributes.get("KmsDataKeyReusePeriodSeconds", "300"))
        if len(opened) > 1000:
            opened.clear()
        kept = opened[place] = (call.now + period, plain)
    return AESGCM(kept[1]).decrypt(body[:NONCE], body[NONCE:], None).decode("utf-8", "surrogatepass")
