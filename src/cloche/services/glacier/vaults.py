"""Vaults: made, described as of their last inventory, deleted when that was empty and nothing was written since; and their tags.

Every operation names an account (`-` is the caller's own): a vault of somebody else is reached where its access policy lets the caller in.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from cloche.kernel import Call, Record

from . import errors
from . import service as glacier

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

T = TypeVar("T")
MOST_VAULTS, MOST_TAGS = 1000, 10
NAME = re.compile(r"[a-zA-Z0-9_.-]{1,255}\Z")


class Vault(Record, frozen=True):
    kind = "glacier.vault"

    name: str
    created: float
    archives: int = 0             # as of the last inventory, as is the size
    size: int = 0
    inventoried: float = 0.0
    changed: bool = False         # since then
    tags: dict[str, str] = {}
    policy: str = ""
    notify: dict[str, Any] = {}
    lock: dict[str, Any] = {}     # policy, id, created, until (0: locked for good)

    @property
    def key(self) -> str:
        return self.name


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def account_of(call: Call, req: Any) -> str:
    if call.wire and call.request is not None and "x-amz-glacier-version" not in call.request.headers:
        raise errors.lacking("API version")
    account = req["accountId"]
    if account == "-":
        return call.account
    if not re.fullmatch(r"\d{12}", account):
        raise errors.bad(f"Invalid account ID: {account}")
    return str(account)


def arn_of(call: Call, account: str, name: str) -> str:
    return call.arn(f"vaults/{name}", service="glacier", account=account)


def locate(call: Call, req: Any) -> tuple[Call, str]:
    """Where the vault of a request is, and its ARN."""
    account = account_of(call, req)
    if not NAME.match(req["vaultName"]):
        raise errors.bad(f"Invalid vault name: {req['vaultName']}")
    return (call if account == call.account else call.at(account, call.region)), arn_of(call, account, req["vaultName"])


def find(call: Call, req: Any) -> tuple[Call, Vault, str]:
    there, arn = locate(call, req)
    vault = there.get(Vault, req["vaultName"])
    if vault is None:
        raise errors.no_vault(arn)
    return there, vault, arn


def own(call: Call, req: Any) -> str:
    """The account of what has no vault must be the caller's own."""
    if (account := account_of(call, req)) != call.account:
        raise errors.denied(f"User is not authorized to access the account {account}")
    return account


def by_vault(call: Call, req: Any) -> str:
    return locate(call, req)[1]


def policy(call: Call, arn: str) -> str | None:
    """The vault's access policy together with its lock policy, which binds from the moment its test begins."""
    _, _, _, region, account, rest = arn.split(":", 5)
    vault = call.at(account, region).get(Vault, rest.removeprefix("vaults/"))
    if vault is None:
        return None
    texts = [text for text in (vault.policy, locked(call, vault).get("policy")) if text]
    if len(texts) < 2:
        return texts[0] if texts else None
    statements: list[Any] = []
    for text in texts:
        own = json.loads(text)["Statement"]
        statements += own if isinstance(own, list) else [own]
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def locked(call: Call, vault: Vault) -> dict[str, Any]:
    """The lock as it stands: what was not completed within a day has gone."""
    return {} if vault.lock and 0 < vault.lock["until"] <= call.now else vault.lock


def facts(call: Call, req: Any) -> dict[str, Any]:
    there, _ = locate(call, req)
    vault = there.get(Vault, req["vaultName"])
    return {f"glacier:ResourceTag/{k}": v for k, v in vault.tags.items()} | {f"aws:ResourceTag/{k}": v for k, v in vault.tags.items()} if vault is not None else {}


ON_VAULT: dict[str, Any] = {"resource": by_vault, "policy": policy, "context": facts}


def paged(things: list[T], req: Any, key: Callable[[T], str], most: int, name: str) -> tuple[list[T], dict[str, str]]:
    """Glacier's pages: the marker is the first thing of the next page."""
    limit = req.get("limit") or str(most)
    if not limit.isdigit() or not 1 <= int(limit) <= most:
        raise errors.number("limit", limit)
    if marker := req.get("marker"):
        keys = [key(thing) for thing in things]
        if marker not in keys:
            raise errors.number("marker", marker)
        things = things[keys.index(marker):]
    page = things[: int(limit)]
    return page, {name: key(things[len(page)])} if len(things) > len(page) else {}


def shown(call: Call, vault: Vault) -> t.DescribeVaultOutput:
    out: t.DescribeVaultOutput = {"VaultARN": arn_of(call, call.account, vault.name), "VaultName": vault.name, "CreationDate": stamp(vault.created),
                                  "NumberOfArchives": vault.archives, "SizeInBytes": vault.size}
    if vault.inventoried:
        out["LastInventoryDate"] = stamp(vault.inventoried)
    return out


@glacier.op(resource=by_vault)
def create_vault(call: Call, req: t.CreateVaultInput) -> t.CreateVaultOutput:
    account, name = own(call, req), req["vaultName"]
    if call.get(Vault, name) is None:
        if len(call.all(Vault)) >= MOST_VAULTS:
            raise errors.too_many(f"Vault limit exceeded: an account may have {MOST_VAULTS} vaults in a Region")
        call.put(Vault(name, call.now))
    return {"location": f"/{account}/vaults/{name}"}


@glacier.op(**ON_VAULT)
def describe_vault(call: Call, req: t.DescribeVaultInput) -> t.DescribeVaultOutput:
    there, vault, _ = find(call, req)
    return shown(there, vault)


@glacier.op(resource=lambda call, req: arn_of(call, account_of(call, req), "*"))
def list_vaults(call: Call, req: t.ListVaultsInput) -> t.ListVaultsOutput:
    account = own(call, req)
    page, more = paged(sorted(call.all(Vault), key=lambda v: v.name), req, lambda v: arn_of(call, account, v.name), 10, "Marker")
    return {"VaultList": [shown(call, vault) for vault in page], **more}  # type: ignore[typeddict-item]


@glacier.op(**ON_VAULT)
def delete_vault(call: Call, req: t.DeleteVaultInput) -> None:
    there, arn = locate(call, req)
    vault = there.get(Vault, req["vaultName"])
    if vault is None:
        return
    if vault.archives or vault.changed:
        raise errors.not_empty(arn)
    from . import uploads
    uploads.forget_all(there, vault.name)
    there.delete(vault)


@glacier.op(**ON_VAULT)
def add_tags_to_vault(call: Call, req: t.AddTagsToVaultInput) -> None:
    there, vault, _ = find(call, req)
    tags = {**vault.tags, **(req.get("Tags") or {})}
    if any(not name or len(name) > 128 or len(value) > 256 for name, value in tags.items()):
        raise errors.bad("A tag's key has 1 to 128 characters, its value at most 256")
    if call.reserves(tags):
        raise errors.bad("Tag keys that begin with aws: are reserved")
    if len(tags) > MOST_TAGS:
        raise errors.too_many(f"A vault can have at most {MOST_TAGS} tags")
    there.put(vault.but(tags=tags))


@glacier.op(**ON_VAULT)
def list_tags_for_vault(call: Call, req: t.ListTagsForVaultInput) -> t.ListTagsForVaultOutput:
    return {"Tags": find(call, req)[1].tags}


@glacier.op(**ON_VAULT)
def remove_tags_from_vault(call: Call, req: t.RemoveTagsFromVaultInput) -> None:
    there, vault, _ = find(call, req)
    gone = set(req.get("TagKeys") or ())
    there.put(vault.but(tags={name: value for name, value in vault.tags.items() if name not in gone}))
