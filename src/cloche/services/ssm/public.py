"""Systems Manager's doors: an OpsItem for an alarm, and a session that another service opens for a command of its own (ECS Exec)."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.iam import public as iam

from . import ops_items, sessions

LINKED = "ssm.alarms.cloudwatch.amazonaws.com"


def alarmed(call: Call, action: str, alarm: str, name: str, description: str) -> None:
    """`action` is arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY#CATEGORY=NAME. While one is open for the alarm, there is no other."""
    severity, _, category = action.rsplit(":", 1)[1].partition("#CATEGORY=")
    here = call.of("ssm")
    role = iam.ensure_linked(call, LINKED)
    by = here.arn(f"assumed-role/{role.name}/cloudwatch", service="sts", region="")
    values = {"Title": f"CloudWatch alarm - '{name}' is in 'ALARM' state", "Description": description or f"CloudWatch alarm - '{name}' is in 'ALARM' state", "Source": "CloudWatch Alarm", "Severity": severity,
              "OperationalData": {ops_items.DEDUP: {"Value": json.dumps({"dedupString": f"CloudWatch alarm - {name}"}), "Type": "SearchableString"},
                                  "/aws/resources": {"Value": json.dumps([{"arn": alarm}]), "Type": "SearchableString"}}, **({"Category": category} if category else {})}
    try:
        ops_items.made(here, values, by)
    except AwsError as error:
        if error.code != "OpsItemAlreadyExistsException":
            raise


def open_session(call: Call, target: str, command: str, prefix: str) -> dict[str, Any]:
    """SessionId, TokenValue and StreamUrl; who connects with the token talks with the command."""
    return sessions.opened(call.of("ssm"), target, command, prefix)
