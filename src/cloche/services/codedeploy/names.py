"""ARNs, and what IAM is asked about."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def application_arn(call: Call, name: str) -> str:
    return call.arn(f"application:{name}", service="codedeploy")


def group_arn(call: Call, application: str, group: str) -> str:
    return call.arn(f"deploymentgroup:{application}/{group}", service="codedeploy")


def application(call: Call, req: Any) -> str:
    return application_arn(call, req.get("applicationName") or "*")


def applications(call: Call, req: Any) -> list[str]:
    return [application_arn(call, name) for name in req.get("applicationNames") or ["*"]]


def group(call: Call, req: Any) -> str:
    return group_arn(call, req.get("applicationName") or "*", req.get("deploymentGroupName") or req.get("currentDeploymentGroupName") or "*")


def groups(call: Call, req: Any) -> list[str]:
    return [group_arn(call, req.get("applicationName") or "*", name) for name in req.get("deploymentGroupNames") or ["*"]]


def config(call: Call, req: Any) -> str:
    return call.arn(f"deploymentconfig:{req.get('deploymentConfigName') or '*'}", service="codedeploy")


def instance(call: Call, req: Any) -> list[str]:
    return [call.arn(f"instance:{name}", service="codedeploy") for name in req.get("instanceNames") or [req.get("instanceName") or "*"]]


def tagged(call: Call, req: Any) -> str:
    return str(req.get("ResourceArn") or "*")
