"""The policy on a secret: who else may use it."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.iam.policy import Policy
from cloche.kernel import Call

from . import errors
from . import service as secrets
from .records import ON_SECRET, by_id, facts, find, home, policy

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t


def checked(text: str) -> Policy:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise errors.bad_policy("This resource policy contains invalid Json.") from None
    try:
        return grammar.resource(text)
    except MalformedPolicy as error:
        raise errors.bad_policy("This resource policy contains a syntax error." if error.message == grammar.SYNTAX else error.message) from None


def public(found: Policy) -> bool:
    """Anybody may do something, under no condition that says who."""
    return any(s.allows and not s.conditions and _everybody(s.raw) for s in found.statements)


def _everybody(raw: Any) -> bool:
    who = raw.get("Principal")
    names = who.get("AWS", []) if isinstance(who, dict) else who
    return "NotPrincipal" in raw or "*" in ([names] if isinstance(names, str) else names or [])


@secrets.op(**ON_SECRET)
def put_resource_policy(call: Call, req: t.PutResourcePolicyRequest) -> t.PutResourcePolicyResponse:
    secret = find(call, req["SecretId"])
    found = checked(req["ResourcePolicy"])
    if req.get("BlockPublicPolicy") and public(found):
        raise errors.public_policy()
    home(call, secret).put(secret.but(policy=req["ResourcePolicy"]))
    return {"ARN": secret.arn, "Name": secret.name}


@secrets.op(**ON_SECRET)
def get_resource_policy(call: Call, req: t.GetResourcePolicyRequest) -> t.GetResourcePolicyResponse:
    secret = find(call, req["SecretId"])
    return {"ARN": secret.arn, "Name": secret.name, **({"ResourcePolicy": secret.policy} if secret.policy else {})}  # type: ignore[typeddict-item]


@secrets.op(**ON_SECRET)
def delete_resource_policy(call: Call, req: t.DeleteResourcePolicyRequest) -> t.DeleteResourcePolicyResponse:
    secret = find(call, req["SecretId"])
    home(call, secret).put(secret.but(policy=""))
    return {"ARN": secret.arn, "Name": secret.name}


def on_any(call: Call, req: Any) -> str:
    return by_id(call, req) if "SecretId" in req else "*"


@secrets.op(resource=on_any, context=facts, policy=lambda call, arn: None if arn == "*" else policy(call, arn))
def validate_resource_policy(call: Call, req: t.ValidateResourcePolicyRequest) -> t.ValidateResourcePolicyResponse:
    if "SecretId" in req:
        find(call, req["SecretId"])
    found = checked(req["ResourcePolicy"])
    if public(found):
        return {"PolicyValidationPassed": False, "ValidationErrors": [{"CheckName": "PUBLIC_POLICY", "ErrorMessage": "The resource policy grants broad access to the secret."}]}
    return {"PolicyValidationPassed": True, "ValidationErrors": []}
