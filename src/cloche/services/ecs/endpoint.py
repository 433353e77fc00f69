"""169.254.170.2 in a task's network: credentials of the task role, and the metadata of version 4 (and 3). Whose a request is, its path says, which nobody can guess."""
from __future__ import annotations

import json
from typing import Any

from cloche.engines.net import small_http
from cloche.engines.net.small_http import Answer, Asked
from cloche.engines.world import World, WorldError
from cloche.engines.world import usage as used
from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2
from cloche.services.sts import public as sts

from . import names, resources
from .pods import Live, Pod, pods
from .tasks import Task, moment

ADDRESS, PORT = "169.254.170.2", 51679
# The agent's own port, as on AWS: who listens at port 80 of all addresses must not meet ours there
RULES = f"""table ip cloche_ecs {{}}
delete table ip cloche_ecs
table ip cloche_ecs {{
chain output {{
type nat hook output priority -100
ip daddr {ADDRESS} tcp dport 80 dnat to {ADDRESS}:{PORT}
}}
}}
"""
SECONDS, RENEWED = 6 * 3600.0, 900.0
TRUST = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


async def open_(call: Call, held: World, network: str) -> None:
    """Once per network. Ports below 1024 are there for all, as docker has it."""
    doors = call.cloud.memory.setdefault("ecs.doors", {})
    if network in doors:
        return
    if not network.startswith("i-"):
        await held.sysctl(network, **{"net/ipv4/ip_unprivileged_port_start": 0, "net/ipv4/ping_group_range": "0 65535"})
    code, _, err = await held.run(network, ["ip", "addr", "replace", f"{ADDRESS}/32", "dev", "lo"])
    if code:
        raise WorldError(err.decode(errors="replace"))
    code, _, err = await held.run(network, ["nft", "-f", "-"], RULES.encode())
    if code:
        raise WorldError(err.decode(errors="replace"))
    sock = await held.socket(network, "tcp", ADDRESS, PORT)
    doors[network] = await small_http.serve(sock, _answering(call), call.cloud.clock.http_date)
    if "ecs.doors.closer" not in call.cloud.memory:
        call.cloud.memory["ecs.doors.closer"] = True
        call.cloud.closers.append(lambda: [server.close() for server in doors.values()])


def close(call: Call, pod: Pod) -> None:
    """The task's own network goes with it; an instance's stays."""
    for network in {pod.network, *(live.network for live in pod.lives.values())}:
        if network and not network.startswith("i-"):
            shut(call, network)


def shut(call: Call, network: str) -> None:
    if server := call.cloud.memory.get("ecs.doors", {}).pop(network, None):
        server.close()


def variables(call: Call, task: Task, pod: Pod, live: Live) -> dict[str, str]:
    out = {"ECS_CONTAINER_METADATA_URI_V4": f"http://{ADDRESS}/v4/{live.runtime}", "ECS_CONTAINER_METADATA_URI": f"http://{ADDRESS}/v3/{live.runtime}",
           "ECS_AGENT_URI": f"http://{ADDRESS}/api/{live.runtime}", "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE" if task.launch == "FARGATE" else "AWS_ECS_EC2",
           "AWS_REGION": call.region, "AWS_DEFAULT_REGION": call.region}
    if role_of(task, pod):
        pod.secret = pod.secret or call.uuid()
        out["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = f"/v2/credentials/{pod.secret}"
    if resources.bundle(call):
        out |= dict.fromkeys(TRUST, resources.BUNDLE)
    return out


def role_of(task: Task, pod: Pod) -> str:
    return str(task.overrides.get("taskRoleArn") or pod.definition.document.get("taskRoleArn") or "")


def _answering(call: Call) -> Any:
    async def answer(asked: Asked) -> Answer:
        path = asked.path.partition("?")[0].rstrip("/").split("/")
        if path[1:3] == ["v2", "credentials"] and len(path) == 4:
            return credentials(call, path[3])
        if len(path) > 2 and path[1] in ("v3", "v4"):
            for pod in pods(call).values():
                for live in pod.lives.values():
                    if live.runtime == path[2]:
                        return metadata(call.at(pod.account, pod.region), pod, live, path[3:], path[1])
        return _json({"error": "not found"}, 404)
    return answer


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))


def credentials(call: Call, secret: str) -> Answer:
    pod = next((one for one in pods(call).values() if one.secret and one.secret == secret), None)
    task = call.at(pod.account, pod.region).get(Task, pod.task) if pod else None
    if pod is None or task is None:
        return _json({"code": "InvalidIdInRequest", "message": "CredentialsV2Request: ID not found", "HTTPErrorCode": 400}, 400)
    there, role = call.at(pod.account, pod.region), role_of(task, pod)
    if pod.credentials.get("Expiration", 0) - call.now < RENEWED:
        try:
            with there.step():
                pod.credentials = sts.service_session(there, role, task.id, "ecs-tasks.amazonaws.com", SECONDS)[0]
        except AwsError as error:
            return _json({"code": "NoCredentialProviders", "message": error.message, "HTTPErrorCode": 500}, 500)
    found = pod.credentials
    return _json({"RoleArn": role, "AccessKeyId": found["AccessKeyId"], "SecretAccessKey": found["SecretAccessKey"], "Token": found["SessionToken"],
                  "Expiration": moment(found["Expiration"]).replace(".000Z", "Z")})


def metadata(call: Call, pod: Pod, live: Live, rest: list[str], version: str) -> Answer:
    task = call.get(Task, pod.task)
    if task is None:
        return _json({"error": "not found"}, 404)
    if rest == []:
        return _json(about(call, task, pod, live))
    if rest in (["task"], ["taskWithTags"]):
        out = {
            "Cluster": names.arn(call, "cluster", task.cluster), "TaskARN": names.arn(call, "task", task.cluster, task.id), "Family": pod.definition.family, "Revision": str(pod.definition.revision),
            "DesiredStatus": task.desired, "KnownStatus": task.status, "Containers": [about(call, task, pod, each) for each in pod.lives.values()], "LaunchType": task.launch,
            "AvailabilityZone": task.zone, "PullStartedAt": moment(task.pull_began), "PullStoppedAt": moment(task.pull_ended)}
        if task.cpu or task.memory:
            out["Limits"] = {**({"CPU": int(task.cpu) / 1024} if task.cpu else {}), **({"Memory": int(task.memory)} if task.memory else {})}
        if task.service:
            out["ServiceName"] = task.service
        if rest == ["taskWithTags"] and task.tags:
            out["TaskTags"] = task.tags
        return _json(out)
    if rest == ["stats"]:
        return _json(stats(call, live))
    if rest == ["task", "stats"]:
        return _json({each.runtime: stats(call, each) for each in pod.lives.values()})
    return _json({"error": "not found"}, 404)


def about(call: Call, task: Task, pod: Pod, live: Live) -> dict[str, Any]:
    known = {"waiting": "PENDING", "running": "RUNNING", "ended": "STOPPED"}[live.state]
    out: dict[str, Any] = {
        "DockerId": live.runtime, "Name": live.name, "DockerName": live.name, "Image": live.said["image"], "ImageID": next((c.get("imageDigest", "") for c in task.containers if c["name"] == live.name), ""),
        "Labels": {"com.amazonaws.ecs.cluster": names.arn(call, "cluster", task.cluster), "com.amazonaws.ecs.container-name": live.name,
                   "com.amazonaws.ecs.task-arn": names.arn(call, "task", task.cluster, task.id), "com.amazonaws.ecs.task-definition-family": pod.definition.family,
                   "com.amazonaws.ecs.task-definition-version": str(pod.definition.revision), **(live.said.get("dockerLabels") or {})},
        "DesiredStatus": task.desired, "KnownStatus": known, "Limits": {"CPU": live.said["cpu"], **({"Memory": live.said["memory"]} if live.said.get("memory") else {})},
        "Type": "NORMAL", "ContainerARN": next((c["arn"] for c in task.containers if c["name"] == live.name), ""), "CreatedAt": moment(live.began or call.now), "StartedAt": moment(live.began or call.now),
        "Networks": [{"NetworkMode": pod.definition.network, "IPv4Addresses": [one for one in (pod.address or live.address,) if one]}]}
    if live.said["portMappings"]:
        out["Ports"] = [{"ContainerPort": port["containerPort"], "Protocol": port["protocol"], **({"HostPort": port["hostPort"]} if port.get("hostPort") else {})} for port in live.said["portMappings"]]
    if pod.definition.network == "awsvpc":
        one = ec2.interface(call, task.interface) if task.interface else None
        if one:
            subnet = ec2.subnet(call, one.subnet_id)
            out["Networks"][0] |= {"AttachmentIndex": 0, "MACAddress": one.mac, "IPv4SubnetCIDRBlock": subnet.cidr, "SubnetGatewayIpv4Address": _gateway(subnet.cidr)}
    if live.state == "ended":
        out["ExitCode"] = live.code
    if live.said.get("healthCheck"):
        out["Health"] = {"status": live.health}
    return out


def _gateway(cidr: str) -> str:
    import ipaddress
    net = ipaddress.ip_network(cidr)
    return f"{net[1]}/{net.prefixlen}"


def stats(call: Call, live: Live) -> dict[str, Any]:
    """Docker's figures, of what the kernel has counted."""
    held = ec2.running_world(call)
    found = used.of(held, live.machine) if held is not None else None
    if found is None or held is None:
        return {}
    return {"name": live.name, "id": live.runtime, "read": moment(call.now), "cpu_stats": {"cpu_usage": {"total_usage": int((found.cpu_seconds or 0) * 1e9)}},
            "memory_stats": {"usage": held.cgroups.used("m-" + live.machine) or 0},
            "networks": {"eth0": {"rx_bytes": found.received, "tx_bytes": found.sent, "rx_packets": found.packets_in, "tx_packets": found.packets_out}}}


