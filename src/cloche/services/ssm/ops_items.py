"""OpsItems of OpsCenter: what somebody must look into. People make them, and alarms; two with the same `/aws/dedup` are not open at once."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, AwsEvent, Call, Record

from . import paging
from . import service as ssm

if TYPE_CHECKING:
    from cloche.shapes import ssm as t

MEMBERS = ("Title", "Description", "Source", "OpsItemType", "OperationalData", "Notifications", "Priority", "RelatedOpsItems", "Category", "Severity", "ActualStartTime", "ActualEndTime",
           "PlannedStartTime", "PlannedEndTime", "Status")
SUMMARY = ("Title", "Source", "OpsItemType", "Priority", "Category", "Severity", "Status", "OperationalData", "ActualStartTime", "ActualEndTime", "PlannedStartTime", "PlannedEndTime")
DONE = ("Resolved", "Closed")
DEDUP = "/aws/dedup"
MOST_LISTED = 50

ssm.table("CREATE TABLE IF NOT EXISTS ssm_ops_event (number INTEGER PRIMARY KEY, item TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, by TEXT NOT NULL, detail TEXT NOT NULL)")
ssm.table("CREATE INDEX IF NOT EXISTS ssm_ops_events ON ssm_ops_event (item, number)")


class OpsItem(Record, frozen=True):
    kind = "ssm.ops_item"

    id: str
    arn: str
    values: dict[str, Any]
    created: float
    created_by: str
    changed: float
    changed_by: str
    version: int = 1
    tags: dict[str, str] = {}
    related: dict[str, dict[str, Any]] = {}

    @property
    def key(self) -> str:
        return self.id


def no_item(id_: str) -> AwsError:
    return AwsError("OpsItemNotFoundException", f"The OpsItem ID {id_} does not exist. Verify the OpsItem ID and try again.")


def invalid(why: str, *names: str) -> AwsError:
    return AwsError("OpsItemInvalidParameterException", why, extra={"ParameterNames": list(names)})


def exists(id_: str) -> AwsError:
    return AwsError("OpsItemAlreadyExistsException", f"An OpsItem with the same deduplication string is open: {id_}", extra={"OpsItemId": id_})


def no_association(id_: str) -> AwsError:
    return AwsError("OpsItemRelatedItemAssociationNotFoundException", f"The association {id_} does not exist.")


def arn_of(call: Call, id_: str) -> str:
    return call.arn(f"opsitem/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn_of(call, req["OpsItemId"])


def find(call: Call, id_: str) -> OpsItem:
    found = call.get(OpsItem, id_)
    if found is None:
        raise no_item(id_)
    return found


def dedup(values: dict[str, Any]) -> str:
    said = ((values.get("OperationalData") or {}).get(DEDUP) or {}).get("Value", "")
    try:
        return str(json.loads(said)["dedupString"])
    except (ValueError, KeyError, TypeError):
        return said


def checked(values: dict[str, Any]) -> None:
    if "Priority" in values and not 1 <= values["Priority"] <= 5:
        raise invalid("Priority must be from 1 to 5", "Priority")
    if values.get("Severity") not in (None, "1", "2", "3", "4"):
        raise invalid("Severity must be 1, 2, 3 or 4", "Severity")
    if wrong := [name for name in values.get("OperationalData") or {} if name.lower().startswith(("aws", "amazon", "ssm"))]:
        raise invalid(f"Operational data keys cannot begin with aws, amazon or ssm: {wrong[0]}", "OperationalData")


def made(call: Call, values: dict[str, Any], by: str, tags: dict[str, str] | None = None) -> OpsItem:
    if (wanted := dedup(values)) and (same := [one for one in call.all(OpsItem) if one.values["Status"] not in DONE and dedup(one.values) == wanted]):
        raise exists(same[0].id)
    id_ = f"oi-{call.id(digits=12)}"
    one = call.put(OpsItem(id_, arn_of(call, id_), {"OpsItemType": "/aws/issue", "Status": "Open", **values}, call.now, by, call.now, by, tags=tags or {}))
    tell(call, one, "OpsItem Create", by)
    return one


def tell(call: Call, one: OpsItem, kind: str, by: str) -> None:
    detail = {"ops-item-id": one.id, "title": one.values["Title"], "source": one.values["Source"], "status": one.values["Status"], "severity": one.values.get("Severity"),
              "category": one.values.get("Category"), "created-by": one.created_by, "modified-by": by}
    detail = {name: value for name, value in detail.items() if value is not None}
    call.emit(AwsEvent("aws.ssm", kind, detail, [one.arn]))
    call.sql("INSERT INTO ssm_ops_event (item, account, region, at, kind, by, detail) VALUES (?,?,?,?,?,?,?)", one.id, call.account, call.region, call.now, kind, by, json.dumps(detail))


# -- operations -----------------------------------------------------------------------------------------------------------


@ssm.op(ANY, partly="for other accounts (AccountId) it answers 501")
def create_ops_item(call: Call, req: t.CreateOpsItemRequest) -> t.CreateOpsItemResponse:
    if req.get("AccountId", call.account) != call.account:
        raise AwsError("NotImplemented", "OpsItems of other accounts are not built in Cloche yet.", 501)
    values = {name: req[name] for name in MEMBERS if name in req}  # type: ignore[literal-required]
    checked(values)
    one = made(call, values, call.principal.arn, {tag["Key"]: tag["Value"] for tag in req.get("Tags") or []})
    return {"OpsItemId": one.id, "OpsItemArn": one.arn}


@ssm.op(by_id)
def get_ops_item(call: Call, req: t.GetOpsItemRequest) -> t.GetOpsItemResponse:
    one = find(call, req["OpsItemId"].rpartition("/")[2])
    return {"OpsItem": {**one.values, "OpsItemId": one.id, "OpsItemArn": one.arn, "CreatedBy": one.created_by, "CreatedTime": one.created, "LastModifiedBy": one.changed_by,  # type: ignore[typeddict-item]
                        "LastModifiedTime": one.changed, "Version": str(one.version)}}


@ssm.op(by_id)
def update_ops_item(call: Call, req: t.UpdateOpsItemRequest) -> t.UpdateOpsItemResponse:
    one = find(call, req["OpsItemId"])
    given = {name: req[name] for name in MEMBERS if name in req}  # type: ignore[literal-required]
    checked(given)
    values = one.values | given
    if "OperationalData" in req or "OperationalDataToDelete" in req:
        data = (one.values.get("OperationalData") or {}) | (req.get("OperationalData") or {})
        values["OperationalData"] = {name: value for name, value in data.items() if name not in (req.get("OperationalDataToDelete") or ())}
    now = call.put(one.but(values=values, changed=call.now, changed_by=call.principal.arn, version=one.version + 1))
    tell(call, now, "OpsItem Update", call.principal.arn)
    return {}


@ssm.op(by_id)
def delete_ops_item(call: Call, req: t.DeleteOpsItemRequest) -> t.DeleteOpsItemResponse:
    """What is not there is deleted, too."""
    one = call.get(OpsItem, req["OpsItemId"])
    if one is not None:
        call.delete(one)
        call.sql("DELETE FROM ssm_ops_event WHERE item=?", one.id)
    return {}


def matches(one: OpsItem, wanted: Any) -> bool:
    key, operator = wanted["Key"], wanted["Operator"]
    data = one.values.get("OperationalData") or {}
    if key in ("OperationalDataKey", "OperationalDataValue", "OperationalData", "ResourceId"):
        found = list(data) if key == "OperationalDataKey" else [one_["Value"] for one_ in data.values()] if key != "OperationalData" else \
            [json.dumps({"key": name, "value": value["Value"]}, separators=(",", ":")) for name, value in data.items()]
        return any(value in text if operator == "Contains" or key == "ResourceId" else value == text for value in wanted["Values"] for text in found)
    held = {"OpsItemId": one.id, "CreatedBy": one.created_by, "CreatedTime": one.created, "LastModifiedTime": one.changed}.get(key, one.values.get(key))
    if held is None:
        return False
    if isinstance(held, float) and operator in ("GreaterThan", "LessThan"):
        from cloche.wire.codec import times
        limits = [times.parse(value) for value in wanted["Values"]]
        return any(held > limit if operator == "GreaterThan" else held < limit for limit in limits)
    return any(value in str(held) if operator == "Contains" else value == str(held) for value in wanted["Values"])


@ssm.op(ANY)
def describe_ops_items(call: Call, req: t.DescribeOpsItemsRequest) -> t.DescribeOpsItemsResponse:
    found = [one for one in sorted(call.all(OpsItem), key=lambda one: (-one.created, one.id)) if all(matches(one, wanted) for wanted in req.get("OpsItemFilters") or ())]
    return paging.page(req, [{**{name: one.values[name] for name in SUMMARY if name in one.values}, "OpsItemId": one.id, "CreatedBy": one.created_by, "CreatedTime": one.created,  # type: ignore[no-any-return]
                              "LastModifiedBy": one.changed_by, "LastModifiedTime": one.changed} for one in found], "OpsItemSummaries", MOST_LISTED)


@ssm.op(ANY)
def list_ops_item_events(call: Call, req: t.ListOpsItemEventsRequest) -> t.ListOpsItemEventsResponse:
    wanted = [value for one in req.get("Filters") or () for value in one["Values"]]
    rows = call.sql("SELECT number, item, at, kind, by, detail FROM ssm_ops_event WHERE account=? AND region=? ORDER BY number DESC", call.account, call.region)
    return paging.page(req, [{"OpsItemId": item, "EventId": str(number), "Source": "OpsItem", "DetailType": kind, "Detail": detail, "CreatedBy": {"Arn": by}, "CreatedTime": at}  # type: ignore[no-any-return]
                             for number, item, at, kind, by, detail in rows if not wanted or item in wanted], "Summaries", MOST_LISTED)


# -- related items --------------------------------------------------------------------------------------------------------


@ssm.op(by_id)
def associate_ops_item_related_item(call: Call, req: t.AssociateOpsItemRelatedItemRequest) -> t.AssociateOpsItemRelatedItemResponse:
    one = find(call, req["OpsItemId"])
    same = [id_ for id_, it in one.related.items() if (it["ResourceType"], it["ResourceUri"]) == (req["ResourceType"], req["ResourceUri"])]
    if same:
        raise AwsError("OpsItemRelatedItemAlreadyExistsException", "The resource is associated with the OpsItem already.", extra={"ResourceUri": req["ResourceUri"], "OpsItemId": one.id})
    id_ = call.uuid()
    about = {name: req[name] for name in ("AssociationType", "ResourceType", "ResourceUri")}  # type: ignore[literal-required]
    call.put(one.but(related=one.related | {id_: about | {"CreatedTime": call.now, "Arn": call.principal.arn}}))
    return {"AssociationId": id_}


@ssm.op(by_id)
def disassociate_ops_item_related_item(call: Call, req: t.DisassociateOpsItemRelatedItemRequest) -> t.DisassociateOpsItemRelatedItemResponse:
    one = find(call, req["OpsItemId"])
    if req["AssociationId"] not in one.related:
        raise no_association(req["AssociationId"])
    call.put(one.but(related={id_: it for id_, it in one.related.items() if id_ != req["AssociationId"]}))
    return {}


@ssm.op(ANY)
def list_ops_item_related_items(call: Call, req: t.ListOpsItemRelatedItemsRequest) -> t.ListOpsItemRelatedItemsResponse:
    items = [find(call, req["OpsItemId"])] if req.get("OpsItemId") else call.all(OpsItem)
    found = [{"OpsItemId": one.id, "AssociationId": id_, **{k: v for k, v in it.items() if k not in ("Arn", "CreatedTime")}, "CreatedBy": {"Arn": it["Arn"]}, "CreatedTime": it["CreatedTime"],
              "LastModifiedBy": {"Arn": it["Arn"]}, "LastModifiedTime": it["CreatedTime"]} for one in items for id_, it in one.related.items()]
    found = [it for it in found if all(it[wanted["Key"]] in wanted["Values"] for wanted in req.get("Filters") or ())]
    return paging.page(req, found, "Summaries", MOST_LISTED)  # type: ignore[no-any-return]
