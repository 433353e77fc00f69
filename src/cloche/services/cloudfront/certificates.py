"""What viewers are shown in a TLS handshake: a certificate of Certificate Manager in us-east-1, trusted and for all the distribution's aliases."""
from __future__ import annotations

import ssl
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cloche.engines import authority, shown
from cloche.kernel import Call
from cloche.services.acm import public as acm
from cloche.services.iam import public as iam

from . import HOME, errors
from . import service as cloudfront
from .things import items

BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
LEAST = {"TLSv1.3_2025": ssl.TLSVersion.TLSv1_3, "TLSv1": ssl.TLSVersion.TLSv1_2}


def covers(names: tuple[str, ...], alias: str) -> bool:
    above = "*." + alias.partition(".")[2]
    return alias in names or above in names


def check(call: Call, config: dict[str, Any]) -> None:
    """Of a filled configuration."""
    certificate, aliases = config["ViewerCertificate"], items(config["Aliases"])
    if certificate["CloudFrontDefaultCertificate"]:
        if aliases:
            raise errors.no_certificate_for_aliases()
        return
    found = held(call, certificate)
    if found is None or not trusted(call.at(call.account, HOME), certificate.get("ACMCertificateArn", ""), found):
        raise errors.no_such_certificate()
    if certificate.get("SSLSupportMethod") not in ("sni-only", "vip"):
        raise errors.no_ssl_support()
    if not all(covers(found.names, one) for one in aliases):
        raise errors.certificate_does_not_cover()


def held(call: Call, certificate: dict[str, Any]) -> acm.Material | None:
    """With its private key: of Certificate Manager in us-east-1, or of IAM below /cloudfront/."""
    if id_ := certificate.get("IAMCertificateId"):
        found = iam.certificate_for_cloudfront(call, id_)
        return acm.Material(*found, names_of(found[0])) if found else None
    return acm.material(call.at(call.account, HOME), certificate.get("ACMCertificateArn", ""))


def names_of(body: str) -> tuple[str, ...]:
    from cryptography import x509
    read = x509.load_pem_x509_certificate(body.encode())
    try:
        return tuple(str(name) for name in read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        return ()


def trusted(call: Call, arn: str, found: Any) -> bool:
    """Amazon issued it, or its chain ends at an authority that this machine (or Cloche) trusts. `call` stands where the certificate is."""
    if arn and acm.issuer(call, arn) == "AMAZON_ISSUED":
        return True
    if not found.names:
        return False
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
    leaf = x509.load_pem_x509_certificate(found.body.encode())
    chain = x509.load_pem_x509_certificates(found.chain.encode()) if found.chain.strip() else []
    store = Store([*_roots(), x509.load_pem_x509_certificate(authority.load(Path(call.cloud.data)).pem)])
    subject = x509.DNSName(found.names[0].replace("*", "x", 1))
    try:
        PolicyBuilder().store(store).time(datetime.fromtimestamp(call.now, UTC)).build_server_verifier(subject).verify(leaf, chain)
    except VerificationError:
        return False
    return True


@lru_cache(1)
def _roots() -> list[Any]:
    import warnings

    from cryptography import x509
    with warnings.catch_warnings():                # some authorities are older than the rules
        warnings.simplefilter("ignore")
        return next((x509.load_pem_x509_certificates(Path(one).read_bytes()) for one in BUNDLES if Path(one).exists()), [])


def use(call: Call, arn: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    """ACM knows who serves with a certificate."""
    before, after = (config.get("ViewerCertificate", {}).get("ACMCertificateArn", "") for config in (old, new))
    if before != after:
        if before:
            acm.release(call, before, arn)
        if after:
            acm.use(call, after, arn)


@cloudfront.secure
def context(call: Call, name: str) -> ssl.SSLContext | None:
    """What an alias shows; clients too old for the distribution's policy are not let in."""
    from .distributions import Distribution, Endpoint
    endpoint = call.get(Endpoint, name)
    found = call.at(endpoint.account, HOME).get(Distribution, endpoint.distribution) if endpoint else None
    material = held(call.at(found.account, HOME), found.config["ViewerCertificate"]) if found else None
    if found is None or material is None:
        return None
    made = shown.context(material.private, material.body, material.chain)
    made.minimum_version = LEAST.get(found.config["ViewerCertificate"]["MinimumProtocolVersion"], ssl.TLSVersion.TLSv1_2)
    return made
