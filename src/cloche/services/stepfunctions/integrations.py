"""What a Task can call: functions, the services with an integration of their own, and every operation of every service through `aws-sdk`. All under the machine's role.

https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html, supported-services-awssdk.html
"""
from __future__ import annotations

import inspect
import json
from typing import Any, NamedTuple

from cloche import _index
from cloche.kernel import AwsError, Call
from cloche.languages.asl.failure import StateError, runtime
from cloche.services.cloudformation.public import whole
from cloche.services.lambda_ import public as functions
from cloche.wire import model

from . import executions
from .executions import Execution


class Target(NamedTuple):
    kind: str        # lambda, activity, own (an integration made for the service), sdk
    service: str     # as TaskScheduled's resourceType says it
    resource: str    # the ARN; or what comes after the service, `sendMessage.waitForTaskToken`
    operation: str
    waits: str = ""  # sync, token


OWN = {"lambda": "lambda", "dynamodb": "dynamodb", "sqs": "sqs", "sns": "sns", "states": "stepfunctions", "events": "events", "ecs": "ecs", "codebuild": "codebuild", "batch": "batch"}
PREFIX = {"lambda": "Lambda", "dynamodb": "DynamoDB", "sqs": "SQS", "sns": "SNS", "states": "StepFunctions", "events": "EventBridge", "ecs": "ECS", "codebuild": "CodeBuild", "batch": "Batch"}
OPERATIONS = {"lambda": {"invoke"}, "dynamodb": {"getItem", "putItem", "updateItem", "deleteItem"}, "sqs": {"sendMessage"}, "sns": {"publish"}, "states": {"startExecution"}, "events": {"putEvents"},
              "http": {"invoke"}, "apigateway": {"invoke"}, "ecs": {"runTask"}, "codebuild": {"startBuild"}, "batch": {"submitJob"}}
SDK = {"sfn": "stepfunctions", "cloudwatchlogs": "logs", "eventbridge": "events", "cognitoidentityprovider": "cognito-idp", "secretsmanager": "secretsmanager", "elasticloadbalancingv2": "elbv2",
       "cognitoidentity": "cognito-identity", "dynamodbstreams": "dynamodbstreams", "ssoadmin": "sso-admin", "acmpca": "acm-pca", "applicationautoscaling": "application-autoscaling",
       "costexplorer": "ce", "elasticloadbalancing": "elb", "servicequotas": "service-quotas", "ssooidc": "sso-oidc", "serverlessapplicationrepository": "serverlessrepo",
       "cognitosync": "cognito-sync"}
TEXTS = {("sqs", "MessageBody"), ("sns", "Message"), ("events", "Detail")}  # members that may be given as JSON


def parse(resource: str, execution: Execution) -> Target:
    parts = resource.split(":")
    if parts[2] == "lambda":
        return Target("lambda", "lambda", resource, "invoke")
    if parts[5] == "activity":
        return Target("activity", "activity", resource, "")
    if parts[5] == "aws-sdk":
        operation, _, how = parts[7].partition(".")
        return Target("sdk", f"aws-sdk:{parts[6]}", parts[7], operation, "token" if how == "waitForTaskToken" else "")
    rest = ":".join(parts[6:])
    operation, _, how = rest.partition(".")
    return Target("own", parts[5], rest, operation, "token" if how == "waitForTaskToken" else "sync" if how.startswith("sync") else "")


def acting(call: Call, execution: Execution) -> Call:
    """The machine's role at work."""
    try:
        return call.as_role(execution.role, call.uuid().replace("-", ""), "states.amazonaws.com", execution.machine)
    except AwsError as error:
        raise StateError("States.Permissions", error.message, "States.TaskFailed") from None


async def perform(call: Call, execution: Execution, target: Target, given: Any, token: str, trace: str = "", exchange: dict[str, Any] | None = None) -> Any:
    here = acting(call.at(execution.account, execution.region), execution)
    if target.kind == "lambda":
        return (await invoke(here, target.resource, given, trace))[0]
    if target.kind == "sdk":
        return await sdk(here, target, given)
    if target.operation not in OPERATIONS.get(target.service, ()) or OWN.get(target.service, "lambda") not in _index.PACKAGES:
        raise runtime(f"The resource arn:aws:states:::{target.service}:{target.resource} is not built in Cloche")
    if not isinstance(given, dict):
        raise runtime("The Parameters of an integration must be an object")
    if target.service in ("http", "apigateway"):
        from . import web_tasks
        return await (web_tasks.http(here, execution, given, exchange) if target.service == "http" else web_tasks.api(here, given))
    if target.service == "lambda":
        if "FunctionName" not in given:
            raise runtime("The field 'FunctionName' is required but was missing")
        result, version = await invoke(here, given["FunctionName"] + (f":{given['Qualifier']}" if "Qualifier" in given else ""), given.get("Payload", {}), trace)
        return {"ExecutedVersion": version, "Payload": result, **_metadata(call), "StatusCode": 200}
    if target.service == "states":
        return await child(here, execution, target, given, token)
    members = {name: _text(value) if (target.service, name) in TEXTS else value for name, value in given.items()}
    if target.service == "events":
        members["Entries"] = [{**one, "Detail": _text(one.get("Detail", {}))} for one in members.get("Entries") or []]
    name = target.operation[0].upper() + target.operation[1:]
    answer = await call_service(here, OWN[target.service], name, members, PREFIX[target.service])
    if target.service == "events" and answer.get("FailedEntryCount"):
        raise StateError("EventBridge.FailedEntry", json.dumps(answer))
    if target.service == "ecs" and answer.get("Failures"):
        raise StateError("ECS.AmazonECSException", json.dumps(answer["Failures"]))
    return {**answer, **_metadata(call)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _metadata(call: Call) -> dict[str, Any]:
    return {"SdkHttpMetadata": {"AllHttpHeaders": {}, "HttpHeaders": {}, "HttpStatusCode": 200}, "SdkResponseMetadata": {"RequestId": call.uuid()}}


# -- functions ------------------------------------------------------------------------------------------------------------


async def invoke(here: Call, function: str, payload: Any, trace: str = "") -> tuple[Any, str]:
    """The function's answer and its version. Its error has the exception's class for a name."""
    arn = function if function.startswith("arn:") else here.arn(f"function:{function}", service="lambda")
    try:
        result = await functions.invoke(here, arn, json.dumps(payload).encode(), trace=trace)
    except AwsError as error:
        name = error.code if error.code in ("ResourceNotFoundException", "TooManyRequestsException", "ServiceException") else "AWSLambdaException"
        also = ("States.Permissions",) if error.code.startswith("AccessDenied") else ()
        raise StateError(f"Lambda.{name}", f"{error.message} (Service: AWSLambda; Status Code: {error.status}; Error Code: {error.code}; Request ID: {here.uuid()}; Proxy: null)", *also) from None
    text = result.payload.decode("utf-8", "replace")
    try:
        said = json.loads(text) if text else None
    except ValueError:
        raise StateError("States.Runtime", "The function's answer is not JSON") from None
    if result.failed:
        name = said.get("errorType") if isinstance(said, dict) else None
        if not name and isinstance(said, dict) and "timed out" in str(said.get("errorMessage")):
            name = "Sandbox.Timedout"
        raise StateError(name or "Lambda.Unknown", text)
    return said, result.version


# -- other executions -----------------------------------------------------------------------------------------------------


def description(child: Execution) -> dict[str, Any]:
    """What `.sync` says of a child: numbers for moments, text for documents."""
    return {
        "ExecutionArn": child.arn, "Input": child.input, "InputDetails": {"Included": True}, "Name": child.name, "RedriveCount": child.redrives, "StartDate": int(child.started * 1000),
        "StateMachineArn": child.machine, "Status": child.status, "StopDate": int(child.stopped * 1000),
        **({"Output": child.output, "OutputDetails": {"Included": True}} if child.output else {}), **({"Error": child.error} if child.error is not None else {}),
        **({"Cause": child.cause} if child.cause is not None else {})}


async def child(here: Call, execution: Execution, target: Target, given: dict[str, Any], token: str) -> Any:
    req = {"stateMachineArn": given.get("StateMachineArn", ""), "input": _text(given.get("Input", {})), **({"name": given["Name"]} if "Name" in given else {})}
    try:
        here.require("states:StartExecution", req["stateMachineArn"].rsplit(":", 1)[0] if req["stateMachineArn"].count(":") == 7 else req["stateMachineArn"])
        with here.step():
            row = here.row("SELECT execution, id FROM sfn_thread WHERE token=?", token)
            parent = f"{row[0]}\n{row[1]}\n{token}" if row and target.waits == "sync" else ""
            made = executions.started(here.of("stepfunctions"), req, parent)
    except AwsError as error:
        raise StateError(f"StepFunctions.{error.code if error.code.endswith('Exception') else error.code + 'Exception'}", error.message) from None
    return {"ExecutionArn": made["executionArn"], "StartDate": int(made["startDate"] * 1000), **_metadata(here)}


# -- every operation of every service -------------------------------------------------------------------------------------


async def sdk(here: Call, target: Target, given: Any) -> Any:
    name = target.service.partition(":")[2]
    service = SDK.get(name, name)
    if service not in model.services():
        raise runtime(f"There is no service {name}")
    operation = target.operation[0].upper() + target.operation[1:]
    prefix = {"dynamodb": "DynamoDb", "sqs": "Sqs", "sns": "Sns", "s3": "S3", "ec2": "Ec2", "iam": "Iam", "ssm": "Ssm", "kms": "Kms", "sts": "Sts"}.get(name, name[0].upper() + name[1:])
    return await call_service(here, service, operation, given if isinstance(given, dict) else {}, prefix, sdk=True)


async def call_service(here: Call, service: str, operation: str, given: dict[str, Any], prefix: str, sdk: bool = False) -> dict[str, Any]:
    op = model.load(service).operations.get(operation)
    if op is None:
        raise runtime(f"{service} has no operation {operation}")
    try:
        members = inward(op.input, given, "") if op.input else {}
        with here.step():
            answer = here.do(service, operation, **members)
        if inspect.isawaitable(answer):
            answer = await answer
    except AwsError as error:
        raise _refused(here, op, error, prefix, sdk) from None
    return await outward(op.output, answer or {}) if op.output else {}


def _refused(here: Call, op: Any, error: AwsError, prefix: str, sdk: bool) -> StateError:
    shape = op.errors.get(error.code) or op.errors.get(error.query_code or "")
    name = shape.name if shape is not None else error.code
    known = shape is not None or error.code.endswith("Exception")
    for end in ("Exception", "Fault", "Error"):
        name = name.removesuffix(end) or name
    name = f"{prefix}.{name}Exception" if known else f"{prefix}.{prefix}Exception"
    also = ("States.Permissions",) if error.code.startswith(("AccessDenied", "Unauthorized")) else ()
    end = f"(Service: {prefix}, Status Code: {error.status}, Request ID: {here.uuid()})" if sdk else \
        f"(Service: {prefix}; Status Code: {error.status}; Error Code: {error.code}; Request ID: {here.uuid()}; Proxy: null)"
    return StateError(name, f"{error.message} {end}", *also)


def inward(shape: Any, value: Any, where: str) -> Any:
    """Parameters in PascalCase, whatever the service's own spelling."""
    kind = shape.type
    if kind == "structure" and isinstance(value, dict):
        if shape.spec.get("document"):
            return value
        by_name = {name.lower(): name for name in shape.members}
        out = {}
        for name, each in value.items():
            member = name if name in shape.members else by_name.get(name.lower())
            if member is None:
                raise runtime(f"The field \"{name}\" is not supported by Step Functions{' in ' + where if where else ''}")
            if each is not None:
                out[member] = inward(shape.members[member][0], each, name)
        return out
    if kind == "list" and isinstance(value, list):
        return [inward(shape.item, one, where) for one in value]
    if kind == "map" and isinstance(value, dict):
        return {name: inward(shape.value, one, where) for name, one in value.items()}
    if kind == "blob":
        return _text(value).encode()
    if kind == "timestamp" and isinstance(value, str):
        from cloche.wire.codec import times
        return times.parse(value)
    if kind == "string" and not isinstance(value, str):
        return _text(value)
    return value


async def outward(shape: Any, value: Any) -> Any:
    """An answer as states see it: PascalCase, timestamps as text, bytes as text."""
    kind = shape.type
    if kind == "structure":
        return {name[0].upper() + name[1:]: await outward(shape.members[name][0], each) for name, each in value.items() if name in shape.members and each is not None}
    if kind == "list":
        return [await outward(shape.item, one) for one in value]
    if kind == "map":
        return {name: await outward(shape.value, one) for name, one in value.items()}
    if kind == "timestamp" and isinstance(value, (int, float)):
        from .context import stamp
        return stamp(value)
    if kind == "blob":
        if isinstance(value, str):
            return value
        found = await whole(value, executions.MOST_BYTES)
        if found is None:
            raise StateError("States.DataLimitExceeded", "The task returned a result with a size exceeding the maximum number of bytes service limit.")
        return found.decode("utf-8", "replace")
    return value
