"""What Identity Center's other services ask the identity store behind the curtain."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import groups, users
from .stores import Name, Store


def found(call: Call, id: str) -> Store:
    """A store, made in this account and region."""
    return call.put(Store(id, call.account, call.region))


def store(call: Call, id: str) -> Store | None:
    return call.get(Store, id)


def remove(call: Call, id: str) -> None:
    """The store and all that is in it."""
    for type_ in (users.User, groups.Group, groups.Membership, Name):
        for record in call.all(type_):
            call.delete(record)
    call.delete(Store(id, call.account, call.region))


def exists(there: Call, type: str, id: str) -> bool:
    return there.get(users.User if type == "USER" else groups.Group, id) is not None


def user(there: Call, id: str) -> Any:
    return there.get(users.User, id)


def by_name(there: Call, name: str) -> Any:
    known = there.get(Name, f"UserName/{name.lower()}")
    return there.get(users.User, known.id) if known else None


def names(there: Call) -> list[str]:
    """Everybody's user name, in order."""
    return sorted(user.name for user in there.all(users.User))


def by_attribute(there: Call, path: str, value: str) -> Any:
    """The user whose attribute has this value: userName, emails.value or externalIds.value."""
    if path == "userName":
        return by_name(there, value)
    if path == "emails.value":
        return next((one for one in there.all(users.User) if any(mail.get("Value", "").lower() == value.lower() for mail in one.attributes.get("Emails", []))), None)
    return next((one for one in there.all(users.User) if any(each.get("Id") == value for each in one.attributes.get("ExternalIds", []))), None)
