"""What is set on a vault: who else may use it, whom to tell, and the lock, which after a day's test nobody takes away again."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call

from . import errors
from . import service as glacier
from .archives import DAY
from .jobs import EVENTS, check_topic
from .vaults import ON_VAULT, find, locked, stamp

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

MOST_BYTES = 20 << 10


def _policy(req: Any, what: str) -> str:
    text = (req.get("policy") or {}).get("Policy")
    if not text:
        raise errors.lacking("Policy")
    if len(text.encode()) > MOST_BYTES:
        raise errors.bad(f"Invalid vault {what} policy: it may have 20 KB")
    try:
        json.loads(text)
        grammar.resource(text)
    except MalformedPolicy as error:
        raise errors.bad(f"Invalid vault {what} policy: {error.message}") from None
    except (ValueError, RecursionError):
        raise errors.bad(f"Invalid vault {what} policy: it is no JSON") from None
    return str(text)


# --- who may ------------------------------------------------------------------------------------------------------------------

@glacier.op(**ON_VAULT)
def set_vault_access_policy(call: Call, req: t.SetVaultAccessPolicyInput) -> None:
    there, vault, _ = find(call, req)
    there.put(vault.but(policy=_policy(req, "access")))


@glacier.op(**ON_VAULT)
def get_vault_access_policy(call: Call, req: t.GetVaultAccessPolicyInput) -> t.GetVaultAccessPolicyOutput:
    _, vault, arn = find(call, req)
    if not vault.policy:
        raise errors.none_set("vault access policy", arn)
    return {"policy": {"Policy": vault.policy}}


@glacier.op(**ON_VAULT)
def delete_vault_access_policy(call: Call, req: t.DeleteVaultAccessPolicyInput) -> None:
    there, vault, _ = find(call, req)
    there.put(vault.but(policy=""))


# --- the lock -----------------------------------------------------------------------------------------------------------------

@glacier.op(**ON_VAULT)
def initiate_vault_lock(call: Call, req: t.InitiateVaultLockInput) -> t.InitiateVaultLockOutput:
    there, vault, arn = find(call, req)
    if locked(there, vault):
        raise errors.denied(f"The vault lock of {arn} is in progress or locked already")
    lock = {"policy": _policy(req, "lock"), "id": there.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 24), "created": there.now, "until": there.now + DAY}
    there.put(vault.but(lock=lock))
    return {"lockId": lock["id"]}


@glacier.op(**ON_VAULT)
def get_vault_lock(call: Call, req: t.GetVaultLockInput) -> t.GetVaultLockOutput:
    there, vault, arn = find(call, req)
    lock = locked(there, vault)
    if not lock:
        raise errors.none_set("vault lock policy", arn)
    out: t.GetVaultLockOutput = {"Policy": lock["policy"], "State": "InProgress" if lock["until"] else "Locked", "CreationDate": stamp(lock["created"])}
    if lock["until"]:
        out["ExpirationDate"] = stamp(lock["until"])
    return out


@glacier.op(**ON_VAULT)
def complete_vault_lock(call: Call, req: t.CompleteVaultLockInput) -> None:
    there, vault, arn = find(call, req)
    lock = locked(there, vault)
    if not lock:
        raise errors.none_set("vault lock policy", arn)
    if req["lockId"] != lock["id"]:
        raise errors.bad(f"Invalid lock ID: {req['lockId']}") if lock["until"] else errors.denied("The vault is locked, with another lock ID")
    there.put(vault.but(lock=lock | {"until": 0}))


@glacier.op(**ON_VAULT)
def abort_vault_lock(call: Call, req: t.AbortVaultLockInput) -> None:
    there, vault, _ = find(call, req)
    lock = locked(there, vault)
    if lock and not lock["until"]:
        raise errors.denied("The vault lock is in the Locked state")
    there.put(vault.but(lock={}))


# --- whom to tell -------------------------------------------------------------------------------------------------------------

@glacier.op(**ON_VAULT)
def set_vault_notifications(call: Call, req: t.SetVaultNotificationsInput) -> None:
    there, vault, _ = find(call, req)
    wanted = req.get("vaultNotificationConfig") or {}
    if not wanted.get("SNSTopic"):
        raise errors.lacking("SNSTopic")
    if not wanted.get("Events"):
        raise errors.lacking("Events")
    check_topic(wanted["SNSTopic"])
    if unknown := set(wanted["Events"]) - set(EVENTS.values()):
        raise errors.number("Events", ", ".join(sorted(unknown)))
    there.put(vault.but(notify={"SNSTopic": wanted["SNSTopic"], "Events": wanted["Events"]}))


@glacier.op(**ON_VAULT)
def get_vault_notifications(call: Call, req: t.GetVaultNotificationsInput) -> t.GetVaultNotificationsOutput:
    _, vault, arn = find(call, req)
    if not vault.notify:
        raise errors.none_set("notification configuration", arn)
    return {"vaultNotificationConfig": vault.notify}  # type: ignore[typeddict-item]


@glacier.op(**ON_VAULT)
def delete_vault_notifications(call: Call, req: t.DeleteVaultNotificationsInput) -> None:
    there, vault, _ = find(call, req)
    there.put(vault.but(notify={}))
