"""What Access Analyzer asks: which action of IAM's a recorded call was, and what its members name. And for IAM and KMS: the id of an event
that the journal took down (`event_id`), and what somebody did (`done_by`)."""
from __future__ import annotations

from typing import Any

from cloche import _index
from cloche.kernel import Call

from .records import event_id
from .resources import MEMBERS

__all__ = ["action", "done_by", "event_id", "named"]


def action(call: Call, source: str, name: str) -> tuple[str, str]:
    """(service, action) of an event's source and name; ("", "") for what Cloche does not know."""
    prefix, plain = source.removesuffix(".amazonaws.com"), name.removesuffix("v2").rstrip("0123456789") if source == "lambda.amazonaws.com" else name
    for service in _index.SIGNING.get(prefix, ()):
        if service in _index.PACKAGES and (entry := call.cloud.service(service).entries.get(plain)) is not None:
            said = getattr(entry.needs, "action", "") if entry.needs is not None else entry.action
            return service, said if isinstance(said, str) and said else f"{entry.service.iam}:{plain}"
    return "", ""


def named(service: str, members: dict[str, Any]) -> list[str]:
    """The types ("Bucket", "AWS::IAM::Role") of what a request's own members name, by the names in the record."""
    known = {name[:1].lower() + name[1:]: type_ for name, type_ in MEMBERS.get(service, {}).items()} | ({"bucketName": "Bucket"} if service == "s3" else {})
    return list(dict.fromkeys(known[name] for name in members if name in known))


async def done_by(call: Call, ids: set[str]) -> list[tuple[str, str, str, float, str]]:
    """(who, service of IAM's, action, moment, region) of every management event of these users and roles of the account in the ninety days, the latest last."""
    from . import history
    here, found = call.of("cloudtrail"), []
    await history.catch_up(here)
    rows = here.sql(f"SELECT {history.LINE} FROM cloudtrail_event j WHERE account = ? AND category = ? ORDER BY id", call.account, history.MANAGEMENT)
    for one in (history.seen(*row) for row in rows):
        who = str(one.body.principal.get("id", "")).partition(":")[0]
        if who in ids:
            namespace, _, name = action(call, one.facts.source, one.facts.name)[1].partition(":")
            if name:
                found.append((who, namespace, name, one.at, one.region))
    return found
