"""Tags of whatever ElastiCache has."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import clusters, errors, groups, names, replication_groups, snapshots
from . import service as elasticache

if TYPE_CHECKING:
    from cloche.shapes import elasticache as t

FIND: dict[str, Any] = {"cluster": clusters.find, "replicationgroup": replication_groups.find, "snapshot": snapshots.find, "parametergroup": groups.parameters, "subnetgroup": groups.subnets}


def _by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceName"])


def _find(call: Call, arn: str) -> Any:
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[5] not in FIND:
        raise errors.bad_arn(arn)
    return FIND[parts[5]](call, parts[6])


def _shown(tags: dict[str, str]) -> Any:
    return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}


@elasticache.op(_by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceMessage) -> t.TagListMessage:
    return _shown(_find(call, req["ResourceName"]).tags)  # type: ignore[no-any-return]


@elasticache.op(_by_arn, context=names.tags_asked)
def add_tags_to_resource(call: Call, req: t.AddTagsToResourceMessage) -> t.TagListMessage:
    one = _find(call, req["ResourceName"])
    return _shown(call.put(one.but(tags=one.tags | names.tags_given(req))).tags)  # type: ignore[no-any-return]


@elasticache.op(_by_arn, context=lambda call, req: {"aws:TagKeys": list(req["TagKeys"])})
def remove_tags_from_resource(call: Call, req: t.RemoveTagsFromResourceMessage) -> t.TagListMessage:
    one = _find(call, req["ResourceName"])
    return _shown(call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]})).tags)  # type: ignore[no-any-return]
