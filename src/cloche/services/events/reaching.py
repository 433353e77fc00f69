"""What EventBridge's rules, schedules and pipes start through the public API of the target's own service, under a role: state machines, streams, tasks, builds, commands, REST APIs.

A service that Cloche does not have yet is refused where the target is named; the day it stands, its targets work.
"""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from cloche import _index
from cloche.kernel import AwsError, Call

# as a target's ARN says it: (service, operation)
OPERATIONS = {
    "states": ("stepfunctions", "StartExecution"), "kinesis": ("kinesis", "PutRecord"), "firehose": ("firehose", "PutRecord"), "ecs": ("ecs", "RunTask"), "batch": ("batch", "SubmitJob"),
    "codebuild": ("codebuild", "StartBuild"), "codepipeline": ("codepipeline", "StartPipelineExecution"), "ssm": ("ssm", "SendCommand"), "execute-api": ("apigateway", ""),
}
PARAMETERS = {"ecs": "EcsParameters", "batch": "BatchParameters", "kinesis": "KinesisParameters", "ssm": "RunCommandParameters"}  # that a target of the kind must have


def stands(call: Call, kind: str) -> bool:
    """Is there a service here that such a target can be started by?"""
    service, operation = OPERATIONS.get(kind, ("", ""))
    return service in _index.PACKAGES and (not operation or operation in call.cloud.service(service).entries)


def start(role: Call, target: dict[str, Any], text: str, name: str) -> Any:
    """Start the target with this input. What must wait for the world is a coroutine. `name` tells this delivery from others."""
    kind = target["Arn"].split(":")[2]
    if kind == "execute-api":
        return rest_api(role, target, text)
    if kind == "ecs":
        from cloche.services.ecs import public as ecs
        return ecs.run(role, target["Arn"], target["EcsParameters"], text, name)
    service, operation = OPERATIONS[kind]
    return role.do(service, operation, **MEMBERS[kind](target, text, name))


def document(text: str) -> dict[str, Any]:
    """An input that is an object; anything else says nothing."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def execution(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    return {"stateMachineArn": target["Arn"], "input": text, **({"name": name[:80]} if name else {})}


def record(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    return {"StreamARN": target["Arn"], "Data": text.encode(), "PartitionKey": ((target.get("KinesisParameters") or {}).get("PartitionKey") or name)[:256]}


def delivery(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    return {"DeliveryStreamName": target["Arn"].rsplit("/", 1)[1], "Record": {"Data": text.encode()}}


def lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {k[:1].lower() + k[1:]: lower(v) for k, v in value.items()}
    return [lower(one) for one in value] if isinstance(value, list) else value


def job(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    given, said = target["BatchParameters"], document(text)
    wanted: dict[str, Any] = {"jobQueue": target["Arn"], "jobDefinition": given["JobDefinition"], "jobName": given["JobName"], "parameters": {k: str(v) for k, v in (said.get("Parameters") or {}).items()}}
    if given.get("ArrayProperties"):
        wanted["arrayProperties"] = {"size": given["ArrayProperties"].get("Size")}
    if given.get("RetryStrategy"):
        wanted["retryStrategy"] = {"attempts": given["RetryStrategy"].get("Attempts")}
    return wanted | ({"containerOverrides": lower(said["ContainerOverrides"])} if said.get("ContainerOverrides") else {})


def build(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    return {"projectName": target["Arn"].rpartition("/")[2], **{k: v for k, v in document(text).items() if k.endswith("Override") or k == "sourceVersion"}}


def pipeline(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    said = document(text)
    return {"name": target["Arn"].rpartition(":")[2], **{k: said[k] for k in ("variables", "sourceRevisions") if k in said}}


def command(target: dict[str, Any], text: str, name: str) -> dict[str, Any]:
    wanted = [{"Key": one["Key"], "Values": one["Values"]} for one in target["RunCommandParameters"]["RunCommandTargets"]]
    said = {k: v if isinstance(v, list) else [str(v)] for k, v in document(text).items()}
    chosen: dict[str, Any] = {"InstanceIds": wanted[0]["Values"]} if len(wanted) == 1 and wanted[0]["Key"] == "InstanceIds" else {"Targets": wanted}
    return {"DocumentName": target["Arn"].rpartition("/")[2], "Parameters": said, **chosen}


MEMBERS: dict[str, Any] = {"states": execution, "kinesis": record, "firehose": delivery, "batch": job, "codebuild": build, "codepipeline": pipeline, "ssm": command}


async def rest_api(role: Call, target: dict[str, Any], text: str) -> None:
    status, body = await call_rest_api(role, target["Arn"], target.get("HttpParameters") or {}, text)
    if status == 429 or status >= 500:
        raise AwsError("ServiceUnavailableException", f"The API answered {status}", 503)
    if status >= 400:
        raise AwsError("AccessDeniedException" if status == 403 else "ValidationException", f"The API answered {status}: {body[:200].decode('utf-8', 'replace')}", 400)


async def call_rest_api(role: Call, arn: str, given: dict[str, Any], text: str) -> tuple[int, bytes]:
    """arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/PATH; a `*` in the path is the next of PathParameterValues."""
    from cloche.services.apigateway import public as apigateway
    _, _, _, region, _, rest = arn.split(":", 5)
    api, stage, method, *path = rest.split("/")
    values = iter(given.get("PathParameterValues") or [])
    where = "/" + "/".join([stage, *(quote(next(values, "*"), safe="") if part == "*" else part for part in path)])
    method = "POST" if method == "*" else method
    headers = {"content-type": "application/json", **{k.lower(): v for k, v in (given.get("HeaderParameters") or {}).items()}}
    said = await apigateway.call_api(
        role, f"{api}.execute-api.{region}.amazonaws.com", method, where, given.get("QueryStringParameters") or {}, headers, b"" if method == "GET" else text.encode(), signed=True)
    return said.status, said.body
