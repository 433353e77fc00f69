"""What a task definition may say: sizes, modes, containers. Gives the document as it is kept, with what ECS fills in."""
from __future__ import annotations

import re
from typing import Any

from cloche.engines.oci import references
from cloche.kernel import AwsError, Call

from . import errors, names

MOST_CONTAINERS, MOST_CONSTRAINTS = 10, 10
GIB = 1024
FARGATE: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048), 512: tuple(range(1024, 4097, 1024)), 1024: tuple(range(2048, 8193, 1024)), 2048: tuple(range(4096, 16385, 1024)), 4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)), 16384: tuple(range(32768, 122881, 8192)),
}
LOG_DRIVERS = {"FARGATE": ("awslogs", "splunk", "awsfirelens")}
DEPENDENCIES = ("START", "COMPLETE", "SUCCESS", "HEALTHY")
ROLE = re.compile(r"arn:[\w-]+:iam::\d{12}:role/.+")
_CPU, _MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*vCPUs?", re.I), re.compile(r"(\d+(?:\.\d+)?)\s*GB", re.I)


def units(text: str | None, what: str) -> str:
    """ "1 vCPU" is "1024", "3 GB" is "3072"."""
    if not text:
        return ""
    if re.fullmatch(r"\d+", text):
        return str(int(text))
    found = (_CPU if what == "cpu" else _MEMORY).fullmatch(text.strip())
    if found is None:
        raise errors.client(f"Invalid '{what}' setting for task. {text!r} is not a valid value.")
    return str(int(float(found[1]) * 1024))


def document(call: Call, req: Any, members: tuple[str, ...]) -> dict[str, Any]:
    if not names.NAME.fullmatch(req["family"]):
        raise errors.client("Family contains invalid characters.")
    if not req["containerDefinitions"]:
        raise errors.client("Container list cannot be empty.")
    if len(req["containerDefinitions"]) > MOST_CONTAINERS:
        raise errors.client(f"Too many containers: a task definition has at most {MOST_CONTAINERS}.")
    out = {name: req[name] for name in members if req.get(name) not in (None, [], "")}
    for what in ("cpu", "memory"):
        if text := units(req.get(what), what):
            out[what] = text
    for role in ("taskRoleArn", "executionRoleArn"):
        if out.get(role) and not out[role].startswith("arn:"):
            out[role] = call.arn(f"role/{out[role]}", service="iam", region="")
        if out.get(role) and not ROLE.fullmatch(out[role]):
            raise errors.client("Role is not valid")
    for constraint in out.get("placementConstraints", ()):
        memberof(constraint, "memberOf")
    fargate = "FARGATE" in (req.get("requiresCompatibilities") or ())
    mode = out.get("networkMode")
    if fargate:
        if mode != "awsvpc":
            raise errors.client("Fargate only supports network mode ‘awsvpc’.")
        out["networkMode"] = mode = "awsvpc"
    out["containerDefinitions"] = containers(req["containerDefinitions"], out, mode or "bridge")
    volumes(out)
    if fargate:
        for_fargate(out, raising=True)
    storage = (req.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None and not 20 <= storage <= 200:
        raise errors.client("Invalid setting for ephemeralStorage: sizeInGiB must be between 20 and 200.")
    out["compatibilities"] = compatibilities(out)
    for wanted in req.get("requiresCompatibilities") or ():
        if wanted not in out["compatibilities"]:
            raise errors.client(f"Tasks of this definition cannot run on {wanted}.")
    out["requiresAttributes"] = attributes(out)
    return out


def memberof(constraint: dict[str, Any], *kinds: str) -> None:
    from cloche.languages import cluster_query
    if constraint.get("type") not in kinds:
        raise errors.client(f"Invalid placement constraint type: {constraint.get('type')}")
    if constraint["type"] == "memberOf":
        try:
            cluster_query.parse(constraint.get("expression") or "")
        except cluster_query.Invalid as error:
            raise errors.client(f"Invalid expression: {error}") from None
    elif constraint.get("expression"):
        raise errors.client("Expressions are not supported for distinctInstance placement constraints.")


def containers(given: list[Any], task: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    seen: set[str] = set()
    for one in given:
        name = one.get("name") or ""
        if not names.NAME.fullmatch(name):
            raise errors.client("Container.name should not be null or empty." if not name else f"Invalid container name: {name}")
        if name in seen:
            raise errors.client(f"Container names must be unique: {name}")
        seen.add(name)
        if not one.get("image"):
            raise errors.client("Container.image should not be null or empty.")
        if references.parse(one["image"]) is None:
            raise errors.client(f"Container.image contains invalid characters: {one['image']}")
        made = {key: value for key, value in one.items() if value not in (None,)}
        made |= {"cpu": one.get("cpu", 0), "essential": one.get("essential", True), "environment": one.get("environment") or [], "mountPoints": one.get("mountPoints") or [],
                 "volumesFrom": one.get("volumesFrom") or [], "systemControls": one.get("systemControls") or []}
        made["portMappings"] = ports(one, mode)
        memory(made, task)
        limits(made, mode)
        out.append(made)
    if not any(one["essential"] for one in out):
        raise errors.client("Task definition must contain at least one essential container.")
    depends(out)
    total = sum(one["cpu"] for one in out)
    if task.get("cpu") and total > int(task["cpu"]):
        raise errors.client(f"The sum of all container cpu units ({total}) cannot exceed the task cpu ({task['cpu']}).")
    return out


def ports(one: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    out, used = [], set()
    for given in one.get("portMappings") or ():
        port = dict(given)
        port.setdefault("protocol", "tcp")
        if "containerPortRange" in port:
            raise errors.not_built("containerPortRange")
        number = port.get("containerPort")
        if not number or not 1 <= number <= 65535:
            raise errors.client(f"Invalid 'containerPort' setting for container '{one['name']}'")
        if port.get("hostPort") and not 1 <= port["hostPort"] <= 65535:
            raise errors.client(f"Invalid 'hostPort' setting for container '{one['name']}'")
        if mode in ("awsvpc", "host"):
            if port.get("hostPort") not in (None, 0, number):
                raise errors.client(f"When networkMode={mode}, the host ports and container ports in port mappings must match.")
            port["hostPort"] = number
        elif mode == "none":
            raise errors.client("Port mappings are not supported when networkMode=none.")
        else:
            port.setdefault("hostPort", 0)
        if (number, port["protocol"]) in used and mode == "awsvpc":
            raise errors.client(f"The port {number}/{port['protocol']} is mapped twice in container '{one['name']}'.")
        used.add((number, port["protocol"]))
        out.append(port)
    return out


def memory(one: dict[str, Any], task: dict[str, Any]) -> None:
    hard, soft = one.get("memory"), one.get("memoryReservation")
    name = one["name"]
    if hard is None and soft is None and not task.get("memory"):
        raise errors.client(f"Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified.")
    for text, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < 6:
            raise errors.client(f"Invalid '{text}' setting for container '{name}': the minimum is 6 MiB.")
    if hard is not None and soft is not None and soft > hard:
        raise errors.client(f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'.")
    if task.get("memory") and max(hard or 0, soft or 0) > int(task["memory"]):
        raise errors.client(f"Invalid setting for container '{name}'. The 'memory' value for a container cannot exceed the memory value of the task.")


HEALTH = {"interval": (5, 300, 30), "timeout": (2, 60, 5), "retries": (1, 10, 3), "startPeriod": (0, 300, 0)}


def limits(one: dict[str, Any], mode: str) -> None:
    name = one["name"]
    if one.get("links") and mode != "bridge":
        raise errors.client(f"Links are not supported when networkMode={mode}.")
    if one.get("hostname") and mode == "awsvpc":
        raise errors.client("The hostname parameter is not supported when networkMode=awsvpc.")
    if check := one.get("healthCheck"):
        check = dict(check)
        if not check.get("command") or check["command"][0] not in ("CMD", "CMD-SHELL", "NONE"):
            raise errors.client(f"Invalid health check command for container '{name}': it must begin with CMD or CMD-SHELL.")
        for what, (least, most, usual) in HEALTH.items():
            check.setdefault(what, usual)
            if not least <= check[what] <= most:
                raise errors.client(f"Invalid health check '{what}' for container '{name}': it must be between {least} and {most}.")
        one["healthCheck"] = check
    if one.get("stopTimeout") is not None and not 0 <= one["stopTimeout"] <= 86400:
        raise errors.client(f"Invalid 'stopTimeout' setting for container '{name}'.")
    for pair in one.get("environment", ()):
        if not pair.get("name"):
            raise errors.client(f"Environment variables of container '{name}' need names.")
    seen = {pair["name"] for pair in one.get("environment", ())}
    for secret in one.get("secrets") or ():
        if secret["name"] in seen:
            raise errors.client(f"The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{secret['name']}'.")
        seen.add(secret["name"])


def depends(all_: list[dict[str, Any]]) -> None:
    by = {one["name"]: one for one in all_}
    for one in all_:
        for need in one.get("dependsOn") or ():
            if need["containerName"] not in by:
                raise errors.client(f"Container '{one['name']}' depends on '{need['containerName']}', which does not exist in the task definition.")
            other = by[need["containerName"]]
            if need["condition"] == "HEALTHY" and not other.get("healthCheck"):
                raise errors.client(f"Container '{one['name']}' depends on '{other['name']}' to be HEALTHY, but it has no health check.")
            if need["condition"] in ("COMPLETE", "SUCCESS") and other["essential"]:
                raise errors.client(f"Container '{other['name']}' is essential: another container cannot depend on its end ({need['condition']}).")
    done: set[str] = set()
    while True:
        ready = [name for name, one in by.items() if name not in done and all(need["containerName"] in done for need in one.get("dependsOn") or ())]
        if not ready:
            break
        done |= set(ready)
    if len(done) < len(by):
        raise errors.client("The container dependencies have a cycle.")


def volumes(out: dict[str, Any]) -> None:
    known = {}
    for one in out.get("volumes", ()):
        if not names.NAME.fullmatch(one.get("name") or ""):
            raise errors.client("Volume name is not valid.")
        if one["name"] in known:
            raise errors.client(f"Volume names must be unique: {one['name']}")
        for kind, what in (("fsxWindowsFileServerVolumeConfiguration", "volumes of FSx"), ("s3filesVolumeConfiguration", "volumes of S3 Files"), ("configuredAtLaunch", "EBS volumes of tasks")):
            if one.get(kind):
                raise errors.not_built(what)
        known[one["name"]] = one
    for container in out["containerDefinitions"]:
        for mount in container["mountPoints"]:
            if mount.get("sourceVolume") not in known:
                raise errors.client(f"Unknown volume '{mount.get('sourceVolume')}'.")
        for source in container["volumesFrom"]:
            if source.get("sourceContainer") not in [one["name"] for one in out["containerDefinitions"]]:
                raise errors.client(f"Unknown container '{source.get('sourceContainer')}' in volumesFrom.")


def for_fargate(out: dict[str, Any], raising: bool) -> bool:
    """Whether Fargate can run it."""
    try:
        if out.get("networkMode") != "awsvpc":
            raise errors.client("Fargate only supports network mode ‘awsvpc’.")
        for what in ("cpu", "memory"):
            if not out.get(what):
                raise errors.client(f"Fargate requires that '{what}' be defined at the task level.")
        if int(out["memory"]) not in FARGATE.get(int(out["cpu"]), ()):
            raise errors.not_fargate_pair(out["cpu"], out["memory"])
        for one in out["containerDefinitions"]:
            name = one["name"]
            if one.get("privileged"):
                raise errors.client("Fargate does not support privileged containers.")
            if one.get("stopTimeout", 0) > 120:
                raise errors.client(f"Invalid 'stopTimeout' setting for container '{name}': Fargate's maximum is 120 seconds.")
            if log := one.get("logConfiguration"):
                if log["logDriver"] not in LOG_DRIVERS["FARGATE"]:
                    raise errors.client(f"Log driver {log['logDriver']} is not supported on Fargate.")
                if log["logDriver"] == "awslogs" and not out.get("executionRoleArn"):
                    raise errors.client("Fargate requires task definition to have execution role ARN to support log driver awslogs.")
            if not out.get("executionRoleArn") and (found := references.parse(one["image"])) and found.account:
                raise errors.client("Fargate requires task definition to have execution role ARN to support ECR images.")
            if not out.get("executionRoleArn") and one.get("secrets"):
                raise errors.client("Fargate requires task definition to have execution role ARN to support container secrets.")
        for volume in out.get("volumes", ()):
            if (volume.get("host") or {}).get("sourcePath"):
                raise errors.client("host.sourcePath should not be set for volumes in Fargate.")
            if volume.get("dockerVolumeConfiguration"):
                raise errors.client("Fargate does not support Docker volumes.")
        if out.get("placementConstraints"):
            raise errors.client("Fargate does not support placement constraints.")
    except AwsError:
        if raising:
            raise
        return False
    return True


def compatibilities(out: dict[str, Any]) -> list[str]:
    found = ["EC2"]
    if for_fargate(out, raising=False):
        found.append("FARGATE")
    if out.get("networkMode") != "awsvpc":
        found.append("EXTERNAL")
    return found


def attributes(out: dict[str, Any]) -> list[dict[str, str]]:
    """What an instance must be able to do to run it."""
    found = {"com.amazonaws.ecs.capability.docker-remote-api.1.18"}
    for one in out["containerDefinitions"]:
        if log := one.get("logConfiguration"):
            found.add(f"com.amazonaws.ecs.capability.logging-driver.{log['logDriver']}")
        if (image := references.parse(one["image"])) and image.account:
            found.add("com.amazonaws.ecs.capability.ecr-auth")
        for secret in one.get("secrets") or ():
            found.add("ecs.capability.secrets.asm.environment-variables" if ":secretsmanager:" in secret["valueFrom"] else "ecs.capability.secrets.ssm.environment-variables")
        if one.get("privileged"):
            found.add("com.amazonaws.ecs.capability.privileged-container")
        if one.get("healthCheck"):
            found.add("ecs.capability.container-health-check")
        if one.get("dependsOn"):
            found.add("ecs.capability.container-ordering")
    if out.get("networkMode") == "awsvpc":
        found.add("ecs.capability.task-eni")
    if out.get("taskRoleArn"):
        found.add("com.amazonaws.ecs.capability.task-iam-role")
    if any(volume.get("efsVolumeConfiguration") for volume in out.get("volumes", ())):
        found.add("ecs.capability.efs")
    return [{"name": name} for name in sorted(found)]
