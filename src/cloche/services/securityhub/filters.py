"""Which findings: AWS's filters by name, each a way into the finding. Several values of one filter are alternatives, but all that are excluded are excluded; several filters must all agree."""
from __future__ import annotations

import ipaddress
import json
import re
from datetime import datetime
from typing import Any

from . import errors

_INSTANCE, _KEY = "Resources.Details.AwsEc2Instance", "Resources.Details.AwsIamAccessKey"
PATHS = {name: path.split(".") for name, path in {
    "ProductArn": "ProductArn", "AwsAccountId": "AwsAccountId", "Id": "Id", "GeneratorId": "GeneratorId", "Region": "Region", "Type": "Types", "FirstObservedAt": "FirstObservedAt",
    "LastObservedAt": "LastObservedAt", "CreatedAt": "CreatedAt", "UpdatedAt": "UpdatedAt", "SeverityProduct": "Severity.Product", "SeverityNormalized": "Severity.Normalized",
    "SeverityLabel": "Severity.Label", "Confidence": "Confidence", "Criticality": "Criticality", "Title": "Title", "Description": "Description",
    "RecommendationText": "Remediation.Recommendation.Text", "SourceUrl": "SourceUrl", "ProductFields": "ProductFields", "ProductName": "ProductName", "CompanyName": "CompanyName",
    "UserDefinedFields": "UserDefinedFields", "MalwareName": "Malware.Name", "MalwareType": "Malware.Type", "MalwarePath": "Malware.Path", "MalwareState": "Malware.State",
    "NetworkDirection": "Network.Direction", "NetworkProtocol": "Network.Protocol", "NetworkSourceIpV4": "Network.SourceIpV4", "NetworkSourceIpV6": "Network.SourceIpV6",
    "NetworkSourcePort": "Network.SourcePort", "NetworkSourceDomain": "Network.SourceDomain", "NetworkSourceMac": "Network.SourceMac", "NetworkDestinationIpV4": "Network.DestinationIpV4",
    "NetworkDestinationIpV6": "Network.DestinationIpV6", "NetworkDestinationPort": "Network.DestinationPort", "NetworkDestinationDomain": "Network.DestinationDomain", "ProcessName": "Process.Name",
    "ProcessPath": "Process.Path", "ProcessPid": "Process.Pid", "ProcessParentPid": "Process.ParentPid", "ProcessLaunchedAt": "Process.LaunchedAt", "ProcessTerminatedAt": "Process.TerminatedAt",
    "ThreatIntelIndicatorType": "ThreatIntelIndicators.Type", "ThreatIntelIndicatorValue": "ThreatIntelIndicators.Value", "ThreatIntelIndicatorCategory": "ThreatIntelIndicators.Category",
    "ThreatIntelIndicatorLastObservedAt": "ThreatIntelIndicators.LastObservedAt", "ThreatIntelIndicatorSource": "ThreatIntelIndicators.Source",
    "ThreatIntelIndicatorSourceUrl": "ThreatIntelIndicators.SourceUrl", "ResourceType": "Resources.Type", "ResourceId": "Resources.Id", "ResourcePartition": "Resources.Partition",
    "ResourceRegion": "Resources.Region", "ResourceTags": "Resources.Tags", "ResourceAwsEc2InstanceType": f"{_INSTANCE}.Type", "ResourceAwsEc2InstanceImageId": f"{_INSTANCE}.ImageId",
    "ResourceAwsEc2InstanceIpV4Addresses": f"{_INSTANCE}.IpV4Addresses", "ResourceAwsEc2InstanceIpV6Addresses": f"{_INSTANCE}.IpV6Addresses",
    "ResourceAwsEc2InstanceKeyName": f"{_INSTANCE}.KeyName", "ResourceAwsEc2InstanceIamInstanceProfileArn": f"{_INSTANCE}.IamInstanceProfileArn",
    "ResourceAwsEc2InstanceVpcId": f"{_INSTANCE}.VpcId", "ResourceAwsEc2InstanceSubnetId": f"{_INSTANCE}.SubnetId", "ResourceAwsEc2InstanceLaunchedAt": f"{_INSTANCE}.LaunchedAt",
    "ResourceAwsS3BucketOwnerId": "Resources.Details.AwsS3Bucket.OwnerId", "ResourceAwsS3BucketOwnerName": "Resources.Details.AwsS3Bucket.OwnerName",
    "ResourceAwsIamAccessKeyUserName": f"{_KEY}.UserName", "ResourceAwsIamAccessKeyPrincipalName": f"{_KEY}.PrincipalName", "ResourceAwsIamAccessKeyStatus": f"{_KEY}.Status",
    "ResourceAwsIamAccessKeyCreatedAt": f"{_KEY}.CreatedAt", "ResourceAwsIamUserUserName": "Resources.Details.AwsIamUser.UserName", "ResourceContainerName": "Resources.Details.Container.Name",
    "ResourceContainerImageId": "Resources.Details.Container.ImageId", "ResourceContainerImageName": "Resources.Details.Container.ImageName",
    "ResourceContainerLaunchedAt": "Resources.Details.Container.LaunchedAt", "ResourceDetailsOther": "Resources.Details.Other", "ComplianceStatus": "Compliance.Status",
    "VerificationState": "VerificationState", "WorkflowState": "WorkflowState", "WorkflowStatus": "Workflow.Status", "RecordState": "RecordState",
    "RelatedFindingsProductArn": "RelatedFindings.ProductArn", "RelatedFindingsId": "RelatedFindings.Id", "NoteText": "Note.Text", "NoteUpdatedAt": "Note.UpdatedAt",
    "NoteUpdatedBy": "Note.UpdatedBy", "FindingProviderFieldsConfidence": "FindingProviderFields.Confidence", "FindingProviderFieldsCriticality": "FindingProviderFields.Criticality",
    "FindingProviderFieldsRelatedFindingsId": "FindingProviderFields.RelatedFindings.Id", "FindingProviderFieldsRelatedFindingsProductArn": "FindingProviderFields.RelatedFindings.ProductArn",
    "FindingProviderFieldsSeverityLabel": "FindingProviderFields.Severity.Label", "FindingProviderFieldsSeverityOriginal": "FindingProviderFields.Severity.Original",
    "FindingProviderFieldsTypes": "FindingProviderFields.Types", "Sample": "Sample", "ComplianceSecurityControlId": "Compliance.SecurityControlId",
    "ComplianceAssociatedStandardsId": "Compliance.AssociatedStandards.StandardsId", "VulnerabilitiesExploitAvailable": "Vulnerabilities.ExploitAvailable",
    "VulnerabilitiesFixAvailable": "Vulnerabilities.FixAvailable", "ComplianceSecurityControlParametersName": "Compliance.SecurityControlParameters.Name",
    "ComplianceSecurityControlParametersValue": "Compliance.SecurityControlParameters.Value", "AwsAccountName": "AwsAccountName", "ResourceApplicationName": "Resources.ApplicationName",
    "ResourceApplicationArn": "Resources.ApplicationArn", "ResourceOwnerAccountId": "Resources.Owner.Account.Id", "ResourceOwnerOrgId": "Resources.Owner.Org.Id",
    "ResourceProvider": "Resources.Provider"}.items()}
DAY = 86400


def at(finding: Any, path: list[str]) -> list[Any]:
    found = [finding]
    for step in path:
        found = [one[step] for each in found for one in (each if isinstance(each, list) else [each]) if isinstance(one, dict) and step in one]
    return [one for each in found for one in (each if isinstance(each, list) else [each])]


def matches(finding: dict[str, Any], filters: dict[str, Any], now: float) -> bool:
    return all(_any(finding, name, wanted, now) for name, wanted in filters.items() if wanted)


def _any(finding: dict[str, Any], name: str, wanted: list[dict[str, Any]], now: float) -> bool:
    if name == "Keyword":
        text = json.dumps(finding).lower()
        return any(one.get("Value", "").lower() in text for one in wanted)
    values = at(finding, PATHS[name])
    positive = [one for one in wanted if "NOT" not in one.get("Comparison", "")]
    negative = [one for one in wanted if "NOT" in one.get("Comparison", "")]
    return (not positive or any(_is(values, one, now) for one in positive)) and all(not _is(values, {**one, "Comparison": _plain(one["Comparison"])}, now) for one in negative)


def _plain(comparison: str) -> str:
    return {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX", "NOT_CONTAINS": "CONTAINS"}[comparison]


def _is(values: list[Any], one: dict[str, Any], now: float) -> bool:
    if "Cidr" in one:
        return any(_inside(value, one["Cidr"]) for value in values)
    if "Start" in one or "End" in one or "DateRange" in one:
        return any(_when(value, one, now) for value in values)
    if {"Gte", "Lte", "Eq", "Gt", "Lt"} & one.keys():
        return any(all({"Gte": value >= limit, "Lte": value <= limit, "Eq": value == limit, "Gt": value > limit, "Lt": value < limit}[word] for word, limit in one.items()) for value in values)
    if "Key" in one:
        held = [str(each[one["Key"]]) for each in values if isinstance(each, dict) and one["Key"] in each]
        return any(_text(text, one.get("Value", ""), one.get("Comparison", "EQUALS")) for text in held)
    wanted = one.get("Value", "")
    if isinstance(wanted, bool):
        return wanted in values
    return any(_text(str(value), wanted, one.get("Comparison", "EQUALS")) for value in values)


def _text(text: str, wanted: str, comparison: str) -> bool:
    if comparison == "PREFIX":
        return text.startswith(wanted)
    if comparison == "CONTAINS":
        return wanted in text
    if comparison == "CONTAINS_WORD":
        return re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None
    return text == wanted


def _inside(value: Any, cidr: str) -> bool:
    try:
        return ipaddress.ip_address(str(value)) in ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        raise errors.invalid(f"Invalid Cidr {cidr}") from None


def moment(text: Any) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        raise errors.invalid(f"Invalid parameter: {text} is not a date in ISO 8601 format.") from None


def _when(value: Any, one: dict[str, Any], now: float) -> bool:
    seen = moment(value)
    if range_ := one.get("DateRange"):
        recent = seen >= now - range_["Value"] * DAY
        return recent if range_.get("Comparison", "WITHIN") == "WITHIN" else not recent
    return ("Start" not in one or seen >= moment(one["Start"])) and ("End" not in one or seen <= moment(one["End"]))


def ordered(findings: list[dict[str, Any]], sort: Any) -> list[dict[str, Any]]:
    """By the last criterion first, so that the first one counts most. Unasked, the last updated come first."""
    for one in reversed(sort or [{"Field": "UpdatedAt", "SortOrder": "desc"}]):
        if one.get("Field") not in PATHS:
            raise errors.invalid(f"Invalid parameter SortCriteria: {one.get('Field')} is not a field to sort by.")
        path = PATHS[one["Field"]]

        def value(finding: dict[str, Any], path: list[str] = path) -> tuple[int, Any]:
            found = at(finding, path)
            return (0, found[0]) if found and isinstance(found[0], int | float) else (1, str(found[0]) if found else "")
        findings = sorted(findings, key=value, reverse=one.get("SortOrder") == "desc")
    return findings
