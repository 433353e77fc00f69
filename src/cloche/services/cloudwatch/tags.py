"""Tags of alarms, dashboards, metric streams and insight rules."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as cloudwatch
from .alarms import Alarm
from .dashboards import Dashboard
from .insight_rules import InsightRule
from .metric_streams import MetricStream

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

MOST = 50


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceARN"])


def find(call: Call, arn: str) -> Any:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "cloudwatch":
        raise errors.invalid_value(arn, "ResourceARN")
    kind, _, name = parts[5].partition(":") if parts[5].startswith("alarm:") else parts[5].partition("/")
    found = call.get(Alarm, name) if kind == "alarm" else call.get(Dashboard, name) if kind == "dashboard" else call.get(MetricStream, name) if kind == "metric-stream" else \
        call.get(InsightRule, name) if kind == "insight-rule" else None
    if found is None:
        raise errors.no_such_resource(arn)
    return found


@cloudwatch.op(resource=by_arn)
def tag_resource(call: Call, req: t.TagResourceInput) -> None:
    found = find(call, req["ResourceARN"])
    if call.reserves(tag["Key"] for tag in req["Tags"]):
        raise errors.invalid("Tag keys starting with 'aws:' are reserved for system use.")
    tags = found.tags | {tag["Key"]: tag["Value"] for tag in req["Tags"]}
    if len(tags) > MOST:
        raise errors.invalid(f"A resource may have at most {MOST} tags.")
    call.put(found.but(tags=tags))


@cloudwatch.op(resource=by_arn)
def untag_resource(call: Call, req: t.UntagResourceInput) -> None:
    found = find(call, req["ResourceARN"])
    call.put(found.but(tags={key: value for key, value in found.tags.items() if key not in req["TagKeys"]}))


@cloudwatch.op(resource=by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    return {"Tags": [{"Key": key, "Value": value} for key, value in find(call, req["ResourceARN"]).tags.items()]}
