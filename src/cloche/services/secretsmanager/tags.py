"""Tags of secrets."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors
from . import service as secrets
from .records import ON_SECRET, find, home

if TYPE_CHECKING:
    from cloche.shapes import secretsmanager as t

MOST = 50


def given(call: Call, req: Any) -> dict[str, str]:
    pairs = req.get("Tags") or ()
    found = {one.get("Key", ""): one.get("Value", "") for one in pairs}
    if len(found) < len(pairs):
        raise errors.duplicate_tag()
    if call.reserves(found):
        raise errors.system_tag()
    return checked(found)


def checked(tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > MOST:
        raise errors.too_many_tags()
    return tags


@secrets.op(**ON_SECRET)
def tag_resource(call: Call, req: t.TagResourceRequest) -> None:
    secret = find(call, req["SecretId"])
    home(call, secret).put(secret.but(tags=checked(secret.tags | given(call, req))))


@secrets.op(**ON_SECRET)
def untag_resource(call: Call, req: t.UntagResourceRequest) -> None:
    secret = find(call, req["SecretId"])
    home(call, secret).put(secret.but(tags={k: v for k, v in secret.tags.items() if k not in req["TagKeys"]}))
