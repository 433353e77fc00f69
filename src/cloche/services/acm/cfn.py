"""Certificates in templates. The stack waits until the certificate is issued; given the domain's hosted zone it sets the proving record itself."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, steps, tag_map


async def create(r: Resource) -> str:
    options = [{"DomainName": one["DomainName"], "ValidationDomain": one["ValidationDomain"]} for one in r.get("DomainValidationOptions") or [] if "ValidationDomain" in one]
    choices = {"CertificateTransparencyLoggingPreference": r.get("CertificateTransparencyLoggingPreference"), "Export": r.get("CertificateExport")}
    answer = await r.do("acm", "RequestCertificate", DomainName=r.properties["DomainName"], SubjectAlternativeNames=r.get("SubjectAlternativeNames"), ValidationMethod=r.get("ValidationMethod"),
                        DomainValidationOptions=options or None, CertificateAuthorityArn=r.get("CertificateAuthorityArn"), KeyAlgorithm=r.get("KeyAlgorithm"),
                        Options={k: v for k, v in choices.items() if v} or None, Tags=[{"Key": k, "Value": v} for k, v in tag_map(r.get("Tags")).items()] or None)
    r.physical = answer["CertificateArn"]
    await prove(r)
    return r.physical


async def prove(r: Resource) -> None:
    """The records of the domains whose hosted zones the template names."""
    zones = {one["DomainName"].lower(): one["HostedZoneId"] for one in r.get("DomainValidationOptions") or [] if "HostedZoneId" in one}
    if not zones:
        return
    found = (await r.do("acm", "DescribeCertificate", CertificateArn=r.physical))["Certificate"]
    done = set()
    for one in found["DomainValidationOptions"]:
        record, zone = one.get("ResourceRecord"), zones.get(one["DomainName"]) or zones.get(one["DomainName"].removeprefix("*."))
        if record and zone and record["Name"] not in done:
            done.add(record["Name"])
            change = {"Action": "UPSERT", "ResourceRecordSet": {"Name": record["Name"], "Type": "CNAME", "TTL": 300, "ResourceRecords": [{"Value": record["Value"]}]}}
            await r.do("route53", "ChangeResourceRecordSets", HostedZoneId=zone, ChangeBatch={"Changes": [change]})


async def ready(r: Resource) -> bool:
    found = (await r.do("acm", "DescribeCertificate", CertificateArn=r.physical))["Certificate"]
    if found["Status"] in ("VALIDATION_TIMED_OUT", "FAILED"):
        raise AwsError("NotStabilized", f"Certificate request failed with status {found['Status']}")
    return bool(found["Status"] == "ISSUED")


async def update(r: Resource) -> Any:
    if r.changed("CertificateTransparencyLoggingPreference", "CertificateExport"):
        choices = {"CertificateTransparencyLoggingPreference": r.get("CertificateTransparencyLoggingPreference"), "Export": r.get("CertificateExport")}
        await r.do("acm", "UpdateCertificateOptions", CertificateArn=r.physical, Options={k: v for k, v in choices.items() if v})


async def untag(r: Resource) -> None:
    """ACM takes tags back by whole tags, not by keys."""
    new, old = tag_map(r.get("Tags")), tag_map(r.old.get("Tags"))
    if gone := [{"Key": k} for k in old if k not in new]:
        await r.do("acm", "RemoveTagsFromCertificate", CertificateArn=r.physical, Tags=gone)
    if fresh := [{"Key": k, "Value": v} for k, v in new.items() if old.get(k) != v]:
        await r.do("acm", "AddTagsToCertificate", CertificateArn=r.physical, Tags=fresh)


async def account(r: Resource) -> str:
    await r.do("acm", "PutAccountConfiguration", ExpiryEvents=r.get("ExpiryEventsConfiguration"), IdempotencyToken=r.call.id(digits=16))
    r.attributes["AccountId"] = r.call.account
    return str(r.call.account)


async def usual(r: Resource) -> None:
    """The account cannot be deleted; its days before expiry are AWS's again."""
    await r.do("acm", "PutAccountConfiguration", ExpiryEvents={"DaysBeforeExpiry": 45}, IdempotencyToken=r.call.id(digits=16))


TYPES = {
    "AWS::CertificateManager::Account": Type(create=account, update=account, delete=usual, attributes=("AccountId",)),
    "AWS::CertificateManager::Certificate": Type(
        create=create, ready=ready, update=steps(update, untag), delete=op("acm", "DeleteCertificate", CertificateArn="{id}"), gone=("ResourceNotFoundException",),
        replaces=("DomainName", "SubjectAlternativeNames", "ValidationMethod", "DomainValidationOptions", "CertificateAuthorityArn", "KeyAlgorithm")),
}
