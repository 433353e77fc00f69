"""Executions listed and counted: the open ones by their start, the closed ones by start or end, one more filter at a time."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import Call

from . import domains, errors, names
from . import service as swf
from .executions import Execution, shown

if TYPE_CHECKING:
    from cloche.shapes import swf as t

FILTERS = ("executionFilter", "typeFilter", "tagFilter", "closeStatusFilter")
MOST = 1000


def _asked(req: Any, closed: bool) -> tuple[str, Any]:
    """The column and the span of time."""
    if sum(member in req for member in FILTERS) > 1:
        raise errors.invalid("Only one of executionFilter, typeFilter, tagFilter and closeStatusFilter may be specified")
    if closed and ("startTimeFilter" in req) == ("closeTimeFilter" in req):
        raise errors.invalid("Exactly one of startTimeFilter and closeTimeFilter must be specified")
    column, span = ("closed", req["closeTimeFilter"]) if "closeTimeFilter" in req else ("started", req["startTimeFilter"])
    if span.get("latestDate", span["oldestDate"]) < span["oldestDate"]:
        raise errors.invalid("oldestDate must not be later than latestDate")
    return column, span


def _matches(one: Execution, req: Any) -> bool:
    if "executionFilter" in req:
        return bool(one.workflow == req["executionFilter"]["workflowId"])
    if "typeFilter" in req:
        return bool(one.type == req["typeFilter"]["name"] and req["typeFilter"].get("version", one.version) == one.version)
    if "tagFilter" in req:
        return req["tagFilter"]["tag"] in one.tags
    if "closeStatusFilter" in req:
        return bool(one.close_status == req["closeStatusFilter"]["status"])
    return True


def _each(call: Call, req: Any, closed: bool, after: str | None = None) -> Iterator[Execution]:
    """Those asked for, in order; from the one after that run on."""
    domains.find(call, req["domain"])
    column, span = _asked(req, closed)
    order, beyond = ("ASC", ">") if req.get("reverseOrder") else ("DESC", "<")
    place: tuple[Any, ...] = ()
    if after is not None:
        row = call.row(f"SELECT {column}, run FROM swf_execution WHERE run=? AND account=? AND region=?", after, call.account, call.region)
        if row is None:
            raise errors.invalid_token()
        place = row
    for body, in call.each(f"SELECT body FROM swf_execution WHERE account=? AND region=? AND domain=? AND {'closed>0' if closed else 'closed=0'} AND {column} BETWEEN ? AND ? "
                           f"{f'AND ({column}, run) {beyond} (?, ?) ' if place else ''}ORDER BY {column} {order}, run {order}",
                           call.account, call.region, req["domain"], span["oldestDate"], span.get("latestDate", 1e12), *place):
        one = msgspec.json.decode(body, type=Execution)
        if _matches(one, req):
            yield one


def _list(call: Call, req: Any, closed: bool) -> Any:
    most, found = min(req.get("maximumPageSize") or MOST, MOST), []
    for one in _each(call, req, closed, req.get("nextPageToken")):
        if len(found) == most:
            return {"executionInfos": [shown(each) for each in found], "nextPageToken": found[-1].run}
        found.append(one)
    return {"executionInfos": [shown(each) for each in found]}


def _count(call: Call, req: Any, closed: bool) -> Any:
    return {"count": sum(1 for _ in _each(call, req, closed)), "truncated": False}


@swf.op(names.in_domain, context=names.asked)
def list_open_workflow_executions(call: Call, req: t.ListOpenWorkflowExecutionsInput) -> t.WorkflowExecutionInfos:
    return _list(call, req, False)  # type: ignore[no-any-return]


@swf.op(names.in_domain, context=names.asked)
def list_closed_workflow_executions(call: Call, req: t.ListClosedWorkflowExecutionsInput) -> t.WorkflowExecutionInfos:
    return _list(call, req, True)  # type: ignore[no-any-return]


@swf.op(names.in_domain, context=names.asked)
def count_open_workflow_executions(call: Call, req: t.CountOpenWorkflowExecutionsInput) -> t.WorkflowExecutionCount:
    return _count(call, req, False)  # type: ignore[no-any-return]


@swf.op(names.in_domain, context=names.asked)
def count_closed_workflow_executions(call: Call, req: t.CountClosedWorkflowExecutionsInput) -> t.WorkflowExecutionCount:
    return _count(call, req, True)  # type: ignore[no-any-return]
