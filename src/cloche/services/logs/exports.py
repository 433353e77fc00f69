"""Export tasks: the events of a group and a time, as compressed objects in a bucket, one after another and one task at a time."""
from __future__ import annotations

import gzip
import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record

from . import errors, groups, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

PER_OBJECT = 50_000     # events
ACTIVE = ("PENDING", "RUNNING", "PENDING_CANCEL")


class ExportTask(Record, frozen=True):
    kind = "logs.export"

    id: str
    group: str
    start: int
    end: int
    bucket: str
    prefix: str
    created: int
    name: str = ""
    streams: str = ""
    status: str = "PENDING"
    message: str = ""
    completed: int = 0

    @property
    def key(self) -> str:
        return self.id


def described(task: ExportTask) -> dict[str, Any]:
    out: dict[str, Any] = {"taskId": task.id, "logGroupName": task.group, "from": task.start, "to": task.end, "destination": task.bucket, "destinationPrefix": task.prefix,
                           "status": {"code": task.status} | ({"message": task.message} if task.message else {}),
                           "executionInfo": {"creationTime": task.created} | ({"completionTime": task.completed} if task.completed else {})}
    return out | ({"taskName": task.name} if task.name else {})


def writer(call: Call) -> Call:
    return call.as_service("logs.amazonaws.com", source_arn=call.arn("log-group:*"), source_account=call.account)


async def asked(call: Call, operation: str, **more: Any) -> None:
    answer = writer(call).do("s3", operation, **more)
    if inspect.isawaitable(answer):
        await answer


@logs.op(groups.by_name)
async def create_export_task(call: Call, req: t.CreateExportTaskRequest) -> t.CreateExportTaskResponse:
    groups.find(call, req["logGroupName"])
    if req["from"] >= req["to"]:
        raise errors.invalid("The specified time range is invalid: 'from' must be before 'to'.")
    if any(one.status in ACTIVE for one in call.all(ExportTask)):
        raise AwsError("LimitExceededException", "Resource limit exceeded.")
    prefix = req.get("destinationPrefix", "exportedlogs").strip("/")
    for operation, more in (("GetBucketAcl", {}), ("PutObject", {"Key": f"{prefix}/aws-logs-write-test", "Body": b"Permission Check Successful"})):
        try:
            await asked(call, operation, Bucket=req["destination"], **more)
        except AwsError as error:
            if error.code == "NoSuchBucket":
                raise errors.invalid("The given bucket does not exist. Please check that the bucket name is correct.") from None
            raise errors.invalid(f"{operation} call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.") from None
    with call.step():
        task = call.put(ExportTask(call.uuid(), req["logGroupName"], req["from"], req["to"], req["destination"], prefix, groups.milliseconds(call), req.get("taskName", ""),
                                   req.get("logStreamNamePrefix", "")))
        call.wake(run_export, task.id)
    return {"taskId": task.id}


@logs.worker
async def run_export(call: Call, key: str) -> None:
    """Objects named by number are written again after a restart: the same ones."""
    task = call.get(ExportTask, key)
    if task is None or task.status not in ACTIVE:
        return
    with call.step():
        call.put(task.but(status="RUNNING"))
    trouble = ""
    try:
        await write(call, task)
    except AwsError as error:
        trouble = error.message
    with call.step():
        task = call.get(ExportTask, key)
        if task is not None and task.status in ACTIVE:
            status = "CANCELLED" if task.status == "PENDING_CANCEL" else "FAILED" if trouble else "COMPLETED"
            call.put(task.but(status=status, message=trouble or ("Completed successfully" if status == "COMPLETED" else ""), completed=groups.milliseconds(call)))


async def write(call: Call, task: ExportTask) -> None:
    group = groups.find(call, task.group)
    since = max(task.start, groups.kept_since(call, group))
    for stream, name in call.sql("SELECT id, name FROM logs_stream WHERE grp=? ORDER BY name", group.number):
        if not name.startswith(task.streams):
            continue
        at, number = (-1, -1), 0
        while rows := call.sql("SELECT ts, id, message FROM logs_event WHERE stream=? AND ts>=? AND ts<=? AND (ts, id)>(?,?) ORDER BY ts, id LIMIT ?", stream, since, task.end, *at, PER_OBJECT):
            text = "".join(f"{datetime.fromtimestamp(ts / 1000, UTC).strftime('%Y-%m-%dT%H:%M:%S')}.{ts % 1000:03d}Z {sealing.open_(call, kept)}\n" for ts, _, kept in rows)
            await asked(call, "PutObject", Bucket=task.bucket, Key=f"{task.prefix}/{task.id}/{name.replace('/', '-')}/{number:06d}.gz", Body=gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0))
            at, number = rows[-1][:2], number + 1
            now = call.get(ExportTask, task.id)
            if now is None or now.status == "PENDING_CANCEL":
                return


@logs.op(ANY)
def describe_export_tasks(call: Call, req: t.DescribeExportTasksRequest) -> t.DescribeExportTasksResponse:
    found = [one for one in call.all(ExportTask) if req.get("taskId") in (None, one.id) and req.get("statusCode") in (None, one.status)]
    shown, token = groups.page(sorted(found, key=lambda one: one.id), req, lambda one: one.id, 50)
    out: Any = {"exportTasks": [described(one) for one in shown]}
    return out | token  # type: ignore[no-any-return]


@logs.op(ANY)
def cancel_export_task(call: Call, req: t.CancelExportTaskRequest) -> None:
    task = call.get(ExportTask, req["taskId"])
    if task is None:
        raise AwsError("ResourceNotFoundException", "The specified export task does not exist.")
    if task.status not in ACTIVE:
        raise AwsError("InvalidOperationException", "The specified export task has already finished")
    call.put(task.but(status="PENDING_CANCEL"))
