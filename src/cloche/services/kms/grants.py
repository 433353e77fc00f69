"""Grants: one principal, some operations, perhaps only under an encryption context. Effective at once.

A key knows the ids of its grants, so that a decision looks only at these.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need, Record

from . import errors, keys, permission
from . import service as kms

if TYPE_CHECKING:
    from cloche.shapes import kms as t


class Grant(Record, frozen=True):
    kind = "kms.grant"

    id: str
    key_id: str
    token: str
    grantee: str
    operations: list[str]
    created: float
    issuer: str
    retiring: str = ""
    name: str = ""
    constraints: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.id


SEALS = ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo")
SYMMETRIC = (*SEALS, "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext")
OF_USAGE = {"ENCRYPT_DECRYPT": (*SEALS, "GetPublicKey"), "SIGN_VERIFY": ("Sign", "Verify", "GetPublicKey"), "GENERATE_VERIFY_MAC": ("GenerateMac", "VerifyMac"),
            "KEY_AGREEMENT": ("DeriveSharedSecret", "GetPublicKey")}


def fits(key: keys.Key, operation: str) -> bool:
    """Whether a key of this kind can do it at all."""
    return operation in ("DescribeKey", "CreateGrant", "RetireGrant") or operation in (SYMMETRIC if key.spec == "SYMMETRIC_DEFAULT" else OF_USAGE[key.usage])


def _grant_context(call: Call, req: Any) -> dict[str, Any]:
    out = {"kms:GrantOperations": req["Operations"], "kms:GranteePrincipal": req.get("GranteePrincipal", "")}
    if kinds := [k for k in (req.get("Constraints") or {}) if k.startswith("Encryption")]:
        out["kms:GrantConstraintType"] = kinds[0]
    if "RetiringPrincipal" in req:
        out["kms:RetiringPrincipal"] = req["RetiringPrincipal"]
    return out | {"kms:GrantIsForAWSResource": call.principal.kind == "service" or bool(call.principal.via)}


@kms.op(needs=permission.on_key("CreateGrant", context=_grant_context))
def create_grant(call: Call, req: t.CreateGrantRequest) -> t.CreateGrantResponse:
    key = keys.find(call, req["KeyId"])
    keys.usable(key)
    grantee = req.get("GranteePrincipal") or req.get("GranteeServicePrincipal")
    if not grantee:
        raise errors.invalid("1 validation error detected: Value null at 'granteePrincipal' failed to satisfy constraint: Member must not be null")
    if req.get("GranteePrincipal") and not grantee.startswith("arn:") and not grantee.endswith(".amazonaws.com"):
        raise AwsError("InvalidArnException", f"ARN does not refer to a valid principal: {grantee}")
    if wrong := [operation for operation in req["Operations"] if not fits(key, operation)]:
        raise errors.invalid(f"Unsupported grant operation: {wrong[0]} on key {key.arn} of the usage {key.usage}.")
    if req.get("Constraints") and key.spec != "SYMMETRIC_DEFAULT":
        raise errors.invalid("Grant constraints with an encryption context are supported on symmetric encryption keys only.")
    if req.get("DryRun"):
        raise errors.dry_run()
    place = keys.home(call, key)
    name = req.get("Name", "")
    if name:  # the same request again is the same grant
        for id_ in key.grants:
            old = place.get(Grant, id_)
            if old and (old.name, old.grantee, sorted(old.operations), old.constraints) == (name, grantee, sorted(req["Operations"]), req.get("Constraints") or {}):
                return {"GrantId": old.id, "GrantToken": old.token}
    grant = place.put(Grant(
        call.id(digits=64), key.id, call.secret(60), grantee, req["Operations"], call.now, call.principal.account and f"arn:aws:iam::{call.principal.account}:root",
        req.get("RetiringPrincipal", ""), name, dict(req.get("Constraints") or {}),
    ))
    keys.change(call, key, grants=(*key.grants, grant.id))
    return {"GrantId": grant.id, "GrantToken": grant.token}


def _describe(key: keys.Key, grant: Grant) -> dict[str, Any]:
    out: dict[str, Any] = {
        "KeyId": key.arn, "GrantId": grant.id, "Name": grant.name, "CreationDate": grant.created, "GranteePrincipal": grant.grantee, "IssuingAccount": grant.issuer,
        "Operations": grant.operations,
    }
    if grant.retiring:
        out["RetiringPrincipal"] = grant.retiring
    if grant.constraints:
        out["Constraints"] = grant.constraints
    return out


@kms.op(needs=permission.on_key("ListGrants"))
def list_grants(call: Call, req: t.ListGrantsRequest) -> t.ListGrantsResponse:
    key = keys.find(call, req["KeyId"])
    place = keys.home(call, key)
    found = sorted((g for id_ in key.grants if (g := place.get(Grant, id_))), key=lambda g: g.id)
    found = [g for g in found if req.get("GrantId", g.id) == g.id and req.get("GranteePrincipal", g.grantee) == g.grantee]
    shown, more = keys.page(found, req, lambda g: g.id, 50)
    out: Any = {"Grants": [_describe(key, g) for g in shown]}
    return out | more


@kms.op(lambda call, req: "*")
def list_retirable_grants(call: Call, req: t.ListRetirableGrantsRequest) -> t.ListGrantsResponse:
    wanted = req.get("RetiringPrincipal")
    found = sorted((g for g in call.all(Grant) if g.retiring and g.retiring == wanted), key=lambda g: g.id)
    shown, more = keys.page(found, req, lambda g: g.id, 50)
    out: Any = {"Grants": [_describe(call.get(keys.Key, g.key_id), g) for g in shown]}  # type: ignore[arg-type]
    return out | more


def end(call: Call, key: keys.Key, id_: str) -> None:
    place = keys.home(call, key)
    grant = place.get(Grant, id_)
    if grant is None or id_ not in key.grants:
        raise errors.no_grant(id_)
    place.delete(grant)
    keys.change(call, key, grants=tuple(g for g in key.grants if g != id_))


@kms.op(needs=permission.on_key("RevokeGrant"))
def revoke_grant(call: Call, req: t.RevokeGrantRequest) -> None:
    key = keys.find(call, req["KeyId"])
    if req.get("DryRun"):
        raise errors.dry_run()
    end(call, key, req["GrantId"])


def _retired(call: Call, req: Any) -> tuple[keys.Key, Grant]:
    if "GrantToken" in req:
        grant = next((g for g in call.all(Grant) if g.token == req["GrantToken"]), None)
        if grant is None:
            raise AwsError("InvalidGrantTokenException", "")
        return call.get(keys.Key, grant.key_id), grant  # type: ignore[return-value]
    if "KeyId" not in req or "GrantId" not in req:
        raise errors.invalid("Please specify a grant token, or a key ID and a grant ID.")
    key = keys.find(call, req["KeyId"])
    grant = keys.home(call, key).get(Grant, req["GrantId"])
    if grant is None:
        raise errors.no_grant(req["GrantId"])
    return key, grant


def _retirement(call: Call, req: Any) -> list[Need]:
    """The retiring principal, or a grantee whose grant says RetireGrant, needs no policy."""
    key, grant = _retired(call, req)
    names = {call.principal.arn, call.principal.role_arn} - {""}
    if grant.retiring in names or (grant.grantee in names and "RetireGrant" in grant.operations):
        return []
    return permission.need(call, key, "RetireGrant")


@kms.op(needs=_retirement)
def retire_grant(call: Call, req: t.RetireGrantRequest) -> None:
    key, grant = _retired(call, req)
    if req.get("DryRun"):
        raise errors.dry_run()
    end(call, key, grant.id)
