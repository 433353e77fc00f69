"""Batch operations: a job does one thing to every object of a manifest, under its role, and writes a report.

New -> Preparing -> Suspended until somebody confirms, or at once Ready -> Active -> Complete. One worker carries a job on; how far it came is in the
record, so that it goes on where it was after a stop.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Record, pages
from cloche.services.s3 import public as s3

from . import errors
from . import service as control
from .access_points import own

if TYPE_CHECKING:
    from cloche.shapes import s3control as t

OVER = ("Cancelled", "Complete", "Failed")
DAY = 86_400
WAITS_DAYS, KEPT_DAYS, MOST_TAGS = 30, 90, 50
BUILT = {"S3PutObjectTagging", "S3DeleteObjectTagging", "S3PutObjectCopy", "S3PutObjectAcl", "S3InitiateRestoreObject", "S3PutObjectLegalHold", "S3PutObjectRetention", "LambdaInvoke"}


class Job(Record, frozen=True):
    kind = "s3control.job"

    id: str
    made: float
    operation: dict[str, Any]
    report: dict[str, Any]
    manifest: dict[str, Any]
    role: str
    priority: int
    confirm: bool
    token: str
    asked: str                     # what was asked with the token
    description: str = ""
    tags: dict[str, str] = {}
    status: str = "New"
    reason: str = ""
    failure: list[str] = []        # code, reason
    total: int = 0
    succeeded: int = 0
    failed: int = 0
    results: list[list[str]] = []  # rows of the report
    suspended: float = 0.0
    ended: float = 0.0

    @property
    def key(self) -> str:
        return self.id


def arn(call: Call, id_: str) -> str:
    return f"arn:{s3.partition(call.region)}:s3:{call.region}:{call.account}:job/{id_}"


def find(call: Call, req: Any) -> Job:
    own(call, req)
    found = call.get(Job, req["JobId"])
    if found is None:
        raise errors.no_such_job(req["JobId"])
    return found


def on_job(action: str) -> Any:
    def needs(call: Call, req: Any) -> list[Need]:
        found = call.get(Job, req["JobId"])
        context = {"s3:ExistingJobPriority": str(found.priority), "s3:ExistingJobOperation": next(iter(found.operation)), **{f"aws:ResourceTag/{k}": v for k, v in found.tags.items()}} if found else {}
        return [Need(action, arn(call, req["JobId"]), context)]
    return needs


def _pairs(tags: Any) -> dict[str, str]:
    found = {tag["Key"]: tag["Value"] for tag in tags or ()}
    if len(found) > MOST_TAGS:
        raise errors.too_many_tags()
    return found


def may_create(call: Call, req: Any) -> list[Need]:
    context = {"s3:RequestJobPriority": str(req["Priority"]), "s3:RequestJobOperation": next(iter(req["Operation"]), "")}
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()}
    more = [Need("s3:PutJobTagging", arn(call, "*"))] if tags else []
    return [Need("s3:CreateJob", arn(call, "*"), context | {f"aws:RequestTag/{k}": v for k, v in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})), *more]


@control.op(needs=may_create, partly="manifests are CSV files; none is generated, no inventory is read; objects are not replicated, summed or sealed anew")
def create_job(call: Call, req: t.CreateJobRequest) -> t.CreateJobResult:
    own(call, req)
    asked = str(sorted((name, value) for name, value in req.items() if name != "ClientRequestToken"))
    for one in call.all(Job):
        if one.token == req["ClientRequestToken"]:
            if one.asked != asked:
                raise errors.token_used()
            return {"JobId": one.id}
    operation: Any = {name: value for name, value in req["Operation"].items() if value is not None}
    if len(operation) != 1:
        raise errors.bad("Exactly one operation must be specified in the Operation parameter")
    [name] = operation
    if name not in BUILT:
        raise errors.not_built(f"{name} is not built in Cloche")
    manifest: Any = req.get("Manifest")
    if manifest is None or "ManifestGenerator" in req:
        raise errors.not_built("Cloche generates no manifests") if "ManifestGenerator" in req else errors.bad("Either a Manifest or a ManifestGenerator must be specified")
    if manifest["Spec"]["Format"] != "S3BatchOperations_CSV_20180820":
        raise errors.not_built("Cloche reads manifests in CSV alone")
    fields = manifest["Spec"].get("Fields") or []
    if fields[:2] != ["Bucket", "Key"] or set(fields[2:]) - {"VersionId", "Ignore"}:
        raise errors.bad("Manifest fields must begin with Bucket, Key")
    report: Any = req["Report"]
    if report["Enabled"] and not report.get("Bucket"):
        raise errors.bad("A report that is enabled must name its bucket")
    call.pass_role(req["RoleArn"], "batchoperations.s3.amazonaws.com")
    job = call.put(Job(call.uuid(), call.now, operation, dict(report), manifest, req["RoleArn"], req["Priority"], req.get("ConfirmationRequired", True), req["ClientRequestToken"], asked,
                       req.get("Description", ""), _pairs(req.get("Tags"))))
    from .batches import work
    call.wake(work, job.id)
    return {"JobId": job.id}


def _progress(job: Job) -> Any:
    return {"TotalNumberOfTasks": job.total, "NumberOfTasksSucceeded": job.succeeded, "NumberOfTasksFailed": job.failed}


@control.op(needs=on_job("s3:DescribeJob"))
def describe_job(call: Call, req: t.DescribeJobRequest) -> t.DescribeJobResult:
    job = find(call, req)
    out: dict[str, Any] = {"JobId": job.id, "ConfirmationRequired": job.confirm, "JobArn": arn(call, job.id), "Status": job.status, "Manifest": job.manifest, "Operation": job.operation,
                           "Priority": job.priority, "ProgressSummary": _progress(job), "Report": job.report, "CreationTime": job.made, "RoleArn": job.role}
    if job.description:
        out["Description"] = job.description
    if job.reason:
        out["StatusUpdateReason"] = job.reason
    if job.failure:
        out["FailureReasons"] = [{"FailureCode": job.failure[0], "FailureReason": job.failure[1]}]
    if job.suspended:
        out |= {"SuspendedDate": job.suspended, "SuspendedCause": "AwaitingConfirmation"}
    if job.ended:
        out["TerminationDate"] = job.ended
    return {"Job": out}  # type: ignore[typeddict-item]


@control.op(needs=lambda call, req: [Need("s3:ListJobs", "*")])
def list_jobs(call: Call, req: t.ListJobsRequest) -> t.ListJobsResult:
    own(call, req)
    wanted = req.get("JobStatuses")
    jobs = sorted((job for job in call.all(Job) if not wanted or job.status in wanted), key=lambda job: (-job.made, job.id))
    page, more = pages.page(jobs, req, lambda job: job.id, 1000, lambda: errors.bad("The NextToken is not valid"))
    return {"Jobs": [{"JobId": job.id, "Operation": next(iter(job.operation)), "Priority": job.priority, "Status": job.status, "CreationTime": job.made, "ProgressSummary": _progress(job)}  # type: ignore[typeddict-item]
                     | ({"Description": job.description} if job.description else {}) | ({"TerminationDate": job.ended} if job.ended else {}) for job in page], **more}


@control.op(needs=on_job("s3:UpdateJobStatus"))
def update_job_status(call: Call, req: t.UpdateJobStatusRequest) -> t.UpdateJobStatusResult:
    job, wanted = find(call, req), req["RequestedJobStatus"]
    if job.status in OVER or (wanted == "Ready" and job.status != "Suspended"):
        raise errors.wrong_status(job.status)
    job = job.but(status=wanted, reason=req.get("StatusUpdateReason", ""), suspended=0.0)
    call.put(ended(call, job) if wanted == "Cancelled" else job)
    if wanted == "Ready":
        from .batches import work
        call.wake(work, job.id)
    return {"JobId": job.id, "Status": job.status} | ({"StatusUpdateReason": job.reason} if job.reason else {})  # type: ignore[return-value]


@control.op(needs=on_job("s3:UpdateJobPriority"))
def update_job_priority(call: Call, req: t.UpdateJobPriorityRequest) -> t.UpdateJobPriorityResult:
    job = find(call, req)
    if job.status in OVER:
        raise errors.wrong_status(job.status)
    call.put(job.but(priority=req["Priority"]))
    return {"JobId": job.id, "Priority": req["Priority"]}


@control.op(needs=on_job("s3:PutJobTagging"))
def put_job_tagging(call: Call, req: t.PutJobTaggingRequest) -> t.PutJobTaggingResult:
    call.put(find(call, req).but(tags=_pairs(req["Tags"])))
    return {}


@control.op(needs=on_job("s3:GetJobTagging"))
def get_job_tagging(call: Call, req: t.GetJobTaggingRequest) -> t.GetJobTaggingResult:
    return {"Tags": [{"Key": key, "Value": value} for key, value in find(call, req).tags.items()]}


@control.op(needs=on_job("s3:DeleteJobTagging"))
def delete_job_tagging(call: Call, req: t.DeleteJobTaggingRequest) -> t.DeleteJobTaggingResult:
    call.put(find(call, req).but(tags={}))
    return {}


def ended(call: Call, job: Job) -> Job:
    call.after(KEPT_DAYS * DAY, forget, name=job.id, job=job.id)
    return job.but(ended=call.now)


@control.timer
def forget(call: Call, job: str) -> None:
    """A job is known for ninety days after its end; one that nobody confirms fails after thirty."""
    found = call.get(Job, job)
    if found is None:
        return
    if found.status in OVER:
        call.delete(found)
    elif found.status == "Suspended":
        call.put(ended(call, found.but(status="Failed", failure=["JobExpired", "The job was not confirmed within 30 days"])))
