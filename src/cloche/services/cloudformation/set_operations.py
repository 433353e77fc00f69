"""What a stack set does in its accounts and regions: one worker an operation, driven by what is on disk.

Regions come one after the other (or all at once), accounts of a region as many at a time as the preferences allow. A region in
which more accounts fail than are tolerated stops, and with it the operation: what had not begun is CANCELLED.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, Record, doors, pages

from . import drift, errors, stack_sets
from . import service as cloudformation
from .records import Stack, lookup
from .stack_sets import EXECUTION, StackSet, administration, arn, by_set, home

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

    from .set_targets import Target


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    account: str
    region: str
    unit: str = ""
    status: str = "PENDING"
    reason: str = ""
    stack: str = ""


class SetOperation(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.setoperation"

    id: str
    set: str
    action: str
    status: str
    created: float
    results: list[Result]
    preferences: dict[str, Any] = {}
    targets: dict[str, Any] = {}
    ended: float = 0.0
    retain: bool = False
    reason: str = ""
    administration: str = ""
    execution: str = ""
    drift: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"{self.set}/{self.id}"


def find(call: Call, one: StackSet, id_: str) -> SetOperation:
    if (found := call.get(SetOperation, f"{one.id}/{id_}")) is None:
        raise errors.no_operation(id_, arn(call, one.id))
    return found


def of_set(call: Call, one: StackSet) -> list[SetOperation]:
    return sorted((x for x in call.all(SetOperation) if x.set == one.id), key=lambda x: (-x.created, x.id))


def running(call: Call, one: StackSet) -> SetOperation | None:
    return next((x for x in of_set(call, one) if x.status in ("RUNNING", "STOPPING", "QUEUED")), None)


def begin(call: Call, one: StackSet, action: str, req: Any, targets: list[Target], queue: bool = False) -> SetOperation:
    id_ = req.get("OperationId") or call.uuid()
    if call.get(SetOperation, f"{one.id}/{id_}") is not None:
        raise errors.operation_exists(id_)
    other = running(call, one)
    if other is not None and not (one.managed or queue):
        raise errors.operation_in_progress(arn(call, one.id), other.id)
    preferences = req.get("OperationPreferences", {})
    check(preferences, [region for _, region, _ in targets])
    made = SetOperation(id_, one.id, action, "QUEUED" if other else "RUNNING", call.now, [Result(*x) for x in targets], preferences, req.get("DeploymentTargets", {}),
                        retain=bool(req.get("RetainStacks")), administration=administration(call, one) if one.model == "SELF_MANAGED" else "",
                        execution=(one.execution or EXECUTION) if one.model == "SELF_MANAGED" else "")
    call.put(made)
    if other is None:
        call.wake(roll_out, made.key)
    return made


def check(preferences: dict[str, Any], regions: list[str]) -> None:
    for kind in ("FailureTolerance", "MaxConcurrent"):
        if f"{kind}Count" in preferences and f"{kind}Percentage" in preferences:
            raise errors.validation(f"You can specify either {kind}Count or {kind}Percentage, but not both")
    order = preferences.get("RegionOrder")
    if order and (len(set(order)) < len(order) or set(order) != set(regions)):
        raise errors.validation("RegionOrder must contain exactly the Regions of the operation")


def limits(preferences: dict[str, Any], accounts: int) -> tuple[int, int]:
    """How many accounts of a region may fail, and how many may be at work."""
    tolerated = int(preferences.get("FailureToleranceCount", accounts * preferences.get("FailureTolerancePercentage", 0) // 100))
    at_once = int(preferences.get("MaxConcurrentCount", max(1, accounts * preferences.get("MaxConcurrentPercentage", 0) // 100)))
    if preferences.get("ConcurrencyMode", "STRICT_FAILURE_TOLERANCE") == "STRICT_FAILURE_TOLERANCE":
        at_once = min(at_once, tolerated + 1)
    return tolerated, at_once


# -- the worker ----------------------------------------------------------------------------------------------------------------

@cloudformation.worker
async def roll_out(call: Call, key: str) -> None:
    """Idempotent: what began and has no stack yet begins again, and finds the stack it had made."""
    while (one := call.get(SetOperation, key)) is not None and one.status in ("RUNNING", "STOPPING"):
        mine = stack_sets.find(call, one.set)
        for place, result in enumerate(one.results):
            if result.status == "RUNNING":
                await advance(call, mine, one, place, result)
        one = call.get(SetOperation, key)
        assert one is not None
        one, chosen = plan(one)
        with call.step():
            call.put(one)
            for result in one.results:
                if result.status == "CANCELLED":
                    mark(call, one, result)
            if not chosen and all(x.status != "RUNNING" for x in one.results):
                finish(call, mine, one)
                return
        if not chosen:
            return  # a stack that comes to rest wakes us


def plan(one: SetOperation) -> tuple[SetOperation, list[int]]:
    """Which targets begin now, and which never will."""
    results = list(one.results)
    order = one.preferences.get("RegionOrder") or list(dict.fromkeys(x.region for x in results))
    parallel = one.preferences.get("RegionConcurrencyType") == "PARALLEL"
    chosen: list[int] = []
    stopped = one.status == "STOPPING"
    for region in order:
        here = [place for place, x in enumerate(results) if x.region == region]
        tolerated, at_once = limits(one.preferences, len(here))
        failures = sum(results[place].status == "FAILED" for place in here)
        strict = one.preferences.get("ConcurrencyMode", "STRICT_FAILURE_TOLERANCE") == "STRICT_FAILURE_TOLERANCE"
        room = max(1, at_once - failures if strict else at_once) - sum(results[place].status == "RUNNING" for place in here)
        stopped = stopped or failures > tolerated
        for place in here:
            if results[place].status == "PENDING":
                if stopped:
                    results[place] = msgspec.structs.replace(results[place], status="CANCELLED", reason="Cancelled since failure tolerance has exceeded"
                                                             if one.status != "STOPPING" else "Cancelled since the operation was stopped")
                elif room > 0:
                    room -= 1
                    chosen.append(place)
                    results[place] = msgspec.structs.replace(results[place], status="RUNNING")
        if not stopped and not parallel and any(results[place].status in ("PENDING", "RUNNING") for place in here):
            break
        if parallel and one.status != "STOPPING":
            stopped = False
    return one.but(results=results), chosen


def finish(call: Call, mine: StackSet, one: SetOperation) -> None:
    failed = False
    for region in {x.region for x in one.results}:
        here = [x for x in one.results if x.region == region]
        failed = failed or sum(x.status == "FAILED" for x in here) > limits(one.preferences, len(here))[0]
    status = "STOPPED" if one.status == "STOPPING" else "FAILED" if failed else "SUCCEEDED"
    details: dict[str, Any] = {}
    if one.action == "DETECT_DRIFT":
        details = drift_details(call, mine, one)
        call.put(stack_sets.find(call, mine.name).but(drift=details))
    call.put(one.but(status=status, ended=call.now, drift=details))
    later = [x for x in reversed(of_set(call, mine)) if x.status == "QUEUED"]
    if later:
        call.put(later[0].but(status="RUNNING"))
        call.wake(roll_out, later[0].key)


def drift_details(call: Call, mine: StackSet, one: SetOperation) -> dict[str, Any]:
    from .stack_instances import instances
    there = instances(call, mine)
    drifted = sum(x.drift == "DRIFTED" for x in there)
    failed = sum(x.status == "FAILED" for x in one.results)
    return {"DriftStatus": "DRIFTED" if drifted else "IN_SYNC", "LastDriftCheckTimestamp": call.now, "TotalStackInstancesCount": len(there), "DriftedStackInstancesCount": drifted,
            "DriftDetectionStatus": "STOPPED" if one.status == "STOPPING" else "FAILED" if failed == len(one.results) and failed else "PARTIAL_SUCCESS" if failed else "COMPLETED",
            "InSyncStackInstancesCount": sum(x.drift == "IN_SYNC" for x in there), "InProgressStackInstancesCount": 0, "FailedStackInstancesCount": failed}


# -- one target ----------------------------------------------------------------------------------------------------------------

def executing(call: Call, mine: StackSet, account: str, region: str) -> Call:
    """The rights under which the target's stack is made: the execution role's, reached through the administration role, or the organization's own."""
    there = call.at(account, region)
    if mine.model == "SERVICE_MANAGED":
        return there.as_principal(there.as_root().principal)  # AWS acts under a role of its own with all rights
    admin, role = administration(call, mine), mine.execution or EXECUTION
    try:
        acting = call.as_role(admin, "StackSets", "cloudformation.amazonaws.com")
    except AwsError:
        raise errors.validation(f"Account {call.account} should have '{admin.rpartition('/')[2]}' role with trust relationship to CloudFormation service.") from None
    try:
        keys = acting.do("sts", "AssumeRole", RoleArn=f"arn:aws:iam::{account}:role/{role}", RoleSessionName=f"StackSet-{mine.id.partition(':')[2]}"[:64])["Credentials"]
    except AwsError:
        raise errors.validation(f"Account {account} should have '{role}' role with trust relationship to Role '{admin.rpartition('/')[2]}'.") from None
    return there.as_principal(doors.credential(call.cloud, keys["AccessKeyId"]).principal)


async def advance(call: Call, mine: StackSet, one: SetOperation, place: int, result: Result) -> None:
    """Begin what has not begun, and see what came of what has."""
    from .stack_instances import Instance
    instance = call.get(Instance, f"{mine.id}/{result.account}/{result.region}")
    if instance is None:
        settle(call, one, place, "SUCCEEDED" if one.action == "DELETE" else "FAILED", "")
        return
    there = call.at(result.account, result.region)
    if result.stack:
        stack = lookup(there, result.stack)
        if stack is None or stack.operation is None:
            judge(call, one, place, instance, stack)
        return
    try:
        with call.step():
            acting = executing(call, mine, result.account, result.region)
        began = await BEGIN[one.action](call, mine, one, instance, acting)
    except AwsError as error:
        settle(call, one, place, "FAILED", error.message)
        return
    if not began:
        settle(call, one, place, "SUCCEEDED", "")
        return
    with call.step():
        stack = lookup(there, began)
        assert stack is not None
        there.put(stack.but(watched={"account": call.account, "region": call.region, "key": one.key}))
        now = call.get(SetOperation, one.key)
        assert now is not None
        call.put(now.but(results=[msgspec.structs.replace(x, stack=began) if n == place else x for n, x in enumerate(now.results)]))
        call.put(instance.but(stack=began, detailed="RUNNING"))
    if stack.operation is None:
        judge(call, one, place, call.get(Instance, instance.key), stack)


def _request(mine: StackSet, instance: Any) -> dict[str, Any]:
    given = mine.given | instance.overrides
    declared = stack_sets.templates.read(mine.text).get("Parameters") or {}
    return {"text": mine.text, "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in given.items() if k in declared],
            "Capabilities": mine.capabilities, "Tags": [{"Key": k, "Value": v} for k, v in mine.tags.items()]}


async def make(call: Call, mine: StackSet, one: SetOperation, instance: Any, acting: Call) -> str:
    """Create it, or bring the stack that is there to what the set says."""
    from . import stacks
    there = call.at(instance.account, instance.region)
    old = lookup(there, instance.stack or f"StackSet-{mine.name}-{one.id}")
    if old is not None and old.status == "DELETE_COMPLETE":
        old = None
    if old is not None and old.watched.get("key") == one.key:
        return old.id
    if old is None:
        name = f"StackSet-{mine.name[:82]}-{call.uuid()}"
        acting.require("cloudformation:CreateStack", acting.arn(f"stack/{name}/*", service="cloudformation"))
        made = await stacks.create(acting, _request(mine, instance) | {"StackName": name, "OnFailure": "DELETE"})
        return str(made["StackId"])
    acting.require("cloudformation:UpdateStack", old.id)
    try:
        await stacks.update(acting, _request(mine, instance) | {"StackName": old.id})
    except AwsError as error:
        if error.message != "No updates are to be performed.":
            raise
        return ""
    return old.id


async def take_down(call: Call, mine: StackSet, one: SetOperation, instance: Any, acting: Call) -> str:
    from . import stacks
    stack = lookup(call.at(instance.account, instance.region), instance.stack) if instance.stack else None
    if stack is None or stack.status == "DELETE_COMPLETE" or one.retain:
        return ""
    if stack.status == "DELETE_IN_PROGRESS":
        return stack.id
    acting.require("cloudformation:DeleteStack", stack.id)
    with call.step():
        stacks.delete(acting, stack, {})
    return stack.id


async def compare(call: Call, mine: StackSet, one: SetOperation, instance: Any, acting: Call) -> str:
    found = await drift.examine(acting, instance.stack, [])
    with call.step():
        now = call.get(type(instance), instance.key)
        assert now is not None
        call.put(now.but(drift="DRIFTED" if found else "IN_SYNC", looked=call.now))
    return ""


BEGIN = {"CREATE": make, "UPDATE": make, "DELETE": take_down, "DETECT_DRIFT": compare}
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def judge(call: Call, one: SetOperation, place: int, instance: Any, stack: Stack | None) -> None:
    if one.action == "DELETE":
        gone = stack is None or stack.status == "DELETE_COMPLETE"
        settle(call, one, place, "SUCCEEDED" if gone else "FAILED", "" if gone or stack is None else stack.reason)
    else:
        good = stack is not None and stack.status in GOOD
        settle(call, one, place, "SUCCEEDED" if good else "FAILED", "" if good else why(call, instance, stack))


def why(call: Call, instance: Any, stack: Stack | None) -> str:
    if stack is None:
        return "The stack is gone"
    there = call.at(instance.account, instance.region)
    found = there.row("SELECT logical, type, reason FROM cloudformation_event WHERE stack=? AND status IN ('CREATE_FAILED', 'UPDATE_FAILED') AND reason<>'' ORDER BY id DESC LIMIT 1", stack.id)
    return f"ResourceLogicalId:{found[0]}, ResourceType:{found[1]}, ResourceStatusReason:{found[2]}." if found else stack.reason


def settle(call: Call, one: SetOperation, place: int, status: str, reason: str) -> None:
    with call.step():
        now = call.get(SetOperation, one.key)
        assert now is not None
        result = msgspec.structs.replace(now.results[place], status=status, reason=reason)
        call.put(now.but(results=[result if n == place else x for n, x in enumerate(now.results)]))
        mark(call, one, result)


def mark(call: Call, one: SetOperation, result: Result) -> None:
    """The instance shows what came of the operation."""
    from .stack_instances import Instance
    instance = call.get(Instance, f"{one.set}/{result.account}/{result.region}")
    if instance is None:
        return
    if one.action == "DELETE" and result.status == "SUCCEEDED":
        call.delete(instance)
        return
    good = result.status == "SUCCEEDED"
    new = instance.but(detailed=result.status, reason=result.reason)
    if one.action == "DELETE":
        new = new.but(status="INOPERABLE" if result.status == "FAILED" else instance.status)
    elif one.action != "DETECT_DRIFT":
        new = new.but(status="CURRENT" if good else "OUTDATED")
    if new != instance:
        call.put(new)


def told(call: Call, watched: dict[str, str]) -> None:
    """A stack that an operation waits for has come to rest."""
    call.at(watched["account"], watched["region"]).wake(roll_out, watched["key"])


# -- what is asked of them -------------------------------------------------------------------------------------------------------

@cloudformation.op(resource=by_set)
def detect_stack_set_drift(call: Call, req: t.DetectStackSetDriftInput) -> t.DetectStackSetDriftOutput:
    from .stack_instances import instances
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    return {"OperationId": begin(call, one, "DETECT_DRIFT", req, [(x.account, x.region, x.unit) for x in instances(call, one) if x.stack]).id}


@cloudformation.op(resource=by_set)
def stop_stack_set_operation(call: Call, req: t.StopStackSetOperationInput) -> t.StopStackSetOperationOutput:
    call = home(call, req)
    one = find(call, stack_sets.find(call, req["StackSetName"]), req["OperationId"])
    if one.status not in ("RUNNING", "QUEUED"):
        raise errors.invalid_operation(f"Operation {one.id} is in {one.status} state and cannot be stopped")
    call.put(one.but(status="STOPPING"))
    call.wake(roll_out, one.key)
    return {}


@cloudformation.op(resource=by_set)
def describe_stack_set_operation(call: Call, req: t.DescribeStackSetOperationInput) -> t.DescribeStackSetOperationOutput:
    call = home(call, req)
    one = find(call, stack_sets.find(call, req["StackSetName"]), req["OperationId"])
    out = _summary(one) | {"StackSetId": one.set, "OperationPreferences": _preferences(one)}
    if one.action == "DELETE":
        out["RetainStacks"] = one.retain
    if one.targets:
        out["DeploymentTargets"] = one.targets
    if one.administration:
        out |= {"AdministrationRoleARN": one.administration, "ExecutionRoleName": one.execution}
    if one.drift:
        out["StackSetDriftDetectionDetails"] = one.drift
    return {"StackSetOperation": out}


def _preferences(one: SetOperation) -> dict[str, Any]:
    given = dict(one.preferences)
    if "FailureTolerancePercentage" not in given:
        given.setdefault("FailureToleranceCount", 0)
    if "MaxConcurrentPercentage" not in given:
        given.setdefault("MaxConcurrentCount", 1)
    return {"RegionConcurrencyType": "SEQUENTIAL", "ConcurrencyMode": "STRICT_FAILURE_TOLERANCE", "RegionOrder": [], **given}


def _summary(one: SetOperation) -> Any:
    out: dict[str, Any] = {"OperationId": one.id, "Action": one.action, "Status": one.status, "CreationTimestamp": one.created,
                           "StatusDetails": {"FailedStackInstancesCount": sum(x.status == "FAILED" for x in one.results)}}
    optional = {"EndTimestamp": one.ended, "StatusReason": one.reason}
    return out | {k: v for k, v in optional.items() if v}


@cloudformation.op(resource=by_set)
def list_stack_set_operations(call: Call, req: t.ListStackSetOperationsInput) -> t.ListStackSetOperationsOutput:
    call = home(call, req)
    found = of_set(call, stack_sets.find(call, req["StackSetName"]))
    page, token = pages.page(found, req, lambda x: x.id, 100, errors.bad_token)
    return {"Summaries": [_summary(x) | {"OperationPreferences": _preferences(x)} for x in page], **token}  # type: ignore[typeddict-item]


@cloudformation.op(resource=by_set)
def list_stack_set_operation_results(call: Call, req: t.ListStackSetOperationResultsInput) -> t.ListStackSetOperationResultsOutput:
    call = home(call, req)
    one = find(call, stack_sets.find(call, req["StackSetName"]), req["OperationId"])
    wanted = {value for each in req.get("Filters", []) for value in each["Values"].split(",")}
    found = [x for x in one.results if not wanted or x.status in wanted]
    page, token = pages.page(found, req, lambda x: f"{x.account}/{x.region}", 100, errors.bad_token)
    return {"Summaries": [_result(x) for x in page], **token}  # type: ignore[typeddict-item]


def _result(one: Result) -> Any:
    out: dict[str, Any] = {"Account": one.account, "Region": one.region, "Status": one.status, "OrganizationalUnitId": one.unit}
    if one.status in ("SUCCEEDED", "FAILED"):
        out["AccountGateResult"] = {"Status": "SKIPPED", "StatusReason": f"Function not found: arn:aws:lambda:{one.region}:{one.account}:function:AWSCloudFormationStackSetAccountGate"}
    return out | ({"StatusReason": one.reason} if one.reason else {})
