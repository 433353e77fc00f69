"""What a policy must and must not contain, for each kind: identity, trust and resource policies.

`policy.parse` is lenient, since policies that AWS once accepted must still be understood; these checks stand before a policy is stored.
"""
from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from .conditions import split
from .globs import glob
from .policy import VERSIONS, MalformedPolicy, Policy, parse, texts

SYNTAX = "Syntax errors in policy."
FIELDS = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
PARTITIONS = {"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc", "*"}
TRUST_ACTIONS = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:tagsession", "sts:setsourceidentity", "sts:setcontext",
                 "sts:assumeroot")
PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}

Known = Callable[[str, str], bool]                     # does the principal (kind, value) exist?


def identity(text: str, managed: bool = False) -> Policy:
    """A policy for a user, group or role, a boundary, or a session policy. Managed ones must be of the current version; templates leave it out elsewhere."""
    document = _document(text, SYNTAX)
    version = document.get("Version", "2008-10-17")
    if version not in VERSIONS:
        raise MalformedPolicy(SYNTAX)
    if managed and version != "2012-10-17":
        raise MalformedPolicy("Policy document must be version 2012-10-17 or greater.")
    for statement in _statements(document):
        if "Principal" in statement or "NotPrincipal" in statement:
            raise MalformedPolicy("Policy document should not specify a principal.")
        _actions(statement)
        _resources(statement)
        _conditions(statement)
    return parse(text)


def trust(text: str, known: Known) -> Policy:
    """A role's trust policy: who may assume it."""
    document = _document(text, "This policy contains invalid Json")
    if document.get("Version", "2008-10-17") not in VERSIONS:
        raise MalformedPolicy(SYNTAX)
    for statement in _statements(document):
        if "Resource" in statement or "NotResource" in statement:
            raise MalformedPolicy("Has prohibited field Resource")
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise MalformedPolicy("Missing required field Principal")
        _actions(statement)
        if "NotAction" not in statement:
            for action in texts(statement["Action"]):
                if not any(glob(action.lower())(one) for one in TRUST_ACTIONS):
                    raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")
        _who(statement, known)
        _conditions(statement)
    return parse(text)


def resource(text: str, known: Known = lambda kind, value: True, resource_needed: bool = True) -> Policy:
    """A policy that hangs on a resource: a queue, a bucket, a key."""
    document = _document(text, "This policy contains invalid Json")
    if document.get("Version", "2008-10-17") not in VERSIONS:
        raise MalformedPolicy(SYNTAX)
    for statement in _statements(document):
        if "Principal" not in statement and "NotPrincipal" not in statement:
            raise MalformedPolicy("Missing required field Principal")
        _actions(statement)
        if resource_needed and "Resource" not in statement and "NotResource" not in statement:
            raise MalformedPolicy("Missing required field Resource")
        _who(statement, known)
        _conditions(statement)
    return parse(text)


def _document(text: str, complaint: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedPolicy(complaint) from None
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"} or "Statement" not in document:
        raise MalformedPolicy(SYNTAX)
    return document


def _statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    raw = document["Statement"]
    statements = [raw] if isinstance(raw, dict) else raw
    if not isinstance(statements, list) or not statements or not all(isinstance(one, dict) for one in statements):
        raise MalformedPolicy(SYNTAX)
    seen: set[str] = set()
    for one in statements:
        if one.keys() - FIELDS or one.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicy(SYNTAX)
        for name in ("Action", "Resource", "Principal"):
            if name in one and f"Not{name}" in one:
                raise MalformedPolicy(SYNTAX)
        sid = one.get("Sid", "")
        if not isinstance(sid, str):
            raise MalformedPolicy(SYNTAX)
        if sid:
            if sid in seen:
                raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
            seen.add(sid)
    return statements


def alphanumeric_sids(policy: Policy) -> None:
    """IAM's own policies allow less in a Sid than those of resources."""
    for statement in policy.statements:
        if not re.fullmatch(r"[0-9A-Za-z]*", statement.sid):
            raise MalformedPolicy("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*")


def _actions(statement: dict[str, Any]) -> None:
    if "Action" not in statement and "NotAction" not in statement:
        raise MalformedPolicy("Policy statement must contain actions.")
    actions = texts(statement.get("Action", statement.get("NotAction")))
    if not actions:
        raise MalformedPolicy("Policy statement must contain actions.")
    for action in actions:
        if action == "*":
            continue
        vendor, colon, rest = action.partition(":")
        if not colon:
            raise MalformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
        if ":" in rest:
            raise MalformedPolicy("Actions/Condition can contain only one colon.")
        if not re.fullmatch(r"[A-Za-z0-9*?-]+", vendor):
            raise MalformedPolicy(f"Vendor {vendor} is not valid")


def _resources(statement: dict[str, Any]) -> None:
    if "Resource" not in statement and "NotResource" not in statement:
        raise MalformedPolicy("Policy statement must contain resources.")
    resources = texts(statement.get("Resource", statement.get("NotResource")))
    if not resources:
        raise MalformedPolicy("Policy statement must contain resources.")
    for one in resources:
        if one == "*" or one.startswith("${"):
            continue
        parts = one.split(":", 5)
        if parts[0] != "arn" and not glob(parts[0])("arn"):
            raise MalformedPolicy(f'Resource {one} must be in ARN format or "*".')
        if parts[0] != "arn":
            continue
        if len(parts) < 6 and not one.endswith("*"):
            raise MalformedPolicy("The policy failed legacy parsing")
        if parts[1] not in PARTITIONS and "*" not in parts[1] and "$" not in parts[1]:
            raise MalformedPolicy(f'Partition "{parts[1]}" is not valid for resource "{one}".')
        if len(parts) == 6 and parts[2] in ("iam", "s3") and parts[3] not in ("", "*") and not (parts[2] == "s3" and parts[4] and "/" in parts[5]):  # access points have a region, and jobs
            said = "IAM resource {} cannot contain region information." if parts[2] == "iam" else "Resource {} can not contain region information."
            raise MalformedPolicy(said.format(one))


def _who(statement: dict[str, Any], known: Known) -> None:
    raw = statement.get("Principal", statement.get("NotPrincipal"))
    if isinstance(raw, str):
        if raw != "*":
            raise MalformedPolicy(f'Invalid principal in policy: "AWS":"{raw}"')
        return
    if not isinstance(raw, dict) or not raw:
        raise MalformedPolicy(SYNTAX)
    for kind, values in raw.items():
        if kind not in PRINCIPALS:
            raise MalformedPolicy(f'Invalid principal in policy: "{kind}"')
        for value in texts(values):
            good = bool(value) and (value == "*" if "*" in value and kind == "AWS" else True)
            if not good or (value != "*" and not known(kind, value)):
                raise MalformedPolicy(f'Invalid principal in policy: "{kind.upper() if kind == "Service" else kind}":"{value}"')


def _conditions(statement: dict[str, Any]) -> None:
    block = statement.get("Condition", {})
    if not isinstance(block, dict):
        raise MalformedPolicy(SYNTAX)
    for operator, keys in block.items():
        if split(operator) is None:
            raise MalformedPolicy(f"Invalid Condition type : {operator}.")
        if not isinstance(keys, dict):
            raise MalformedPolicy(SYNTAX)
        for key, values in keys.items():
            if ":" not in key:
                raise MalformedPolicy("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
            scalar = (str, int, float, bool)
            if not isinstance(values, scalar) and not (isinstance(values, list) and all(isinstance(one, scalar) for one in values)):
                raise MalformedPolicy(SYNTAX)
