"""Changes: each answers with an id, and is PENDING until all of Route 53's servers know it.

What is changed is served at once; AWS promises it only for when the change is INSYNC, so whoever waits for that is right here too.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, names
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

SYNC_SECONDS = 2
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

route53.table("CREATE TABLE IF NOT EXISTS route53_change (id TEXT PRIMARY KEY, account TEXT NOT NULL, at REAL NOT NULL, comment TEXT NOT NULL) WITHOUT ROWID")


def made(call: Call, comment: str) -> dict[str, Any]:
    id_ = "C" + call.pick(LETTERS, 20)
    call.sql("INSERT INTO route53_change VALUES (?,?,?,?)", id_, call.account, call.now, comment)
    return view(call, id_, call.now, comment)


def view(call: Call, id_: str, at: float, comment: str) -> dict[str, Any]:
    status = "INSYNC" if call.now >= at + SYNC_SECONDS else "PENDING"
    return {"Id": f"/change/{id_}", "Status": status, "SubmittedAt": at, **({"Comment": comment} if comment else {})}


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"change/{names.bare(req['Id'])}", region="", account="")


@route53.op(resource=by_id)
def get_change(call: Call, req: t.GetChangeRequest) -> t.GetChangeResponse:
    id_ = names.bare(req["Id"])
    row = call.row("SELECT at, comment FROM route53_change WHERE id=? AND account=?", id_, call.account)
    if row is None:
        raise errors.no_such_change(id_)
    return {"ChangeInfo": view(call, id_, *row)}  # type: ignore[typeddict-item]
