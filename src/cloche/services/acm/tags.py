"""Tags of certificates, under two sets of names for the same operations."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as acm

if TYPE_CHECKING:
    from cloche.shapes import acm as t

    from .certificates import Certificate

MOST = 50


def given(call: Call, req: Any) -> dict[str, str]:
    for one in req.get("Tags") or ():
        if call.reserves([one["Key"]]):
            raise errors.bad_tag(one["Key"])
    return checked({one["Key"]: one.get("Value", "") for one in req.get("Tags") or ()})


def checked(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST:
        raise errors.too_many_tags()
    return tags


def _arn(req: Any) -> str:
    return req.get("CertificateArn") or req.get("ResourceArn") or ""


def by_arn(call: Call, req: Any) -> str:
    return _arn(req)


def facts(call: Call, req: Any) -> dict[str, Any]:
    from .certificates import look
    found = look(call, _arn(req)) if _arn(req) else None
    out: dict[str, Any] = {f"aws:ResourceTag/{k}": v for k, v in found.tags.items()} if found else {}
    if tags := req.get("Tags"):
        out |= {"aws:TagKeys": [one["Key"] for one in tags], **{f"aws:RequestTag/{one['Key']}": one.get("Value", "") for one in tags}}
    if keys := req.get("TagKeys"):
        out["aws:TagKeys"] = list(keys)
    return out


def _find(call: Call, req: Any) -> Certificate:
    from .certificates import find
    return find(call, _arn(req))


def _add(call: Call, req: Any) -> None:
    one = _find(call, req)
    call.put(one.but(tags=checked(one.tags | given(call, req))))


def _told(call: Call, req: Any) -> Any:
    return {"Tags": [{"Key": k, "Value": v} for k, v in _find(call, req).tags.items()]}


@acm.op(resource=by_arn, context=facts)
def add_tags_to_certificate(call: Call, req: t.AddTagsToCertificateRequest) -> None:
    _add(call, req)


@acm.op(resource=by_arn, context=facts)
def remove_tags_from_certificate(call: Call, req: t.RemoveTagsFromCertificateRequest) -> None:
    """A tag that is given with a value goes only if it has that value."""
    one = _find(call, req)
    gone = {tag["Key"] for tag in req["Tags"] if "Value" not in tag or one.tags.get(tag["Key"]) == tag["Value"]}
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in gone}))


@acm.op(resource=by_arn, context=facts)
def list_tags_for_certificate(call: Call, req: t.ListTagsForCertificateRequest) -> t.ListTagsForCertificateResponse:
    return _told(call, req)  # type: ignore[no-any-return]


@acm.op(resource=by_arn, context=facts)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    _add(call, req)


@acm.op(resource=by_arn, context=facts)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    one = _find(call, req)
    call.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["TagKeys"]}))


@acm.op(resource=by_arn, context=facts)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    return _told(call, req)  # type: ignore[no-any-return]
