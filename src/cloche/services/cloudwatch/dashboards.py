"""Dashboards: JSON bodies kept under a name, for all regions of the account."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors
from . import service as cloudwatch

if TYPE_CHECKING:
    from cloche.shapes import cloudwatch as t

WIDGETS = ("metric", "text", "log", "alarm", "explorer", "custom")
LARGEST, PAGE = 1_000_000, 1_000


class Dashboard(Record, frozen=True):
    kind = "cloudwatch.dashboard"
    scope = "account"

    name: str
    body: str
    changed: float
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def arn_of(call: Call, name: str) -> str:
    return call.arn(f"dashboard/{name}", region="")


def by_name(call: Call, req: Any) -> str:
    return arn_of(call, req["DashboardName"])


@cloudwatch.op(resource=by_name)
def put_dashboard(call: Call, req: t.PutDashboardInput) -> t.PutDashboardOutput:
    name = req["DashboardName"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise errors.bad_dashboard_name()
    try:
        body = json.loads(req["DashboardBody"])
    except ValueError as error:
        raise errors.bad_dashboard([{"Message": f"The field DashboardBody must be a valid JSON object: {error}"}]) from None
    if not isinstance(body, dict) or len(req["DashboardBody"]) > LARGEST:
        raise errors.bad_dashboard([{"Message": "The field DashboardBody must be a valid JSON object"}])
    faults, warnings = check(body)
    if faults:
        raise errors.bad_dashboard(faults)
    old = call.get(Dashboard, name)
    tags = {tag["Key"]: tag["Value"] for tag in req.get("Tags") or ()} if old is None else old.tags
    call.put(Dashboard(name, req["DashboardBody"], call.now, tags))
    return {"DashboardValidationMessages": warnings}  # type: ignore[typeddict-item]


def check(body: dict[str, Any]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What is wrong with it (it is refused), and what is odd (it is kept)."""
    faults: list[dict[str, str]] = []
    warnings: list[dict[str, str]] = []
    widgets = body.get("widgets")
    if not isinstance(widgets, list):
        return [{"DataPath": "/widgets", "Message": "Should have required property 'widgets'" if widgets is None else "Should be array"}], []
    for i, widget in enumerate(widgets):
        where = f"/widgets/{i}"
        if not isinstance(widget, dict):
            faults.append({"DataPath": where, "Message": "Should be object"})
            continue
        if widget.get("type") not in WIDGETS:
            faults.append({"DataPath": f"{where}/type", "Message": "Should match exactly one schema in oneOf" if "type" in widget else "Should have required property 'type'"})
        if not isinstance(widget.get("properties"), dict):
            faults.append({"DataPath": f"{where}/properties", "Message": "Should have required property 'properties'"})
        for side, most in (("x", 23), ("width", 24), ("height", 1000)):
            if side in widget and (not isinstance(widget[side], int) or not 0 <= widget[side] <= most):
                faults.append({"DataPath": f"{where}/{side}", "Message": f"Should be <= {most}"})
        warnings += [{"DataPath": f"{where}/{name}", "Message": "Should NOT have additional properties"} for name in widget if name not in ("type", "x", "y", "width", "height", "properties")]
    return faults, warnings


@cloudwatch.op(resource=by_name)
def get_dashboard(call: Call, req: t.GetDashboardInput) -> t.GetDashboardOutput:
    found = call.get(Dashboard, req["DashboardName"])
    if found is None:
        raise errors.no_such_dashboard(req["DashboardName"])
    return {"DashboardArn": arn_of(call, found.name), "DashboardName": found.name, "DashboardBody": found.body}


@cloudwatch.op(resource=lambda call, req: call.arn("dashboard/*", region=""))
def list_dashboards(call: Call, req: t.ListDashboardsInput) -> t.ListDashboardsOutput:
    after, prefix = req.get("NextToken") or "", req.get("DashboardNamePrefix") or ""
    found = sorted((d for d in call.all(Dashboard) if d.name.startswith(prefix) and d.name > after), key=lambda d: d.name)
    entries: list[Any] = [{"DashboardName": d.name, "DashboardArn": arn_of(call, d.name), "LastModified": d.changed, "Size": len(d.body.encode())} for d in found[:PAGE]]
    return {"DashboardEntries": entries} | ({"NextToken": found[PAGE - 1].name} if len(found) > PAGE else {})  # type: ignore[return-value]


@cloudwatch.op(resource=lambda call, req: [arn_of(call, name) for name in req["DashboardNames"]])
def delete_dashboards(call: Call, req: t.DeleteDashboardsInput) -> None:
    """All or none."""
    found = [(name, call.get(Dashboard, name)) for name in req["DashboardNames"]]
    for name, dashboard in found:
        if dashboard is None:
            raise errors.no_such_dashboard(name)
        call.delete(dashboard)
