"""The instance identity document and its signatures: whoever holds Cloche's certificate can check that the document is of an instance of this cloud."""
from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from cloche.kernel import Call, Record

from . import instances
from .instances import Instance
from .metadata_tree import iso


class Signer(Record, frozen=True):
    """The cloud's own key for identity documents."""
    kind = "ec2.identity-signer"
    scope = "cloud"

    key_pem: str
    certificate: str

    @property
    def key(self) -> str:
        return ""


def _made(now: float) -> Signer:
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Cloche"), x509.NameAttribute(NameOID.COMMON_NAME, "EC2 instance identity")])
    begin = datetime.fromtimestamp(now, UTC) - timedelta(days=1)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(pair.public_key()).serial_number(x509.random_serial_number())
                   .not_valid_before(begin).not_valid_after(begin + timedelta(days=3650)).sign(pair, hashes.SHA256()))
    pem = pair.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()
    return Signer(pem, certificate.public_bytes(form.Encoding.PEM).decode())


async def signer(call: Call) -> Signer:
    found = call.get(Signer, "")
    if found is None:
        made = await asyncio.to_thread(_made, call.now)
        with call.step():
            found = call.get(Signer, "") or call.put(made)
    return found


def document(call: Call, one: Instance) -> str:
    plugs = instances.interfaces(call, one)
    return json.dumps({
        "accountId": call.account, "architecture": one.architecture, "availabilityZone": one.zone, "billingProducts": None, "devpayProductCodes": None, "marketplaceProductCodes": None,
        "imageId": one.image, "instanceId": one.id, "instanceType": one.type, "kernelId": None, "pendingTime": iso(one.launched), "privateIp": plugs[0].private if plugs else None,
        "ramdiskId": None, "region": call.region, "version": "2017-09-30"}, indent=2, separators=(",", " : "))


async def tree(call: Call, one: Instance, wanted: list[str]) -> dict[str, Any]:
    """Below /latest/dynamic/. Signing is done only for who asks for a signature."""
    text = document(call, one)
    files: dict[str, Any] = {"document": text, "pkcs7": "", "rsa2048": "", "signature": ""}
    if wanted[:1] == ["instance-identity"] and wanted[1:2] and wanted[1] in files and wanted[1] != "document":
        files[wanted[1]] = _signed(await signer(call), text.encode(), wanted[1])
    return {"instance-identity": files}


def _signed(by: Signer, data: bytes, kind: str) -> str:
    pair: Any = form.load_pem_private_key(by.key_pem.encode(), None)
    if kind == "signature":
        raw = pair.sign(data, padding.PKCS1v15(), hashes.SHA256())
    else:
        certificate = x509.load_pem_x509_certificate(by.certificate.encode())
        raw = (pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, pair, hashes.SHA256())
               .sign(form.Encoding.DER, [pkcs7.PKCS7Options.NoAttributes, pkcs7.PKCS7Options.Binary]))
    lines = base64.b64encode(raw).decode()
    return "\n".join(lines[at:at + 64] for at in range(0, len(lines), 64))
