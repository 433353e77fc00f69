"""ARNs and what is found in them; and what IAM is asked of each kind of thing."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
DEFAULT = "default"


def last(given: str) -> str:
    return given.rpartition("/")[2]


def cluster_name(given: str | None) -> str:
    """Of a name or an ARN; `default` where nothing is said."""
    return last(given) if given else DEFAULT


def arn(call: Call, kind: str, *parts: str) -> str:
    return call.arn("/".join((kind, *parts)))


def service_name(given: str) -> str:
    return last(given)


def task_id(given: str) -> str:
    return last(given)


def tags_of(given: Any) -> dict[str, str]:
    return {one["key"]: one.get("value", "") for one in given or ()}


def shown_tags(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


# -- what IAM is asked -------------------------------------------------------------------------------------------------

def on_cluster(member: str = "cluster") -> Any:
    return lambda call, req: arn(call, "cluster", cluster_name(req.get(member)))


def in_cluster(call: Call, req: Any) -> dict[str, Any]:
    return {"ecs:cluster": arn(call, "cluster", cluster_name(req.get("cluster")))}


def on_service(member: str = "service") -> Any:
    return lambda call, req: arn(call, "service", cluster_name(req.get("cluster")), service_name(req[member]))


def on_services(call: Call, req: Any) -> list[str]:
    return [arn(call, "service", cluster_name(req.get("cluster")), service_name(one)) for one in req["services"]]


def on_task(call: Call, req: Any) -> str:
    return arn(call, "task", cluster_name(req.get("cluster")), task_id(req["task"]))


def on_tasks(call: Call, req: Any) -> list[str]:
    return [arn(call, "task", cluster_name(req.get("cluster")), task_id(one)) for one in req.get("tasks") or ["*"]]


def on_instance(call: Call, req: Any) -> str:
    return arn(call, "container-instance", cluster_name(req.get("cluster")), last(req.get("containerInstance") or "*"))


def on_instances(call: Call, req: Any) -> list[str]:
    return [arn(call, "container-instance", cluster_name(req.get("cluster")), last(one)) for one in req["containerInstances"]]
