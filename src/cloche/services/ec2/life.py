"""The life of an instance: pending -> running -> stopping -> stopped -> pending ..., shutting-down -> terminated.

Who carries an instance from a passing state to the next is the machine: `machines` boots it and says `arrive(call, id)` when it runs, `failed(call, id, why)` when it
cannot. Where Cloche runs without machines (`--compute none`) instances are records: the clock carries them, and their StateReason says that nothing runs.
"""
from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call

from . import ebs_encryption, errors, instances, links, names, network_interfaces, public_addresses, tags, volumes
from . import errors_instances as refusals
from . import errors_volumes as disk_refusals
from . import service as ec2
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

# the passing states: how long a record without a machine stays in one, and what comes after
NEXT = {"pending": (1.0, "running"), "stopping": (2.0, "stopped"), "shutting-down": (2.0, "terminated")}
VISIBLE_SECONDS = 3600.0      # a terminated instance is still described
RECORD_ONLY = "Cloche.RecordOnly", "Cloche.RecordOnly: this instance is a record; no machine runs behind it (cloche up --compute none)"

# Filled by the module that runs machines: "wake": f(call, instance) after every change of what is wanted (in the same step);
# "lacks": f(call) -> what this computer has not, as a sentence that says what to do, or ""; "console": f(call, id) -> bytes
MACHINES: dict[str, Callable[..., Any]] = {}
# Called with (call, instance) when one has come to a new state, whatever brought it there: spot requests, fleets, hosts
LISTENERS: list[Callable[[Call, Instance], None]] = []


def records_only(call: Call) -> bool:
    return not MACHINES or call.cloud.memory.get("compute") == "none"


def able(call: Call) -> None:
    """Raises if no instance can run here, with what to do about it."""
    if not records_only(call) and (lacks := MACHINES["lacks"](call)):
        raise refusals.no_compute(lacks)


def enter(call: Call, one: Instance, state: str, **more: Any) -> Instance:
    """A new state, told to whoever listens; from a passing one the machine (or the clock) carries it on."""
    one = call.put(one.but(state=state, **more))
    call.emit(AwsEvent("aws.ec2", "EC2 Instance State-change Notification", {"instance-id": one.id, "state": state}, [instances.arn(call, one.id)]))
    call.signal(f"ec2.instance.{one.id}")
    for tell in LISTENERS:
        tell(call, one)
    if records_only(call):
        if state in NEXT:
            call.after(NEXT[state][0], carried, one.id, id=one.id)
    elif state in NEXT:
        MACHINES["wake"](call, one)
    return one


@ec2.timer
def carried(call: Call, id: str) -> None:
    """Without a machine: the clock says that the passing state is over."""
    arrive(call, id)


def arrive(call: Call, id_: str) -> Instance | None:
    """The machine did what was wanted: the next state, with what it brings."""
    one = call.get(Instance, id_)
    if one is None or one.state not in NEXT:
        return one
    state = NEXT[one.state][1]
    if state == "running":
        code, why = RECORD_ONLY if records_only(call) else ("", "")
        return enter(call, one, state, reason_code=code, reason=why)
    if state == "stopped":
        for plug in instances.interfaces(call, one):
            public_addresses.stop(call, plug)
        return enter(call, one, state, stopped=call.now)
    return _buried(call, one)


def failed(call: Call, id_: str, why: str) -> None:
    """The machine could not be booted: AWS ends such an instance and says why."""
    one = call.get(Instance, id_)
    if one is not None and one.state == "pending":
        stopped_before = one.boots > 1
        text = f"Server.InternalError: {why}"
        one = one.but(reason_code="Server.InternalError", reason=text, transition=text)
        enter(call, one, "stopping" if stopped_before else "shutting-down")


def powered_off(call: Call, id_: str) -> None:
    """The machine shut itself down (`poweroff` inside): InstanceInitiatedShutdownBehavior decides."""
    one = call.get(Instance, id_)
    if one is None or one.state != "running":
        return
    text = "Client.InstanceInitiatedShutdown: Instance initiated shutdown"
    enter(call, one, "shutting-down" if one.shutdown == "terminate" else "stopping", reason_code="Client.InstanceInitiatedShutdown", reason=text, transition="")


def _buried(call: Call, one: Instance) -> Instance:
    """Interfaces and disks go, or come free, as each was told at its attachment."""
    for plug in instances.interfaces(call, one):
        if plug.attachment and plug.attachment.delete_on_termination:
            network_interfaces.drop(call, plug)
        else:
            public_addresses.stop(call, plug)
            network_interfaces.detach(call, plug)
    for disk in volumes.of_instance(call, one.id):
        on = disk.on(one.id)
        rest = [at for at in disk.attachments if at.instance_id != one.id]
        disk = volumes.put(call, disk.but(attachments=rest, state="in-use" if rest else "available"))
        if on and on.delete_on_termination and not rest:
            volumes.end(call, disk)
    links.untie(call, one.id)
    call.after(VISIBLE_SECONDS, instance_forgotten, one.id, id=one.id)
    return enter(call, one, "terminated", ended=call.now, spot_action={})


@ec2.timer
def instance_forgotten(call: Call, id: str) -> None:
    if (one := call.get(Instance, id)) and one.state == "terminated":
        call.delete(one)
        tags.drop(call, id)


def stamp(call: Call) -> str:
    return datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%d %H:%M:%S GMT")


def _change(one: Instance, before: str) -> Any:
    return {"InstanceId": one.id, "CurrentState": instances.state(one.state), "PreviousState": instances.state(before)}


# -- operations ---------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.on("instance", "InstanceIds"))
def start_instances(call: Call, req: t.StartInstancesRequest) -> t.StartInstancesResult:
    from . import hosts
    found = instances.several(call, req["InstanceIds"])
    for one in found:
        if one.state in ("terminated", "shutting-down", "stopping"):
            raise refusals.wrong_state(one.id, "started")
        if one.lifecycle == "spot" and one.state == "stopped" and not _persistent(call, one):
            raise errors.unsupported(f"You can't start the Spot Instance '{one.id}'.")
        if one.state == "stopped":
            able(call)
            if not any(on.device == one.root_device for disk in instances.disks(call, one) if (on := disk.on(one.id))):
                raise disk_refusals.no_root(one.id, one.root_device)
    return {"StartingInstances": [start(call, hosts.again(call, one)) if one.state == "stopped" else _change(one, one.state) for one in found]}


def start(call: Call, one: Instance) -> Any:
    """It runs again, on other hardware: a lent public address is a new one."""
    before = one.state
    one = enter(call, one, "pending", launched=call.now, boots=one.boots + 1, reason_code="pending", reason="pending", transition="")
    for plug in instances.interfaces(call, one):
        public_addresses.start(call, plug)
    shown = _change(one, before)
    if not all(ebs_encryption.opens(call, disk.key_arn, disk.id, disk.sealed) for disk in volumes.of_instance(call, one.id)):  # it starts, and falls back at once
        text = "Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state"
        enter(call, one, "stopping", reason_code="Client.InvalidKMSKey.InvalidState", reason=text, transition=text)
    return shown


def _persistent(call: Call, one: Instance) -> bool:
    from . import spot
    found = call.get(spot.SpotRequest, one.spot_request)
    return bool(found and found.type == "persistent")


@ec2.op(**names.on("instance", "InstanceIds"))
def stop_instances(call: Call, req: t.StopInstancesRequest) -> t.StopInstancesResult:
    found = instances.several(call, req["InstanceIds"])
    for one in found:
        if one.state in ("terminated", "shutting-down"):
            raise refusals.wrong_state(one.id, "stopped")
        if one.state == "pending":
            raise refusals.wrong_state(one.id, "stopped")
        if one.stop_protected:
            raise refusals.stop_protected(one.id)
        if one.lifecycle == "spot" and not _persistent(call, one):
            raise errors.unsupported(f"You can't stop the Spot Instance '{one.id}' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances "
                                     "associated with persistent Spot Instance requests.")
        if req.get("Hibernate"):
            raise errors.AwsError("UnsupportedHibernationConfiguration", f"The instance '{one.id}' is not configured for hibernation (Cloche has none).")
    return {"StoppingInstances": [stop(call, one) if one.state == "running" else _change(one, one.state) for one in found]}


def stop(call: Call, one: Instance, code: str = "Client.UserInitiatedShutdown", text: str = "User initiated shutdown") -> Any:
    before = one.state
    one = enter(call, one, "stopping", reason_code=code, reason=f"{code}: {text}", transition=f"User initiated ({stamp(call)})" if code.startswith("Client.") else f"{code}: {text}")
    return _change(one, before)


@ec2.op(**names.on("instance", "InstanceIds"))
def reboot_instances(call: Call, req: t.RebootInstancesRequest) -> None:
    """The same machine on the same hardware: addresses and disks stay, and no state is left."""
    found = instances.several(call, req["InstanceIds"])
    for one in found:
        if one.state in ("terminated", "shutting-down"):
            raise refusals.wrong_state(one.id, "rebooted")
    for one in found:
        if one.state == "running":
            one = call.put(one.but(boots=one.boots + 1))
            if not records_only(call):
                MACHINES["wake"](call, one)


@ec2.op(**names.on("instance", "InstanceIds"))
def terminate_instances(call: Call, req: t.TerminateInstancesRequest) -> t.TerminateInstancesResult:
    """All that can be are terminated even if one of another zone is protected; of one zone none is (User Guide, "Terminate protection")."""
    found = instances.several(call, req["InstanceIds"])
    protected = {one.zone: one for one in reversed(found) if one.protected and one.state != "terminated"}
    changed = [end(call, one) for one in found if one.zone not in protected]
    if protected:
        refusal = refusals.termination_protected(next(iter(protected.values())).id)
        if changed:
            return _refused(refusal)  # type: ignore[return-value]  # what was done in other zones is done
        raise refusal
    return {"TerminatingInstances": changed}


async def _refused(refusal: errors.AwsError) -> None:
    raise refusal


def end(call: Call, one: Instance, code: str = "Client.UserInitiatedShutdown", text: str = "User initiated shutdown") -> Any:
    """Terminate it, whatever it is doing. One that is gone already stays so."""
    before = one.state
    if before in ("terminated", "shutting-down"):
        return _change(one, before)
    one = enter(call, one, "shutting-down", reason_code=code, reason=f"{code}: {text}", transition=f"User initiated ({stamp(call)})" if code.startswith("Client.") else f"{code}: {text}")
    return _change(one, before)
