"""A published template: understood, its files copied, and what one must know to deploy it."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.languages.cloudformation import reading
from cloche.languages.cloudformation.errors import TemplateError
from cloche.services.cloudformation.public import serverless

from . import artifacts, errors, semver
from .records import Version

# resources that share something with others: to be acknowledged by CAPABILITY_RESOURCE_POLICY
SHARING = {"AWS::Lambda::Permission", "AWS::IAM::Policy", "AWS::ApplicationAutoScaling::ScalingPolicy", "AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy",
           "AWS::Lambda::LayerVersionPermission"}
NUMBERS = ("MaxLength", "MaxValue", "MinLength", "MinValue")


async def read(call: Call, arn: str, home: str, version: str, req: Any) -> Version:
    """A version as it will be: the template understood, its files copied. Nothing is put on record yet."""
    if not semver.valid(version):
        raise errors.bad(f"SemanticVersion {version} is not a semantic version (https://semver.org/)")
    if "TemplateBody" in req and "TemplateUrl" in req:
        raise errors.both("templateBody", "templateUrl")
    if "TemplateBody" not in req and "TemplateUrl" not in req:
        raise errors.bad("A template is required: templateBody or templateUrl")
    text = req["TemplateBody"] if "TemplateBody" in req else (await artifacts.fetch(call, arn, req["TemplateUrl"], "TemplateUrl")).decode("utf-8", "replace")
    try:
        artifacts.check(reading.read(text))
        template, expanded, iam = await serverless(call, text)
    except TemplateError as error:
        raise errors.bad(str(error)) from None
    except AwsError as error:
        if error.code == "BadRequestException":
            raise
        raise errors.bad(error.message) from None
    folder = f"{home}/{version}-{call.uuid()}"
    template = await artifacts.copied(call, arn, template, folder)
    resources = [x for x in expanded["Resources"].values() if isinstance(x, dict)]
    capabilities = list(iam) + (["CAPABILITY_RESOURCE_POLICY"] if any(x.get("Type") in SHARING for x in resources) else [])
    capabilities += ["CAPABILITY_AUTO_EXPAND"] if any(x.get("Type") == "AWS::CloudFormation::Stack" for x in resources) else []
    source = {k: req[k] for k in ("SourceCodeUrl",) if k in req}
    if "SourceCodeArchiveUrl" in req:
        source["SourceCodeArchiveUrl"] = await artifacts.keep(call, f"{folder}/source.zip", await artifacts.fetch(call, arn, req["SourceCodeArchiveUrl"], "SourceCodeArchiveUrl"))
    url = await artifacts.keep(call, f"{folder}/template.json", json.dumps(template).encode())
    return Version(arn, version, call.now, url, definitions(template), capabilities, source, dependencies(template))


def definitions(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The template's parameters, and which resources each is used by."""
    out = []
    for name, one in (template.get("Parameters") or {}).items():
        shown: dict[str, Any] = {"Name": name, "ReferencedByResources": [x for x, body in template["Resources"].items() if mentions(body, name)]}
        for key in ("Type", "Description", "AllowedPattern", "ConstraintDescription"):
            if key in one:
                shown[key] = str(one[key])
        if "Default" in one:
            shown["DefaultValue"] = _text(one["Default"])
        if "AllowedValues" in one:
            shown["AllowedValues"] = [_text(x) for x in one["AllowedValues"]]
        for key in NUMBERS:
            if key in one:
                shown[key] = int(float(one[key]))
        if "NoEcho" in one:
            shown["NoEcho"] = _text(one["NoEcho"]) == "true"
        out.append(shown)
    return out


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def mentions(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return value.get("Ref") == name or any(mentions(x, name) for x in value.values())
    if isinstance(value, list):
        return any(mentions(x, name) for x in value)
    return isinstance(value, str) and f"${{{name}}}" in value


def dependencies(template: dict[str, Any]) -> list[dict[str, str]]:
    """The applications of the repository that the template nests."""
    out = []
    for one in template["Resources"].values():
        where = (one.get("Properties") or {}).get("Location") if isinstance(one, dict) and one.get("Type") == "AWS::Serverless::Application" else None
        if isinstance(where, dict) and isinstance(where.get("ApplicationId"), str):
            out.append({"ApplicationId": where["ApplicationId"], "SemanticVersion": str(where.get("SemanticVersion", ""))})
    return out
