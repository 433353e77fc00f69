"""What others ask CodeDeploy: CloudFormation moves an alias by a deployment, and waits for its end; Systems Manager installs the agent."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError

if TYPE_CHECKING:
    from cloche.services.cloudformation.public import Resource

STAGE = "deployment "


async def move_alias(r: Resource, policy: dict[str, Any], function: str, alias: str, current: str, target: str) -> None:
    """UpdatePolicy's CodeDeployLambdaAliasUpdate: the alias goes over as its deployment group says."""
    properties = {"Name": function, "Alias": alias, "CurrentVersion": current, "TargetVersion": target}
    hooks = [{event: policy[name]} for event, name in (("BeforeAllowTraffic", "BeforeAllowTrafficHook"), ("AfterAllowTraffic", "AfterAllowTrafficHook")) if policy.get(name)]
    content = json.dumps({"version": 0.0, "Resources": [{r.logical: {"Type": "AWS::Lambda::Function", "Properties": properties}}], "Hooks": hooks})
    answer = await r.do("codedeploy", "CreateDeployment", applicationName=policy.get("ApplicationName"), deploymentGroupName=policy.get("DeploymentGroupName"),
                        revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": content}})
    r.stage = STAGE + answer["deploymentId"]


async def came_to_an_end(r: Resource) -> bool:
    """The deployment that the resource waits for; a bad end is the resource's failure."""
    if not r.stage.startswith(STAGE):
        return True
    found = (await r.do("codedeploy", "GetDeployment", deploymentId=r.stage.removeprefix(STAGE)))["deploymentInfo"]
    if found["status"] in ("Failed", "Stopped"):
        if back := found.get("rollbackInfo", {}).get("rollbackDeploymentId"):   # the stack goes back only when CodeDeploy has
            after = (await r.do("codedeploy", "GetDeployment", deploymentId=back))["deploymentInfo"]
            if after["status"] not in ("Succeeded", "Failed", "Stopped"):
                return False
        error = found.get("errorInformation", {})
        raise AwsError("ValidationError", f"CodeDeploy deployment {found['deploymentId']} ended as {found['status']}: {error.get('code', '')} {error.get('message', '')}".strip())
    if found["status"] != "Succeeded":
        return False
    r.stage = ""
    return True


def package() -> tuple[str, str]:
    """Scripts that lay the agent down in a machine and start it, and that take it away."""
    from . import installing
    return installing.lay_down(), installing.TAKE_AWAY
