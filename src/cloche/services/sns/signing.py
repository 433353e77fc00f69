"""The key that signs what SNS delivers, and the certificate by which receivers check it.

One key a cloud, made in a thread when the service is first loaded. It has 1024 bits: with 2048 one signature costs more than a
publish to ten queues (1.3 ms against 0.13), and what it must prove on one's own machine is that receivers check it at all.
"""
from __future__ import annotations

import asyncio
import base64
import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from cloche.kernel import Call, Record, Request, Response

from . import service as sns

YEARS = 10


class SigningKey(Record, frozen=True):
    kind = "sns.signing_key"
    scope = "cloud"

    id: str
    private: bytes
    certificate: bytes

    @property
    def key(self) -> str:
        return "current"


@sns.boot
def make_ready(call: Call) -> None:
    if call.get(SigningKey, "current") is None:
        call.spawn(make_in_thread(call))


async def make_in_thread(call: Call) -> None:
    id_, now = call.id(digits=32), call.now
    made = await asyncio.to_thread(make, id_, now)
    with call.step():
        if call.get(SigningKey, "current") is None:
            call.put(made)


def make(id_: str, now: float) -> SigningKey:
    private = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloche"), x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime.datetime.fromtimestamp(now, datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key()).serial_number(int(id_, 16) or 1)
        .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=365 * YEARS)).sign(private, hashes.SHA256()))
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return SigningKey(id_, pem, certificate.public_bytes(serialization.Encoding.PEM))


def current(call: Call) -> SigningKey:
    """The cloud's key. Made on the spot if somebody publishes before the thread is done."""
    return call.get(SigningKey, "current") or call.put(make(call.id(digits=32), call.now))


def sign(call: Call, key: SigningKey, text: str, version: str) -> str:
    loaded: dict[str, Any] = call.cloud.memory.setdefault("sns.keys", {})
    private = loaded.get(key.id)
    if private is None:
        private = loaded[key.id] = serialization.load_pem_private_key(key.private, None)
    return base64.b64encode(private.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256() if version == "2" else hashes.SHA1())).decode()


def url(call: Call, key: SigningKey) -> str:
    return f"{base_url(call)}/SimpleNotificationService-{key.id}.pem"


def base_url(call: Call) -> str:
    return f"{'https' if call.request is not None and call.request.secure else 'http'}://{call.host}"


@sns.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    key = call.get(SigningKey, "current")
    if key is None or key.id != match["id"]:
        return Response(404, [("content-type", "text/plain")], b"No such certificate.\n")
    return Response(200, [("content-type", "application/x-pem-file")], key.certificate)
