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
""")
PAGE = 100


def stack_event(call: Call, stack: Stack, reason: str = "") -> None:
    _record(call, stack, stack.name, stack.id, "AWS::CloudFormation::Stack", stack.status, reason, "")
    call.emit(AwsEvent("aws.cloudformation", "CloudFormation Stack Status Change",
                       {"stack-id": stack.id, "status-details": {"status": stack.status, "status-reason": reason}, "client-request-token": _token(stack)}, [stack.id]))


def resource_event(call: Call, stack: Stack, row: Row, reason: str = "", properties: Any = None) -> None:
    text = "" if properties is None else json.dumps(properties, separators=(",", ":"))
    _record(call, stack, row.logical, row.physical, row.type, row.status, reason, text)
    call.emit(AwsEvent("aws.cloudformation", "CloudFormation Resource Status Change",
                       {"stack-id": stack.id, "logical-resource-id": row.logical, "physical-resource-id": row.physical,
                        "status-details": {"status": row.status, "status-reason": reason}, "resource-type": row.type, "client-request-token": _token(stack)},
                       [stack.id]))


def _token(stack: Stack) -> str:
    return stack.operation.token if stack.operation else ""


def _record(call: Call, stack: Stack, logical: str, physical: str, type_: str, status: str, reason: str, properties: str) -> None:
    operation = stack.operation.id if stack.operation else ""
    event = call.uuid() if type_ == "AWS::CloudFormation::Stack" and physical == stack.id else f"{logical}-{status}-{_moment(call.now, '%Y-%m-%dT%H:%M:%S')}"
    call.sql("INSERT INTO cloudformation_event VALUES (NULL,?,?,?,?,?,?,?,?,?,?,?)", stack.id, event, call.now, logical, physical, type_, status, reason, properties,
             _token(stack), operation)
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
    found = call.sql("SELECT id, event, at, logical, physical, type, status, reason, properties, token, operation FROM cloudformation_event "
                     "WHERE stack=? AND id<? ORDER BY id DESC LIMIT ?", stack.id, int(token or 1 << 62), PAGE + 1)
    answer: Any = {"StackEvents": [_shown(stack, one) for one in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = str(found[PAGE - 1][0])
    return answer


def _shown(stack: Stack, one: Iterable[Any]) -> dict[str, Any]:
    _, event, at, logical, physical, type_, status, reason, properties, token, operation = one
    shown = {"StackId": stack.id, "EventId": event, "StackName": stack.name, "LogicalResourceId": logical, "PhysicalResourceId": physical, "ResourceType": type_,
             "Timestamp": at, "ResourceStatus": status}
    for name, value in (("ResourceStatusReason", reason), ("ResourceProperties", properties), ("ClientRequestToken", token), ("OperationId", operation)):
        if value:
            shown[name] = value
    return shown


def _named(call: Call, req: Any) -> Stack:
    if name := req.get("StackName"):
        return find(call, name)
    row = call.row("SELECT stack FROM cloudformation_event WHERE operation=? LIMIT 1", req.get("OperationId", ""))
    if row is None:
        raise errors.validation("Either StackName or OperationId must be specified")
    return find(call, row[0])


def _about(call: Call, req: Any) -> str:
    return by_stack(call, req) if req.get("StackName") else call.arn("stack/*/*")


@cloudformation.op(resource=_about, partly="validation events: nothing is validated ahead of a deployment beyond what CreateStack refuses")
async def describe_events(call: Call, req: t.DescribeEventsInput) -> t.DescribeEventsOutput:
    """The same events, by operation."""
    stack = await settled(call, _named(call, req).id)
    token, operation = req.get("NextToken", ""), req.get("OperationId", "")
    if token and not token.isdecimal():
        raise errors.bad_token()
    failed = " AND status LIKE '%FAILED'" if req.get("Filters", {}).get("FailedEvents") else ""
    found = call.sql("SELECT id, event, at, logical, physical, type, status, reason, properties, token, operation FROM cloudformation_event "
                     f"WHERE stack=? AND id<? AND (?='' OR operation=?){failed} ORDER BY id DESC LIMIT ?", stack.id, int(token or 1 << 62), operation, operation, PAGE + 1)
    answer: Any = {"OperationEvents": [{k: v for k, v in _shown(stack, one).items() if k != "StackName"} | {"EventType": "STACK_EVENT"} for one in found[:PAGE]]}
    if len(found) > PAGE:
        answer["NextToken"] = str(found[PAGE - 1][0])
    return answer
