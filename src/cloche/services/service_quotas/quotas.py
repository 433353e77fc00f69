"""Quotas listed and shown: AWS's default, and what an account has."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call
from cloche.kernel.pages import page

from . import errors
from . import service as quotas
from .catalogue import QUOTAS, SERVICES, Quota, value

if TYPE_CHECKING:
    from cloche.shapes import service_quotas as t

MOST = 100


def find(req: Any) -> Quota:
    quota = QUOTAS.get(f"{req['ServiceCode']}/{req['QuotaCode']}")
    if quota is None or not quota.shown:
        raise errors.no_such_quota()
    return quota


def arn(call: Call, quota: Quota) -> str:
    return call.arn(quota.key)


def shown(call: Call, quota: Quota, number: float) -> t.ServiceQuota:
    return {
        "ServiceCode": quota.service, "ServiceName": SERVICES[quota.service], "QuotaArn": arn(call, quota), "QuotaCode": quota.code, "QuotaName": quota.name, "Value": number,
        "Unit": quota.unit, "Adjustable": quota.adjustable, "GlobalQuota": False, "QuotaAppliedAtLevel": "ACCOUNT",
    }


def of(service: str) -> list[Quota]:
    if service not in SERVICES:
        raise errors.no_such_service()
    return [quota for quota in QUOTAS.values() if quota.service == service and quota.shown]


@quotas.op(ANY, partly="the services whose quotas Cloche keeps to")
def list_services(call: Call, req: t.ListServicesRequest) -> Any:
    chosen, token = page(sorted(SERVICES), req, str, MOST, errors.bad_token)
    return {"Services": [{"ServiceCode": code, "ServiceName": SERVICES[code]} for code in chosen], **token}


@quotas.op(ANY, partly="the quotas that Cloche keeps to")
def list_service_quotas(call: Call, req: t.ListServiceQuotasRequest) -> Any:
    chosen, token = page([one for one in of(req["ServiceCode"]) if req.get("QuotaCode") in (None, one.code)], req, lambda one: one.code, MOST, errors.bad_token)
    return {"Quotas": [shown(call, one, value(call, one.key)) for one in chosen], **token}


@quotas.op(ANY, partly="the quotas that Cloche keeps to")
def list_aws_default_service_quotas(call: Call, req: t.ListAWSDefaultServiceQuotasRequest) -> Any:
    chosen, token = page(of(req["ServiceCode"]), req, lambda one: one.code, MOST, errors.bad_token)
    return {"Quotas": [shown(call, one, one.default) for one in chosen], **token}


@quotas.op(ANY)
def get_service_quota(call: Call, req: t.GetServiceQuotaRequest) -> Any:
    quota = find(req)
    return {"Quota": shown(call, quota, value(call, quota.key))}


@quotas.op(ANY)
def get_aws_default_service_quota(call: Call, req: t.GetAWSDefaultServiceQuotaRequest) -> Any:
    quota = find(req)
    return {"Quota": shown(call, quota, quota.default)}
