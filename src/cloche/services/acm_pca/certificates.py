"""Certificates that an authority issues: its templates say what they are good for, its own end is theirs at the latest."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, x509
from . import service as pca
from .authorities import arn, find, policy

if TYPE_CHECKING:
    from cloche.shapes import acm_pca as t

HOUR, DAY = 3600, 86400
TEMPLATE = "arn:aws:acm-pca:::template/"


class Certificate(Record, frozen=True):
    kind = "acm-pca.certificate"

    id: str
    authority: str
    serial: str
    body: str
    issued: float
    token: str = ""
    revoked: float = 0.0
    reason: str = ""

    @property
    def key(self) -> str:
        return f"{self.authority}/{self.id}"


def asked(call: Call, req: Any) -> dict[str, Any]:
    return {"acm-pca:TemplateArn": req.get("TemplateArn", TEMPLATE + "EndEntityCertificate/V1")}


def moment(call: Call, value: int, kind: str, begins: float) -> float:
    """When a validity ends."""
    if kind == "ABSOLUTE":
        return float(value)
    if kind == "DAYS":
        return call.now + value * DAY
    now = datetime.fromtimestamp(call.now, UTC)
    if kind in ("MONTHS", "YEARS"):
        months = now.month - 1 + value * (12 if kind == "YEARS" else 1)
        return now.replace(year=now.year + months // 12, month=months % 12 + 1, day=min(now.day, 28)).timestamp()
    text = str(value)                                  # END_DATE: YYYYMMDDHHMMSS, or two digits for the year
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%S" if len(text) == 14 else "%y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise errors.args("The end date is not valid.") from None


@pca.op(resource=lambda call, req: req["CertificateAuthorityArn"], context=asked, policy=policy, partly="no templates that take extensions from the request (APIPassthrough, CSRPassthrough)")
def issue_certificate(call: Call, req: t.IssueCertificateRequest) -> t.IssueCertificateResponse:
    there, one = find(call, req)
    token, template = req.get("IdempotencyToken", ""), req.get("TemplateArn", TEMPLATE + "EndEntityCertificate/V1").rpartition("template/")[2]
    if token:
        for each in there.all(Certificate):
            if each.authority == one.id and each.token == token and call.now < each.issued + 300:
                return {"CertificateArn": f"{arn(there, one)}/certificate/{each.id}"}
    if template not in x509.TEMPLATES or req.get("ApiPassthrough"):
        raise errors.args(f"The template {template} is not valid, or not built in Cloche.")
    wanted, own = x509.request(req["Csr"]), x509.key_of(one.private).public_key()
    itself = template == "RootCACertificate/V1"
    if itself:
        if one.type != "ROOT" or not x509.same_key(wanted.public_key(), own):
            raise errors.args("The template RootCACertificate/V1 is for a root's own request.")
        if one.state not in ("PENDING_CERTIFICATE", "ACTIVE"):
            raise errors.state(one.status(call.now))
    elif one.status(call.now) != "ACTIVE":
        raise errors.state(one.status(call.now))
    signing = req["SigningAlgorithm"]
    if not x509.fits(signing, one.algorithm):
        raise errors.args(f"The signing algorithm {signing} does not match the authority's key algorithm {one.algorithm}.")
    begins = moment(call, req["ValidityNotBefore"]["Value"], req["ValidityNotBefore"]["Type"], 0) if "ValidityNotBefore" in req else call.now - HOUR
    ends = moment(call, req["Validity"]["Value"], req["Validity"]["Type"], begins)
    if ends <= call.now or ends <= begins:
        raise errors.validation("The certificate would end before it begins.")
    if not itself and ends > one.ends:
        raise errors.validation("The certificate validity specified exceeds the certificate authority validity.")
    if one.usage == "SHORT_LIVED_CERTIFICATE" and not itself and ends - call.now > 7 * DAY:
        raise errors.validation("An authority of short-lived certificates issues none for longer than seven days.")
    serial = int(call.id(digits=32), 16) | 1 << 126
    body, written = x509.sign(wanted, one.private, None if itself else x509.load(one.certificate.encode()), template, signing, serial, begins, ends)
    made = there.put(Certificate(call.id(digits=32), one.id, written, body, call.now, token))
    return {"CertificateArn": f"{arn(there, one)}/certificate/{made.id}"}


@pca.op(resource=lambda call, req: req["CertificateAuthorityArn"], policy=policy)
def get_certificate(call: Call, req: t.GetCertificateRequest) -> t.GetCertificateResponse:
    there, one = find(call, req)
    found = there.get(Certificate, f"{one.id}/{req['CertificateArn'].rpartition('/')[2]}")
    if found is None:
        raise errors.not_found(req["CertificateArn"])
    chain = "\n".join(part.strip() for part in (one.certificate, one.chain) if part)
    return {"Certificate": found.body.strip()} | ({"CertificateChain": chain} if chain else {})  # type: ignore[return-value]


@pca.op(resource=lambda call, req: req["CertificateAuthorityArn"], partly="what is revoked is known; no list is published")
def revoke_certificate(call: Call, req: t.RevokeCertificateRequest) -> None:
    there, one = find(call, req)
    wanted = req["CertificateSerial"].lower().replace(":", "").lstrip("0")
    found = next((each for each in there.all(Certificate) if each.authority == one.id and each.serial.replace(":", "").lstrip("0") == wanted), None)
    if found is None:
        raise errors.request(f"No certificate of the authority has the serial number {req['CertificateSerial']}.")
    if found.revoked:
        raise errors.revoked_already()
    there.put(found.but(revoked=call.now, reason=req["RevocationReason"]))
