"""Private certificates: signed by an authority of AWS Private CA, for thirteen months; nobody has to prove a domain, whoever may use the authority may name it."""
from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cloche.engines import authority
from cloche.kernel import AwsError, Call
from cloche.services.acm_pca import public as pca

from . import issuing, x509
from . import service as acm

if TYPE_CHECKING:
    from .certificates import Certificate

DAYS = 395


def make(one: Certificate) -> tuple[bytes, bytes]:
    """A key and what it asks to be signed. RSA takes its time."""
    from cryptography import x509 as forms
    from cryptography.hazmat.primitives import hashes, serialization
    key: Any = x509.fresh(one.algorithm)
    name = forms.Name([forms.NameAttribute(forms.NameOID.COMMON_NAME, one.domain[:64])])
    asked = forms.CertificateSigningRequestBuilder().subject_name(name).add_extension(forms.SubjectAlternativeName([forms.DNSName(each) for each in one.names]), False)
    return authority.private_pem(key), asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@acm.worker
async def issue_privately(call: Call, key: str) -> None:
    """The first time, or again when it is due for renewal."""
    from .certificates import Certificate, remind_from
    one = call.get(Certificate, key)
    if one is None or one.failure or (one.told and not issuing.due(call, one)):
        return
    private, csr = await asyncio.to_thread(make, one)
    with call.step():
        now = call.get(Certificate, key)
        if now is None:
            return
        try:
            body, chain = pca.signed(call, now.authority, csr, DAYS)
        except AwsError as error:
            reason = "PCA_RESOURCE_NOT_FOUND" if error.code == "ResourceNotFoundException" else "PCA_INVALID_STATE" if error.code == "InvalidStateException" else "PCA_INVALID_DURATION"
            call.put(now.but(renewal={"RenewalStatus": "FAILED", "RenewalStatusReason": reason, "UpdatedAt": call.now}) if now.told else now.but(failure=reason))
            return
        again, told = bool(now.told), x509.told(x509.certificate(body.encode()))
        made = call.put(now.but(issued=call.now, body=body, chain=chain, private=private.decode(), told=told, exported=False,
                                renewal={"RenewalStatus": "SUCCESS", "UpdatedAt": call.now} if again else {}))
        call.due(told["NotAfter"] - issuing.RENEW_DAYS * issuing.DAY, issuing.renew, key, certificate=key)
        remind_from(call, made)
        issuing.announce(call, made, "RENEWAL" if again else "ISSUANCE")
