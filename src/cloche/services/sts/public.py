"""What others ask STS behind the curtain: whose temporary key is this, and a session for a service that a role trusts."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import Principal, Question, decide
from cloche.iam import service as service_principal
from cloche.kernel import Call, authorize

from ..iam import public as iam
from . import errors, messages, sessions

if TYPE_CHECKING:
    from cloche.kernel import Cloud

    from ..iam.public import Credential


def credential(cloud: Cloud, access_key_id: str) -> Credential | None:
    return sessions.find(cloud, access_key_id)


def role_principal(call: Call, role_arn: str, session_name: str, service: str, source_arn: str = "") -> Principal:
    """The principal of a service acting under a role; AccessDenied if the role does not trust the service (or does not exist)."""
    role = iam.role(call, role_arn)
    if role is None:
        raise errors.denied(service, "sts:AssumeRole", role_arn)
    account = role_arn.split(":")[4]
    who = service_principal(service, source_arn, call.account)
    decision = decide(Question(principal=who, action="sts:AssumeRole", resource=role_arn, resource_account=account, now=call.now,
                               resource_policy=(role_arn, iam.trust_policy(role)), rule="trust", rcps=authorize.resource_controls(call, account, "sts:AssumeRole")))
    if not decision.allowed:
        raise errors.denied(service, "sts:AssumeRole", role_arn)
    return session_of(call, role, role_arn, session_name)


def service_session(call: Call, role_arn: str, session_name: str, service: str, duration: float = 3600, source_arn: str = "") -> tuple[dict[str, Any], Principal]:
    """Credentials (AccessKeyId, SecretAccessKey, SessionToken, Expiration) for a service's workload under a role, and their principal."""
    principal = role_principal(call, role_arn, session_name, service, source_arn)
    if service == "ec2.amazonaws.com":                  # the session knows its instance, as AWS's does: policies may ask, and GuardDuty does
        principal = msgspec.structs.replace(principal, claims={"ec2:sourceinstancearn": source_arn})
    if service == "lambda.amazonaws.com" and source_arn:
        principal = msgspec.structs.replace(principal, claims={"lambda:sourcefunctionarn": source_arn})
    given = sessions.begin(call, principal, duration)
    tell(call, role_arn, session_name, service, given[0], principal)
    return given


def credentials(call: Call, seconds: float = 900) -> dict[str, Any]:
    """Keys that act as this call's principal: for a request that a service sends as somebody."""
    return sessions.begin(call, call.principal, seconds)[0]


def tell(call: Call, role_arn: str, session_name: str, service: str, credentials: dict[str, Any], principal: Principal) -> None:
    """CloudTrail sees a service assume a role for its workload as it sees anybody."""
    sts = call.cloud.service("sts")
    asked = Call(call.cloud, sts, principal.account, call.region, service_principal(service, "", call.account), call.request_id, None, sts.entries["AssumeRole"])
    call.cloud.journal.add(asked, {"RoleArn": role_arn, "RoleSessionName": session_name}, {"Credentials": credentials, "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn}})


def session_of(call: Call, role: Any, role_arn: str, session_name: str, **more: Any) -> Principal:
    """The principal of a role session, however it was come by."""
    account = role_arn.split(":")[4]
    partition = role_arn.split(":")[1]
    return Principal(**{
        "kind": "role", "arn": f"arn:{partition}:sts::{account}:assumed-role/{role.name}/{session_name}", "account": account, "id": f"{role.id}:{session_name}",
        "name": role.name, "session": session_name, "role_arn": role_arn, "tags": role.tags, "issued": call.now, "mfa": False, **more,
    })


def encoded(call: Call, decision: Any, action: str, resource: str, context: dict[str, Any]) -> str:
    """A denial as the opaque text that DecodeAuthorizationMessage reads."""
    return messages.encode(call.cloud, call.principal, decision, action, resource, context)


def web_identity(call: Call, req: dict[str, Any], provider: str, claims: dict[str, Any], audience: str) -> dict[str, Any]:
    """AssumeRoleWithWebIdentity for an issuer that AWS is itself (Cognito): the role must trust `provider`, under the conditions that the claims meet."""
    from . import web_identity as federated
    return federated.opened(call.of("sts"), req, provider, provider, claims, audience)  # type: ignore[return-value]


async def vouched(call: Call, account: str, issuer: str, text: str) -> dict[str, Any]:
    """The claims of a token of an OpenID Connect issuer that the account knows, signed by it, for one of its clients and of now; an AwsError otherwise."""
    from cloche.languages import jwt

    from . import web_identity as federated
    known = iam.oidc_provider(call, account, issuer)
    try:
        token = jwt.read(text)
    except jwt.Invalid:
        raise errors.no_identity("The ID Token provided is not a valid JWT.") from None
    if known is None or str(token.claims.get("iss", "")).removeprefix("https://").rstrip("/") != known[1].url or not all(token.claims.get(name) for name in ("sub", "aud", "exp", "iat")):
        raise errors.no_identity("No OpenIDConnect provider found for the token.")
    await federated.verified(call.of("sts"), known[1], token)
    federated.of_now(call, known[1], token.claims)
    return token.claims


def portal(call: Call, role_arn: str, session_name: str, seconds: float, tags: dict[str, str]) -> dict[str, Any]:
    """Credentials that Identity Center's portal gives for one of its roles; it has seen who asks."""
    role = iam.role(call, role_arn)
    if role is None:
        raise errors.not_authorized("sts:AssumeRoleWithSAML")
    session = session_of(call, role, role_arn, session_name, tags={**role.tags, **tags}, transitive_tags=tuple(tags))
    return sessions.begin(call, session, seconds)[0]


async def issuer_keys(call: Call, url: str) -> list[Any]:
    """The key set of an OpenID Connect issuer: of this cloud's own, else fetched as its documents say. Raises InvalidIdentityToken where it cannot be had."""
    from . import web_identity
    return await web_identity.keys_at(call, url)


def speak(call: Call, principal: Principal, seconds: float) -> dict[str, Any]:
    """Keys with which a service signs requests in its own name (CloudFront's to a bucket): whom they speak for, the receiver's policy sees. Inside a step."""
    return sessions.begin(call, principal, seconds)[0]
