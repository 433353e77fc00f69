"""Aliases: another name for a key, in one account and region. `alias/aws/` is AWS's."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

from . import errors, keys, permission
from . import service as kms
from .keys import Alias

if TYPE_CHECKING:
    from cloche.shapes import kms as t


def _needs(operation: str) -> Any:
    """The alias and its key are both asked about."""

    def needs(call: Call, req: Any) -> list[Need]:
        asked = [Need(f"kms:{operation}", call.arn(req["AliasName"]))]
        if "TargetKeyId" in req:
            return [*asked, *permission.need(call, keys.find(call, req["TargetKeyId"]), operation)]
        alias = call.get(Alias, req["AliasName"])
        key = call.get(keys.Key, alias.target) if alias else None
        return [*asked, *(permission.need(call, key, operation) if key else [])]

    return needs


def _named(name: str) -> None:
    if not name.startswith("alias/"):
        raise errors.bad_alias_name()
    if name.startswith("alias/aws/"):
        raise errors.reserved_alias()


@kms.op(needs=_needs("CreateAlias"))
def create_alias(call: Call, req: t.CreateAliasRequest) -> None:
    name = req["AliasName"]
    _named(name)
    if call.get(Alias, name):
        raise errors.alias_exists(call.arn(name))
    key = keys.find(call, req["TargetKeyId"])
    keys.owned(key)
    keys.not_pending(key)
    call.put(Alias(name, key.id, call.now, call.now))


@kms.op(lambda call, req: "*")
def list_aliases(call: Call, req: t.ListAliasesRequest) -> t.ListAliasesResponse:
    target = keys.find(call, req["KeyId"]).id if "KeyId" in req else None
    found = sorted((a for a in call.all(Alias) if target is None or a.target == target), key=lambda a: a.name)
    shown, more = keys.page(found, req, lambda a: a.name, 50)
    out: Any = {
        "Aliases": [{"AliasName": a.name, "AliasArn": call.arn(a.name), "TargetKeyId": a.target, "CreationDate": a.created, "LastUpdatedDate": a.updated} for a in shown]
    }
    return out | more


@kms.op(needs=_needs("UpdateAlias"))
def update_alias(call: Call, req: t.UpdateAliasRequest) -> None:
    name = req["AliasName"]
    _named(name)
    alias = call.get(Alias, name)
    if alias is None:
        raise errors.no_alias(call.arn(name))
    key, before = keys.find(call, req["TargetKeyId"]), call.get(keys.Key, alias.target)
    keys.not_pending(key)
    if before is not None and (before.usage != key.usage or before.spec != key.spec):
        raise errors.invalid("The new key must be of the same type (both symmetric, both asymmetric or both HMAC) and have the same key usage as the current one.")
    call.put(alias.but(target=key.id, updated=call.now))


@kms.op(needs=_needs("DeleteAlias"))
def delete_alias(call: Call, req: t.DeleteAliasRequest) -> None:
    _named(req["AliasName"])
    alias = call.get(Alias, req["AliasName"])
    if alias is None:
        raise errors.no_alias(call.arn(req["AliasName"]))
    call.delete(alias)
