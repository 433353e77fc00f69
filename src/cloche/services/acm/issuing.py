"""Issuing and renewing: once every domain's CNAME is in the public DNS of this cloud, Cloche's own authority signs.

`acm_pending` says which certificates wait for which name, so that a change in Route 53 finds them. A certificate that is served with, or was exported,
is renewed 45 days before its end if its records are still there; another is left to expire, as on AWS.
"""
from __future__ import annotations

import asyncio
import datetime
from typing import TYPE_CHECKING, Any

from cloche.engines import authority
from cloche.kernel import AwsEvent, Call
from cloche.services.route53 import public as route53
from cloche.services.route53.public import NamesChanged

from . import service as acm
from . import validation, x509

if TYPE_CHECKING:
    from .certificates import Certificate

DAY = 86400
DAYS, DAYS_UNTIL_2026 = 198, 395                       # what a certificate lives
RENEW_DAYS = 45                                        # before its end

acm.table("CREATE TABLE IF NOT EXISTS acm_pending (name TEXT NOT NULL, certificate TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, PRIMARY KEY (name, certificate)) WITHOUT ROWID")


def expect(call: Call, one: Certificate) -> None:
    """It waits for its records; perhaps they are there already."""
    if one.method != "DNS":
        from . import mailing
        mailing.write(call, one)
        return
    for name in one.names:
        call.sql("INSERT OR IGNORE INTO acm_pending VALUES (?,?,?,?)", validation.record(call.account, name)["Name"], one.id, call.account, call.region)
    call.wake(issue, one.id)


def forget(call: Call, one: Certificate) -> None:
    from . import mailing
    mailing.forget(call, one)
    call.cancel(renew, one.id)
    call.sql("DELETE FROM acm_pending WHERE certificate=?", one.id)


@acm.on(NamesChanged)
def look(call: Call, event: NamesChanged) -> None:
    for name in event.names:
        for id_, account, region in call.sql("SELECT certificate, account, region FROM acm_pending WHERE name=?", name):
            call.at(account, region).wake(issue, id_)


def proofs(call: Call, one: Certificate) -> tuple[str, ...]:
    """The names that somebody approved by mail; or whose record is found: in the account's own zones, or in whichever zone the public DNS leads to."""
    if one.method != "DNS":
        return one.proved
    out = []
    for name in one.names:
        wanted = validation.record(call.account, name)
        found = route53.holds(call, call.account, wanted["Name"], "CNAME", wanted["Value"]) or any(
            type_ == "CNAME" and value.rstrip(".").lower() == wanted["Value"].rstrip(".")
            for _, type_, _, value in route53.lookup(call, wanted["Name"], "CNAME", account=call.account).records)
        if found:
            out.append(name)
    return tuple(out)


@acm.worker
async def issue(call: Call, key: str) -> None:
    """The first time, or again when it is due for renewal."""
    from .certificates import Certificate
    with call.step():
        one = call.get(Certificate, key)
        if one is None or one.authority or not (due(call, one) or one.status(call.now) == "PENDING_VALIDATION"):
            return
        proved = proofs(call, one)
        if len(proved) < len(one.names):
            if one.told:
                postpone(call, one)
            elif proved != one.proved:
                call.put(one.but(proved=proved))
            return
    start = datetime.datetime.fromtimestamp(call.now, datetime.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    days = DAYS if start.year >= 2026 else DAYS_UNTIL_2026
    end = start + datetime.timedelta(days=days) - datetime.timedelta(seconds=1)
    private, body, chain = await asyncio.to_thread(make, call.cloud.data, one, start, end)
    with call.step():
        now = call.get(Certificate, key)
        if now is None:
            return
        again = bool(now.told)
        told = x509.told(x509.certificate(body))
        made = call.put(now.but(proved=now.names, issued=call.now, body=body.decode(), chain=chain.decode(), private=private.decode(), told=told, exported=False,
                                renewal={"RenewalStatus": "SUCCESS", "UpdatedAt": call.now} if again else {}))
        call.sql("DELETE FROM acm_pending WHERE certificate=?", key)
        call.due(told["NotAfter"] - RENEW_DAYS * DAY, renew, key, certificate=key)
        from .certificates import remind_from
        remind_from(call, made)
        announce(call, made, "RENEWAL" if again else "ISSUANCE")


def make(data: Any, one: Certificate, start: datetime.datetime, end: datetime.datetime) -> tuple[bytes, bytes, bytes]:
    key = x509.fresh(one.algorithm)
    return authority.private_pem(key), authority.sign(data, one.domain, key.public_key(), one.names, start, end), authority.load(data).pem


def announce(call: Call, one: Certificate, action: str) -> None:
    from .certificates import users
    call.emit(AwsEvent("aws.acm", "ACM Certificate Available", {
        "Action": action, "CertificateType": one.type, "CommonName": one.domain, **({} if one.authority else {"DomainValidationMethod": one.method}), "CertificateCreatedDate": _iso(one.created),
        "CertificateExpirationDate": _iso(one.told["NotAfter"]), "DaysToExpiry": int((one.told["NotAfter"] - call.now) // DAY), "InUse": bool(users(call, one)), "Exported": one.exported}, [one.arn]))


def _iso(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# -- renewal ------------------------------------------------------------------------------------------------------------------------

def due(call: Call, one: Certificate) -> bool:
    from .certificates import renewable
    return bool(one.told) and one.told["NotAfter"] - RENEW_DAYS * DAY <= call.now < one.told["NotAfter"] and renewable(call, one)


@acm.timer
def renew(call: Call, certificate: str) -> None:
    """Tried from 45 days before the end, once a day."""
    from .certificates import Certificate
    one = call.get(Certificate, certificate)
    if one is None or not one.told or call.now >= one.told["NotAfter"]:
        return
    if due(call, one):
        if not one.renewal or one.renewal["RenewalStatus"] == "SUCCESS":
            call.put(one.but(renewal={"RenewalStatus": "PENDING_AUTO_RENEWAL", "UpdatedAt": call.now}, proved=() if one.method != "DNS" else one.proved))
        if one.authority:
            from .private import issue_privately
            call.wake(issue_privately, certificate)
        else:
            call.wake(issue, certificate)
    call.after(DAY, renew, certificate, certificate=certificate)


def expect_again(call: Call, one: Certificate) -> None:
    if one.method != "DNS":
        from . import mailing
        mailing.write(call, one, one.names)
        return
    for name in one.names:
        call.sql("INSERT OR IGNORE INTO acm_pending VALUES (?,?,?,?)", validation.record(call.account, name)["Name"], one.id, call.account, call.region)


def postpone(call: Call, one: Certificate) -> None:
    """The records are gone: somebody must put them back."""
    if one.renewal.get("RenewalStatus") != "PENDING_VALIDATION":
        call.put(one.but(renewal={"RenewalStatus": "PENDING_VALIDATION", "RenewalStatusReason": "DOMAIN_VALIDATION_DENIED", "UpdatedAt": call.now}))
        expect_again(call, one)
    call.emit(AwsEvent("aws.acm", "ACM Certificate Renewal Action Required", {
        "Action": "RENEWAL", "CertificateType": "AMAZON_ISSUED", "CommonName": one.domain, "DomainValidationMethod": one.method, "RenewalStatusReason": "DOMAIN_VALIDATION_DENIED",
        "DaysToExpiry": int((one.told["NotAfter"] - call.now) // DAY), "DomainName": one.domain}, [one.arn]))
