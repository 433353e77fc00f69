"""Private CA in templates: CertificateAuthority, CertificateAuthorityActivation, Certificate, Permission."""
from __future__ import annotations

from cloche.services.cloudformation.public import Resource, Type, op, tag_map


async def create(r: Resource) -> str:
    wanted = {"KeyAlgorithm": r.properties["KeyAlgorithm"], "SigningAlgorithm": r.properties["SigningAlgorithm"], "Subject": r.properties["Subject"]}
    made = await r.do("acm-pca", "CreateCertificateAuthority", CertificateAuthorityConfiguration=wanted, CertificateAuthorityType=r.properties["Type"], UsageMode=r.get("UsageMode"),
                      RevocationConfiguration=r.get("RevocationConfiguration"), KeyStorageSecurityStandard=r.get("KeyStorageSecurityStandard"), Tags=r.get("Tags"))
    r.physical = str(made["CertificateAuthorityArn"])
    csr = await r.do("acm-pca", "GetCertificateAuthorityCsr", CertificateAuthorityArn=r.physical)
    r.attributes |= {"Arn": r.physical, "CertificateSigningRequest": csr["Csr"]}
    return r.physical


async def update(r: Resource) -> None:
    if r.changed("RevocationConfiguration"):
        await r.do("acm-pca", "UpdateCertificateAuthority", CertificateAuthorityArn=r.physical, RevocationConfiguration=r.get("RevocationConfiguration"))
    new, old = tag_map(r.get("Tags")), tag_map(r.old.get("Tags"))
    if gone := [{"Key": key} for key in old if key not in new]:
        await r.do("acm-pca", "UntagCertificateAuthority", CertificateAuthorityArn=r.physical, Tags=gone)
    if new and new != old:
        await r.do("acm-pca", "TagCertificateAuthority", CertificateAuthorityArn=r.physical, Tags=[{"Key": key, "Value": value} for key, value in new.items()])


async def delete(r: Resource) -> None:
    found = (await r.do("acm-pca", "DescribeCertificateAuthority", CertificateAuthorityArn=r.physical))["CertificateAuthority"]
    if found["Status"] in ("ACTIVE", "EXPIRED"):
        await r.do("acm-pca", "UpdateCertificateAuthority", CertificateAuthorityArn=r.physical, Status="DISABLED")
    await r.do("acm-pca", "DeleteCertificateAuthority", CertificateAuthorityArn=r.physical, PermanentDeletionTimeInDays=7)


async def activate(r: Resource) -> str:
    authority = r.properties["CertificateAuthorityArn"]
    if r.changed("Certificate", "CertificateChain") or not r.physical:
        await r.do("acm-pca", "ImportCertificateAuthorityCertificate", CertificateAuthorityArn=authority, Certificate=r.properties["Certificate"], CertificateChain=r.get("CertificateChain"))
    if r.get("Status", "ACTIVE") != r.old.get("Status", "ACTIVE"):
        await r.do("acm-pca", "UpdateCertificateAuthority", CertificateAuthorityArn=authority, Status=r.get("Status", "ACTIVE"))
    r.attributes["CompleteCertificateChain"] = r.properties["Certificate"] + (r.get("CertificateChain") or "")
    return str(authority)


async def disable(r: Resource) -> None:
    await r.do("acm-pca", "UpdateCertificateAuthority", CertificateAuthorityArn=r.properties["CertificateAuthorityArn"], Status="DISABLED")


async def issue(r: Resource) -> str:
    authority = r.properties["CertificateAuthorityArn"]
    made = await r.do("acm-pca", "IssueCertificate", CertificateAuthorityArn=authority, Csr=r.properties["CertificateSigningRequest"], SigningAlgorithm=r.properties["SigningAlgorithm"],
                      Validity=r.properties["Validity"], ValidityNotBefore=r.get("ValidityNotBefore"), TemplateArn=r.get("TemplateArn"), ApiPassthrough=r.get("ApiPassthrough"))
    found = await r.do("acm-pca", "GetCertificate", CertificateAuthorityArn=authority, CertificateArn=made["CertificateArn"])
    r.attributes |= {"Arn": made["CertificateArn"], "Certificate": found["Certificate"]}
    return str(made["CertificateArn"])


async def leave(r: Resource) -> None:
    """A certificate stays issued."""


TYPES = {
    "AWS::ACMPCA::CertificateAuthority": Type(create=create, update=update, delete=delete),
    "AWS::ACMPCA::CertificateAuthorityActivation": Type(create=activate, update=activate, delete=disable),
    "AWS::ACMPCA::Certificate": Type(create=issue, delete=leave),
    "AWS::ACMPCA::Permission": Type(create=op("acm-pca", "CreatePermission", send=True, physical="{CertificateAuthorityArn}|{Principal}"),
                                    delete=op("acm-pca", "DeletePermission", CertificateAuthorityArn="{CertificateAuthorityArn}", Principal="{Principal}")),
}
