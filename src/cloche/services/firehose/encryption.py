"""Server-side encryption: what waits lies sealed, under a customer's KMS key (by a grant) or under Cloche's own."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call

from . import errors
from . import service as firehose

if TYPE_CHECKING:
    from cloche.shapes import firehose as t

    from .streams import DeliveryStream

SECONDS = 300
SERVICE = "firehose.amazonaws.com"
GRANTED = ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "RetireGrant"]
CUSTOMERS = "CUSTOMER_MANAGED_CMK"


def context(stream: DeliveryStream) -> dict[str, str]:
    return {"aws:firehose:arn": stream.arn}


def close(call: Call, stream: DeliveryStream, data: bytes) -> bytes:
    """Sealed, if the stream is encrypted; else the same bytes."""
    if stream.encrypted(call.now) != "ENABLED":
        return data
    if stream.encryption["KeyType"] != CUSTOMERS:
        return b"\0" + call.cloud.store.seal.close(data, stream.arn.encode())
    from cloche.services.kms import public as kms
    try:
        key = kms.sealing_key(call.as_service(SERVICE), stream.encryption["KeyARN"], context(stream), ("firehose", stream.number), SECONDS)
    except AwsError as error:
        raise errors.kms(error) from None
    return b"\1" + len(key.wrapped).to_bytes(2) + key.wrapped + kms.seal(call, key.cipher, data)


def open_(call: Call, stream: DeliveryStream, kept: bytes) -> bytes:
    if kept[0] == 0:
        return call.cloud.store.seal.open(kept[1:], stream.arn.encode())
    from cloche.services.kms import public as kms
    end = 3 + int.from_bytes(kept[1:3])
    return kms.unseal(kms.opening_key(call.as_service(SERVICE), kept[3:end], context(stream), SECONDS), kept[end:])


def started(call: Call, stream: DeliveryStream, wanted: Any) -> DeliveryStream:
    from cloche.services.kms import public as kms

    from .streams import DIRECT
    if stream.type != DIRECT:
        raise errors.not_direct()
    kept: dict[str, str] = {"KeyType": wanted["KeyType"]}
    if wanted["KeyType"] == CUSTOMERS:
        if not wanted.get("KeyARN"):
            raise errors.invalid("KeyARN is required when KeyType is CUSTOMER_MANAGED_CMK.")
        kept["KeyARN"] = wanted["KeyARN"]
        try:
            kms.grant(call, wanted["KeyARN"], SERVICE, GRANTED, {"EncryptionContextSubset": context(stream)})
        except AwsError as error:
            raise errors.kms(error) from None
    return stream.but(encryption=kept, encryption_status="ENABLING", encryption_since=call.now)


def stopped(call: Call, stream: DeliveryStream) -> None:
    """Firehose gives its grant back."""
    if stream.encryption.get("KeyARN"):
        from cloche.services.kms import public as kms
        kms.retire(call, stream.encryption["KeyARN"], SERVICE, {"EncryptionContextSubset": context(stream)})


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"deliverystream/{req['DeliveryStreamName']}")


@firehose.op(resource=by_name)
def start_delivery_stream_encryption(call: Call, req: t.StartDeliveryStreamEncryptionInput) -> t.StartDeliveryStreamEncryptionOutput:
    from .streams import find_active
    call.put(started(call, find_active(call, req), req.get("DeliveryStreamEncryptionConfigurationInput") or {"KeyType": "AWS_OWNED_CMK"}))
    return {}


@firehose.op(resource=by_name)
def stop_delivery_stream_encryption(call: Call, req: t.StopDeliveryStreamEncryptionInput) -> t.StopDeliveryStreamEncryptionOutput:
    """The grant stays until the stream ends: what waits was sealed under it."""
    from .streams import DIRECT, find_active
    stream = find_active(call, req)
    if stream.type != DIRECT:
        raise errors.not_direct()
    call.put(stream.but(encryption_status="DISABLING", encryption_since=call.now))
    return {}
