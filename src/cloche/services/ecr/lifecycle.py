"""Lifecycle policies: images expire by age or number, within twelve hours of the moment when a rule marks them (AWS says twenty-four).

Every rule sees all images; one that a rule of higher priority (a lower number) has marked is not marked again, and images that a tagged rule of higher priority looks at are
not for later rules. https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html
"""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam.globs import glob
from cloche.kernel import Call
from cloche.kernel.pages import page

from . import errors, images
from . import service as ecr
from .images import Image
from .repositories import ON, Repository, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

EVERY = 12 * 3600.0
DAY = 86400.0


def parse(text: str) -> list[dict[str, Any]]:
    """The rules, first priority first. Raises InvalidParameterException in the policy's own terms."""
    try:
        document = json.loads(text)
        rules = document["rules"]
        for rule in rules:
            _check(rule)
        numbers = [rule["rulePriority"] for rule in rules]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.bad_lifecycle(f"{error.args[0] if isinstance(error, _Bad) else 'the policy is not of the documented form'}") from None
    if not rules or len(rules) > 50:
        raise errors.bad_lifecycle("a policy has 1 to 50 rules")
    if len(set(numbers)) < len(numbers):
        raise errors.bad_lifecycle("rulePriority must be unique")
    for status in ("any", "untagged"):
        of_kind = [rule for rule in rules if rule["selection"]["tagStatus"] == status]
        if len(of_kind) > 1:
            raise errors.bad_lifecycle(f"only one rule may have tagStatus {status}")
        if status == "any" and of_kind and of_kind[0]["rulePriority"] != max(numbers):
            raise errors.bad_lifecycle("a rule with tagStatus any must have the highest rulePriority")
    return sorted(rules, key=lambda rule: rule["rulePriority"])  # type: ignore[no-any-return]


class _Bad(ValueError):
    pass


def _check(rule: dict[str, Any]) -> None:
    selection = rule["selection"]
    if not isinstance(rule["rulePriority"], int) or rule["rulePriority"] < 1:
        raise _Bad("rulePriority must be a number of at least 1")
    if rule["action"].get("type") != "expire":
        raise _Bad("action.type must be expire")
    status, kind, number = selection["tagStatus"], selection["countType"], selection["countNumber"]
    if status not in ("tagged", "untagged", "any"):
        raise _Bad("tagStatus must be tagged, untagged or any")
    lists = [name for name in ("tagPrefixList", "tagPatternList") if selection.get(name)]
    if (status == "tagged") != (len(lists) == 1):
        raise _Bad("tagPrefixList or tagPatternList is required with tagStatus tagged, and only then")
    if kind not in ("imageCountMoreThan", "sinceImagePushed", "sinceImagePulled"):
        raise _Bad("countType must be imageCountMoreThan, sinceImagePushed or sinceImagePulled")
    if kind.startswith("since") != (selection.get("countUnit") == "days"):
        raise _Bad("countUnit must be days where countType is a time, and absent otherwise")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise _Bad("countNumber must be a positive number")


def marked(found: list[Image], children: set[str], rules: list[dict[str, Any]], now: float) -> list[tuple[Image, int]]:
    """Which images expire, by which rule. `found` oldest first; images that lists name live as long as their list."""
    out: list[tuple[Image, int]] = []
    claimed: set[str] = set()  # by a rule of higher priority, that looks at them
    for rule in rules:
        selection = rule["selection"]
        seen = [one for one in found if one.digest not in children and _selects(selection, one)]
        kind, number = selection["countType"], selection["countNumber"]
        if kind == "imageCountMoreThan":
            gone = seen[:-number]
        else:
            gone = [one for one in seen if ((one.pulled or one.pushed) if kind == "sinceImagePulled" else one.pushed) <= now - number * DAY]
        out += [(one, rule["rulePriority"]) for one in gone if one.digest not in claimed]
        claimed |= {one.digest for one in seen if selection["tagStatus"] == "tagged"} | {one.digest for one in gone}
    return out


def _selects(selection: dict[str, Any], one: Image) -> bool:
    if selection["tagStatus"] != "tagged":
        return selection["tagStatus"] == "any" or not one.tags
    patterns = [prefix + "*" for prefix in selection.get("tagPrefixList") or ()] or selection["tagPatternList"]
    return all(any(glob(pattern)(tag) for tag in one.tags) for pattern in patterns)


@ecr.timer
def evaluate(call: Call, repository: str) -> None:
    one = call.get(Repository, repository)
    if one is None or not one.lifecycle:
        return
    for image, _ in marked(images.all_in(call, one.name), images.children_in(call, one.name), parse(one.lifecycle), call.now):
        images.drop(call, one, image)
    call.put(one.but(evaluated=call.now))
    call.after(EVERY, evaluate, repository, repository=repository)


@ecr.op(**ON)
def put_lifecycle_policy(call: Call, req: t.PutLifecyclePolicyRequest) -> t.PutLifecyclePolicyResponse:
    here, one = find(call, req)
    parse(req["lifecyclePolicyText"])
    here.put(one.but(lifecycle=req["lifecyclePolicyText"], evaluated=0.0))
    here.after(EVERY, evaluate, one.name, repository=one.name)
    return {"registryId": one.account, "repositoryName": one.name, "lifecyclePolicyText": req["lifecyclePolicyText"]}


def _policy(one: Repository) -> Any:
    if not one.lifecycle:
        raise errors.no_lifecycle(one.name, one.account)
    return {"registryId": one.account, "repositoryName": one.name, "lifecyclePolicyText": one.lifecycle, **({"lastEvaluatedAt": one.evaluated} if one.evaluated else {})}


@ecr.op(**ON)
def get_lifecycle_policy(call: Call, req: t.GetLifecyclePolicyRequest) -> t.GetLifecyclePolicyResponse:
    return _policy(find(call, req)[1])  # type: ignore[no-any-return]


@ecr.op(**ON)
def delete_lifecycle_policy(call: Call, req: t.DeleteLifecyclePolicyRequest) -> t.DeleteLifecyclePolicyResponse:
    here, one = find(call, req)
    answer = _policy(one)
    here.put(one.but(lifecycle="", evaluated=0.0))
    here.cancel(evaluate, one.name)
    return answer  # type: ignore[no-any-return]


# -- preview --------------------------------------------------------------------------------------------------------------


@ecr.op(**ON)
def start_lifecycle_policy_preview(call: Call, req: t.StartLifecyclePolicyPreviewRequest) -> t.StartLifecyclePolicyPreviewResponse:
    here, one = find(call, req)
    text = req.get("lifecyclePolicyText") or one.lifecycle
    if not text:
        raise errors.no_lifecycle(one.name, one.account)
    found = marked(images.all_in(here, one.name), images.children_in(here, one.name), parse(text), here.now)
    results = [{"imageDigest": image.digest, "imageTags": list(image.tags), "imagePushedAt": image.pushed, "action": {"type": "EXPIRE"}, "appliedRulePriority": rule} for image, rule in found]
    here.put(one.but(preview={"text": text, "results": results}))
    return {"registryId": one.account, "repositoryName": one.name, "lifecyclePolicyText": text, "status": "IN_PROGRESS"}


@ecr.op(**ON)
def get_lifecycle_policy_preview(call: Call, req: t.GetLifecyclePolicyPreviewRequest) -> t.GetLifecyclePolicyPreviewResponse:
    _, one = find(call, req)
    if not one.preview:
        raise errors.no_preview(one.name, one.account)
    status = (req.get("filter") or {}).get("tagStatus", "ANY")
    results = [each for each in one.preview["results"] if status == "ANY" or (status == "TAGGED") == bool(each["imageTags"])]
    if ids := req.get("imageIds"):
        results = [each for each in results if any(each["imageDigest"] == id_.get("imageDigest", each["imageDigest"]) and id_.get("imageTag", "") in ("", *each["imageTags"]) for id_ in ids)]
    shown, more = page(results, req, lambda each: str(each["imageDigest"]), min(req.get("maxResults") or 100, 100), errors.bad_token, size="maxResults", token="nextToken")
    return {"registryId": one.account, "repositoryName": one.name, "lifecyclePolicyText": one.preview["text"], "status": "COMPLETE", "previewResults": shown, **more,  # type: ignore[typeddict-item]
            "summary": {"expiringImageTotalCount": len(one.preview["results"])}}
