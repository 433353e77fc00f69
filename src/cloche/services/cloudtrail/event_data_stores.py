"""Lake: stores of events, kept as long as their owner wants them, and looked into with SQL (`queries.py`). A store hears what trails hear, by advanced selectors."""
from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Cloud, Need, Record, pages

from . import destinations, errors, selectors
from . import service as cloudtrail

if TYPE_CHECKING:
    from cloche.shapes import cloudtrail as t

MOST = 10
DEFAULT = [{"Name": "Default management events", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
EXTENDABLE = "EXTENDABLE_RETENTION_PRICING"
DAYS = {EXTENDABLE: (366, 3653), "FIXED_RETENTION_PRICING": (2557, 2557)}       # unless told otherwise, and at most
RESTORABLE_SECONDS = 7 * 86_400
NAME = re.compile(r"[A-Za-z0-9._-]{3,128}")
TIDY_SECONDS = 86_400

cloudtrail.table("""
CREATE TABLE IF NOT EXISTS cloudtrail_lake (store TEXT, id INTEGER, at REAL NOT NULL, body TEXT NOT NULL, PRIMARY KEY (store, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS cloudtrail_lake_at ON cloudtrail_lake (store, at);
""")


class EventDataStore(Record, frozen=True):
    kind = "cloudtrail.event-data-store"
    scope = "account"

    arn: str
    name: str
    region: str
    advanced: list[dict[str, Any]]
    everywhere: bool
    days: int
    billing: str
    protected: bool
    created: float
    updated: float
    kms: str = ""
    ingesting: bool = True
    deleted: float = 0                       # when it was; it can be restored for a week
    tags: dict[str, str] = {}
    # what selectors ask of a trail
    globals: bool = True
    recursive: bool | None = None
    selectors: list[dict[str, Any]] | None = None

    @property
    def key(self) -> str:
        return self.arn

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def status(self) -> str:
        return "PENDING_DELETION" if self.deleted else "ENABLED" if self.ingesting else "STOPPED_INGESTION"


def hearing(cloud: Cloud, account: str, region: str) -> Iterator[EventDataStore]:
    """The stores that take in what happens in an account and a region."""
    for one in cloud.store.table(EventDataStore, account, "").values():
        if one.ingesting and not one.deleted and (one.everywhere or one.region == region):
            yield one


def keep(call: Call, one: EventDataStore, number: int, at: float, record: dict[str, Any]) -> None:
    call.sql("INSERT OR IGNORE INTO cloudtrail_lake VALUES (?,?,?,?)", one.id, number, at, json.dumps(record, separators=(",", ":")))


def by_arn(call: Call, req: Any) -> list[Need]:
    given = req.get("EventDataStore") or "*"
    return [Need(f"cloudtrail:{call.op}", given if given.startswith("arn:") else call.arn(f"eventdatastore/{given}"), account=call.account)]


def find(call: Call, given: str) -> EventDataStore:
    """By ARN, or by its ID alone."""
    id_ = given.rpartition("/")[2]
    if given.startswith("arn:") and ":eventdatastore/" not in given:
        raise errors.bad_store_arn(given)
    found = next((one for one in call.all(EventDataStore) if one.id == id_ and one.region == call.region and (not given.startswith("arn:") or one.arn == given)), None)
    if found is None:
        raise errors.no_store(given)
    return found


def active(call: Call, given: str) -> EventDataStore:
    one = find(call, given)
    if one.deleted:
        raise errors.inactive_store()
    return one


def view(one: EventDataStore, tags: bool = False) -> Any:
    return {"EventDataStoreArn": one.arn, "Name": one.name, "Status": one.status, "AdvancedEventSelectors": one.advanced, "MultiRegionEnabled": one.everywhere, "OrganizationEnabled": False,
            "RetentionPeriod": one.days, "TerminationProtectionEnabled": one.protected, "CreatedTimestamp": one.created, "UpdatedTimestamp": one.updated, "BillingMode": one.billing,
            **({"KmsKeyId": one.kms} if one.kms else {}), **({"TagsList": [{"Key": key, "Value": value} for key, value in one.tags.items()]} if tags else {})}


def checked(req: Any, billing: str) -> dict[str, Any]:
    """What a request says of a store, checked."""
    out: dict[str, Any] = {}
    if "AdvancedEventSelectors" in req:
        selectors.check_advanced(req["AdvancedEventSelectors"])
        out["advanced"] = list(req["AdvancedEventSelectors"])
    if "RetentionPeriod" in req:
        if not 7 <= req["RetentionPeriod"] <= DAYS[billing][1]:
            raise errors.bad_parameter(f"RetentionPeriod must be between 7 and {DAYS[billing][1]} days.")
        out["days"] = req["RetentionPeriod"]
    if req.get("OrganizationEnabled"):
        raise errors.not_permitted("Event data stores of organizations are not built in Cloche.")
    for member, field in (("MultiRegionEnabled", "everywhere"), ("TerminationProtectionEnabled", "protected")):
        if member in req:
            out[field] = req[member]
    return out


def named(call: Call, name: str) -> str:
    if not NAME.fullmatch(name):
        raise errors.bad_parameter("The name of an event data store has 3 to 128 letters, digits, periods, hyphens and underscores.")
    if any(one.name == name and one.region == call.region for one in call.all(EventDataStore)):
        raise errors.store_exists(name)
    return name


@cloudtrail.op(resource=lambda call, req: call.arn("eventdatastore/*"), partly="no stores of organizations, no insights, integrations or imports; what is kept lies in the cloud's own store, whatever key is named")
def create_event_data_store(call: Call, req: t.CreateEventDataStoreRequest) -> t.CreateEventDataStoreResponse:
    from .trails import read_tags
    billing = req.get("BillingMode", EXTENDABLE)
    given = {"advanced": DEFAULT, "everywhere": True, "days": DAYS[billing][0], "protected": True} | checked(req, billing)
    if len([one for one in call.all(EventDataStore) if one.region == call.region]) >= MOST:
        raise errors.too_many_stores()
    now = call.now
    one = EventDataStore(call.arn(f"eventdatastore/{call.uuid()}"), named(call, req["Name"]), call.region, billing=billing, created=now, updated=now, kms=_key(call, req),
                         ingesting=req.get("StartIngestion", True), tags=read_tags(call, req.get("TagsList") or []), **given)
    call.put(one)
    selectors.watch(call.cloud)
    call.again(TIDY_SECONDS, tidy, one.id, store=one.arn)
    return view(one, tags=True)  # type: ignore[no-any-return]


def _key(call: Call, req: Any) -> str:
    return destinations.key(call, req["KmsKeyId"]) if req.get("KmsKeyId") else ""


@cloudtrail.op(needs=by_arn)
def get_event_data_store(call: Call, req: t.GetEventDataStoreRequest) -> t.GetEventDataStoreResponse:
    return view(find(call, req["EventDataStore"]))  # type: ignore[no-any-return]


@cloudtrail.op(resource=ANY)
def list_event_data_stores(call: Call, req: t.ListEventDataStoresRequest) -> t.ListEventDataStoresResponse:
    those = sorted((one for one in call.all(EventDataStore) if one.region == call.region), key=lambda one: one.arn)
    found, more = pages.page(those, req, lambda one: one.arn, 1000, errors.bad_token)
    return {"EventDataStores": [view(one) for one in found], **more}  # type: ignore[typeddict-item]


@cloudtrail.op(needs=by_arn)
def update_event_data_store(call: Call, req: t.UpdateEventDataStoreRequest) -> t.UpdateEventDataStoreResponse:
    one = active(call, req["EventDataStore"])
    billing = req.get("BillingMode", one.billing)
    if billing != one.billing and billing != EXTENDABLE:
        raise errors.bad_parameter("The billing mode of an event data store can only be changed to EXTENDABLE_RETENTION_PRICING.")
    changes = checked(req, billing) | {"billing": billing}
    if req.get("Name", one.name) != one.name:
        changes["name"] = named(call, req["Name"])
    if "KmsKeyId" in req:
        changes["kms"] = _key(call, req)
    one = call.put(one.but(updated=call.now, **changes))
    selectors.watch(call.cloud)
    return view(one)  # type: ignore[no-any-return]


@cloudtrail.op(needs=by_arn)
def delete_event_data_store(call: Call, req: t.DeleteEventDataStoreRequest) -> t.DeleteEventDataStoreResponse:
    """It goes after a week, in which it can be restored."""
    one = active(call, req["EventDataStore"])
    if one.protected:
        raise errors.store_protected()
    call.put(one.but(deleted=call.now, updated=call.now))
    call.after(RESTORABLE_SECONDS, gone, one.id, store=one.arn)
    selectors.watch(call.cloud)
    return {}


@cloudtrail.timer
def gone(call: Call, store: str) -> None:
    one = call.get(EventDataStore, store)
    if one is not None and one.deleted:
        call.delete(one)
        call.cancel(tidy, one.id)
        call.sql("DELETE FROM cloudtrail_lake WHERE store = ?", one.id)
        call.sql("DELETE FROM cloudtrail_query WHERE store = ?", one.arn)


@cloudtrail.timer
def tidy(call: Call, store: str) -> None:
    """What is older than the store keeps things."""
    one = call.get(EventDataStore, store)
    if one is not None:
        call.sql("DELETE FROM cloudtrail_lake WHERE store = ? AND at < ?", one.id, call.now - one.days * 86_400)
        call.again(TIDY_SECONDS, tidy, one.id, store=store)


@cloudtrail.op(needs=by_arn)
def restore_event_data_store(call: Call, req: t.RestoreEventDataStoreRequest) -> t.RestoreEventDataStoreResponse:
    one = find(call, req["EventDataStore"])
    if not one.deleted:
        raise errors.bad_store_status("The event data store is not pending deletion.")
    call.cancel(gone, one.id)
    one = call.put(one.but(deleted=0, updated=call.now))
    selectors.watch(call.cloud)
    return view(one)  # type: ignore[no-any-return]


@cloudtrail.op(needs=by_arn)
def start_event_data_store_ingestion(call: Call, req: t.StartEventDataStoreIngestionRequest) -> t.StartEventDataStoreIngestionResponse:
    return _ingest(call, req, True)  # type: ignore[return-value]


@cloudtrail.op(needs=by_arn)
def stop_event_data_store_ingestion(call: Call, req: t.StopEventDataStoreIngestionRequest) -> t.StopEventDataStoreIngestionResponse:
    return _ingest(call, req, False)  # type: ignore[return-value]


def _ingest(call: Call, req: Any, on: bool) -> dict[str, Any]:
    one = find(call, req["EventDataStore"])
    if one.status != ("STOPPED_INGESTION" if on else "ENABLED"):
        raise errors.bad_store_status(f"The event data store is in the status {one.status}.")
    call.put(one.but(ingesting=on, updated=call.now))
    selectors.watch(call.cloud)
    return {}
