"""The store itself. One of the whole cloud's records says in which account and region it lives; everything in it is kept there.

A name is looked up in a record of its own, so that creating the thousandth user asks nobody else.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Need, Record, pages
from cloche.services.organizations import public as organizations

from . import errors
from . import service as identitystore

if TYPE_CHECKING:
    from cloche.shapes import identitystore as t


class Store(Record, frozen=True):
    kind = "identitystore.store"
    scope = "cloud"

    id: str
    account: str
    region: str

    @property
    def key(self) -> str:
        return self.id


class Name(Record, frozen=True):
    """Whose a user name or a group's display name is."""

    kind = "identitystore.name"

    type: str                                          # UserName | DisplayName
    name: str
    id: str

    @property
    def key(self) -> str:
        return f"{self.type}/{self.name.lower()}"


def bare(text: str) -> str:
    """A store's or a member's id, where its ARN may stand too."""
    return text.rpartition("/")[2]


def arn(store: Store) -> str:
    return f"arn:aws:identitystore::{store.account}:identitystore/{store.id}"


def thing(kind: str, id: str) -> str:
    return f"arn:aws:identitystore:::{kind}/{id}"


def find(call: Call, req: Any) -> tuple[Call, Store]:
    """Where the store's things are, for the account that owns it or administers it."""
    store = call.get(Store, bare(req["IdentityStoreId"]))
    if store is None or (store.account != call.account and organizations.administers(call.cloud, call.account, "sso.amazonaws.com") != store.account):
        raise errors.not_found("IDENTITY_STORE")
    return call.at(store.account, store.region), store


def asked(*members: tuple[str, str]) -> Any:
    """What IAM is asked: about the store, and what the request names in it. They count as the caller's own account's, since who else may come at all is Organizations' to say."""
    def needs(call: Call, req: Any) -> list[Need]:
        id = bare(req["IdentityStoreId"])
        store = call.get(Store, id)
        found = [arn(store) if store else f"arn:aws:identitystore::{call.account}:identitystore/{id}"]
        for member, kind in members:
            if given := req.get(member):
                given = given.get("UserId", "*") if isinstance(given, dict) else given
                found.append(thing(kind, bare(given)))
        return [Need(f"identitystore:{call.op}", one, account=call.account) for one in found]
    return needs


def stamps(record: Any) -> dict[str, Any]:
    return {"CreatedAt": record.created, "UpdatedAt": record.updated, "CreatedBy": record.by, "UpdatedBy": record.by}


def capital(value: Any) -> Any:
    """Members as the API spells them: attributes are named `emails`, their values may come as {"value": ...} or {"Value": ...}."""
    if isinstance(value, dict):
        return {name[:1].upper() + name[1:]: capital(inner) for name, inner in value.items()}
    return [capital(inner) for inner in value] if isinstance(value, list) else value


def changed(attributes: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """Attributes after `name.givenName` and its like were set, or taken away where no value came."""
    found = dict(attributes)
    for one in operations:
        first, _, rest = one["AttributePath"].partition(".")
        first = first[:1].upper() + first[1:]
        value = capital(one.get("AttributeValue"))
        if rest:
            inner = dict(found.get(first) or {})
            inner[rest[:1].upper() + rest[1:]] = value
            value = {name: kept for name, kept in inner.items() if kept is not None}
        found[first] = value
    return {name: kept for name, kept in found.items() if kept not in (None, {})}


@identitystore.op(resource=ANY)
def list_identity_stores(call: Call, req: t.ListIdentityStoresRequest) -> t.ListIdentityStoresResponse:
    mine = sorted((store for store in call.all(Store) if store.account == call.account and store.region == call.region), key=lambda store: store.id)
    found, more = pages.page(mine, req, lambda store: store.id, 100, errors.bad_token)
    return {"IdentityStores": [{"IdentityStoreId": store.id, "IdentityStoreArn": arn(store)} for store in found], **more}
