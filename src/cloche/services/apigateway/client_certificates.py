"""Client certificates: what API Gateway shows to a backend that wants to know who calls. Self-signed, valid for a year."""
from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from cloche.kernel import Call, Record, Sealed

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS
from .patch import TEXT, apply
from .stages import Stage

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

DAYS = 365


class ClientCertificate(Record, frozen=True):
    kind = "apigateway.client_certificate"

    id: str
    created: float
    certificate: str
    private_key: Sealed
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return self.id


def find_certificate(call: Call, id_: str) -> ClientCertificate:
    if found := call.get(ClientCertificate, id_):
        return found
    raise errors.no_such("Client Certificate")


def described(it: ClientCertificate) -> dict[str, Any]:
    return {"clientCertificateId": it.id, "createdDate": it.created, "expirationDate": it.created + DAYS * 86400, "pemEncodedCertificate": it.certificate, **it.values}


def pair(now: float) -> tuple[str, str]:
    """(certificate, private key) as PEM. Two primes take a while: this runs beside the loop."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    begin = datetime.fromtimestamp(now, UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ApiGateway"), x509.NameAttribute(NameOID.LOCALITY_NAME, "Seattle"),
                      x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Washington"), x509.NameAttribute(NameOID.COUNTRY_NAME, "US")])
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(begin).not_valid_after(begin + timedelta(days=DAYS)).sign(key, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


@apigateway.op(needs=asked)
async def generate_client_certificate(call: Call, req: t.GenerateClientCertificateRequest) -> t.ClientCertificate:
    certificate, private = await asyncio.to_thread(pair, call.now)
    values = {k: req[k] for k in ("description", "tags") if req.get(k) is not None}
    with call.step():
        return described(call.put(ClientCertificate(call.pick(LETTERS, 6), call.now, certificate, Sealed(private), values)))


@apigateway.op(needs=asked)
def get_client_certificate(call: Call, req: t.GetClientCertificateRequest) -> t.ClientCertificate:
    return described(find_certificate(call, req["clientCertificateId"]))


@apigateway.op(needs=asked)
def get_client_certificates(call: Call, req: t.GetClientCertificatesRequest) -> t.ClientCertificates:
    return pages.page(req, call.all(ClientCertificate), lambda c: c.id, described)


@apigateway.op(needs=asked)
def update_client_certificate(call: Call, req: t.UpdateClientCertificateRequest) -> t.ClientCertificate:
    it = find_certificate(call, req["clientCertificateId"])
    return described(call.put(it.but(values=apply(it.values, req.get("patchOperations"), {"/description": TEXT}))))


@apigateway.op(needs=asked)
def delete_client_certificate(call: Call, req: t.DeleteClientCertificateRequest) -> None:
    it = find_certificate(call, req["clientCertificateId"])
    if any(s.values.get("clientCertificateId") == it.id for s in call.all(Stage)):
        raise errors.bad_request("Client certificate is in use by a stage.")
    call.delete(it)
