"""Queues with a KMS key: bodies and attributes are kept under data keys of it, and whoever sends or receives needs the key as well.

A data key serves one sender of a queue for KmsDataKeyReusePeriodSeconds, and as long a receiver may use it again without
asking KMS: a key that is disabled is noticed after that time at the latest. (AWS promises as much of the body alone.)
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import AwsError, Call

from . import errors

if TYPE_CHECKING:
    from .queues import Queue

SEALED = b"\xc1"  # no msgpack begins so: attributes from before they were sealed are told by it


def key_of(queue: Queue) -> str | None:
    return queue.attributes.get("KmsMasterKeyId")


def context(queue_arn: str) -> dict[str, str]:
    return {"aws:sqs:arn": queue_arn}


def close(call: Call, queue: Queue, raw: bytes, attributes: bytes | None) -> tuple[bytes, bytes | None, bytes]:
    """Body and attributes under a data key, and that key under the queue's. Its first bytes say for which queue: a dead letter keeps its own."""
    from cloche.services.kms import public as kms
    try:
        key = kms.sealing_key(call, key_of(queue) or "", context(queue.arn), queue.number, queue.seconds("KmsDataKeyReusePeriodSeconds"))
    except AwsError as error:
        raise errors.kms(error) from None
    kept = attributes and SEALED + kms.seal(call, key.cipher, attributes)
    return kms.seal(call, key.cipher, raw), kept, queue.arn.encode() + b"\0" + key.wrapped


def open_(call: Call, queue: Queue, body: bytes, attributes: bytes | None, sealed: bytes) -> tuple[str, bytes | None]:
    from cloche.services.kms import public as kms
    arn, _, blob = sealed.partition(b"\0")
    try:
        cipher = kms.opening_key(call, blob, context(arn.decode()), int(queue.attributes.get("KmsDataKeyReusePeriodSeconds", "300")))
    except AwsError as error:
        raise errors.kms(error) from None
    if attributes and attributes.startswith(SEALED):
        attributes = kms.unseal(cipher, attributes[1:])
    return kms.unseal(cipher, body).decode("utf-8", "surrogatepass"), attributes
