"""Keys: read by anybody who may, changed only by who has seen the store as it is."""
from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.cloudfront import public as cloudfront
from cloche.services.cloudfront.public import pairs

from . import errors
from . import service as keyvaluestore

if TYPE_CHECKING:
    from cloche.shapes import cloudfront_keyvaluestore as t

MOST_CHANGES = 50


def asked(call: Call, req: Any) -> str:
    """The ARN as one of this account: of another's there is nothing here to be asked about."""
    parts = req["KvsARN"].split(":")
    return ":".join([*parts[:4], call.account, *parts[5:]]) if len(parts) > 5 else req["KvsARN"]


def find(call: Call, req: Any) -> tuple[Call, Any]:
    call.cloud.service("cloudfront")
    found = cloudfront.store(call, req["KvsARN"])
    if found is None:
        raise errors.no_store()
    return call.of("cloudfront"), found


def state(call: Call, id_: str, **more: Any) -> Any:
    etag, _, items, size = pairs.state(call, id_)
    return {"ItemCount": items, "TotalSizeInBytes": size, **({"ETag": etag} if "Value" not in more else {}), **more}


@keyvaluestore.op(asked)
def describe_key_value_store(call: Call, req: t.DescribeKeyValueStoreRequest) -> t.DescribeKeyValueStoreResponse:
    there, store = find(call, req)
    etag, modified, items, size = pairs.state(there, store.id)
    return {"KvsARN": req["KvsARN"], "ItemCount": items, "TotalSizeInBytes": size, "Created": store.created, "LastModified": modified, "Status": "READY", "ETag": etag}


@keyvaluestore.op(asked)
def get_key(call: Call, req: t.GetKeyRequest) -> t.GetKeyResponse:
    there, store = find(call, req)
    value = pairs.get(there, store.id, req["Key"])
    if value is None:
        raise errors.no_key()
    return state(there, store.id, Key=req["Key"], Value=value)  # type: ignore[no-any-return]


@keyvaluestore.op(asked)
def list_keys(call: Call, req: t.ListKeysRequest) -> t.ListKeysResponse:
    there, store = find(call, req)
    try:
        after = base64.urlsafe_b64decode(req.get("NextToken") or "").decode()
    except (binascii.Error, ValueError):
        raise errors.invalid("The NextToken is not valid.") from None
    most = min(req.get("MaxResults") or 10, 50)
    rows = pairs.page(there, store.id, after, most + 1)
    out: dict[str, Any] = {"Items": [{"Key": key, "Value": value} for key, value in rows[:most]]}
    if len(rows) > most:
        out["NextToken"] = base64.urlsafe_b64encode(rows[most - 1][0].encode()).decode()
    return out  # type: ignore[return-value]


def change(call: Call, req: Any, puts: dict[str, str], deletes: list[str]) -> Any:
    there, store = find(call, req)
    if not req.get("IfMatch"):
        raise errors.unversioned()
    etag, _, _, size = pairs.state(there, store.id)
    if req["IfMatch"] != etag:
        raise errors.stale()
    for key, value in puts.items():
        if len(key.encode()) > pairs.MOST_KEY or len(value.encode()) > pairs.MOST_VALUE:
            raise errors.invalid(f"A key has at most {pairs.MOST_KEY} bytes, a value {pairs.MOST_VALUE}.")
    if missing := [key for key in deletes if pairs.get(there, store.id, key) is None]:
        raise errors.no_key() if len(deletes) == 1 and not puts else errors.invalid(f"Key was not found: {missing[0]}")
    if size + sum(pairs.weight(key, value) for key, value in puts.items()) > pairs.MOST_BYTES:
        raise errors.full()
    pairs.write(there, store.id, puts, deletes)
    return state(there, store.id)


@keyvaluestore.op(asked)
def put_key(call: Call, req: t.PutKeyRequest) -> t.PutKeyResponse:
    return change(call, req, {req["Key"]: req["Value"]}, [])  # type: ignore[no-any-return]


@keyvaluestore.op(asked)
def delete_key(call: Call, req: t.DeleteKeyRequest) -> t.DeleteKeyResponse:
    return change(call, req, {}, [req["Key"]])  # type: ignore[no-any-return]


@keyvaluestore.op(asked)
def update_keys(call: Call, req: t.UpdateKeysRequest) -> t.UpdateKeysResponse:
    puts, deletes = req.get("Puts") or [], req.get("Deletes") or []
    names = [one["Key"] for one in (*puts, *deletes)]
    if not names or len(names) > MOST_CHANGES or len(set(names)) != len(names):
        raise errors.invalid(f"An update has 1 to {MOST_CHANGES} changes, each key once.")
    return change(call, req, {one["Key"]: one["Value"] for one in puts}, [one["Key"] for one in deletes])  # type: ignore[no-any-return]
