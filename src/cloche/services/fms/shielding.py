"""SHIELD_ADVANCED: a subscription in each account, and a protection for each resource that is meant."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call

from . import errors
from .place import Place, every

ISSUE = "AWSSHIELD_ADVANCED"


def check(call: Call, data: dict[str, Any]) -> None:
    status = (data.get("automaticResponseConfiguration") or {}).get("automaticResponseStatus", "IGNORED")
    if status != "IGNORED":
        raise errors.unbuilt("automatic application layer DDoS mitigation")


def apply(place: Place) -> None:
    things = place.things()
    try:
        place.do("shield", "DescribeSubscription")
        known = {one["ResourceArn"] for one in every(place, "shield", "ListProtections", "Protections")}
    except AwsError as error:
        if error.code != "ResourceNotFoundException":
            raise
        known = set()
        if place.policy.remedies:
            place.do("shield", "CreateSubscription")
    for thing in things:
        if thing.id in known:
            continue
        if place.policy.remedies:
            made = place.do("shield", "CreateProtection", Name=f"FMManagedShieldProtection{place.inside.uuid()}", ResourceArn=thing.id)
            place.keep("protection", thing.id, made["ProtectionId"])
        else:
            place.accuse(thing, "RESOURCE_MISSING_SHIELD_PROTECTION")


def clean(place: Place) -> None:
    """Protections go; the subscription is for a year."""
    for name, id_ in place.mine("protection").items():
        try:
            place.do("shield", "DeleteProtection", ProtectionId=id_)
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
        place.lose("protection", name)
