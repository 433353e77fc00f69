"""Temporary credentials: one row each, found by key, kept a day past their end so that their owner hears ExpiredToken and not a riddle."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.iam import Principal
from cloche.kernel import Call

from . import service as sts

if TYPE_CHECKING:
    from cloche.kernel import Cloud

    from ..iam.public import Credential

DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
KEPT_SECONDS = 86400

sts.table("""
CREATE TABLE IF NOT EXISTS sts_session (
    key TEXT PRIMARY KEY, secret BLOB NOT NULL, token BLOB NOT NULL, expires REAL NOT NULL, principal BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sts_session_expires ON sts_session (expires);
""")


def begin(call: Call, principal: Principal, seconds: float) -> tuple[dict[str, Any], Principal]:
    """Make credentials that act as this principal. `call` may be of any service."""
    call = call.of("sts")
    now = call.now
    call.sql("DELETE FROM sts_session WHERE key IN (SELECT key FROM sts_session WHERE expires < ? LIMIT 100)", now - KEPT_SECONDS)
    key = "ASIA" + call.pick(DIGITS, 16)
    principal = msgspec.structs.replace(principal, access_key=key, issued=now)
    secret, token = (call.secret(size).replace("-", "+").replace("_", "/") for size in (30, 270))
    expires = float(int(now + seconds))
    seal = call.cloud.store.seal
    call.sql("INSERT INTO sts_session VALUES (?,?,?,?,?)", key, seal.close(secret.encode(), key.encode()), seal.close(token.encode(), key.encode()), expires, msgspec.msgpack.encode(principal))
    return {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token, "Expiration": expires}, principal


def find(cloud: Cloud, key: str) -> Credential | None:
    from ..iam.public import Credential
    memo = cloud.memory.setdefault("sts.sessions", {})
    found = memo.get(key)
    if found is None:
        cloud.service("sts")
        row = cloud.store.run("SELECT secret, token, expires, principal FROM sts_session WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        if len(memo) > 4096:
            memo.clear()
        secret, token = (text if isinstance(text, str) else cloud.store.seal.open(text, key.encode()).decode() for text in row[:2])
        found = memo[key] = Credential(secret, msgspec.msgpack.decode(row[3], type=Principal), token, row[2])
    return found
