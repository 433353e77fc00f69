"""What retrievals may cost: the account's data retrieval policy, which standard retrievals of archives keep to, and capacity bought for fast ones."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as glacier
from .vaults import own, stamp

if TYPE_CHECKING:
    from cloche.shapes import glacier as t

FREE_BYTES_A_MONTH = 10 << 30
STANDARD_HOURS = 4
MONTH_SECONDS = 30 * 86_400
MOST_UNITS = 2


class RetrievalPolicy(Record, frozen=True):
    kind = "glacier.retrieval-policy"

    rule: dict[str, Any]

    @property
    def key(self) -> str:
        return "policy"


class Capacity(Record, frozen=True):
    kind = "glacier.capacity"

    id: str
    start: float

    @property
    def key(self) -> str:
        return self.id


def check_policy(call: Call, tier: str, size: int, jobs: list[Any]) -> None:
    """A standard retrieval runs for four hours. `jobs` are those for archives."""
    kept = call.get(RetrievalPolicy, "policy")
    if kept is None or tier != "Standard" or kept.rule["Strategy"] == "None":
        return
    standard = [job for job in jobs if job.tier == "Standard"]
    if kept.rule["Strategy"] == "BytesPerHour":
        running = sum(job.end - job.first for job in standard if not job.completed)
        if (running + size) / STANDARD_HOURS > kept.rule["BytesPerHour"]:
            raise errors.policy_enforced()
        return
    today = sum(job.end - job.first for job in standard if job.made // 86_400 == call.now // 86_400)
    if today + size > FREE_BYTES_A_MONTH / 30:
        raise errors.policy_enforced()


@glacier.op(resource=ANY)
def set_data_retrieval_policy(call: Call, req: t.SetDataRetrievalPolicyInput) -> None:
    own(call, req)
    rules = (req.get("Policy") or {}).get("Rules") or []
    if len(rules) != 1:
        raise errors.bad("A data retrieval policy has one rule")
    [rule] = rules
    strategy, bytes_per_hour = rule.get("Strategy"), rule.get("BytesPerHour")
    if strategy not in ("BytesPerHour", "FreeTier", "None"):
        raise errors.number("Strategy", strategy)
    if (strategy == "BytesPerHour") != (bytes_per_hour is not None):
        raise errors.bad("BytesPerHour is required for the strategy BytesPerHour, and for no other")
    if bytes_per_hour is not None and bytes_per_hour < 1:
        raise errors.number("BytesPerHour", bytes_per_hour)
    call.put(RetrievalPolicy({"Strategy": strategy} | ({"BytesPerHour": bytes_per_hour} if bytes_per_hour is not None else {})))


@glacier.op(resource=ANY)
def get_data_retrieval_policy(call: Call, req: t.GetDataRetrievalPolicyInput) -> t.GetDataRetrievalPolicyOutput:
    own(call, req)
    kept = call.get(RetrievalPolicy, "policy")
    return {"Policy": {"Rules": [kept.rule if kept else {"Strategy": "None"}]}}  # type: ignore[list-item]


def units(call: Call) -> list[Capacity]:
    return sorted((one for one in call.all(Capacity) if call.now < one.start + MONTH_SECONDS), key=lambda one: (one.start, one.id))


@glacier.op(resource=ANY, partly="the unit is kept and ends; expedited retrievals never lack capacity here")
def purchase_provisioned_capacity(call: Call, req: t.PurchaseProvisionedCapacityInput) -> t.PurchaseProvisionedCapacityOutput:
    own(call, req)
    if len(units(call)) >= MOST_UNITS:
        raise errors.too_many(f"An account can have at most {MOST_UNITS} provisioned capacity units")
    unit = Capacity(call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", 24), call.now)
    call.put(unit)
    return {"capacityId": unit.id}


@glacier.op(resource=ANY)
def list_provisioned_capacity(call: Call, req: t.ListProvisionedCapacityInput) -> t.ListProvisionedCapacityOutput:
    own(call, req)
    return {"ProvisionedCapacityList": [{"CapacityId": one.id, "StartDate": stamp(one.start), "ExpirationDate": stamp(one.start + MONTH_SECONDS)} for one in units(call)]}
