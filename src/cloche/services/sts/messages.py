"""Encoded authorization messages: why EC2 said no, readable only for those who may call DecodeAuthorizationMessage."""
from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import zlib
from typing import TYPE_CHECKING, Any

from cloche.iam import Decision, Principal
from cloche.kernel import ANY, Call

from . import errors
from . import service as sts

if TYPE_CHECKING:
    from cloche.kernel import Cloud
    from cloche.shapes import sts as t

SEAL = 16


@sts.boot
def make_key(call: Call) -> None:
    """Each cloud seals with a key of its own."""
    if call.cloud.store.meta("sts.message-key") is None:
        call.cloud.store.set_meta("sts.message-key", call.secret(32).encode())


def _key(cloud: Cloud) -> bytes:
    cloud.service("sts")
    return bytes(cloud.store.meta("sts.message-key"))


def encode(cloud: Cloud, principal: Principal, decision: Decision, action: str, resource: str, context: dict[str, Any]) -> str:
    said = {
        "allowed": decision.allowed, "explicitDeny": decision.explicit,
        "matchedStatements": {"items": [{"statementId": sid, "effect": effect.upper(), "sourcePolicyId": name} for name, sid, effect in decision.counted]},
        "failures": {"items": []},
        "context": {
            "principal": {"id": principal.id, "name": principal.session or principal.name, "arn": principal.arn}, "action": action, "resource": resource,
            "conditions": {"items": [
                {"key": key, "values": {"items": [{"value": str(one)} for one in (value if isinstance(value, list) else [value])]}} for key, value in context.items()
            ]},
        },
    }
    body = zlib.compress(json.dumps(said, separators=(",", ":")).encode())
    return base64.urlsafe_b64encode(hmac.digest(_key(cloud), body, hashlib.sha256)[:SEAL] + body).decode().rstrip("=")


@sts.op(resource=ANY)
def decode_authorization_message(call: Call, req: t.DecodeAuthorizationMessageRequest) -> t.DecodeAuthorizationMessageResponse:
    text = req["EncodedMessage"]
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        seal, body = raw[:SEAL], raw[SEAL:]
        if not hmac.compare_digest(seal, hmac.digest(_key(call.cloud), body, hashlib.sha256)[:SEAL]):
            raise errors.bad_message()
        return {"DecodedMessage": zlib.decompress(body).decode()}
    except (binascii.Error, ValueError, zlib.error):
        raise errors.bad_message() from None
