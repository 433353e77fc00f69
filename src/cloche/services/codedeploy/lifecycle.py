"""A deployment's life: created, carried by one worker until it succeeds, fails or is stopped, and perhaps taken back by another one.

`carry` may be woken as often as one likes: it looks at what the records say, does the next thing, and returns where only the clock, a hook, an agent or a
person can go on. Whoever ends a wait wakes it.
"""
from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from cloche.kernel import AwsError, Call

from . import notices
from . import service as codedeploy
from .groups import Group
from .records import Deployment, closed, targets

log = logging.getLogger("cloche")
# compute platform -> one turn of it: True if it may go on at once
TURNS: dict[str, Callable[[Call, Deployment], Awaitable[bool]]] = {}
ROUNDS = 10_000


class Failure(Exception):
    """The deployment fails with an error of CodeDeploy's list."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def group_of(call: Call, one: Deployment) -> Group | None:
    found = call.get(Group, f"{one.application}/{one.group}")
    return found if found is not None and found.id == one.group_id else next((each for each in call.all(Group) if each.id == one.group_id), None)


@codedeploy.worker
async def carry(call: Call, key: str) -> None:
    for _ in range(ROUNDS):
        one = call.get(Deployment, key)
        if one is None or one.over:
            return
        try:
            if one.status == "Created":
                await opened(call, one)
            elif not await TURNS[one.platform](call, one):
                return
        except Failure as failure:
            fail(call, key, failure.code, failure.message)
        except AwsError as error:
            code = "IAM_ROLE_PERMISSIONS" if "AccessDenied" in error.code or "Unauthorized" in error.code else "INTERNAL_ERROR"
            fail(call, key, code, error.message)
        except Exception:
            log.exception("deployment %s", key)
            fail(call, key, "INTERNAL_ERROR", "There was an internal error.")
    log.error("deployment %s goes round in circles", key)


async def opened(call: Call, one: Deployment) -> None:
    from . import alarms
    with call.step():
        one = call.get(Deployment, one.id) or one
        if one.status != "Created":
            return
        group = group_of(call, one)
        if group is None:
            raise Failure("DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} does not exist.")
        one = call.put(one.but(status="InProgress", started=call.now))
        notices.moved(call, group, one)
        alarms.look(call, group, one)


def put(call: Call, one: Deployment, status: str) -> Deployment:
    """A status on the way: Ready, and InProgress again."""
    one = call.put(one.but(status=status))
    notices.moved(call, group_of(call, one), one)
    return one


# -- ends -------------------------------------------------------------------------------------------------------------------

def succeed(call: Call, one: Deployment) -> None:
    """Inside a step."""
    group = group_of(call, one)
    if group is not None:
        call.put(group.but(good=one.id, active="" if group.active == one.id else group.active))
    end(call, one, "Succeeded")


def fail(call: Call, id_: str, code: str, message: str) -> None:
    with call.step():
        one = call.get(Deployment, id_)
        if one is not None and not one.over:
            for target in targets(call, one):
                if not target.over:
                    target = closed(call, target, "Failed" if any(event.status in ("InProgress", "Failed") for event in target.events) else "Skipped")
                    notices.moved_target(call, group_of(call, one), one, target)
            end(call, one.but(error={"code": code, "message": message}), "Failed")


def stop(call: Call, one: Deployment, code: str, message: str) -> Deployment:
    """Inside a step. What has begun in an instance is finished there, and nobody waits for it."""
    for target in targets(call, one):
        if not target.over:
            closed(call, target, "Skipped" if all(event.status == "Pending" for event in target.events) else "Unknown" if target.type == "InstanceTarget" else "Failed")
    return end(call, one.but(error={"code": code, "message": message}), "Stopped")


def end(call: Call, one: Deployment, status: str) -> Deployment:
    from . import commands, hooks, rollbacks, scaling
    group = group_of(call, one)
    one = call.put(one.but(status=status, ended=call.now))
    if group is not None and group.active == one.id:
        group = call.put(group.but(active=""))
    hooks.forget(call, one)
    commands.withdraw(call, one)
    if group is not None:
        one = rollbacks.consider(call, group, one)
        scaling.told(call, group, one)
    notices.moved(call, group, one)
    return one


def orphaned(call: Call, id_: str) -> None:
    """Its group is gone."""
    one = call.get(Deployment, id_)
    if one is not None and not one.over:
        stop(call, one, "DEPLOYMENT_GROUP_MISSING", f"The deployment group {one.group} was deleted.")
