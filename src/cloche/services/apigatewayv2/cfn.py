"""API Gateway v2 (HTTP and WebSocket APIs) in templates: names are the API's own, so most of it is sent as it stands."""
from __future__ import annotations

import json
from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps, whole

BODY = ("Body", "BodyS3Location", "BasePath", "FailOnWarnings", "DisableSchemaValidation")
SETTINGS = ("Name", "Description", "CorsConfiguration", "DisableExecuteApiEndpoint", "RouteSelectionExpression", "ApiKeySelectionExpression", "Version", "IpAddressType")


async def body_of(r: Resource) -> str | bytes | None:
    if place := r.get("BodyS3Location"):
        answer = await r.do("s3", "GetObject", Bucket=place["Bucket"], Key=place["Key"], VersionId=place.get("Version"))
        return (await r.wait(whole(answer["Body"], 6 << 20)) or b"").decode()
    body = r.get("Body")
    return json.dumps(body) if isinstance(body, dict) else body


async def create_api(r: Resource) -> str:
    body = await body_of(r)
    if body is None:
        answer = await r.do("apigatewayv2", "CreateApi", **{k: v for k, v in r.properties.items() if k not in BODY})
    else:
        answer = await r.do("apigatewayv2", "ImportApi", Body=body, Basepath=r.get("BasePath"), FailOnWarnings=r.get("FailOnWarnings"))
        r.physical = answer["ApiId"]
        await settings(r)
    r.attributes |= {"ApiId": answer["ApiId"], "ApiEndpoint": answer["ApiEndpoint"]}
    r.physical = answer["ApiId"]
    if body is not None:
        await tags(r)
    return r.physical


async def settings(r: Resource) -> None:
    change = {name: r.get(name) for name in SETTINGS if r.changed(name)}
    if {k: v for k, v in change.items() if v is not None}:
        await r.do("apigatewayv2", "UpdateApi", ApiId=r.physical, **change)


async def tags(r: Resource) -> None:
    await retag("apigatewayv2", "TagResource", "UntagResource", ResourceArn=f"arn:aws:apigateway:{r.call.region}::/apis/{{id}}")(r)


async def update_api(r: Resource) -> None:
    if r.changed("Body", "BodyS3Location"):
        await r.do("apigatewayv2", "ReimportApi", ApiId=r.physical, Body=await body_of(r), Basepath=r.get("BasePath"), FailOnWarnings=r.get("FailOnWarnings"))
    await settings(r)
    await tags(r)


async def tag_stage(r: Resource) -> None:
    await retag("apigatewayv2", "TagResource", "UntagResource", ResourceArn=f"arn:aws:apigateway:{r.call.region}::/apis/{{ApiId}}/stages/{{id}}")(r)


async def create_domain(r: Resource) -> str:
    answer = await r.do("apigatewayv2", "CreateDomainName", **r.properties)
    domain_attributes(r, answer)
    return answer["DomainName"]


def domain_attributes(r: Resource, answer: dict[str, Any]) -> None:
    [endpoint] = answer["DomainNameConfigurations"]
    r.attributes |= {"RegionalDomainName": endpoint["ApiGatewayDomainName"], "RegionalHostedZoneId": endpoint.get("HostedZoneId", ""), "DomainNameArn": answer["DomainNameArn"]}


async def update_domain(r: Resource) -> None:
    domain_attributes(r, await r.do("apigatewayv2", "UpdateDomainName", **{k: v for k, v in r.properties.items() if k != "Tags"}))


def domain_of(r: Resource) -> str:
    return r.get("DomainNameArn").rpartition("/domainnames/")[2]


def rule_values(r: Resource) -> dict[str, Any]:
    return {"DomainName": domain_of(r), "Priority": r.get("Priority"), "Conditions": r.get("Conditions") or [], "Actions": r.get("Actions") or []}


async def create_rule(r: Resource) -> str:
    answer = await r.do("apigatewayv2", "CreateRoutingRule", **rule_values(r))
    r.attributes |= {"RoutingRuleId": answer["RoutingRuleId"], "RoutingRuleArn": answer["RoutingRuleArn"]}
    return answer["RoutingRuleArn"]


async def update_rule(r: Resource) -> None:
    await r.do("apigatewayv2", "PutRoutingRule", RoutingRuleId=r.physical.rpartition("/")[2], **rule_values(r))


async def delete_rule(r: Resource) -> None:
    await r.do("apigatewayv2", "DeleteRoutingRule", DomainName=domain_of(r), RoutingRuleId=r.physical.rpartition("/")[2])


async def tag_link(r: Resource) -> None:
    await retag("apigatewayv2", "TagResource", "UntagResource", ResourceArn=f"arn:aws:apigateway:{r.call.region}::/vpclinks/{{id}}")(r)


async def link_ready(r: Resource) -> bool:
    return bool((await r.do("apigatewayv2", "GetVpcLink", VpcLinkId=r.physical))["VpcLinkStatus"] != "PENDING")


TYPES = {
    "AWS::ApiGatewayV2::VpcLink": Type(
        create=op("apigatewayv2", "CreateVpcLink", send=True, physical="VpcLinkId", attributes={"VpcLinkId": "VpcLinkId"}), ready=link_ready,
        update=steps(op("apigatewayv2", "UpdateVpcLink", send=("Name",), VpcLinkId="{id}"), tag_link), replaces=("SubnetIds", "SecurityGroupIds"),
        delete=op("apigatewayv2", "DeleteVpcLink", VpcLinkId="{id}")),
    "AWS::ApiGatewayV2::DomainName": Type(
        create=create_domain, update=update_domain, delete=op("apigatewayv2", "DeleteDomainName", DomainName="{id}"), replaces=("DomainName",)),
    "AWS::ApiGatewayV2::ApiMapping": Type(
        create=op("apigatewayv2", "CreateApiMapping", send=True, physical="ApiMappingId", attributes={"ApiMappingId": "ApiMappingId"}), replaces=("DomainName",),
        update=op("apigatewayv2", "UpdateApiMapping", send=True, ApiMappingId="{id}"), delete=op("apigatewayv2", "DeleteApiMapping", DomainName="{DomainName}", ApiMappingId="{id}")),
    "AWS::ApiGatewayV2::Model": Type(
        create=op("apigatewayv2", "CreateModel", send=True, physical="ModelId", attributes={"ModelId": "ModelId"}), update=op("apigatewayv2", "UpdateModel", send=True, ModelId="{id}"),
        delete=op("apigatewayv2", "DeleteModel", ApiId="{ApiId}", ModelId="{id}")),
    "AWS::ApiGatewayV2::RouteResponse": Type(
        create=op("apigatewayv2", "CreateRouteResponse", send=True, physical="RouteResponseId", attributes={"RouteResponseId": "RouteResponseId"}), replaces=("RouteId",),
        update=op("apigatewayv2", "UpdateRouteResponse", send=True, RouteResponseId="{id}"), delete=op("apigatewayv2", "DeleteRouteResponse", ApiId="{ApiId}", RouteId="{RouteId}", RouteResponseId="{id}")),
    "AWS::ApiGatewayV2::IntegrationResponse": Type(
        create=op("apigatewayv2", "CreateIntegrationResponse", send=True, physical="IntegrationResponseId", attributes={"IntegrationResponseId": "IntegrationResponseId"}),
        update=op("apigatewayv2", "UpdateIntegrationResponse", send=True, IntegrationResponseId="{id}"), replaces=("IntegrationId",),
        delete=op("apigatewayv2", "DeleteIntegrationResponse", ApiId="{ApiId}", IntegrationId="{IntegrationId}", IntegrationResponseId="{id}")),
    "AWS::ApiGatewayV2::RoutingRule": Type(create=create_rule, update=update_rule, delete=delete_rule, replaces=("DomainNameArn",)),
    "AWS::ApiGatewayV2::Api": Type(create=create_api, update=update_api, delete=op("apigatewayv2", "DeleteApi", ApiId="{id}"), replaces=("ProtocolType",)),
    "AWS::ApiGatewayV2::Stage": Type(
        create=op("apigatewayv2", "CreateStage", send=True, skip=("AccessPolicyId",), physical="StageName"),
        update=steps(op("apigatewayv2", "UpdateStage", send=True, skip=("AccessPolicyId", "Tags")), tag_stage),
        delete=op("apigatewayv2", "DeleteStage", ApiId="{ApiId}", StageName="{id}")),
    "AWS::ApiGatewayV2::Route": Type(
        create=op("apigatewayv2", "CreateRoute", send=True, physical="RouteId", attributes={"RouteId": "RouteId"}),
        update=op("apigatewayv2", "UpdateRoute", send=True, RouteId="{id}"), delete=op("apigatewayv2", "DeleteRoute", ApiId="{ApiId}", RouteId="{id}")),
    "AWS::ApiGatewayV2::Integration": Type(
        create=op("apigatewayv2", "CreateIntegration", send=True, physical="IntegrationId", attributes={"IntegrationId": "IntegrationId"}),
        update=op("apigatewayv2", "UpdateIntegration", send=True, IntegrationId="{id}"),
        delete=op("apigatewayv2", "DeleteIntegration", ApiId="{ApiId}", IntegrationId="{id}")),
    "AWS::ApiGatewayV2::Deployment": Type(
        create=op("apigatewayv2", "CreateDeployment", send=True, physical="DeploymentId", attributes={"DeploymentId": "DeploymentId"}),
        update=op("apigatewayv2", "UpdateDeployment", send=("ApiId", "Description"), DeploymentId="{id}"), replaces=("StageName",),
        delete=op("apigatewayv2", "DeleteDeployment", ApiId="{ApiId}", DeploymentId="{id}")),
    "AWS::ApiGatewayV2::Authorizer": Type(
        create=op("apigatewayv2", "CreateAuthorizer", send=True, physical="AuthorizerId", attributes={"AuthorizerId": "AuthorizerId"}),
        update=op("apigatewayv2", "UpdateAuthorizer", send=True, AuthorizerId="{id}"),
        delete=op("apigatewayv2", "DeleteAuthorizer", ApiId="{ApiId}", AuthorizerId="{id}")),
}
