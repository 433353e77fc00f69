"""Links: a subject of an identity provider that is one of the pool's people, because an administrator said so before it signed in."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pools, providers, users
from . import service as cognito
from .pools import Pool, by_id
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_link (
    pool TEXT NOT NULL, provider TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (pool, provider, name, value)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_link_user ON cognito_link (pool, key);
""")

SUBJECT, OWN = "Cognito_Subject", "Cognito"
MOST = 5


def target(call: Call, pool: Pool, provider: str, said: dict[str, str]) -> User | None:
    """Who is meant by a claim that somebody has been linked by."""
    for name, value in said.items():
        if row := call.row("SELECT key FROM cognito_link WHERE pool = ? AND provider = ? AND name = ? AND value = ?", pool.id, provider, name, value):
            return users.get(call, pool, row[0])
    return None


@cognito.op(resource=by_id)
def admin_link_provider_for_user(call: Call, req: t.AdminLinkProviderForUserRequest) -> t.AdminLinkProviderForUserResponse:
    pool, whose, source = pools.find(call, req["UserPoolId"]), req["DestinationUser"], req["SourceUser"]
    name = whose.get("ProviderAttributeValue", "")
    if whose.get("ProviderName", OWN) != OWN:
        name = f"{whose['ProviderName']}_{name}"
    user = users.find(call, pool, name)
    provider, attribute, value = source.get("ProviderName", ""), source.get("ProviderAttributeName", ""), source.get("ProviderAttributeValue", "")
    if not (provider and attribute and value):
        raise errors.parameter("SourceUser needs ProviderName, ProviderAttributeName and ProviderAttributeValue.")
    if provider in (OWN, "COGNITO"):
        raise errors.parameter("SourceUser cannot be a native user of the user pool.")
    one = providers.find(call, pool.id, provider)
    if attribute == SUBJECT and users.get(call, pool, pool.fold(f"{provider}_{value}")):
        raise errors.parameter("Merging is not currently supported, provide a SourceUser that has not been signed up in order to link")
    row = call.row("SELECT key FROM cognito_link WHERE pool = ? AND provider = ? AND name = ? AND value = ?", pool.id, provider, attribute, value)
    if row:
        raise errors.parameter("SourceUser is already linked to DestinationUser" if row[0] == user.key else "SourceUser is already linked to another user")
    if call.row("SELECT count(*) FROM cognito_link WHERE pool = ? AND key = ?", pool.id, user.key)[0] >= MOST:
        raise errors.too_many_tries()
    call.sql("INSERT INTO cognito_link VALUES (?,?,?,?,?)", pool.id, provider, attribute, value, user.key)
    identity = {"userId": value, "providerName": provider, "providerType": one.type, "issuer": one.details.get("oidc_issuer"), "primary": False, "dateCreated": int(call.now * 1000)}
    users.change(call, user, attributes={**user.attributes, "identities": json.dumps([*identities(user), identity])})
    return {}


@cognito.op(resource=by_id)
def admin_disable_provider_for_user(call: Call, req: t.AdminDisableProviderForUserRequest) -> t.AdminDisableProviderForUserResponse:
    """A link ends; a person of the pool's own can use the password no more; a profile that a provider made is disabled."""
    pool, who = pools.find(call, req["UserPoolId"]), req["User"]
    provider, attribute, value = who.get("ProviderName", ""), who.get("ProviderAttributeName", SUBJECT), who.get("ProviderAttributeValue", "")
    if provider == OWN:
        users.change(call, users.find(call, pool, value), salt="", verifier="")
        return {}
    providers.find(call, pool.id, provider)
    row = call.row("SELECT key FROM cognito_link WHERE pool = ? AND provider = ? AND name = ? AND value = ?", pool.id, provider, attribute, value)
    if row:
        call.sql("DELETE FROM cognito_link WHERE pool = ? AND provider = ? AND name = ? AND value = ?", pool.id, provider, attribute, value)
        if user := users.get(call, pool, row[0]):
            kept = [one for one in identities(user) if (one["providerName"], one["userId"]) != (provider, value)]
            users.change(call, user, attributes={k: v for k, v in user.attributes.items() if k != "identities"} | ({"identities": json.dumps(kept)} if kept else {}))
        return {}
    users.change(call, users.find(call, pool, f"{provider}_{value}"), enabled=False)
    return {}


def identities(user: User) -> list[Any]:
    return json.loads(user.attributes.get("identities", "[]"))  # type: ignore[no-any-return]
