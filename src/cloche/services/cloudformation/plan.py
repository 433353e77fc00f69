"""A target, read for work: its live resources, who needs whom, and the values as far as they are known by now."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.languages.cloudformation import checking, conditions, graph
from cloche.languages.cloudformation.errors import TemplateError
from cloche.languages.cloudformation.functions import Scope, Unknown, evaluate
from cloche.languages.cloudformation.parameters import HIDDEN
from cloche.languages.cloudformation.reading import text_of

from . import errors, exports, registry
from .public import dig, tag_map
from .records import Row, Target, processed


class Plan:
    """`rows` may be changed by the one who works; `scope` sees the changes."""

    def __init__(self, call: Call, stack_id: str, target: Target, rows: dict[str, Row], *, template: dict[str, Any] | None = None, settled: Any = None) -> None:
        self.call, self.stack_id, self.target, self.rows = call, stack_id, target, rows
        self.template = template if template is not None else processed(call, target.template)
        self.settled = settled or (lambda row: True)  # does what a row says hold for those who need it?
        self.values = pseudo(call, stack_id, target) | target.meant
        self.mappings = self.template.get("Mappings", {})
        self.conditions = conditions.evaluate_all(self.template.get("Conditions", {}), Scope(values=self.values, mappings=self.mappings))
        self.live = checking.live(self.template, self.conditions)
        self.needs = {name: sorted(them) for name, them in graph.dependencies(self.live, self.conditions).items()}
        self.order = graph.order(self.needs)
        self.imports: set[str] = set()

    def scope(self, acting: Call | None = None) -> Scope:
        return Scope(values=self.values, mappings=self.mappings, conditions=self.conditions, ref=self._ref, attribute=self._attribute,
                     imported=self._imported, zones=lambda region: zones(acting or self.call, region))

    def _ref(self, name: str) -> Any:
        row = self.rows.get(name)
        if row is None or not row.physical or not self.settled(row):
            return Unknown(name)
        return row.attributes.get("Ref", row.physical)

    def _attribute(self, name: str, attribute: str) -> Any:
        row = self.rows.get(name)
        if row is None or not row.physical or not self.settled(row):
            return Unknown(name, attribute)
        value = row.attributes.get(attribute)
        if value is None:
            value = dig(row.attributes, attribute)
        if value is None:
            value = dig(row.properties, attribute) if not registry.custom(row.type) else None
        if value is None:
            if registry.custom(row.type):
                raise TemplateError(f"CustomResource attribute error: Vendor response doesn't contain {attribute} attribute in object {self.stack_id}|{name}")
            raise TemplateError(f"Resource {name} has no attribute {attribute} yet" if attribute in (registry.attribute_names(row.type) or ())
                                else f"Requested attribute {attribute} does not exist in schema for {row.type}")
        return value

    def _imported(self, name: str) -> str:
        self.imports.add(name)
        return exports.value(self.call, name)

    def properties(self, name: str, acting: Call | None = None) -> dict[str, Any]:
        """A resource's properties; `{{resolve:...}}` stays as it is."""
        return evaluate(self.live[name].get("Properties") or {}, self.scope(acting))

    def told(self, name: str, acting: Call | None, own: dict[str, Any]) -> dict[str, Any] | None:
        """A resource's properties as its events tell them: what is hidden (NoEcho) as stars. None if they cannot be told so."""
        declared = self.template.get("Parameters") or {}
        hidden = {x for x, one in declared.items() if isinstance(one, dict) and text_of(one.get("NoEcho", "")).lower() == "true"}
        quiet = {x for x, row in self.rows.items() if row.hidden}
        body = self.live[name].get("Properties")
        if not (hidden or quiet) or not any(x in hidden or x in quiet for x, _ in graph.references(body, self.conditions)):
            return own
        scope = self.scope(acting)
        scope.values = {**self.values, **dict.fromkeys(hidden, HIDDEN)}
        scope.attribute = lambda resource, attribute: HIDDEN if resource in quiet else self._attribute(resource, attribute)
        try:
            told: dict[str, Any] = evaluate(body or {}, scope)
        except TemplateError:
            return None
        return told

    def with_tags(self, name: str, own: dict[str, Any]) -> dict[str, Any]:
        facts = registry.schema(self.live[name]["Type"])
        prop = facts.get("tags")
        if not prop or self.live[name]["Type"] == "AWS::CloudFormation::Stack":
            return own
        given = own.get(prop)
        if given is not None and not isinstance(given, (list, dict)):
            return own
        merged = dict(self.target.tags)
        merged |= {"aws:cloudformation:stack-name": self.stack_id.split("/")[1], "aws:cloudformation:logical-id": name, "aws:cloudformation:stack-id": self.stack_id}
        merged |= tag_map(given)
        if isinstance(given, dict):
            return own | {prop: merged}
        more = {one["Key"]: one for one in given or () if len(one) > 2}  # what else a tag says: PropagateAtLaunch
        return own | {prop: [{**more.get(k, {}), "Key": k, "Value": v} for k, v in merged.items()]}

    def outputs(self, acting: Call | None = None) -> list[dict[str, Any]]:
        out = []
        scope = self.scope(acting)
        for name, one in self.template.get("Outputs", {}).items():
            if not self.conditions.get(one.get("Condition", ""), True):
                continue
            value = evaluate(one["Value"], scope)
            if isinstance(value, (dict, list)):
                raise TemplateError(f"Template format error: The Value field of every Outputs member must evaluate to a String. (output {name})")
            shown = {"OutputKey": name, "OutputValue": _text(value)}
            if "Description" in one:
                shown["Description"] = one["Description"]
            if "Export" in one:
                shown["ExportName"] = _text(evaluate(one["Export"]["Name"], scope))
            out.append(shown)
        return out


def _text(value: Any) -> str:
    return "true" if value is True else "false" if value is False else str(value)


def pseudo(call: Call, stack_id: str, target: Target) -> dict[str, Any]:
    region = call.region
    china = region.startswith("cn-")
    return {
        "AWS::AccountId": call.account, "AWS::Region": region, "AWS::Partition": "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws",
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com", "AWS::StackId": stack_id, "AWS::StackName": stack_id.split("/")[1],
        "AWS::NotificationARNs": list(target.notifications),
    }


def zones(call: Call, region: str) -> list[str]:
    """Zones with a default subnet; all of them if none has one. The caller needs the right to describe zones, and no other."""
    there = call.at(call.account, region)
    try:
        every = sorted(x["ZoneName"] for x in there.do("ec2", "DescribeAvailabilityZones")["AvailabilityZones"])
        subnets = there.as_root().do("ec2", "DescribeSubnets", Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    except (AwsError, LookupError):
        return [f"{region}{x}" for x in "abc"]
    return sorted({x["AvailabilityZone"] for x in subnets}) or every


class Dynamic:
    """`{{resolve:...}}` under the stack's rights: looked up when a resource is made or changed, shown nowhere."""

    def __init__(self, acting: Call) -> None:
        self.acting = acting

    def __call__(self, kind: str, what: str) -> str:
        if kind == "secretsmanager":
            return self._secret(what)
        name, _, version = what.partition(":")
        try:
            answer = self.acting.do("ssm", "GetParameter", Name=f"{name}:{version}" if version else name, WithDecryption=kind == "ssm-secure")
        except AwsError as error:
            if error.code not in ("ParameterNotFound", "ParameterVersionNotFound"):
                raise
            raise errors.no_parameter(f"{kind}:{name}:{version}:{self.acting.account}") from None
        parameter = answer["Parameter"]
        if kind == "ssm" and parameter["Type"] == "SecureString":
            raise errors.validation(f"Non-secure ssm prefix was used for secure parameter: [{name}]")
        return parameter["Value"]

    def _secret(self, what: str) -> str:
        if what.startswith("arn:"):
            parts = what.split(":")
            name, rest = ":".join(parts[:7]), parts[7:]
        else:
            name, *rest = what.split(":")
        rest += [""] * (4 - len(rest))
        asked = {"SecretId": name} | ({"VersionStage": rest[2]} if rest[2] else {}) | ({"VersionId": rest[3]} if rest[3] else {})
        text = self.acting.do("secretsmanager", "GetSecretValue", **asked)["SecretString"]
        if not rest[1]:
            return text
        value: Mapping[str, Any] = json.loads(text)
        if rest[1] not in value:
            raise errors.validation(f"Could not find a value associated with JSONKey in SecretString: {rest[1]}")
        return _text(value[rest[1]])
