"""X.509 certificates: server certificates of the account (for load balancers) and signing certificates of users."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Record, Sealed

from . import errors, tags, users
from . import service as iam
from .names import identifier, moment
from .pages import page
from .root_access import nameless

if TYPE_CHECKING:
    from cloche.shapes import iam as t

SIGNING_PER_USER = 2


class ServerCertificate(Record, frozen=True):
    kind = "iam.server-certificate"
    scope = "account"

    name: str
    id: str
    path: str
    body: str
    chain: str
    private: Sealed
    created: float
    expires: float
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


class SigningCertificate(Record, frozen=True):
    kind = "iam.signing-certificate"
    scope = "account"

    id: str
    user: str                                          # the user's unique id
    body: str
    created: float
    active: bool = True

    @property
    def key(self) -> str:
        return self.id


def read(body: str, what: str = "Certificate") -> Any:
    from cryptography import x509  # takes time and memory to import; few accounts have certificates here
    try:
        return x509.load_pem_x509_certificate(body.encode())
    except ValueError:
        raise AwsError("MalformedCertificate", f"Unable to parse {what.lower()}. Please ensure the {what.lower()} is in PEM format.", 400) from None


def must_belong(certificate: Any, private: str) -> None:
    from cryptography.hazmat.primitives import serialization as forms
    try:
        key = forms.load_pem_private_key(private.encode(), None)
    except (ValueError, TypeError):
        raise AwsError("MalformedCertificate", "Unable to parse private key. Please ensure the key is in PEM format, without a passphrase.", 400) from None
    written = [one.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo) for one in (key.public_key(), certificate.public_key())]
    if written[0] != written[1]:
        raise AwsError("KeyPairMismatch", "Certificate and private key do not match", 400)


def arn(call: Call, path: str, name: str) -> str:
    return call.arn(f"server-certificate{path}{name}", service="iam", region="")


def by_name(call: Call, req: Any) -> str:
    found = call.get(ServerCertificate, req["ServerCertificateName"])
    return arn(call, found.path if found else req.get("Path", "/"), req["ServerCertificateName"])


def facts(call: Call, req: Any) -> dict[str, Any]:
    context = tags.asked(req)
    if found := call.get(ServerCertificate, req["ServerCertificateName"]):
        context |= {f"aws:ResourceTag/{key}": value for key, value in found.tags.items()}
    return context


def find(call: Call, name: str) -> ServerCertificate:
    found = call.get(ServerCertificate, name)
    if found is None:
        raise AwsError("NoSuchEntity", f"The Server Certificate with name {name} cannot be found.", 404)
    return found


def view(call: Call, one: ServerCertificate) -> dict[str, Any]:
    return {"Path": one.path, "ServerCertificateName": one.name, "ServerCertificateId": one.id, "Arn": arn(call, one.path, one.name), "UploadDate": one.created, "Expiration": one.expires}


@iam.op(resource=by_name, action=tags.action("UploadServerCertificate", "TagServerCertificate"), context=facts)
def upload_server_certificate(call: Call, req: t.UploadServerCertificateRequest) -> t.UploadServerCertificateResponse:
    name, certificate = req["ServerCertificateName"], read(req["CertificateBody"])
    must_belong(certificate, req["PrivateKey"])
    if "CertificateChain" in req:
        read(req["CertificateChain"], "Certificate chain")
    if call.get(ServerCertificate, name):
        raise AwsError("EntityAlreadyExists", f"The Server Certificate with name {name} already exists.", 409)
    made = call.put(ServerCertificate(name, identifier(call, "ASCA"), req.get("Path", "/"), req["CertificateBody"], req.get("CertificateChain", ""), Sealed(req["PrivateKey"]), moment(call),
                                      certificate.not_valid_after_utc.timestamp(), tags.given(call, req)))
    return {"ServerCertificateMetadata": view(call, made), "Tags": tags.pairs(made.tags)}


@iam.op(resource=by_name, context=facts)
def get_server_certificate(call: Call, req: t.GetServerCertificateRequest) -> t.GetServerCertificateResponse:
    one = find(call, req["ServerCertificateName"])
    answer = {"ServerCertificateMetadata": view(call, one), "CertificateBody": one.body, "Tags": tags.pairs(one.tags)}
    return {"ServerCertificate": answer | ({"CertificateChain": one.chain} if one.chain else {})}


@iam.op(resource=ANY)
def list_server_certificates(call: Call, req: t.ListServerCertificatesRequest) -> t.ListServerCertificatesResponse:
    prefix = req.get("PathPrefix", "/")
    found, more = page(req, (one for one in call.all(ServerCertificate) if one.path.startswith(prefix)), key=lambda one: one.name)
    return {"ServerCertificateMetadataList": [view(call, one) for one in found], **more}


@iam.op(resource=by_name, context=facts)
def update_server_certificate(call: Call, req: t.UpdateServerCertificateRequest) -> None:
    one = find(call, req["ServerCertificateName"])
    name = req.get("NewServerCertificateName", one.name)
    if name != one.name and call.get(ServerCertificate, name):
        raise AwsError("EntityAlreadyExists", f"The Server Certificate with name {name} already exists.", 409)
    call.delete(one)
    call.put(one.but(name=name, path=req.get("NewPath", one.path)))


@iam.op(resource=by_name, context=facts)
def delete_server_certificate(call: Call, req: t.DeleteServerCertificateRequest) -> None:
    call.delete(find(call, req["ServerCertificateName"]))


@iam.op(resource=by_name, context=facts)
def tag_server_certificate(call: Call, req: t.TagServerCertificateRequest) -> None:
    tags.add(call, find(call, req["ServerCertificateName"]), req)


@iam.op(resource=by_name, context=facts)
def untag_server_certificate(call: Call, req: t.UntagServerCertificateRequest) -> None:
    tags.remove(call, find(call, req["ServerCertificateName"]), req)


@iam.op(resource=by_name, context=facts)
def list_server_certificate_tags(call: Call, req: t.ListServerCertificateTagsRequest) -> t.ListServerCertificateTagsResponse:
    return tags.listed(req, find(call, req["ServerCertificateName"]).tags)


def signing(call: Call, user: users.User) -> list[SigningCertificate]:
    return [one for one in call.all(SigningCertificate) if one.user == user.id]


def find_signing(call: Call, req: Any) -> SigningCertificate:
    user = users.find(call, users.name_of(call, req))
    found = call.get(SigningCertificate, req["CertificateId"])
    if found is None or found.user != user.id:
        raise AwsError("NoSuchEntity", f"The Certificate with id {req['CertificateId']} cannot be found.", 404)
    return found


def show_signing(user: users.User, one: SigningCertificate) -> dict[str, Any]:
    return {"UserName": user.name, "CertificateId": one.id, "CertificateBody": one.body, "Status": "Active" if one.active else "Inactive", "UploadDate": one.created}


@iam.op(resource=users.by_name, context=users.facts)
def upload_signing_certificate(call: Call, req: t.UploadSigningCertificateRequest) -> t.UploadSigningCertificateResponse:
    user = users.find(call, users.name_of(call, req))
    read(req["CertificateBody"])
    have = signing(call, user)
    if any(one.body == req["CertificateBody"] for one in have):
        raise AwsError("DuplicateCertificate", "The same certificate is already associated with the user.", 409)
    if len(have) >= SIGNING_PER_USER:
        raise errors.too_many("CertificatesPerUser", SIGNING_PER_USER)
    made = call.put(SigningCertificate(call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32), user.id, req["CertificateBody"], moment(call)))
    return {"Certificate": show_signing(user, made)}


@iam.op(resource=users.by_name, context=users.facts)
def list_signing_certificates(call: Call, req: t.ListSigningCertificatesRequest) -> t.ListSigningCertificatesResponse:
    if nameless(call, req):
        return {"Certificates": [], "IsTruncated": False}
    user = users.find(call, users.name_of(call, req))
    found, more = page(req, signing(call, user), key=lambda one: one.id)
    return {"Certificates": [show_signing(user, one) for one in found], **more}


@iam.op(resource=users.by_name, context=users.facts)
def update_signing_certificate(call: Call, req: t.UpdateSigningCertificateRequest) -> None:
    call.put(find_signing(call, req).but(active=req["Status"] == "Active"))


@iam.op(resource=users.by_name, context=users.facts)
def delete_signing_certificate(call: Call, req: t.DeleteSigningCertificateRequest) -> None:
    call.delete(find_signing(call, req))
