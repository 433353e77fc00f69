"""ClientToken: the same request said twice makes one thing. What a token made is remembered for a day."""
from __future__ import annotations

import hashlib
from typing import Any

from cloche.kernel import Call

from . import errors
from . import service as ec2

SECONDS = 86400

ec2.table("""CREATE TABLE IF NOT EXISTS ec2_token (
    account TEXT, region TEXT, operation TEXT, token TEXT, said BLOB NOT NULL, made TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (account, region, operation, token)) WITHOUT ROWID""")
ec2.table("CREATE INDEX IF NOT EXISTS ec2_token_at ON ec2_token (at)")


def _said(call: Call, req: Any) -> bytes:
    return hashlib.sha256(call.encode({k: v for k, v in sorted(req.items()) if k not in ("ClientToken", "DryRun")})).digest()


def made(call: Call, req: Any) -> str:
    """The id of what the request's token made before; "" if it made nothing. Raises IdempotentParameterMismatch if it asked for something else."""
    if not (token := req.get("ClientToken")):
        return ""
    row = call.row("SELECT said, made, at FROM ec2_token WHERE account=? AND region=? AND operation=? AND token=?", call.account, call.region, call.op, token)
    if row is None or row[2] < call.now - SECONDS:
        return ""
    if row[0] != _said(call, req):
        raise errors.token_reused()
    return str(row[1])


def remember(call: Call, req: Any, id_: str) -> None:
    if token := req.get("ClientToken"):
        call.sql("DELETE FROM ec2_token WHERE at<?", call.now - SECONDS)
        call.sql("INSERT OR REPLACE INTO ec2_token VALUES (?,?,?,?,?,?,?)", call.account, call.region, call.op, token, _said(call, req), id_, call.now)
