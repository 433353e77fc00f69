"""Detectors: one an account and region. Enabled, it looks at this cloud's events; suspended, it keeps what it found."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors
from . import service as guardduty

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

FEATURES = ("CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS")  # foundational: always on with the detector
OPTIONAL = ("S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS", "RUNTIME_MONITORING")
DEFAULT_ON = ("S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "EBS_MALWARE_PROTECTION", "RDS_LOGIN_EVENTS", "LAMBDA_NETWORK_LOGS")


class Detector(Record, frozen=True):
    kind = "guardduty.detector"

    id: str
    enabled: bool
    frequency: str
    created: float
    changed: float
    features: dict[str, bool] = {}
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


class Baseline(Record, frozen=True):
    """The account's password policy as GuardDuty saw it last."""

    kind = "guardduty.baseline"

    policy: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return "password"


def stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def arn(call: Call, id_: str) -> str:
    return call.arn(f"detector/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req["DetectorId"])


def find(call: Call, id_: str) -> Detector:
    found = call.get(Detector, id_)
    if found is None:
        raise errors.not_owned()
    return found


def _tag_context(call: Call, req: Any) -> dict[str, Any]:
    tags = req.get("Tags") or {}
    return {"aws:TagKeys": list(tags), **{f"aws:RequestTag/{k}": v for k, v in tags.items()}} if tags else {}


def asked(req: Any, old: dict[str, bool]) -> dict[str, bool]:
    """The optional features after a request, which may say it in the old words (DataSources) or the new (Features)."""
    out, sources = dict(old), req.get("DataSources") or {}
    for each in req.get("Features") or ():
        out[each["Name"]] = each["Status"] == "ENABLED"
    if "S3Logs" in sources:
        out["S3_DATA_EVENTS"] = sources["S3Logs"]["Enable"]
    if "Kubernetes" in sources:
        out["EKS_AUDIT_LOGS"] = sources["Kubernetes"]["AuditLogs"]["Enable"]
    if "MalwareProtection" in sources:
        out["EBS_MALWARE_PROTECTION"] = bool(sources["MalwareProtection"].get("ScanEc2InstanceWithFindings", {}).get("EbsVolumes"))
    return out


@guardduty.op(ANY, context=_tag_context)
def create_detector(call: Call, req: t.CreateDetectorRequest) -> t.CreateDetectorResponse:
    if call.all(Detector):
        raise errors.exists()
    if call.reserves(req.get("Tags") or ()):
        raise errors.reserved()
    return {"DetectorId": make(call, req).id}


def make(call: Call, req: Any) -> Detector:
    from cloche.services.iam import public as iam

    from . import api_calls, network
    iam.ensure_linked(call, "guardduty.amazonaws.com")
    made = call.put(Detector(call.id(digits=32), req["Enable"], req.get("FindingPublishingFrequency", "SIX_HOURS"), call.now, call.now,
                             asked(req, dict.fromkeys(DEFAULT_ON, True)), req.get("Tags") or {}))
    api_calls.watch(call)
    api_calls.remember(call)
    network.look(call, made.enabled)
    return made


@guardduty.op(by_id)
def get_detector(call: Call, req: t.GetDetectorRequest) -> t.GetDetectorResponse:
    one = find(call, req["DetectorId"])

    return {  # type: ignore[return-value]
        "CreatedAt": stamp(one.created), "UpdatedAt": stamp(one.changed), "FindingPublishingFrequency": one.frequency, "Status": _status(one.enabled), "Tags": one.tags,
        "ServiceRole": f"arn:aws:iam::{call.account}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty", **sources(one)}


def _status(on: bool) -> str:
    return "ENABLED" if on else "DISABLED"


def sources(one: Detector) -> dict[str, Any]:
    """What a detector reads, in the old words and the new."""
    status, always = _status, {"Status": _status(one.enabled)}
    return {
        "DataSources": {"CloudTrail": always, "DNSLogs": always, "FlowLogs": always, "S3Logs": {"Status": status(one.features.get("S3_DATA_EVENTS", False))},
                        "Kubernetes": {"AuditLogs": {"Status": status(one.features.get("EKS_AUDIT_LOGS", False))}},
                        "MalwareProtection": {"ScanEc2InstanceWithFindings": {"EbsVolumes": {"Status": status(one.features.get("EBS_MALWARE_PROTECTION", False))}}}},
        "Features": [{"Name": name, "Status": status(one.enabled), "UpdatedAt": one.created} for name in FEATURES]
        + [{"Name": name, "Status": status(one.features.get(name, False)), "UpdatedAt": one.changed} for name in OPTIONAL]}


@guardduty.op(ANY)
def list_detectors(call: Call, req: t.ListDetectorsRequest) -> t.ListDetectorsResponse:
    found, more = pages.page(call.all(Detector), req, lambda one: one.id, 50, errors.bad_token)
    return {"DetectorIds": [one.id for one in found], **more}  # type: ignore[typeddict-item]


@guardduty.op(by_id)
def update_detector(call: Call, req: t.UpdateDetectorRequest) -> None:
    from . import network
    one = find(call, req["DetectorId"])
    network.look(call, req.get("Enable", one.enabled))
    call.put(one.but(enabled=req.get("Enable", one.enabled), frequency=req.get("FindingPublishingFrequency", one.frequency), changed=call.now, features=asked(req, one.features)))


@guardduty.op(by_id)
def delete_detector(call: Call, req: t.DeleteDetectorRequest) -> None:
    from . import network
    from .destinations import Destination
    from .filters import Filter
    from .findings import Finding
    from .ip_sets import IpSet
    from .members import Invitation, Member, associated
    one = find(call, req["DetectorId"])
    if associated(call):
        raise errors.bad("The request is rejected because the current account has associated members: disassociate them first.")
    for kind in (Finding, Filter, IpSet, Baseline, Destination, Member):
        for each in call.all(kind):  # type: ignore[type-var]
            call.delete(each)
    for bond in call.all(Invitation):
        there = call.at(bond.administrator, call.region)
        if member := there.get(Member, call.account):
            there.put(member.but(status="Removed", updated=call.now))
        call.delete(bond)
    network.look(call, False)
    call.delete(one)


# -- tags -------------------------------------------------------------------------------------------------------------------

def by_arn(call: Call, req: Any) -> str:
    """The account's own detector of that id: another account's is none of its business."""
    return arn(call, req["ResourceArn"].partition("/")[2])


def _tagged(call: Call, req: Any) -> Detector:
    parts = req["ResourceArn"].split("/")
    if len(parts) != 2 or not parts[0].endswith(":detector"):
        raise errors.no_filter()
    return find(call, parts[1])


@guardduty.op(by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return {"Tags": _tagged(call, req).tags}


@guardduty.op(by_arn, context=_tag_context)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    if call.reserves(req["Tags"]):
        raise errors.reserved()
    one = _tagged(call, req)
    call.put(one.but(tags=one.tags | req["Tags"]))


@guardduty.op(by_arn, context=lambda call, req: {"aws:TagKeys": req["TagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = _tagged(call, req)
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))
