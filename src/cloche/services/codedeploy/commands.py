"""Commands for agents: one per lifecycle event and host, fetched by the agent of that host over the command service, answered there, or given up after an hour.

A host is what its agent's signature says: an instance's role in a session named like the instance, or a user or session that is registered on premises.
"""
from __future__ import annotations

import base64
from typing import Any

from cloche.iam.principal import Principal
from cloche.kernel import Call, Record

from . import on_premises
from . import service as codedeploy
from .records import Deployment, Target, targets

PATIENCE_SECONDS = 3600.0
UNHEARD = ("CodeDeploy agent was not able to receive the lifecycle event. Check the CodeDeploy agent logs on your host and make sure the agent is running and can connect to the "
           "CodeDeploy server.")
UNFINISHED = "The lifecycle event did not finish within one hour."


class Command(Record, frozen=True):
    kind = "codedeploy.command"

    id: str
    host: str
    deployment: str
    event: str
    taken: bool = False

    @property
    def key(self) -> str:
        return self.id


class Host(Record, frozen=True):
    """What waits for an agent, and what it has brought onto its host: deployment group -> mark of the revision."""

    kind = "codedeploy.host"

    id: str
    commands: list[str] = []
    holds: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def host(call: Call, id_: str) -> Host:
    return call.get(Host, id_) or Host(id_)


def topic(call: Call, id_: str) -> tuple[str, str, str, str]:
    return ("codedeploy.host", call.account, call.region, id_)


def who(call: Call, principal: Principal) -> str:
    """The host whose agent this is; "" for anybody else."""
    found = on_premises.of_principal(call, principal.arn, principal.arn if ":assumed-role/" in principal.arn else "")
    if found is not None:
        return found.name
    session = principal.arn.rpartition("/")[2]
    return session if ":assumed-role/" in principal.arn and session.startswith("i-") else ""


def send(call: Call, one: Deployment, target: Target, event: str) -> None:
    made = call.put(Command(base64.urlsafe_b64encode(f"{one.id}:{target.id}:{event}:{call.id()}".encode()).decode().rstrip("="), target.id, one.id, event))
    there = host(call, target.id)
    call.put(there.but(commands=[*there.commands, made.id]))
    call.after(PATIENCE_SECONDS, run_out, made.id, command=made.id)
    call.signal(topic(call, target.id))


def next_for(call: Call, id_: str) -> Command | None:
    """The first that is not at work; an agent that died and came back gets its own again."""
    return next((found for each in host(call, id_).commands if (found := call.get(Command, each)) is not None), None)


def drop(call: Call, one: Command) -> None:
    call.cancel(run_out, one.id)
    call.delete(one)
    there = host(call, one.host)
    call.put(there.but(commands=[each for each in there.commands if each != one.id]))


@codedeploy.timer
def run_out(call: Call, command: str) -> None:
    one = call.get(Command, command)
    if one is not None:
        drop(call, one)
        answered(call, one, {"error_code": 5, "message": UNFINISHED if one.taken else UNHEARD})


# as the agent counts them
CODES = {0: "Success", 1: "ScriptMissing", 2: "ScriptNotExecutable", 3: "ScriptTimedOut", 4: "ScriptFailed"}


def answered(call: Call, one: Command, said: dict[str, Any]) -> None:
    from . import fleet
    code = CODES.get(int(said.get("error_code", 5)), "UnknownError")
    fleet.told(call, one.deployment, one.host, one.event, code, str(said.get("script_name") or ""), str(said.get("message") or ""), str(said.get("log") or "")[-2048:])


def withdraw(call: Call, one: Deployment) -> None:
    """The deployment is over: what no agent has begun is not begun any more."""
    if one.platform == "Server":
        for target in targets(call, one):
            for id_ in host(call, target.id).commands:
                found = call.get(Command, id_)
                if found is not None and found.deployment == one.id:
                    drop(call, found)


def keep(call: Call, id_: str, group: str, mark: str) -> None:
    there = host(call, id_)
    call.put(there.but(holds={**there.holds, group: mark}))
