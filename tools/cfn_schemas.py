"""Write `services/cloudformation/_schemas.json` from the registry schemas that the cfn-lint package carries.

    python -m tools.cfn_schemas

A developer's tool: cfn-lint itself (33 MB of schemas) is not needed to run Cloche.
"""
from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cfnlint

DATA = Path(cfnlint.__file__).parent / "data" / "schemas"
OUT = Path(__file__).parent.parent / "src" / "cloche" / "services" / "cloudformation" / "_schemas.json"
GROUPS = (
    "ACMPCA",
    "AccessAnalyzer",
    "ApiGateway",
    "ApiGatewayV2",
    "ApplicationAutoScaling",
    "AutoScaling",
    "AutoScalingPlans",
    "CertificateManager",
    "CloudFormation",
    "CloudFront",
    "CloudTrail",
    "CloudWatch",
    "CodeDeploy",
    "Cognito",
    "DAX",
    "DirectConnect",
    "DynamoDB",
    "EC2",
    "ECR",
    "ECS",
    "EFS",
    "ElasticLoadBalancing",
    "ElasticLoadBalancingV2",
    "EventSchemas",
    "Events",
    "FMS",
    "GuardDuty",
    "IAM",
    "IdentityStore",
    "KMS",
    "Kinesis",
    "KinesisFirehose",
    "Lambda",
    "Logs",
    "Organizations",
    "Pipes",
    "RAM",
    "Route53",
    "Route53Resolver",
    "S3",
    "SNS",
    "SQS",
    "SSM",
    "SSO",
    "Scheduler",
    "SecretsManager",
    "SecurityHub",
    "Shield",
    "StepFunctions",
    "WAFv2",
    "XRay",
)


def paths(schema: dict[str, Any], name: str) -> list[str]:
    return sorted(path.removeprefix("/properties/") for path in schema.get(name, []))


def compact(schema: dict[str, Any]) -> dict[str, Any]:
    tagging = schema.get("tagging", {})
    out = {
        "properties": sorted(schema.get("properties", {})), "required": sorted(schema.get("required", [])), "createOnly": paths(schema, "createOnlyProperties"),
        "readOnly": paths(schema, "readOnlyProperties"), "identifier": [x.removeprefix("/properties/") for x in schema.get("primaryIdentifier", [])],  # their order is that of Cloud Control's identifiers
        "tags": tagging.get("tagProperty", "").removeprefix("/properties/") if tagging.get("taggable") else "",
        "systemTags": bool(tagging.get("cloudFormationSystemTags")),
    }
    return {key: value for key, value in out.items() if value}


def main() -> None:
    provider = json.loads((DATA / "providers" / "us-east-1.json").read_text())
    types = {}
    for name, file in sorted(provider.items()):
        if name.split("::")[1] in GROUPS and name.startswith("AWS::"):
            types[name] = compact(json.loads((DATA / "resources" / f"{file}.json").read_text()))
    known = sorted(name for name in provider if name.startswith("AWS::") and name not in types)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one, separators=(',', ':'))}" for name, one in types.items())
    OUT.write_text('{"generated": "by tools/cfn_schemas.py from cfn-lint ' + version("cfn-lint") + '; do not edit",\n"known": '
                   + json.dumps(known, separators=(",", ":")) + ',\n"types": {\n' + lines + "\n}}\n")


if __name__ == "__main__":
    main()
