"""ECS Exec: a command in a container, talked with through a session of Systems Manager."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.ssm import public as ssm

from . import clusters, errors, names, tasks
from . import service as ecs
from .pods import pods

if TYPE_CHECKING:
    from cloche.shapes import ecs as t


def _context(call: Call, req: Any) -> dict[str, Any]:
    return names.in_cluster(call, req) | {"ecs:container-name": req.get("container") or ""}


@ecs.op(names.on_task, context=_context, partly="logging of sessions to S3 and CloudWatch Logs is not built")
def execute_command(call: Call, req: t.ExecuteCommandRequest) -> t.ExecuteCommandResponse:
    """Only where it was enabled at launch, interactively, in a container that runs."""
    cluster = clusters.active(call, req.get("cluster"))
    task = tasks.find(call, cluster.name, req["task"])
    if task is None:
        raise errors.no_task()
    if not req["interactive"]:
        raise errors.parameter("Interactive is the only mode supported currently.")
    if not task.exec:
        raise errors.exec_not_enabled()
    if len(task.containers) > 1 and not req.get("container"):
        raise errors.parameter("Container name is required for a task with several containers.")
    pod = pods(call).get(task.id)
    name = req.get("container") or task.containers[0]["name"]
    if name not in [one["name"] for one in task.containers]:
        raise errors.parameter(f"The container {name} was not found in the task.")
    live = pod.lives.get(name) if pod else None
    if live is None or live.state != "running" or task.desired != "RUNNING":
        raise errors.exec_not_enabled()
    session = ssm.open_session(call, f"ecs:{cluster.name}_{task.id}_{live.runtime}", req["command"], "ecs-execute-command")
    shown = next(one for one in task.containers if one["name"] == name)
    return {"clusterArn": names.arn(call, "cluster", cluster.name), "taskArn": tasks.arn_of(call, task), "containerArn": shown["arn"], "containerName": name, "interactive": True,
            "session": {"sessionId": session["SessionId"], "streamUrl": session["StreamUrl"], "tokenValue": session["TokenValue"]}}
