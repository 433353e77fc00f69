"""Tags of clusters."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as dax
from .clusters import MOST_TAGS, Cluster, look

if TYPE_CHECKING:
    from cloche.shapes import dax as t


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceName"])


def named(call: Call, req: Any) -> Cluster:
    arn = req["ResourceName"]
    if ":cache/" not in arn:
        raise errors.bad_arn(arn)
    return look(call, arn.rpartition("/")[2])


def shown(cluster: Cluster) -> dict[str, Any]:
    return {"Tags": [{"Key": k, "Value": v} for k, v in sorted(cluster.tags.items())]}


@dax.op(resource=by_arn)
def list_tags(call: Call, req: t.ListTagsRequest) -> t.ListTagsResponse:
    return shown(named(call, req))


@dax.op(resource=by_arn)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    cluster = named(call, req)
    tags = cluster.tags | {one["Key"]: one.get("Value", "") for one in req["Tags"]}
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    return shown(call.put(cluster.but(tags=tags)))


@dax.op(resource=by_arn)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    cluster = named(call, req)
    for key in req["TagKeys"]:
        if key not in cluster.tags:
            raise errors.no_tag(key)
    return shown(call.put(cluster.but(tags={k: v for k, v in cluster.tags.items() if k not in req["TagKeys"]})))
