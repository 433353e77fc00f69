"""`.sync` tasks of services that run something elsewhere: the task is begun through the service's API and then looked at, every few seconds of the clock, until it is over.

AWS hears of the end from EventBridge and looks as well; what the role must be allowed is the same.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.kernel import Call
from cloche.languages.asl.failure import StateError

from . import engine, history, integrations
from . import service as states
from .executions import load

if TYPE_CHECKING:
    from .engine import Run, Thread

LOOK_SECONDS = 3.0


class Kind(NamedTuple):
    """How a service is asked about what was begun: operation, its members from the answer to the beginning, where the description is, and what it says when it is over."""

    operation: str
    members: Any
    found: Any
    over: Any   # description -> None (not yet), True (well) or False


def _task_over(task: dict[str, Any]) -> bool | None:
    if task.get("LastStatus") != "STOPPED":
        return None
    return all(container.get("ExitCode") == 0 for container in task.get("Containers") or ()) and task.get("StopCode") in (None, "EssentialContainerExited")


KINDS = {
    ("ecs", "runTask"): Kind("DescribeTasks", lambda said: {"Cluster": said["Tasks"][0]["ClusterArn"], "Tasks": [said["Tasks"][0]["TaskArn"]]}, lambda said: said["Tasks"][0], _task_over),
    ("codebuild", "startBuild"): Kind("BatchGetBuilds", lambda said: {"Ids": [said["Build"]["Id"]]}, lambda said: said["Builds"][0],
                                      lambda build: None if build.get("BuildStatus") == "IN_PROGRESS" else build.get("BuildStatus") == "SUCCEEDED"),
    ("batch", "submitJob"): Kind("DescribeJobs", lambda said: {"Jobs": [said["JobId"]]}, lambda said: said["Jobs"][0],
                                 lambda job: {"SUCCEEDED": True, "FAILED": False}.get(job.get("Status"))),
}


def begin(run: Run, thread: Thread, target: integrations.Target, result: Any) -> None:
    """What was begun is to be looked at."""
    kind = KINDS.get((target.service, target.operation))
    if kind is not None:
        thread.submitted = kind.members(result)
        run.call.after(LOOK_SECONDS, look, thread.id, execution=run.execution.arn, thread=thread.id, token=thread.token)


@states.timer
def look(call: Call, execution: str, thread: str, token: str) -> None:
    call.wake(watch, f"{execution}\n{thread}\n{token}")


@states.worker
async def watch(call: Call, key: str) -> None:
    from . import tasks
    arn, id_, token = key.split("\n")
    with call.step():
        execution = load(call, arn)
        if execution is None or execution.status != "RUNNING":
            return
        run = engine.Run(call, execution)
        thread = run.thread(id_)
        if thread is None or thread.token != token or thread.waits != "token" or thread.submitted is None:
            return
        target, asked = integrations.parse(run.state(thread)["Resource"], execution), thread.submitted
    kind = KINDS[target.service, target.operation]
    try:
        here = integrations.acting(call.at(execution.account, execution.region), execution)
        said = kind.found(await integrations.call_service(here, target.service, kind.operation, asked, integrations.PREFIX[target.service]))
        outcome, failure = kind.over(said), None
    except StateError as error:
        said, outcome, failure = None, False, error

    def does(run: Run, thread: Thread) -> None:
        if thread.token != token:
            return
        if outcome:
            tasks.succeed(run, thread, said)
            return
        error = failure or StateError("States.TaskFailed", history.text(said))
        tasks.note_end(run, thread, "Failed", error=error.name, cause=error.cause)
        raise error

    with call.step():
        if outcome is None:
            call.after(LOOK_SECONDS, look, id_, execution=arn, thread=id_, token=token)
        else:
            engine.turn(call, arn, id_, does)
