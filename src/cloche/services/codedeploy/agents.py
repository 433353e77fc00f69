"""The command service, which agents poll (CodeDeployCommandService_v20141006): nobody but the agents themselves speaks to it, and no model of botocore's knows it.

A poll is held open until there is a command, so that agents need not ask often. Like AWS's it asks for a signature and for no permission. Beside it, the
bucket from which the agent is installed.
"""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call, Request, Response
from cloche.kernel.authenticate import authenticate
from cloche.wire import sigv4

from . import commands, installing, lifecycle
from . import service as codedeploy
from .commands import Command
from .records import Deployment, Target

TARGET = "CodeDeployCommandService_v20141006."
POLL_SECONDS, LIMIT = 20.0, 1 << 20


@codedeploy.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if request.host.startswith("aws-codedeploy-"):
        return installing.answer(call, request, match["region"])
    try:
        principal = authenticate(call.cloud, request, sigv4.parse(request), codedeploy.model)
        operation = OPERATIONS.get(request.headers.get("x-amz-target", "").removeprefix(TARGET))
        if operation is None:
            raise AwsError("UnknownOperationException", "The command service has no such operation.")
        call = call.at(principal.account, match["region"]) if principal.account else call
        host = commands.who(call, principal) if principal.account else ""
        if not host:
            raise AwsError("AccessDeniedException", f"{principal.arn or 'anonymous'} is no instance: an agent signs with its instance profile, or as it is registered on premises.")
        asked = json.loads(await request.read(LIMIT) or b"{}")
        answer = await operation(call, host, asked)
    except ValueError:
        return said(call, 400, {"__type": "SerializationException", "message": "The body is not JSON."})
    except sigv4.Malformed as error:
        return said(call, 400, {"__type": "IncompleteSignatureException", "message": str(error)})
    except AwsError as error:
        return said(call, error.status, {"__type": error.code, "message": error.message})
    return said(call, 200, answer)


def said(call: Call, status: int, body: Any) -> Response:
    return Response(status, [("content-type", "application/x-amz-json-1.1"), ("x-amzn-requestid", call.request_id)], json.dumps(body).encode())


def mine(call: Call, host: str, asked: Any) -> Command:
    found = call.get(Command, str(asked.get("HostCommandIdentifier", "")))
    if found is None or found.host != host:
        raise AwsError("HostCommandNotFoundException", "There is no such command for this host.")
    return found


async def poll(call: Call, host: str, asked: Any) -> Any:
    until = call.now + POLL_SECONDS
    while True:
        found = commands.next_for(call, host)
        if found is not None:
            return {"HostCommand": {"HostCommandIdentifier": found.id, "HostIdentifier": asked.get("HostIdentifier", host), "DeploymentExecutionId": found.deployment, "CommandName": found.event, "Nonce": 1}}
        if call.now >= until:
            return {}
        await call.wait([commands.topic(call, host)], until)


async def acknowledge(call: Call, host: str, asked: Any) -> Any:
    with call.step():
        call.put(mine(call, host, asked).but(taken=True))
    return {"CommandStatus": "InProgress"}


async def specification(call: Call, host: str, asked: Any) -> Any:
    one = call.get(Deployment, str(asked.get("DeploymentExecutionId", "")))
    if one is None or call.get(Target, f"{one.id}/{host}") is None:
        raise AwsError("DeploymentExecutionNotFoundException", "There is no such deployment for this host.")
    place = one.revision.get("s3Location", {})
    payload = {
        "ApplicationName": one.application, "DeploymentId": one.id, "DeploymentGroupId": one.group_id, "DeploymentGroupName": one.group, "DeploymentCreator": one.creator,
        "DeploymentType": one.style.get("deploymentType", "IN_PLACE"), "AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": one.asked.get("fileExistsBehavior", "DISALLOW")}},
        "Revision": {"RevisionType": "S3", "S3Revision": {"Bucket": place.get("bucket"), "Key": place.get("key"), "BundleType": place.get("bundleType"), "Version": place.get("version"),
                                                         "ETag": place.get("eTag")}},
    }
    return {"DeploymentSystem": "CodeDeploy", "DeploymentSpecification": {"GenericEnvelope": {"Format": "TEXT/JSON", "Payload": json.dumps(payload)}}}


async def update(call: Call, host: str, asked: Any) -> Any:
    """A sign of life; and by the answer's date the agent sees how time goes."""
    mine(call, host, asked)
    return {"CommandStatus": "InProgress"}


async def complete(call: Call, host: str, asked: Any) -> Any:
    try:
        told = json.loads((asked.get("Diagnostics") or {}).get("Payload") or "{}")
    except ValueError:
        told = {}
    if asked.get("CommandStatus") == "Succeeded":
        told["error_code"] = 0
    with call.step():
        one = mine(call, host, asked)
        commands.drop(call, one)
        commands.answered(call, one, told if isinstance(told, dict) else {})
        call.wake(lifecycle.carry, one.deployment)
    return {}


OPERATIONS = {"PollHostCommand": poll, "PutHostCommandAcknowledgement": acknowledge, "GetDeploymentSpecification": specification, "PostHostCommandUpdate": update, "PutHostCommandComplete": complete}
