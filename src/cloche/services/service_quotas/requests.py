"""Requests for more: pending for a minute, then approved, and the quota is what was asked for."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record
from cloche.kernel.pages import page

from . import errors
from . import service as quotas
from .catalogue import QUOTAS, SERVICES, Applied, value
from .quotas import MOST, arn, find, of

if TYPE_CHECKING:
    from cloche.shapes import service_quotas as t

SECONDS = 60


class Request(Record, frozen=True):
    kind = "service-quotas.request"
    id: str
    quota: str
    wanted: float
    requester: str
    created: float
    updated: float
    status: str = "PENDING"

    @property
    def key(self) -> str:
        return self.id


def asked_about(call: Call, req: Any) -> str:
    return call.arn(f"{req['ServiceCode']}/{req['QuotaCode']}")


def shown(call: Call, one: Request) -> t.RequestedServiceQuotaChange:
    quota = QUOTAS[one.quota]
    return {
        "Id": one.id, "ServiceCode": quota.service, "ServiceName": SERVICES[quota.service], "QuotaCode": quota.code, "QuotaName": quota.name, "DesiredValue": one.wanted,
        "Status": one.status, "Created": one.created, "LastUpdated": one.updated, "Requester": one.requester, "QuotaArn": arn(call, quota), "GlobalQuota": False,  # type: ignore[typeddict-item]
        "Unit": quota.unit, "QuotaRequestedAtLevel": "ACCOUNT",
    }


@quotas.op(asked_about, context=lambda call, req: {"servicequotas:service": req["ServiceCode"]})
def request_service_quota_increase(call: Call, req: t.RequestServiceQuotaIncreaseRequest) -> Any:
    quota = find(req)
    if not quota.adjustable:
        raise errors.not_adjustable()
    if any(one.quota == quota.key and one.status == "PENDING" for one in call.all(Request)):
        raise errors.one_is_open()
    if req["DesiredValue"] <= (now := value(call, quota.key)):
        raise errors.no_increase(now)
    said = f'{{"accountId":"{call.principal.account}","callerArn":"{call.principal.arn}"}}'
    one = call.put(Request(call.id(digits=32), quota.key, req["DesiredValue"], said, call.now, call.now))
    call.after(SECONDS, approve, name=one.id, id=one.id)
    return {"RequestedQuota": shown(call, one)}


@quotas.timer
def approve(call: Call, id: str) -> None:
    if (one := call.get(Request, id)) and one.status == "PENDING":
        call.put(one.but(status="APPROVED", updated=call.now))
        call.put(Applied(one.quota, one.wanted))


@quotas.op(ANY)
def get_requested_service_quota_change(call: Call, req: t.GetRequestedServiceQuotaChangeRequest) -> Any:
    one = call.get(Request, req["RequestId"])
    if one is None:
        raise errors.no_such_request()
    return {"RequestedQuota": shown(call, one)}


def history(call: Call, req: Any) -> Any:
    if "ServiceCode" in req:
        of(req["ServiceCode"])
    wanted = f"{req.get('ServiceCode', '')}/{req.get('QuotaCode', '')}".removeprefix("/")
    found = [one for one in call.all(Request) if one.quota.startswith(wanted) and req.get("Status") in (None, one.status)]
    chosen, token = page(sorted(found, key=lambda one: (one.created, one.id)), req, lambda one: one.id, MOST, errors.bad_token)
    return {"RequestedQuotas": [shown(call, one) for one in chosen], **token}


@quotas.op(ANY)
def list_requested_service_quota_change_history(call: Call, req: t.ListRequestedServiceQuotaChangeHistoryRequest) -> Any:
    return history(call, req)


@quotas.op(ANY)
def list_requested_service_quota_change_history_by_quota(call: Call, req: t.ListRequestedServiceQuotaChangeHistoryByQuotaRequest) -> Any:
    find(req)
    return history(call, req)
