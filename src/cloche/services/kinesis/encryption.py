"""Streams with a KMS key: a record's data lies under a data key of it, and whoever puts or reads needs the key as well.

A data key serves one producer for five minutes and lies wrapped beside each record: what was put before encryption began is as it was, and what was put under
a former key opens with that one. Partition keys stay readable, as on AWS.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import AwsError, Call

from . import errors
from . import service as kinesis
from .records import Row
from .streams import Stream, by_stream, find_active

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

SECONDS = 300


def context(stream: Stream) -> dict[str, str]:
    return {"aws:kinesis:arn": stream.arn}


def close(call: Call, stream: Stream, data: bytes) -> tuple[bytes, bytes]:
    """The data sealed, and the data key under the stream's key."""
    from cloche.services.kms import public as kms
    try:
        key = kms.sealing_key(call, stream.key_id, context(stream), ("kinesis", stream.number), SECONDS)
    except AwsError as error:
        raise errors.kms(error) from None
    return kms.seal(call, key.cipher, data), key.wrapped


def open_(call: Call, stream: Stream, row: Row) -> bytes:
    if row.sealed is None:
        return row.data
    from cloche.services.kms import public as kms
    try:
        return kms.unseal(kms.opening_key(call, row.sealed, context(stream), SECONDS), row.data)
    except AwsError as error:
        raise errors.kms(error) from None


@kinesis.op(resource=by_stream)
def start_stream_encryption(call: Call, req: t.StartStreamEncryptionInput) -> None:
    from cloche.services.kms import public as kms
    call, stream = find_active(call, req)
    if req["EncryptionType"] == "NONE":
        raise errors.encryption_type()
    stream = stream.updating(call.now, key_id=req["KeyId"])
    try:
        kms.data_key(call, stream.key_id, context(stream))  # can it be used, and by the one who asks for it?
    except AwsError as error:
        raise errors.kms(error) from None
    call.put(stream)


@kinesis.op(resource=by_stream)
def stop_stream_encryption(call: Call, req: t.StopStreamEncryptionInput) -> None:
    call, stream = find_active(call, req)
    if req["EncryptionType"] == "NONE":
        raise errors.encryption_type()
    call.put(stream.updating(call.now, key_id=""))
