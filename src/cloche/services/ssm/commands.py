"""Run Command: a document for some instances, and what became of it on each. `delivery` carries them out."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, AwsEvent, Call, Need, Record
from cloche.services.ec2 import public as ec2

from . import document_content, documents, managed, paging
from . import errors_commands as refusals
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

KEPT_SECONDS = 30 * 86400.0
DELIVERY_SECONDS = 3600
OUT, ERR, LISTED = 24000, 8000, 2500    # characters that GetCommandInvocation and ListCommandInvocations show
OVER = ("Success", "Failed", "TimedOut", "Cancelled")


class Command(Record, frozen=True):
    kind = "ssm.command"

    id: str
    document: str
    version: str
    content: str
    format: str
    parameters: dict[str, list[str]]
    instances: list[str]                 # those it was given or found
    requested: float
    asked: dict[str, Any]                # members of the request that are shown again
    targets: list[Any] = []
    status: str = "Pending"
    details: str = "Pending"
    completed: int = 0
    errors: int = 0

    @property
    def key(self) -> str:
        return self.id


class Plugin(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    action: str = ""
    status: str = "Pending"
    details: str = "Pending"
    code: int = -1
    out: str = ""
    err: str = ""
    began: float = 0
    ended: float = 0


class Invocation(Record, frozen=True):
    kind = "ssm.invocation"

    command: str
    instance: str
    name: str
    requested: float
    plugins: tuple[Plugin, ...]
    status: str = "Pending"
    details: str = "Pending"

    @property
    def key(self) -> str:
        return f"{self.command}:{self.instance}"


# -- sending -------------------------------------------------------------------------------------------------------------------------

def _needs(call: Call, req: Any) -> list[Need]:
    """The document, and every instance that is named; instances found by their tags are asked for when they are found."""
    arn = documents.arn(call, req["DocumentName"])
    return [Need("ssm:SendCommand", arn, policy=documents.sharing(call, arn)), *(_on(call, id_) for id_ in req.get("InstanceIds") or ())]


def _on(call: Call, id_: str) -> Need:
    tags = ec2.tags_of(call, id_)
    context = {f"{prefix}/{k}": v for k, v in tags.items() for prefix in ("ssm:resourceTag", "aws:ResourceTag")}
    return Need("ssm:SendCommand", call.arn(f"instance/{id_}", service="ec2"), context)


@ssm.op(needs=_needs, partly="aws:runShellScript, aws:runPowerShellScript and aws:configurePackage (AmazonCloudWatchAgent) run; a step of another action fails and says so. AlarmConfiguration is only kept")
def send_command(call: Call, req: t.SendCommandRequest) -> t.SendCommandResult:
    ids, targets = req.get("InstanceIds") or [], req.get("Targets") or []
    if ids and targets:
        raise refusals.both_targets()
    if not ids and not targets:
        raise refusals.no_targets()
    if len(set(ids)) < len(ids):
        raise refusals.duplicate_instance()
    document = documents.anywhere(call, req["DocumentName"])
    if document.type != "Command":
        raise refusals.not_a_command(document.name, document.type)
    version = document.at(req.get("DocumentVersion", ""))
    if (hashed := req.get("DocumentHash")) and req.get("DocumentHashType", "Sha256") == "Sha256" and hashed != version.hash:
        raise refusals.wrong_hash()
    content = document_content.read(version.content, version.format)
    document_content.chosen(content, req.get("Parameters") or {})
    if strays := [id_ for id_ in ids if managed.ready(call, id_) is None]:
        raise refusals.not_managed(strays, call.account)
    if targets:
        ids = managed.by_tags(call, targets)
        for id_ in ids:
            need = _on(call, id_)
            call.require(need.action, need.resource, need.context)
    asked = {k: req[k] for k in ("Comment", "TimeoutSeconds", "OutputS3Region", "OutputS3BucketName", "OutputS3KeyPrefix", "MaxConcurrency", "MaxErrors", "ServiceRoleArn",  # type: ignore[literal-required]
                                 "NotificationConfig", "CloudWatchOutputConfig", "AlarmConfiguration") if k in req}
    if asked.get("ServiceRoleArn"):
        call.pass_role(asked["ServiceRoleArn"], "ssm.amazonaws.com")
    shown_version = str(version.number) if req.get("DocumentVersion") else "$DEFAULT"
    command = Command(call.uuid(), document.name, shown_version, version.content, version.format, req.get("Parameters") or {}, ids, call.now, asked, targets)
    plugins = tuple(Plugin(step["name"], step["action"]) for step in document_content.steps(content))
    for id_ in ids:
        name = ec2.tags_of(call, id_).get("Name", "")
        call.put(Invocation(command.id, id_, name, call.now, plugins))
    if ids:
        from .delivery import deliver
        call.wake(deliver, command.id)
    else:
        command = command.but(status="Failed", details="NoInstancesInTag")
    call.put(command)
    call.after(KEPT_SECONDS, forget, command.id, id=command.id)
    return {"Command": shown(command)}


@ssm.timer
def forget(call: Call, id: str) -> None:
    if command := call.get(Command, id):
        for id_ in command.instances:
            if found := call.get(Invocation, f"{id}:{id_}"):
                call.delete(found)
        call.delete(command)


def changed(call: Call, one: Command | Invocation, status: str, details: str = "") -> Any:
    """A new status, told to EventBridge and to the topic that was asked for."""
    one = one.but(status=status, details=details or status)
    call.put(one)
    command = one if isinstance(one, Command) else call.get(Command, one.command)
    assert command
    about = {"command-id": command.id, "document-name": command.document, "requested-date-time": stamp(command.requested), "status": status}
    if isinstance(one, Invocation):
        about["instance-id"] = one.instance
        call.emit(AwsEvent("aws.ssm", "EC2 Command Invocation Status-change Notification", about, [call.arn(f"instance/{one.instance}", service="ec2")]))
    else:
        about["expire-after"] = stamp(command.requested + DELIVERY_SECONDS)
        call.emit(AwsEvent("aws.ssm", "EC2 Command Status-change Notification", about, [call.arn(f"instance/{id_}", service="ec2") for id_ in command.instances]))
    call.signal(f"ssm.command.{command.id}")
    return one


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(moment * 1000) % 1000:03}Z"


# -- showing -------------------------------------------------------------------------------------------------------------------------

def shown(one: Command) -> Any:
    asked = one.asked
    out: dict[str, Any] = {
        "CommandId": one.id, "DocumentName": one.document, "DocumentVersion": one.version, "Comment": asked.get("Comment", ""), "Parameters": one.parameters,
        "InstanceIds": [] if one.targets else one.instances, "Targets": one.targets, "RequestedDateTime": one.requested, "Status": one.status, "StatusDetails": one.details,
        "OutputS3BucketName": asked.get("OutputS3BucketName", ""), "OutputS3KeyPrefix": asked.get("OutputS3KeyPrefix", ""), "MaxConcurrency": asked.get("MaxConcurrency", "50"),
        "MaxErrors": asked.get("MaxErrors", "0"), "TargetCount": len(one.instances), "CompletedCount": one.completed, "ErrorCount": one.errors, "DeliveryTimedOutCount": 0,
        "ServiceRole": asked.get("ServiceRoleArn", ""), "NotificationConfig": asked.get("NotificationConfig", {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""}),
        "CloudWatchOutputConfig": asked.get("CloudWatchOutputConfig", {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False}),
        "TimeoutSeconds": asked.get("TimeoutSeconds", DELIVERY_SECONDS), "ExpiresAfter": one.requested + asked.get("TimeoutSeconds", DELIVERY_SECONDS) + 3600,
    }
    if region := asked.get("OutputS3Region"):
        out["OutputS3Region"] = region
    return {k: v for k, v in out.items() if v != [] or k in ("InstanceIds", "Targets")}


def url(call: Call, command: Command, instance: str, plugin: str, stream: str) -> str:
    bucket = command.asked.get("OutputS3BucketName")
    if not bucket:
        return ""
    return f"https://s3.{command.asked.get('OutputS3Region') or call.region}.amazonaws.com/{bucket}/{object_key(command, instance, plugin, stream)}"


def object_key(command: Command, instance: str, plugin: str, stream: str) -> str:
    """prefix/command/instance/awsrunShellScript/step/stdout, as the agent lays it down."""
    action = next((p["action"] for p in document_content.steps(document_content.read(command.content, command.format)) if p["name"] == plugin), plugin).replace(":", "")
    step = plugin if plugin != action and ":" not in plugin else f"0.{action}"
    return "/".join(filter(None, [command.asked.get("OutputS3KeyPrefix", "").strip("/"), command.id, instance, action, step, stream]))


def shown_invocation(call: Call, one: Invocation, details: bool) -> dict[str, Any]:
    command = call.get(Command, one.command)
    assert command
    asked = command.asked
    out: dict[str, Any] = {
        "CommandId": one.command, "InstanceId": one.instance, "InstanceName": one.name, "Comment": asked.get("Comment", ""), "DocumentName": command.document, "DocumentVersion": command.version,
        "RequestedDateTime": one.requested, "Status": one.status, "StatusDetails": one.details, "StandardOutputUrl": url(call, command, one.instance, one.plugins[0].name, "stdout"),
        "StandardErrorUrl": url(call, command, one.instance, one.plugins[0].name, "stderr"), "CommandPlugins": [], "ServiceRole": asked.get("ServiceRoleArn", ""),
        "NotificationConfig": asked.get("NotificationConfig", {"NotificationArn": "", "NotificationEvents": [], "NotificationType": ""}),
        "CloudWatchOutputConfig": asked.get("CloudWatchOutputConfig", {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False}),
    }
    for plugin in one.plugins if details else ():
        text = plugin.out + (f"\n----------ERROR-------\n{plugin.err}" if plugin.err else "")
        about = {"Name": plugin.name, "Status": plugin.status, "StatusDetails": plugin.details, "ResponseCode": plugin.code, "Output": text[:LISTED],
                 "StandardOutputUrl": url(call, command, one.instance, plugin.name, "stdout"), "StandardErrorUrl": url(call, command, one.instance, plugin.name, "stderr"),
                 "OutputS3BucketName": asked.get("OutputS3BucketName", ""), "OutputS3KeyPrefix": asked.get("OutputS3KeyPrefix", "")}
        if plugin.began:
            about["ResponseStartDateTime"] = plugin.began
        if plugin.ended:
            about["ResponseFinishDateTime"] = plugin.ended
        out["CommandPlugins"].append(about)
    return out


def elapsed(seconds: float) -> str:
    """PT0.5S, as java.time says it."""
    return f"PT{seconds:.3f}".rstrip("0").rstrip(".") + "S"


# -- looking -------------------------------------------------------------------------------------------------------------------------

@ssm.op(ANY)
def get_command_invocation(call: Call, req: t.GetCommandInvocationRequest) -> t.GetCommandInvocationResult:
    one = call.get(Invocation, f"{req['CommandId']}:{req['InstanceId']}")
    command = call.get(Command, req["CommandId"])
    if one is None or command is None:
        raise refusals.no_invocation()
    wanted = req.get("PluginName")
    if wanted and not any(plugin.name == wanted for plugin in one.plugins):
        raise refusals.no_plugin(wanted)
    if not wanted and len(one.plugins) > 1:
        raise refusals.no_plugin("(none was given, and the document has more than one step)")
    plugin = next((plugin for plugin in one.plugins if plugin.name == wanted), one.plugins[0])
    return {
        "CommandId": one.command, "InstanceId": one.instance, "Comment": command.asked.get("Comment", ""), "DocumentName": command.document, "DocumentVersion": command.version,
        "PluginName": plugin.name, "ResponseCode": plugin.code, "ExecutionStartDateTime": stamp(plugin.began) if plugin.began else "",
        "ExecutionElapsedTime": elapsed(plugin.ended - plugin.began) if plugin.ended else "", "ExecutionEndDateTime": stamp(plugin.ended) if plugin.ended else "",
        "Status": plugin.status if wanted else one.status, "StatusDetails": plugin.details if wanted else one.details,  # type: ignore[typeddict-item]
        "StandardOutputContent": plugin.out[:OUT], "StandardOutputUrl": url(call, command, one.instance, plugin.name, "stdout"),
        "StandardErrorContent": plugin.err[:ERR], "StandardErrorUrl": url(call, command, one.instance, plugin.name, "stderr"),
        "CloudWatchOutputConfig": command.asked.get("CloudWatchOutputConfig", {"CloudWatchLogGroupName": "", "CloudWatchOutputEnabled": False}),
    }


@ssm.op(ANY)
def list_command_invocations(call: Call, req: t.ListCommandInvocationsRequest) -> t.ListCommandInvocationsResult:
    if id_ := req.get("CommandId"):
        command = call.get(Command, id_)
        found = [one for instance in command.instances if (one := call.get(Invocation, f"{id_}:{instance}"))] if command else []
    else:
        found = sorted(call.all(Invocation), key=lambda one: -one.requested)
    if instance := req.get("InstanceId"):
        found = [one for one in found if one.instance == instance]
    for each in req.get("Filters") or ():
        if each["key"] == "ExecutionStage":
            raise refusals.bad_filter("ExecutionStage")
        found = [one for one in found if _passes(one, call.get(Command, one.command), each["key"], each["value"])]
    return paging.page(req, [shown_invocation(call, one, bool(req.get("Details"))) for one in found], "CommandInvocations", 50)  # type: ignore[no-any-return]


@ssm.op(ANY)
def list_commands(call: Call, req: t.ListCommandsRequest) -> t.ListCommandsResult:
    if id_ := req.get("CommandId"):
        found = [one for one in [call.get(Command, id_)] if one]
    else:
        found = sorted(call.all(Command), key=lambda one: -one.requested)
    if instance := req.get("InstanceId"):
        if any(f["key"] == "Status" and f["value"] == "Pending" for f in req.get("Filters") or ()):
            raise refusals.pending_instance()
        found = [one for one in found if instance in one.instances]
    for each in req.get("Filters") or ():
        found = [one for one in found if _passes(one, one, each["key"], each["value"])]
    return paging.page(req, [shown(one) for one in found], "Commands", 50)  # type: ignore[no-any-return]


def _passes(one: Any, command: Command | None, key: str, value: str) -> bool:
    if key == "Status":
        return bool(one.status == value)
    if key == "DocumentName":
        return command is not None and value in (command.document, command.document.rpartition("/")[2])
    if key == "ExecutionStage":
        return (one.status in ("Pending", "InProgress", "Cancelling")) == (value == "Executing")
    moment = datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
    return bool(one.requested >= moment if key == "InvokedAfter" else one.requested <= moment)


@ssm.op(lambda call, req: call.arn("*"), action="ssm:CancelCommand")
def cancel_command(call: Call, req: t.CancelCommandRequest) -> None:
    """What has not begun does not; what runs is killed."""
    from .delivery import stop
    command = call.get(Command, req["CommandId"])
    if command is None:
        raise refusals.no_command(req["CommandId"])
    ids = req.get("InstanceIds") or command.instances
    if strays := [id_ for id_ in ids if id_ not in command.instances]:
        raise refusals.not_managed(strays, call.account)
    for id_ in ids:
        one = call.get(Invocation, f"{command.id}:{id_}")
        if one and one.status in ("Pending", "InProgress"):
            changed(call, one, "Cancelling")
            stop(call, one)
    if command.status in ("Pending", "InProgress"):
        changed(call, command, "Cancelling")
