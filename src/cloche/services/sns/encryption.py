"""Topics with a KMS key: whoever publishes needs it, and what waits to be delivered lies under a data key of it, good for five minutes.

Delivery is on behalf of the publisher, whose kms:Decrypt was asked about when the message came; that the key can still be used is asked again.
"""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import AwsError, Call

from . import errors

if TYPE_CHECKING:
    from .topics import Topic

SECONDS = 300


def context(arn: str) -> dict[str, str]:
    return {"aws:sns:topicArn": arn}


def ready(call: Call, topic: Topic) -> None:
    """May this publisher use the topic's key? A topic without one asks nothing."""
    from cloche.services.kms import public as kms
    try:
        key = kms.sealing_key(call, topic.attributes["KmsMasterKeyId"], context(topic.arn), topic.arn, SECONDS)
        kms.opening_key(call, key.wrapped, context(topic.arn), SECONDS)
    except AwsError as error:
        raise errors.kms(error) from None


def close(call: Call, topic: Topic, *texts: bytes | None) -> tuple[bytes | None, ...]:
    """The texts under a data key, and last that key under the topic's."""
    from cloche.services.kms import public as kms
    key = kms.sealing_key(call, topic.attributes["KmsMasterKeyId"], context(topic.arn), topic.arn, SECONDS)
    return *(None if text is None else kms.seal(call, key.cipher, text) for text in texts), key.wrapped


def open_(call: Call, arn: str, wrapped: bytes, *texts: bytes | None) -> tuple[bytes | None, ...]:
    from cloche.services.kms import public as kms
    cipher = kms.opening_key(call, wrapped, context(arn), SECONDS, ask=False)
    return tuple(None if text is None else kms.unseal(cipher, text) for text in texts)
