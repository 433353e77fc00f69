"""CloudFormation's own resource types: nested stacks, custom resources, wait conditions, macros."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError

from . import callbacks, stacks
from .macros import Macro
from .public import Resource, Type, duration, strings, tag_map
from .records import Stack, find, lookup

HOUR = 3600


# -- custom resources ---------------------------------------------------------------------------------------------------

async def custom(r: Resource, request: str) -> str:
    """Ask whoever the ServiceToken names, and wait for the answer at the URL."""
    call, target = r.call, r.properties.get("ServiceToken")
    if not isinstance(target, str) or not target.startswith("arn:"):
        raise AwsError("ValidationError", "Invalid service token.")
    token = callbacks.issue(call, r.stack_id, r.logical, "custom")
    hidden = {"ServiceToken", "ServiceTimeout"}
    event: dict[str, Any] = {
        "RequestType": request, "ServiceToken": target, "ResponseURL": callbacks.url(call, token), "StackId": r.stack_id, "RequestId": call.uuid(), "LogicalResourceId": r.logical,
        "ResourceType": r.type, "ResourceProperties": strings({"ServiceToken": target} | {k: v for k, v in r.properties.items() if k not in hidden}),
    }
    if request != "Create":
        event["PhysicalResourceId"] = r.physical
    if request == "Update":
        event["OldResourceProperties"] = strings(r.old)
    wait = int(r.properties.get("ServiceTimeout", HOUR))
    r.pending = {"kind": "custom", "token": token}
    call.after(wait, callbacks.time_out, token, stack=r.stack_id, logical=r.logical, token=token,
               reason="CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
                      f"[{event['RequestId']}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version.")
    body = json.dumps(event)
    if ":sns:" in target:
        await r.do("sns", "Publish", TopicArn=target, Subject="AWS CloudFormation custom resource request", Message=body)
    elif ":lambda:" in target:
        await r.do("lambda", "Invoke", FunctionName=target, InvocationType="Event", Payload=body.encode())
    else:
        raise AwsError("ValidationError", "Invalid service token.")
    return r.physical or f"{r.stack_name}-{r.logical}-{call.pick('ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', 12)}"


async def create_custom(r: Resource) -> str:
    return await custom(r, "Create")


async def update_custom(r: Resource) -> str:
    return await custom(r, "Update")


async def delete_custom(r: Resource) -> None:
    await custom(r, "Delete")


# -- wait conditions ------------------------------------------------------------------------------------------------------

async def create_handle(r: Resource) -> str:
    return callbacks.url(r.call, callbacks.issue(r.call, r.stack_id, r.logical, "wait"))


async def create_condition(r: Resource) -> str:
    """With a Handle it counts what comes by the handle's URL; with a CreationPolicy, what SignalResource brings."""
    call, policy = r.call, r.extra.get("CreationPolicy", {}).get("ResourceSignal", {})
    handle = r.properties.get("Handle", "")
    count = int(r.properties.get("Count", policy.get("Count", 1)))
    seconds = int(r.properties.get("Timeout", 0)) or duration(policy.get("Timeout", "PT5M"))
    token = call.secret(12)
    callback = call.get(callbacks.Callback, handle.rpartition("/")[2]) if handle else None
    if handle and callback is None:
        raise AwsError("ValidationError", f"WaitCondition handle {handle} is not one of this stack's")
    r.pending = {"kind": "signals", "token": token, "count": count, "handle": callback.logical if callback else "", "got": {}}
    call.after(seconds, callbacks.time_out, token, stack=r.stack_id, logical=r.logical, token=token,
               reason=f"WaitCondition timed out. Received {{got}} conditions when expecting {count}")
    return f"{r.stack_id.rsplit(':', 1)[0]}:waitcondition/{r.stack_name}/{call.uuid()}/{r.logical}" if not handle else f"{r.stack_id}/{r.logical}"


async def keep(r: Resource) -> None:
    """A wait condition cannot be changed: it has happened."""
    raise AwsError("ValidationError", "Update to resource type AWS::CloudFormation::WaitCondition is not supported.")


# -- nested stacks --------------------------------------------------------------------------------------------------------

def _request(r: Resource) -> dict[str, Any]:
    given = r.properties.get("Parameters") or {}
    out = {"TemplateURL": r.properties["TemplateURL"],
           "Parameters": [{"ParameterKey": k, "ParameterValue": ",".join(strings(v)) if isinstance(v, list) else strings(v)} for k, v in given.items()],
           "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"], "NotificationARNs": r.properties.get("NotificationARNs", [])}
    return out


async def create_stack(r: Resource) -> str:
    parent = find(r.call, r.stack_id)
    random = r.call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 12)
    name = f"{r.stack_name[: 128 - len(r.logical) - 14]}-{r.logical}-{random}"
    r.call.require("cloudformation:CreateStack", r.call.arn(f"stack/{name}/*", service="cloudformation"))
    req = _request(r) | {"StackName": name, "OnFailure": "DO_NOTHING" if parent.on_failure == "DO_NOTHING" else "ROLLBACK",
                         "tags": parent.target.tags | tag_map(r.properties.get("Tags"))}
    if parent.operation is not None:
        req |= inherited(parent)
    if "TimeoutInMinutes" in r.properties:
        req["TimeoutInMinutes"] = int(r.properties["TimeoutInMinutes"])
    answer = await r.wait(stacks.create(r.call, req, parent, r.logical))
    return await _wait_for(r, answer["StackId"])


def inherited(parent: Stack) -> dict[str, Any]:
    """What a nested stack's operation takes from its parent's."""
    operation = parent.operation
    return {"DisableValidation": bool(operation and operation.unchecked and not parent.change_set), "DeploymentConfig": {"Mode": "EXPRESS", "DisableRollback": False}
            if operation and operation.express else {}}


async def _wait_for(r: Resource, child_id: str) -> str:
    """The child answers when it rests; if it was faster than we are, it already has."""
    child = lookup(r.call, child_id)
    r.pending = {"kind": "stack", "token": child_id}
    if child is not None and child.operation is None:
        error = "" if child.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else f"Embedded stack {child_id} was not successfully created: {child.reason}"
        r.pending["answer"] = {"error": error, "attributes": {f"Outputs.{x['OutputKey']}": x["OutputValue"] for x in child.outputs}}
        from .engine import deploy
        r.call.wake(deploy, r.stack_id)
    return child_id


async def update_stack(r: Resource) -> str:
    parent = find(r.call, r.stack_id)
    r.call.require("cloudformation:UpdateStack", r.physical)
    try:
        await r.wait(stacks.update(r.call, _request(r) | {"StackName": r.physical} | inherited(parent), parent.target.tags | tag_map(r.properties.get("Tags"))))
    except AwsError as error:
        if error.message != "No updates are to be performed.":
            raise
        return r.physical
    return await _wait_for(r, r.physical)


async def delete_stack(r: Resource) -> None:
    child = lookup(r.call, r.physical)
    if child is None or child.status == "DELETE_COMPLETE":
        return
    r.call.require("cloudformation:DeleteStack", r.physical)
    stacks.delete(r.call, child, {}, nested=True)
    r.pending = {"kind": "stack", "token": r.physical}


# -- macros ---------------------------------------------------------------------------------------------------------------

async def put_macro(r: Resource) -> str:
    r.call.put(Macro(r.properties["Name"], r.properties["FunctionName"]))
    return r.properties["Name"]


async def delete_macro(r: Resource) -> None:
    if (macro := r.call.get(Macro, r.physical)) is not None:
        r.call.delete(macro)


async def note(r: Resource) -> str:
    """AWS::CDK::Metadata: CDK's note of what it made; nothing is behind it."""
    return r.physical or f"{r.stack_name}-{r.logical}"


TYPES = {
    "AWS::CloudFormation::CDKMetadata": Type(create=note, update=note),
    "AWS::CloudFormation::CustomResource": Type(create=create_custom, update=update_custom, delete=delete_custom, replaces=("ServiceToken",)),
    "AWS::CloudFormation::WaitConditionHandle": Type(create=create_handle),
    "AWS::CloudFormation::WaitCondition": Type(create=create_condition, update=keep, attributes=("Data",)),
    "AWS::CloudFormation::Stack": Type(create=create_stack, update=update_stack, delete=delete_stack),
    "AWS::CloudFormation::Macro": Type(create=put_macro, update=put_macro, delete=delete_macro),
}
