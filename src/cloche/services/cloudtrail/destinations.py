"""Where a trail writes, and whether it may: bucket, topic, log group, key. Each is asked as CloudTrail will ask it when it delivers."""
from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.services.iam import public as iam
from cloche.services.kms import public as kms
from cloche.services.organizations import public as organizations
from cloche.services.s3 import public as s3
from cloche.services.sns import public as sns

from . import errors

if TYPE_CHECKING:
    from .trails import Trail

PRINCIPAL = "cloudtrail.amazonaws.com"
SESSION = "CLOUDTRAIL_TO_CLOUDWATCHLOGS"


def writer(call: Call, one: Trail) -> Call:
    """CloudTrail, on behalf of the trail."""
    return call.as_service(PRINCIPAL, one.arn, one.account)


def folder(one: Trail, account: str) -> str:
    return "/".join(part for part in (one.prefix, "AWSLogs", one.organization, account) if part)


def check(call: Call, one: Trail, given: Any) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", one.bucket):
        raise errors.bad_bucket(one.bucket)
    if len(one.prefix) > 200 or one.prefix.startswith("/") or re.search(r"[^A-Za-z0-9!_.*'()/ =:+@&$-]", one.prefix):
        raise errors.bad_prefix()
    bucket(call, one)
    if one.topic:
        topic(call, one)
    if bool(one.group) != bool(one.role):
        raise errors.bad_group("You must specify both CloudWatchLogsLogGroupArn and CloudWatchLogsRoleArn.") if one.role else errors.bad_combination(
            "You must specify both CloudWatchLogsLogGroupArn and CloudWatchLogsRoleArn.")
    if one.group and (given.get("CloudWatchLogsLogGroupArn") or given.get("CloudWatchLogsRoleArn")):
        group(call, one)
    if one.kms and given.get("KmsKeyId"):
        encryption(call, one)


def bucket(call: Call, one: Trail) -> None:
    there = s3.place(call.of("s3"), one.bucket)
    if there is None:
        raise errors.no_bucket(one.bucket)
    asking = writer(call.of("s3"), one)
    paths = [f"{folder(one.but(organization=''), one.account)}/"] + ([f"{folder(one, '')}/"] if one.organization else [])
    if not s3.admits(asking, one.bucket, "s3:GetBucketAcl") or not all(s3.admits(asking, one.bucket, "s3:PutObject", path + "*", {"s3:x-amz-acl": "bucket-owner-full-control"}) for path in paths):
        raise errors.shut_bucket(one.bucket)


def topic(call: Call, one: Trail) -> None:
    if not re.fullmatch(r"arn:[^:]+:sns:[^:]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?", one.topic) or one.topic.endswith(".fifo"):
        raise errors.bad_topic()
    found = sns.topic(call, one.topic)
    if found is None or not writer(call.of("sns"), one).allowed("sns:Publish", one.topic, policy=found.attributes.get("Policy")):
        raise errors.shut_topic()


_GROUP = re.compile(r"arn:[^:]+:logs:([^:]+):(\d{12}):log-group:([^:]+):\*$")


def group(call: Call, one: Trail) -> None:
    parts = _GROUP.match(one.group)
    if parts is None or parts[1] != call.region:
        raise errors.bad_group("CloudTrail cannot validate the specified log group ARN.")
    if iam.role(call.of("iam"), one.role) is None:
        raise errors.bad_role()
    call.pass_role(one.role, PRINCIPAL)
    try:
        acting = call.as_role(one.role, SESSION, PRINCIPAL, one.arn)
    except AwsError:
        raise errors.bad_role() from None
    there = call.as_root().at(parts[2], parts[1]).do("logs", "DescribeLogGroups", logGroupNamePrefix=parts[3])["logGroups"]
    if not any(each["logGroupName"] == parts[3] for each in there):
        raise errors.bad_group("CloudTrail cannot validate the specified log group ARN.")
    stream = f"arn:aws:logs:{parts[1]}:{parts[2]}:log-group:{parts[3]}:log-stream:{one.account}_CloudTrail_{one.region}"
    if not (acting.allowed("logs:CreateLogStream", stream) and acting.allowed("logs:PutLogEvents", stream)):
        raise errors.bad_group("Access denied. Check the permissions for your role.")


def key(call: Call, given: str) -> str:
    """The ARN of the key that a trail names by id, ARN or alias."""
    if not re.fullmatch(r"(arn:[^:]+:kms:[^:]+:\d{12}:(key|alias)/.+)|alias/.+|(mrk-)?[0-9a-f-]{32,36}", given):
        raise errors.bad_key()
    found = kms.key_arn(call.of("kms"), given)
    if found is None:
        raise errors.no_key()
    return found


def encryption(call: Call, one: Trail) -> None:
    """The key is in the bucket's region, and lets CloudTrail make data keys for this trail."""
    there = s3.place(call.of("s3"), one.bucket)
    if there is None or there[1] != one.kms.split(":")[3]:
        raise errors.no_key()
    try:
        with call.step():
            kms.data_key(writer(call, one), one.kms, {"aws:cloudtrail:arn": one.arn})
    except AwsError as error:
        if error.code in ("DisabledException", "KMSInvalidStateException"):
            raise errors.kms(error.message) from None
        raise errors.shut_key(one.bucket, one.kms) from None


def context(one: Trail) -> str:

    return base64.b64encode(json.dumps({"aws:cloudtrail:arn": one.arn}).encode()).decode()


def organization(call: Call) -> str:
    """The caller's organization, for which it may make trails."""
    found = organizations.management(call.cloud, call.account)
    if found is None:
        raise errors.no_organization()
    if organizations.administers(call.cloud, call.account, PRINCIPAL) is None:
        raise errors.not_master()
    _, above = found
    if above.features != "ALL":
        raise errors.not_all_features()
    if PRINCIPAL not in above.services:
        raise errors.no_access()
    iam.ensure_linked(call.of("iam"), PRINCIPAL)
    return above.id
