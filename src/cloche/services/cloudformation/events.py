"""What happened to a stack, newest first; and who is told: SNS topics (`Key='value'` lines) and EventBridge."""
from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, AwsEvent, Call

from . import errors
from . import service as cloudformation
from .records import Row, Stack, by_stack, find
from .settling import settled

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

cloudformation.table("""
CREATE TABLE IF NOT EXISTS cloudformation_event (
    id INTEGER PRIMARY KEY, stack TEXT NOT NULL, event TEXT NOT NULL, at REAL NOT NULL, logical TEXT NOT NULL, physical TEXT NOT NULL, type TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT NOT NULL, properties TEXT NOT NULL, token TEXT NOT NULL, operation TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS cloudformation_event_stack ON cloudformation_event (stack, id);
CREATE INDEX IF NOT EXISTS cloudformation_event_operation ON cloudformation_event (operation);
CREATE TABLE IF NOT EXISTS cloudformation_event_detail (row INTEGER PRIMARY KEY, body TEXT NOT NULL);
""")
COLUMNS = "id, event, at, logical, physical, type, status, reason, properties, token, operation, body"
EVENTS = f"SELECT {COLUMNS} FROM cloudformation_event LEFT JOIN cloudformation_event_detail AS detail ON detail.row = id"
PAGE = 100


def stack_event(call: Call, stack: Stack, reason: str = "", detailed: str = "") -> None:
    _record(call, stack, stack.name, stack.id, "AWS::CloudFormation::Stack", stack.status, reason, "", detailed)
    call.emit(AwsEvent("aws.cloudformation", "CloudFormation Stack Status Change",
                       {"stack-id": stack.id, "status-details": {"status": stack.status, "status-reason": reason}, "client-request-token": _token(stack)}, [stack.id]))


def resource_event(call: Call, stack: Stack, row: Row, reason: str = "", properties: Any = None, detailed: str = "") -> None:
    text = "" if properties is None else json.dumps(properties, separators=(",", ":"))
    _record(call, stack, row.logical, row.physical, row.type, row.status, reason, text, detailed)
    call.emit(AwsEvent("aws.cloudformation", "CloudFormation Resource Status Change",
                       {"stack-id": stack.id, "logical-resource-id": row.logical, "physical-resource-id": row.physical,
                        "status-details": {"status": row.status, "status-reason": reason}, "resource-type": row.type, "client-request-token": _token(stack)},
                       [stack.id]))


def validation_event(call: Call, stack: Stack, operation: str, logical: str, type_: str, **detail: str) -> None:
    """What a validation found, before anything was done: DescribeEvents alone tells of it."""
    call.sql("INSERT INTO cloudformation_event VALUES (NULL,?,?,?,?,'',?,'','','',?,?)", stack.id, call.uuid(), call.now, logical, type_, _token(stack), operation)
    _detail(call, {"EventType": "VALIDATION_ERROR", **detail})


def _detail(call: Call, body: dict[str, str]) -> None:
    call.sql("INSERT INTO cloudformation_event_detail VALUES (last_insert_rowid(), ?)", json.dumps(body))


def _token(stack: Stack) -> str:
    return stack.operation.token if stack.operation else ""


def _record(call: Call, stack: Stack, logical: str, physical: str, type_: str, status: str, reason: str, properties: str, detailed: str = "") -> None:
    operation = stack.operation.id if stack.operation else ""
    event = call.uuid() if type_ == "AWS::CloudFormation::Stack" and physical == stack.id else f"{logical}-{status}-{_moment(call.now, '%Y-%m-%dT%H:%M:%S')}"
    call.sql("INSERT INTO cloudformation_event VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)", stack.id, event, call.now, logical, physical, type_, status, reason, properties,
             _token(stack), operation)
    if detailed:
        _detail(call, {"DetailedStatus": detailed})
    for topic in stack.target.notifications:
        _tell(call, stack, topic, event, logical, physical, type_, status, reason, properties)


def _moment(now: float, form: str) -> str:
    return f"{time.strftime(form, time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"


def _tell(call: Call, stack: Stack, topic: str, event: str, logical: str, physical: str, type_: str, status: str, reason: str, properties: str) -> None:
    lines = {
        "StackId": stack.id, "Timestamp": _moment(call.now, "%Y-%m-%dT%H:%M:%S"), "EventId": event, "LogicalResourceId": logical, "Namespace": call.account,
        "PhysicalResourceId": physical, "PrincipalId": stack.operation.principal.id if stack.operation else "", "ResourceProperties": properties or "null",
        "ResourceStatus": status, "ResourceStatusReason": reason, "ResourceType": type_, "StackName": stack.name, "ClientRequestToken": _token(stack) or "null",
    }
    asking = call.as_principal(stack.operation.principal) if stack.operation else call
    try:
        asking.do("sns", "Publish", TopicArn=topic, Subject="AWS CloudFormation Notification", Message="".join(f"{k}='{v}'\n" for k, v in lines.items()))
    except (AwsError, LookupError):
        pass  # a topic that is gone, or that nobody may publish to, does not stop a stack


@cloudformation.op(resource=by_stack)
async def describe_stack_events(call: Call, req: t.DescribeStackEventsInput) -> t.DescribeStackEventsOutput:
    stack = await settled(call, find(call, req["StackName"]).id)
    token = req.get("NextToken", "")
    if token and not token.isdecimal():
        raise errors.bad_token()
    found = call.sql(f"{EVENTS} WHERE stack=? AND id<? AND status<>'' ORDER BY id DESC LIMIT ?", stack.id, int(token or 1 << 62), PAGE + 1)
    answer: Any = {"StackEvents": [_shown(stack, one) for one in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = str(found[PAGE - 1][0])
    return answer


def _shown(stack: Stack, one: Iterable[Any]) -> dict[str, Any]:
    _, event, at, logical, physical, type_, status, reason, properties, token, operation, body = one
    shown = {"StackId": stack.id, "EventId": event, "StackName": stack.name, "LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": type_,
             "Timestamp": at, "ResourceStatus": status}
    for name, value in (("ResourceStatusReason", reason), ("ResourceProperties", properties), ("ClientRequestToken", token), ("OperationId", operation)):
        if value:
            shown[name] = value
    return shown | (json.loads(body) if body else {})


def _named(call: Call, req: Any) -> tuple[Stack, str]:
    """The stack that is asked about, and the operation if it is one."""
    operation = req.get("OperationId", "")
    if req.get("ChangeSetName"):
        from . import change_sets
        one = change_sets.find(call, req["ChangeSetName"], req.get("StackName"))
        return find(call, one.stack), operation or one.operation
    if name := req.get("StackName"):
        return find(call, name), operation
    row = call.row("SELECT stack FROM cloudformation_event WHERE operation=? LIMIT 1", operation) if operation else None
    if row is None:
        raise errors.nothing_named()
    return find(call, row[0]), operation


def _about(call: Call, req: Any) -> str:
    if req.get("ChangeSetName"):
        from . import change_sets
        return change_sets.by_change_set(call, req)
    return by_stack(call, req) if req.get("StackName") else call.arn("stack/*/*")


@cloudformation.op(resource=_about)
async def describe_events(call: Call, req: t.DescribeEventsInput) -> t.DescribeEventsOutput:
    """The same events, by operation; and what validations found."""
    stack, operation = _named(call, req)
    stack = await settled(call, stack.id)
    token = req.get("NextToken", "")
    if token and not token.isdecimal():
        raise errors.bad_token()
    failed = " AND (status LIKE '%FAILED' OR status='')" if req.get("Filters", {}).get("FailedEvents") else ""
    found = call.sql(f"{EVENTS} WHERE stack=? AND id<? AND (?='' OR operation=?){failed} ORDER BY id DESC LIMIT ?", stack.id, int(token or 1 << 62), operation, operation, PAGE + 1)
    answer: Any = {"OperationEvents": [_operation_event(stack, one) for one in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = str(found[PAGE - 1][0])
    return answer


def _operation_event(stack: Stack, one: Iterable[Any]) -> dict[str, Any]:
    shown = {k: v for k, v in _shown(stack, one).items() if k != "StackName" and v != ""}
    status = shown.get("ResourceStatus", "")
    if shown.get("PhysicalResourceId") == stack.id:
        outcome = "IN_PROGRESS" if status.endswith("IN_PROGRESS") else "FAILED" if "FAILED" in status or "ROLLBACK" in status else "SUCCEEDED"
        kind = {"EventType": "STACK_EVENT", "OperationStatus": outcome}
    else:
        kind = {"EventType": "PROVISIONING_ERROR" if status.endswith("FAILED") else "PROGRESS_EVENT"}
    return kind | shown
