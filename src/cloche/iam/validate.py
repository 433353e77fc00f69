"""What Access Analyzer's policy checks find in a document: errors, security warnings, warnings, suggestions, each with its place in the text. Pure.

Of AWS's hundred-odd checks those that need no knowledge of every service: the grammar, and what experience warns of. Codes and sentences are AWS's ("Access Analyzer policy
check reference").
"""
from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from .conditions import split
from .globs import glob
from .policy import VERSIONS

ERROR, SECURITY, WARNING, SUGGESTION = "ERROR", "SECURITY_WARNING", "WARNING", "SUGGESTION"
STATEMENT = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")
Path = tuple[str | int, ...]


class Finding(msgspec.Struct, frozen=True):
    type: str
    code: str
    details: str
    path: Path = ()


def check(text: str, kind: str, *, trust: bool = False) -> list[Finding]:
    """`kind`: IDENTITY_POLICY, RESOURCE_POLICY, SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY; `trust`: of a role."""
    try:
        document = json.loads(text)
    except ValueError as error:
        at = getattr(error, "pos", 0)
        return [Finding(ERROR, "JSON_SYNTAX_ERROR", f"Fix the JSON syntax error at index {at} line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}.")]
    if not isinstance(document, dict):
        return [Finding(ERROR, "JSON_SYNTAX_ERROR", "Fix the JSON syntax error at index 0 line 1 column 1.")]
    found: list[Finding] = []
    if "Version" not in document:
        found.append(Finding(WARNING, "MISSING_VERSION", "We recommend that you specify the Version element to help you with debugging permission issues."))
    elif document["Version"] not in VERSIONS:
        found.append(Finding(ERROR, "INVALID_VERSION", f"The version {document['Version']} is not valid. Use one of the following versions: 2012-10-17, 2008-10-17", ("Version",)))
    found += [Finding(ERROR, "UNSUPPORTED_ELEMENT", f"The policy element {name} is not supported. Use one of the supported policy elements: Version, Id, Statement", (name,))
              for name in document if name not in ("Version", "Id", "Statement")]
    if "Statement" not in document:
        return [*found, Finding(ERROR, "MISSING_STATEMENT", "Add a statement to the policy.")]
    raw = document["Statement"]
    statements = raw if isinstance(raw, list) else [raw]
    if not statements:
        found.append(Finding(ERROR, "MISSING_STATEMENT", "Add a statement to the policy."))
    sids: dict[str, int] = {}
    for i, one in enumerate(statements):
        path: Path = ("Statement", i) if isinstance(raw, list) else ("Statement",)
        if not isinstance(one, dict):
            found.append(Finding(ERROR, "DATA_TYPE_MISMATCH", "The text does not match the expected JSON data type Object.", path))
            continue
        found += _statement(one, path, kind, document.get("Version") == "2012-10-17", trust)
        if sid := one.get("Sid"):
            if sid in sids:
                found.append(Finding(ERROR, "UNIQUE_SIDS_REQUIRED", "Duplicate statement IDs are not supported for this policy type. Update the Sid value.", (*path, "Sid")))
            sids[str(sid)] = i
    return found


def _statement(one: dict[str, Any], path: Path, kind: str, modern: bool, trust: bool) -> list[Finding]:
    found = [Finding(ERROR, "UNSUPPORTED_ELEMENT", f"The policy element {name} is not supported. Use one of the supported policy elements: {', '.join(STATEMENT)}", (*path, name))
             for name in one if name not in STATEMENT]
    if "Effect" not in one:
        found.append(Finding(ERROR, "MISSING_EFFECT", "Add an Effect element to the policy statement with a value of Allow or Deny.", path))
    elif one["Effect"] not in ("Allow", "Deny"):
        found.append(Finding(ERROR, "INVALID_EFFECT", f"The effect {one['Effect']} is not valid. Use Allow or Deny.", (*path, "Effect")))
    for pair in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if all(name in one for name in pair):
            found.append(Finding(ERROR, "UNSUPPORTED_ELEMENT_COMBINATION", f"The policy elements {pair[0]} and {pair[1]} can not be used in the same statement. Remove one of these elements.", path))
    if "Action" not in one and "NotAction" not in one:
        found.append(Finding(ERROR, "MISSING_ACTION", "Add an Action or NotAction element to the policy statement.", path))
    if "Resource" not in one and "NotResource" not in one and not trust:
        found.append(Finding(ERROR, "MISSING_RESOURCE", "Add a Resource or NotResource element to the policy statement.", path))
    named = [name for name in ("Principal", "NotPrincipal") if name in one]
    if kind == "RESOURCE_POLICY":
        if not named:
            found.append(Finding(ERROR, "MISSING_PRINCIPAL", "Add a Principal element to the policy statement.", path))
        if "NotPrincipal" in one and one.get("Effect") == "Allow":
            found.append(Finding(SECURITY, "ALLOW_WITH_NOT_PRINCIPAL", "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.", (*path, "NotPrincipal")))
    elif kind != "RESOURCE_CONTROL_POLICY":
        found += [Finding(ERROR, "UNSUPPORTED_PRINCIPAL", f"The policy type {kind} does not support the Principal element. Remove the Principal element.", (*path, name)) for name in named]
    if trust and ("Resource" in one or "NotResource" in one):
        found.append(Finding(ERROR, "UNSUPPORTED_RESOURCE_ELEMENT_FOR_TRUST_POLICY", "The policy type does not support the Resource element. Remove the Resource element.", path))
    for name in ("Action", "NotAction"):
        found += _actions(one.get(name), (*path, name))
    for name in ("Resource", "NotResource"):
        found += _resources(one.get(name), (*path, name))
    found += _condition(one.get("Condition"), (*path, "Condition"), modern)
    return found + _warnings(one, path, kind)


def _each(value: Any, path: Path) -> list[tuple[str, Path]]:
    return [(value, path)] if isinstance(value, str) else [(one, (*path, i)) for i, one in enumerate(value) if isinstance(one, str)] if isinstance(value, list) else []


def _actions(value: Any, path: Path) -> list[Finding]:
    found = [Finding(SUGGESTION, "EMPTY_ARRAY_ACTION", "This statement includes no actions and does not affect the policy. Specify actions.", path)] if value == [] else []
    each = _each(value, path)
    for text, place in each:
        service, colon, name = text.partition(":")
        if text != "*" and (not colon or not name or not re.fullmatch(r"[\w*?-]+", service)):
            found.append(Finding(ERROR, "INVALID_ACTION", f"The action {text} does not exist. Use a valid action of the form service:action.", place))
    wide = [text for text, _ in each if "*" in text]
    for text, place in each:
        if any(other != text and glob(other.lower())(text.lower()) for other in wide) or sum(other.lower() == text.lower() for other, _ in each) > 1:
            found.append(Finding(SUGGESTION, "REDUNDANT_ACTION", f"The action {text} is redundant because it provides similar permissions as another. Update the policy to remove the redundant action.", place))
    return found


def _resources(value: Any, path: Path) -> list[Finding]:
    found = [Finding(SUGGESTION, "EMPTY_ARRAY_RESOURCE", "This statement includes no resources and does not affect the policy. Specify resources.", path)] if value == [] else []
    for text, place in _each(value, path):
        parts = text.split(":", 5)
        if text == "*" or text.startswith("${"):
            continue
        if parts[0] != "arn":
            found.append(Finding(ERROR, "INVALID_ARN_PREFIX", "Add the required prefix (arn) to the resource ARN.", place))
        elif len(parts) < 6 and not text.endswith("*"):
            found.append(Finding(ERROR, "MISSING_ARN_FIELD", "Resource ARNs must include at least 6 fields in the following structure: arn:partition:service:region:account:resource", place))
        elif len(parts) == 6:
            if not re.fullmatch(r"aws(-[a-z-]+)?|\*|.*[*$?].*", parts[1]):
                found.append(Finding(ERROR, "INVALID_PARTITION", f"The partition {parts[1]} in the resource ARN is not valid. Use one of the supported values: aws, aws-cn, aws-us-gov", place))
            if parts[4] and not re.fullmatch(r"\d{12}|aws|.*[*$?{].*", parts[4]):
                found.append(Finding(ERROR, "INVALID_ARN_ACCOUNT", f"The resource ARN account ID {parts[4]} is not valid. Provide a 12-digit account ID.", place))
            if parts[2] in ("iam", "s3") and parts[3] not in ("", "*"):
                found.append(Finding(ERROR, "ARN_REGION_NOT_ALLOWED", f"The service {parts[2]} does not support specifying a Region in the resource ARN.", place))
    return found


def _condition(block: Any, path: Path, modern: bool) -> list[Finding]:
    if block is None:
        return []
    if not isinstance(block, dict):
        return [Finding(ERROR, "DATA_TYPE_MISMATCH", "The text does not match the expected JSON data type Object.", path)]
    found = [Finding(SUGGESTION, "EMPTY_OBJECT_CONDITION", "This condition block is empty and it does not affect the policy. Specify conditions.", path)] if not block else []
    for operator, keys in block.items():
        place = (*path, operator)
        if split(operator) is None:
            found.append(Finding(ERROR, "INVALID_OPERATOR", f"The operator {operator} is not valid. Use a valid condition operator.", place))
        for key, values in keys.items() if isinstance(keys, dict) else ():
            if ":" not in key:
                found.append(Finding(ERROR, "INVALID_CONDITION_KEY_FORMAT", f"The condition key format {key} is not valid. Use the format service:keyname.", (*place, key)))
            kind = (split(operator) or ("", "", False))[1]
            for text, where in _each(values, (*place, key)):
                if kind in ("StringEquals", "StringNotEquals") and re.search(r"[*?]", text) and "${" not in text:
                    found.append(Finding(WARNING, "WILDCARD_WITHOUT_LIKE_OPERATOR", "Your condition value includes a * or ? character. If you meant to use a wildcard (*, ?), "
                                         "update the condition operator to include Like.", where))
                if kind.startswith("Numeric") and not re.fullmatch(r"-?\d+(\.\d+)?", text) and "${" not in text:
                    found.append(Finding(ERROR, "TYPE_MISMATCH_NUMBER", f"Add a numeric value for the condition operator {operator}.", where))
                if kind in ("Bool", "Null") and text.lower() not in ("true", "false") and "${" not in text:
                    found.append(Finding(ERROR, "TYPE_MISMATCH_BOOLEAN", f"Add a valid Boolean value (true or false) for the condition operator {operator}.", where))
                if kind in ("IpAddress", "NotIpAddress") and not re.fullmatch(r"[0-9a-fA-F.:]+(/\d{1,3})?", text) and "${" not in text:
                    found.append(Finding(ERROR, "TYPE_MISMATCH_IP_RANGE", f"The condition operator {operator} is used with an invalid IP range value. Specify the IP range in standard CIDR format.", where))
                if "${" in text and not modern:
                    found.append(Finding(WARNING, "POLICY_VARIABLES_WITH_OLD_VERSION", "Policy variables need the version 2012-10-17: in other versions they are plain text.", where))
    return found


def _warnings(one: dict[str, Any], path: Path, kind: str) -> list[Finding]:
    if one.get("Effect") != "Allow" or kind not in ("IDENTITY_POLICY", "RESOURCE_POLICY"):
        return []
    found = []
    condition = one.get("Condition") if isinstance(one.get("Condition"), dict) else {}
    keys = {key.lower() for inner in condition.values() if isinstance(inner, dict) for key in inner}
    resources = _each(one.get("Resource"), (*path, "Resource"))
    passes = [(text, place) for text, place in _each(one.get("Action"), (*path, "Action")) if glob(text.lower())("iam:passrole")]
    stars = [(text, place) for text, place in resources if text == "*" or text.endswith(":role/*")]
    if passes and stars and kind == "IDENTITY_POLICY" and "iam:passedtoservice" not in keys:
        everything = any(text in ("*", "iam:*") for text, _ in passes)
        words = ("Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions on all resources." if everything else
                 "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources.")
        found.append(Finding(SECURITY, "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE" if everything else "PASS_ROLE_WITH_STAR_IN_RESOURCE",
                             f"{words} We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement.", stars[0][1]))
    if "NotAction" in one and any(text == "*" for text, _ in resources) and kind == "IDENTITY_POLICY":
        found.append(Finding(SECURITY, "PASS_ROLE_WITH_NOT_ACTION_AND_STAR_IN_RESOURCE",
                             "Using the element NotAction with wildcards (*) in the resource can be overly permissive because it can allow iam:PassRole permissions on all resources. "
                             "We recommend that you specify resource ARNs instead.", (*path, "NotAction")))
    for text, place in _each(one.get("Action"), (*path, "Action")):
        if text.lower() == "iam:createservicelinkedrole" and any(each == "*" for each, _ in resources) and "iam:awsservicename" not in keys:
            found.append(Finding(SECURITY, "CREATE_SLR_WITH_STAR_IN_RESOURCE", "Using the iam:CreateServiceLinkedRole action with wildcards (*) in the resource can allow creation of unintended "
                                 "service-linked roles. We recommend that you specify resource ARNs instead.", place))
    return found


def place(text: str, path: Path) -> tuple[int, int]:
    """Where the element of a path stands in a document's text: offsets of its first character and behind its last."""
    decoder, at, end = json.JSONDecoder(), re.match(r"\s*", text).end(), len(text.rstrip())   # type: ignore[union-attr]
    for step in path:
        at, end = _child(decoder, text, at, step)
    return at, end


def _child(decoder: json.JSONDecoder, text: str, at: int, step: str | int) -> tuple[int, int]:
    def skip(i: int) -> int:
        while i < len(text) and text[i] in " \t\r\n,":
            i += 1
        return i
    i, n = skip(at + 1), 0
    while text[i] not in "]}":
        name: Any = n
        if text[at] == "{":
            name, i = decoder.raw_decode(text, i)
            i = skip(text.index(":", i) + 1)
        _, end = decoder.raw_decode(text, i)
        if name == step:
            return i, end
        i, n = skip(end), n + 1
    return at, at
