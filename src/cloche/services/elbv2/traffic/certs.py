"""TLS contexts of listeners: the protocols and ciphers of their policy, and the certificate that fits the name a client asks for, else the default one."""
from __future__ import annotations

import os
import ssl
from typing import Any

from cloche.kernel import Call

from .. import certificates, ssl_policies
from ..listeners import Listener
from .matching import wild

VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def mark(call: Call, listener: Listener) -> Any:
    """What a context depends on: when it differs, the listener is opened anew."""
    return (listener.policy, tuple((arn, hash(certificates.material(call, arn))) for arn in listener.certificates)) if listener.certificates else None


def context(call: Call, listener: Listener) -> ssl.SSLContext:
    """The default certificate's context; others take its place when their name is asked for."""
    made = [(names(found.body), one(found, listener.policy)) for arn in listener.certificates if (found := certificates.material(call, arn))]
    if not made:
        raise OSError(f"the certificate of {listener.arn} is gone")
    default = made[0][1]

    def choose(sock: Any, name: str | None, _: Any) -> None:
        if name:
            for patterns, other in made:
                if any(fits(name, pattern) for pattern in patterns):
                    sock.context = other
                    return

    default.sni_callback = choose  # type: ignore[assignment]
    return default


def fits(name: str, pattern: str) -> bool:
    return bool(wild(pattern, True).fullmatch(name)) and name.count(".") == pattern.count(".")


def one(found: certificates.Material, policy: str) -> ssl.SSLContext:
    protocols, ciphers = ssl_policies.POLICIES[policy]
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version, made.maximum_version = VERSIONS[protocols[0]], VERSIONS[protocols[-1]]
    if older := [name for name in ciphers if not name.startswith("TLS_")]:
        made.set_ciphers(":".join(older))
    made.set_alpn_protocols(["http/1.1"])
    file = os.memfd_create("certificate")                  # OpenSSL reads files only; this one is never on a disk
    try:
        os.write(file, "\n".join([found.private, found.body, found.chain]).encode())
        made.load_cert_chain(f"/proc/self/fd/{file}")
    finally:
        os.close(file)
    return made


def names(body: str) -> list[str]:
    from cryptography import x509
    read = x509.load_pem_x509_certificate(body.encode())
    try:
        return [str(name) for name in read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        return [str(name.value) for name in read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
