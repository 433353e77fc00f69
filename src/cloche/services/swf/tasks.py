"""Task lists: what waits for a decider or a worker, the highest priority first and then the oldest. A list needs no making."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import domains, names
from . import service as swf

if TYPE_CHECKING:
    from cloche.shapes import swf as t

    from .executions import Execution

swf.table("""
CREATE TABLE IF NOT EXISTS swf_task (number INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, domain TEXT NOT NULL, kind TEXT NOT NULL, list TEXT NOT NULL, priority INTEGER NOT NULL,
    run TEXT NOT NULL, id TEXT NOT NULL, event INTEGER NOT NULL, token TEXT NOT NULL UNIQUE, taken INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS swf_waiting ON swf_task (account, region, domain, kind, list, priority DESC, number) WHERE taken=0;
CREATE INDEX IF NOT EXISTS swf_of_run ON swf_task (run);
""")

POLL = 60.0      # seconds that a poll waits


def topic(call: Call, domain: str, kind: str, list_: str) -> Any:
    return ("swf", call.account, call.region, domain, kind, list_)


def offer(call: Call, one: Execution, kind: str, list_: str, priority: str | None, id_: str, event: int) -> str:
    token = call.secret(96)
    call.sql("INSERT INTO swf_task (account, region, domain, kind, list, priority, run, id, event, token, taken) VALUES (?,?,?,?,?,?,?,?,?,?,0)",
             one.account, one.region, one.domain, kind, list_, int(priority or 0), one.run, id_, event, token)
    call.signal(topic(call, one.domain, kind, list_))
    return token


def take(call: Call, domain: str, kind: str, list_: str) -> Any:
    """(run, id, event, token) of the next, which is nobody else's then; None if there is none."""
    return call.row("""UPDATE swf_task SET taken=1 WHERE number=(SELECT number FROM swf_task WHERE account=? AND region=? AND domain=? AND kind=? AND list=? AND taken=0 ORDER BY priority DESC, number LIMIT 1)
        RETURNING run, id, event, token""", call.account, call.region, domain, kind, list_)


def known(call: Call, kind: str, token: str) -> Any:
    """(run, id, event, domain) of a task that somebody has, if the token is one of this account's."""
    return call.row("SELECT run, id, event, domain FROM swf_task WHERE token=? AND kind=? AND taken=1 AND account=? AND region=?", token, kind, call.account, call.region)


def withdraw(call: Call, token: str) -> None:
    call.sql("DELETE FROM swf_task WHERE token=?", token)


def withdraw_all(call: Call, run: str) -> None:
    call.sql("DELETE FROM swf_task WHERE run=?", run)


def of_token(call: Call, req: Any) -> str:
    """The domain that whoever holds a token asks for."""
    row = call.row("SELECT domain FROM swf_task WHERE token=? AND account=? AND region=?", req["taskToken"], call.account, call.region)
    return names.domain_arn(call, row[0] if row else "*")


def _pending(call: Call, req: Any, kind: str) -> Any:
    domains.find(call, req["domain"])
    waiting = call.sql("SELECT COUNT(*) FROM swf_task WHERE account=? AND region=? AND domain=? AND kind=? AND list=? AND taken=0", call.account, call.region, req["domain"], kind, req["taskList"]["name"])
    return {"count": waiting[0][0], "truncated": False}


@swf.op(names.in_domain, context=names.asked)
def count_pending_decision_tasks(call: Call, req: t.CountPendingDecisionTasksInput) -> t.PendingTaskCount:
    return _pending(call, req, "decision")  # type: ignore[no-any-return]


@swf.op(names.in_domain, context=names.asked)
def count_pending_activity_tasks(call: Call, req: t.CountPendingActivityTasksInput) -> t.PendingTaskCount:
    return _pending(call, req, "activity")  # type: ignore[no-any-return]
