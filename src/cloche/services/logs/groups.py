"""Log groups: a name, how long events are kept, tags, and the filters that look at what arrives.

Events and streams know their group by its number, so that a group deleted and made anew starts empty.
"""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call, Record

from . import errors, sealing
from . import service as logs

if TYPE_CHECKING:
    from cloche.shapes import logs as t

RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
DAY = 86_400_000
MAX_TAGS = 50

# bytes of a group, and when its expired events are next deleted (virtual seconds; NULL: nothing is planned)
logs.table("CREATE TABLE IF NOT EXISTS logs_size (grp INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, sweep REAL)")


class Subscription(msgspec.Struct, frozen=True):
    name: str
    pattern: str
    destination: str
    created: int
    role: str = ""
    distribution: str = "ByLogStream"


class MetricFilter(msgspec.Struct, frozen=True):
    name: str
    pattern: str
    transformations: list[dict[str, Any]]
    created: int


class LogGroup(Record, frozen=True):
    kind = "logs.group"

    name: str
    number: int
    created: int
    retention: int = 0
    kms: str = ""
    class_: str = "STANDARD"
    protected: bool = False
    tags: dict[str, str] = {}
    subscriptions: tuple[Subscription, ...] = ()
    metrics: tuple[MetricFilter, ...] = ()
    data_key: int = 0  # under which events are stored from now on (sealing.py)

    @property
    def key(self) -> str:
        return self.name


_ARN = re.compile(r"arn:[^:]*:logs:([^:]*):([^:]*):log-group:([^:]+)(?::\*)?$")


def find(call: Call, name: str) -> LogGroup:
    group = call.get(LogGroup, name)
    if group is None:
        raise errors.no_group()
    return group


def named(req: Any) -> str:
    """The name in `logGroupName`, or in `logGroupIdentifier`, which may be an ARN."""
    given, name = req.get("logGroupIdentifier"), req.get("logGroupName")
    if (given is None) == (name is None):
        raise errors.invalid("Exactly one of logGroupName and logGroupIdentifier must be specified." if given is None else "LogGroup name and LogGroup identifier are mutually exclusive parameters.")
    if name is not None:
        return str(name)
    match = _ARN.match(given)
    return match[3] if match else str(given)


def arn(call: Call, name: str) -> str:
    return call.arn(f"log-group:{name}")


def by_name(call: Call, req: Any) -> str:
    """What IAM is asked about: AWS's own shape of a group's ARN in decisions."""
    return call.arn(f"log-group:{req.get('logGroupName') or _identified(req)}:log-stream:")


def _identified(req: Any) -> str:
    given = req.get("logGroupIdentifier") or req.get("resourceIdentifier", "")
    match = _ARN.match(given)
    return match[3] if match else given


def by_any(call: Call, req: Any) -> str:
    return call.arn("log-group::log-stream:")


def by_tagged(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def by_plain_name(call: Call, req: Any) -> str:
    return arn(call, req["logGroupName"])


def milliseconds(call: Call) -> int:
    return int(call.now * 1000)


def _tagged(call: Call, req: Any) -> dict[str, Any]:
    tags = req.get("tags") or {}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}}


@logs.op(by_name, context=_tagged)
def create_log_group(call: Call, req: t.CreateLogGroupRequest) -> None:
    create(call, req["logGroupName"], req.get("kmsKeyId", ""), req.get("tags") or {}, req.get("logGroupClass", "STANDARD"), req.get("deletionProtectionEnabled", False))


def create(call: Call, name: str, kms: str = "", tags: dict[str, str] | None = None, class_: str = "STANDARD", protected: bool = False) -> LogGroup:
    if call.get(LogGroup, name):
        raise errors.group_exists()
    if len(tags or {}) > MAX_TAGS:
        raise errors.too_many_tags()
    if name.startswith("aws/"):
        raise errors.invalid("Log groups starting with AWS/ are reserved for AWS.")
    data_key = sealing.data_key(call, kms, arn(call, name))
    return call.put(LogGroup(name, int(call.id(digits=13), 16), milliseconds(call), kms=kms, data_key=data_key, tags=tags or {}, class_=class_, protected=protected))


@logs.op(by_any)
def describe_log_groups(call: Call, req: t.DescribeLogGroupsRequest) -> t.DescribeLogGroupsResponse:
    prefix, pattern = req.get("logGroupNamePrefix", ""), req.get("logGroupNamePattern", "")
    if prefix and pattern:
        raise errors.invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    wanted = {_identified({"logGroupIdentifier": i}) for i in req.get("logGroupIdentifiers") or ()}
    class_ = req.get("logGroupClass", "")
    found = sorted(
        (g for g in call.all(LogGroup) if g.name.startswith(prefix) and pattern.lower() in g.name.lower() and (not wanted or g.name in wanted) and class_ in ("", g.class_)),
        key=lambda g: g.name,
    )
    groups, token = page(found, req, lambda g: g.name, 50)
    sizes = _sizes(call, groups)
    out: Any = {"logGroups": [describe(call, g, sizes.get(g.number, 0)) for g in groups]}
    return out | token


def page(found: list[Any], req: Any, key: Any, default: int) -> tuple[list[Any], dict[str, str]]:
    """A page of an ordered list; the token is the last key shown."""
    after = req.get("nextToken")
    if after is not None:
        found = [one for one in found if key(one) > after]
    limit = req.get("limit") or default
    return found[:limit], {"nextToken": key(found[limit - 1])} if len(found) > limit else {}


def _sizes(call: Call, groups: list[LogGroup]) -> dict[int, int]:
    if not groups:
        return {}
    marks = ",".join("?" * len(groups))
    return dict(call.sql(f"SELECT grp, bytes FROM logs_size WHERE grp IN ({marks})", *(g.number for g in groups)))


def describe(call: Call, group: LogGroup, size: int) -> t.LogGroup:
    name = arn(call, group.name)
    out: Any = {
        "logGroupName": group.name, "creationTime": group.created, "metricFilterCount": len(group.metrics), "arn": f"{name}:*", "storedBytes": size,
        "logGroupClass": group.class_, "logGroupArn": name, "deletionProtectionEnabled": group.protected,
    }
    if group.retention:
        out["retentionInDays"] = group.retention
    if group.kms:
        out["kmsKeyId"] = group.kms
    return out


@logs.op(by_any)
def list_log_groups(call: Call, req: t.ListLogGroupsRequest) -> t.ListLogGroupsResponse:
    pattern = re.compile(req.get("logGroupNamePattern", ""))
    class_ = req.get("logGroupClass", "")
    found = sorted((g for g in call.all(LogGroup) if pattern.search(g.name) and class_ in ("", g.class_)), key=lambda g: g.name)
    groups, token = page(found, req, lambda g: g.name, 50)
    out: Any = {"logGroups": [{"logGroupName": g.name, "logGroupArn": arn(call, g.name), "logGroupClass": g.class_} for g in groups]}
    return out | token


@logs.op(by_name)
def put_retention_policy(call: Call, req: t.PutRetentionPolicyRequest) -> None:
    if req["retentionInDays"] not in RETENTION_DAYS:
        allowed = ", ".join(map(str, RETENTION_DAYS))
        raise errors.invalid(
            f"1 validation error detected: Value '{req['retentionInDays']}' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: [{allowed}]"
        )
    group = call.put(find(call, req["logGroupName"]).but(retention=req["retentionInDays"]))
    plan_sweep(call, group)


@logs.op(by_name)
def delete_retention_policy(call: Call, req: t.DeleteRetentionPolicyRequest) -> None:
    group = call.put(find(call, req["logGroupName"]).but(retention=0))
    call.cancel(sweep, group.name)
    call.sql("UPDATE logs_size SET sweep=NULL WHERE grp=?", group.number)


@logs.op(by_name)
def put_log_group_deletion_protection(call: Call, req: t.PutLogGroupDeletionProtectionRequest) -> None:
    call.put(find(call, named({"logGroupIdentifier": req["logGroupIdentifier"]})).but(protected=req["deletionProtectionEnabled"]))


def _chosen(call: Call, req: Any) -> LogGroup:
    return find(call, named({"logGroupIdentifier": req["resourceIdentifier"]} if "resourceIdentifier" in req else req))


@logs.op(by_name)
def associate_kms_key(call: Call, req: t.AssociateKmsKeyRequest) -> None:
    group = _chosen(call, req)
    call.put(group.but(kms=req["kmsKeyId"], data_key=sealing.data_key(call, req["kmsKeyId"], arn(call, group.name))))


@logs.op(by_name)
def disassociate_kms_key(call: Call, req: t.DisassociateKmsKeyRequest) -> None:
    call.put(_chosen(call, req).but(kms="", data_key=0))


@logs.op(by_name)
def delete_log_group(call: Call, req: t.DeleteLogGroupRequest) -> None:
    group = find(call, req["logGroupName"])
    if group.protected:
        raise errors.protected()
    call.delete(group)
    call.cancel(sweep, group.name)
    for table in ("logs_event", "logs_stream", "logs_size", "logs_delivery"):
        call.sql(f"DELETE FROM {table} WHERE grp=?", group.number)
    call.sql("DELETE FROM logs_key WHERE arn=?", arn(call, group.name))


# -- expiry -----------------------------------------------------------------------------------------------------------


def kept_since(call: Call, group: LogGroup) -> int:
    """The oldest moment (ms) whose events are still there."""
    return milliseconds(call) - group.retention * DAY if group.retention else 0


def plan_sweep(call: Call, group: LogGroup) -> None:
    """One timer a group, at the moment when its oldest event expires. Readers do not wait for it: they do not see what is expired."""
    oldest = call.row("SELECT min(ts) FROM logs_event WHERE grp=?", group.number)[0]
    if oldest is not None and group.retention:
        due = max(call.now, (oldest + group.retention * DAY) / 1000 + 1)
        call.sql("UPDATE logs_size SET sweep=? WHERE grp=?", due, group.number)
        call.due(due, sweep, group.name, group=group.name)


@logs.timer
def sweep(call: Call, group: str) -> None:
    found = call.get(LogGroup, group)
    if found is None or not found.retention:
        return
    since = kept_since(call, found)
    gone = call.row(f"SELECT coalesce(sum({sealing.SIZE}), 0) FROM logs_event WHERE grp=? AND ts<?", found.number, since)[0]
    call.sql("DELETE FROM logs_event WHERE grp=? AND ts<?", found.number, since)
    call.sql("UPDATE logs_size SET bytes=max(0, bytes-?), sweep=NULL WHERE grp=?", gone, found.number)
    plan_sweep(call, found)


# -- tags: the newer operations take an ARN, the older ones a name ------------------------------------------------------


def _of_arn(call: Call, text: str) -> LogGroup:
    match = _ARN.match(text)
    if match is None:
        raise errors.invalid("The specified resource ARN is invalid.")
    group = call.get(LogGroup, match[3])
    if group is None:
        raise errors.no_resource()
    return group


def _tag(call: Call, group: LogGroup, tags: dict[str, str]) -> None:
    merged = group.tags | tags
    if len(merged) > MAX_TAGS:
        raise errors.too_many_tags()
    call.put(group.but(tags=merged))


def _untag(call: Call, group: LogGroup, keys: list[str]) -> None:
    call.put(group.but(tags={k: v for k, v in group.tags.items() if k not in keys}))


@logs.op(by_tagged)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"tags": _of_arn(call, req["resourceArn"]).tags}


@logs.op(by_tagged, context=_tagged)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    _tag(call, _of_arn(call, req["resourceArn"]), req["tags"])


@logs.op(by_tagged)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    _untag(call, _of_arn(call, req["resourceArn"]), req["tagKeys"])


@logs.op(by_plain_name)
def list_tags_log_group(call: Call, req: t.ListTagsLogGroupRequest) -> t.ListTagsLogGroupResponse:
    return {"tags": find(call, req["logGroupName"]).tags}


@logs.op(by_plain_name, context=_tagged)
def tag_log_group(call: Call, req: t.TagLogGroupRequest) -> None:
    _tag(call, find(call, req["logGroupName"]), req["tags"])


@logs.op(by_plain_name)
def untag_log_group(call: Call, req: t.UntagLogGroupRequest) -> None:
    _untag(call, find(call, req["logGroupName"]), req["tags"])
