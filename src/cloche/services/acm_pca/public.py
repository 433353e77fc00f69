"""What ACM asks of a private authority: whether it would sign for somebody, and its signature."""
from __future__ import annotations

from cloche.kernel import AwsError, Call

from .authorities import locate, policy
from .certificates import TEMPLATE

END_ENTITY = TEMPLATE + "EndEntityCertificate/V1"


def refusal(call: Call, arn: str) -> str:
    """Why the authority signs nothing for the caller, in ACM's words of failure; "" if it does."""
    here = call.of("acm-pca")
    try:
        _, one = locate(here, arn)
    except AwsError as error:
        return "PCA_INVALID_ARN" if error.code == "InvalidArnException" else "PCA_RESOURCE_NOT_FOUND"
    if not here.allowed("acm-pca:IssueCertificate", arn, {"acm-pca:TemplateArn": END_ENTITY}, policy(here, arn)):
        return "PCA_ACCESS_DENIED"
    return "" if one.status(here.now) == "ACTIVE" else "PCA_INVALID_STATE"


def signed(call: Call, arn: str, csr: bytes, days: int) -> tuple[str, str]:
    """(certificate, chain), for a caller who was asked about before."""
    here = call.of("acm-pca")
    _, one = locate(here, arn)
    owner = here.at(arn.split(":")[4], here.region).as_root()
    made = owner.do("acm-pca", "IssueCertificate", CertificateAuthorityArn=arn, Csr=csr, SigningAlgorithm="SHA256WITHRSA" if "RSA" in one.algorithm else "SHA256WITHECDSA",
                    Validity={"Value": days, "Type": "DAYS"})
    found = owner.do("acm-pca", "GetCertificate", CertificateAuthorityArn=arn, CertificateArn=made["CertificateArn"])
    return found["Certificate"], found.get("CertificateChain", "")
