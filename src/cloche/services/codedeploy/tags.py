"""Tags of applications and deployment groups."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, pages

from . import errors, names
from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

MOST, PAGE = 50, 100


def given(call: Call, pairs: Any) -> dict[str, str]:
    found = {one.get("Key", ""): one.get("Value", "") for one in pairs or ()}
    if len(found) < len(pairs or ()):
        raise errors.bad_tags_to_add("A tag key is given twice")
    if any(not 0 < len(key) <= 128 or len(value) > 256 for key, value in found.items()):
        raise errors.bad_tags_to_add("A tag's key has 1 to 128 characters, and its value no more than 256")
    if call.reserves(found):
        raise errors.bad_tags_to_add("Tag keys that begin with aws: are reserved")
    if len(found) > MOST:
        raise errors.bad_tags_to_add(f"A resource has no more than {MOST} tags")
    return found


def asked(call: Call, req: Any) -> dict[str, Any]:
    """What conditions may ask of a request that brings tags."""
    pairs = req.get("tags") or req.get("Tags") or ()
    out: dict[str, Any] = {f"aws:RequestTag/{one.get('Key', '')}": one.get("Value", "") for one in pairs}
    keys = [one.get("Key", "") for one in pairs] or req.get("TagKeys")
    return out | ({"aws:TagKeys": keys} if keys else {})


def _of(found: Any) -> dict[str, Any]:
    return {f"aws:ResourceTag/{key}": value for key, value in (found.tags if found else {}).items()}


def of_application(call: Call, req: Any) -> dict[str, Any]:
    from .applications import Application
    return _of(call.get(Application, req.get("applicationName") or ""))


def of_group(call: Call, req: Any) -> dict[str, Any]:
    from .groups import Group
    return _of(call.get(Group, f"{req.get('applicationName')}/{req.get('deploymentGroupName') or req.get('currentDeploymentGroupName')}")) | asked(call, req)


def of_resource(call: Call, req: Any) -> dict[str, Any]:
    try:
        return _of(behind(call, req.get("ResourceArn") or "")) | asked(call, req)
    except AwsError:
        return asked(call, req)  # the operation itself will say that there is no such thing


def behind(call: Call, arn: str) -> Any:
    """The application or deployment group of an ARN."""
    from . import applications, groups
    parts = arn.split(":", 6)
    if len(parts) < 7 or parts[0] != "arn":
        raise errors.bad_arn(arn)
    if parts[2] != "codedeploy" or parts[5] not in ("application", "deploymentgroup") or parts[3:5] != [call.region, call.account]:
        raise errors.arn_not_supported(arn)
    if parts[5] == "application":
        return applications.find(call, parts[6])
    application, _, group = parts[6].partition("/")
    applications.find(call, application)
    return groups.find(call, application, group)


@codedeploy.op(names.tagged, context=of_resource)
def tag_resource(call: Call, req: t.TagResourceInput) -> None:
    if not req["Tags"]:
        raise errors.tag_required()
    one = behind(call, req["ResourceArn"])
    whole = one.tags | given(call, req["Tags"])
    if len(whole) > MOST:
        raise errors.bad_tags_to_add(f"A resource has no more than {MOST} tags")
    call.put(one.but(tags=whole))


@codedeploy.op(names.tagged, context=of_resource)
def untag_resource(call: Call, req: t.UntagResourceInput) -> None:
    if not req["TagKeys"]:
        raise errors.tag_required()
    one = behind(call, req["ResourceArn"])
    call.put(one.but(tags={key: value for key, value in one.tags.items() if key not in req["TagKeys"]}))


@codedeploy.op(names.tagged, context=of_resource)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceInput) -> t.ListTagsForResourceOutput:
    one = behind(call, req["ResourceArn"])
    found, token = pages.page([{"Key": key, "Value": value} for key, value in sorted(one.tags.items())], req, lambda tag: tag["Key"], PAGE, errors.bad_token)
    return {"Tags": found, **token}  # type: ignore[typeddict-item]
