"""The attributes a pool's people have: OpenID Connect's standard claims, the pool's own `custom:` ones, and what their values must look like. Pure."""
from __future__ import annotations

import re
from typing import Any

from . import errors

TEXTS = ("profile", "address", "gender", "preferred_username", "zoneinfo", "locale", "nickname", "given_name", "family_name", "middle_name", "name", "picture", "website", "email", "phone_number")
FLAGS = ("email_verified", "phone_number_verified")
EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|[^\s@]+@[^\s@.]+")
PHONE = re.compile(r"\+[0-9]{1,15}")
MOST_CUSTOM = 50


def standard() -> dict[str, dict[str, Any]]:
    def text(name: str, least: str = "0", most: str = "2048", **more: Any) -> dict[str, Any]:
        return {"Name": name, "AttributeDataType": "String", "DeveloperOnlyAttribute": False, "Mutable": True, "Required": False,
                "StringAttributeConstraints": {"MinLength": least, "MaxLength": most}, **more}

    found = {"sub": text("sub", "1", Mutable=False, Required=True)} | {name: text(name) for name in TEXTS} | {"birthdate": text("birthdate", "10", "10")}
    for name in FLAGS:
        found[name] = {"Name": name, "AttributeDataType": "Boolean", "DeveloperOnlyAttribute": False, "Mutable": True, "Required": False}
    found["updated_at"] = {"Name": "updated_at", "AttributeDataType": "Number", "DeveloperOnlyAttribute": False, "Mutable": True, "Required": False,
                           "NumberAttributeConstraints": {"MinValue": "0"}}
    found["identities"] = {"Name": "identities", "AttributeDataType": "String", "DeveloperOnlyAttribute": False, "Mutable": True, "Required": False, "StringAttributeConstraints": {}}
    return found


def custom(given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("Name", "")
    if given.get("Required"):
        raise errors.parameter("Required custom attributes are not supported currently.")
    prefix = "dev:custom:" if given.get("DeveloperOnlyAttribute") else "custom:"
    kind = given.get("AttributeDataType", "String")
    made = {"Name": prefix + name.removeprefix("custom:"), "AttributeDataType": kind, "DeveloperOnlyAttribute": given.get("DeveloperOnlyAttribute", False),
            "Mutable": given.get("Mutable", True), "Required": False}
    if kind == "String":
        made["StringAttributeConstraints"] = given.get("StringAttributeConstraints") or {}
    elif kind == "Number":
        made["NumberAttributeConstraints"] = given.get("NumberAttributeConstraints") or {}
    return made


def of(given: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A pool's whole schema from what its maker said."""
    found = standard()
    for one in given:
        name = one.get("Name", "")
        if name in found and not name.startswith("custom:"):
            if one.get("AttributeDataType", found[name]["AttributeDataType"]) != found[name]["AttributeDataType"]:
                raise errors.parameter("You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute.")
            found[name] = found[name] | {k: v for k, v in one.items() if k in ("Mutable", "Required", "StringAttributeConstraints", "NumberAttributeConstraints")}
        else:
            add(found, one)
    return found


def add(found: dict[str, dict[str, Any]], one: dict[str, Any]) -> None:
    made = custom(one)
    if made["Name"] in found:
        raise errors.parameter(f"{made['Name']}: Existing attribute already has name {made['Name']}.")
    if sum(":" in name for name in found) >= MOST_CUSTOM:
        raise errors.parameter("User pool has too many custom attributes.")
    found[made["Name"]] = made


def check(schema: dict[str, dict[str, Any]], values: dict[str, str], *, new: bool, admin: bool) -> None:
    """Whether these values may be written; `new` at the making of a user, who needs what is required."""
    for name, value in values.items():
        rule = schema.get(name)
        if rule is None or name in ("sub", "identities"):
            raise errors.schema(f"{name}: Attribute does not exist in the schema." if rule is None else f"Cannot modify the non-mutable attribute {name}")
        if not admin and (name in FLAGS or name.startswith("dev:")):
            raise errors.unauthorized("A client attempted to write unauthorized attribute")
        if not new and not rule["Mutable"]:
            raise errors.parameter(f"user.{name}: Attribute cannot be updated.")
        if value:
            check_value(rule, name, value)
    if new:
        for name, rule in schema.items():
            if rule["Required"] and name != "sub" and not values.get(name):
                raise errors.schema(f"{name}: The attribute {name} is required")


def check_value(rule: dict[str, Any], name: str, value: str) -> None:
    if name == "email" and not EMAIL.fullmatch(value):
        raise errors.parameter("Invalid email address format.")
    if name == "phone_number" and not PHONE.fullmatch(value):
        raise errors.parameter("Invalid phone number format.")
    match rule["AttributeDataType"]:
        case "String":
            limits = rule.get("StringAttributeConstraints") or {}
            if len(value) < int(limits.get("MinLength") or 0):
                raise errors.schema(f"{name}: String must be greater than or equal to {limits['MinLength']} characters")
            if len(value) > int(limits.get("MaxLength") or 2048):
                raise errors.schema(f"{name}: String must be less than or equal to {limits.get('MaxLength') or 2048} characters")
        case "Number":
            limits = rule.get("NumberAttributeConstraints") or {}
            if not re.fullmatch(r"-?\d+(\.\d+)?", value):
                raise errors.schema(f"{name}: Value must be a number")
            if limits.get("MinValue") and float(value) < float(limits["MinValue"]):
                raise errors.schema(f"{name}: Number must be greater than or equal to {limits['MinValue']}")
            if limits.get("MaxValue") and float(value) > float(limits["MaxValue"]):
                raise errors.schema(f"{name}: Number must be less than or equal to {limits['MaxValue']}")
        case "Boolean":
            if value.lower() not in ("true", "false"):
                raise errors.schema(f"{name}: Value must be true or false")


def check_password(policy: dict[str, Any], password: str) -> None:
    if len(password) < policy.get("MinimumLength", 8):
        raise errors.bad_password("Password not long enough")
    if policy.get("RequireUppercase") and not re.search(r"[A-Z]", password):
        raise errors.bad_password("Password must have uppercase characters")
    if policy.get("RequireLowercase") and not re.search(r"[a-z]", password):
        raise errors.bad_password("Password must have lowercase characters")
    if policy.get("RequireNumbers") and not re.search(r"[0-9]", password):
        raise errors.bad_password("Password must have numeric characters")
    if policy.get("RequireSymbols") and not re.search(r"[\^$*.\[\]{}()?\-\"!@#%&/\\,><':;|_~`+= ]", password):
        raise errors.bad_password("Password must have symbol characters")
