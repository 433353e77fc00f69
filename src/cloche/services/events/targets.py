"""Targets: put on a rule, listed, taken away. What they are given: the event, a part of it, or a text made from it."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import input_transformer

from . import errors, managed, reaching
from . import service as events
from .buses import page
from .rules import Rule, by_name, look

if TYPE_CHECKING:
    from cloche.shapes import events as t

MOST_TARGETS = 5
TOLD = ("lambda", "sqs", "sns", "logs", "events")  # by ways of their own; the rest is started (`reaching.py`)


def target_context(call: Call, req: Any) -> dict[str, Any]:
    return {"events:TargetArn": [target["Arn"] for target in req["Targets"]]}


@events.op(resource=by_name, context=target_context, partly="targets of services that are not built (Redshift, SageMaker, Inspector, AppSync) and EC2's and EBS's built-in ones answer 501")
def put_targets(call: Call, req: t.PutTargetsRequest) -> t.PutTargetsResponse:
    rule = look(call, req)
    managed.refuse(rule)
    wanted: dict[str, Any] = {target["Id"]: dict(target) for target in req["Targets"]}
    if len(wanted) < len(req["Targets"]):
        raise errors.invalid("Duplicate TargetIds in the request.")
    for target in wanted.values():
        check(call, target)
    targets = {target["Id"]: target for target in rule.targets} | wanted
    if len(targets) > MOST_TARGETS:
        raise errors.limit()
    call.put(rule.but(targets=tuple(targets.values())))
    return {"FailedEntryCount": 0, "FailedEntries": []}


def check(call: Call, target: dict[str, Any]) -> None:
    id_, parts = target["Id"], target["Arn"].split(":")
    if len(parts) < 6 or parts[0] != "arn":
        raise errors.parameter("TargetArn", "Provided Arn is not in correct format.")
    if parts[2] not in TOLD and not reaching.stands(call, parts[2]):
        raise errors.not_built(f"a target of {parts[2]}")
    if (":api-destination/" in target["Arn"] or parts[2] not in TOLD) and not target.get("RoleArn"):
        raise errors.invalid(f"RoleArn is required for target {target['Arn']}.")
    if parts[2] in reaching.PARAMETERS and parts[2] != "kinesis" and not target.get(reaching.PARAMETERS[parts[2]]):
        raise errors.invalid(f"Parameter(s) {reaching.PARAMETERS[parts[2]]} must be specified for target: {id_}.")
    inputs = [name for name in ("Input", "InputPath", "InputTransformer") if target.get(name)]
    if len(inputs) > 1:
        raise errors.invalid(f"Only one of Input, InputPath, or InputTransformer must be provided for target {id_}.")
    if text := target.get("Input"):
        try:
            json.loads(text)
        except ValueError:
            raise errors.invalid(f"JSON syntax error in input for target {id_}") from None
    try:
        if path := target.get("InputPath"):
            input_transformer.parse_path(path)
        if path := (target.get("KinesisParameters") or {}).get("PartitionKeyPath"):
            input_transformer.parse_path(path)
        if transformer := target.get("InputTransformer"):
            input_transformer.check(transformer["InputTemplate"], transformer.get("InputPathsMap") or {})
    except input_transformer.Invalid as error:
        if target.get("InputPath"):
            raise errors.invalid(f"Invalid InputPath for target {id_}.") from None
        raise errors.invalid(f"Invalid InputTemplate for target {id_} : placeholder or path {error} is not valid.") from None
    if parts[2] == "sqs" and parts[5].endswith(".fifo") and not (target.get("SqsParameters") or {}).get("MessageGroupId"):
        raise errors.invalid(f"Parameter(s) SqsParameters must be specified for target: {id_}.")
    if role := target.get("RoleArn"):
        call.pass_role(role, "events.amazonaws.com")


@events.op(resource=by_name)
def list_targets_by_rule(call: Call, req: t.ListTargetsByRuleRequest) -> t.ListTargetsByRuleResponse:
    found, token = page(list(look(call, req).targets), req)
    result: dict[str, Any] = {"Targets": found}
    return result | {"NextToken": token} if token else result


@events.op(resource=by_name)
def remove_targets(call: Call, req: t.RemoveTargetsRequest) -> t.RemoveTargetsResponse:
    rule = look(call, req)
    managed.refuse(rule, req.get("Force", False))
    known = {target["Id"] for target in rule.targets}
    call.put(rule.but(targets=tuple(target for target in rule.targets if target["Id"] not in req["Ids"])))
    failed = [{"TargetId": id_, "ErrorCode": "ResourceNotFoundException", "ErrorMessage": f"Target {id_} does not exist on rule {rule.name}."} for id_ in req["Ids"] if id_ not in known]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


def payload(call: Call, rule: Rule, target: dict[str, Any], event: dict[str, Any]) -> str:
    """What this target is given for this event."""
    if text := target.get("Input"):
        return text  # type: ignore[no-any-return]
    if path := target.get("InputPath"):
        part = input_transformer.extract(event, path)
        return written(None if part is input_transformer.MISSING else part)
    if transformer := target.get("InputTransformer"):
        reserved = {
            "aws.events.rule-arn": rule.arn, "aws.events.rule-name": rule.name, "aws.events.event.ingestion-time": event["time"],
            "aws.events.event": {name: value for name, value in event.items() if name != "detail"}, "aws.events.event.json": event,
        }
        return input_transformer.transform(transformer["InputTemplate"], transformer.get("InputPathsMap") or {}, event, reserved)
    return written(event)


def written(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
