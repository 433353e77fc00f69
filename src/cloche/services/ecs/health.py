"""Container health checks: the command really runs in the container, every interval of the clock; so many failures in a row after the start period are UNHEALTHY."""
from __future__ import annotations

from cloche.engines.world import WorldError, containers
from cloche.kernel import Call
from cloche.services.ec2 import public as ec2

from . import service as ecs
from .pods import Live, Pod, pods


def wanted(live: Live) -> bool:
    return bool(live.said.get("healthCheck")) and live.said["healthCheck"]["command"][0] != "NONE"


def begin(call: Call, pod: Pod, live: Live) -> None:
    if wanted(live):
        with call.step():
            call.again(live.said["healthCheck"]["interval"], look, f"{pod.task}/{live.name}", id=pod.task, container=live.name)
            call.wake(checked, f"{pod.task}/{live.name}")


def over(call: Call, pod: Pod, live: Live) -> None:
    call.cancel(look, f"{pod.task}/{live.name}")


@ecs.timer
def look(call: Call, id: str, container: str) -> None:
    pod = pods(call).get(id)
    live = pod.lives.get(container) if pod else None
    if pod and live and live.state == "running":
        call.again(live.said["healthCheck"]["interval"], look, f"{id}/{container}", id=id, container=container)
        call.wake(checked, f"{id}/{container}")


@ecs.worker
async def checked(call: Call, key: str) -> None:
    from . import running
    id_, _, name = key.partition("/")
    pod = pods(call).get(id_)
    live = pod.lives.get(name) if pod else None
    held = ec2.running_world(call)
    if pod is None or live is None or live.state != "running" or held is None:
        return
    said = live.said["healthCheck"]
    kind, *words = said["command"]
    try:
        code, _, _ = await containers.execute(held, live.machine, words if kind == "CMD" else ["/bin/sh", "-c", " ".join(words)], live.person, float(said["timeout"]))
    except WorldError:
        return                                  # it ended meanwhile
    before = live.health
    if code == 0:
        live.failed, live.health = 0, "HEALTHY"
    elif live.health == "HEALTHY" or call.now - live.began >= said["startPeriod"]:
        live.failed += 1
        if live.failed >= said["retries"]:
            live.health = "UNHEALTHY"
    if live.health != before:
        with call.step():
            call.wake(running.carry, id_)


def of_task(pod: Pod) -> str:
    """Of its essential containers that have checks."""
    found = [live.health for live in pod.lives.values() if wanted(live) and live.said["essential"]]
    if not found:
        return "UNKNOWN"
    return "UNHEALTHY" if "UNHEALTHY" in found else "UNKNOWN" if "UNKNOWN" in found else "HEALTHY"
