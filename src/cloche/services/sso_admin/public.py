"""What the portal asks Identity Center behind the curtain: what a user may become, and where."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call
from cloche.services.identitystore import public as identities
from cloche.services.organizations import public as organizations

from . import roles
from .assignments import Held
from .instances import Instance, Place
from .permission_sets import PermissionSet


def instance(call: Call, store: str) -> Instance | None:
    """The instance that an identity store belongs to."""
    found = identities.store(call, store)
    if found is None:
        return None
    for owner in (found.account, f"{found.account}/{found.region}"):
        place = call.get(Place, owner)
        one = call.get(Instance, place.id) if place else None
        if one is not None and one.store == store:
            return one
    return None


def choices(call: Call, one: Instance, user: Any) -> dict[str, dict[str, PermissionSet]]:
    """account -> name of a permission set -> the set: everything the user is assigned, itself or through groups."""
    there = call.at(one.owner, one.region)
    found: dict[str, dict[str, PermissionSet]] = {}
    for key in (f"USER/{user.id}", *(f"GROUP/{group}" for group in user.groups)):
        held = there.get(Held, key)
        for account, id in held.sets if held else ():
            if set_ := there.get(PermissionSet, id):
                found.setdefault(account, {})[set_.name] = set_
    return found


def accounts(call: Call, one: Instance) -> dict[str, Any]:
    """The organization's accounts by their numbers, with name and email."""
    return organizations.members(call.cloud, one.owner)


def role(one: Instance, held: PermissionSet, account: str) -> str:
    """The ARN of the account's role."""
    return f"arn:aws:iam::{account}:role{roles.path(one.region)}{held.provisioned[account][0]}"


def tags(one: Instance, user: Any) -> dict[str, str]:
    """The session's tags, by the instance's attributes for access control: ${path:userName} and its like."""
    found = {}
    for each in one.attributes or []:
        for source in each["Value"]["Source"]:
            if value := _value(user.attributes, source.removeprefix("${path:").removesuffix("}")):
                found[each["Key"]] = value
                break
    return found


def _value(attributes: dict[str, Any], path: str) -> str:
    if path.startswith("emails"):
        mails = attributes.get("Emails", [])
        return str(next((mail["Value"] for mail in mails if mail.get("Primary")), mails[0]["Value"] if mails else ""))
    value: Any = attributes
    for part in path.replace("enterprise.", "").split("."):
        value = value.get(part[:1].upper() + part[1:]) if isinstance(value, dict) else None
    return str(value) if isinstance(value, (str, int)) else ""


def application(call: Call, arn: str) -> Any:
    """The application behind an ARN, whoever asks."""
    from .applications import Application
    parts = arn.split("/")
    instance = call.get(Instance, parts[1]) if len(parts) == 3 else None
    found = call.at(instance.owner, instance.region).get(Application, parts[2]) if instance else None
    return found if found is not None and found.arn == arn else None


def instance_of(call: Call, one: Any) -> Instance | None:
    return call.get(Instance, one.instance)


def token_issuers(call: Call, one: Any) -> list[Any]:
    """The trusted token issuers of an application's instance."""
    from .token_issuers import Issuer
    instance = instance_of(call, one)
    return [each for each in call.at(instance.owner, instance.region).all(Issuer) if each.instance == instance.id] if instance else []
