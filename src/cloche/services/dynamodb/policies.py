"""Resource-based policies of tables and of streams: kept with what they are about, asked by IAM at every call on it."""
from __future__ import annotations

import json
from typing import Any

from cloche.iam import policy as language
from cloche.kernel import Call

from . import errors, op
from .streams import Stream
from .tables import Table, owner
from .tags import by_arn
from .tags import find as find_table

MAX_BYTES = 20 * 1024
NO_POLICY = "NO_POLICY"


def find(call: Call, arn: str) -> tuple[Call, Table | Stream]:
    call_, table = find_table(call, arn)
    if "/stream/" not in arn:
        return call_, table
    stream = call_.get(Stream, f"{table.name}/{arn.split('/stream/')[1]}")
    if stream is None:
        raise errors.no_resource(arn)
    return call_, stream


def policy(call: Call, arn: str) -> str | None:
    """The policy of a table (also for its indexes) or of a stream, for IAM."""
    account, region, name = owner(arn)
    if "/stream/" in arn:
        stream = call.at(account, region).get(Stream, f"{name}/{arn.split('/stream/')[1]}")
        return stream.policy or None if stream else None
    table = call.at(account, region).get(Table, name)
    return table.policy or None if table else None


def revision(call: Call) -> str:
    return str(call.cloud.dice.randrange(10**12, 10**13))


def checked(text: str) -> str:
    if len(text.encode()) > MAX_BYTES:
        raise errors.malformed_policy("The policy exceeds 20 KB.")
    try:
        json.loads(text)
        language.parse(text)
    except ValueError as error:
        raise errors.malformed_policy(str(error)) from None
    return text


@op(resource=by_arn, policy=policy)
def put_resource_policy(call: Call, req: Any) -> Any:
    call, holder = find(call, req["ResourceArn"])
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (holder.policy_revision or NO_POLICY):
        raise errors.policy_changed()
    holder = call.put(holder.but(policy=checked(req["Policy"]), policy_revision=revision(call)))
    return {"RevisionId": holder.policy_revision}


@op(resource=by_arn, policy=policy)
def get_resource_policy(call: Call, req: Any) -> Any:
    _, holder = find(call, req["ResourceArn"])
    if not holder.policy:
        raise errors.no_policy(req["ResourceArn"])
    return {"Policy": holder.policy, "RevisionId": holder.policy_revision}


@op(resource=by_arn, policy=policy)
def delete_resource_policy(call: Call, req: Any) -> Any:
    call, holder = find(call, req["ResourceArn"])
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (holder.policy_revision or NO_POLICY):
        raise errors.policy_changed()
    if not holder.policy:
        return {}
    call.put(holder.but(policy="", policy_revision=""))
    return {"RevisionId": holder.policy_revision}
