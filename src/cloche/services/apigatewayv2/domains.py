"""Custom domain names as HTTP and WebSocket APIs see them: Regional ones, with mappings of as many levels as one likes. The records are REST APIs'."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.apigateway.public import LETTERS, ZONES, Domain, asked, change_domain, domain_arn, domain_status, drop_domain, make_domain, mapping_exists

from . import errors
from . import service as apigatewayv2
from .apis import page
from .stages import stage_exists

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

MODES = {"API_MAPPING_ONLY": "BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY": "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_API_MAPPING": "ROUTING_RULE_THEN_BASE_PATH_MAPPING"}
SHOWN = {theirs: ours for ours, theirs in MODES.items()}


def find(call: Call, name: str) -> Domain:
    if found := call.get(Domain, name):
        return found
    raise errors.not_found("The resource specified in the request was not found.")


def described(call: Call, domain: Domain) -> dict[str, Any]:
    values = domain.values
    endpoint = {
        "ApiGatewayDomainName": domain.target, "CertificateArn": domain.certificate, "DomainNameStatus": domain_status(call, domain), "EndpointType": domain.type,
        "IpAddressType": values["endpointConfiguration"].get("ipAddressType", "ipv4"), "SecurityPolicy": values.get("securityPolicy", "TLS_1_2"),
    }
    if call.region in ZONES:
        endpoint["HostedZoneId"] = ZONES[call.region]
    if values.get("ownershipVerificationCertificateArn"):
        endpoint["OwnershipVerificationCertificateArn"] = values["ownershipVerificationCertificateArn"]
    out = {"ApiMappingSelectionExpression": "$request.basepath", "DomainName": domain.name, "DomainNameArn": domain_arn(call, domain), "DomainNameConfigurations": [endpoint],
           "RoutingMode": SHOWN[values.get("routingMode", "BASE_PATH_MAPPING_ONLY")], "Tags": values.get("tags") or {}}
    if mutual := values.get("mutualTlsAuthentication"):
        out["MutualTlsAuthentication"] = {f"{name[:1].upper()}{name[1:]}": value for name, value in mutual.items()}
    return out


def values_of(req: Any, old: dict[str, Any]) -> dict[str, Any]:
    """A request's settings under the names that REST APIs have for them."""
    values = dict(old)
    configurations = req.get("DomainNameConfigurations")
    if configurations:
        if len(configurations) > 1:
            raise errors.bad_request("Only one domain name configuration is supported.")
        [given] = configurations
        if given.get("EndpointType", "REGIONAL") != "REGIONAL":
            raise errors.bad_request("Only REGIONAL domain names can be managed through the API Gateway V2 API. For EDGE domain names, please use the API Gateway V1 API.")
        values["endpointConfiguration"] = {"types": ["REGIONAL"], "ipAddressType": given.get("IpAddressType", "ipv4")}
        for theirs, ours in (("CertificateArn", "regionalCertificateArn"), ("SecurityPolicy", "securityPolicy"), ("OwnershipVerificationCertificateArn", "ownershipVerificationCertificateArn")):
            if theirs in given:
                values[ours] = given[theirs]
    values.setdefault("endpointConfiguration", {"types": ["REGIONAL"], "ipAddressType": "ipv4"})
    if req.get("RoutingMode"):
        values["routingMode"] = MODES[req["RoutingMode"]]
    if (mutual := req.get("MutualTlsAuthentication")) is not None:
        values["mutualTlsAuthentication"] = {f"{name[:1].lower()}{name[1:]}": value for name, value in mutual.items()}
        if not mutual.get("TruststoreUri"):
            del values["mutualTlsAuthentication"]
    return values


@apigatewayv2.op(needs=asked)
async def create_domain_name(call: Call, req: t.CreateDomainNameRequest) -> t.CreateDomainNameResponse:
    values = values_of(req, {"tags": req.get("Tags") or {}})
    return described(call, await make_domain(call, req["DomainName"], values))


@apigatewayv2.op(needs=asked)
def get_domain_name(call: Call, req: t.GetDomainNameRequest) -> t.GetDomainNameResponse:
    return described(call, find(call, req["DomainName"]))


@apigatewayv2.op(needs=asked)
def get_domain_names(call: Call, req: t.GetDomainNamesRequest) -> t.GetDomainNamesResponse:
    return page(req, call.all(Domain), lambda d: d.name, lambda d: described(call, d))


@apigatewayv2.op(needs=asked)
async def update_domain_name(call: Call, req: t.UpdateDomainNameRequest) -> t.UpdateDomainNameResponse:
    domain = find(call, req["DomainName"])
    return described(call, await change_domain(call, domain, values_of(req, domain.values)))


@apigatewayv2.op(needs=asked)
def delete_domain_name(call: Call, req: t.DeleteDomainNameRequest) -> None:
    drop_domain(call, find(call, req["DomainName"]))


# mappings
def described_mapping(key: str, mapping: dict[str, Any]) -> dict[str, Any]:
    return {"ApiId": mapping["api"], "ApiMappingId": mapping["id"], "ApiMappingKey": key, "Stage": mapping["stage"]}


def mapping_of(domain: Domain, id_: str) -> tuple[str, dict[str, Any]]:
    for key, mapping in domain.mappings.items():
        if mapping["id"] == id_:
            return key, mapping
    raise errors.not_found("The resource specified in the request was not found.")


def check(call: Call, domain: Domain, key: str, api: str, stage: str) -> None:
    if not stage_exists(call, api, stage):
        raise errors.bad_request("Invalid API or stage identifier specified")
    if domain.type != "REGIONAL":
        raise errors.bad_request("Only REGIONAL domain names can be managed through the API Gateway V2 API. For EDGE domain names, please use the API Gateway V1 API. "
                                 "Also note that only REST APIs can be attached to EDGE domain names.")
    if key.startswith("/") or key.endswith("/") or "//" in key:
        raise errors.bad_request("API mapping key should not start or end with a '/' or contain consecutive '/' characters.")


@apigatewayv2.op(needs=asked)
def create_api_mapping(call: Call, req: t.CreateApiMappingRequest) -> t.CreateApiMappingResponse:
    domain, key = find(call, req["DomainName"]), req.get("ApiMappingKey") or ""
    check(call, domain, key, req["ApiId"], req["Stage"])
    if key in domain.mappings:
        raise mapping_exists(key)
    mapping = {"id": call.pick(LETTERS, 6), "api": req["ApiId"], "stage": req["Stage"]}
    call.put(domain.but(mappings={**domain.mappings, key: mapping}))
    return described_mapping(key, mapping)


@apigatewayv2.op(needs=asked)
def get_api_mapping(call: Call, req: t.GetApiMappingRequest) -> t.GetApiMappingResponse:
    return described_mapping(*mapping_of(find(call, req["DomainName"]), req["ApiMappingId"]))


@apigatewayv2.op(needs=asked)
def get_api_mappings(call: Call, req: t.GetApiMappingsRequest) -> t.GetApiMappingsResponse:
    return page(req, find(call, req["DomainName"]).mappings.items(), lambda pair: pair[1]["id"], lambda pair: described_mapping(*pair))


@apigatewayv2.op(needs=asked)
def update_api_mapping(call: Call, req: t.UpdateApiMappingRequest) -> t.UpdateApiMappingResponse:
    domain = find(call, req["DomainName"])
    key, mapping = mapping_of(domain, req["ApiMappingId"])
    new, changed = req.get("ApiMappingKey", key), {**mapping, "api": req["ApiId"], "stage": req.get("Stage") or mapping["stage"]}
    check(call, domain, new, changed["api"], changed["stage"])
    if new != key and new in domain.mappings:
        raise mapping_exists(new)
    call.put(domain.but(mappings={k: v for k, v in domain.mappings.items() if k != key} | {new: changed}))
    return described_mapping(new, changed)


@apigatewayv2.op(needs=asked)
def delete_api_mapping(call: Call, req: t.DeleteApiMappingRequest) -> None:
    domain = find(call, req["DomainName"])
    key, _ = mapping_of(domain, req["ApiMappingId"])
    call.put(domain.but(mappings={k: v for k, v in domain.mappings.items() if k != key}))
