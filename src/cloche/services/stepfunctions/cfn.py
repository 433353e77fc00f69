"""Step Functions in templates: StateMachine, Activity, StateMachineVersion, StateMachineAlias.

A definition is a text, an object or a file in S3, JSON or YAML, with `${names}` that DefinitionSubstitutions fill in. An alias with a DeploymentPreference moves to another version
bit by bit, and goes back where an alarm sounds; what it has reached is the resource's stage.
"""
from __future__ import annotations

import json
import re
from typing import Any

from cloche.kernel import AwsError
from cloche.languages.cloudformation import reading
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, strings, whole

LARGEST = 1 << 20  # of a definition, in bytes
SUBSTITUTION = re.compile(r"\$\{([a-zA-Z0-9]+)\}")
OFF = {"level": "OFF", "includeExecutionData": False, "destinations": []}


# -- state machines -------------------------------------------------------------------------------------------------------


async def definition(r: Resource) -> str:
    given = [name for name in ("Definition", "DefinitionString", "DefinitionS3Location") if r.get(name) is not None]
    if len(given) != 1:
        raise AwsError("InvalidRequest", "Property validation failure: Exactly one of [Definition, DefinitionString, DefinitionS3Location] must be specified")
    if given[0] == "DefinitionS3Location":
        where = r.properties["DefinitionS3Location"]
        answer = await r.do("s3", "GetObject", Bucket=where["Bucket"], Key=where["Key"], VersionId=where.get("Version"))
        body = await r.wait(whole(answer["Body"], LARGEST))
        if body is None:
            raise AwsError("InvalidRequest", f"The definition in S3 is larger than {LARGEST} bytes")
        text = body.decode("utf-8", "replace")
    else:
        text = r.properties[given[0]]
    text = substituted(text if isinstance(text, str) else json.dumps(text), r.get("DefinitionSubstitutions") or {})
    try:
        json.loads(text)
    except ValueError:
        try:
            return json.dumps(reading.read(text))
        except reading.TemplateError:
            return text  # the service has the words for what is wrong with it
    return text


def substituted(text: str, values: dict[str, Any]) -> str:
    return SUBSTITUTION.sub(lambda found: strings(values[found[1]]) if found[1] in values else found[0], text)


def logging(r: Resource) -> dict[str, Any] | None:
    """Nothing said after something is OFF."""
    if given := r.get("LoggingConfiguration"):
        return given  # type: ignore[no-any-return]
    return OFF if r.old.get("LoggingConfiguration") else None


async def create(r: Resource) -> str:
    made = await r.do("stepfunctions", "CreateStateMachine", name=r.properties["StateMachineName"], definition=await definition(r), roleArn=r.properties["RoleArn"],
                      type=r.get("StateMachineType"), loggingConfiguration=logging(r), tracingConfiguration=r.get("TracingConfiguration"),
                      encryptionConfiguration=r.get("EncryptionConfiguration"), tags=r.get("Tags"))
    return str(made["stateMachineArn"])


async def update(r: Resource) -> None:
    if r.changed("Definition", "DefinitionString", "DefinitionS3Location", "DefinitionSubstitutions", "RoleArn", "LoggingConfiguration", "TracingConfiguration", "EncryptionConfiguration"):
        tracing = r.get("TracingConfiguration") or ({"enabled": False} if r.old.get("TracingConfiguration") else None)
        sealing = r.get("EncryptionConfiguration") or ({"type": "AWS_OWNED_KEY"} if r.old.get("EncryptionConfiguration") else None)
        await r.do("stepfunctions", "UpdateStateMachine", stateMachineArn=r.physical, definition=await definition(r), roleArn=r.properties["RoleArn"], loggingConfiguration=logging(r),
                   tracingConfiguration=tracing, encryptionConfiguration=sealing)


async def read(r: Resource) -> None:
    found = await r.do("stepfunctions", "DescribeStateMachine", stateMachineArn=r.physical)
    r.attributes |= {"Arn": r.physical, "Name": found["name"], "StateMachineRevisionId": found.get("revisionId", "INITIAL")}


async def live(r: Resource) -> dict[str, Any]:
    found = await r.do("stepfunctions", "DescribeStateMachine", stateMachineArn=r.physical)
    return {"RoleArn": found["roleArn"], "StateMachineName": found["name"], "StateMachineType": found["type"], "TracingConfiguration": {"Enabled": found["tracingConfiguration"]["enabled"]},
            **({"DefinitionString": found["definition"]} if r.get("DefinitionString") and not r.get("DefinitionSubstitutions") else {})}


# -- aliases --------------------------------------------------------------------------------------------------------------


def routes(r: Resource) -> list[dict[str, Any]]:
    """Where the alias is to lead in the end."""
    preference, given = r.get("DeploymentPreference"), r.get("RoutingConfiguration")
    if (preference is None) == (given is None):
        raise AwsError("InvalidRequest", "Exactly one of [RoutingConfiguration, DeploymentPreference] must be specified")
    if preference is None:
        return [{"stateMachineVersionArn": one["StateMachineVersionArn"], "weight": int(one["Weight"])} for one in given]
    if preference["Type"] not in ("ALL_AT_ONCE", "CANARY", "LINEAR"):
        raise AwsError("InvalidRequest", "DeploymentPreference: Type must be one of [LINEAR, ALL_AT_ONCE, CANARY]")
    if preference["Type"] != "ALL_AT_ONCE" and not ("Interval" in preference and "Percentage" in preference):
        raise AwsError("InvalidRequest", f"DeploymentPreference: Interval and Percentage are required for the type {preference['Type']}")
    return [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]


async def create_alias(r: Resource) -> str:
    made = await r.do("stepfunctions", "CreateStateMachineAlias", name=r.properties["Name"], description=r.get("Description"), routingConfiguration=routes(r))
    r.attributes["Arn"] = made["stateMachineAliasArn"]
    return str(made["stateMachineAliasArn"])


async def update_alias(r: Resource) -> None:
    wanted, preference = routes(r), r.get("DeploymentPreference")
    now = (await r.do("stepfunctions", "DescribeStateMachineAlias", stateMachineAliasArn=r.physical))["routingConfiguration"]
    if preference is None or preference["Type"] == "ALL_AT_ONCE" or any(one["stateMachineVersionArn"] == wanted[0]["stateMachineVersionArn"] for one in now):
        # a way back is taken in one step, too
        await r.do("stepfunctions", "UpdateStateMachineAlias", stateMachineAliasArn=r.physical, description=r.get("Description", ""), routingConfiguration=wanted)
        return
    old = max(now, key=lambda one: one["weight"])["stateMachineVersionArn"]
    r.stage = json.dumps({"old": old, "weight": 0, "next": r.call.now})
    if r.changed("Description"):
        await r.do("stepfunctions", "UpdateStateMachineAlias", stateMachineAliasArn=r.physical, description=r.get("Description", ""))


async def moved(r: Resource) -> bool:
    """The next part of the traffic, where its time has come; where an alarm sounds the resource fails, and what it was is restored."""
    r.attributes["Arn"] = r.physical
    if not r.stage:
        return True
    at, preference = json.loads(r.stage), r.properties["DeploymentPreference"]
    if names := preference.get("Alarms"):
        told = await r.do("cloudwatch", "DescribeAlarms", AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        if loud := [one["AlarmName"] for one in (*told.get("MetricAlarms", ()), *told.get("CompositeAlarms", ())) if one["StateValue"] == "ALARM"]:
            raise AwsError("InvalidRequest", f"The deployment was rolled back: alarm(s) in ALARM state: [{', '.join(loud)}]")
    if r.call.now < at["next"]:
        return False
    step = int(preference["Percentage"])
    weight = at["weight"] + step if preference["Type"] == "LINEAR" else step if at["weight"] == 0 else 100
    if weight >= 100:
        await route(r, preference["StateMachineVersionArn"], 100)
        r.stage = ""
        return True
    await route(r, preference["StateMachineVersionArn"], weight, at["old"])
    r.stage = json.dumps({"old": at["old"], "weight": weight, "next": r.call.now + 60 * int(preference["Interval"])})
    return False


async def route(r: Resource, version: str, weight: int, rest: str = "") -> None:
    parts = [{"stateMachineVersionArn": version, "weight": weight}, *([{"stateMachineVersionArn": rest, "weight": 100 - weight}] if rest else [])]
    await r.do("stepfunctions", "UpdateStateMachineAlias", stateMachineAliasArn=r.physical, routingConfiguration=parts)


TAGS = retag("stepfunctions", "TagResource", "UntagResource", keys="tagKeys", tags="tags", resourceArn="{id}")
TYPES = {
    "AWS::StepFunctions::StateMachine": Type(
        name="StateMachineName", limit=80, create=create, update=steps(update, TAGS), read=read, live=live, delete=op("stepfunctions", "DeleteStateMachine", stateMachineArn="{id}")),
    "AWS::StepFunctions::Activity": Type(
        name="Name", limit=80, create=op("stepfunctions", "CreateActivity", send=True, physical="activityArn", attributes={"Arn": "activityArn"}), update=TAGS,
        delete=op("stepfunctions", "DeleteActivity", activityArn="{id}"), attributes=("Name",)),
    "AWS::StepFunctions::StateMachineVersion": Type(
        create=op("stepfunctions", "PublishStateMachineVersion", stateMachineArn="{StateMachineArn}", description="{Description}", revisionId="{StateMachineRevisionId}",
                  physical="stateMachineVersionArn", attributes={"Arn": "stateMachineVersionArn"}),
        delete=op("stepfunctions", "DeleteStateMachineVersion", stateMachineVersionArn="{id}")),
    "AWS::StepFunctions::StateMachineAlias": Type(
        name="Name", limit=80, create=create_alias, update=update_alias, ready=moved, delete=op("stepfunctions", "DeleteStateMachineAlias", stateMachineAliasArn="{id}"),
        gone=("ResourceNotFound",)),
}
