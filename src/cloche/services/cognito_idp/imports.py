"""Import jobs: people from a file with the pool's header, uploaded to the job's own address. Whoever is imported sets a password at the first sign-in (RESET_REQUIRED).

AWS's address is one of a bucket of its own; here it is `/_cognito-import/JOB` of this cloud, good for as long. What became of each line is in the pool's log group.
"""
from __future__ import annotations

import csv
import hmac
import io
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record, Request, Response, pages

from . import errors, pools, schema, users
from . import service as cognito
from .pools import Pool, by_id
from .signup import named, new

if TYPE_CHECKING:
    from cloche.shapes import cognito_idp as t

cognito.table("CREATE TABLE IF NOT EXISTS cognito_import (job TEXT PRIMARY KEY, csv BLOB NOT NULL) WITHOUT ROWID;")

ORDER = ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile", "picture", "website", "email", "email_verified", "gender", "birthdate", "zoneinfo",
         "locale", "phone_number", "phone_number_verified", "address", "updated_at")
UPLOAD_SECONDS, LIFE_SECONDS = 900, 86400
MOST_BYTES, MOST_USERS, MOST_JOBS = 100 << 20, 500_000, 50


class Job(Record, frozen=True):
    kind = "cognito-idp.import"

    pool: str
    id: str
    name: str
    role: str
    created: float
    secret: str
    status: str = "Created"
    started: float = 0.0
    completed: float = 0.0
    imported: int = 0
    skipped: int = 0
    failed: int = 0
    message: str = ""

    @property
    def key(self) -> str:
        return f"{self.pool}/{self.id}"


class JobHome(Record, frozen=True):
    """Where an upload belongs."""

    kind = "cognito-idp.import-home"
    scope = "cloud"

    id: str
    account: str
    region: str
    job: str

    @property
    def key(self) -> str:
        return self.id


def header(pool: Pool) -> list[str]:
    own = sorted(name for name in pool.schema if name.startswith("custom:"))
    return [*(name for name in ORDER if name in pool.schema), *own, "cognito:mfa_enabled", "cognito:username"]


def state(call: Call, job: Job) -> str:
    return "Expired" if job.status == "Created" and call.now >= job.created + LIFE_SECONDS else job.status


def find(call: Call, req: Any) -> Job:
    pools.find(call, req["UserPoolId"])
    if job := call.get(Job, f"{req['UserPoolId']}/{req['JobId']}"):
        return job
    raise errors.missing(f"Job {req['JobId']} does not exist.")


def shown(call: Call, job: Job) -> Any:
    answer = {"JobName": job.name, "JobId": job.id, "UserPoolId": job.pool, "CreationDate": job.created, "Status": state(call, job), "CloudWatchLogsRoleArn": job.role,
              "ImportedUsers": job.imported, "SkippedUsers": job.skipped, "FailedUsers": job.failed, "PreSignedUrl": f"http://{call.cloud.host}/_cognito-import/{job.id}?signature={job.secret}"}
    return answer | {name: value for name, value in (("StartDate", job.started), ("CompletionDate", job.completed), ("CompletionMessage", job.message)) if value}


@cognito.op(resource=by_id, partly="Files with hashed passwords (PasswordHashingAlgorithm) are not built.")
def create_user_import_job(call: Call, req: t.CreateUserImportJobRequest) -> t.CreateUserImportJobResponse:
    pool = pools.find(call, req["UserPoolId"])
    if req.get("PasswordHashingAlgorithm"):
        raise errors.unbuilt("an import of hashed passwords")
    call.pass_role(req["CloudWatchLogsRoleArn"], "cognito-idp.amazonaws.com")
    if sum(job.pool == pool.id for job in call.all(Job)) >= MOST_JOBS:
        raise errors.too_many_tries()
    job = call.put(Job(pool.id, f"import-{call.pick(pools.LETTERS, 10)}", req["JobName"], req["CloudWatchLogsRoleArn"], call.now, call.secret(30)))
    call.put(JobHome(job.id, call.account, call.region, job.key))
    return {"UserImportJob": shown(call, job)}


@cognito.op(resource=by_id)
def describe_user_import_job(call: Call, req: t.DescribeUserImportJobRequest) -> t.DescribeUserImportJobResponse:
    return {"UserImportJob": shown(call, find(call, req))}


@cognito.op(resource=by_id)
def list_user_import_jobs(call: Call, req: t.ListUserImportJobsRequest) -> t.ListUserImportJobsResponse:
    pool = pools.find(call, req["UserPoolId"])
    here = sorted((job for job in call.all(Job) if job.pool == pool.id), key=lambda job: (-job.created, job.id))
    found, more = pages.page(here, req, lambda job: job.id, 60, errors.bad_page, token="PaginationToken")
    return {"UserImportJobs": [shown(call, job) for job in found], **more}  # type: ignore[typeddict-item]


@cognito.op(resource=by_id)
def get_csv_header(call: Call, req: t.GetCSVHeaderRequest) -> t.GetCSVHeaderResponse:
    pool = pools.find(call, req["UserPoolId"])
    return {"UserPoolId": pool.id, "CSVHeader": header(pool)}


@cognito.op(resource=by_id)
def start_user_import_job(call: Call, req: t.StartUserImportJobRequest) -> t.StartUserImportJobResponse:
    job = find(call, req)
    if state(call, job) != "Created":
        raise errors.precondition(f"The job is in the state {state(call, job)} and cannot be started.")
    if call.row("SELECT 1 FROM cognito_import WHERE job = ?", job.id) is None:
        raise errors.precondition("The user import file has not been uploaded.")
    if any(other.status in ("Pending", "InProgress") for other in call.all(Job) if other.pool == job.pool):
        raise errors.precondition("Another import job of the user pool is active.")
    job = call.put(job.but(status="Pending", started=call.now))
    call.wake(bring_in, job.key)
    return {"UserImportJob": shown(call, job)}


@cognito.op(resource=by_id)
def stop_user_import_job(call: Call, req: t.StopUserImportJobRequest) -> t.StopUserImportJobResponse:
    job = find(call, req)
    if job.status not in ("Pending", "InProgress"):
        raise errors.precondition(f"The job is in the state {state(call, job)} and cannot be stopped.")
    return {"UserImportJob": shown(call, call.put(job.but(status="Stopped", completed=call.now, message="The Import Job was stopped by the developer.")))}


async def receive(call: Call, request: Request, id_: str, signature: str) -> Response:
    """The upload, by the address's own signature."""
    home = call.get(JobHome, id_)
    there = call.at(home.account, home.region) if home else call
    job = there.get(Job, home.job) if home else None
    if job is None or request.method != "PUT" or not hmac.compare_digest(signature.encode(), job.secret.encode()) or call.now >= job.created + UPLOAD_SECONDS or job.status != "Created":
        return Response(403, [("content-type", "application/xml")], b"<Error><Code>AccessDenied</Code><Message>Request has expired or is not signed</Message></Error>")
    body = await request.read(MOST_BYTES)
    with there.step():
        there.sql("INSERT OR REPLACE INTO cognito_import VALUES (?,?)", job.id, body)
    return Response(200, [], b"")


# -- the work ---------------------------------------------------------------------------------------------------------------------------

@cognito.worker
async def bring_in(call: Call, key: str) -> None:
    with call.step():
        job = call.get(Job, key)
        pool = call.get(Pool, job.pool) if job else None
        if job is None or pool is None or job.status not in ("Pending", "InProgress"):
            return
        row = call.row("SELECT csv FROM cognito_import WHERE job = ?", job.id)
        lines: list[str] = []
        status, message, counts = read(call, pool, row[0].decode("utf-8-sig", "replace") if row else "", lines)
        call.put(job.but(status=status, message=message, completed=call.now, imported=counts["SUCCEEDED"], skipped=counts["SKIPPED"], failed=counts["FAILED"]))
        call.sql("DELETE FROM cognito_import WHERE job = ?", job.id)
    try:
        with call.step():
            from cloche.services.logs import public as logs
            writer = call.as_role(job.role, "CognitoUserImport", "cognito-idp.amazonaws.com", pools.arn(call, pool.id))
            logs.write(writer, f"/aws/cognito/userpools/{pool.id}/{pool.values['Name']}", job.id, [(int(call.now * 1000), line) for line in lines])
    except AwsError as error:
        with call.step():
            done = call.get(Job, key)
            if done is not None:
                call.put(done.but(message=f"{done.message} The log could not be written: {error.code}"))


def read(call: Call, pool: Pool, text: str, lines: list[str]) -> tuple[str, str, dict[str, int]]:
    counts = {"SUCCEEDED": 0, "SKIPPED": 0, "FAILED": 0}
    rows = csv.DictReader(io.StringIO(text))
    if sorted(rows.fieldnames or []) != sorted(header(pool)):
        return "Failed", "The header of the file does not match the user pool.", counts
    for row in rows:
        word, why = one(call, pool, {name: (value or "").strip() for name, value in row.items() if name})
        counts[word] += 1
        lines.append(f"[{word}] Line Number {rows.line_num} - {why}")
        if sum(counts.values()) >= MOST_USERS:
            break
    return "Succeeded", "Import Job Completed Successfully.", counts


def one(call: Call, pool: Pool, row: dict[str, str]) -> tuple[str, str]:
    name = row.pop("cognito:username", "")
    mfa = row.pop("cognito:mfa_enabled", "").lower() == "true"
    given = {key: value for key, value in row.items() if value}
    if not name:
        return "FAILED", "The User Record does not have a username."
    if not any(given.get(f"{kind}_verified", "").lower() == "true" for kind in ("email", "phone_number")):
        return "FAILED", "The User Record does not set any of the auto verified attributes to true. (Example: email_verified to true)."
    try:
        own, attributes = named(call, pool, name, given)
        if users.resolve(call, pool, name):
            return "SKIPPED", "The user already exists."
        schema.check(pool.schema, {k: v for k, v in attributes.items() if k != "sub"}, new=True, admin=True)
        user = new(call, pool, own, attributes, status="RESET_REQUIRED", mfa=("SMS_MFA",) if mfa and given.get("phone_number") else ())
        users.claim(call, pool, user)
    except AwsError as error:
        return "FAILED", error.message.strip()
    users.put(call, user)
    return "SUCCEEDED", "The import succeeded."
