"""Tasks: what one launch of a definition is, from PROVISIONING to STOPPED. Who carries one through its life is `running`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call, Record
from cloche.kernel.pages import page

from . import clusters, definitions, errors, names
from . import service as ecs
from .index import index

if TYPE_CHECKING:
    from cloche.shapes import ecs as t

KEPT_SECONDS = 3600.0
LIVING = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")


class Task(Record, frozen=True):
    kind = "ecs.task"

    id: str
    cluster: str
    definition: str                       # family:revision
    launch: str                           # EC2, FARGATE, EXTERNAL
    created: float
    group: str
    status: str = "PROVISIONING"
    desired: str = "RUNNING"
    containers: tuple[dict[str, Any], ...] = ()
    attachments: tuple[dict[str, Any], ...] = ()
    overrides: dict[str, Any] = {}
    started_by: str = ""
    cpu: str = ""
    memory: str = ""
    platform: str = ""
    provider: str = ""
    instance: str = ""                    # id of the container instance
    zone: str = ""
    interface: str = ""                   # of its own, in awsvpc mode
    subnet: str = ""
    groups: tuple[str, ...] = ()
    public: bool = False
    service: str = ""
    deployment: str = ""                  # or task set
    exec: bool = False
    health: str = "UNKNOWN"
    stop_code: str = ""
    reason: str = ""
    tags: dict[str, str] = {}
    constraints: tuple[dict[str, Any], ...] = ()
    strategy: tuple[dict[str, Any], ...] = ()
    storage: int = 0
    version: int = 1
    connected: float = 0
    pull_began: float = 0
    pull_ended: float = 0
    started: float = 0
    stopping: float = 0
    execution_stopped: float = 0
    stopped: float = 0
    protected: float = 0                  # until when scale-in leaves it alone
    watched: str = ""                     # balancers: "registered"

    @property
    def key(self) -> str:
        return self.id

    @property
    def living(self) -> bool:
        return self.status in LIVING and self.desired == "RUNNING"


def arn_of(call: Call, one: Task) -> str:
    return names.arn(call, "task", one.cluster, one.id)


def find(call: Call, cluster: str, given: str) -> Task | None:
    one = call.get(Task, names.task_id(given))
    return one if one is not None and one.cluster == cluster else None


def shown(call: Call, one: Task, tags: bool = False) -> Any:
    arn = arn_of(call, one)
    out: dict[str, Any] = {
        "taskArn": arn, "clusterArn": names.arn(call, "cluster", one.cluster), "taskDefinitionArn": definitions.arn_of(call, one.definition), "lastStatus": one.status,
        "desiredStatus": one.desired, "launchType": one.launch, "createdAt": one.created, "group": one.group, "version": one.version, "healthStatus": one.health,
        "enableExecuteCommand": one.exec, "attachments": [dict(each) for each in one.attachments], "containers": [container(arn, each) for each in one.containers], "overrides": {
            "containerOverrides": [{"name": each["name"]} for each in one.containers], "inferenceAcceleratorOverrides": [], **one.overrides},
        "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}], "tags": names.shown_tags(one.tags) if tags else []}
    if one.overrides.get("containerOverrides"):
        said = {each["name"]: each for each in one.overrides["containerOverrides"]}
        out["overrides"]["containerOverrides"] = [said.get(each["name"], {"name": each["name"]}) for each in one.containers]
    for name, value in (("cpu", one.cpu), ("memory", one.memory), ("startedBy", one.started_by), ("availabilityZone", one.zone), ("capacityProviderName", one.provider), ("platformVersion", one.platform),
                        ("stopCode", one.stop_code), ("stoppedReason", one.reason), ("pullStartedAt", one.pull_began), ("pullStoppedAt", one.pull_ended), ("startedAt", one.started),
                        ("stoppingAt", one.stopping), ("executionStoppedAt", one.execution_stopped), ("stoppedAt", one.stopped), ("connectivityAt", one.connected)):
        if value:
            out[name] = value
    if one.connected:
        out["connectivity"] = "CONNECTED"
    if one.launch == "FARGATE":
        out |= {"platformFamily": "Linux", "ephemeralStorage": {"sizeInGiB": one.storage or 20}, "fargateEphemeralStorage": {"sizeInGiB": one.storage or 20}}
    if one.instance:
        out["containerInstanceArn"] = names.arn(call, "container-instance", one.cluster, one.instance)
    return out


def container(task_arn: str, one: dict[str, Any]) -> dict[str, Any]:
    return {"containerArn": one["arn"], "taskArn": task_arn, **{name: value for name, value in one.items() if name not in ("arn", "id")}}


def put(call: Call, one: Task) -> Task:
    """Written, with its version counted on; a change of state is told to who listens."""
    before = call.get(Task, one.id)
    if before is not None:
        if before == one:
            return one
        one = one.but(version=before.version + 1)
    call.put(one)
    if before is None or (before.status, before.desired, before.health) != (one.status, one.desired, one.health) or [c["lastStatus"] for c in before.containers] != [c["lastStatus"] for c in one.containers]:
        tell(call, one)
        call.signal(f"ecs.task.{one.id}")
        if one.service:
            from . import scheduler
            call.wake(scheduler.reconcile, f"{one.cluster}/{one.service}")
    return one


def tell(call: Call, one: Task) -> None:
    detail = {name: moment(value) if name.endswith("At") else value for name, value in shown(call, one).items() if name not in ("tags", "healthStatus") or (name == "healthStatus" and value != "UNKNOWN")}
    detail["updatedAt"] = moment(call.now)
    call.emit(AwsEvent("aws.ecs", "ECS Task State Change", detail, [arn_of(call, one)]))


def moment(seconds: float) -> str:
    from datetime import UTC, datetime
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# -- operations -----------------------------------------------------------------------------------------------------------

@ecs.op(names.on_tasks, context=names.in_cluster)
def describe_tasks(call: Call, req: t.DescribeTasksRequest) -> t.DescribeTasksResponse:
    cluster = clusters.find(call, req.get("cluster"))
    if len(req["tasks"]) > 100:
        raise errors.parameter("You can describe up to 100 tasks at once.")
    if not req["tasks"]:
        raise errors.parameter("Tasks cannot be empty.")
    out: Any = {"tasks": [], "failures": []}
    for given in req["tasks"]:
        one = find(call, cluster.name, given)
        if one is None:
            out["failures"].append({"arn": given if given.startswith("arn:") else names.arn(call, "task", cluster.name, given), "reason": "MISSING"})
        else:
            out["tasks"].append(shown(call, one, "TAGS" in (req.get("include") or ())))
    return out  # type: ignore[no-any-return]


@ecs.op(names.on_instance, context=names.in_cluster)
def list_tasks(call: Call, req: t.ListTasksRequest) -> t.ListTasksResponse:
    """By what is wanted of them: desiredStatus RUNNING unless said."""
    cluster = clusters.find(call, req.get("cluster"))
    wanted = req.get("desiredStatus") or "RUNNING"
    found = [one for one in index(call).tasks_of(cluster.name) if one.desired == wanted]
    if name := req.get("serviceName"):
        from . import services
        one_service = services.find(call, cluster.name, name)
        if one_service is None:
            raise errors.no_service()
        found = [one for one in found if one.service == one_service.name]
    if family := req.get("family"):
        found = [one for one in found if one.definition.rpartition(":")[0] == family]
    if by := req.get("startedBy"):
        found = [one for one in found if one.started_by == by]
    if launch := req.get("launchType"):
        found = [one for one in found if one.launch == launch]
    if instance := req.get("containerInstance"):
        found = [one for one in found if one.instance == names.last(instance)]
    part, more = page(sorted(arn_of(call, one) for one in found), req, str, 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"taskArns": part, **more}  # type: ignore[typeddict-item]


@ecs.op(names.on_task, context=names.in_cluster)
def stop_task(call: Call, req: t.StopTaskRequest) -> t.StopTaskResponse:
    """SIGTERM first. One that is over is answered as it is."""
    cluster = clusters.find(call, req.get("cluster"))
    one = find(call, cluster.name, req["task"])
    if one is None:
        raise errors.no_task()
    one = stop(call, one, "UserInitiated", req.get("reason") or "Task stopped by user")
    return {"task": shown(call, one)}


def stop(call: Call, one: Task, code: str, reason: str) -> Task:
    """It is to end; the first who says so says why."""
    from . import running
    if one.desired == "STOPPED":
        return one
    one = put(call, one.but(desired="STOPPED", stop_code=code, reason=reason, stopping=call.now))
    call.wake(running.carry, one.id)
    return one


@ecs.timer
def task_forgotten(call: Call, id: str) -> None:
    if one := call.get(Task, id):
        call.delete(one)


# -- protection -----------------------------------------------------------------------------------------------------------

@ecs.op(names.on_tasks, context=names.in_cluster)
def update_task_protection(call: Call, req: t.UpdateTaskProtectionRequest) -> t.UpdateTaskProtectionResponse:
    """A service's task that scale-in and deployments leave alone, for two hours unless said."""
    cluster = clusters.active(call, req["cluster"])
    minutes = req.get("expiresInMinutes") or 120
    if not 1 <= minutes <= 2880:
        raise errors.parameter("expiresInMinutes must be between 1 and 2880.")
    if not 1 <= len(req["tasks"]) <= 10:
        raise errors.parameter("Between 1 and 10 tasks must be named.")
    out: Any = {"protectedTasks": [], "failures": []}
    for given in req["tasks"]:
        one = find(call, cluster.name, given)
        if one is None or one.desired != "RUNNING":
            out["failures"].append({"arn": given, "reason": "TASK_NOT_VALID" if one else "MISSING"})
        elif not one.service:
            out["failures"].append({"arn": arn_of(call, one), "reason": "TASK_NOT_VALID", "detail": "Task protection is supported for tasks of services only."})
        else:
            one = put(call, one.but(protected=call.now + 60 * minutes if req["protectionEnabled"] else 0.0))
            out["protectedTasks"].append(_protection(call, one))
    return out  # type: ignore[no-any-return]


def _protection(call: Call, one: Task) -> Any:
    on = one.protected > call.now
    return {"taskArn": arn_of(call, one), "protectionEnabled": on} | ({"expirationDate": one.protected} if on else {})


@ecs.op(names.on_tasks, context=names.in_cluster)
def get_task_protection(call: Call, req: t.GetTaskProtectionRequest) -> t.GetTaskProtectionResponse:
    cluster = clusters.active(call, req["cluster"])
    out: Any = {"protectedTasks": [], "failures": []}
    for given in req.get("tasks") or [one.id for one in index(call).tasks_of(cluster.name) if one.service and one.desired == "RUNNING"]:
        one = find(call, cluster.name, given)
        if one is None:
            out["failures"].append({"arn": given, "reason": "MISSING"})
        else:
            out["protectedTasks"].append(_protection(call, one))
    return out  # type: ignore[no-any-return]
