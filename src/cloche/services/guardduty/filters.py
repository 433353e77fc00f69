"""Filters: criteria by name; one whose action is ARCHIVE is a suppression rule, and what it matches is archived as it is found."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors
from . import service as guardduty
from .detectors import by_id, find

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

MOST = 100


class Filter(Record, frozen=True):
    kind = "guardduty.filter"

    name: str
    description: str
    action: str
    rank: int
    criterion: dict[str, Any]
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def by_name(call: Call, req: Any) -> str:
    return call.arn(f"detector/{req['DetectorId']}/filter/{req.get('FilterName') or req.get('Name')}")


def _named(call: Call, req: Any) -> Filter:
    find(call, req["DetectorId"])
    found = call.get(Filter, req["FilterName"])
    if found is None:
        raise errors.no_filter()
    return found


@guardduty.op(by_id)
def create_filter(call: Call, req: t.CreateFilterRequest) -> t.CreateFilterResponse:
    find(call, req["DetectorId"])
    if call.get(Filter, req["Name"]):
        raise errors.filter_exists()
    if len(call.all(Filter)) >= MOST:
        raise errors.bad("The request is rejected because the maximum number of filters has been reached.")
    call.put(Filter(req["Name"], req.get("Description", ""), req.get("Action", "NOOP"), req.get("Rank", len(call.all(Filter)) + 1), req["FindingCriteria"].get("Criterion") or {}, req.get("Tags") or {}))
    return {"Name": req["Name"]}


@guardduty.op(by_name)
def get_filter(call: Call, req: t.GetFilterRequest) -> t.GetFilterResponse:
    one = _named(call, req)
    return {"Name": one.name, "Description": one.description, "Action": one.action, "Rank": one.rank, "FindingCriteria": {"Criterion": one.criterion}, "Tags": one.tags}  # type: ignore[typeddict-item]


@guardduty.op(by_id)
def list_filters(call: Call, req: t.ListFiltersRequest) -> t.ListFiltersResponse:
    find(call, req["DetectorId"])
    found, more = pages.page(sorted(call.all(Filter), key=lambda one: one.name), req, lambda one: one.name, 50, errors.bad_token)
    return {"FilterNames": [one.name for one in found], **more}  # type: ignore[typeddict-item]


@guardduty.op(by_name)
def update_filter(call: Call, req: t.UpdateFilterRequest) -> t.UpdateFilterResponse:
    one = _named(call, req)
    call.put(one.but(description=req.get("Description", one.description), action=req.get("Action", one.action), rank=req.get("Rank", one.rank),
                     criterion=(req["FindingCriteria"].get("Criterion") or {}) if "FindingCriteria" in req else one.criterion))
    return {"Name": one.name}


@guardduty.op(by_name)
def delete_filter(call: Call, req: t.DeleteFilterRequest) -> None:
    call.delete(_named(call, req))
