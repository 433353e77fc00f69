"""Trust policies. AWS remembers the unique ids of the users and roles that a trust policy names: one made anew under an old name is a stranger."""
from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, Policy, grammar, parse
from cloche.iam.policy import texts
from cloche.kernel import Call

from . import errors

if TYPE_CHECKING:
    from .roles import Role

MOST_CHARACTERS = 2048
_ENTITY = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):(user|role)/(?:.*/)?([\w+=,.@-]+)")
_OTHERS = re.compile(r"\d{12}|arn:aws[a-z-]*:iam::\d{12}:root|arn:aws[a-z-]*:sts::\d{12}:(assumed-role|federated-user)/.+|A(IDA|ROA)[A-Z0-9]{12,}")
_SERVICE = re.compile(r"[a-z0-9.-]+\.(amazonaws\.com(\.cn)?|amazon\.com|aws\.internal)")
_FEDERATED = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(saml-provider|oidc-provider)/.+|(cognito-identity|www|graph|accounts)\.[a-z.]+")


def entity(call: Call, arn: str) -> str | None:
    """The unique id of the user or role with this ARN, of whatever account."""
    from . import roles, users
    found = _ENTITY.fullmatch(arn)
    if not found:
        return None
    account, kind, name = found.groups()
    there = call.at(account, call.region)
    if kind == "user":
        user = there.get(users.User, name.lower())
        return user.id if user and users.arn(there, user) == arn else None
    role = there.get(roles.Role, name.lower())
    return role.id if role and roles.arn(there, role) == arn else None


def checked(call: Call, text: str) -> dict[str, str]:
    """Refuse a bad trust policy; of a good one, the unique ids of the users and roles it names."""
    def known(kind: str, value: str) -> bool:
        if kind == "AWS":
            return bool(_OTHERS.fullmatch(value)) or entity(call, value) is not None
        return bool((_SERVICE if kind == "Service" else _FEDERATED if kind == "Federated" else _OTHERS).fullmatch(value))
    try:
        policy = grammar.trust(text, known)
        grammar.alphanumeric_sids(policy)
    except MalformedPolicy as error:
        raise errors.malformed(error.message) from None
    if len(re.sub(r"\s", "", text)) > MOST_CHARACTERS:
        raise errors.too_many("ACLSizePerRole", MOST_CHARACTERS)
    return {arn: id for arn in _named(json.loads(text)) if (id := entity(call, arn))}


def _named(document: Any) -> list[str]:
    statements = document["Statement"]
    return [value for one in ([statements] if isinstance(statements, dict) else statements)
            for principals in (one.get("Principal"), one.get("NotPrincipal")) if isinstance(principals, dict)
            for value in texts(principals.get("AWS", []))]


def policy(role: Role) -> Policy:
    """The compiled policy, with ids in place of names."""
    return _sealed(role.trust, tuple(role.trusted.items()))


@lru_cache(4096)
def _sealed(text: str, ids: tuple[tuple[str, str], ...]) -> Policy:
    return parse(_replaced(text, dict(ids))) if ids else parse(text)


def shown(call: Call, role: Role) -> str:
    """The text for people: names where they still mean the same, ids of those who are gone."""
    gone = {arn: id for arn, id in role.trusted.items() if entity(call, arn) != id}
    return _replaced(role.trust, gone) if gone else role.trust


def _replaced(text: str, ids: dict[str, str]) -> str:
    document = json.loads(text)
    statements = document["Statement"]
    for one in [statements] if isinstance(statements, dict) else statements:
        for field in ("Principal", "NotPrincipal"):
            if isinstance(one.get(field), dict) and "AWS" in one[field]:
                values = one[field]["AWS"]
                one[field]["AWS"] = ids.get(values, values) if isinstance(values, str) else [ids.get(value, value) for value in values]
    return json.dumps(document)
