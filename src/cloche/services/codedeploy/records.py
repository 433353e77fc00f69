"""A deployment, its targets and their lifecycle events. The events' statuses are the whole state: the first that is not over is where a target stands."""
from __future__ import annotations

from typing import Any

import msgspec

from cloche.kernel import Call, Record

from . import errors

OVER = ("Succeeded", "Failed", "Stopped")
TARGET_OVER = ("Succeeded", "Failed", "Skipped", "Unknown")


class Deployment(Record, frozen=True):
    kind = "codedeploy.deployment"

    id: str
    application: str
    group: str
    group_id: str
    platform: str
    config: str
    revision: dict[str, Any]
    created: float
    creator: str = "user"
    status: str = "Created"
    previous: dict[str, Any] = {}
    started: float = 0.0
    ended: float = 0.0
    error: dict[str, str] = {}
    description: str = ""
    style: dict[str, str] = {}
    asked: dict[str, Any] = {}          # of the request, as it came: files, stop failures, target instances, ...
    rollback: dict[str, Any] = {}       # autoRollbackConfiguration
    alarms: dict[str, Any] = {}
    colours: dict[str, Any] = {}        # blueGreenDeploymentConfiguration
    balancer: dict[str, Any] = {}
    services: list[dict[str, str]] = []
    back: dict[str, str] = {}           # rollbackInfo
    stop_rolls_back: bool = False
    appspec: dict[str, Any] = {}        # what was read of it
    hooks: dict[str, str] = {}
    targets: list[str] = []
    stage: str = ""                     # of those that have stages: blue/green
    fleet: dict[str, Any] = {}          # what a stage has to remember
    waiting: bool = False               # blue instances wait to be terminated
    external: str = ""

    @property
    def key(self) -> str:
        return self.id

    @property
    def over(self) -> bool:
        return self.status in OVER


class Happening(msgspec.Struct, frozen=True):
    """One lifecycle event of one target."""

    name: str
    status: str = "Pending"
    began: float = 0.0
    ended: float = 0.0
    code: str = ""
    script: str = ""
    message: str = ""
    log: str = ""


class Target(Record, frozen=True):
    kind = "codedeploy.target"

    deployment: str
    id: str
    type: str                           # LambdaTarget | InstanceTarget | ECSTarget
    events: list[Happening]
    updated: float
    status: str = "Pending"
    label: str = ""                     # Blue | Green
    info: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return f"{self.deployment}/{self.id}"

    @property
    def current(self) -> Happening | None:
        return next((one for one in self.events if one.status in ("Pending", "InProgress")), None)

    @property
    def over(self) -> bool:
        return self.status in TARGET_OVER


def find(call: Call, id_: str | None) -> Deployment:
    if not id_:
        raise errors.deployment_id_required()
    found = call.get(Deployment, id_)
    if found is None:
        raise errors.bad_deployment_id(id_) if not _like_an_id(id_) else errors.no_deployment(id_)
    return found


def _like_an_id(text: str) -> bool:
    return text.startswith("d-") and 3 <= len(text) <= 20 and text[2:].isalnum() and text[2:].upper() == text[2:]


def targets(call: Call, one: Deployment) -> list[Target]:
    return [found for id_ in one.targets if (found := call.get(Target, f"{one.id}/{id_}")) is not None]


def happened(call: Call, target: Target, event: str, status: str, **more: Any) -> Target:
    """The event is in this status now."""
    def moved(one: Happening) -> Happening:
        began = one.began or (call.now if status != "Skipped" else 0.0)
        return msgspec.structs.replace(one, status=status, began=began, ended=call.now if status not in ("Pending", "InProgress") else 0.0, **more)

    return call.put(target.but(events=[moved(one) if one.name == event else one for one in target.events], updated=call.now))


def closed(call: Call, target: Target, status: str) -> Target:
    """It is over: what has not come to pass is skipped, what was under way is of unknown end."""
    def moved(one: Happening) -> Happening:
        if one.status == "Pending":
            return msgspec.structs.replace(one, status="Skipped")
        return msgspec.structs.replace(one, status="Failed" if status == "Failed" else "Unknown", ended=call.now) if one.status == "InProgress" else one

    return call.put(target.but(events=[moved(one) for one in target.events], status=status, updated=call.now))


def arn(call: Call, req: Any) -> str:
    """What IAM is asked about: the deployment group of a deployment."""
    from . import names
    found = call.get(Deployment, req.get("deploymentId") or "")
    return names.group_arn(call, found.application, found.group) if found else names.group_arn(call, "*", "*")


def arns(call: Call, req: Any) -> list[str]:
    return sorted({arn(call, {"deploymentId": id_}) for id_ in req.get("deploymentIds") or [""]})
