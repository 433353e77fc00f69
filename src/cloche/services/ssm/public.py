"""What CloudWatch asks of Systems Manager: an OpsItem for an alarm."""
from __future__ import annotations

import json

from cloche.kernel import AwsError, Call
from cloche.services.iam import public as iam

from . import ops_items

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
