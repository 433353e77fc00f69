"""Tags of whatever RDS has."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, instances, names, option_groups, parameter_groups, snapshots, subnet_groups
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

FIND: dict[str, Any] = {"db": instances.find, "snapshot": snapshots.find, "pg": parameter_groups.find, "og": option_groups.find, "subgrp": subnet_groups.find}
MOST = 50


def _by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceName"])


def _find(call: Call, arn: str) -> Any:
    parts = arn.split(":", 6)
    if len(parts) != 7 or parts[5] not in FIND:
        raise errors.bad_arn(arn)
    return FIND[parts[5]](call, parts[6])


@rds.op(_by_arn)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceMessage) -> t.TagListMessage:
    return {"TagList": names.tags_shown(_find(call, req["ResourceName"]).tags)}  # type: ignore[typeddict-item]


@rds.op(_by_arn, context=names.tags_asked)
def add_tags_to_resource(call: Call, req: t.AddTagsToResourceMessage) -> None:
    one = _find(call, req["ResourceName"])
    tags = one.tags | names.tags_given(req)
    if len(tags) > MOST:
        raise errors.value(f"A resource may have at most {MOST} tags")
    call.put(one.but(tags=tags))


@rds.op(_by_arn, context=lambda call, req: {"aws:TagKeys": list(req["TagKeys"])})
def remove_tags_from_resource(call: Call, req: t.RemoveTagsFromResourceMessage) -> None:
    one = _find(call, req["ResourceName"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))
