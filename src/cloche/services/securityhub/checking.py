"""When controls look: at once where one is turned on, then every 12 or 24 hours; change-triggered ones some minutes after a change, and every 18 hours.

Changes are seen by a witness in the kernel's timeline, there only while some account has a hub: without one a request pays nothing.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from cloche.kernel import AwsError, Call

from . import service as securityhub
from .catalogue import CONTROLS
from .hub import Hub, stamp

HOURS = sorted({one.hours for one in CONTROLS.values()})
AT_ONCE_SECONDS = 1                                    # AWS: "within two hours, most within 25 minutes"
CHANGE_SECONDS = 300
KEPT_DAYS, ARCHIVED_DAYS, STALE_DAYS = 90, 30, 3
CHANGES = {name: re.compile(pattern) for name, pattern in {
    "dynamodb": "(Create|Update|Delete)Table", "ec2": "(Authorize|Revoke|Create|Delete|Modify|Run|Start|Terminate|Replace|Associate|Disassociate|Attach|Detach|Allocate)[A-Z]",
    "elbv2": "(Create|Delete)LoadBalancer|ModifyLoadBalancerAttributes", "iam": "(Create|Delete|Put|Attach|Detach|SetDefault)(User|Polic|.*Policy)", "kms": "CreateKey|ScheduleKey|CancelKey",
    "lambda": "(Create|Delete)Function$|(Add|Remove)Permission", "s3": "(Create|Delete|Put)(Bucket|PublicAccess)", "secretsmanager": "(Create|Delete|Rotate|CancelRotate|Restore)Secret",
    "sns": "(Create|Delete)Topic|SetTopicAttributes|(Add|Remove)Permission", "sqs": "(Create|Delete)Queue|SetQueueAttributes|(Add|Remove)Permission"}.items()}


@securityhub.boot
def watch(call: Call) -> None:
    """Be told of changes, if anybody has a hub."""
    witnesses = call.cloud.timeline.witnesses
    if witness not in witnesses and call.cloud.store.scopes(Hub.kind):
        witnesses.append(witness)


@lru_cache(maxsize=4096)
def changes(service: str, operation: str) -> bool:
    pattern = CHANGES.get(service)
    return pattern is not None and pattern.match(operation) is not None


def witness(call: Call, status: int, error: Any, value: Any) -> None:
    name = call.service.name
    if status >= 400 or not changes(name, call.op):
        return
    here = Call(call.cloud, call.cloud.service("securityhub"), call.account, call.region, call.principal)
    planned = call.cloud.memory.setdefault("securityhub.planned", set())
    if here.get(Hub, "default") and (here.account, here.region, name) not in planned:
        planned.add((here.account, here.region, name))
        with call.cloud.store:
            here.after(CHANGE_SECONDS, changed, name, service=name)


@securityhub.timer
def changed(call: Call, service: str) -> None:
    call.cloud.memory.setdefault("securityhub.planned", set()).discard((call.account, call.region, service))
    if call.get(Hub, "default"):
        run(call, [one for one in _on(call) if CONTROLS[one].on == service])


def begin(call: Call) -> None:
    """All that is on looks now."""
    for hours in HOURS:
        call.after(AT_ONCE_SECONDS, look, str(hours), hours=hours)


def end(call: Call) -> None:
    for hours in HOURS:
        call.cancel(look, str(hours))


def _on(call: Call) -> dict[str, list[str]]:
    from .standards import looking
    return looking(call)


@securityhub.timer
def look(call: Call, hours: int) -> None:
    if call.get(Hub, "default") is None:
        return
    call.after(hours * 3600, look, str(hours), hours=hours)
    run(call, [one for one in _on(call) if CONTROLS[one].hours == hours])
    if hours == HOURS[-1]:
        tidy(call)


@securityhub.timer
def look_again(call: Call, control: str) -> None:
    """What it judges by has changed."""
    if call.get(Hub, "default") and control in _on(call):
        run(call, [control])


def run(call: Call, ids: list[str]) -> None:
    """A control that cannot look says so: it claims nothing."""
    from . import reporting
    from .checks import CHECKS
    from .looking import WARNING, Eye, Seen
    eye, wanted = Eye(call), _on(call)
    for id_ in ids:
        try:
            seen = list(CHECKS[id_](eye))
        except AwsError as error:
            seen = [Seen("AwsAccount", f"AWS::::Account:{call.account}", WARNING, reason=("NO_AVAILABLE_EVIDENCE", f"The control could not look: {error.message}"))]
        reporting.report(call, CONTROLS[id_], wanted[id_], seen)


def retire(call: Call, control: str) -> None:
    """A control that is off keeps no active findings."""
    from . import reporting
    reporting.archive(call, lambda one: one.control == control)


def tidy(call: Call) -> None:
    """Findings of controls that nobody updates are archived; those that are old are deleted."""
    from . import finding_history, reporting
    finding_history.tidy(call)
    from .findings import Finding
    stale = stamp(call.now - STALE_DAYS * 86400)
    reporting.archive(call, lambda one: bool(one.control) and one.body["UpdatedAt"] < stale)
    for one in call.all(Finding):
        days = ARCHIVED_DAYS if one.body["RecordState"] == "ARCHIVED" else KEPT_DAYS
        if one.processed < call.now - days * 86400:
            call.delete(one)
