"""API keys: names for callers, and the secret each sends in `x-api-key`."""
from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS
from .patch import BOOLEAN, TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

SECRET_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PATCHABLE = {"/name": TEXT, "/description": TEXT, "/enabled": BOOLEAN, "/customerId": TEXT}


class ApiKey(Record, frozen=True):
    kind = "apigateway.key"

    id: str
    value: str
    created: float
    updated: float
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return self.id


class KeyValue(Record, frozen=True):
    """Which key a secret belongs to."""

    kind = "apigateway.keyvalue"

    value: str
    id: str

    @property
    def key(self) -> str:
        return self.value


def find_key(call: Call, id_: str) -> ApiKey:
    if found := call.get(ApiKey, id_):
        return found
    raise errors.no_such("API Key")


def described(key: ApiKey, secret: bool = False) -> dict[str, Any]:
    shown = {"id": key.id, "createdDate": key.created, "lastUpdatedDate": key.updated, "enabled": False, "stageKeys": [], **key.values}
    return shown | ({"value": key.value} if secret else {})


@apigateway.op(needs=asked)
def create_api_key(call: Call, req: t.CreateApiKeyRequest) -> t.ApiKey:
    return described(new(call, req), secret=True)


def new(call: Call, req: Any) -> ApiKey:
    value = req.get("value") or call.pick(SECRET_LETTERS, 40)
    if len(value) < 20:
        raise errors.short_key()
    if len(value) > 128:
        raise errors.bad_request("API Key value exceeds maximum size of 128 characters")
    if call.get(KeyValue, value):
        raise errors.key_exists()
    values = {k: req[k] for k in ("name", "description", "enabled", "customerId", "tags") if req.get(k) is not None}
    values["stageKeys"] = [f"{s['restApiId']}/{s['stageName']}" for s in req.get("stageKeys") or []]
    key = call.put(ApiKey(call.pick(LETTERS, 10), value, call.now, call.now, values))
    call.put(KeyValue(value, key.id))
    return key


@apigateway.op(needs=asked)
def import_api_keys(call: Call, req: t.ImportApiKeysRequest) -> t.ApiKeyIds:
    """Comma-separated: a line of column names (name and key are required), then a key a line."""
    from .plans import PlanKey, find_plan
    rows = list(csv.reader(req["body"].decode("utf-8", "replace").splitlines()))
    columns = [name.strip().lower() for name in rows[0]] if rows else []
    if "key" not in columns or "name" not in columns:
        raise errors.bad_request("Failed to parse CSV: the columns Name and Key are required.")
    ids, warnings = [], []
    for number, row in enumerate(rows[1:], 1):
        given = dict(zip(columns, (value.strip() for value in row)))
        try:
            key = new(call, {"name": given.get("name"), "value": given.get("key"), "description": given.get("description"), "enabled": given.get("enabled", "true").lower() != "false"})
            for plan in filter(None, (p.strip() for p in given.get("usageplanids", "").split(";"))):
                call.put(PlanKey(find_plan(call, plan).id, key.id))
            ids.append(key.id)
        except AwsError as error:
            if req.get("failOnWarnings"):
                raise
            warnings.append(f"Line {number}: {error.message}")
    return {"ids": ids, "warnings": warnings}


@apigateway.op(needs=asked)
def get_api_key(call: Call, req: t.GetApiKeyRequest) -> t.ApiKey:
    return described(find_key(call, req["apiKey"]), bool(req.get("includeValue")))


@apigateway.op(needs=asked)
def get_api_keys(call: Call, req: t.GetApiKeysRequest) -> t.ApiKeys:
    wanted, customer = req.get("nameQuery") or "", req.get("customerId")
    keys = [k for k in call.all(ApiKey) if k.values.get("name", "").startswith(wanted) and customer in (None, k.values.get("customerId"))]
    return pages.page(req, keys, lambda k: k.id, lambda k: described(k, bool(req.get("includeValues"))))


@apigateway.op(needs=asked)
def update_api_key(call: Call, req: t.UpdateApiKeyRequest) -> t.ApiKey:
    key = find_key(call, req["apiKey"])
    return described(call.put(key.but(values=apply(key.values, req.get("patchOperations"), PATCHABLE), updated=call.now)))


@apigateway.op(needs=asked)
def delete_api_key(call: Call, req: t.DeleteApiKeyRequest) -> None:
    from .plans import PlanKey
    key = find_key(call, req["apiKey"])
    for pair in call.all(PlanKey):
        if pair.key_id == key.id:
            call.delete(pair)
    if value := call.get(KeyValue, key.value):
        call.delete(value)
    call.delete(key)
