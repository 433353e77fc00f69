"""The people of a pool, one row each. What they can be found by (attributes, an alias among them) is a table beside it.

A name is folded where the pool's names are not case sensitive. In a pool whose people sign in by email or phone the name is the `sub`.
"""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call, Sealed

from . import errors, srp
from . import service as cognito
from .clients import Client
from .pools import Pool
from .schema import check_password

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_user (
    pool TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, enabled INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (pool, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cognito_attribute (
    pool TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (pool, name, value, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_attribute_user ON cognito_attribute (pool, key);
""")

SEARCHED = ("sub", "email", "phone_number", "name", "given_name", "family_name", "preferred_username")
LOCKED_AFTER, LONGEST_LOCK = 5, 900


class User(msgspec.Struct, frozen=True, omit_defaults=True):
    pool: str
    key: str                        # folded name
    name: str
    attributes: dict[str, str]
    created: float
    modified: float
    status: str = "UNCONFIRMED"
    enabled: bool = True
    salt: str = ""
    verifier: str = ""
    past: tuple[tuple[str, str], ...] = ()
    temporary_until: float = 0.0    # of a password that an administrator gave
    failures: int = 0
    locked_until: float = 0.0
    totp: Sealed = Sealed("")
    totp_pending: Sealed = Sealed("")
    totp_step: int = 0
    mfa: tuple[str, ...] = ()
    preferred: str = ""
    mfa_options: tuple[dict[str, str], ...] = ()

    @property
    def sub(self) -> str:
        return self.attributes["sub"]

    def but(self, **changes: Any) -> User:
        return msgspec.structs.replace(self, **changes)


def put(call: Call, user: User) -> User:
    pool = user.pool
    call.sql("INSERT OR REPLACE INTO cognito_user VALUES (?,?,?,?,?)", pool, user.key, user.status, user.enabled, msgspec.msgpack.encode(user, enc_hook=call.cloud.store.seal.encode))
    wanted = {(name, user.attributes[name]) for name in SEARCHED if user.attributes.get(name)}
    there = set(call.sql("SELECT name, value FROM cognito_attribute WHERE pool = ? AND key = ?", pool, user.key))
    for name, value in there - wanted:
        call.sql("DELETE FROM cognito_attribute WHERE pool = ? AND name = ? AND value = ? AND key = ?", pool, name, value, user.key)
    for name, value in wanted - there:
        call.sql("INSERT INTO cognito_attribute VALUES (?,?,?,?)", pool, name, value, user.key)
    return user


def change(call: Call, user: User, **changes: Any) -> User:
    """As `put`, and it was touched."""
    return put(call, user.but(**changes, modified=call.now))


def delete(call: Call, user: User) -> None:
    for table in ("user", "attribute", "member", "code", "login", "link", "device", "event"):
        call.sql(f"DELETE FROM cognito_{table} WHERE pool = ? AND key = ?", user.pool, user.key)


def read(call: Call, body: bytes) -> User:
    return msgspec.msgpack.decode(body, type=User, dec_hook=call.cloud.store.seal.decode)


def get(call: Call, pool: Pool, key: str) -> User | None:
    row = call.row("SELECT body FROM cognito_user WHERE pool = ? AND key = ?", pool.id, key)
    return read(call, row[0]) if row else None


def again(call: Call, user: User) -> User:
    """The user as it is now, after waiting for the world; gone is unknown."""
    row = call.row("SELECT body FROM cognito_user WHERE pool = ? AND key = ?", user.pool, user.key)
    if row is None:
        raise errors.no_user()
    return read(call, row[0])


def by_attribute(call: Call, pool: Pool, name: str, value: str) -> list[User]:
    rows = call.sql("SELECT u.body FROM cognito_attribute a JOIN cognito_user u ON u.pool = a.pool AND u.key = a.key WHERE a.pool = ? AND a.name = ? AND a.value = ?", pool.id, name, value)
    return [read(call, row[0]) for row in rows]


def resolve(call: Call, pool: Pool, name: str) -> User | None:
    """Who is meant: a name, or whatever the pool lets stand for one."""
    folded = pool.fold(name)
    found = get(call, pool, folded)
    if found is not None:
        return found
    for kind in pool.values.get("UsernameAttributes") or []:
        if people := by_attribute(call, pool, kind, folded if kind == "email" else name):
            return people[0]
    for kind in pool.values.get("AliasAttributes") or []:
        for one in by_attribute(call, pool, kind, folded):
            if kind == "preferred_username" or one.attributes.get(f"{kind}_verified") == "true":
                return one
    if not pool.values.get("AliasAttributes") and (people := by_attribute(call, pool, "sub", name)):
        return people[0]
    return None


def find(call: Call, pool: Pool, name: str) -> User:
    if user := resolve(call, pool, name):
        return user
    raise errors.no_user()


def folded(pool: Pool, values: dict[str, str]) -> dict[str, str]:
    """Email and preferred_username are compared as names are."""
    return {name: pool.fold(value) if name in ("email", "preferred_username") else value for name, value in values.items()}


# -- aliases ------------------------------------------------------------------------------------------------------------------------

def claim(call: Call, pool: Pool, user: User, *, force: bool = False) -> None:
    """What stands for a name belongs to one person: refuse, or (forced) take it from whoever had it."""
    for kind in pool.values.get("UsernameAttributes") or []:
        value = user.attributes.get(kind)
        if value and any(one.key != user.key for one in by_attribute(call, pool, kind, value)):
            raise errors.user_exists(f"An account with the given {kind} already exists.")
    for kind in pool.values.get("AliasAttributes") or []:
        value = user.attributes.get(kind)
        if not value or (kind != "preferred_username" and user.attributes.get(f"{kind}_verified") != "true"):
            continue
        for one in by_attribute(call, pool, kind, value):
            if one.key == user.key or (kind != "preferred_username" and one.attributes.get(f"{kind}_verified") != "true"):
                continue
            if not force or kind == "preferred_username":
                raise errors.alias_exists(f"An account with the {'already used ' if kind == 'preferred_username' else 'given '}{kind} already exists.")
            change(call, one, attributes={**one.attributes, f"{kind}_verified": "false"})


# -- passwords ------------------------------------------------------------------------------------------------------------------------

def with_password(call: Call, pool: Pool, user: User, password: str, *, check: bool = True) -> User:
    """The user with this password, if the pool's policy likes it."""
    if check:
        check_password(pool.password_policy, password)
    size = pool.password_policy.get("PasswordHistorySize") or 0
    if size and user.salt:
        past = [(user.salt, user.verifier), *user.past][:size]
        if any(srp.matches(srp.Verifier(*one), pool.short, user.name, password) for one in past):
            raise errors.password_used()
    kept = tuple([(user.salt, user.verifier), *user.past][:size]) if user.salt else ()
    made = srp.verifier(call.id(digits=32), pool.short, user.name, password)
    return user.but(salt=made.salt, verifier=made.value, past=kept, failures=0, locked_until=0.0, temporary_until=0.0)


def has_password(pool: Pool, user: User, password: str) -> bool:
    return bool(user.salt) and srp.matches(srp.Verifier(user.salt, user.verifier), pool.short, user.name, password)


def failed(call: Call, user: User) -> None:
    """After five wrong passwords each further one locks the user out, twice as long every time."""
    failures = user.failures + 1
    seconds = min(2 ** (failures - LOCKED_AFTER), LONGEST_LOCK) if failures >= LOCKED_AFTER else 0
    with call.step():
        put(call, user.but(failures=failures, locked_until=call.now + seconds if seconds else 0.0))


# -- as others see them -----------------------------------------------------------------------------------------------------------------

def listed(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in sorted(attributes.items(), key=lambda pair: pair[0] != "sub")]


def readable(client: Client, user: User) -> dict[str, str]:
    return {name: value for name, value in user.attributes.items() if client.may("ReadAttributes", name)}


def shown(user: User, only: list[str] | None = None) -> dict[str, Any]:
    attributes = user.attributes if only is None else {k: v for k, v in user.attributes.items() if k in only}
    answer: dict[str, Any] = {"Username": user.name, "Attributes": listed(attributes), "UserCreateDate": user.created, "UserLastModifiedDate": user.modified, "Enabled": user.enabled,
                              "UserStatus": user.status}
    if user.mfa_options:
        answer["MFAOptions"] = list(user.mfa_options)
    return answer


def factors(user: User) -> dict[str, Any]:
    """The second factors of an answer about a user."""
    answer: dict[str, Any] = {}
    if user.mfa:
        answer["UserMFASettingList"] = list(user.mfa)
    if user.preferred:
        answer["PreferredMfaSetting"] = user.preferred
    if user.mfa_options:
        answer["MFAOptions"] = list(user.mfa_options)
    return answer
