"""Custom domain names: a host of one's own, its certificate, who may connect to it, and what stands behind it (`mappings.py`).

HTTP APIs see the same domains through their own operations (`apigatewayv2/domains.py`). The name answers as soon as it is made; a client certificate is
asked for in the TLS handshake where there is a truststore, so that such a domain answers nobody who comes without TLS.
"""
from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from cloche.engines import shown
from cloche.kernel import Call, Record, hosts
from cloche.services.acm import public as acm

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS
from .invoke.aws import whole
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

# Hosted zones of Regional endpoints: https://docs.aws.amazon.com/general/latest/gr/apigateway.html
ZONES = {
    "us-east-1": "Z1UJRXOUMOOFQ8", "us-east-2": "ZOJJZC49E0EPZ", "us-west-1": "Z2MUQ32089INYE", "us-west-2": "Z2OJLYMUO9EFXC", "eu-west-1": "ZLY8HYME6SFDD",
    "eu-west-2": "ZJ5UAJN8Y3Z2Q", "eu-west-3": "Z3KY65QIEKYHQQ", "eu-central-1": "Z1U9ULNL0V5AJ3", "eu-north-1": "Z3UWIKFBOOGXPP", "ap-southeast-1": "ZL327KTPIQFUL",
    "ap-southeast-2": "Z2RPCDW04V8134", "ap-northeast-1": "Z1YSHQZHG15GKL", "ap-northeast-2": "Z20JF4UZKIW1U8", "ap-south-1": "Z3VO1THU9YC4UR", "sa-east-1": "ZCMLWB8V5SYIT",
    "ca-central-1": "Z19DQILCV0OWEC",
}
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
FIELDS = ("certificateName", "certificateArn", "regionalCertificateName", "regionalCertificateArn", "securityPolicy", "endpointAccessMode", "ownershipVerificationCertificateArn",
          "routingMode", "tags", "ipAddressType")
PATCHABLE = {
    "/certificateName": TEXT, "/certificateArn": TEXT, "/regionalCertificateName": TEXT, "/regionalCertificateArn": TEXT, "/securityPolicy": TEXT, "/endpointAccessMode": TEXT,
    "/mutualTlsAuthentication/truststoreUri": TEXT, "/mutualTlsAuthentication/truststoreVersion": TEXT, "/ownershipVerificationCertificateArn": TEXT, "/routingMode": TEXT,
    "/endpointConfiguration/ipAddressType": TEXT,
}


class Domain(Record, frozen=True):
    """`values` are named as REST APIs name them; `mappings` by base path ("" is the root); `rules` by id, HTTP APIs' shape."""

    kind = "apigateway.domain"

    name: str
    target: str
    created: float
    values: dict[str, Any]
    truststore: str = ""
    mappings: dict[str, dict[str, Any]] = {}
    rules: dict[str, dict[str, Any]] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def type(self) -> str:
        return self.values["endpointConfiguration"]["types"][0]  # type: ignore[no-any-return]

    @property
    def certificate(self) -> str:
        return self.values.get("certificateArn" if self.type == "EDGE" else "regionalCertificateArn") or ""


def find(call: Call, name: str) -> Domain:
    if found := call.get(Domain, name):
        return found
    raise errors.no_domain()


def arn_of(call: Call, domain: Domain) -> str:
    return f"arn:aws:apigateway:{call.region}::/domainnames/{domain.name}"


def status(call: Call, domain: Domain) -> str:
    """A certificate that Amazon did not issue says nothing about who owns the name: with mutual TLS another one must, and until it is issued the domain waits."""
    proof = domain.values.get("ownershipVerificationCertificateArn")
    return "PENDING_OWNERSHIP_VERIFICATION" if proof and domain.truststore and acm.status(call, proof) != "ISSUED" else "AVAILABLE"


def described(call: Call, domain: Domain) -> dict[str, Any]:
    values = {k: v for k, v in domain.values.items() if v is not None}
    out = {"domainName": domain.name, "domainNameArn": arn_of(call, domain), "domainNameStatus": status(call, domain), "securityPolicy": "TLS_1_2", "routingMode": "BASE_PATH_MAPPING_ONLY",
           "certificateUploadDate": domain.created} | values
    if domain.type == "EDGE":
        return out | {"distributionDomainName": domain.target, "distributionHostedZoneId": CLOUDFRONT_ZONE}
    del out["certificateUploadDate"]
    return out | {"regionalDomainName": domain.target} | ({"regionalHostedZoneId": ZONES[call.region]} if call.region in ZONES else {})


def check(call: Call, values: dict[str, Any]) -> None:
    types = values["endpointConfiguration"].get("types") or ["EDGE"]
    if len(types) > 1:
        raise errors.bad_request("Only one endpoint type is supported for a custom domain name.")
    if types == ["PRIVATE"]:
        raise errors.not_built("Private custom domain names are not built in Cloche yet.")
    arn = values.get("certificateArn" if types == ["EDGE"] else "regionalCertificateArn")
    if not arn:
        raise errors.no_certificate(types[0])
    if acm.material(call if types != ["EDGE"] else call.at(call.account, "us-east-1"), arn) is None:
        raise errors.bad_request("The provided certificate does not exist.")
    proof = values.get("ownershipVerificationCertificateArn")
    if proof and acm.issuer(call, proof) != "AMAZON_ISSUED":
        raise errors.bad_proof()
    if values.get("mutualTlsAuthentication"):
        if types != ["REGIONAL"]:
            raise errors.bad_request("Mutual TLS is only supported for custom domain names with the endpoint type REGIONAL.")
        if not proof and acm.issuer(call, arn) != "AMAZON_ISSUED":
            raise errors.no_proof()


async def trusted(call: Call, mutual: dict[str, Any]) -> str:
    """The truststore's text, read for whoever asks."""
    uri = mutual.get("truststoreUri") or ""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        raise errors.bad_request("The truststore URI must be in the format s3://bucket-name/key-name")
    version = {"VersionId": mutual["truststoreVersion"]} if mutual.get("truststoreVersion") else {}
    try:
        answer = call.do("s3", "GetObject", Bucket=bucket, Key=key, **version)
        text = (await whole((await answer if hasattr(answer, "__await__") else answer)["Body"])).decode("latin-1")
    except errors.AwsError as error:
        if error.status == 501:
            raise
        raise errors.bad_request(f"The specified truststore object could not be read from S3: {error.message}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=text)
    except ssl.SSLError:
        raise errors.bad_request("The truststore file contains no valid certificate.") from None
    return text


async def make(call: Call, name: str, values: dict[str, Any]) -> Domain:
    """A new domain; refused if the name is somebody's."""
    name = name.lower()
    check(call, values)
    truststore = await trusted(call, values["mutualTlsAuthentication"]) if values.get("mutualTlsAuthentication") else ""
    with call.step():
        edge = values["endpointConfiguration"]["types"] == ["EDGE"]
        target = f"d{call.pick(LETTERS, 13)}.cloudfront.net" if edge else f"d-{call.pick(LETTERS, 10)}.execute-api.{call.region}.amazonaws.com"
        domain = Domain(name, target, call.now, values, truststore)
        if call.get(Domain, name) is not None or not hosts.claim(call.of("apigateway"), name, bool(truststore)):
            raise errors.bad_request("The domain name you provided already exists.")
        acm.use(call, domain.certificate, arn_of(call, domain))
        return call.put(domain)


async def change(call: Call, domain: Domain, values: dict[str, Any]) -> Domain:
    check(call, values)
    mutual = values.get("mutualTlsAuthentication")
    truststore = await trusted(call, mutual) if mutual and mutual != domain.values.get("mutualTlsAuthentication") else domain.truststore if mutual else ""
    with call.step():
        current = find(call, domain.name)
        hosts.claim(call.of("apigateway"), domain.name, bool(truststore))
        new = call.put(current.but(values=values, truststore=truststore))
        if new.certificate != current.certificate:
            acm.release(call, current.certificate, arn_of(call, current))
            acm.use(call, new.certificate, arn_of(call, new))
        return new


def drop(call: Call, domain: Domain) -> None:
    acm.release(call, domain.certificate, arn_of(call, domain))
    hosts.release(call.of("apigateway"), domain.name)
    call.delete(domain)


@apigateway.op(needs=asked, partly="Private custom domain names, and certificates that come with the request instead of from ACM, are refused.")
async def create_domain_name(call: Call, req: t.CreateDomainNameRequest) -> t.DomainName:
    if req.get("certificateBody"):
        raise errors.not_built("Uploading a certificate with the domain name is not built in Cloche: import it into ACM.")
    endpoint = dict(req.get("endpointConfiguration") or {})
    values = {name: req[name] for name in FIELDS if req.get(name) is not None}
    values["endpointConfiguration"] = {"ipAddressType": "ipv4", **endpoint, "types": endpoint.get("types") or ["EDGE"]}
    if req.get("mutualTlsAuthentication"):
        values["mutualTlsAuthentication"] = req["mutualTlsAuthentication"]
    return described(call, await make(call, req["domainName"], values))


@apigateway.op(needs=asked)
def get_domain_name(call: Call, req: t.GetDomainNameRequest) -> t.DomainName:
    return described(call, find(call, req["domainName"]))


@apigateway.op(needs=asked)
def get_domain_names(call: Call, req: t.GetDomainNamesRequest) -> t.DomainNames:
    return pages.page(req, call.all(Domain), lambda d: d.name, lambda d: described(call, d))


@apigateway.op(needs=asked)
async def update_domain_name(call: Call, req: t.UpdateDomainNameRequest) -> t.DomainName:
    domain = find(call, req["domainName"])
    operations = req.get("patchOperations") or []
    values = domain.values
    for operation in [o for o in operations if o.get("path", "").startswith("/endpointConfiguration/types/")]:   # moving between EDGE and REGIONAL
        values = values | {"endpointConfiguration": values["endpointConfiguration"] | {"types": [operation.get("value")]}}
    values = apply(values, [o for o in operations if not o.get("path", "").startswith("/endpointConfiguration/types/")], PATCHABLE)
    mutual = values.get("mutualTlsAuthentication")
    if mutual is not None and not mutual.get("truststoreUri"):
        values = {k: v for k, v in values.items() if k != "mutualTlsAuthentication"}
    return described(call, await change(call, domain, values))


@apigateway.op(needs=asked)
def delete_domain_name(call: Call, req: t.DeleteDomainNameRequest) -> None:
    drop(call, find(call, req["domainName"]))


@apigateway.secure
def context(call: Call, name: str) -> ssl.SSLContext | None:
    """What the domain shows in a TLS handshake, and whom it lets in."""
    domain = call.get(Domain, name)
    if domain is None or status(call, domain) != "AVAILABLE":
        return None
    found = acm.material(call if domain.type != "EDGE" else call.at(call.account, "us-east-1"), domain.certificate)
    if found is None:
        return None
    made = shown.context(found.private, found.body, found.chain, domain.truststore)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made
