"""TLS contexts of listeners: the protocols and ciphers of their policy, and the certificate that fits the name a client asks for, else the default one."""
from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from cloche.engines import shown
from cloche.kernel import Call

from .. import certificates, ssl_policies
from ..listeners import Listener
from .matching import wild

VERSIONS = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def context(call: Call, listener: Listener) -> ssl.SSLContext:
    """Of a listener, whose certificates and policy are looked up anew at each handshake."""
    account, region, key = call.account, call.region, listener.key

    def current() -> tuple[list[tuple[str, certificates.Material]], str]:
        here = call.cloud.internal(call.cloud.service("elbv2"), account, region)
        found = here.get(Listener, key)
        return ([(arn, one) for arn in found.certificates if (one := certificates.material(here, arn))], found.policy) if found else ([], "")

    return live(current)


def live(current: Callable[[], tuple[list[tuple[str, certificates.Material]], str]]) -> ssl.SSLContext:
    """A context that shows, at each handshake, the certificate that fits the name asked for among those that there are then; else the first."""
    there, policy = current()
    if not there:
        raise OSError("the certificate of the listener is gone")
    outer = one(there[0][1], policy)

    def choose(sock: Any, name: str | None, _: Any) -> None:
        found, policy = current()
        fitting = [each for each in found if name and any(fits(name, pattern) for pattern in names(each[1].body))] or found
        if fitting:
            sock.chosen, sock.asked = fitting[0][0], name or ""    # for the access log
            sock.context = kept(fitting[0][1], policy)

    outer.sni_callback = choose  # type: ignore[assignment]
    return outer


def fits(name: str, pattern: str) -> bool:
    return bool(wild(pattern, True).fullmatch(name)) and name.count(".") == pattern.count(".")


@lru_cache(256)
def kept(found: certificates.Material, policy: str) -> ssl.SSLContext:
    """Shared by who shows the same; nobody may hang anything on it."""
    return one(found, policy)


def one(found: certificates.Material, policy: str) -> ssl.SSLContext:
    protocols, ciphers = ssl_policies.POLICIES[policy]
    made = shown.context(found.private, found.body, found.chain)
    made.minimum_version, made.maximum_version = VERSIONS[protocols[0]], VERSIONS[protocols[-1]]
    if older := [name for name in ciphers if not name.startswith("TLS_")]:
        made.set_ciphers(":".join(older))
    return made


@lru_cache(256)
def names(body: str) -> list[str]:
    from cryptography import x509
    read = x509.load_pem_x509_certificate(body.encode())
    try:
        return [str(name) for name in read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        return [str(name.value) for name in read.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
