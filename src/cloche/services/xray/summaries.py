"""GetTraceSummaries: the traces of a stretch of time that a filter lets through, each in short."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, pages
from cloche.languages import xray_filter

from . import causes, documents, errors
from . import service as xray
from .traces import Trace, inside, within

if TYPE_CHECKING:
    from cloche.shapes import xray as t

PAGE = 100
MOST_ANNOTATIONS = 50


def read(expression: str | None) -> Any:
    """The filter; raises InvalidRequestException."""
    if not (expression or "").strip():
        return xray_filter.always
    try:
        return xray_filter.parse(expression or "")
    except xray_filter.Malformed as why:
        raise errors.bad_filter(str(why)) from None


@xray.op(resource=ANY)
def get_trace_summaries(call: Call, req: t.GetTraceSummariesRequest) -> t.GetTraceSummariesResult:
    wanted, kind = read(req.get("FilterExpression")), req.get("TimeRangeType", "TraceId")
    strategy = req.get("SamplingStrategy") or {}
    rate = strategy.get("Value", 1.0) if req.get("Sampling") and strategy.get("Name") == "FixedRate" else 1.0
    if not 0 <= rate <= 1:
        raise errors.invalid("The value of the sampling strategy must be between 0 and 1")
    every = list(within(call, "born" if kind == "TraceId" else "start", req["StartTime"], req["EndTime"], xray_filter.always))
    if rate < 1:                                       # the same ones each time: by their ids
        every = [one for one in every if int(one.id[-6:], 16) < rate * (1 << 24)]
    found, more = pages.page([one for one in every if wanted(one)], req, lambda one: f"{1e11 - one.row.born:020.6f} {one.id}", PAGE, errors.bad_token)
    return {"TraceSummaries": [summary(one) for one in found], "ApproximateTime": call.now, "TracesProcessedCount": len(every), **more}  # type: ignore[typeddict-item]


def summary(one: Trace) -> dict[str, Any]:
    root = one.root
    request, status = inside(root.node, "http", "request") or {}, inside(root.node, "http", "response", "status")
    http = {member: request[name] for member, name in (("HttpURL", "url"), ("HttpMethod", "method"), ("UserAgent", "user_agent"), ("ClientIp", "client_ip")) if isinstance(request.get(name), str)}
    if isinstance(status, int):
        http["HttpStatus"] = status
    out: dict[str, Any] = {
        "Id": one.id, "StartTime": one.start, "Duration": round(one.end - one.start, 3), "HasFault": root.flag("fault"), "HasError": root.flag("error"), "HasThrottle": one.flag("throttle"),
        "IsPartial": one.partial, "Http": http, "Annotations": annotations(one), "Users": users(one), "ServiceIds": unique(each.service_id() for each in one.segments),
        "ResourceARNs": [{"ARN": arn} for arn in dict.fromkeys(one.texts("resource.arn"))], "InstanceIds": [{"Id": id_} for id_ in dict.fromkeys(one.texts("instance.id"))],
        "AvailabilityZones": [{"Name": name} for name in dict.fromkeys(one.texts("availabilityzone"))], "EntryPoint": root.service_id(),
        "FaultRootCauses": causes.told(one, "fault"), "ErrorRootCauses": causes.told(one, "error"), "ResponseTimeRootCauses": causes.told(one, "responsetime"), "Revision": one.row.revision,
        "MatchedEventTime": one.start,
    }
    if root.seconds is not None:
        out["ResponseTime"] = round(root.seconds, 3)
    return out


def unique(those: Any) -> list[Any]:
    found: list[Any] = []
    for each in those:
        if each not in found:
            found.append(each)
    return found


def typed(value: Any) -> dict[str, Any]:
    return {"BooleanValue": value} if isinstance(value, bool) else {"StringValue": value} if isinstance(value, str) else {"NumberValue": float(value)}


def annotations(one: Trace) -> dict[str, Any]:
    """Value by value, with the services that said it; as many as are indexed."""
    out: dict[str, list[Any]] = {}
    count = 0
    for segment in one.segments:
        for node in documents.walk(segment.node):
            for key, value in (node.get("annotations") or {}).items():
                if count >= MOST_ANNOTATIONS:
                    return out
                count += 1
                there = next((each for each in out.setdefault(key, []) if each["AnnotationValue"] == typed(value)), None)
                if there is None:
                    out[key].append({"AnnotationValue": typed(value), "ServiceIds": [segment.service_id()]})
                elif segment.service_id() not in there["ServiceIds"]:
                    there["ServiceIds"].append(segment.service_id())
    return out


def users(one: Trace) -> list[Any]:
    names: dict[str, list[Any]] = {}
    for segment in one.segments:
        if user := segment.node.get("user"):
            names.setdefault(user, []).append(segment.service_id())
    return [{"UserName": name, "ServiceIds": unique(ids)} for name, ids in names.items()]
