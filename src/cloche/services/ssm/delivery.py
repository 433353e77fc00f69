"""Carrying commands out: one worker per command, which runs the document's steps in each of its instances, so many at a time, until too many have failed.

The agent is Cloche: it runs the script in the machine itself, whatever the network says. What was running when Cloche was killed is not run twice: it is said
to have failed.
"""
from __future__ import annotations

import asyncio
import json
from typing import Any

from msgspec import structs

from cloche.kernel import AwsError, Call
from cloche.services.ec2 import public as ec2

from . import agent_packages, document_content, managed
from . import service as ssm
from .commands import ERR, OUT, OVER, Command, Invocation, Plugin, changed, object_key

# in the machine: put the script down where the agent does, and be it, so that its first line may name an interpreter
AGENT = 'umask 077; mkdir -p "$1" && cat > "$1/_script.sh" && chmod 700 "$1/_script.sh" && cd "$2" && exec sh -c "$1/_script.sh" </dev/null'
WORKING_DIRECTORY = "/usr/bin"
NO_PACKAGE = "echo 'failed to download manifest - failed to retrieve package document: there is no such package in Cloche' >&2; exit 1"


def running(call: Call) -> dict[str, asyncio.Task[Any]]:
    found: dict[str, asyncio.Task[Any]] = call.cloud.memory.setdefault("ssm.running", {})
    return found


def stop(call: Call, one: Invocation) -> None:
    if task := running(call).get(one.key):
        call.cloud.store.then(task.cancel)


@ssm.worker
async def deliver(call: Call, key: str) -> None:
    command = call.get(Command, key)
    if command is None or command.status in OVER:
        return
    with call.step():
        if command.status == "Pending":
            command = changed(call, command, "InProgress")
        for id_ in command.instances:  # left by a Cloche that was killed
            if (one := call.get(Invocation, f"{key}:{id_}")) and one.status == "InProgress" and one.key not in running(call):
                _broken(call, one)
    todo = [id_ for id_ in command.instances if (one := call.get(Invocation, f"{key}:{id_}")) and one.status not in OVER]
    at_once, most = number(command.asked.get("MaxConcurrency", "50"), len(command.instances)) or 1, number(command.asked.get("MaxErrors", "0"), len(command.instances))
    tasks: set[asyncio.Task[None]] = set()
    while todo or tasks:
        while todo and len(tasks) < at_once:
            id_ = todo.pop(0)
            if _errors(call, command) > most:
                with call.step():
                    _terminated(call, command, id_)
                continue
            tasks.add(asyncio.ensure_future(_invoke(call, command, id_)))
        if tasks:
            _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    with call.step():
        _over(call, command, most)


def number(text: str, of: int) -> int:
    return int(text[:-1]) * of // 100 if text.endswith("%") else int(text)


def _invocations(call: Call, command: Command) -> list[Invocation]:
    return [one for id_ in command.instances if (one := call.get(Invocation, f"{command.id}:{id_}"))]


def _errors(call: Call, command: Command) -> int:
    return sum(one.status in ("Failed", "TimedOut") for one in _invocations(call, command))


def _terminated(call: Call, command: Command, id_: str) -> None:
    if one := call.get(Invocation, f"{command.id}:{id_}"):
        changed(call, one, "Cancelled", "Terminated")
    _count(call, command)


def _broken(call: Call, one: Invocation) -> None:
    plugins = tuple(p if p.status in OVER else _but(p, status="Failed", details="Failed", err=p.err + "\nCloche was stopped while this ran; it is not run twice.", ended=call.now) for p in one.plugins)
    changed(call, one.but(plugins=plugins), "Failed")


def _count(call: Call, command: Command) -> Command:
    all_of_them = _invocations(call, command)
    command = call.get(Command, command.id) or command
    command = command.but(completed=sum(one.status in OVER for one in all_of_them), errors=sum(one.status in ("Failed", "TimedOut") for one in all_of_them))
    call.put(command)
    return command


def _over(call: Call, command: Command, most: int) -> None:
    command = _count(call, command)
    statuses = [one.status for one in _invocations(call, command)]
    if command.status == "Cancelling" or (statuses and all(status == "Cancelled" for status in statuses)):
        status = "Cancelled"
    elif command.errors > most:
        status = "TimedOut" if all(status == "TimedOut" for status in statuses) else "Failed"
    else:
        status = "Success"
    changed(call, command, status, "ExecutionTimedOut" if status == "TimedOut" else status)
    _tell(call, command, status, "Command", {})


# -- one instance -----------------------------------------------------------------------------------------------------------------------

async def _invoke(call: Call, command: Command, id_: str) -> None:
    key = f"{command.id}:{id_}"
    running(call)[key] = task = asyncio.ensure_future(_steps(call, command, id_))
    try:
        await asyncio.wait([task])
        status = "Cancelled" if task.cancelled() else task.result()
    finally:
        del running(call)[key]
    with call.step():
        if (one := call.get(Invocation, key)) is not None:
            if status == "Cancelled":
                one = one.but(plugins=tuple(p if p.status in OVER else _but(p, status="Cancelled", details="Cancelled", code=137 if p.began else -1, ended=call.now if p.began else 0) for p in one.plugins))
            changed(call, one, status, "ExecutionTimedOut" if status == "TimedOut" else status)
            _tell(call, command, status, "Invocation", {"instanceId": id_})
        _count(call, command)


async def _steps(call: Call, command: Command, id_: str) -> str:
    """All the document's steps; gives the invocation's status."""
    content = document_content.read(command.content, command.format)
    values = document_content.chosen(content, command.parameters)
    with call.step():
        one = call.get(Invocation, f"{command.id}:{id_}")
        if one is None or one.status == "Cancelling":
            return "Cancelled"
        changed(call, one, "InProgress")
    worst, leave = "Success", False
    for index, step in enumerate(document_content.steps(content)):
        if leave and not step.get("inputs", {}).get("finallyStep"):
            done = Plugin(step["name"], step["action"], "Cancelled", "Cancelled")
        else:
            with call.step():
                _note(call, command, id_, index, Plugin(step["name"], step["action"], "InProgress", "InProgress", began=call.now))
            done, whole = await _step(call, command, id_, step, values)
            await _publish(call, command, id_, done.name, whole)
        with call.step():
            _note(call, command, id_, index, done)
        if done.status in ("Failed", "TimedOut"):
            after = step.get("inputs", {}).get("onFailure")
            leave = leave or after in ("exit", "successAndExit")
            if after != "successAndExit":
                worst = done.status if worst == "Success" else worst
        elif step.get("inputs", {}).get("onSuccess") == "exit":
            leave = True
    return worst


def _but(plugin: Plugin, **more: Any) -> Plugin:
    return structs.replace(plugin, **more)


def _note(call: Call, command: Command, id_: str, index: int, plugin: Plugin) -> None:
    if one := call.get(Invocation, f"{command.id}:{id_}"):
        call.put(one.but(plugins=(*one.plugins[:index], plugin, *one.plugins[index + 1:])))


async def _step(call: Call, command: Command, id_: str, step: dict[str, Any], values: dict[str, Any]) -> tuple[Plugin, tuple[bytes, bytes]]:
    """One step in one machine: what it came to, and all that it said."""
    began, name, action = call.now, step["name"], step["action"]
    made = Plugin(name, action, began=began)
    inputs = document_content.put_in(step.get("inputs", {}), {**values, "platformType": "Linux"})
    if not _applies(step.get("precondition"), values):
        return _but(made, status="Success", details="Success", code=0, out="Step execution skipped due to unsatisfied preconditions", ended=call.now), (b"", b"")
    shell = {"aws:runShellScript": "sh", "aws:configurePackage": "sh", "aws:runPowerShellScript": "pwsh"}.get(action)
    if shell is None:
        said = f"Plugin with name {action} is not supported by Cloche's agent".encode()
        return _but(made, status="Failed", details="Failed", code=1, err=said.decode(), ended=call.now), (b"", said)
    lines = [agent_packages.script(inputs) or NO_PACKAGE] if action == "aws:configurePackage" else inputs.get("runCommand") or []
    script = "\n".join(lines if isinstance(lines, list) else [lines]) + "\n"
    place = f"/var/lib/amazon/ssm/{id_}/document/orchestration/{command.id}/{name.replace(':', '')}"
    timeout = float(inputs.get("timeoutSeconds") or 3600)
    argv = ["sh", "-c", AGENT, "sh", place, inputs.get("workingDirectory") or WORKING_DIRECTORY]
    if shell == "pwsh":
        argv = ["pwsh", "-NoProfile", "-Command", "-"]
    try:
        code, out, err = await ec2.execute(call, id_, argv, script.encode(), timeout=timeout, environment={"AWS_SSM_INSTANCE_ID": id_, "AWS_SSM_REGION_NAME": call.region})
    except ec2.MachineError as error:
        return _but(made, status="Failed", details="Undeliverable" if managed.ready(call, id_) is None else "Failed", err=str(error), ended=call.now), (b"", str(error).encode())
    status = "Success" if code == 0 else "TimedOut" if code == -9 else "Failed"
    if code == -9:
        code = 137
    if code:
        err += f"\nfailed to run commands: exit status {code}".encode() if err else f"failed to run commands: exit status {code}".encode()
    return _but(made, status=status, details={"TimedOut": "ExecutionTimedOut"}.get(status, status), code=code, out=out.decode(errors="replace")[:OUT], err=err.decode(errors="replace")[:ERR],
                ended=call.now), (out, err)


def _applies(precondition: Any, values: dict[str, Any]) -> bool:
    for pair in (precondition or {}).values():
        left, right = (document_content.put_in(one, values) for one in pair)
        both = ["Linux" if one == "platformType" else one for one in (left, right)]
        if both[0] != both[1]:
            return False
    return True


# -- where else it is told ------------------------------------------------------------------------------------------------------------

async def _publish(call: Call, command: Command, id_: str, plugin: str, whole: tuple[bytes, bytes]) -> None:
    """To S3 and CloudWatch Logs, with the rights of the instance's role: what it may not write is not written, as on AWS."""
    bucket, logs = command.asked.get("OutputS3BucketName"), command.asked.get("CloudWatchOutputConfig", {})
    if not bucket and not logs.get("CloudWatchOutputEnabled"):
        return
    for stream, said in zip(("stdout", "stderr"), whole, strict=True):
        if not said:
            continue
        try:
            there = ec2.acting(call, id_)
            if bucket:
                await _done(there.at(call.account, command.asked.get("OutputS3Region") or call.region).do("s3", "PutObject", Bucket=bucket, Key=object_key(command, id_, plugin, stream), Body=said))
            if logs.get("CloudWatchOutputEnabled"):
                await _log(there, logs.get("CloudWatchLogGroupName") or f"/aws/ssm/{command.document}", f"{command.id}/{id_}/{plugin.replace(':', '-')}/{stream}", said)
        except AwsError:
            return  # the role may not: the decision is in the timeline, and nothing is written


async def _log(there: Call, group: str, stream: str, said: bytes) -> None:
    for operation, more in (("CreateLogGroup", {}), ("CreateLogStream", {"logStreamName": stream})):
        try:
            await _done(there.do("logs", operation, logGroupName=group, **more))
        except AwsError as error:
            if error.code != "ResourceAlreadyExistsException":
                raise
    events = [{"timestamp": int(there.now * 1000), "message": line} for line in said.decode(errors="replace").splitlines() if line]
    await _done(there.do("logs", "PutLogEvents", logGroupName=group, logStreamName=stream, logEvents=events))


async def _done(answer: Any) -> Any:
    return await answer if asyncio.iscoroutine(answer) or asyncio.isfuture(answer) else answer


def _tell(call: Call, command: Command, status: str, kind: str, more: dict[str, Any]) -> None:
    """To the SNS topic, under the role that was passed."""
    wish, role = command.asked.get("NotificationConfig") or {}, command.asked.get("ServiceRoleArn")
    if not wish.get("NotificationArn") or not role or wish.get("NotificationType", "Command") != kind or not {"All", status} & set(wish.get("NotificationEvents") or ["All"]):
        return
    text = {"commandId": command.id, "documentName": command.document, **more, "requestedDateTime": command.requested, "status": status, "detailedStatus": status, "eventTime": call.now}
    try:
        call.as_role(role, "ssm-notification", "ssm.amazonaws.com").do("sns", "Publish", TopicArn=wish["NotificationArn"], Subject="EC2 Run Command Notification", Message=json.dumps(text))
    except AwsError:
        return  # the role does not trust Systems Manager, or may not publish: nobody is told, as on AWS
