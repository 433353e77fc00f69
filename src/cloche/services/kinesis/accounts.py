"""What holds for the account: its limits, and the commitment that unlocks warm throughput."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors
from . import service as kinesis
from .streams import MOST_ON_DEMAND, SHARD_LIMIT, SHARD_LIMITS, living, open_shards

if TYPE_CHECKING:
    from cloche.shapes import kinesis as t

COMMITMENT_SECONDS = 86400.0
MOST_WARM = 10_240


class Account(Record, frozen=True):
    kind = "kinesis.account"

    enabled: bool = False
    started: float = 0.0
    ended: float = 0.0

    @property
    def key(self) -> str:
        return "account"


def of(call: Call) -> Account:
    return call.get(Account, "account") or Account()


def warm_shards(call: Call, warm: int | None) -> int:
    """The shards that so many MiB a second need, if the account may ask for them."""
    if not warm:
        return 0
    if not of(call).enabled:
        raise errors.no_commitment()
    if warm > MOST_WARM:
        raise errors.too_warm()
    return warm


@kinesis.op(ANY)
def describe_limits(call: Call, req: t.DescribeLimitsInput) -> t.DescribeLimitsOutput:
    return {"ShardLimit": SHARD_LIMITS.get(call.region, SHARD_LIMIT), "OpenShardCount": open_shards(call),
            "OnDemandStreamCount": sum(stream.on_demand for stream in living(call)), "OnDemandStreamCountLimit": MOST_ON_DEMAND}


def describe(call: Call, account: Account) -> Any:
    out: dict[str, Any] = {"Status": "ENABLED" if account.enabled else "DISABLED"}
    if account.started:
        out |= {"StartedAt": account.started, "EarliestAllowedEndAt": account.started + COMMITMENT_SECONDS}
    if account.ended:
        out["EndedAt"] = account.ended
    return {"MinimumThroughputBillingCommitment": out}


@kinesis.op(ANY)
def describe_account_settings(call: Call, req: t.DescribeAccountSettingsInput) -> t.DescribeAccountSettingsOutput:
    return describe(call, of(call))  # type: ignore[no-any-return]


@kinesis.op(ANY)
def update_account_settings(call: Call, req: t.UpdateAccountSettingsInput) -> t.UpdateAccountSettingsOutput:
    account, wanted = of(call), req["MinimumThroughputBillingCommitment"]["Status"] == "ENABLED"
    if wanted and not account.enabled:
        account = call.put(account.but(enabled=True, started=call.now, ended=0.0))
    elif not wanted and account.enabled:
        if call.now < account.started + COMMITMENT_SECONDS:
            raise errors.commitment_lasts(account.started + COMMITMENT_SECONDS)
        account = call.put(account.but(enabled=False, ended=call.now))
    return describe(call, account)  # type: ignore[no-any-return]
