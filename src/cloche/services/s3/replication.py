"""Replication as it is configured: which versions go to which bucket, under which role. `replicas` is where it acts.

A rule with a Filter is of the present schema (V2): it has a priority and says what becomes of delete markers. One with a plain Prefix is of the
older (V1): all its rules have one destination, and markers always go along.
"""
from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Need

from . import errors
from . import service as s3
from .access import on_bucket
from .buckets import Bucket, find

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

MOST_RULES = 1000
CLASSES = {"STANDARD", "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"}
OLD_SCHEMA = "{} must be specified for this version of Cross Region Replication configuration schema. Please refer to S3 Developer Guide for more information."


def may_replicate(call: Call, req: Any) -> list[Need]:
    role = req["ReplicationConfiguration"]["Role"]
    return [*on_bucket("s3:PutReplicationConfiguration")(call, req), Need("iam:PassRole", role, {"iam:PassedToService": "s3.amazonaws.com"})]


@s3.op(needs=may_replicate, partly="replication happens at once; CloudWatch gets no replication metrics")
def put_bucket_replication(call: Call, req: t.PutBucketReplicationRequest) -> None:
    bucket, wanted = find(call, req["Bucket"], req), req["ReplicationConfiguration"]
    if bucket.versioning != "Enabled":
        raise errors.invalid("Versioning must be 'Enabled' on the bucket to apply a replication configuration")
    if not wanted["Role"].startswith("arn:") or ":role/" not in wanted["Role"]:
        raise errors.argument("Invalid Role specified in replication configuration", "Role", wanted["Role"])
    rules = [msgspec.to_builtins(rule) for rule in wanted["Rules"]]
    if not 1 <= len(rules) <= MOST_RULES:
        raise errors.malformed_xml()
    for rule in rules:
        rule["ID"] = rule.get("ID") or call.uuid()
        _check(call, bucket, rule)
    _check_together(rules)
    call.put(bucket.having(replication={"Role": wanted["Role"], "Rules": rules}))


def _check(call: Call, bucket: Bucket, rule: dict[str, Any]) -> None:
    if len(rule["ID"]) > 255:
        raise errors.argument("Rule Id must not be longer than 255 characters", "ID", rule["ID"])
    if rule["Status"] not in ("Enabled", "Disabled") or ("Filter" in rule and "Prefix" in rule):
        raise errors.malformed_xml()
    choice, criteria, destination = rule.get("Filter"), rule.get("SourceSelectionCriteria") or {}, rule["Destination"]
    if choice is not None:
        _check_filter(rule, choice)
    elif "Prefix" not in rule:
        raise errors.malformed_xml()
    elif "DeleteMarkerReplication" in rule or "ReplicaModifications" in criteria:
        raise errors.invalid(OLD_SCHEMA.format("Filter"))
    kms = (criteria.get("SseKmsEncryptedObjects") or {}).get("Status") == "Enabled"
    if kms and not (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID"):
        raise errors.invalid("EncryptionConfiguration must be specified if SseKmsEncryptedObjects is enabled")
    if not kms and "EncryptionConfiguration" in destination:
        raise errors.invalid("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present")
    if "StorageClass" in destination and destination["StorageClass"] not in CLASSES:
        raise errors.malformed_xml()
    _check_time(destination, choice)
    _check_destination(call, bucket, destination)


def _check_filter(rule: dict[str, Any], choice: dict[str, Any]) -> None:
    if len(choice) > 1 or ("And" in choice and len(choice["And"].get("Tags") or ()) + ("Prefix" in choice["And"]) < 2):
        raise errors.malformed_xml()
    if "Priority" not in rule:
        raise errors.invalid(OLD_SCHEMA.format("Priority"))
    if "Status" not in (rule.get("DeleteMarkerReplication") or {}):
        raise errors.invalid(OLD_SCHEMA.format("DeleteMarkerReplication"))
    if tags_of(rule) and rule["DeleteMarkerReplication"]["Status"] == "Enabled":
        raise errors.invalid("Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer Guide for more information.")
    if len({tag["Key"] for tag in tags_of(rule)}) < len(tags_of(rule)):
        raise errors.bad_tag("Cannot provide multiple Tags with the same key")


def _check_time(destination: dict[str, Any], choice: Any) -> None:
    """Replication Time Control: fifteen minutes, with its metrics."""
    control, metrics = destination.get("ReplicationTime"), destination.get("Metrics")
    if control is not None and control["Status"] == "Enabled" and (metrics or {}).get("Status") != "Enabled":
        raise errors.invalid("Metrics must be enabled if Replication Time is enabled")
    for minutes in ((control or {}).get("Time"), (metrics or {}).get("EventThreshold")):
        if minutes is not None and minutes.get("Minutes") != 15:
            raise errors.argument("The only valid value for Minutes is 15", "Minutes", minutes.get("Minutes", ""))
    if (control is not None or metrics is not None) and choice is None:
        raise errors.invalid(OLD_SCHEMA.format("Filter"))


def _check_destination(call: Call, bucket: Bucket, destination: dict[str, Any]) -> None:
    arn = destination["Bucket"]
    if not arn.startswith("arn:") or arn.split(":")[2:5] != ["s3", "", ""]:
        raise errors.argument("Invalid bucket ARN", "Bucket", arn)
    target = call.get(Bucket, arn.rpartition(":")[2])
    if target is None:
        raise errors.invalid("Destination bucket must exist.")
    if target.name == bucket.name:
        raise errors.invalid("Destination bucket cannot be the same as the source bucket.")
    if target.versioning != "Enabled":
        raise errors.invalid("Destination bucket must have versioning enabled.")
    if "object_lock" in bucket.settings and "object_lock" not in target.settings:
        raise errors.invalid("Object Lock must be enabled on the destination bucket.")
    if "AccessControlTranslation" in destination:
        if destination["AccessControlTranslation"]["Owner"] != "Destination":
            raise errors.malformed_xml()
        if "Account" not in destination:
            raise errors.invalid("Account must be specified if AccessControlTranslation is present")


def _check_together(rules: list[dict[str, Any]]) -> None:
    if len({rule["ID"] for rule in rules}) < len(rules):
        raise errors.argument("Rule Id must be unique")
    schemas = {"Filter" in rule for rule in rules}
    if len(schemas) > 1:
        raise errors.invalid("Filter and Prefix cannot be used together in one replication configuration")
    if schemas == {True}:
        priorities = [rule["Priority"] for rule in rules]
        if twice := [one for one in priorities if priorities.count(one) > 1]:
            raise errors.invalid(f"Found duplicate priority {twice[0]}. Priority must be unique across all rules.")
        return
    if len({rule["Destination"]["Bucket"] for rule in rules}) > 1:
        raise errors.invalid(OLD_SCHEMA.format("Filter"))
    prefixes = sorted(rule["Prefix"] for rule in rules)
    if any(after.startswith(before) for before, after in pairwise(prefixes)):
        raise errors.invalid("Found overlapping prefixes in the replication rules")


def tags_of(rule: dict[str, Any]) -> list[dict[str, str]]:
    choice = rule.get("Filter") or {}
    return [choice["Tag"]] if "Tag" in choice else (choice.get("And") or {}).get("Tags") or []


def prefix_of(rule: dict[str, Any]) -> str:
    choice = rule.get("Filter") or {}
    return rule.get("Prefix") or choice.get("Prefix") or (choice.get("And") or {}).get("Prefix") or ""


@s3.op(needs=on_bucket("s3:GetReplicationConfiguration"))
def get_bucket_replication(call: Call, req: t.GetBucketReplicationRequest) -> t.GetBucketReplicationOutput:
    bucket = find(call, req["Bucket"], req)
    if "replication" not in bucket.settings:
        raise errors.lacking("ReplicationConfigurationNotFoundError", "The replication configuration was not found", bucket.name)
    return {"ReplicationConfiguration": bucket.settings["replication"]}


@s3.op(needs=on_bucket("s3:PutReplicationConfiguration"))
def delete_bucket_replication(call: Call, req: t.DeleteBucketReplicationRequest) -> None:
    call.put(find(call, req["Bucket"], req).having(replication=None))
