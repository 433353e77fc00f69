"""What other services ask: how much an account may have here. And what the owner of this cloud may set, beyond what AWS lets one ask for."""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from .catalogue import QUOTAS, Applied, value


def set_quota(call: Call, wish: dict[str, Any]) -> list[dict[str, Any]]:
    """`/_cloche/quotas`: without a value what the quotas are; ValueError says what is wrong with a wish."""
    account, region = str(wish.get("account") or "000000000000"), str(wish.get("region") or "us-east-1")
    there = call.at(account, region)
    if "value" in wish:
        key, number = f"{wish.get('service')}/{wish.get('quota')}", wish["value"]
        if key not in QUOTAS:
            raise ValueError(f"service and quota are one of {', '.join(sorted(QUOTAS))}")
        if number is not None and (not isinstance(number, int | float) or isinstance(number, bool) or number < 0):
            raise ValueError("value is a number from 0 on, or null for AWS's default")
        with call.step():
            there.put(Applied(key, float(number))) if number is not None else there.delete(Applied(key, 0.0))
    return [{"service": quota.service, "quota": quota.code, "name": quota.name, "value": value(there, quota.key), "default": quota.default} for quota in QUOTAS.values()]


__all__ = ["set_quota", "value"]
