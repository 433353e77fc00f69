"""What a task needs before it begins: who pulls for it, its secrets, its volumes, the files that every container finds."""
from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from cloche.engines.world import World, containers
from cloche.engines.world.containers import Volume
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2
from cloche.services.efs import public as efs

from .container_instances import Instance
from .definitions import Definition
from .pods import Failed, Live, Pod
from .tasks import Task

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BUNDLE = "/etc/cloche/ca-bundle.pem"
HOST_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
REACH_SECONDS = 3.0
BEFORE = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "


def instance_of(call: Call, task: Task) -> Instance | None:
    return call.get(Instance, task.instance) if task.instance else None


def overridden(task: Task, one: dict[str, Any]) -> dict[str, Any]:
    return next((each for each in task.overrides.get("containerOverrides") or () if each["name"] == one["name"]), {})


class Execution:
    """Who acts for a task before and beside it: its execution role, else its instance's role."""

    def __init__(self, call: Call, task: Task, definition: Definition) -> None:
        self.call, self.task = call, task
        self.arn = task.overrides.get("executionRoleArn") or definition.document.get("executionRoleArn") or ""

    def acting(self, what: str) -> Call:
        try:
            if self.arn:
                return self.call.as_role(self.arn, self.task.id, "ecs-tasks.amazonaws.com")
            if instance := instance_of(self.call, self.task):
                return ec2.acting(self.call, instance.ec2)
        except AwsError as error:
            raise Failed(f"{BEFORE if what != 'logs' else 'ResourceInitializationError: '}ECS was unable to assume the role '{self.arn}' that was provided for this task. "
                         f"Please verify that the role being passed has the proper trust relationship and permissions: {error.message}") from None
        raise AwsError("AccessDeniedException", "the task has no execution role")


async def environment(call: Call, role: Execution, one: dict[str, Any], task: Task) -> dict[str, str]:
    """Files first, then the definition, then what the launch says, then secrets."""
    over = overridden(task, one)
    out: dict[str, str] = {}
    for file in over.get("environmentFiles") or one.get("environmentFiles") or ():
        out |= await file_of(role, file["value"])
    out |= {pair["name"]: pair.get("value", "") for pair in one["environment"]}
    out |= {pair["name"]: pair.get("value", "") for pair in over.get("environment") or ()}
    for secret in one.get("secrets") or ():
        try:
            with call.step():
                out[secret["name"]] = value_of(call, role, secret["valueFrom"])
        except AwsError as error:
            what = "retrieve secret from asm" if ":secretsmanager:" in secret["valueFrom"] else "retrieve secrets from ssm"
            raise Failed(f"{BEFORE}unable to {what}: service call has been retried 1 time(s): {error.code}: {error.message}") from None
    return out


async def file_of(role: Execution, arn: str) -> dict[str, str]:
    import inspect
    bucket, _, key = arn.rpartition(":::")[2].partition("/")
    try:
        found = role.acting("file").do("s3", "GetObject", Bucket=bucket, Key=key)
        found = await found if inspect.isawaitable(found) else found
        body = found["Body"]
        if hasattr(body, "path"):
            with open(body.path, "rb") as file:
                file.seek(body.offset)
                body = file.read(body.length)
        elif not isinstance(body, bytes):
            body = b"".join([part async for part in body])
    except AwsError as error:
        raise Failed(f"ResourceInitializationError: failed to download env files: {error.code}: {error.message}") from None
    lines = (line.strip() for line in body.decode("utf-8", "replace").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#") and "=" in line)


def value_of(call: Call, role: Execution, given: str) -> str:
    """`arn:json-key:stage:version` of Secrets Manager; an ARN or name of a parameter."""
    if ":secretsmanager:" in given:
        parts = given.split(":")
        key, stage, version = ([*parts[7:], "", "", ""])[:3]
        arn = ":".join(parts[:7])
        found = role.acting("secrets").at(call.account, parts[3]).do("secretsmanager", "GetSecretValue", SecretId=arn, **({"VersionStage": stage} if stage else {}), **({"VersionId": version} if version else {}))
        text = found.get("SecretString")
        if text is None:
            text = found["SecretBinary"].decode("utf-8", "replace")
        if not key:
            return str(text)
        try:
            value = json.loads(text)[key]
        except (ValueError, KeyError, TypeError):
            raise AwsError("ResourceNotFoundException", f"retrieved secret from Secrets Manager did not contain json key {key}") from None
        return value if isinstance(value, str) else json.dumps(value)
    region = given.split(":")[3] if given.startswith("arn:") else call.region
    name = given.partition(":parameter")[2] if given.startswith("arn:") else given
    found = role.acting("secrets").at(call.account, region).do("ssm", "GetParameters", Names=[name if name.count("/") > 1 else name.lstrip("/")], WithDecryption=True)
    if not found["Parameters"]:
        raise AwsError("ResourceNotFoundException", f"invalid ssm parameters: {name.lstrip('/')}")
    return str(found["Parameters"][0]["Value"])


# -- volumes ----------------------------------------------------------------------------------------------------------------

async def mounts(call: Call, held: World, task: Task, definition: Definition, pod: Pod, role: Execution) -> dict[str, list[Volume]]:
    from . import running
    sources: dict[str, Volume] = {}
    for one in definition.document.get("volumes", ()):
        if settings := one.get("efsVolumeConfiguration"):
            sources[one["name"]] = Volume(str(await _efs(call, held, task, pod, settings)), "")
        elif path := (one.get("host") or {}).get("sourcePath"):
            instance = instance_of(call, task)
            sources[one["name"]] = Volume(path, "", False, instance.ec2 if instance else "")
        else:
            docker = one.get("dockerVolumeConfiguration") or {}
            base = Path(call.cloud.data) / "ecs" / "volumes" / (task.instance or task.id) if docker.get("scope") == "shared" else running.place(call, pod) / "volumes"
            sources[one["name"]] = Volume(str(await asyncio.to_thread(containers.volume, held, base / one["name"])), "")
    out: dict[str, list[Volume]] = {}
    for one in definition.containers:
        out[one["name"]] = [Volume(sources[mount["sourceVolume"]].source, mount["containerPath"], bool(mount.get("readOnly")), sources[mount["sourceVolume"]].machine) for mount in one["mountPoints"]]
    for one in definition.containers:
        for source in one["volumesFrom"]:
            out[one["name"]] += [Volume(each.source, each.target, each.read_only or bool(source.get("readOnly")), each.machine) for each in out.get(source["sourceContainer"], ())]
    return out


async def _efs(call: Call, held: World, task: Task, pod: Pod, settings: dict[str, Any]) -> Path:
    """A directory of a file system, if the task's network reaches a mount target of it."""
    id_ = settings["fileSystemId"]
    try:
        place, targets = efs.directory(call, id_), efs.targets(call, id_)
        point = (settings.get("authorizationConfig") or {}).get("accessPointId")
        root = efs.access_point(call, point).root.get("Path", "/") if point else settings.get("rootDirectory") or "/"
    except AwsError as error:
        raise Failed(f"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: {error.message}") from None
    zone = task.zone
    mine = [one for one in targets if one.vpc == pod.vpc]
    target = next((one for one in mine if one.zone == zone), mine[0] if mine else None)
    if target is None:
        raise Failed(f"ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve \"{id_}.efs.{call.region}.amazonaws.com\" - "
                     "check that your file system ID is correct, and ensure that the VPC has an EFS mount target for this file system ID.")
    await ec2.plugged_in(call, target.interface)
    made = await held.socket(pod.network or pod.host, "tcp", "", 0, backlog=0)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(made, (target.address, 2049)), REACH_SECONDS)
    except (OSError, TimeoutError):
        raise Failed("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: Connection timed out : unsuccessful EFS utils command execution; code: 32") from None
    finally:
        made.close()
    top = (place / root.lstrip("/")).resolve()
    if not top.is_relative_to(place.resolve()):
        raise Failed("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: the root directory leads outside")
    if held.shift and place.stat().st_uid != held.shift:
        await asyncio.to_thread(os.chown, place, held.shift, held.shift)
    if point and not top.exists():
        containers.volume(held, top)
    if not top.is_dir():
        raise Failed("ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: mount.nfs4: mounting failed, reason given by server: No such file or directory")
    return top


# -- files ------------------------------------------------------------------------------------------------------------------

def files(call: Call, pod: Pod, live: Live) -> dict[str, str]:
    """What docker and the agent write into it; under "" its host name."""
    domain, servers = ec2.resolvers(call, pod.vpc) if pod.vpc else ("", [])
    servers = live.said.get("dnsServers") or servers
    search = " ".join(live.said.get("dnsSearchDomains") or ([domain] if domain else []))
    name = live.said.get("hostname") or (f"ip-{pod.address.replace('.', '-')}.{'ec2' if call.region == 'us-east-1' else call.region + '.compute'}.internal" if pod.address else live.runtime[:12])
    own = pod.address or live.address or "127.0.1.1"
    extra = "".join(f"{one['ipAddress']} {one['hostname']}\n" for one in live.said.get("extraHosts") or ())
    links = "".join(f"{pod.lives[link.partition(':')[0]].address} {link.partition(':')[2] or link}\n" for link in live.said.get("links") or () if link.partition(":")[0] in pod.lives)
    out = {"": name, "/etc/hostname": name + "\n", "/etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{own} {name}\n{links}{extra}",
           "/etc/resolv.conf": (f"search {search}\n" if search else "") + "".join(f"nameserver {one}\n" for one in servers) + "options timeout:2 attempts:2\n"}
    if text := bundle(call):
        out[BUNDLE] = text
    return out


def bundle(call: Call) -> str:
    """Cloche's authority beside the world's; "" where Cloche has none yet."""
    own = Path(call.cloud.data) / "ca.pem"
    if not own.exists():
        return ""
    return next((Path(one).read_text() for one in HOST_BUNDLES if Path(one).exists()), "") + own.read_text()


