"""Tags of groups, and whether instances get them at launch."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as autoscaling
from .groups import Group, arn_of, page

if TYPE_CHECKING:
    from cloche.shapes import autoscaling as t

MOST = 50


def merged(call: Call, old: dict[str, dict[str, Any]], given: Any) -> dict[str, dict[str, Any]]:
    new = dict(old)
    for tag in given or ():
        if tag["Key"] not in old and call.reserves([tag["Key"]]):
            raise errors.invalid("Tag keys starting with 'aws:' are reserved for system use.")
        new[tag["Key"]] = {"value": tag.get("Value", ""), "launch": tag.get("PropagateAtLaunch", False)}
    if len(new) > MOST:
        raise errors.limit("tags of an AutoScalingGroup")
    return new


def shown(group: Group) -> list[Any]:
    return [{"ResourceId": group.name, "ResourceType": "auto-scaling-group", "Key": key, "Value": tag["value"], "PropagateAtLaunch": tag["launch"]} for key, tag in sorted(group.tags.items())]


def tagged(call: Call, req: Any) -> list[str]:
    names = {tag.get("ResourceId", "") for tag in req["Tags"]}
    return [found.arn if (found := call.get(Group, name)) else arn_of(call, name or "*") for name in sorted(names)]


def context(call: Call, req: Any) -> dict[str, Any]:
    return {"aws:TagKeys": [tag["Key"] for tag in req["Tags"]]} | {f"aws:RequestTag/{tag['Key']}": tag.get("Value", "") for tag in req["Tags"]}


def resource(call: Call, tag: Any) -> Group:
    if tag.get("ResourceType", "auto-scaling-group") != "auto-scaling-group":
        raise errors.invalid("Resource type must be auto-scaling-group.")
    found = call.get(Group, tag.get("ResourceId", ""))
    if found is None:
        raise errors.no_such_group(tag.get("ResourceId", "null"))
    return found


@autoscaling.op(resource=tagged, context=context)
def create_or_update_tags(call: Call, req: t.CreateOrUpdateTagsType) -> None:
    for tag in req["Tags"]:
        group = resource(call, tag)
        call.put(group.but(tags=merged(call, group.tags, [tag])))


@autoscaling.op(resource=tagged, context=context)
def delete_tags(call: Call, req: t.DeleteTagsType) -> None:
    for tag in req["Tags"]:
        group = resource(call, tag)
        there = group.tags.get(tag["Key"])
        if there is not None and tag.get("Value") in (None, there["value"]):
            call.put(group.but(tags={key: value for key, value in group.tags.items() if key != tag["Key"]}))


@autoscaling.op(resource=lambda call, req: "*")
def describe_tags(call: Call, req: t.DescribeTagsType) -> t.TagsType:
    found = [one for group in sorted(call.all(Group), key=lambda g: g.name) for one in shown(group)]
    members = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value", "propagate-at-launch": "PropagateAtLaunch"}
    for rule in req.get("Filters") or ():
        name = rule.get("Name", "")
        if name not in members:
            raise errors.invalid(f"Filter type {name} is not correct. Allowed Filter types are: {', '.join(members)}")
        found = [one for one in found if str(one[members[name]]).lower() in [v.lower() for v in rule.get("Values") or ()]]
    some, token = page(found, req)
    return {"Tags": some} | token  # type: ignore[return-value]
