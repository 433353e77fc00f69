"""Certificates: imported ones, with what they say of themselves; requested ones, which are pending until their domains are proved, 72 hours at most, and are
then issued (`issuing.py`).

What state a certificate is in is a comparison with the clock, not something that is written down.
"""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsEvent, Call, Record, Sealed, pages
from cloche.services.acm_pca import public as pca

from . import errors, issuing, private, tags, validation, x509
from . import service as acm
from .tags import facts

if TYPE_CHECKING:
    from cloche.shapes import acm as t

HOUR, DAY = 3600, 86400
PENDING_HOURS, TOKEN_HOURS = 72, 1
MOST_NAMES = 100


class Certificate(Record, frozen=True):
    kind = "acm.certificate"

    id: str
    arn: str
    created: float
    domain: str
    names: tuple[str, ...]
    type: str                                          # IMPORTED | AMAZON_ISSUED | PRIVATE
    imported: float = 0.0
    body: str = ""
    chain: str = ""
    private: Sealed = Sealed("")
    told: dict[str, Any] = {}                          # what the certificate says of itself
    method: str = ""                                   # of validation
    domains: dict[str, str] = {}                       # name -> the domain whose postmaster is asked
    algorithm: str = "RSA-2048"
    logging: str = "ENABLED"
    export: str = "DISABLED"
    token: str = ""
    tags: dict[str, str] = {}
    proved: tuple[str, ...] = ()                       # names whose owners have been heard
    issued: float = 0.0
    users: tuple[str, ...] = ()                        # ARNs of what serves with it
    exported: bool = False                             # since it was issued or last renewed
    renewal: dict[str, Any] = {}                       # {"RenewalStatus": ..., "UpdatedAt": ...}
    authority: str = ""                                # of a private one
    failure: str = ""                                  # why it was not issued

    @property
    def key(self) -> str:
        return self.id

    def status(self, now: float) -> str:
        if self.told:
            return "EXPIRED" if now > self.told["NotAfter"] else "ISSUED"
        if self.failure:
            return "FAILED"
        return "VALIDATION_TIMED_OUT" if now >= self.created + PENDING_HOURS * HOUR else "PENDING_VALIDATION"


def users(call: Call, one: Certificate) -> list[str]:
    """What serves with it: those who said so, and the load balancers' listeners."""
    from cloche.services.elbv2 import public as elb
    return sorted({*one.users, *elb.uses_certificate(call, one.arn)})


def renewable(call: Call, one: Certificate) -> bool:
    """A certificate that nobody uses is left to expire."""
    return one.type != "IMPORTED" and bool(one.exported or users(call, one))


def by_arn(call: Call, req: Any) -> str:
    return req.get("CertificateArn") or "*"


def look(call: Call, arn: str) -> Certificate | None:
    parts = arn.split(":", 5)
    found = call.get(Certificate, parts[5].partition("/")[2]) if len(parts) == 6 else None
    return found if found and found.arn == arn else None


def find(call: Call, arn: str) -> Certificate:
    found = look(call, arn)
    if found is None:
        raise errors.not_found(arn)
    return found


# -- import ---------------------------------------------------------------------------------------------------------------------

def import_actions(call: Call, req: Any) -> list[str]:
    return ["acm:ImportCertificate", *(["acm:AddTagsToCertificate"] if req.get("Tags") else [])]


@acm.op(resource=by_arn, action=import_actions, context=facts)
def import_certificate(call: Call, req: t.ImportCertificateRequest) -> t.ImportCertificateResponse:
    old = None
    if "CertificateArn" in req:
        old = find(call, req["CertificateArn"])
        if old.type != "IMPORTED":
            raise errors.not_imported()
        if req.get("Tags"):
            raise errors.tags_on_reimport()
    body = x509.certificate(req["Certificate"])
    x509.algorithm(body.public_key())
    x509.check_key(body, req["PrivateKey"])
    if "CertificateChain" in req:
        x509.check_chain(body, req["CertificateChain"])
    told = x509.told(body)
    if not told["NotBefore"] <= call.now <= told["NotAfter"]:
        raise errors.not_valid_now()
    id_ = old.id if old else call.uuid()
    made = call.put(Certificate(
        id_, old.arn if old else call.arn(f"certificate/{id_}"), old.created if old else call.now, told["DomainName"], tuple(told["SubjectAlternativeNames"]), "IMPORTED", call.now,
        req["Certificate"].decode(), req.get("CertificateChain", b"").decode(), Sealed(req["PrivateKey"].decode()), told, algorithm=told["KeyAlgorithm"], logging="DISABLED",
        tags=old.tags if old else tags.given(call, req)))
    remind_from(call, made)
    return {"CertificateArn": made.arn}


# -- request --------------------------------------------------------------------------------------------------------------------

def request_actions(call: Call, req: Any) -> list[str]:
    return ["acm:RequestCertificate", *(["acm:AddTagsToCertificate"] if req.get("Tags") else [])]


def request_facts(call: Call, req: Any) -> dict[str, Any]:
    return facts(call, req) | {"acm:DomainNames": [x.lower() for x in (req["DomainName"], *req.get("SubjectAlternativeNames", ()))],
                               "acm:ValidationMethod": req.get("ValidationMethod", "EMAIL"), "acm:KeyAlgorithm": req.get("KeyAlgorithm", "RSA_2048")}


@acm.op(resource=ANY, action=request_actions, context=request_facts,
        partly="HTTP validation (ManagedBy CloudFront) is not built; a private certificate is renewed without asking whether its authority has given ACM the permission")
def request_certificate(call: Call, req: t.RequestCertificateRequest) -> t.RequestCertificateResponse:
    if "ManagedBy" in req or req.get("ValidationMethod") == "HTTP":
        raise errors.no_http_validation()
    options, authority = req.get("Options") or {}, req.get("CertificateAuthorityArn", "")
    domain, token = req["DomainName"].lower(), req.get("IdempotencyToken", "")
    names = tuple(dict.fromkeys([domain, *(x.lower() for x in req.get("SubjectAlternativeNames", ()))]))
    if len(names) > MOST_NAMES:
        raise errors.too_many_names()
    if token:
        for one in call.all(Certificate):
            if one.token == token and one.names == names and one.authority == authority and call.now < one.created + TOKEN_HOURS * HOUR:
                return {"CertificateArn": one.arn}
    domains = {one["DomainName"].lower(): one["ValidationDomain"].lower() for one in req.get("DomainValidationOptions", ())}
    for name, above in domains.items():
        if name not in names or not (name == above or name.endswith("." + above)):
            raise errors.bad_validation_domain(name)
    id_ = call.uuid()
    made = call.put(Certificate(
        id_, call.arn(f"certificate/{id_}"), call.now, domain, names, "PRIVATE" if authority else "AMAZON_ISSUED", domains=domains, authority=authority,
        method="" if authority else req.get("ValidationMethod", options.get("ValidationMethod", "EMAIL")), failure=pca.refusal(call, authority) if authority else "",
        algorithm=req.get("KeyAlgorithm", "RSA_2048").replace("_", "-", 1), logging=options.get("CertificateTransparencyLoggingPreference", "ENABLED"),
        export=options.get("Export", "DISABLED"), token=token, tags=tags.given(call, req)))
    if authority:
        call.wake(private.issue_privately, made.id)
    else:
        issuing.expect(call, made)
    return {"CertificateArn": made.arn}


# -- told -----------------------------------------------------------------------------------------------------------------------

def view(call: Call, one: Certificate) -> dict[str, Any]:
    status = one.status(call.now)
    out: dict[str, Any] = {"CertificateArn": one.arn, "DomainName": one.domain, "SubjectAlternativeNames": list(one.names), "CreatedAt": one.created, "Status": status, "InUseBy": (serving := users(call, one)),
                           "Type": one.type, "KeyAlgorithm": one.algorithm, "RenewalEligibility": "ELIGIBLE" if one.type != "IMPORTED" and (one.exported or serving) else "INELIGIBLE",
                           "Options": {"CertificateTransparencyLoggingPreference": one.logging, "Export": one.export}}
    if one.type == "IMPORTED":
        return out | one.told | {"ImportedAt": one.imported}
    if one.failure:
        out["FailureReason"] = one.failure
    open_ = "FAILED" if status == "VALIDATION_TIMED_OUT" else "PENDING_VALIDATION"
    options = [] if one.authority else [validation.option(call, name, one.domains.get(name, name), one.method, "SUCCESS" if name in one.proved else open_) for name in one.names]
    out |= {"KeyUsages": [], "ExtendedKeyUsages": [], **({"CertificateAuthorityArn": one.authority} if one.authority else {"DomainValidationOptions": options})}
    if one.told:
        out |= {k: v for k, v in one.told.items() if k not in ("DomainName", "SubjectAlternativeNames", "KeyAlgorithm")} | {"IssuedAt": one.issued}
    if one.renewal:
        out["RenewalSummary"] = one.renewal | {"DomainValidationOptions": options}
    return out


@acm.op(resource=by_arn, context=facts)
def describe_certificate(call: Call, req: t.DescribeCertificateRequest) -> t.DescribeCertificateResponse:
    return {"Certificate": view(call, find(call, req["CertificateArn"]))}  # type: ignore[typeddict-item]


@acm.op(resource=by_arn, context=facts)
def get_certificate(call: Call, req: t.GetCertificateRequest) -> t.GetCertificateResponse:
    one = find(call, req["CertificateArn"])
    if not one.body:
        raise errors.in_progress()
    return {"Certificate": one.body, **({"CertificateChain": one.chain} if one.chain else {})}  # type: ignore[typeddict-item]


@acm.op(resource=by_arn, context=facts)
async def export_certificate(call: Call, req: t.ExportCertificateRequest) -> t.ExportCertificateResponse:
    """The key leaves under a passphrase; making it slow to guess takes a moment."""
    one = find(call, req["CertificateArn"])
    if one.type == "IMPORTED" or (one.type != "PRIVATE" and one.export != "ENABLED"):
        raise errors.not_exportable()
    if not one.body:
        raise errors.in_progress()
    locked = await asyncio.to_thread(x509.locked, one.private.encode(), req["Passphrase"])
    with call.step():
        call.put(find(call, one.arn).but(exported=True))
    return {"Certificate": one.body, "CertificateChain": one.chain, "PrivateKey": locked}


@acm.op(resource=ANY)
def list_certificates(call: Call, req: t.ListCertificatesRequest) -> t.ListCertificatesResponse:
    """Unless asked for others, only those with RSA keys of 1024 and 2048 bits are listed."""
    found = [one for one in call.all(Certificate) if _listed(one, req, call.now)]
    found.sort(key=lambda one: (one.created, one.id), reverse=req.get("SortOrder") == "DESCENDING")
    shown, more = pages.page(found, req, lambda one: one.id, 1000, errors.bad_token, size="MaxItems")
    return {"CertificateSummaryList": [summary(call, one) for one in shown], **more}  # type: ignore[typeddict-item]


def _listed(one: Certificate, req: Any, now: float) -> bool:
    wanted = req.get("Includes") or {}
    statuses, kinds = req.get("CertificateStatuses"), wanted.get("keyTypes") or ("RSA_1024", "RSA_2048")
    if statuses and one.status(now) not in statuses:
        return False
    if one.algorithm.replace("-", "_", 1) not in kinds or wanted.get("exportOption", one.export) != one.export or wanted.get("managedBy"):
        return False
    for member, key in (("keyUsage", "KeyUsages"), ("extendedKeyUsage", "ExtendedKeyUsages")):
        if wanted.get(member) and not {x["Name"] for x in one.told.get(key, ())} & set(wanted[member]):
            return False
    return True


def summary(call: Call, one: Certificate) -> dict[str, Any]:
    whole = view(call, one)
    out = {name: whole[name] for name in ("CertificateArn", "DomainName", "Status", "Type", "KeyAlgorithm", "RenewalEligibility", "CreatedAt", "ImportedAt", "IssuedAt", "NotBefore", "NotAfter") if name in whole}
    return out | {"SubjectAlternativeNameSummaries": list(one.names), "HasAdditionalSubjectAlternativeNames": False, "InUse": bool(whole["InUseBy"]), "Exported": one.exported, "ExportOption": one.export,
                  "KeyUsages": [x["Name"] for x in whole["KeyUsages"]], "ExtendedKeyUsages": [x["Name"] for x in whole["ExtendedKeyUsages"]]}


# -- change, and the end ----------------------------------------------------------------------------------------------------------

@acm.op(resource=by_arn, context=facts)
def update_certificate_options(call: Call, req: t.UpdateCertificateOptionsRequest) -> None:
    one = find(call, req["CertificateArn"])
    if one.type == "IMPORTED":
        raise errors.invalid_state("Certificate options of imported certificates can't be changed.")
    options = req["Options"]
    call.put(one.but(logging=options.get("CertificateTransparencyLoggingPreference", one.logging), export=options.get("Export", one.export)))


@acm.op(resource=by_arn, context=facts)
def delete_certificate(call: Call, req: t.DeleteCertificateRequest) -> None:
    one = find(call, req["CertificateArn"])
    if users(call, one):
        raise errors.in_use(one.arn)
    call.cancel(remind, one.id)
    issuing.forget(call, one)
    call.delete(one)


# -- approaching expiration -------------------------------------------------------------------------------------------------------

class Configuration(Record, frozen=True):
    kind = "acm.configuration"

    days: int = 45
    token: str = ""

    @property
    def key(self) -> str:
        return "configuration"


def configuration(call: Call) -> Configuration:
    return call.get(Configuration, "configuration") or Configuration()


@acm.op(ANY)
def get_account_configuration(call: Call, req: Any) -> t.GetAccountConfigurationResponse:
    return {"ExpiryEvents": {"DaysBeforeExpiry": configuration(call).days}}


@acm.op(ANY)
def put_account_configuration(call: Call, req: t.PutAccountConfigurationRequest) -> None:
    old, days = configuration(call), (req.get("ExpiryEvents") or {}).get("DaysBeforeExpiry", 45)
    if old.token == req["IdempotencyToken"] and old.days != days:
        raise errors.config_conflict()
    call.put(Configuration(days, req["IdempotencyToken"]))
    for one in call.all(Certificate):
        if one.told:
            remind_from(call, one)


def remind_from(call: Call, one: Certificate) -> None:
    """Once a day from so many days before the end."""
    first = max(call.now, one.told["NotAfter"] - configuration(call).days * DAY)
    call.due(first, remind, one.id, certificate=one.id)


@acm.timer
def remind(call: Call, certificate: str) -> None:
    one = call.get(Certificate, certificate)
    if one is None or call.now >= one.told["NotAfter"]:
        return
    days = int((one.told["NotAfter"] - call.now) // DAY)
    call.emit(AwsEvent("aws.acm", "ACM Certificate Approaching Expiration", {"DaysToExpiry": days, "CommonName": one.domain}, [one.arn]))
    call.after(DAY, remind, one.id, certificate=one.id)
