"""Resource types: the tables in `services/<x>/cfn.py`, loaded at the first template that names their group, and what the registry's schemas say."""
from __future__ import annotations

import importlib
import importlib.util
import json
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from cloche.kernel import AwsError

from .public import Type

# the groups of type names whose package is called differently
PACKAGES = {
    "ACMPCA": "acm_pca",
    "ApplicationAutoScaling": "application_autoscaling",
    "CertificateManager": "acm",
    "Cognito": "cognito_idp",
    "ElasticLoadBalancing": "elb",
    "ElasticLoadBalancingV2": "elbv2",
    "EventSchemas": "schemas",
    "KinesisFirehose": "firehose",
    "Lambda": "lambda_",
    "SSO": "sso_admin",
    "Serverless": "",
    "StepFunctions": "stepfunctions",
    "WAFv2": "wafv2",
}


@lru_cache(maxsize=1)
def _schemas() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "_schemas.json").read_text())


def schema(name: str) -> dict[str, Any]:
    return _schemas()["types"].get(name, {})


def names() -> list[str]:
    """All types that the registry has a schema of."""
    return sorted(_schemas()["types"])


@cache
def _table(group: str) -> dict[str, Type]:
    package = PACKAGES.get(group, group.lower())
    name = f"cloche.services.{package}.cfn"
    try:
        if not package or importlib.util.find_spec(name) is None:
            return {}
    except ModuleNotFoundError:
        return {}
    return importlib.import_module(name).TYPES


def custom(name: str) -> bool:
    return name.startswith("Custom::") or name == "AWS::CloudFormation::CustomResource"


def known(name: str) -> bool:
    """A type that AWS has, whether or not it is built here."""
    return custom(name) or name == "AWS::CDK::Metadata" or name in _schemas()["types"] or name in _schemas()["known"]


def find(name: str) -> Type:
    if custom(name):
        name = "AWS::CloudFormation::CustomResource"
    if name == "AWS::CDK::Metadata":
        name = "AWS::CloudFormation::CDKMetadata"
    parts = name.split("::")
    found = _table(parts[1]).get(name) if len(parts) == 3 and parts[0] == "AWS" else None
    if found is None:
        raise AwsError("NotImplemented", f"Cloche does not build resources of type {name} yet")
    return found


def create_only(name: str) -> list[str]:
    return schema(name).get("createOnly", []) + list(find(name).replaces)


def attribute_names(name: str) -> set[str] | None:
    """What GetAtt may ask; None if anything goes."""
    if custom(name) or name == "AWS::CloudFormation::Stack":
        return None
    table = find(name)
    return {x.replace("/", ".") for x in schema(name).get("readOnly", [])} | set(table.attributes) | set(schema(name).get("identifier", []))


def complaints(name: str, properties: dict[str, Any]) -> list[tuple[str, str]]:
    """What the registry says about properties that the schema does not know, or misses: where, and what."""
    facts = schema(name)
    if not facts or custom(name):
        return []
    says = [("", f"extraneous key [{x}] is not permitted") for x in properties if x not in facts["properties"]]
    says += [("", f"required key [{x}] not found") for x in facts.get("required", []) if x not in properties]
    says += [(f"/{x}", f"extraneous key [{x}] is read only") for x in properties if x in facts.get("readOnly", []) and x not in facts.get("identifier", [])]
    return says


def complaint_of(logical: str, says: list[tuple[str, str]]) -> str:
    return f"Properties validation failed for resource {logical} with message:\n" + "\n".join(f"#{path}: {what}" for path, what in says) if says else ""


def complaint(logical: str, name: str, properties: dict[str, Any]) -> str:
    """All of it in one sentence, as a resource that fails says it; "" if the registry is content."""
    return complaint_of(logical, complaints(name, properties))
