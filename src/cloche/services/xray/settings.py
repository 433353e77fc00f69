"""What an account sets for all its traces: under which key they lie, where segments go, how many spans are indexed. And insights, of which there are none."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as xray

if TYPE_CHECKING:
    from cloche.shapes import xray as t

UPDATES_SECONDS = 60


class Encryption(Record, frozen=True):
    kind = "xray.encryption"

    type: str = "NONE"
    key_id: str = ""
    active: float = 0        # from then on

    @property
    def key(self) -> str:
        return "default"


def view(call: Call, one: Encryption) -> Any:
    return {"Type": one.type, "Status": "ACTIVE" if call.now >= one.active else "UPDATING", **({"KeyId": one.key_id} if one.key_id else {})}


@xray.op(resource=ANY)
def get_encryption_config(call: Call, req: t.GetEncryptionConfigRequest) -> t.GetEncryptionConfigResult:
    return {"EncryptionConfig": view(call, call.get(Encryption, "default") or Encryption())}


@xray.op(resource=ANY, partly="the key is checked and kept; segments lie unencrypted in the cloud's own store")
def put_encryption_config(call: Call, req: t.PutEncryptionConfigRequest) -> t.PutEncryptionConfigResult:
    given = req.get("KeyId", "")
    if req["Type"] == "NONE":
        if given:
            raise errors.invalid("KeyId cannot be set when Type is NONE")
        return {"EncryptionConfig": view(call, call.put(Encryption(active=call.now + UPDATES_SECONDS)))}
    if not given:
        raise errors.invalid("KeyId must be set when Type is KMS")
    from cloche.kernel import AwsError
    try:
        key = call.do("kms", "DescribeKey", KeyId=given)["KeyMetadata"]
    except AwsError as error:
        raise errors.invalid(f"The key {given} cannot be used: {error.message}") from None
    if key["KeyState"] != "Enabled" or key["KeySpec"] != "SYMMETRIC_DEFAULT":
        raise errors.invalid(f"The key {given} is not an enabled symmetric key")
    return {"EncryptionConfig": view(call, call.put(Encryption("KMS", key["Arn"], call.now + UPDATES_SECONDS)))}


@xray.op(resource=ANY)
def get_trace_segment_destination(call: Call, req: t.GetTraceSegmentDestinationRequest) -> t.GetTraceSegmentDestinationResult:
    return {"Destination": "XRay", "Status": "ACTIVE"}


@xray.op(resource=ANY, partly="segments go to X-Ray: Transaction Search in CloudWatch Logs is not built")
def update_trace_segment_destination(call: Call, req: t.UpdateTraceSegmentDestinationRequest) -> t.UpdateTraceSegmentDestinationResult:
    if req.get("Destination") != "XRay" or req.get("CloudWatchLogsConfiguration"):
        raise errors.invalid("Cloche sends trace segments to X-Ray alone")
    return {"Destination": "XRay", "Status": "ACTIVE"}


@xray.op(resource=ANY, partly="no insights are found")
def get_insight_summaries(call: Call, req: t.GetInsightSummariesRequest) -> t.GetInsightSummariesResult:
    from . import groups
    if req["StartTime"] > req["EndTime"]:
        raise errors.bad_range()
    groups.asked(call, req)
    return {"InsightSummaries": []}
