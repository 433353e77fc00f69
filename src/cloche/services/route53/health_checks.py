"""Health checks: what is looked at, how often, and when it counts as healthy.

An endpoint is really asked (`checking.py`). One that is no thing of this cloud is not: nothing leaves the machine, and its status says so.
"""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import ANY, Call, Record

from . import errors, pages
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t

MOST = 200
DEFAULTS = {"RequestInterval": 30, "FailureThreshold": 3, "MeasureLatency": False, "Inverted": False, "Disabled": False}
ENDPOINTS = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
REGIONS = ("us-east-1", "us-west-1", "us-west-2", "eu-west-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1", "sa-east-1")
RESET = {"ChildHealthChecks": "ChildHealthChecks", "FullyQualifiedDomainName": "FullyQualifiedDomainName", "Regions": "Regions", "ResourcePath": "ResourcePath"}
# Addresses that the checkers come from: of Cloche's own range for AWS's services
CHECKERS = tuple(f"198.19.255.{8 + at}" for at in range(len(REGIONS)))


class Seen(msgspec.Struct, frozen=True):
    """One look at the endpoint."""

    at: float
    good: bool
    words: str


class HealthCheck(Record, frozen=True):
    kind = "route53.health_check"
    scope = "account"

    id: str
    reference: str
    config: dict[str, Any]
    version: int = 1
    healthy: bool = True                               # a new one counts as healthy until it is known better
    streak: int = 0                                    # looks in a row that say the opposite
    seen: Seen | None = None
    failed: Seen | None = None
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def by_id(call: Call, req: Any) -> str:
    return call.arn(f"healthcheck/{req['HealthCheckId']}", region="", account="")


def find(call: Call, id_: str) -> HealthCheck:
    found = call.get(HealthCheck, id_)
    if found is None:
        raise errors.no_such_health_check(id_)
    return found


def view(held: HealthCheck) -> dict[str, Any]:
    return {"Id": held.id, "CallerReference": held.reference, "HealthCheckConfig": held.config, "HealthCheckVersion": held.version}


def status(call: Call, id_: str, seen: frozenset[str] = frozenset()) -> bool:
    """Is it healthy? A disabled one is (or is not, if inverted); a calculated one asks its children."""
    held = call.get(HealthCheck, id_)
    if held is None or id_ in seen:
        return True
    config = held.config
    if config["Disabled"]:
        good = True
    elif config["Type"] == "CALCULATED":
        children = config.get("ChildHealthChecks", ())
        good = sum(status(call, one, seen | {id_}) for one in children) >= config.get("HealthThreshold", 0)
    else:
        good = held.healthy
    return good != config["Inverted"]


def checked(call: Call, config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with its defaults; a refusal if its members do not go together."""
    kind, out = config["Type"], DEFAULTS | config
    if kind in ("CLOUDWATCH_METRIC", "RECOVERY_CONTROL") or config.get("EndpointType") == "PRIVATE":
        raise errors.invalid_input(f"Invalid parameter : health checks of type {kind} are not built in Cloche.")
    if kind == "CALCULATED":
        if "HealthThreshold" not in config:
            raise errors.invalid_input("Invalid parameter : HealthThreshold must be specified for a calculated health check.")
        for child in config.get("ChildHealthChecks", ()):
            if call.get(HealthCheck, child) is None:
                raise errors.invalid_input(f"Invalid parameter : The child health check {child} does not exist.")
        return {k: v for k, v in out.items() if k not in ("RequestInterval", "FailureThreshold", "MeasureLatency")}
    if not config.get("IPAddress") and not config.get("FullyQualifiedDomainName"):
        raise errors.invalid_input("Invalid parameter : Either IPAddress or FullyQualifiedDomainName must be specified.")
    if address := config.get("IPAddress"):
        where = ipaddress.ip_address(address)
        if where.is_loopback or where.is_link_local or where.is_multicast or where.is_unspecified or (where.is_private and where not in ipaddress.ip_network("198.18.0.0/15")):
            raise errors.invalid_input(f"Invalid parameter : The IP address {address} is not a public one: health checks cannot reach local, private, nonroutable and multicast ranges.")
    if kind == "TCP":
        if "Port" not in config:
            raise errors.invalid_input("Invalid parameter : Port must be specified for a TCP health check.")
        if "ResourcePath" in config or "SearchString" in config:
            raise errors.invalid_input("Invalid parameter : A TCP health check has neither a ResourcePath nor a SearchString.")
    if kind.endswith("STR_MATCH") != bool(config.get("SearchString")):
        raise errors.invalid_input("Invalid parameter : SearchString must be specified for string matching, and for nothing else.")
    if out["RequestInterval"] not in (10, 30):
        raise errors.invalid_input("Invalid parameter : RequestInterval must be 10 or 30 seconds.")
    out.setdefault("Port", 443 if kind.startswith("HTTPS") else 80)
    if kind.startswith("HTTPS"):
        out.setdefault("EnableSNI", True)
    return out


# -- life -------------------------------------------------------------------------------------------------------------------------

@route53.op(ANY, partly="CloudWatch alarms and Application Recovery Controller are not asked; an endpoint that is no thing of this cloud fails with words that say so")
def create_health_check(call: Call, req: t.CreateHealthCheckRequest) -> t.CreateHealthCheckResponse:
    from . import checking
    config = checked(call, dict(req["HealthCheckConfig"]))
    for one in call.all(HealthCheck):
        if one.reference == req["CallerReference"]:
            if one.config != config:
                raise errors.health_check_exists()
            return {"HealthCheck": view(one), "Location": _place(one)}  # type: ignore[typeddict-item]
    if len(call.all(HealthCheck)) >= MOST:
        raise errors.too_many_health_checks()
    made = call.put(HealthCheck(call.uuid(), req["CallerReference"], config))
    checking.begin(call, made)
    return {"HealthCheck": view(made), "Location": _place(made)}  # type: ignore[typeddict-item]


def _place(held: HealthCheck) -> str:
    return f"https://route53.amazonaws.com/2013-04-01/healthcheck/{held.id}"


@route53.op(resource=by_id)
def get_health_check(call: Call, req: t.GetHealthCheckRequest) -> t.GetHealthCheckResponse:
    return {"HealthCheck": view(find(call, req["HealthCheckId"]))}  # type: ignore[typeddict-item]


@route53.op(ANY)
def list_health_checks(call: Call, req: t.ListHealthChecksRequest) -> t.ListHealthChecksResponse:
    size, marker = pages.size(req, 100), req.get("Marker", "")
    found = sorted((one for one in call.all(HealthCheck) if one.id >= marker), key=lambda one: one.id)
    out = {"HealthChecks": [view(one) for one in found[:size]], "Marker": marker, "IsTruncated": len(found) > size, "MaxItems": str(size)}
    return out | ({"NextMarker": found[size].id} if len(found) > size else {})  # type: ignore[return-value]


@route53.op(ANY)
def get_health_check_count(call: Call, req: Any) -> t.GetHealthCheckCountResponse:
    return {"HealthCheckCount": len(call.all(HealthCheck))}


@route53.op(resource=by_id)
def update_health_check(call: Call, req: t.UpdateHealthCheckRequest) -> t.UpdateHealthCheckResponse:
    from . import checking
    held = find(call, req["HealthCheckId"])
    if "HealthCheckVersion" in req and req["HealthCheckVersion"] != held.version:
        raise errors.health_check_version(req["HealthCheckVersion"], held.version)
    config = {k: v for k, v in held.config.items() if k not in {RESET[x] for x in req.get("ResetElements", ())}}
    config |= {k: v for k, v in req.items() if k not in ("HealthCheckId", "HealthCheckVersion", "ResetElements")}
    made = call.put(held.but(config=checked(call, config), version=held.version + 1))
    checking.begin(call, made)
    return {"HealthCheck": view(made)}  # type: ignore[typeddict-item]


@route53.op(resource=by_id)
def delete_health_check(call: Call, req: t.DeleteHealthCheckRequest) -> None:
    """Record sets that name it stay, and count as healthy from then on."""
    from . import checking
    held = find(call, req["HealthCheckId"])
    if any(held.id in one.config.get("ChildHealthChecks", ()) for one in call.all(HealthCheck)):
        raise errors.health_check_in_use(held.id)
    checking.end(call, held)
    call.delete(held)


# -- told -------------------------------------------------------------------------------------------------------------------------

def _observed(call: Call, held: HealthCheck, seen: Seen | None) -> list[dict[str, Any]]:
    regions = held.config.get("Regions") or REGIONS
    if seen is None:
        return []
    report = {"Status": seen.words, "CheckedTime": seen.at}
    return [{"Region": region, "IPAddress": CHECKERS[REGIONS.index(region)], "StatusReport": report} for region in regions]


@route53.op(resource=by_id)
def get_health_check_status(call: Call, req: t.GetHealthCheckStatusRequest) -> t.GetHealthCheckStatusResponse:
    """One look stands for the checkers of all regions: in one machine there is one place to look from."""
    from . import checking
    held = find(call, req["HealthCheckId"])
    if held.config["Type"] == "CALCULATED":
        raise errors.invalid_input("Invalid parameter : The status of a calculated health check is not told by checkers.")
    return {"HealthCheckObservations": _observed(call, held, checking.latest(call, held))}  # type: ignore[typeddict-item]


@route53.op(resource=by_id)
def get_health_check_last_failure_reason(call: Call, req: t.GetHealthCheckLastFailureReasonRequest) -> t.GetHealthCheckLastFailureReasonResponse:
    from . import checking
    held, latest = find(call, req["HealthCheckId"]), checking.latest(call, find(call, req["HealthCheckId"]))
    return {"HealthCheckObservations": _observed(call, held, latest if latest and not latest.good else held.failed)}  # type: ignore[typeddict-item]


@route53.op(ANY)
def get_checker_ip_ranges(call: Call, req: Any) -> t.GetCheckerIpRangesResponse:
    return {"CheckerIpRanges": ["198.19.255.8/29"]}
