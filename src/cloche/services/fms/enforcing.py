"""Policies applied: at once when one is put, and a minute after anything has changed. What is found is kept as it was last seen, and written only if it is another now."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError, Call, Record

from . import admins, audits, channel, groups, shielding, waf
from . import service as fms
from .place import Place
from .policies import Policy

LOOK_SECONDS = 60
KINDS: dict[str, Any] = {"WAFV2": waf, "SHIELD_ADVANCED": shielding, "SECURITY_GROUPS_COMMON": groups, "SECURITY_GROUPS_CONTENT_AUDIT": audits.Content, "SECURITY_GROUPS_USAGE_AUDIT": audits.Usage}


class Compliance(Record, frozen=True):
    kind = "fms.compliance"

    policy: str
    account: str
    violators: list[dict[str, Any]]
    issues: dict[str, str]
    changed: float

    @property
    def key(self) -> str:
        return f"{self.policy}/{self.account}"


def of(call: Call, policy: str) -> list[Compliance]:
    return sorted((one for one in call.all(Compliance) if one.policy == policy), key=lambda one: one.account)


def begin(call: Call, policy: Policy) -> None:
    seen(call).pop(policy.id, None)
    call.wake(enforce, policy.id)
    call.again(LOOK_SECONDS, look, policy.id, policy=policy.id)


def seen(call: Call) -> dict[str, int]:
    """Policy -> the version of the cloud's records that it has last looked at."""
    found: dict[str, int] = call.cloud.memory.setdefault("fms.seen", {})
    return found


@fms.timer
def look(call: Call, policy: str) -> None:
    if call.get(Policy, policy) is None:
        return
    if seen(call).get(policy) != call.cloud.store.version:
        call.wake(enforce, policy)
    call.again(LOOK_SECONDS, look, policy, policy=policy)


@fms.worker
async def enforce(call: Call, key: str) -> None:
    """One account after the other, each in a step of its own; accounts that are out of scope now lose what was made for them, if the policy says so."""
    admin, policy = admins.of(call), call.get(Policy, key)
    if admin is None or policy is None:
        return
    scope = admins.within(call, admin.management, policy.values["IncludeMap"], policy.values["ExcludeMap"])
    for account in scope:
        with call.step():
            if (policy := call.get(Policy, key)) is None:
                return
            applied(call, policy, account)
        await call.turn()
    with call.step():
        policy = call.get(Policy, key)
        if policy is None:
            return
        for account in sorted({one.account for one in of(call, key)} - set(scope)):
            if policy.values["DeleteUnusedFMManagedResources"] and account in policy.seen:
                policy = cleaned(call, policy, account)
            if (old := call.get(Compliance, f"{key}/{account}")) is not None:
                call.delete(old)
    seen(call)[key] = call.cloud.store.version


def applied(call: Call, policy: Policy, account: str) -> None:
    place, issues = Place(call, policy, account), {}
    kind = KINDS[policy.type]
    admins.linked(call, account)
    try:
        with call.step():
            kind.apply(place)
    except AwsError as error:
        place, issues = Place(call, policy, account), {kind.ISSUE: f"{error.code}: {error.message}"}
    if place.made != set(policy.seen.get(account, ())):
        call.put(policy.but(seen={**policy.seen, account: sorted(place.made)}))
    old = call.get(Compliance, f"{policy.id}/{account}")
    if old is None or (old.violators, old.issues) != (place.violators, issues):
        call.put(Compliance(policy.id, account, place.violators, issues, call.now))
        fresh = [one for one in place.violators if old is None or one not in old.violators]
        channel.tell(call, policy, account, fresh)


def cleaned(call: Call, policy: Policy, account: str) -> Policy:
    place = Place(call, policy, account)
    KINDS[policy.type].clean(place)
    left = {name: made for name, made in policy.seen.items() if name != account}
    return call.put(policy.but(seen=left | ({account: sorted(place.made)} if place.made else {})))


def end(call: Call, policy: Policy, clean: bool) -> None:
    call.cancel(look, policy.id)
    if clean:
        for account in list(policy.seen):
            policy = cleaned(call, policy, account)
    elif policy.type == "WAFV2":
        for account in policy.seen:
            waf.release(Place(call, policy, account))
    for one in of(call, policy.id):
        call.delete(one)
