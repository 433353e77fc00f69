"""Key value stores: small data that functions read at the edge. The pairs themselves are written through a service of its own (`cloudfront-keyvaluestore`)."""
from __future__ import annotations

import inspect
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need

from . import errors, tags, things
from . import service as cloudfront
from .edge import pairs
from .things import HOST, Noun, Thing

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("key-value-store", "key value store", "Entity", "KeyValueStore", 50, "EntityLimitExceeded")
READY_SECONDS = 2.0


def lost() -> AwsError:
    return errors.missing("EntityNotFound", "entity")


def find(call: Call, name: str) -> Thing:
    found = next((one for one in things.every(call, NOUN) if one.name == name), None)
    if found is None:
        raise lost()
    return found


def by_arn(call: Call, arn: str) -> Thing:
    found = call.get(Thing, f"{NOUN.path}/{arn.rpartition('/')[2]}")
    if found is None or NOUN.arn(call, found.id) != arn:
        raise lost()
    return found


def asked(call: Call, req: Any) -> str:
    found = next((one for one in things.every(call, NOUN) if one.name == req["Name"]), None)
    return NOUN.arn(call, found.id if found else "*")


ON = {"resource": asked}


def told(call: Call, one: Thing) -> dict[str, Any]:
    return {"Name": one.name, "Id": one.id, "Comment": one.config.get("Comment", ""), "ARN": NOUN.arn(call, one.id), "Status": "READY" if call.now >= one.created + READY_SECONDS else "PROVISIONING",
            "LastModifiedTime": one.modified}


def making(call: Call, req: Any) -> list[Need]:
    given = tags.given(req.get("Tags"))
    context = {"aws:TagKeys": [*given], **{f"aws:RequestTag/{k}": v for k, v in given.items()}} if given else {}
    return [Need("cloudfront:CreateKeyValueStore", NOUN.arn(call, "*"), context)]


@cloudfront.op(needs=making)
async def create_key_value_store(call: Call, req: t.CreateKeyValueStoreRequest) -> t.CreateKeyValueStoreResult:
    source = await imported(call, req["ImportSource"]) if "ImportSource" in req else {}
    with call.step():
        here = things.every(call, NOUN)
        if any(one.name == req["Name"] for one in here):
            raise errors.said("EntityAlreadyExists", "The entity already exists. You must provide a unique entity.")
        if len(here) >= NOUN.limit:
            raise errors.too_many(NOUN.few, NOUN.words)
        given = tags.checked(call, tags.given(req.get("Tags")))
        made = call.put(Thing(NOUN.path, call.uuid(), things.etag(call), call.now, call.now, {"Name": req["Name"], "Comment": req.get("Comment", "")}, tags=given))
        pairs.begin(call, made.id, source)
    return {"KeyValueStore": told(call, made), "ETag": made.etag, "Location": f"{HOST}/key-value-store/{made.name}"}  # type: ignore[typeddict-item]


async def imported(call: Call, source: Any) -> dict[str, str]:
    """The pairs of a document in a bucket, read for whoever asks: {"data": [{"key": ..., "value": ...}]}."""
    bucket, _, key = source["SourceARN"].rpartition(":")[2].partition("/")
    try:
        answer: Any = call.do("s3", "GetObject", Bucket=bucket, Key=key)
        answer = await answer if inspect.isawaitable(answer) else answer
        body = answer["Body"]
        text = body if isinstance(body, bytes) else body.read(5 << 20) if hasattr(body, "path") else b"".join([part async for part in body])
        return {str(one["key"]): str(one["value"]) for one in json.loads(text)["data"]}
    except AwsError as error:
        raise errors.invalid(f"The import source could not be read: {error.message}") from None
    except (ValueError, KeyError, TypeError):
        raise errors.invalid("The import source is not a JSON document with data: a list of key and value.") from None


@cloudfront.op(**ON)
def describe_key_value_store(call: Call, req: t.DescribeKeyValueStoreRequest) -> t.DescribeKeyValueStoreResult:
    found = find(call, req["Name"])
    return {"KeyValueStore": told(call, found), "ETag": found.etag}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def list_key_value_stores(call: Call, req: t.ListKeyValueStoresRequest) -> t.ListKeyValueStoresResult:
    rows = [told(call, one) for one in sorted(things.every(call, NOUN), key=lambda one: one.name)]
    if req.get("Status"):
        rows = [one for one in rows if one["Status"] == req["Status"]]
    return {"KeyValueStoreList": things.listed(req, rows, lambda one: one, key=lambda one: one["Name"])}  # type: ignore[typeddict-item]


@cloudfront.op(**ON)
def update_key_value_store(call: Call, req: t.UpdateKeyValueStoreRequest) -> t.UpdateKeyValueStoreResult:
    found = things.locked(find(call, req["Name"]), req)
    new = call.put(found.but(config={**found.config, "Comment": req["Comment"]}, etag=things.etag(call), modified=call.now))
    return {"KeyValueStore": told(call, new), "ETag": new.etag}  # type: ignore[typeddict-item]


@cloudfront.op(**ON)
def delete_key_value_store(call: Call, req: t.DeleteKeyValueStoreRequest) -> None:
    from .functions import Function
    found = things.locked(find(call, req["Name"]), req)
    arn = NOUN.arn(call, found.id)
    if any(one["KeyValueStoreARN"] == arn for function in call.all(Function) for config in (function.config, function.live_config)
           for one in things.items(config.get("KeyValueStoreAssociations"))):
        raise errors.said("CannotDeleteEntityWhileInUse", "The entity cannot be deleted while it is in use.")
    pairs.forget(call, found.id)
    call.delete(found)
