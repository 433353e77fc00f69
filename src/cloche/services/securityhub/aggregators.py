"""One Region in which an account sees the findings of others: those that are linked, by name or all."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, hub
from . import service as securityhub

if TYPE_CHECKING:
    from cloche.shapes import securityhub as t

MODES = ("ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS")


class Aggregator(Record, frozen=True):
    """One an account, in its home Region."""

    kind = "securityhub.aggregator"
    scope = "account"

    arn: str
    home: str
    mode: str
    regions: list[str] = []

    @property
    def key(self) -> str:
        return "aggregator"


def of(call: Call) -> Aggregator | None:
    return call.get(Aggregator, "aggregator")


def links(one: Aggregator, region: str) -> bool:
    if one.mode == "SPECIFIED_REGIONS":
        return region in one.regions
    return one.mode != "NO_REGIONS" and (one.mode == "ALL_REGIONS" or region not in one.regions)


def regions(call: Call, account: str) -> list[str]:
    """This Region and, where it is the home of the caller's aggregator, those that are linked to it and have a hub of the account."""
    one = of(call)
    if one is None or one.home != call.region:
        return [call.region]
    return [call.region, *(region for owner, region in call.cloud.store.scopes(hub.Hub.kind) if owner == account and region != call.region and links(one, region))]


def view(one: Aggregator) -> Any:
    return {"FindingAggregatorArn": one.arn, "FindingAggregationRegion": one.home, "RegionLinkingMode": one.mode, "Regions": one.regions}


def _checked(req: Any) -> tuple[str, list[str]]:
    mode, named = str(req["RegionLinkingMode"]), list(req.get("Regions") or ())
    if mode not in MODES:
        raise errors.invalid(f"Invalid parameter RegionLinkingMode: {mode}.")
    if (mode in MODES[1:3]) != bool(named):
        raise errors.invalid(f"Invalid parameter Regions: the mode {mode} {'needs' if not named else 'takes no'} Regions.")
    return mode, named


def by_arn(call: Call, req: Any) -> str:
    return str(req["FindingAggregatorArn"])


def find(call: Call, arn: str) -> Aggregator:
    hub.find(call)
    one = of(call)
    if one is None or one.arn != arn:
        raise errors.missing(f"FindingAggregator {arn}")
    return one


@securityhub.op(hub.arn)
def create_finding_aggregator(call: Call, req: t.CreateFindingAggregatorRequest) -> t.CreateFindingAggregatorResponse:
    hub.find(call)
    mode, named = _checked(req)
    if of(call):
        raise errors.limit("finding aggregators")
    return view(call.put(Aggregator(call.arn(f"finding-aggregator/{call.uuid()}"), call.region, mode, named)))  # type: ignore[no-any-return]


@securityhub.op(by_arn)
def get_finding_aggregator(call: Call, req: t.GetFindingAggregatorRequest) -> t.GetFindingAggregatorResponse:
    return view(find(call, req["FindingAggregatorArn"]))  # type: ignore[no-any-return]


@securityhub.op(hub.arn)
def list_finding_aggregators(call: Call, req: t.ListFindingAggregatorsRequest) -> t.ListFindingAggregatorsResponse:
    hub.find(call)
    return {"FindingAggregators": [{"FindingAggregatorArn": one.arn} for one in [of(call)] if one]}


@securityhub.op(by_arn)
def update_finding_aggregator(call: Call, req: t.UpdateFindingAggregatorRequest) -> t.UpdateFindingAggregatorResponse:
    """Said in its home Region."""
    one = find(call, req["FindingAggregatorArn"])
    if one.home != call.region:
        raise errors.no_access("A finding aggregator is updated in its aggregation Region.")
    mode, named = _checked(req)
    return view(call.put(one.but(mode=mode, regions=named)))  # type: ignore[no-any-return]


@securityhub.op(by_arn)
def delete_finding_aggregator(call: Call, req: t.DeleteFindingAggregatorRequest) -> t.DeleteFindingAggregatorResponse:
    call.delete(find(call, req["FindingAggregatorArn"]))
    return {}
