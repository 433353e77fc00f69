"""Templates: where they come from, what transforms make of them, what there is to know about one without a stack."""
from __future__ import annotations

import asyncio
import fnmatch
import importlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from cloche.kernel import ANY, AwsError, Call
from cloche.languages.cloudformation import checking, conditions, extensions, parameters, reading, sam, translator
from cloche.languages.cloudformation.errors import TemplateError, TransformError
from cloche.languages.cloudformation.functions import Scope

from . import errors, macros, registry
from . import service as cloudformation
from .plan import pseudo
from .public import whole
from .records import Stack, Target, by_stack, find, original, processed

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

BODY_LIMIT, URL_LIMIT = 51_200, 1_048_576
HOST_STYLE = re.compile(r"^(?P<bucket>[a-z0-9][a-z0-9.\-]+?)\.s3[.\-]")
STACK_TAG_LIMIT = 50


class Prepared(msgspec.Struct):
    """A template read, transformed and checked with the caller's parameters."""

    original: str
    template: dict[str, Any]
    given: dict[str, str]
    meant: dict[str, Any]
    shown: list[dict[str, Any]]


async def text_of(call: Call, req: Mapping[str, Any], previous: Target | None = None) -> str:
    """The template's text: in the request, at a URL of S3, or the stack's own. `text` is what a stack set has read already."""
    if "text" in req:
        return str(req["text"])
    body, url = req.get("TemplateBody"), req.get("TemplateURL")
    if body is not None and url is not None:
        raise errors.both_templates()
    if req.get("UsePreviousTemplate"):
        if body or url:
            raise errors.both_templates()
        if previous is None:
            raise errors.one_template()
        return original(call, previous.template)
    if body is not None:
        if len(body.encode()) > BODY_LIMIT:
            raise errors.too_long(BODY_LIMIT)
        return body
    if url is None:
        raise errors.one_template()
    return await fetch(call, url)


def place_of(url: str) -> tuple[str, str, str]:
    """Bucket, key and version of any URL style that names an object in S3, or here."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    version = parse_qs(parts.query).get("versionId", [""])[0]
    if parts.scheme == "s3":
        return parts.netloc, path, version
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise errors.bad_url()
    if found := HOST_STYLE.match(parts.hostname or ""):
        return found["bucket"], path, version
    bucket, _, key = path.partition("/")
    if not bucket or not key:
        raise errors.bad_url()
    return bucket, key, version


async def fetch(call: Call, url: str) -> str:
    bucket, key, version = place_of(url)
    try:
        answer = call.do("s3", "GetObject", Bucket=bucket, Key=key, **({"VersionId": version} if version else {}))
        if hasattr(answer, "__await__"):
            answer = await answer
        data = await whole(answer["Body"], URL_LIMIT)
    except AwsError as error:
        raise errors.unreadable("Access Denied" if error.status == 403 else error.message) from None
    if data is None:
        raise errors.too_long(URL_LIMIT)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise errors.validation("Template format error: unsupported structure.") from None


def arguments(req: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    """The request's parameters: values given, and names whose value stays."""
    given, keep = {}, set()
    for one in req.get("Parameters", []):
        if one.get("UsePreviousValue"):
            keep.add(one["ParameterKey"])
        else:
            given[one["ParameterKey"]] = one.get("ParameterValue", "")
    return given, frozenset(keep)


async def prepare(call: Call, text: str, stack_id: str, req: Mapping[str, Any], previous: Target | None, notifications: list[str]) -> Prepared:
    """Everything that AWS checks before it accepts a template, and what transforms make of it."""
    try:
        template = reading.read(text)
        declared = template.get("Parameters") or {}
        if not isinstance(declared, dict):
            raise TemplateError("Template format error: Parameters must be an object.")
        parameters.check_declarations(declared)
        given, keep = arguments(req)
        values = parameters.resolve(declared, given, previous.given if previous else None, keep, lambda name: from_store(call, name))
        meant = {name: one.meant for name, one in values.items()}
        names = checking.transforms(template)
        if names or macros.inside(template):
            template = await transformed(call, template, meant, names, stack_id, notifications)
        checking.structure(template)
        scope = Scope(values=pseudo(call, stack_id, Target(template="", notifications=notifications)) | meant, mappings=template.get("Mappings", {}))
        settled = conditions.evaluate_all(template.get("Conditions", {}), scope)
        scope.conditions = settled
        conditions.check_rules(template.get("Rules", {}), scope, template.get("Conditions", {}))
        live = checking.live(template, settled)
        checking.graph.order(checking.graph.dependencies(live, settled))
        if strays := sorted({one["Type"] for one in template["Resources"].values() if not registry.known(one["Type"])}):
            raise errors.unknown_types(strays)
        check_attributes(template, live, settled)
        for one in template["Resources"].values():
            if "Snapshot" in (one.get("DeletionPolicy"), one.get("UpdateReplacePolicy")) and one["Type"] not in SNAPSHOTS:
                raise errors.no_snapshot(one["Type"])
        if "{{resolve:ssm-secure:" in text and (places := insecure(live)):
            raise errors.not_secure(places)
        allowed = req.get("ResourceTypes") or []
        if allowed and (others := sorted({x["Type"] for x in template["Resources"].values() if not any(fnmatch.fnmatchcase(x["Type"], one) for one in allowed)})):
            raise errors.validation(f"Resource type {others[0]} is not allowed by parameter ResourceTypes {allowed}".replace("'", ""))
    except TemplateError as error:
        raise errors.validation(str(error)) from None
    shown = [one.shown() for one in values.values()]
    return Prepared(text, template, {name: one.given for name, one in values.items()}, meant, shown)


SNAPSHOTS = {"AWS::DocDB::DBCluster", "AWS::EC2::Volume", "AWS::ElastiCache::CacheCluster", "AWS::ElastiCache::ReplicationGroup", "AWS::Neptune::DBCluster", "AWS::RDS::DBCluster",
             "AWS::RDS::DBInstance", "AWS::Redshift::Cluster"}
# where AWS lets a secure parameter be resolved
SECURE = {
    "AWS::DirectoryService::MicrosoftAD/Properties/Password", "AWS::DirectoryService::SimpleAD/Properties/Password", "AWS::ElastiCache::ReplicationGroup/Properties/AuthToken",
    "AWS::IAM::User/Properties/LoginProfile/Password", "AWS::KinesisFirehose::DeliveryStream/Properties/RedshiftDestinationConfiguration/Password",
    "AWS::OpsWorks::App/Properties/AppSource/Password", "AWS::OpsWorks::Stack/Properties/CustomCookbooksSource/Password", "AWS::OpsWorks::Stack/Properties/RdsDbInstances/DbPassword",
    "AWS::RDS::DBCluster/Properties/MasterUserPassword", "AWS::RDS::DBInstance/Properties/MasterUserPassword", "AWS::Redshift::Cluster/Properties/MasterUserPassword",
}


def insecure(live: dict[str, Any]) -> list[str]:
    """The properties that resolve a secure parameter and may not."""
    found: dict[str, None] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, path if key.startswith("Fn::") else f"{path}/{key}")
        elif isinstance(value, list):
            for each in value:
                walk(each, path)
        elif isinstance(value, str) and "{{resolve:ssm-secure:" in value and path not in SECURE:
            found[path] = None

    for one in live.values():
        walk(one.get("Properties") or {}, f"{one['Type']}/Properties")
    return list(found)


def check_attributes(template: dict[str, Any], live: dict[str, Any], settled: dict[str, bool]) -> None:
    """GetAtt asks for what a type has, or the template is refused."""
    outputs = [one for one in template.get("Outputs", {}).values() if settled.get(one.get("Condition", ""), True)]
    for body in (*(one.get("Properties") for one in live.values()), *outputs):
        for name, attribute in checking.graph.references(body, settled):
            if attribute in ("", "*") or name not in live:
                continue
            try:
                known = registry.attribute_names(live[name]["Type"])
            except AwsError:
                continue  # a type that is not built fails when its turn comes
            if known is not None and attribute not in known and not any(one.startswith(attribute + ".") for one in known):
                raise TemplateError(f"Template error: resource {name} does not support attribute type {attribute} in Fn::GetAtt")


def from_store(call: Call, name: str) -> str | None:
    try:
        return call.do("ssm", "GetParameter", Name=name)["Parameter"]["Value"]
    except AwsError as error:
        if error.code == "ParameterNotFound":
            return None
        raise


async def transformed(call: Call, template: dict[str, Any], meant: dict[str, Any], names: list[str], stack_id: str, notifications: list[str]) -> dict[str, Any]:
    template = await macros.snippets(call, template, meant)
    for name in names:
        values = pseudo(call, stack_id, Target(template="", notifications=notifications))
        if name == extensions.NAME:
            template = extensions.expand(template, Scope(values=values | meant, mappings=template.get("Mappings", {})))
        elif name == sam.NAME:
            given = {k: ",".join(v) if isinstance(v, list) else v for k, v in meant.items()}
            pseudos = {k: v for k, v in values.items() if isinstance(v, str)}
            await asyncio.to_thread(translator.load)
            template = sam.expand(template, given | pseudos, lambda: managed_policies(call), call.region, lambda **asked: application(call, **asked))
        else:
            template = await macros.whole(call, template, name, meant)
    return {key: value for key, value in template.items() if key != "Transform"}


async def serverless(call: Call, text: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """What the application repository wants to know of a template that it is given."""
    try:
        template = reading.read(text)
        declared = template.get("Parameters") or {}
        parameters.check_declarations(declared)
        if not isinstance(template.get("Resources"), dict) or not template["Resources"]:
            raise TemplateError("Template format error: At least one Resources member must be defined.")
        meant = {name: reading.text_of(one.get("Default", "")) for name, one in declared.items()}
        stack_id = call.arn("stack/serverlessrepo/0", service="cloudformation")
        names = checking.transforms(template)
        expanded = await transformed(call, template, meant, names, stack_id, []) if names else template
    except (TemplateError, TransformError) as error:
        raise errors.validation(str(error)) from None
    return template, expanded, checking.capabilities(expanded)[0]


def application(call: Call, **asked: str) -> dict[str, Any]:
    """A version's template in the application repository, as the macro asks for it."""
    try:
        return call.do("serverlessrepo", "CreateCloudFormationTemplate", **asked)
    except AwsError as error:
        raise sam.Refused(error.code, error.message) from None


def managed_policies(call: Call) -> dict[str, str]:
    """AWS's managed policies by name: what a SAM role may name without an ARN."""
    asking, found, marker = call.as_root(), {}, {}
    while True:
        answer = asking.do("iam", "ListPolicies", Scope="AWS", MaxItems=1000, **marker)
        found |= {one["PolicyName"]: one["Arn"] for one in answer["Policies"]}
        if not answer.get("IsTruncated"):
            return found
        marker = {"Marker": answer["Marker"]}


def check_capabilities(template: Mapping[str, Any], text_template: Mapping[str, Any], given: list[str], *, change_set: bool = False) -> None:
    needed, _ = checking.capabilities(template)
    have = set(given)
    if "CAPABILITY_NAMED_IAM" in have:
        have.add("CAPABILITY_IAM")
    missing = [x for x in needed if x not in have]
    if checking.transforms(text_template) and set(checking.transforms(text_template)) != {extensions.NAME} and "CAPABILITY_AUTO_EXPAND" not in have and not change_set:
        missing.append("CAPABILITY_AUTO_EXPAND")
    if missing:
        raise errors.needs_capabilities(missing)


@cloudformation.op(resource=by_stack)
def get_template(call: Call, req: t.GetTemplateInput) -> t.GetTemplateOutput:
    if name := req.get("ChangeSetName"):
        change_sets = importlib.import_module(f"{__package__}.change_sets")
        target = change_sets.find(call, name, req.get("StackName")).target
    elif name := req.get("StackName"):
        stack = find(call, name)
        if stack.status == "REVIEW_IN_PROGRESS":
            return {"TemplateBody": "", "StagesAvailable": ["Original"]}  # it has none yet; the CDK asks before it executes its first change set
        target = stack.target
    else:
        raise errors.validation("Either StackName or ChangeSetName must be specified.")
    if req.get("TemplateStage", "Original") == "Processed":
        text = original(call, target.template)
        if checking.transforms(reading.read(text)):
            text = json.dumps(processed(call, target.template))
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}
    return {"TemplateBody": original(call, target.template), "StagesAvailable": ["Original", "Processed"]}


def read(text: str) -> dict[str, Any]:
    try:
        template = reading.read(text)
        declared = template.get("Parameters") or {}
        if isinstance(declared, dict):
            parameters.check_declarations(declared)
        if not checking.transforms(template):
            checking.structure(template)
            if strays := sorted({one["Type"] for one in template["Resources"].values() if not registry.known(one["Type"])}):
                raise errors.unknown_types(strays)
        elif not isinstance(template.get("Resources"), dict) or not template["Resources"]:
            raise TemplateError("Template format error: At least one Resources member must be defined.")
        return template
    except TemplateError as error:
        raise errors.validation(str(error)) from None


def _capabilities(template: dict[str, Any]) -> dict[str, Any]:
    names, reason = checking.capabilities(template)
    transforms = checking.transforms(template)
    if sam.NAME in transforms and not names:
        names = ["CAPABILITY_IAM"] if any(x.get("Type") == "AWS::Serverless::Function" for x in template["Resources"].values() if isinstance(x, dict)) else []
    if transforms:
        names = [*names, "CAPABILITY_AUTO_EXPAND"]
        reason = reason or f"The following resource(s) require capabilities: [{', '.join(transforms)}]"
    return {"Capabilities": names, "CapabilitiesReason": reason} if names else {}


@cloudformation.op(resource=ANY)
async def validate_template(call: Call, req: t.ValidateTemplateInput) -> t.ValidateTemplateOutput:
    template = read(await text_of(call, req))
    answer: Any = {"Parameters": [], **_capabilities(template), "DeclaredTransforms": checking.transforms(template)}
    for name, one in template.get("Parameters", {}).items():
        shown = {"ParameterKey": name, "NoEcho": reading.text_of(one.get("NoEcho", "")).lower() == "true"}
        if "Default" in one:
            shown["DefaultValue"] = reading.text_of(one["Default"])
        if "Description" in one:
            shown["Description"] = one["Description"]
        answer["Parameters"].append(shown)
    if "Description" in template:
        answer["Description"] = template["Description"]
    return answer


def _any_stack(call: Call, req: Any) -> str:
    if req.get("StackSetName"):
        return str(importlib.import_module(f"{__package__}.stack_sets").by_set(call, req))
    return by_stack(call, req) if req.get("StackName") else "*"


@cloudformation.op(resource=_any_stack)
async def get_template_summary(call: Call, req: t.GetTemplateSummaryInput) -> t.GetTemplateSummaryOutput:
    if sum(bool(req.get(x)) for x in ("StackName", "StackSetName", "TemplateBody", "TemplateURL")) > 1:
        raise errors.both_templates()
    if name := req.get("StackSetName"):
        text = importlib.import_module(f"{__package__}.stack_sets").find(call, name).text
    elif name := req.get("StackName"):
        stack: Stack = find(call, name)
        text = original(call, stack.target.template)
    else:
        text = await text_of(call, req)
    template = read(text)
    resources = {name: one for name, one in template["Resources"].items() if isinstance(one, dict)}
    kinds = list(dict.fromkeys(one["Type"] for one in resources.values() if "Type" in one))
    answer: Any = {"Parameters": [], **_capabilities(template), "ResourceTypes": kinds, "DeclaredTransforms": checking.transforms(template)}
    for name, one in template.get("Parameters", {}).items():
        shown = {"ParameterKey": name, "ParameterType": one["Type"], "NoEcho": reading.text_of(one.get("NoEcho", "")).lower() == "true",
                 "ParameterConstraints": {"AllowedValues": [reading.text_of(x) for x in one["AllowedValues"]]} if "AllowedValues" in one else {}}
        if "Default" in one:
            shown["DefaultValue"] = reading.text_of(one["Default"])
        if "Description" in one:
            shown["Description"] = one["Description"]
        answer["Parameters"].append(shown)
    for member, key in (("Description", "Description"), ("Version", "AWSTemplateFormatVersion")):
        if key in template:
            answer[member] = template[key]
    if "Metadata" in template:
        answer["Metadata"] = json.dumps(template["Metadata"])
    answer["ResourceIdentifierSummaries"] = [
        {"ResourceType": kind, "LogicalResourceIds": [x for x, one in resources.items() if one.get("Type") == kind], "ResourceIdentifiers": registry.schema(kind)["identifier"]}
        for kind in kinds if registry.schema(kind).get("identifier")]
    return answer


__all__ = ["TransformError"]
