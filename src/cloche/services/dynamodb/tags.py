"""Tags of tables."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import errors, op
from .tables import Table, policy

MAX_TAGS = 50


def checked(call: Call, new: dict[str, str], have: dict[str, str] | None = None) -> dict[str, str]:
    """The tags there will be, if the new ones may be set."""
    tags = (have or {}) | new
    if len(tags) > MAX_TAGS:
        raise errors.too_many_tags()
    if not all(c.isalnum() or c.isspace() or c in "+-=._:/@" for text in (*tags, *tags.values()) for c in text):
        raise errors.tag_characters()
    if call.reserves(new):
        raise errors.parameter("User-supplied tag keys cannot start with aws:")
    return tags


def by_arn(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def find(call: Call, arn: str) -> tuple[Call, Table]:
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "dynamodb" or not parts[5].startswith("table/"):
        raise errors.invalid(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    if "/index/" in parts[5]:
        raise errors.index_is_no_resource(arn)
    call = call.at(parts[4], parts[3])
    table = call.get(Table, parts[5].split("/")[1])
    if table is None:
        raise errors.no_resource(arn)
    return call, table


@op(resource=by_arn, policy=policy)
def tag_resource(call: Call, req: Any) -> None:
    call, table = find(call, req["ResourceArn"])
    if not req["Tags"]:
        raise errors.no_tags()
    call.put(table.but(tags=checked(call, {t["Key"]: t["Value"] for t in req["Tags"]}, table.tags)))


@op(resource=by_arn, policy=policy)
def untag_resource(call: Call, req: Any) -> None:
    call, table = find(call, req["ResourceArn"])
    call.put(table.but(tags={k: v for k, v in table.tags.items() if k not in req["TagKeys"]}))


@op(resource=by_arn, policy=policy)
def list_tags_of_resource(call: Call, req: Any) -> Any:
    _, table = find(call, req["ResourceArn"])
    return {"Tags": [{"Key": k, "Value": v} for k, v in sorted(table.tags.items())]}
