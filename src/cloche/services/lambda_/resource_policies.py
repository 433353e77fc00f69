"""A function's resource policy as a whole: what AddPermission builds statement by statement, put, read and deleted by ARN."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.iam import grammar
from cloche.iam.policy import MalformedPolicy
from cloche.kernel import Call

from . import errors, names
from . import service as lambda_
from .names import LATEST
from .permissions import POLICY_LIMIT, text
from .records import Function, find, version_of

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t


def arn(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


def held_by(call: Call, req: Any) -> tuple[Function, str, dict[str, Any]]:
    name = names.parse(call, req["ResourceArn"])
    function = find(call, name)
    if name.qualifier == LATEST:
        raise errors.not_on_latest()
    if name.qualifier:
        version_of(call, name)
    held = function.policies.get(name.qualifier or "", {"statements": [], "revision": ""})
    if req.get("RevisionId") and req["RevisionId"] != held["revision"]:
        raise errors.wrong_revision()
    return function, name.qualifier or "", held


@lambda_.op(arn)
def put_resource_policy(call: Call, req: t.PutResourcePolicyRequest) -> Any:
    function, qualifier, _ = held_by(call, req)
    if len(req["Policy"].encode()) > POLICY_LIMIT:
        raise errors.policy_too_long()
    try:
        grammar.resource(req["Policy"])
    except MalformedPolicy as error:
        raise errors.invalid(error.message) from None
    statements = json.loads(req["Policy"])["Statement"]
    new = {"statements": [{"Sid": f"s{number}", **one} for number, one in enumerate(statements if isinstance(statements, list) else [statements])], "revision": call.uuid()}
    for one in new["statements"]:
        resources = one.get("Resource", [])
        for resource in [resources] if isinstance(resources, str) else resources:
            if resource != req["ResourceArn"]:
                raise errors.invalid(f"The resource {resource} of the policy is not {req['ResourceArn']}.")
    function = call.put(function.but(policies=function.policies | {qualifier: new}))
    return {"Policy": text(function, qualifier), "RevisionId": new["revision"]}


@lambda_.op(arn)
def get_resource_policy(call: Call, req: t.GetResourcePolicyRequest) -> Any:
    function, qualifier, held = held_by(call, req)
    policy = text(function, qualifier)
    if policy is None:
        raise errors.no_policy()
    return {"Policy": policy, "RevisionId": held["revision"]}


@lambda_.op(arn)
def delete_resource_policy(call: Call, req: t.DeleteResourcePolicyRequest) -> None:
    function, qualifier, held = held_by(call, req)
    if not held["statements"]:
        raise errors.no_policy()
    call.put(function.but(policies={key: value for key, value in function.policies.items() if key != qualifier}))
