"""userIdentity: who asked, in each of the forms that CloudTrail has for it."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .records import Body

KINDS = {"root": "Root", "user": "IAMUser", "role": "AssumedRole", "federated": "FederatedUser"}


def who(body: Body, recipient: str, key: str) -> dict[str, Any]:
    p = body.principal
    kind = p["kind"]
    if kind == "service":
        return {"type": "AWSService", "invokedBy": p.get("service", "")}
    if kind == "anonymous":
        return stranger(body)
    if p.get("account") != recipient:                     # seen from the account whose thing it was: who of the other account it was stays there
        return {"type": "AWSAccount", "principalId": p.get("id", ""), "accountId": p.get("account", "")}
    out: dict[str, Any] = {"type": KINDS[kind], "principalId": p.get("id", ""), "arn": p.get("arn", ""), "accountId": p.get("account", "")}
    if kind == "federated":
        out["principalId"] = f"{p.get('account', '')}:{p.get('name', '')}"
    if key:
        out["accessKeyId"] = key
    if kind == "user":
        out["userName"] = p.get("name", "")
    if kind in ("role", "federated") or p.get("issued"):
        out["sessionContext"] = session(p)
    if invoked := body.by or (p.get("via") or [""])[-1]:
        out["invokedBy"] = invoked
    return out


def session(p: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if p["kind"] == "role":
        out["sessionIssuer"] = {"type": "Role", "principalId": p.get("id", "").partition(":")[0], "arn": p.get("role_arn", ""), "accountId": p.get("account", ""), "userName": p.get("name", "")}
        out["webIdFederationData"] = {"federatedProvider": p["provider"], "attributes": {}} if p.get("provider") else {}
    elif p["kind"] == "federated":
        behind = p.get("role_arn", "")
        out["sessionIssuer"] = {"type": "Root" if behind.endswith(":root") else "IAMUser", "principalId": p.get("id", "").partition(":")[0], "arn": behind, "accountId": p.get("account", ""),
                                "userName": behind.rpartition("/")[2]}
    out["attributes"] = {"creationDate": datetime.fromtimestamp(int(p.get("issued", 0)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "mfaAuthenticated": "true" if p.get("mfa") else "false"}
    if p.get("source_identity"):
        out["sourceIdentity"] = p["source_identity"]
    return out


def stranger(body: Body) -> dict[str, Any]:
    """Without a signature: whom a provider vouched for, as far as the answer says; else anybody."""
    said = body.result if isinstance(body.result, dict) else {}
    if body.operation == "AssumeRoleWithWebIdentity":
        provider, subject, audience = (said.get(name, "") for name in ("Provider", "SubjectFromWebIdentityToken", "Audience"))
        return {"type": "WebIdentityUser", "principalId": f"{provider}:{audience}:{subject}", "userName": subject, "identityProvider": provider}
    if body.operation == "AssumeRoleWithSAML":
        qualifier, subject = said.get("NameQualifier", ""), said.get("Subject", "")
        return {"type": "SAMLUser", "principalId": f"{qualifier}:{subject}", "userName": subject, "identityProvider": qualifier}
    if body.service == "s3":
        return {"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"}
    return {"type": "Unknown", "principalId": "Anonymous"}
