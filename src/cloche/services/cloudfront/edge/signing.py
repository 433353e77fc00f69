"""Requests to an origin that CloudFront signs: in its own name for the distribution (origin access control), or as the identity that a bucket lets in.

The signature is a real one, under temporary keys that STS keeps: the origin verifies it and decides by its own policy, as for anybody.
"""
from __future__ import annotations

import hashlib
import time
from urllib.parse import quote, unquote

from cloche.iam.principal import Principal
from cloche.iam.principal import service as service_principal
from cloche.kernel import Call
from cloche.services.sts import public as sts
from cloche.wire import sigv4

from ..origin_access import arn, canonical

SECONDS, SPARE = 3600.0, 300.0


def for_control(distribution: str, account: str) -> Principal:
    return service_principal("cloudfront.amazonaws.com", distribution, account)


def for_identity(id_: str) -> Principal:
    return Principal(kind="origin", arn=arn(id_), id=canonical(id_), name=id_)


def keys(call: Call, who: Principal) -> dict[str, str]:
    """Temporary keys of the principal, used again until their end is near."""
    held = call.cloud.memory.setdefault("cloudfront.keys", {})
    name = (who.arn, who.source_arn)
    found = held.get(name)
    if found is None or found["Expiration"] < call.now + SPARE:
        if len(held) > 1000:
            held.clear()
        with call.step():
            found = held[name] = sts.speak(call, who, SECONDS)
    return found  # type: ignore[no-any-return]


def sign(call: Call, who: Principal, service: str, region: str, method: str, host: str, target: str, headers: list[tuple[str, str]], payload: str) -> list[tuple[str, str]]:
    """The headers that make it a signed request. `payload`: the body's SHA-256 in hex, or UNSIGNED-PAYLOAD."""
    held = keys(call, who)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(call.now))
    path, _, query = target.partition("?")
    # every x-amz- header takes part in a signature
    told = {name.lower(): value for name, value in headers if name.lower().startswith("x-amz-") and name.lower() not in ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token")}
    own = {"x-amz-content-sha256": payload, "x-amz-date": stamp, "x-amz-security-token": held["SessionToken"]}
    signed = {"host": host, **told, **own}
    names = ";".join(sorted(signed))
    canonical_path = quote(unquote(path), safe="/-_.~") if service == "s3" else quote(quote(unquote(path), safe="/-_.~"), safe="/-_.~")
    pairs = sorted((quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~")) for name, _, value in (text.partition("=") for text in query.split("&") if text))
    text = "\n".join([method, canonical_path, "&".join(f"{name}={value}" for name, value in pairs), *(f"{name}:{' '.join(signed[name].split())}" for name in sorted(signed)), "", names, payload])
    scope = (stamp[:8], region, service)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    signature = sigv4.sign(held["SecretAccessKey"], scope, f"AWS4-HMAC-SHA256\n{stamp}\n{'/'.join(scope)}/aws4_request\n{digest}".encode())
    authorization = f"AWS4-HMAC-SHA256 Credential={held['AccessKeyId']}/{'/'.join(scope)}/aws4_request, SignedHeaders={names}, Signature={signature}"
    return [*own.items(), ("authorization", authorization)]
