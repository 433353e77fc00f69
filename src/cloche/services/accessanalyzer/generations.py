"""Policies generated from activity: what a user or role really did, as trails recorded it, under a role that may read their buckets.

A job reads the log files themselves; what CloudTrail did not deliver, or the role may not read, it does not know.
"""
from __future__ import annotations

import gzip
import inspect
import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record, pages
from cloche.services.cloudformation.public import whole
from cloche.services.cloudtrail import public as cloudtrail
from cloche.services.iam import public as iam

from . import errors
from . import service as analyzer

if TYPE_CHECKING:
    from cloche.shapes import accessanalyzer as t

PRINCIPAL = "access-analyzer.amazonaws.com"
AFTER_SECONDS, DAY = 5, 86_400
MOST_DAYS, MOST_A_DAY, LARGEST = 90, 50, 64 << 20
IN_PROGRESS, SUCCEEDED, FAILED, CANCELED = "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED"


class Generation(Record, frozen=True):
    kind = "access-analyzer.generation"

    id: str
    principal: str
    role: str
    trails: list[dict[str, Any]]
    since: float
    until: float
    started: float
    status: str = IN_PROGRESS
    completed: float = 0
    error: dict[str, str] | None = None
    token: str = ""
    found: list[tuple[str, str, tuple[str, ...]]] = []   # (service, action, types of what was named)
    complete: bool = True                                # every call that was recorded is one whose action is known

    @property
    def key(self) -> str:
        return self.id


def of_account(call: Call, req: Any) -> str:
    return "*"


@analyzer.op(resource=of_account)
def start_policy_generation(call: Call, req: t.StartPolicyGenerationRequest) -> t.StartPolicyGenerationResponse:
    principal, details = req["policyGenerationDetails"]["principalArn"], req.get("cloudTrailDetails")
    if details is None:
        raise errors.invalid("cloudTrailDetails is required.")
    if (token := req.get("clientToken")) and (same := next((one for one in call.all(Generation) if one.token == token), None)):
        return {"jobId": same.id}
    since, until = details["startTime"], details.get("endTime") or call.now
    if since >= until or until > call.now + 60:
        raise errors.invalid("The end time must be after the start time, and not in the future.")
    if until - since > MOST_DAYS * DAY:
        raise errors.invalid(f"The time range must be at most {MOST_DAYS} days.")
    if not details["trails"]:
        raise errors.invalid("A trail is required.")
    if principal.split(":")[4] != call.account:
        raise errors.invalid(f"The principal {principal} is not in your account.")
    if any(one.principal == principal and one.status == IN_PROGRESS for one in call.all(Generation)):
        raise errors.exists("policy generation for", principal)
    if sum(one.started > call.now - DAY for one in call.all(Generation)) >= MOST_A_DAY:
        raise errors.quota("policy generations per day")
    call.pass_role(details["accessRole"], PRINCIPAL)
    made = call.put(Generation(call.uuid(), principal, details["accessRole"], [dict(one) for one in details["trails"]], since, until, call.now, token=token or ""))
    call.after(AFTER_SECONDS, begin, made.id, id=made.id)
    return {"jobId": made.id}


@analyzer.op(resource=of_account)
def list_policy_generations(call: Call, req: t.ListPolicyGenerationsRequest) -> t.ListPolicyGenerationsResponse:
    those = sorted((one for one in call.all(Generation) if req.get("principalArn") in (None, one.principal)), key=lambda one: (-one.started, one.id))
    found, more = pages.page(those, req, lambda one: one.id, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"policyGenerations": [{"jobId": one.id, "principalArn": one.principal, "status": one.status, "startedOn": one.started, **ended(one)} for one in found], **more}  # type: ignore[typeddict-item]


def ended(one: Generation) -> Any:
    return {"completedOn": one.completed} if one.completed else {}


def find(call: Call, id: str) -> Generation:
    found = call.get(Generation, id)
    if found is None:
        raise errors.invalid(f"The job {id} does not exist.")
    return found


@analyzer.op(resource=of_account)
def cancel_policy_generation(call: Call, req: t.CancelPolicyGenerationRequest) -> t.CancelPolicyGenerationResponse:
    one = find(call, req["jobId"])
    if one.status == IN_PROGRESS:
        call.cancel(begin, one.id)
        call.put(one.but(status=CANCELED, completed=call.now))
    return {}


@analyzer.op(resource=of_account, partly="no service-level template (includeServiceLevelTemplate); placeholders for the common services' resources")
def get_generated_policy(call: Call, req: t.GetGeneratedPolicyRequest) -> t.GetGeneratedPolicyResponse:
    one = find(call, req["jobId"])
    job: Any = {"jobId": one.id, "status": one.status, "startedOn": one.started, **ended(one)}
    if one.error:
        job["jobError"] = one.error
    properties: Any = {"principalArn": one.principal, "cloudTrailProperties": {"trailProperties": one.trails, "startTime": one.since, "endTime": one.until}}
    result: Any = {"properties": properties}
    if one.status == SUCCEEDED:
        properties["isComplete"] = one.complete
        result["generatedPolicies"] = [{"policy": json.dumps(policy(one.found, bool(req.get("includeResourcePlaceholders"))))}]
    return {"jobDetails": job, "generatedPolicyResult": result}


# -- the policy -------------------------------------------------------------------------------------------------------------

PLACEHOLDERS = {
    "s3": {"Bucket": "arn:aws:s3:::${BucketName}"},
    "sqs": {"Queue": "arn:aws:sqs:${Region}:${Account}:${QueueName}"}, "sns": {"Topic": "arn:aws:sns:${Region}:${Account}:${TopicName}"},
    "lambda": {"Function": "arn:aws:lambda:${Region}:${Account}:function:${FunctionName}"}, "dynamodb": {"Table": "arn:aws:dynamodb:${Region}:${Account}:table/${TableName}"},
    "kms": {"Key": "arn:aws:kms:${Region}:${Account}:key/${KeyId}"}, "secretsmanager": {"Secret": "arn:aws:secretsmanager:${Region}:${Account}:secret:${SecretId}"},
    "ssm": {"Parameter": "arn:aws:ssm:${Region}:${Account}:parameter/${ParameterNameWithoutLeadingSlash}"},
    "iam": {"User": "arn:aws:iam::${Account}:user/${UserNameWithPath}", "Role": "arn:aws:iam::${Account}:role/${RoleNameWithPath}", "Group": "arn:aws:iam::${Account}:group/${GroupNameWithPath}",
            "Policy": "arn:aws:iam::${Account}:policy/${PolicyNameWithPath}", "InstanceProfile": "arn:aws:iam::${Account}:instance-profile/${InstanceProfileNameWithPath}"},
    "sts": {"AWS::IAM::Role": "arn:aws:iam::${Account}:role/${RoleNameWithPath}"}, "logs": {"LogGroup": "arn:aws:logs:${Region}:${Account}:log-group:${LogGroupName}"},
    "cloudformation": {"Stack": "arn:aws:cloudformation:${Region}:${Account}:stack/${StackName}/${Id}"}, "cloudtrail": {"Trail": "arn:aws:cloudtrail:${Region}:${Account}:trail/${TrailName}"},
    "ec2": {"Instance": "arn:aws:ec2:${Region}:${Account}:instance/${InstanceId}", "VPC": "arn:aws:ec2:${Region}:${Account}:vpc/${VpcId}", "Subnet": "arn:aws:ec2:${Region}:${Account}:subnet/${SubnetId}",
            "SecurityGroup": "arn:aws:ec2:${Region}:${Account}:security-group/${SecurityGroupId}", "Volume": "arn:aws:ec2:${Region}:${Account}:volume/${VolumeId}"},
}
WHOLE = ("ec2:Describe", "iam:List", "iam:GetAccount", "s3:ListAllMyBuckets", "cloudformation:List", "cloudtrail:Describe", "cloudtrail:List")  # these are about no single resource


def policy(found: list[tuple[str, str, tuple[str, ...]]], placeholders: bool) -> dict[str, Any]:
    """One statement for what has no resources of its own, one for each kind of resource."""
    by_resource: dict[tuple[str, ...], set[str]] = {}
    for service, action, types in found:
        arns = tuple(dict.fromkeys(PLACEHOLDERS[service][type_] for type_ in types if type_ in PLACEHOLDERS.get(service, {}))) if placeholders and not action.startswith(WHOLE) else ()
        by_resource.setdefault(arns, set()).add(action)
    statements = [{"Effect": "Allow", "Action": sorted(actions), "Resource": (arns[0] if len(arns) == 1 else list(arns)) if arns else "*"}
                  for arns, actions in sorted(by_resource.items(), key=lambda pair: (pair[0], sorted(pair[1])))]
    return {"Version": "2012-10-17", "Statement": statements}


# -- the job ----------------------------------------------------------------------------------------------------------------

@analyzer.timer
def begin(call: Call, id: str) -> None:
    call.wake(generate, id)


@analyzer.worker
async def generate(call: Call, key: str) -> None:
    one = call.get(Generation, key)
    if one is None or one.status != IN_PROGRESS:
        return
    changes: dict[str, Any]
    try:
        found, complete = await read(call, one)
        changes = {"status": SUCCEEDED, "found": found, "complete": complete}
    except AwsError as error:
        missing = error.status == 404 or error.code in ("TrailNotFoundException", "NoSuchBucket")
        denied = error.status == 403 or error.code.startswith("AccessDenied")
        code = "AUTHORIZATION_ERROR" if denied else "RESOURCE_NOT_FOUND_ERROR" if missing else "SERVICE_ERROR"
        changes = {"status": FAILED, "error": {"code": code, "message": error.message or error.code}}
    with call.step():
        now = call.get(Generation, key)
        if now is not None and now.status == IN_PROGRESS:
            call.put(now.but(completed=call.now, **changes))


async def read(call: Call, one: Generation) -> tuple[list[tuple[str, str, tuple[str, ...]]], bool]:
    """Everything that the principal was let do, as far as its trails recorded it."""
    if ":role/" in one.principal and iam.role(call.of("iam"), one.principal) is None:
        raise AwsError("NoSuchEntity", f"The principal {one.principal} does not exist.", 404)
    reader = call.as_role(one.role, "AccessAnalyzer", PRINCIPAL)
    found: dict[tuple[str, str, tuple[str, ...]], None] = {}
    complete = True
    for trail in one.trails:
        async for record in records(reader, one, trail):
            if not _by(record["userIdentity"], one.principal) or not since_until(record, one) or _denied(record):
                continue
            service, action = cloudtrail.action(call, record["eventSource"], record["eventName"])
            if not record.get("managementEvent", True) or not service:
                complete = False
                continue
            found[service, action, tuple(cloudtrail.named(service, record.get("requestParameters") or {}))] = None
    return sorted(found), complete


def _by(who: dict[str, Any], principal: str) -> bool:
    if ":user/" in principal:
        return who.get("arn") == principal
    return (who.get("sessionContext") or {}).get("sessionIssuer", {}).get("arn") == principal  # type: ignore[no-any-return]


def since_until(record: dict[str, Any], one: Generation) -> bool:
    return one.since <= datetime.fromisoformat(record["eventTime"]).replace(tzinfo=UTC).timestamp() <= one.until


def _denied(record: dict[str, Any]) -> bool:
    code = record.get("errorCode", "")
    return "AccessDenied" in code or "Unauthorized" in code


async def records(reader: Call, one: Generation, asked: dict[str, Any]) -> Any:
    """Each record of a trail's files of those days and regions."""
    arn = asked["cloudTrailArn"]
    with reader.step():
        trail = reader.at(reader.account, arn.split(":")[3]).do("cloudtrail", "GetTrail", Name=arn)["Trail"]
    folder = "/".join(part for part in (trail.get("S3KeyPrefix"), "AWSLogs", one.principal.split(":")[4], "CloudTrail") if part)
    regions = asked.get("regions") or [arn.split(":")[3]]
    first = time.strftime("%Y/%m/%d", time.gmtime(one.since))
    for prefix in [f"{folder}/"] if asked.get("allRegions") else [f"{folder}/{region}/" for region in regions]:
        token: dict[str, str] = {}
        while True:
            page = await _waited(reader, "ListObjectsV2", Bucket=trail["S3BucketName"], Prefix=prefix, **token)
            for thing in page.get("Contents") or ():
                if "/".join(thing["Key"].split("/")[-4:-1]) < first:
                    continue
                answer = await _waited(reader, "GetObject", Bucket=trail["S3BucketName"], Key=thing["Key"])
                raw = await whole(answer["Body"], LARGEST)
                for record in json.loads(gzip.decompress(raw or b""))["Records"]:
                    yield record
            if not page.get("NextContinuationToken"):
                break
            token = {"ContinuationToken": page["NextContinuationToken"]}


async def _waited(reader: Call, operation: str, **members: Any) -> Any:
    with reader.step():
        answer = reader.do("s3", operation, **members)
    return await answer if inspect.isawaitable(answer) else answer
