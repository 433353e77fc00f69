"""What a sign-in remembers between its steps: opaque texts for the client, rows here. Each is used once, and lives three minutes unless the client says otherwise."""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call

from . import errors
from . import service as cognito
from .clients import Client

cognito.table("""
CREATE TABLE IF NOT EXISTS cognito_session (token TEXT PRIMARY KEY, expires REAL NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cognito_session_expires ON cognito_session (expires);
""")

KEPT_SECONDS = 3600
MOST_TRIES = 5


def begin(call: Call, client: Client, kind: str, key: str, seconds: float = 0, token: str = "", **body: Any) -> str:
    token = token or call.secret(400)
    call.sql("DELETE FROM cognito_session WHERE token IN (SELECT token FROM cognito_session WHERE expires < ? LIMIT 50)", call.now - KEPT_SECONDS)
    call.sql("INSERT INTO cognito_session VALUES (?,?,?)", token, call.now + (seconds or 60 * (client.values.get("AuthSessionValidity") or 3)),
             msgspec.msgpack.encode({"kind": kind, "client": client.id, "key": key, **body}))
    return token


def look(call: Call, client: Client, token: str, *kinds: str) -> dict[str, Any]:
    row = call.row("SELECT expires, body FROM cognito_session WHERE token = ?", token)
    body = msgspec.msgpack.decode(row[1]) if row else {}
    if not row or body["client"] != client.id or body["kind"] not in kinds:
        raise errors.bad_session()
    if row[0] <= call.now:
        raise errors.session_expired()
    return body  # type: ignore[no-any-return]


def end(call: Call, token: str) -> None:
    call.sql("DELETE FROM cognito_session WHERE token = ?", token)


def tried(call: Call, token: str, body: dict[str, Any]) -> None:
    """A wrong answer: the session bears a few."""
    with call.step():
        if body.get("tries", 0) + 1 >= MOST_TRIES:
            end(call, token)
        else:
            call.sql("UPDATE cognito_session SET body = ? WHERE token = ?", msgspec.msgpack.encode({**body, "tries": body.get("tries", 0) + 1}), token)
