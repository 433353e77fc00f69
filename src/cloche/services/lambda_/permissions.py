"""The resource policy of a function, one for each qualifier, built statement by statement."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, names
from . import service as lambda_
from .names import LATEST
from .records import Function, find, version_of

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

POLICY_LIMIT = 20480
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)")
_ARN = re.compile(r"arn:[\w-]+:(iam|sts)::(\d{12}):(root|user/.+|role/.+|assumed-role/.+|federated-user/.+)")


def text(function: Function, qualifier: str = "") -> str | None:
    """The policy for IAM and for GetPolicy; None if there is none."""
    held = function.policies.get(qualifier)
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": held["statements"]}, separators=(",", ":")) if held and held["statements"] else None


def context(call: Call, req: Any) -> dict[str, Any]:
    keys = {"lambda:Principal": req["Principal"]}
    if "FunctionUrlAuthType" in req:
        keys["lambda:FunctionUrlAuthType"] = req["FunctionUrlAuthType"]
    return keys


def principal_of(text_: str) -> Any:
    if text_ == "*":
        return "*"
    if _SERVICE.fullmatch(text_):
        return {"Service": text_}
    if text_.isdigit() and len(text_) == 12:
        return {"AWS": f"arn:aws:iam::{text_}:root"}
    if _ARN.fullmatch(text_):
        return {"AWS": text_}
    raise errors.bad_principal()


def held_by(call: Call, req: Any) -> tuple[Function, str, dict[str, Any]]:
    """Function, qualifier and its policy; the revision that the request demands is checked."""
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    if name.qualifier == LATEST:
        raise errors.not_on_latest()
    if name.qualifier:
        version_of(call, name)
    held = function.policies.get(name.qualifier or "", {"statements": [], "revision": ""})
    if req.get("RevisionId") and req["RevisionId"] != held["revision"]:
        raise errors.wrong_revision()
    return function, name.qualifier or "", held


@lambda_.op(names.function, context=context)
def add_permission(call: Call, req: t.AddPermissionRequest) -> t.AddPermissionResponse:
    function, qualifier, held = held_by(call, req)
    sid, action = req["StatementId"], req["Action"]
    if not re.fullmatch(r"[a-zA-Z0-9-_]+", sid):
        raise errors.validation(f"Value '{sid}' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)")
    if not re.fullmatch(r"lambda:[*]|lambda:[a-zA-Z]+|[*]", action):
        raise errors.validation(f"Value '{action}' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])")
    principal = principal_of(req["Principal"])
    if any(s["Sid"] == sid for s in held["statements"]):
        raise errors.statement_exists(sid)
    statement: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": names.arn(call, function.name, qualifier or None)}
    if condition := conditions(req):
        statement["Condition"] = condition
    new = {"statements": [*held["statements"], statement], "revision": call.uuid()}
    changed = function.but(policies=function.policies | {qualifier: new})
    if len((text(changed, qualifier) or "").encode()) > POLICY_LIMIT:
        raise errors.policy_too_long()
    call.put(changed)
    return {"Statement": json.dumps(statement, separators=(",", ":"))}


def conditions(req: Any) -> dict[str, Any]:
    equals: dict[str, Any] = {}
    out: dict[str, Any] = {}
    if account := req.get("SourceAccount"):
        equals["AWS:SourceAccount"] = account
    if organization := req.get("PrincipalOrgID"):
        equals["aws:PrincipalOrgID"] = organization
    if token := req.get("EventSourceToken"):
        equals["lambda:EventSourceToken"] = token
    if auth := req.get("FunctionUrlAuthType"):
        equals["lambda:FunctionUrlAuthType"] = auth
    if equals:
        out["StringEquals"] = equals
    if req.get("InvokedViaFunctionUrl"):
        out["Bool"] = {"lambda:InvokedViaFunctionUrl": "true"}
    if arn := req.get("SourceArn"):
        out["ArnLike"] = {"AWS:SourceArn": arn}
    return out


@lambda_.op(names.function)
def get_policy(call: Call, req: t.GetPolicyRequest) -> t.GetPolicyResponse:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    qualifier = "" if name.qualifier in (None, LATEST) else name.qualifier
    if qualifier:
        version_of(call, name)
    policy = text(function, qualifier)
    if policy is None:
        raise errors.no_policy()
    return {"Policy": policy, "RevisionId": function.policies[qualifier]["revision"]}


@lambda_.op(names.function)
def remove_permission(call: Call, req: t.RemovePermissionRequest) -> None:
    function, qualifier, held = held_by(call, req)
    if not held["statements"]:
        raise errors.no_policy_yet()
    kept = [s for s in held["statements"] if s["Sid"] != req["StatementId"]]
    if len(kept) == len(held["statements"]):
        raise errors.no_such_statement(req["StatementId"])
    call.put(function.but(policies=function.policies | {qualifier: {"statements": kept, "revision": call.uuid()}}))
