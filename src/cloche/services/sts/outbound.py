"""GetWebIdentityToken: a signed token by which a service elsewhere knows the caller, and the issuer's documents by which it verifies the token.

An account has a key for each algorithm, made when the first token (or the first reader of its key set) wants it.
"""
from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Request, Response

from ..iam import public as iam
from ..organizations import public as organizations
from . import carried, errors
from . import service as sts

if TYPE_CHECKING:
    from cloche.shapes import sts as t

SECONDS, NAMESPACE = 300, "https://sts.amazonaws.com/"
ALGORITHMS = ("RS256", "ES384")

sts.table("CREATE TABLE IF NOT EXISTS sts_issuer_key (account TEXT NOT NULL, algorithm TEXT NOT NULL, kid TEXT NOT NULL, der BLOB NOT NULL, PRIMARY KEY (account, algorithm)) WITHOUT ROWID;")


def made(algorithm: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    key: Any = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP384R1())
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[no-any-return]


async def keys(call: Call, account: str) -> dict[str, tuple[str, Any]]:
    """Algorithm -> (kid, private key)."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key
    held: dict[str, dict[str, tuple[str, Any]]] = call.cloud.memory.setdefault("sts.issuer_keys", {})
    if account not in held:
        find = "SELECT algorithm, kid, der FROM sts_issuer_key WHERE account = ?"
        if not call.sql(find, account):
            fresh = await asyncio.gather(*(asyncio.to_thread(made, algorithm) for algorithm in ALGORITHMS))
            with call.step():
                for algorithm, der in zip(ALGORITHMS, fresh, strict=True):  # who was faster has made them
                    call.sql("INSERT OR IGNORE INTO sts_issuer_key VALUES (?,?,?,?)", account, algorithm, hashlib.sha256(der).hexdigest()[:32], call.cloud.store.seal.close(der, f"{account}/{algorithm}".encode()))
        held[account] = {algorithm: (kid, load_der_private_key(call.cloud.store.seal.open(der, f"{account}/{algorithm}".encode()), None)) for algorithm, kid, der in call.sql(find, account)}
    return held[account]


def _context(req: Any) -> dict[str, Any]:
    return {"sts:IdentityTokenAudience": list(req["Audience"]), "sts:DurationSeconds": req.get("DurationSeconds", SECONDS), "sts:SigningAlgorithm": req["SigningAlgorithm"]} | carried.asked(req)


def _needs(call: Call, req: Any) -> list[Need]:
    return [Need(action, "*", _context(req)) for action in ("sts:GetWebIdentityToken", *(["sts:TagGetWebIdentityToken"] if req.get("Tags") else []))]


@sts.op(needs=_needs, partly="SubjectMode OriginIdentity is refused: no session here carries the context of trusted identity propagation")
async def get_web_identity_token(call: Call, req: t.GetWebIdentityTokenRequest) -> t.GetWebIdentityTokenResponse:
    from cloche.languages import jwt
    who, seconds = call.principal, req.get("DurationSeconds", SECONDS)
    issuer = iam.outbound_issuer(call)
    if issuer is None:
        raise errors.outbound_disabled()
    if req["SigningAlgorithm"] not in ALGORITHMS:
        raise errors.bad_algorithm(req["SigningAlgorithm"])
    if req.get("SubjectMode", "AWSIdentity") != "AWSIdentity":
        raise errors.no_origin()
    tags = carried.tags(req)
    held = iam.credential(call.cloud, who.access_key) if who.temporary else None
    if held and held.expires and call.now + seconds > held.expires:
        raise errors.beyond_session()
    identity = who.role_arn if who.kind == "role" else who.arn
    about: dict[str, Any] = {"aws_account": call.account, "source_region": call.region, "principal_id": identity}
    if above := organizations.controls(call.cloud, call.account):
        about |= {"org_id": above.organization, "ou_path": above.path}
    if who.tags:
        about["principal_tags"] = who.tags
    if function := who.claims.get("lambda:sourcefunctionarn"):
        about["lambda_source_function_arn"] = function
    if instance := who.claims.get("ec2:sourceinstancearn"):
        about["ec2_source_instance_arn"] = instance
    if tags:
        about["request_tags"] = tags
    now, audience = int(call.now), list(req["Audience"])
    claims: dict[str, Any] = {"iss": issuer, "aud": audience[0] if len(audience) == 1 else audience, "sub": identity, "iat": now, "exp": now + seconds, "jti": call.uuid()}
    if "Scope" in req:
        claims["scope"] = req["Scope"]
    kid, private = (await keys(call, call.account))[req["SigningAlgorithm"]]
    return {"WebIdentityToken": jwt.sign(claims | {NAMESPACE: about}, private, kid, typ="JWT"), "Expiration": float(now + seconds)}


def _text(number: int, size: int = 0) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(size or (number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


async def jwks(call: Call, host: str) -> list[dict[str, str]] | None:
    """The key set of an issuer of this cloud, by its host; None where there is none."""
    account = iam.issuing_account(call, host)
    if account is None:
        return None
    out = []
    for algorithm, (kid, private) in sorted((await keys(call, account)).items(), reverse=True):
        numbers = private.public_key().public_numbers()
        kind = {"kty": "RSA", "e": _text(numbers.e), "n": _text(numbers.n)} if algorithm == "RS256" else {"kty": "EC", "crv": "P-384", "x": _text(numbers.x, 48), "y": _text(numbers.y, 48)}
        out.append({"alg": algorithm, "kid": kid, "use": "sig", **kind})
    return out


@sts.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    def answer(status: int, value: Any) -> Response:
        return Response(status, [("content-type", "application/json"), ("cache-control", "public, max-age=3600")], json.dumps(value).encode())
    host = request.host.partition(":")[0]
    found = await jwks(call, host)
    if found is None:
        return answer(404, {"message": "Not Found"})
    if request.path == "/.well-known/jwks.json":
        return answer(200, {"keys": found})
    if request.path == "/.well-known/openid-configuration":
        issuer = f"https://{host}"
        return answer(200, {
            "issuer": issuer, "jwks_uri": f"{issuer}/.well-known/jwks.json", "response_types_supported": ["id_token"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted(ALGORITHMS), "claims_supported": ["iss", "aud", "sub", "iat", "exp", "jti", NAMESPACE]})
    return answer(404, {"message": "Not Found"})
