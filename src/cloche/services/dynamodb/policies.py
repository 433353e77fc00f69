"""Resource-based policies of tables: kept with the table, asked by IAM at every call on it."""
from __future__ import annotations

import json
from typing import Any

from cloche.iam import policy as language
from cloche.kernel import Call

from . import errors, op
from .tables import policy
from .tags import by_arn, find

MAX_BYTES = 20 * 1024
NO_POLICY = "NO_POLICY"


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
    call, table = find(call, req["ResourceArn"])
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (table.policy_revision or NO_POLICY):
        raise errors.policy_changed()
    table = call.put(table.but(policy=checked(req["Policy"]), policy_revision=revision(call)))
    return {"RevisionId": table.policy_revision}


@op(resource=by_arn, policy=policy)
def get_resource_policy(call: Call, req: Any) -> Any:
    _, table = find(call, req["ResourceArn"])
    if not table.policy:
        raise errors.no_policy(req["ResourceArn"])
    return {"Policy": table.policy, "RevisionId": table.policy_revision}


@op(resource=by_arn, policy=policy)
def delete_resource_policy(call: Call, req: Any) -> Any:
    call, table = find(call, req["ResourceArn"])
    expected = req.get("ExpectedRevisionId")
    if expected and expected != (table.policy_revision or NO_POLICY):
        raise errors.policy_changed()
    if not table.policy:
        return {}
    call.put(table.but(policy="", policy_revision=""))
    return {"RevisionId": table.policy_revision}
