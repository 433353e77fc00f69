"""Certificate authorities. One is made with its key and a signing request; with a certificate of its own, from itself or another, it is active."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloche.iam import MalformedPolicy, grammar
from cloche.kernel import Call, Record, Sealed, pages
from cloche.services.ram import public as ram

from . import errors, x509
from . import service as pca

if TYPE_CHECKING:
    from cloche.shapes import acm_pca as t

DAY = 86400


class Authority(Record, frozen=True):
    kind = "acm-pca.authority"

    id: str
    type: str                                          # ROOT | SUBORDINATE
    algorithm: str
    signing: str
    subject: dict[str, Any]
    private: Sealed
    csr: str
    created: float
    changed: float
    state: str = "PENDING_CERTIFICATE"                 # | ACTIVE | DISABLED | DELETED
    certificate: str = ""
    chain: str = ""
    serial: str = ""
    begins: float = 0.0
    ends: float = 0.0
    restorable: float = 0.0
    before: str = ""                                   # the state it had before it was deleted
    revocation: dict[str, Any] = {}
    usage: str = "GENERAL_PURPOSE"
    storage: str = "FIPS_140_2_LEVEL_3_OR_HIGHER"
    token: str = ""
    policy: str = ""
    permissions: list[dict[str, Any]] = []
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id

    def status(self, now: float) -> str:
        return "EXPIRED" if self.state == "ACTIVE" and now >= self.ends else self.state


def arn(call: Call, one: Authority) -> str:
    return call.arn(f"certificate-authority/{one.id}")


def by_arn(call: Call, req: Any) -> str:
    return str(req["CertificateAuthorityArn"])


def locate(call: Call, text: str) -> tuple[Call, Authority]:
    """The authority and where it is kept: another account's too, since IAM has said yes by then."""
    parts = text.split(":", 5)
    if len(parts) < 6 or not parts[5].startswith("certificate-authority/"):
        raise errors.invalid_arn(text)
    there = call.at(parts[4], parts[3])
    found = there.get(Authority, parts[5].split("/")[1]) if parts[3] == call.region else None
    if found is None:
        raise errors.not_found(text)
    return there, found


def find(call: Call, req: Any) -> tuple[Call, Authority]:
    return locate(call, req["CertificateAuthorityArn"])


def policy(call: Call, text: str) -> str | None:
    """The authority's own policy; and where it is shared through Resource Access Manager, the leave that comes with it."""
    try:
        _, one = locate(call, text)
    except Exception as error:
        if getattr(error, "code", "") in ("ResourceNotFoundException", "InvalidArnException"):
            return None
        raise
    owner = text.split(":")[4]
    if not one.policy and owner != call.principal.account and ram.lets(call, text.partition("/certificate/")[0]):
        return SHARED.replace("ACCOUNT", call.principal.account)
    return one.policy or None


SHARED = ('{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"ACCOUNT"},"Action":["acm-pca:IssueCertificate","acm-pca:GetCertificate",'
          '"acm-pca:GetCertificateAuthorityCertificate","acm-pca:DescribeCertificateAuthority","acm-pca:ListPermissions","acm-pca:ListTags"],"Resource":"*"}]}')


def view(there: Call, one: Authority) -> Any:
    found = {
        "Arn": arn(there, one), "OwnerAccount": there.account, "CreatedAt": one.created, "LastStateChangeAt": one.changed, "Type": one.type, "Status": one.status(there.now),
        "CertificateAuthorityConfiguration": {"KeyAlgorithm": one.algorithm, "SigningAlgorithm": one.signing, "Subject": one.subject},
        "RevocationConfiguration": one.revocation or {"CrlConfiguration": {"Enabled": False}, "OcspConfiguration": {"Enabled": False}},
        "KeyStorageSecurityStandard": one.storage, "UsageMode": one.usage,
    }
    if one.certificate:
        found |= {"Serial": one.serial, "NotBefore": one.begins, "NotAfter": one.ends}
    return found | ({"RestorableUntil": one.restorable} if one.state == "DELETED" else {})


@pca.op(resource=lambda call, req: call.arn("certificate-authority/*"), partly="RSA and elliptic curves; revocation lists and OCSP are configured, not published")
async def create_certificate_authority(call: Call, req: t.CreateCertificateAuthorityRequest) -> t.CreateCertificateAuthorityResponse:
    wanted, token = req["CertificateAuthorityConfiguration"], req.get("IdempotencyToken", "")
    for one in call.all(Authority):
        if token and one.token == token and call.now < one.created + 300:
            return {"CertificateAuthorityArn": arn(call, one)}
    algorithm, signing, subject = wanted["KeyAlgorithm"], wanted["SigningAlgorithm"], dict(wanted["Subject"])
    if algorithm not in x509.RSA and algorithm not in x509.CURVES:
        raise errors.args(f"Keys of {algorithm} are not built in Cloche.")
    if not x509.fits(signing, algorithm):
        raise errors.args(f"The signing algorithm {signing} does not match the key algorithm {algorithm}.")
    x509.name(subject)
    private = (await asyncio.to_thread(x509.make_key, algorithm)).decode()
    csr = await asyncio.to_thread(x509.csr, private, subject, signing.removesuffix("_PSS"))
    with call.step():
        made = call.put(Authority(
            call.uuid(), req["CertificateAuthorityType"], algorithm, signing, subject, Sealed(private), csr, call.now, call.now, revocation=dict(req.get("RevocationConfiguration", {})),
            usage=req.get("UsageMode", "GENERAL_PURPOSE"), storage=req.get("KeyStorageSecurityStandard", "FIPS_140_2_LEVEL_3_OR_HIGHER"), token=token,
            tags={tag["Key"]: tag.get("Value", "") for tag in req.get("Tags", [])}))
    return {"CertificateAuthorityArn": arn(call, made)}


@pca.op(resource=by_arn, policy=policy)
def describe_certificate_authority(call: Call, req: t.DescribeCertificateAuthorityRequest) -> t.DescribeCertificateAuthorityResponse:
    return {"CertificateAuthority": view(*find(call, req))}


@pca.op(resource=lambda call, req: "*")
def list_certificate_authorities(call: Call, req: t.ListCertificateAuthoritiesRequest) -> t.ListCertificateAuthoritiesResponse:
    if req.get("ResourceOwner") == "OTHER_ACCOUNTS":
        those = [locate(call, text) for text in ram.shared(call, "acm-pca:CertificateAuthority")]
    else:
        those = [(call, one) for one in call.all(Authority)]
    found, more = pages.page(sorted(those, key=lambda pair: pair[1].id), req, lambda pair: pair[1].id, 1000, errors.bad_token)
    return {"CertificateAuthorities": [view(*pair) for pair in found], **more}


@pca.op(resource=by_arn)
def get_certificate_authority_csr(call: Call, req: t.GetCertificateAuthorityCsrRequest) -> t.GetCertificateAuthorityCsrResponse:
    return {"Csr": find(call, req)[1].csr}


@pca.op(resource=by_arn)
def import_certificate_authority_certificate(call: Call, req: t.ImportCertificateAuthorityCertificateRequest) -> None:
    there, one = find(call, req)
    if one.state == "DELETED":
        raise errors.state(one.state)
    certificate, chain = x509.load(req["Certificate"]), req.get("CertificateChain", b"")
    if not x509.same_key(certificate.public_key(), x509.key_of(one.private).public_key()):
        raise errors.mismatch()
    if one.type == "ROOT":
        if chain:
            raise errors.request("A root has no certificate chain.")
        x509.follows(certificate, req["Certificate"])
    else:
        if not chain:
            raise errors.request("A subordinate authority needs the chain of its certificate.")
        x509.follows(certificate, chain)
    there.put(one.but(state="ACTIVE", changed=call.now, certificate=req["Certificate"].decode(), chain=chain.decode(), serial=x509.written(certificate.serial_number),
                      begins=certificate.not_valid_before_utc.timestamp(), ends=certificate.not_valid_after_utc.timestamp()))


@pca.op(resource=by_arn, policy=policy)
def get_certificate_authority_certificate(call: Call, req: t.GetCertificateAuthorityCertificateRequest) -> t.GetCertificateAuthorityCertificateResponse:
    one = find(call, req)[1]
    if not one.certificate:
        raise errors.state(one.state)
    return {"Certificate": one.certificate} | ({"CertificateChain": one.chain} if one.chain else {})  # type: ignore[return-value]


@pca.op(resource=by_arn)
def update_certificate_authority(call: Call, req: t.UpdateCertificateAuthorityRequest) -> None:
    there, one = find(call, req)
    if one.state not in ("ACTIVE", "DISABLED"):
        raise errors.state(one.state)
    if req.get("Status", "ACTIVE") not in ("ACTIVE", "DISABLED"):
        raise errors.args("The status can be set to ACTIVE or DISABLED.")
    there.put(one.but(state=req.get("Status", one.state), changed=call.now, revocation=dict(req.get("RevocationConfiguration", one.revocation))))


@pca.op(resource=by_arn)
def delete_certificate_authority(call: Call, req: t.DeleteCertificateAuthorityRequest) -> None:
    there, one = find(call, req)
    if one.state not in ("PENDING_CERTIFICATE", "DISABLED"):
        raise errors.state(one.status(call.now))
    until = call.now + req.get("PermanentDeletionTimeInDays", 30) * DAY
    there.put(one.but(state="DELETED", changed=call.now, restorable=until, before=one.state))
    there.due(until, forget, name=one.id, id=one.id)


@pca.timer
def forget(call: Call, id: str) -> None:
    from .certificates import Certificate
    one = call.get(Authority, id)
    if one is not None and one.state == "DELETED" and call.now >= one.restorable:
        for certificate in call.all(Certificate):
            if certificate.authority == id:
                call.delete(certificate)
        call.delete(one)


@pca.op(resource=by_arn)
def restore_certificate_authority(call: Call, req: t.RestoreCertificateAuthorityRequest) -> None:
    there, one = find(call, req)
    if one.state != "DELETED":
        raise errors.state(one.state)
    there.cancel(forget, one.id)
    there.put(one.but(state=one.before, changed=call.now, restorable=0.0))


# -- who else may ---------------------------------------------------------------------------------------------------------

@pca.op(resource=by_arn)
def create_permission(call: Call, req: t.CreatePermissionRequest) -> None:
    there, one = find(call, req)
    source = req.get("SourceAccount", there.account)
    if any(each["Principal"] == req["Principal"] and each["SourceAccount"] == source for each in one.permissions):
        raise errors.permitted_already()
    there.put(one.but(permissions=[*one.permissions, {"CertificateAuthorityArn": arn(there, one), "CreatedAt": call.now, "Principal": req["Principal"], "SourceAccount": source, "Actions": req["Actions"]}]))


@pca.op(resource=by_arn, policy=policy)
def list_permissions(call: Call, req: t.ListPermissionsRequest) -> t.ListPermissionsResponse:
    found, more = pages.page(find(call, req)[1].permissions, req, lambda each: f"{each['Principal']} {each['SourceAccount']}", 1000, errors.bad_token)
    return {"Permissions": found, **more}  # type: ignore[typeddict-item]


@pca.op(resource=by_arn)
def delete_permission(call: Call, req: t.DeletePermissionRequest) -> None:
    there, one = find(call, req)
    left = [each for each in one.permissions if (each["Principal"], each["SourceAccount"]) != (req["Principal"], req.get("SourceAccount", there.account))]
    if len(left) == len(one.permissions):
        raise errors.not_found(req["Principal"])
    there.put(one.but(permissions=left))


def by_resource(call: Call, req: Any) -> str:
    return str(req["ResourceArn"])


@pca.op(resource=by_resource)
def put_policy(call: Call, req: t.PutPolicyRequest) -> None:
    there, one = locate(call, req["ResourceArn"])
    try:
        grammar.resource(req["Policy"])
    except MalformedPolicy as error:
        raise errors.bad_policy(error.message) from None
    there.put(one.but(policy=req["Policy"]))


@pca.op(resource=by_resource)
def get_policy(call: Call, req: t.GetPolicyRequest) -> t.GetPolicyResponse:
    one = locate(call, req["ResourceArn"])[1]
    if not one.policy:
        raise errors.not_found(req["ResourceArn"])
    return {"Policy": one.policy}


@pca.op(resource=by_resource)
def delete_policy(call: Call, req: t.DeletePolicyRequest) -> None:
    there, one = locate(call, req["ResourceArn"])
    there.put(one.but(policy=""))


# -- tags -------------------------------------------------------------------------------------------------------------------

@pca.op(resource=by_arn)
def tag_certificate_authority(call: Call, req: t.TagCertificateAuthorityRequest) -> None:
    there, one = find(call, req)
    there.put(one.but(tags=one.tags | {tag["Key"]: tag.get("Value", "") for tag in req["Tags"]}))


@pca.op(resource=by_arn)
def untag_certificate_authority(call: Call, req: t.UntagCertificateAuthorityRequest) -> None:
    there, one = find(call, req)
    gone = {tag["Key"] for tag in req["Tags"] if tag.get("Value", one.tags.get(tag["Key"])) == one.tags.get(tag["Key"])}
    there.put(one.but(tags={key: value for key, value in one.tags.items() if key not in gone}))


@pca.op(resource=by_arn, policy=policy)
def list_tags(call: Call, req: t.ListTagsRequest) -> t.ListTagsResponse:
    found, more = pages.page(sorted(find(call, req)[1].tags.items()), req, lambda pair: pair[0], 1000, errors.bad_token)
    return {"Tags": [{"Key": key, "Value": value} for key, value in found], **more}
