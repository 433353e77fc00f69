"""Findings: what was seen, how often, and when first and last. Samples of any type for who wants to try what reacts to them.

A finding is one of a type about a resource: seen again, its count grows. Each is told to EventBridge: new ones at once, repeated ones as often as
the detector says.
"""
from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsEvent, Call, Record, pages

from . import criteria, destinations, errors, exporting, members
from . import service as guardduty
from .detectors import Detector, by_id, find, stamp
from .types import TYPES

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

KEPT_SECONDS = 90 * 86400
FREQUENCY = {"FIFTEEN_MINUTES": 900, "ONE_HOUR": 3600, "SIX_HOURS": 21600}


class Finding(Record, frozen=True):
    kind = "guardduty.finding"

    id: str
    type: str
    severity: float
    title: str
    description: str
    about: str                      # the resource, by which a finding seen again is known
    resource: dict[str, Any]
    action: dict[str, Any]
    first: float
    last: float
    count: int = 1
    archived: bool = False
    sample: bool = False
    feedback: str = ""
    told: float = 0.0
    made: float = 0.0
    updated: float = 0.0
    suppressed: bool = False        # archived by a filter, so that what comes again counts on
    role: str = "TARGET"
    more: dict[str, Any] = {}
    evidence: list[str] = []        # the threat lists that named the other side

    @property
    def key(self) -> str:
        return self.id


def shown(call: Call, one: Finding, detector: str) -> dict[str, Any]:
    service: dict[str, Any] = {
        "ServiceName": "guardduty", "DetectorId": detector, "Action": one.action, "Archived": one.archived, "Count": one.count, "EventFirstSeen": stamp(one.first),
        "EventLastSeen": stamp(one.last), "ResourceRole": one.role, "AdditionalInfo": {"Type": "default", "Value": json.dumps({"sample": True} if one.sample else one.more)}}
    if one.evidence:
        service["Evidence"] = {"ThreatIntelligenceDetails": [{"ThreatListName": name, "ThreatNames": []} for name in one.evidence]}
    if one.feedback:
        service["UserFeedback"] = one.feedback
    return {"AccountId": call.account, "Arn": call.arn(f"detector/{detector}/finding/{one.id}"), "CreatedAt": stamp(one.made or one.first), "UpdatedAt": stamp(one.updated or one.last),
            "Description": one.description, "Id": one.id, "Partition": "aws", "Region": call.region, "Resource": one.resource, "SchemaVersion": "2.0", "Service": service,
            "Severity": one.severity, "Title": one.title, "Type": one.type}


def see(call: Call, type_: str, about: str, title: str, description: str, resource: dict[str, Any], action: dict[str, Any], sample: bool = False, *, count: int = 1, first: float = 0.0,
        last: float = 0.0, severity: float = 0.0, **more: Any) -> Finding | None:
    """Something happened, once or `count` times. None where no detector looks."""
    detector = next(iter(call.all(Detector)), None)
    if detector is None or not (detector.enabled or sample):
        return None
    first, last = first or call.now, last or call.now
    old = next((one for one in call.all(Finding) if one.type == type_ and one.about == about and one.sample == sample and not (one.archived and not one.suppressed)), None)
    if old is not None:
        one = old.but(last=last, count=old.count + count, action=action, updated=call.now)
    else:
        one = Finding(call.id(digits=32), type_, severity or TYPES[type_][0], title, description, about, resource, action, first, last, count, sample=sample, made=call.now, updated=call.now, **more)
        if any(criteria.matches(shown(call, one, detector.id), each.criterion) for each in _archiving(call)):
            one = one.but(archived=True, suppressed=True)
        call.after(KEPT_SECONDS, old_enough, one.id, id=one.id)
    call.put(one)
    if not one.archived:
        again = one.told + FREQUENCY[detector.frequency]
        if one.told and call.now < again:
            call.due(again, tell, one.id, id=one.id)       # of the name, so once for all that come meanwhile
        else:
            tell(call, one.id)
    return call.get(Finding, one.id)


@guardduty.timer
def tell(call: Call, id: str) -> None:
    """A finding as an event."""
    one, detector = call.get(Finding, id), next(iter(call.all(Detector)), None)
    if one is None or detector is None or one.archived or not (detector.enabled or one.sample):
        return
    call.put(one.but(told=call.now))
    seen = shown(call, one, detector.id)
    event = AwsEvent("aws.guardduty", "GuardDuty Finding", criteria.wire(seen), [])
    call.emit(event)
    if bond := members.administrator(call):
        call.at(bond.administrator, call.region).emit(event)
    exporting.to_hub(call, seen)
    destinations.send(call, one)


def _archiving(call: Call) -> list[Any]:
    from .filters import Filter
    return [each for each in call.all(Filter) if each.action == "ARCHIVE"]


@guardduty.timer
def old_enough(call: Call, id: str) -> None:
    if found := call.get(Finding, id):
        if call.now >= found.last + KEPT_SECONDS:
            call.delete(found)
        else:
            call.due(found.last + KEPT_SECONDS, old_enough, id, id=id)


SAMPLES: dict[str, dict[str, Any]] = {
    "Instance": {"InstanceDetails": {"InstanceId": "i-99999999", "InstanceType": "m3.xlarge", "ImageId": "ami-99999999", "AvailabilityZone": "generated-az-1a", "InstanceState": "running",
                                     "Tags": [{"Key": "GeneratedFindingInstanceTag1", "Value": "GeneratedFindingInstanceValue1"}]}},
    "AccessKey": {"AccessKeyDetails": {"AccessKeyId": "GeneratedFindingAccessKeyId", "PrincipalId": "GeneratedFindingPrincipalId", "UserName": "GeneratedFindingUserName", "UserType": "IAMUser"}},
    "S3Bucket": {"S3BucketDetails": [{"Name": "amzn-s3-demo-bucket", "Arn": "arn:aws:s3:::amzn-s3-demo-bucket", "Type": "Destination"}]},
    "RDSDBInstance": {"RdsDbInstanceDetails": {"DbInstanceIdentifier": "generated-db-instance", "Engine": "Aurora MySQL"}},
    "Lambda": {"LambdaDetails": {"FunctionName": "GeneratedFindingLambdaFunctionName", "FunctionVersion": "$LATEST"}},
}


@guardduty.op(by_id)
def create_sample_findings(call: Call, req: t.CreateSampleFindingsRequest) -> None:
    find(call, req["DetectorId"])
    asked = req.get("FindingTypes") or list(TYPES)
    if strays := [name for name in asked if name not in TYPES]:
        raise errors.bad_type(strays[0])
    for name in asked:
        resource = TYPES[name][1]
        see(call, name, f"sample/{name}", f"[SAMPLE] {name}", f"A sample of the finding type {name}.", {"ResourceType": resource, **SAMPLES[resource]},
            {"ActionType": "AWS_API_CALL", "AwsApiCallAction": {"Api": "GeneratedFindingAPIName", "ServiceName": "GeneratedFindingAPIServiceName", "CallerType": "Remote IP",
                                                                "RemoteIpDetails": {"IpAddressV4": "198.51.100.0"}}}, sample=True)


@guardduty.op(by_id)
def list_findings(call: Call, req: t.ListFindingsRequest) -> t.ListFindingsResponse:
    found, more = pages.page(_chosen(call, req), req, lambda one: one["Id"], 50, errors.bad_token)
    return {"FindingIds": [one["Id"] for one in found], **more}  # type: ignore[typeddict-item]


def _chosen(call: Call, req: Any) -> list[dict[str, Any]]:
    find(call, req["DetectorId"])
    wanted = (req.get("FindingCriteria") or {}).get("Criterion") or {}
    every = [shown(there, one, detector.id) for there, detector in members.places(call) for one in there.all(Finding)]
    return criteria.ordered([one for one in every if criteria.matches(one, wanted)], req.get("SortCriteria"))


@guardduty.op(by_id)
def get_findings(call: Call, req: t.GetFindingsRequest) -> t.GetFindingsResponse:
    find(call, req["DetectorId"])
    found = [shown(there, one, detector.id) for there, detector, one in _named(call, req)]
    return {"Findings": criteria.ordered(found, req.get("SortCriteria"))}  # type: ignore[typeddict-item]


def _named(call: Call, req: Any) -> list[tuple[Call, Detector, Finding]]:
    """Where each of them is: an administrator may name its members'."""
    places = members.places(call)
    return [(there, detector, one) for id_ in req["FindingIds"] for there, detector in places if (one := there.get(Finding, id_))]


def _set(call: Call, req: Any, **changes: Any) -> None:
    find(call, req["DetectorId"])
    for there, detector, one in _named(call, req):
        changed = there.put(one.but(updated=call.now, **changes))
        if changed.told:
            exporting.to_hub(there, shown(there, changed, detector.id))


@guardduty.op(by_id)
def archive_findings(call: Call, req: t.ArchiveFindingsRequest) -> None:
    _set(call, req, archived=True, suppressed=False)


@guardduty.op(by_id)
def unarchive_findings(call: Call, req: t.UnarchiveFindingsRequest) -> None:
    _set(call, req, archived=False, suppressed=False)


@guardduty.op(by_id)
def update_findings_feedback(call: Call, req: t.UpdateFindingsFeedbackRequest) -> None:
    _set(call, req, feedback=req["Feedback"])


@guardduty.op(by_id)
def get_findings_statistics(call: Call, req: t.GetFindingsStatisticsRequest) -> t.GetFindingsStatisticsResponse:
    if bool(req.get("GroupBy")) == bool(req.get("FindingStatisticTypes")):
        raise errors.bad_type("findingStatisticTypes")
    found = _chosen(call, req)
    if req.get("FindingStatisticTypes"):
        counts: dict[str, int] = {}
        for one in found:
            counts[str(one["Severity"])] = counts.get(str(one["Severity"]), 0) + 1
        return {"FindingStatistics": {"CountBySeverity": counts}}
    member, key = GROUPS[req["GroupBy"]]
    groups: dict[Any, list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    rows = [{**named(req["GroupBy"], value), "LastGeneratedAt": datetime.fromisoformat(max(one["UpdatedAt"] for one in theirs)).timestamp(), "TotalFindings": len(theirs)}
            for value, theirs in groups.items()]
    rows.sort(key=lambda row: row["TotalFindings"], reverse=req.get("OrderBy", "DESC") != "ASC")
    return {"FindingStatistics": {member: rows[:req.get("MaxResults", 25)]}}  # type: ignore[misc]


def _resource_of(one: dict[str, Any]) -> str:
    """The id of what a finding is about."""
    resource = one["Resource"]
    for member, name in (("InstanceDetails", "InstanceId"), ("AccessKeyDetails", "AccessKeyId"), ("LambdaDetails", "FunctionName"), ("RdsDbInstanceDetails", "DbInstanceIdentifier")):
        if member in resource:
            return str(resource[member].get(name, ""))
    return str(resource["S3BucketDetails"][0]["Name"]) if resource.get("S3BucketDetails") else one["AccountId"]


GROUPS: dict[str, tuple[str, Any]] = {
    "ACCOUNT": ("GroupedByAccount", lambda one: one["AccountId"]), "DATE": ("GroupedByDate", lambda one: (one["UpdatedAt"][:10], one["Severity"])),
    "FINDING_TYPE": ("GroupedByFindingType", lambda one: one["Type"]), "RESOURCE": ("GroupedByResource", lambda one: (one["AccountId"], one["Resource"]["ResourceType"], _resource_of(one))),
    "SEVERITY": ("GroupedBySeverity", lambda one: one["Severity"]),
}


def named(group: str, value: Any) -> dict[str, Any]:
    if group == "ACCOUNT":
        return {"AccountId": value}
    if group == "DATE":
        return {"Date": datetime.fromisoformat(value[0] + "T00:00:00+00:00").timestamp(), "Severity": value[1]}
    if group == "RESOURCE":
        return {"AccountId": value[0], "ResourceType": value[1], "ResourceId": value[2]}
    return {"FindingType": value} if group == "FINDING_TYPE" else {"Severity": value}
