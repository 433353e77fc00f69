"""Findings as Security Hub takes them in: the same thing in the AWS Security Finding Format."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

# the first word of a type -> the part of the ASFF taxonomy that Security Hub's guide gives for it
TTPS = {"Backdoor": "TTPs/Command and Control", "Behavior": "Unusual Behaviors", "CredentialAccess": "TTPs/Credential Access", "CryptoCurrency": "TTPs/Command and Control",
        "DefenseEvasion": "TTPs/Defense Evasion", "Discovery": "TTPs/Discovery", "Execution": "TTPs/Execution", "Exfiltration": "TTPs/Exfiltration", "Impact": "TTPs/Impact",
        "InitialAccess": "TTPs/Initial Access", "PenTest": "TTPs", "Persistence": "TTPs/Persistence", "Policy": "TTPs", "PrivilegeEscalation": "TTPs/Privilege Escalation",
        "Recon": "TTPs/Discovery", "Stealth": "TTPs/Defense Evasion", "Trojan": "TTPs/Command and Control", "UnauthorizedAccess": "TTPs/Initial Access"}


def to_hub(call: Call, finding: dict[str, Any]) -> None:
    """`finding` as GuardDuty shows it; nothing happens where no hub is."""
    from cloche.services.securityhub import public as hub
    hub.receive(call, "aws/guardduty", asff(finding))


def asff(one: dict[str, Any]) -> dict[str, Any]:
    service, score = one["Service"], one["Severity"]
    kind = one["Type"]
    label = "CRITICAL" if score >= 9 else "HIGH" if score >= 7 else "MEDIUM" if score >= 4 else "LOW"
    return {
        "Id": one["Arn"], "GeneratorId": one["Arn"].partition("/finding/")[0], "Types": [f"{TTPS.get(kind.partition(':')[0], 'TTPs')}/{kind.replace('/', '-')}"],
        "FirstObservedAt": service["EventFirstSeen"], "LastObservedAt": service["EventLastSeen"], "CreatedAt": one["CreatedAt"], "UpdatedAt": one["UpdatedAt"],
        "Severity": {"Product": score, "Label": label, "Normalized": int(score * 10)}, "Title": one["Title"], "Description": one["Description"],
        "SourceUrl": f"https://{one['Region']}.console.aws.amazon.com/guardduty/home?region={one['Region']}#/findings?macros=current&fId={one['Id']}",
        "ProductName": "GuardDuty", "CompanyName": "Amazon", "RecordState": "ARCHIVED" if service["Archived"] else "ACTIVE", "ProductFields": dict(_flat("aws/guardduty/service", service)),
        "Resources": [resource(one)], "Sample": '"sample": true' in service["AdditionalInfo"]["Value"]}


def _flat(path: str, value: Any) -> list[tuple[str, str]]:
    """Paths of what a finding's service says, as ProductFields names them."""
    if isinstance(value, dict):
        return [pair for name, inner in value.items() for pair in _flat(f"{path}/{name[:1].lower()}{name[1:]}", inner)]
    if isinstance(value, list):
        return [pair for i, inner in enumerate(value) for pair in _flat(f"{path}.{i}_", inner)]
    return [(path, str(value).lower() if isinstance(value, bool) else str(value))]


def resource(one: dict[str, Any]) -> dict[str, Any]:
    found, where = one["Resource"], {"Partition": "aws", "Region": one["Region"]}
    if found["ResourceType"] == "Instance":
        about = found.get("InstanceDetails", {})
        details = {"Type": about.get("InstanceType"), "ImageId": about.get("ImageId")}
        return {"Type": "AwsEc2Instance", "Id": f"arn:aws:ec2:{one['Region']}:{one['AccountId']}:instance/{about.get('InstanceId')}", **where,
                "Tags": {tag["Key"]: tag["Value"] for tag in about.get("Tags") or ()}, "Details": {"AwsEc2Instance": {name: value for name, value in details.items() if value}}}
    if found["ResourceType"] == "S3Bucket":
        return {"Type": "AwsS3Bucket", "Id": found["S3BucketDetails"][0]["Arn"], **where}
    if found["ResourceType"] == "AccessKey":
        about = found["AccessKeyDetails"]
        return {"Type": "AwsIamAccessKey", "Id": f"AWS::IAM::AccessKey:{about.get('AccessKeyId')}", **where,
                "Details": {"AwsIamAccessKey": {"PrincipalId": about.get("PrincipalId", ""), "PrincipalType": about.get("UserType", ""), "PrincipalName": about.get("UserName", "")}}}
    if found["ResourceType"] == "Lambda":
        return {"Type": "AwsLambdaFunction", "Id": found["LambdaDetails"].get("FunctionArn") or found["LambdaDetails"]["FunctionName"], **where}
    return {"Type": "Other", "Id": found["ResourceType"], **where}
