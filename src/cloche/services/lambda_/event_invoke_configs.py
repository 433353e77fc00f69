"""What becomes of asynchronous events of a qualifier: how often and how long they are tried, and where the result goes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, errors_mappings, names
from . import service as lambda_
from .names import LATEST
from .paging import page
from .records import Function, Version, find, version_of
from .roles import acting

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

ALLOWED = {"sqs": ("sqs:SendMessage", "SendMessage on SQS"), "sns": ("sns:Publish", "Publish on SNS"), "lambda": ("lambda:InvokeFunction", "InvokeFunction on Lambda"),
           "events": ("events:PutEvents", "PutEvents on EventBridge"), "s3": ("s3:PutObject", "PutObject on S3")}


def target(call: Call, req: Any) -> tuple[Function, str]:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    version_of(call, name)
    return function, name.qualifier or LATEST


def arn_of(call: Call, function: Function, qualifier: str) -> str:
    return names.arn(call, function.name, qualifier)


def told(call: Call, function: Function, qualifier: str) -> dict[str, Any]:
    return {"FunctionArn": arn_of(call, function, qualifier), "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}}} | function.event_configs[qualifier]


def given(call: Call, function: Function, qualifier: str, req: Any) -> dict[str, Any]:
    config: dict[str, Any] = {k: req[k] for k in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds") if k in req}
    destinations = req.get("DestinationConfig", {})
    if not config and not destinations:
        raise errors.nothing_given()
    version = call.get(Version, f"{function.name}:{LATEST}")
    for side in ("OnSuccess", "OnFailure"):
        arn = destinations.get(side, {}).get("Destination")
        if not arn:
            continue
        kind = arn.split(":")[2] if arn.count(":") >= 5 else ""
        if kind not in ALLOWED or (kind == "s3" and side == "OnSuccess"):
            raise errors.bad_destination(arn)
        if kind == "lambda" and arn.split(":")[6:7] == [function.name] and arn.split(":")[4] == call.account:
            raise errors.destination_is_itself()
        action, what = ALLOWED[kind]
        if version and not acting(call, version.role, "validation").allowed(action, arn + "/*" if kind == "s3" else arn):
            raise errors_mappings.function_role_lacks(what)
    if destinations:
        config["DestinationConfig"] = {side: destinations[side] for side in ("OnSuccess", "OnFailure") if side in destinations}
    return config


@lambda_.op(names.qualified)
def put_function_event_invoke_config(call: Call, req: t.PutFunctionEventInvokeConfigRequest) -> Any:
    function, qualifier = target(call, req)
    config = given(call, function, qualifier, req) | {"LastModified": call.now}
    return told(call, call.put(function.but(event_configs=function.event_configs | {qualifier: config})), qualifier)


@lambda_.op(names.qualified)
def update_function_event_invoke_config(call: Call, req: t.UpdateFunctionEventInvokeConfigRequest) -> Any:
    function, qualifier = target(call, req)
    if qualifier not in function.event_configs:
        raise errors.no_event_invoke_config(arn_of(call, function, qualifier))
    config = function.event_configs[qualifier] | given(call, function, qualifier, req) | {"LastModified": call.now}
    return told(call, call.put(function.but(event_configs=function.event_configs | {qualifier: config})), qualifier)


@lambda_.op(names.qualified)
def get_function_event_invoke_config(call: Call, req: t.GetFunctionEventInvokeConfigRequest) -> Any:
    function, qualifier = target(call, req)
    if qualifier not in function.event_configs:
        raise errors.no_event_invoke_config(arn_of(call, function, qualifier))
    return told(call, function, qualifier)


@lambda_.op(names.function)
def list_function_event_invoke_configs(call: Call, req: t.ListFunctionEventInvokeConfigsRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    chosen, marker = page(sorted(function.event_configs), req, key=lambda q: q)
    return {"FunctionEventInvokeConfigs": [told(call, function, q) for q in chosen], **marker}


@lambda_.op(names.qualified)
def delete_function_event_invoke_config(call: Call, req: t.DeleteFunctionEventInvokeConfigRequest) -> None:
    function, qualifier = target(call, req)
    if qualifier not in function.event_configs:
        raise errors.no_event_invoke_config(arn_of(call, function, qualifier))
    call.put(function.but(event_configs={k: v for k, v in function.event_configs.items() if k != qualifier}))
