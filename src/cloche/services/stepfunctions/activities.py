"""Activities: tasks that workers anywhere fetch by long polling."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import engine, errors, machines
from . import service as states

if TYPE_CHECKING:
    from cloche.shapes import stepfunctions as t

    from .engine import Run, Thread

states.table("CREATE TABLE IF NOT EXISTS sfn_offer (number INTEGER PRIMARY KEY, activity TEXT NOT NULL, token TEXT NOT NULL UNIQUE, input TEXT NOT NULL)")
states.table("CREATE INDEX IF NOT EXISTS sfn_offers ON sfn_offer (activity, number)")

POLL = 60.0


class Activity(Record, frozen=True):
    kind = "stepfunctions.activity"
    name: str
    arn: str
    created: float
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def _new(call: Call, req: Any) -> str:
    return call.arn(f"activity:{req['name']}")


def _by_arn(call: Call, req: Any) -> str:
    return str(req["activityArn"])


def find(call: Call, arn: str) -> Activity:
    parts = arn.split(":")
    if len(parts) != 7 or parts[5] != "activity":
        raise errors.invalid_arn(arn)
    one = call.get(Activity, parts[6])
    if one is None:
        raise errors.no_activity(arn)
    return one


@states.op(_new, context=machines.tags_asked)
def create_activity(call: Call, req: t.CreateActivityInput) -> t.CreateActivityOutput:
    if not machines.NAME.fullmatch(req["name"]):
        raise errors.invalid_name(req["name"])
    one = call.get(Activity, req["name"]) or call.put(Activity(req["name"], _new(call, req), call.now, machines.tags_given(req)))
    return {"activityArn": one.arn, "creationDate": one.created}


@states.op(_by_arn)
def describe_activity(call: Call, req: t.DescribeActivityInput) -> t.DescribeActivityOutput:
    one = find(call, req["activityArn"])
    return {"activityArn": one.arn, "name": one.name, "creationDate": one.created}


@states.op(_by_arn)
def delete_activity(call: Call, req: t.DeleteActivityInput) -> t.DeleteActivityOutput:
    one = call.get(Activity, req["activityArn"].rpartition(":")[2])
    if one is not None:
        call.delete(one)
    return {}


@states.op(ANY)
def list_activities(call: Call, req: t.ListActivitiesInput) -> t.ListActivitiesOutput:
    found, more = page(sorted(call.all(Activity), key=lambda one: one.name), req, lambda one: one.name, min(req.get("maxResults") or 100, 1000), errors.bad_token, size="_", token="nextToken")
    return {"activities": [{"activityArn": one.arn, "name": one.name, "creationDate": one.created} for one in found], **more}  # type: ignore[typeddict-item]


def offer(call: Call, activity: str, token: str, given: str) -> None:
    call.sql("INSERT INTO sfn_offer (activity, token, input) VALUES (?,?,?)", activity, token, given)
    call.signal(("states.activity", activity))


def withdraw(call: Call, token: str) -> None:
    call.sql("DELETE FROM sfn_offer WHERE token=?", token)


@states.op(_by_arn)
async def get_activity_task(call: Call, req: t.GetActivityTaskInput) -> t.GetActivityTaskOutput:
    """The next task, or nothing after a minute."""
    with call.step():
        one = find(call, req["activityArn"])
    until = call.now + POLL
    while True:
        with call.step():
            row = call.row("DELETE FROM sfn_offer WHERE number=(SELECT MIN(number) FROM sfn_offer WHERE activity=?) RETURNING token, input", one.arn)
            if row is not None:
                def does(run: Run, thread: Thread) -> None:
                    run.note(thread, "ActivityStarted", workerName=req.get("workerName"))
                holder = call.row("SELECT execution, id FROM sfn_thread WHERE token=?", row[0])
                if holder is not None and engine.turn(call, *holder, does):
                    return {"taskToken": row[0], "input": row[1]}
                continue
        if call.now >= until:
            return {}
        await call.wait([("states.activity", one.arn)], until)
