"""The agent on an instance: it reads /etc/ecs/ecs.config when user data is done, registers the instance under the instance's own role, and answers at port 51678.

It is Cloche's own, as that of Systems Manager is: ECS-optimized images have it, and so has whatever instance's user data writes its configuration.
"""
from __future__ import annotations

import json
import logging
import shlex
from typing import Any

from cloche.engines.net import small_http
from cloche.engines.net.small_http import Answer, Asked
from cloche.engines.world import WorldError
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import clusters, container_instances, names
from . import service as ecs
from .container_instances import Instance
from .pods import pods

PORT = 51678
PATIENCE_SECONDS = 600.0
log = logging.getLogger("cloche")
READ = ["sh", "-c", "cloud-init status --wait >/dev/null; cat /etc/ecs/ecs.config 2>/dev/null; true"]


@ecs.boot
def attend(call: Call) -> None:
    """Hear of instances from now on; those that run already are looked at."""
    ec2.hear_life(heard)
    for where in call.cloud.store.scopes("ec2.instance"):
        there = call.at(*where)
        for one in ec2.managed(there):
            heard(there, one)


def heard(call: Call, one: Any) -> None:
    here = call.of("ecs")
    if one.state == "running" and (ec2.for_containers(here, one) or b"ecs.config" in one.user_data):
        here.wake(register, one.id)
    elif one.state != "pending" and one.state != "running":
        for known in here.all(Instance):
            if known.ec2 == one.id and known.status != "INACTIVE":
                _lost(here, known, one)


def _lost(call: Call, known: Instance, one: Any) -> None:
    from . import tasks
    from .index import index
    if one.state in ("shutting-down", "terminated"):
        container_instances.gone(call, known, f"Host EC2 (instance {one.id}) terminated.")
    elif known.connected:
        there = index(call).tasks_on(known.id)
        container_instances.put(call, known.but(connected=False))
        for task in there:
            if task.status != "STOPPED":
                tasks.stop(call, task, "TerminationNotice", f"Host EC2 (instance {one.id}) stopped.")


@ecs.worker
async def register(call: Call, key: str) -> None:
    try:
        instance = ec2.instance(call, key)
    except AwsError:
        return
    if instance.state != "running":
        return
    try:
        _, said, _ = await ec2.execute(call, key, READ, timeout=PATIENCE_SECONDS)
    except ec2.MachineError:
        return
    settings = config(said.decode("utf-8", "replace"))
    if not settings and not ec2.for_containers(call, instance):
        return
    cluster = settings.get("ECS_CLUSTER") or names.DEFAULT
    try:
        with call.step():
            role = ec2.acting(call, key).of("ecs")
            if cluster == names.DEFAULT and call.get(clusters.Cluster, cluster) is None:
                role.do("ecs", "CreateCluster", clusterName=cluster)
            custom = json.loads(settings.get("ECS_INSTANCE_ATTRIBUTES") or "{}")
            tags = json.loads(settings.get("ECS_CONTAINER_INSTANCE_TAGS") or "{}")
            role.do("ecs", "RegisterContainerInstance", cluster=cluster, instanceIdentityDocument=json.dumps({"instanceId": key, "region": call.region, "accountId": call.account}),
                    attributes=[{"name": name, "value": str(value)} for name, value in custom.items()], tags=[{"key": name, "value": str(value)} for name, value in tags.items()])
    except (AwsError, ValueError) as error:
        log.warning("the ECS agent of %s cannot register: %s", key, error)
        return
    await _introspection(call, key)


def config(text: str) -> dict[str, str]:
    """KEY=value lines, as the agent's environment file has them."""
    out = {}
    for line in text.splitlines():
        line = line.strip().removeprefix("export ")
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            if name.strip() == "ECS_INSTANCE_ATTRIBUTES" or name.strip() == "ECS_CONTAINER_INSTANCE_TAGS":
                out[name.strip()] = value.strip().strip("'")
                continue
            try:
                out[name.strip()] = " ".join(shlex.split(value))
            except ValueError:
                out[name.strip()] = value.strip()
    return out


async def _introspection(call: Call, id_: str) -> None:
    """http://localhost:51678/v1/metadata and /v1/tasks."""
    held = ec2.running_world(call)
    if held is None:
        return
    doors = call.cloud.memory.setdefault("ecs.introspection", {})
    if old := doors.pop(id_, None):
        old.close()
    try:
        sock = await held.socket(id_, "tcp", "127.0.0.1", PORT)
    except WorldError:
        return
    doors[id_] = await small_http.serve(sock, _answering(call, id_), call.cloud.clock.http_date)
    call.cloud.closers.append(doors[id_].close)


def _answering(call: Call, id_: str) -> Any:
    async def answer(asked: Asked) -> Answer:
        one = next((each for each in call.all(Instance) if each.ec2 == id_ and each.status != "INACTIVE"), None)
        path = asked.path.partition("?")[0].rstrip("/")
        if path == "/v1/metadata" and one:
            value: Any = {"Cluster": one.cluster, "ContainerInstanceArn": container_instances.arn_of(call, one), "Version": f"Amazon ECS Agent - v{one.agent} (*{one.agent_hash})"}
        elif path == "/v1/tasks" and one:
            from . import tasks
            from .index import index
            value = {"Tasks": [{"Arn": tasks.arn_of(call, task), "DesiredStatus": task.desired, "KnownStatus": task.status, "Family": task.definition.rpartition(":")[0],
                                "Version": task.definition.rpartition(":")[2],
                                "Containers": [{"DockerId": live.runtime, "DockerName": live.name, "Name": live.name} for live in (pods(call)[task.id].lives.values() if task.id in pods(call) else ())]}
                               for task in index(call).tasks_on(one.id) if task.status != "STOPPED"]}
        elif path == "":
            value = {"AvailableCommands": ["/v1/metadata", "/v1/tasks", "/license"]}
        else:
            return Answer(404)
        return Answer(200, json.dumps(value).encode(), (("Content-Type", "application/json"),))
    return answer


