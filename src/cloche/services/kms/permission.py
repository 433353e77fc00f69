"""Who may use a key: its policy first (nobody gets past it), or a grant. And the keys of the context that policies may ask about.

`on_key("Encrypt")` is what an operation declares; where a grant allows it, IAM has nothing left to be asked.
"""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloche.iam import policy as policies
from cloche.kernel import Call, Need

from . import errors

if TYPE_CHECKING:
    from .keys import Key


def on_key(operation: str, member: str = "KeyId", alias: bool = False, encryption: str = "", context: Callable[[Call, Any], dict[str, Any]] | None = None) -> Callable[[Call, Any], list[Need]]:
    """What is asked before the operation on the key in `member`; `encryption` names the member with the encryption context."""

    def needs(call: Call, req: Any) -> list[Need]:
        from . import keys

        key = keys.find(call, req[member], alias=alias)
        more = {"kms:RequestAlias": req[member].rpartition(":")[2]} if "alias/" in req[member] else {}
        return need(call, key, operation, req.get(encryption) if encryption else None, more | (context(call, req) if context else {}))

    return needs


def need(call: Call, key: Key, operation: str, encryption: dict[str, str] | None = None, more: dict[str, Any] | None = None, via: str = "") -> list[Need]:
    if key.grants and granted(call, key, operation, encryption or {}):
        return []
    return [Need(f"kms:{operation}", key.arn, lambda_context(call, key, encryption, via) | (more or {}), key.policy, key.account, "kms")]


def lambda_context(call: Call, key: Key, encryption: dict[str, str] | None, via: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {
        "kms:CallerAccount": call.principal.account, "kms:KeySpec": key.spec, "kms:KeyUsage": key.usage, "kms:KeyOrigin": key.origin, "kms:MultiRegion": key.multi_region,
    }
    if encryption:
        out["kms:EncryptionContextKeys"] = list(encryption)
        out |= {f"kms:EncryptionContext:{k}": v for k, v in encryption.items()}
    if via:
        out |= {"kms:ViaService": f"{via}.{call.region}.amazonaws.com", "kms:GrantIsForAWSResource": True}  # the latter is asked of grants alone
    out |= {f"aws:ResourceTag/{k}": v for k, v in key.tags.items()}
    return out


def granted(call: Call, key: Key, operation: str, encryption: dict[str, str]) -> bool:
    from .grants import Grant
    from .keys import home

    who = call.principal
    names = {who.arn, who.role_arn} - {""}
    if who.kind == "service":
        names.add(who.service)
    place = home(call, key)
    for id_ in key.grants:
        grant = place.get(Grant, id_)
        if grant is not None and operation in grant.operations and grant.grantee in names and _fits(grant, operation, encryption):
            return True
    return False


_CRYPTOGRAPHIC = {"Encrypt", "Decrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo"}


def _fits(grant: Any, operation: str, encryption: dict[str, str]) -> bool:
    """Constraints bind cryptographic operations alone."""
    if operation not in _CRYPTOGRAPHIC:
        return True
    equal, part = grant.constraints.get("EncryptionContextEquals"), grant.constraints.get("EncryptionContextSubset")
    return (equal is None or equal == encryption) and (part is None or part.items() <= encryption.items())


def require(call: Call, key: Key, operation: str, encryption: dict[str, str] | None = None, via: str = "") -> None:
    """The same question from inside, for other services."""
    from cloche.kernel import authorize

    for one in need(call, key, operation, encryption, via=via):
        authorize.require(call, one)


def check_policy(call: Call, arn: str, text: str, bypass: bool) -> None:
    """A key policy must be one, and must leave its author a way to change it."""
    try:
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError
        statements = raw.get("Statement", [])
        for statement in statements if isinstance(statements, list) else [statements]:
            if not any(k in statement for k in ("Principal", "NotPrincipal")):
                raise errors.bad_policy("Policy contains a statement with no principal.")
        policies.parse(text)
    except policies.MalformedPolicy as error:
        raise errors.bad_policy(error.message) from None
    except (ValueError, TypeError):
        raise errors.bad_policy() from None
    if not bypass and not call.allowed("kms:PutKeyPolicy", arn, {"kms:CallerAccount": call.principal.account}, text, rule="kms"):
        raise errors.lockout()
