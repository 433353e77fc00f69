"""A policy document, compiled.

Policies are asked in bundles, by action: `bundle.about("s3:getobject")` gives the few statements whose action matches and is remembered, so that
a decision looks only at resources, principals and conditions of statements that could count.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from .conditions import Condition, Context, compile_block
from .globs import VARIABLE, Template, Test, Unresolved, glob, source, variables
from .principal import Principal, canonical_id

VERSIONS = ("2012-10-17", "2008-10-17")

# How closely an Allow of a resource policy names the caller; the closer, the fewer other policies are still asked.
ACCOUNT, ROLE, EXACT = 1, 2, 3


class MalformedPolicy(ValueError):
    """The document breaks the grammar; the message is AWS's."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Statement:
    __slots__ = ("_actions", "_everyone", "_not_action", "_not_principal", "_not_resource", "_principals", "_resources", "_templates",
                 "allows", "conditions", "heads", "index", "raw", "sid")

    def __init__(self, raw: Mapping[str, Any], index: int, templates: bool) -> None:
        self.raw, self.index, self.sid = raw, index, str(raw.get("Sid") or "")
        effect = raw.get("Effect")
        if effect not in ("Allow", "Deny"):
            raise MalformedPolicy("Syntax errors in policy.")
        self.allows = effect == "Allow"
        self._not_action = "NotAction" in raw
        self._actions: list[Test] = [glob(text.lower()) for text in texts(raw.get("NotAction" if self._not_action else "Action", []))]
        self._not_resource = "NotResource" in raw
        has_resource = self._not_resource or "Resource" in raw
        patterns = texts(raw.get("NotResource" if self._not_resource else "Resource", [])) if has_resource else ["*"]
        self._templates = [Template(text) for text in patterns if templates and "${" in text]
        self._resources: list[Test] = [glob(text) for text in patterns if not (templates and "${" in text)]
        # no resource without one of these beginnings can match: one cheap question before the real ones
        self.heads: tuple[str, ...] = ("",) if self._not_resource else tuple({_head(text) for text in patterns})
        self._not_principal = "NotPrincipal" in raw
        principals = raw.get("NotPrincipal" if self._not_principal else "Principal")
        self._everyone, self._principals = _principals(principals)
        block = raw.get("Condition") or {}
        if not isinstance(block, dict) or not all(isinstance(keys, dict) for keys in block.values()):
            raise MalformedPolicy("Syntax errors in policy.")
        try:
            self.conditions: tuple[Condition, ...] = compile_block(block, templates)
        except ValueError as error:
            raise MalformedPolicy(str(error)) from None

    @property
    def name(self) -> str:
        return self.sid or str(self.index)

    def matches_action(self, action: str) -> bool:
        """`action` is lower case."""
        return any(test(action) for test in self._actions) is not self._not_action

    def matches_resource(self, resource: str, context: Context) -> bool:
        found = False
        if resource.startswith(self.heads):
            for test in self._resources:
                if test(resource):
                    found = True
                    break
        if not found and self._templates and resource.startswith(self.heads):
            for template in self._templates:
                try:
                    if template.test(context)(resource):
                        found = True
                        break
                except Unresolved:
                    if self._not_resource:            # "all but what nobody can name" is not "everything"
                        return False
        return found is not self._not_resource

    def conditions_hold(self, context: Context) -> bool:
        return not self.conditions or all(condition.holds(context) for condition in self.conditions)

    def holds(self, resource: str, context: Context) -> bool:
        return self.matches_resource(resource, context) and self.conditions_hold(context)

    @property
    def plain(self) -> bool:
        """Does `source` say all there is to say about its resources?"""
        return not self._not_resource and not self._templates

    def source(self) -> str:
        """A regular expression that no resource fails which the statement could be about; what variables will say is anybody's guess."""
        if self._not_resource:
            return ""
        return "|".join(source(VARIABLE.sub("*", text) if self._templates else text) for text in self.resources or ["*"])

    @property
    def resources(self) -> list[str]:
        return texts(self.raw.get("NotResource" if self._not_resource else "Resource", []))

    def asks(self) -> set[str]:
        """The condition keys the statement asks for, in conditions and in variables."""
        found = {key for condition in self.conditions for key in condition.asks()}
        return found | {name for text in self.resources for name in variables(text)}

    def names(self, principal: Principal) -> int:
        """0 if the statement is not about this principal, else ACCOUNT, ROLE or EXACT."""
        grade = EXACT if self._everyone else max((_grade(kind, value, principal) for kind, value in self._principals), default=0)
        if self._not_principal:
            return 0 if grade else EXACT
        return grade


def _principals(raw: Any) -> tuple[bool, tuple[tuple[str, str], ...]]:
    if raw is None:
        return False, ()
    if isinstance(raw, str):
        return raw == "*", () if raw == "*" else (("AWS", raw),)
    if not isinstance(raw, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    pairs = [(kind, value) for kind, values in raw.items() for value in texts(values)]
    return ("AWS", "*") in pairs, tuple(pairs)


def _grade(kind: str, value: str, principal: Principal) -> int:
    if principal.kind == "origin":
        return EXACT if (kind == "AWS" and value == principal.arn) or (kind == "CanonicalUser" and value == principal.id) else 0
    if kind == "AWS":
        if not principal.account or principal.kind in ("service", "anonymous"):
            return 0
        if value in (principal.arn, principal.id):
            return ACCOUNT if principal.kind == "root" else EXACT
        if principal.role_arn and (value == principal.role_arn or (principal.kind == "role" and value == principal.id.partition(":")[0])):
            return ROLE
        return ACCOUNT if value == principal.account or (value.endswith(":root") and value.split(":")[4:5] == [principal.account]) else 0
    if kind == "Service":
        return EXACT if principal.kind == "service" and value == principal.service else 0
    if kind == "Federated":
        return EXACT if principal.provider and value == principal.provider else 0
    if kind == "CanonicalUser":
        return ACCOUNT if principal.account and value == canonical_id(principal.account) else 0
    return 0


def _head(pattern: str) -> str:
    """The literal beginning of a resource pattern."""
    return re.split(r"[*?]|\$\{", pattern, maxsplit=1)[0]


class Policy:
    __slots__ = ("_alone", "id", "statements", "text", "version")

    def __init__(self, document: Mapping[str, Any], text: str) -> None:
        self.text = text
        self.version = document.get("Version", "2008-10-17")
        if self.version not in VERSIONS:
            raise MalformedPolicy("Syntax errors in policy.")
        self.id = document.get("Id", "")
        raw = document.get("Statement", [])
        raw = [raw] if isinstance(raw, dict) else raw
        if not isinstance(raw, list) or not all(isinstance(one, dict) for one in raw):
            raise MalformedPolicy("Syntax errors in policy.")
        templates = self.version == "2012-10-17"
        self.statements = tuple(Statement(one, i, templates) for i, one in enumerate(raw))
        self._alone: dict[str, Bundle] = {}

    def alone(self, name: str) -> Bundle:
        """This policy as a bundle of its own."""
        found = self._alone.get(name)
        if found is None:
            if len(self._alone) > 64:
                self._alone.clear()
            found = self._alone[name] = Bundle(((name, "", self),))
        return found


Named = tuple[str, str, Policy]                        # (name or ARN, kind: "inline" | "managed" | "group" ..., policy)
Counted = tuple[str, str, str]                         # (policy name, sid or index, "Allow" | "Deny")
OFTEN = 8                                              # questions about one action from which an index pays


class Hits:
    """The statements of one effect about one action. Asked often, one regular expression finds the first whose resources match."""

    __slots__ = ("_asked", "_find", "heads", "statements")

    def __init__(self, statements: list[tuple[str, Statement]]) -> None:
        self.statements = tuple(statements)
        heads = {head for _, s in statements for head in s.heads}
        self.heads: tuple[str, ...] = ("",) if "" in heads else tuple(heads)
        self._asked, self._find = 0, None

    def first(self, resource: str, context: Context, principal: Principal | None = None) -> Counted | None:
        """The first statement that holds; with a principal, of those that name it."""
        if not self.statements or not resource.startswith(self.heads):
            return None
        statements = self.statements
        if self._find is not None or self._often():
            found = self._find(resource)               # type: ignore[misc]
            if found is None:
                return None
            at: int = found.lastindex - 1
            name, s = statements[at]
            if (principal is None or s.names(principal)) and (s.conditions_hold(context) if s.plain else s.holds(resource, context)):
                return name, s.name, "Allow" if s.allows else "Deny"
            statements = statements[at + 1:]
        starts = resource.startswith
        for name, s in statements:
            if starts(s.heads) and (principal is None or s.names(principal)) and s.holds(resource, context):
                return name, s.name, "Allow" if s.allows else "Deny"
        return None

    def _often(self) -> bool:
        self._asked += 1
        if self._asked < OFTEN:
            return False
        self._find = re.compile("|".join(f"(?:{s.source()})()" for _, s in self.statements), re.S).match
        return True


class Bundle(tuple[Named, ...]):
    """Named policies that are asked together; it remembers for each action which statements, of all of them, are about it."""

    _hits: dict[str, tuple[Hits, Hits]]

    def about(self, action: str) -> tuple[Hits, Hits]:
        """(denials, allowances) about a lower-cased action."""
        try:
            return self._hits[action]
        except AttributeError:
            self._hits = {}
        except KeyError:
            if len(self._hits) > 2048:                # a stranger's action names must not fill the memory
                self._hits.clear()
        hits = [(name, s) for name, _, policy in self for s in policy.statements if s.matches_action(action)]
        found = self._hits[action] = (Hits([(n, s) for n, s in hits if not s.allows]), Hits([(n, s) for n, s in hits if s.allows]))
        return found


def texts(value: Any) -> list[str]:
    """One text or a list of texts, as the grammar allows nearly everywhere."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise MalformedPolicy("Syntax errors in policy.")


def load(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedPolicy("This policy contains invalid Json") from None
    if not isinstance(document, dict):
        raise MalformedPolicy("Syntax errors in policy.")
    return document


@lru_cache(8192)
def parse(text: str) -> Policy:
    """Compile a document. What a kind of policy additionally must or must not contain is `grammar`'s to say."""
    return Policy(load(text), text)


def positions(text: str) -> list[tuple[int, int]]:
    """Where each statement stands in the text of a policy: offsets of its first character and behind its last."""
    decoder, found = json.JSONDecoder(), []
    at = _skip(text, 0, "{")
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, at, ":")
        start = at
        if key == "Statement" and text[at] == "[":
            at = _skip(text, at, "[")
            while text[at] != "]":
                start = at
                _, at = decoder.raw_decode(text, at)
                found.append((start, at))
                at = _skip(text, at, ",")
            at += 1
        else:
            _, at = decoder.raw_decode(text, at)
            if key == "Statement":
                found.append((start, at))
        at = _skip(text, at, ",")
    return found


def _skip(text: str, at: int, mark: str) -> int:
    """Behind white space, the mark if it is there, and white space again."""
    at = _SPACE.match(text, at).end()                  # type: ignore[union-attr]
    return _SPACE.match(text, at + 1).end() if text[at:at + 1] == mark else at   # type: ignore[union-attr]


_SPACE = re.compile(r"\s*")
