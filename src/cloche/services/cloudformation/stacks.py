"""Stacks: made, found, described, changed, called off, deleted. The work itself is the engine's."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call
from cloche.languages.cloudformation import difference, reading
from cloche.languages.cloudformation.errors import TransformError

from . import errors, policies, templates
from . import service as cloudformation
from .engine import change, deploy, expire, go_on
from .records import Operation, Row, Stack, Target, Undone, by_stack, find, forgotten, lookup, processed, put_old, put_row, rows, save_template
from .settling import settled

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
PAGE = 100
LIMITS = {"StackLimit": 2000, "StackOutputsLimit": 200, "ConcurrentResourcesLimit": 2500}
UPDATABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE"}


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise errors.bad_name(name)
    if len(name) > 128:
        raise errors.long_name(name)


def tags_of(req: Any) -> dict[str, str]:
    tags = {x["Key"]: x["Value"] for x in req.get("Tags", [])}
    if len(tags) > 50:
        raise errors.validation("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")
    for key in tags:
        if key.startswith("aws:"):
            raise errors.validation("aws: prefixed tag key names are not allowed for external use.")
    return tags


def operation(call: Call, kind: str, phase: str, req: Any, role: str, **more: Any) -> Operation:
    return Operation(call.uuid(), kind, phase, call.principal, token=req.get("ClientRequestToken", ""), role=role, retain_except=bool(req.get("RetainExceptOnCreate")),
                     unchecked=bool(req.get("DisableValidation")), express=express(req), **more)


def express(req: Any) -> bool:
    return bool(req.get("DeploymentConfig", {}).get("Mode") == "EXPRESS")


def failure_mode(req: Any) -> str:
    """ROLLBACK unless something else is asked for; in EXPRESS mode nothing is rolled back unless it is asked for."""
    if "OnFailure" in req and "DisableRollback" in req:
        raise errors.validation("You can specify either DisableRollback or OnFailure, but not both.")
    stay = req.get("DisableRollback", req.get("DeploymentConfig", {}).get("DisableRollback"))
    if stay:
        return "DO_NOTHING"
    return req.get("OnFailure", "DO_NOTHING" if stay is None and express(req) else "ROLLBACK")


def rollback_of(req: Any, before: Target | None) -> dict[str, Any]:
    """The rollback triggers: what the request says replaces what the stack had, member by member."""
    given = req.get("RollbackConfiguration", {})
    if len(given.get("RollbackTriggers", [])) > 5:
        raise errors.validation("1 validation error detected: Value at 'rollbackConfiguration.rollbackTriggers' failed to satisfy constraint: Member must have length less than or equal to 5")
    for one in given.get("RollbackTriggers", []):
        if one["Type"] not in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
            raise errors.validation(f"Rollback trigger type {one['Type']} is not supported")
    return {**(before.rollback if before else {}), **given}


def target_of(call: Call, prepared: templates.Prepared, req: Any, tags: dict[str, str], notifications: list[str], capabilities: list[str], before: Target | None = None,
              saved: bool = True) -> Target:
    return Target(template=save_template(call, prepared.original, prepared.template) if saved else "", given=prepared.given, meant=prepared.meant, shown=prepared.shown, tags=tags,
                  capabilities=capabilities, notifications=notifications, description=prepared.template.get("Description", ""), rollback=rollback_of(req, before))


def begin(call: Call, stack: Stack, reason: str = "User Initiated") -> Stack:
    """Put a stack with a new operation on disk, say so, and wake the engine."""
    running = stack.operation
    assert running is not None
    stack = change(call, stack, status=stack.status, reason=reason, detailed="", last=[{"OperationType": "UPDATE_STACK" if running.kind == "IMPORT_STACK" else running.kind, "OperationId": running.id}])
    stack = stack.but(reason="")
    call.put(stack)
    call.wake(deploy, stack.id)
    return stack


def seen_token(stack: Stack, req: Any) -> str:
    return stack.tokens.get(req.get("ClientRequestToken", ""), "")


def remember(stack: Stack) -> dict[str, str]:
    running = stack.operation
    return {**stack.tokens, running.token: running.id} if running and running.token else stack.tokens


def _role(call: Call, req: Any, stack: Stack | None = None) -> str:
    role = req.get("RoleARN", "")
    if role:
        call.pass_role(role, "cloudformation.amazonaws.com")
        return role
    return stack.role if stack else ""


@cloudformation.op(resource=by_stack)
async def create_stack(call: Call, req: t.CreateStackInput) -> t.CreateStackOutput:
    return await create(call, req)


async def create(call: Call, req: Any, parent: Stack | None = None, logical: str = "") -> Any:
    """`parent` and `logical`: of a nested stack."""
    name = req["StackName"]
    check_name(name)
    old = lookup(call, name)
    if old is not None and old.status != "DELETE_COMPLETE":
        if running := seen_token(old, req):
            return {"StackId": old.id, "OperationId": running}
        raise errors.exists(name)
    mode, tags, notifications = failure_mode(req), tags_of(req) if parent is None else dict(req.get("tags", {})), req.get("NotificationARNs", [])
    text = await templates.text_of(call, req)
    policy = await policies.text_of(call, req, "StackPolicy")
    id_ = call.arn(f"stack/{name}/{call.uuid()}")
    try:
        prepared = await templates.prepare(call, text, id_, req, None, notifications)
    except TransformError as error:
        raise errors.validation(str(error)) from None
    capabilities = req.get("Capabilities", [])
    templates.check_capabilities(prepared.template, reading.read(text), capabilities)
    with call.step():
        if sum(x.status != "DELETE_COMPLETE" for x in call.all(Stack)) >= LIMITS["StackLimit"]:
            raise errors.too_many_stacks()
        if lookup(call, name) is not None:  # somebody was faster while the template came from S3
            raise errors.exists(name)
        role = _role(call, req)
        running = operation(call, "CREATE_STACK", "apply", req, role, on_failure=mode)
        stack = Stack(id_, name, "CREATE_IN_PROGRESS", call.now, target_of(call, prepared, req, tags, notifications, capabilities), role=role, on_failure=mode,
                      timeout=req.get("TimeoutInMinutes", 0), protected=bool(req.get("EnableTerminationProtection")), policy=policy, operation=running, deployment=req.get("DeploymentConfig", {}),
                      parent=parent.id if parent else "", root=(parent.root or parent.id) if parent else "", parent_logical=logical)
        stack = begin(call, stack.but(tokens=remember(stack)))
        if stack.timeout:
            call.after(stack.timeout * 60, expire, stack.id, stack=stack.id, operation=running.id)
    return {"StackId": id_, "OperationId": running.id}


@cloudformation.op(resource=by_stack)
async def update_stack(call: Call, req: t.UpdateStackInput) -> t.UpdateStackOutput:
    return await update(call, req)


async def update(call: Call, req: Any, tags: dict[str, str] | None = None) -> Any:
    stack = find(call, req["StackName"])
    if running := seen_token(stack, req):
        return {"StackId": stack.id, "OperationId": running}
    if stack.status == "REVIEW_IN_PROGRESS":
        raise errors.no_such_stack(req["StackName"])
    if stack.operation is not None or (stack.status not in UPDATABLE and stack.status not in ("UPDATE_FAILED", "CREATE_FAILED")):
        stack = await settled(call, stack.id)
    if stack.operation is not None or (stack.status not in UPDATABLE and stack.status not in ("UPDATE_FAILED", "CREATE_FAILED")):
        raise errors.wrong_state(stack.id, stack.status)
    before = stack.target
    notifications = req.get("NotificationARNs", before.notifications)
    text = await templates.text_of(call, req, before)
    policy, during = await policies.text_of(call, req, "StackPolicy"), await policies.text_of(call, req, "StackPolicyDuringUpdate")
    try:
        prepared = await templates.prepare(call, text, stack.id, req, before, notifications)
    except TransformError as error:
        raise errors.validation(str(error)) from None
    capabilities = req.get("Capabilities", [])
    templates.check_capabilities(prepared.template, reading.read(text), capabilities)
    new_tags = tags if tags is not None else tags_of(req) if "Tags" in req else before.tags
    with call.step():
        stack = find(call, stack.id)
        role = _role(call, req, stack)
        if not different(call, stack, prepared, new_tags, notifications, req) and not policy:
            raise errors.nothing_to_update()
        target = target_of(call, prepared, req, new_tags, notifications, capabilities, before)
        running = operation(call, "UPDATE_STACK", "apply", req, role, on_failure=failure_mode(req), before=before, was=stack.status, policy=during)
        stack = start_update(call, stack, target, running, role=role, policy=policy or stack.policy, deployment=req.get("DeploymentConfig", {}))
    return {"StackId": stack.id, "OperationId": stack.operation.id if stack.operation else ""}


def start_update(call: Call, stack: Stack, target: Target, running: Operation, **changes: Any) -> Stack:
    for row in rows(call, stack.id).values():
        if row.before is not None:  # left by an update that failed and was not undone: this one starts from what is there
            before = msgspec.convert(row.before, Row)
            if before.physical != row.physical:
                put_old(call, stack.id, before.but(state="", action="replaced"))
            put_row(call, stack.id, row.but(before=None))
    stack = stack.but(status="UPDATE_IN_PROGRESS", target=target, operation=running, updated=call.now, **changes)
    return begin(call, stack.but(tokens=remember(stack)))


def different(call: Call, stack: Stack, prepared: templates.Prepared, tags: dict[str, str], notifications: list[str], req: Any) -> bool:
    """Is there anything to do? Compared is what the template means, not how it is written."""
    before = stack.target
    if "RollbackConfiguration" in req and rollback_of(req, before) != before.rollback:
        return True
    if tags != before.tags or notifications != before.notifications or stack.status in ("UPDATE_FAILED", "CREATE_FAILED"):
        return True
    if "{{resolve:" in prepared.original:
        return True
    old, new = processed(call, before.template), prepared.template
    same = all(difference.same(old.get(part) or {}, new.get(part) or {}) for part in ("Resources", "Outputs", "Mappings", "Conditions"))
    return not same or prepared.meant != before.meant


@cloudformation.op(resource=by_stack)
def cancel_update_stack(call: Call, req: t.CancelUpdateStackInput) -> None:
    stack = find(call, req["StackName"])
    if stack.status != "UPDATE_IN_PROGRESS" or stack.operation is None:
        raise errors.cannot_cancel()
    call.put(stack.but(operation=go_on(stack, failed="User Initiated", cancelled=True, on_failure="ROLLBACK")))
    call.cloud.memory.get("cloudformation.patience", set()).discard(stack.operation.id)  # who asks next may wait again
    call.wake(deploy, stack.id)


@cloudformation.op(resource=by_stack)
def continue_update_rollback(call: Call, req: t.ContinueUpdateRollbackInput) -> None:
    stack = find(call, req["StackName"])
    if req.get("ForceRollback") and req.get("ResourcesToSkip"):
        raise errors.validation("ForceRollback and ResourcesToSkip are mutually exclusive.")
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise errors.not_rolling_back(stack.id, stack.status)
    skip = [name for name, one in rows(call, stack.id).items() if one.status == "UPDATE_FAILED"] if req.get("ForceRollback") else list(req.get("ResourcesToSkip", []))
    _resume_rollback(call, stack, req, "CONTINUE_ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", skip)


def _resume_rollback(call: Call, stack: Stack, req: Any, kind: str, status: str, skip: list[str]) -> Operation:
    undone = call.get(Undone, stack.id)
    assert undone is not None
    role = _role(call, req, stack)
    running = msgspec.structs.replace(undone.operation, kind=kind, phase="undo", principal=call.principal, role=role, skip=skip, token=req.get("ClientRequestToken", ""))
    begin(call, stack.but(status=status, operation=running))
    return running


@cloudformation.op(resource=by_stack)
def rollback_stack(call: Call, req: t.RollbackStackInput) -> t.RollbackStackOutput:
    stack = find(call, req["StackName"])
    if stack.status == "UPDATE_FAILED" and call.get(Undone, stack.id) is not None:
        running = _resume_rollback(call, stack, req, "ROLLBACK", "UPDATE_ROLLBACK_IN_PROGRESS", [])
    elif stack.status == "CREATE_FAILED":
        running = operation(call, "CREATE_STACK", "undo", req, _role(call, req, stack))
        begin(call, stack.but(status="ROLLBACK_IN_PROGRESS", operation=running))
    else:
        raise errors.validation(f"Stack [{stack.name}] is in {stack.status} state and can not be rolled back.")
    return {"StackId": stack.id, "OperationId": running.id}


@cloudformation.op(resource=by_stack, partly="EXPRESS waits for deletions as STANDARD does")
async def delete_stack(call: Call, req: t.DeleteStackInput) -> None:
    stack = lookup(call, req["StackName"])
    if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
        return
    if stack.operation is not None:
        stack = await settled(call, stack.id)
    with call.step():
        delete(call, find(call, stack.id), req)


def delete(call: Call, stack: Stack, req: Any, nested: bool = False) -> None:
    root = lookup(call, stack.root) if stack.root else stack
    if (root or stack).protected and not nested:
        raise errors.protected(stack.name)
    if req.get("RetainResources") and stack.status != "DELETE_FAILED":
        raise errors.retain_only_failed()
    retain = list(req.get("RetainResources", []))
    if req.get("DeletionMode") == "FORCE_DELETE_STACK":
        if stack.status != "DELETE_FAILED":
            raise errors.force_only_failed()
        retain += [name for name, one in rows(call, stack.id).items() if one.status == "DELETE_FAILED"]
    if stack.status == "REVIEW_IN_PROGRESS":
        from .resources import forget_change_sets
        forget_change_sets(call, stack)
        change(call, stack, status="DELETE_COMPLETE", deleted=call.now, change_sets={})
        return
    role = _role(call, req, stack)
    was = stack.operation.was or stack.status if stack.operation else stack.status
    running = operation(call, "DELETE_STACK", "remove", req, role, was=was, retain=retain)
    begin(call, stack.but(status="DELETE_IN_PROGRESS", operation=running))


@cloudformation.op(resource=by_stack)
def update_termination_protection(call: Call, req: t.UpdateTerminationProtectionInput) -> t.UpdateTerminationProtectionOutput:
    stack = find(call, req["StackName"])
    if stack.parent:
        raise errors.nested_protection()
    call.put(stack.but(protected=req["EnableTerminationProtection"]))
    return {"StackId": stack.id}


@cloudformation.op(resource=ANY)
def describe_account_limits(call: Call, req: t.DescribeAccountLimitsInput) -> t.DescribeAccountLimitsOutput:
    return {"AccountLimits": [{"Name": name, "Value": value} for name, value in LIMITS.items()]}


def _described(call: Call, req: Any) -> str:
    return by_stack(call, req) if req.get("StackName") else call.arn("stack/*/*")


@cloudformation.op(resource=_described)
async def describe_stacks(call: Call, req: t.DescribeStacksInput) -> t.DescribeStacksOutput:
    if name := req.get("StackName"):
        stack = await settled(call, find(call, name).id)
        if stack.status == "DELETE_COMPLETE" and not name.startswith("arn:"):
            raise errors.no_such_stack(name)
        return {"Stacks": [shown(call, stack)]}
    stacks = sorted((x for x in call.all(Stack) if x.status != "DELETE_COMPLETE"), key=lambda x: (-x.created, x.name))
    page, token = paged(stacks, req)
    return {"Stacks": [shown(call, x) for x in page], **token}


def paged(items: list[Any], req: Any, size: int = PAGE) -> tuple[list[Any], dict[str, str]]:
    token = req.get("NextToken", "0")
    if not token.isdecimal():
        raise errors.bad_token()
    start = int(token)
    return items[start:start + size], ({"NextToken": str(start + size)} if len(items) > start + size else {})


def shown(call: Call, stack: Stack) -> dict[str, Any]:
    target = stack.target
    out: dict[str, Any] = {
        "StackId": stack.id, "StackName": stack.name, "CreationTime": stack.created, "StackStatus": stack.status, "DisableRollback": stack.on_failure == "DO_NOTHING",
        "RollbackConfiguration": target.rollback, "NotificationARNs": target.notifications, "Capabilities": target.capabilities, "Parameters": target.shown,
        "Tags": [{"Key": k, "Value": v} for k, v in target.tags.items()], "Outputs": stack.outputs, "EnableTerminationProtection": stack.protected,
        "DriftInformation": stack.drift or {"StackDriftStatus": "NOT_CHECKED"},
    }
    if stack.root:
        root = lookup(call, stack.root)
        out["EnableTerminationProtection"] = bool(root and root.protected)
    optional = {"Description": target.description, "StackStatusReason": stack.reason, "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted, "RoleARN": stack.role,
                "TimeoutInMinutes": stack.timeout, "ParentId": stack.parent, "RootId": stack.root, "ChangeSetId": stack.change_set, "LastOperations": stack.last, "DetailedStatus": stack.detailed,
                "DeploymentConfig": stack.deployment, "AliasName": stack.alias}
    return out | {k: v for k, v in optional.items() if v}


@cloudformation.op(resource=ANY)
def list_stacks(call: Call, req: t.ListStacksInput) -> t.ListStacksOutput:
    wanted = set(req.get("StackStatusFilter", []))
    stacks = sorted((x for x in call.all(Stack) if (not wanted or x.status in wanted) and not forgotten(call, x)), key=lambda x: (-x.created, x.name))
    page, token = paged(stacks, req)
    return {"StackSummaries": [summary(x) for x in page], **token}


def summary(stack: Stack) -> dict[str, Any]:
    out: dict[str, Any] = {"StackId": stack.id, "StackName": stack.name, "CreationTime": stack.created, "StackStatus": stack.status,
                           "DriftInformation": stack.drift or {"StackDriftStatus": "NOT_CHECKED"}}
    optional = {"TemplateDescription": stack.target.description, "StackStatusReason": stack.reason, "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted,
                "ParentId": stack.parent, "RootId": stack.root, "LastOperations": stack.last}
    return out | {k: v for k, v in optional.items() if v}

