"""ListShards: the shards of a stream now, at a moment, or since one."""
from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call

from . import errors, shards
from . import service as kinesis
from .shards import Shard
from .streams import Stream, by_stream, find, policy

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

PAGE = 1000
TOKEN_SECONDS = 300


def by_token(call: Call, req: Any) -> str:
    """The token names the stream by itself."""
    if not req.get("NextToken"):
        return by_stream(call, req)
    try:
        return call.arn(f"stream/{opened(req['NextToken'])[0]}")
    except AwsError:
        return call.arn("stream/*")


@kinesis.op(resource=by_token, policy=policy)
def list_shards(call: Call, req: t.ListShardsInput) -> t.ListShardsOutput:
    wanted: Any = dict(req)
    after, chosen = req.get("ExclusiveStartShardId"), req.get("ShardFilter")
    if token := req.get("NextToken"):
        for member in ("StreamName", "StreamCreationTimestamp", "ExclusiveStartShardId", "ShardFilter"):
            if member in req:
                raise errors.token_and(member)
        name, after, chosen, made = opened(token)
        if call.now > made + TOKEN_SECONDS:
            raise errors.expired_token()
        wanted.setdefault("StreamName", name)
    call, stream = find(call, wanted)
    if (created := req.get("StreamCreationTimestamp")) is not None and int(created) != int(stream.created):
        raise errors.no_stream(stream.name, call.account)
    found = [] if stream.status(call.now) == "CREATING" else filtered(stream, chosen, call.now)
    if after:
        found = [shard for shard in found if shard.id > after]
    limit = min(req.get("MaxResults", PAGE), PAGE)
    out: Any = {"Shards": [shards.describe(shard) for shard in found[:limit]]}
    if len(found) > limit:
        out["NextToken"] = base64.urlsafe_b64encode(msgspec.json.encode([stream.name, found[limit - 1].id, chosen, call.now])).decode()
    return out  # type: ignore[no-any-return]


def opened(token: str) -> tuple[str, str, Any, float]:
    try:
        return msgspec.json.decode(base64.b64decode(token, b"-_", validate=True), type=tuple[str, str, Any, float])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise errors.bad_token() from None


def filtered(stream: Stream, chosen: Any, now: float) -> list[Shard]:
    """FROM_...: open at that moment or later. AT_...: open at that moment."""
    present = stream.present(now)
    kind = chosen["Type"] if chosen else "FROM_TRIM_HORIZON"
    if kind == "AFTER_SHARD_ID":
        if not chosen.get("ShardId"):
            raise errors.filter_needs(kind, "ShardId")
        return [shard for shard in present if shard.id > chosen["ShardId"]]
    if kind.endswith("_TIMESTAMP") and chosen.get("Timestamp") is None:
        raise errors.filter_needs(kind, "Timestamp")
    if kind == "AT_LATEST":
        return [shard for shard in present if shard.open]
    # a stream younger than its retention begins with its first shards
    moment = max(stream.horizon(now), stream.created, chosen["Timestamp"] if kind.endswith("_TIMESTAMP") else 0.0)
    if kind.startswith("FROM_"):
        return [shard for shard in present if shard.open or shard.closed > moment]
    return [shard for shard in present if shard.created <= moment and (shard.open or shard.closed > moment)]
