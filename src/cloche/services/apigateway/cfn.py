"""API Gateway (REST) in templates. Most things change by patch operations; methods are made anew, as their parts cannot be patched away."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import LETTERS, Resource, Step, Type, op, retag, steps, strings, whole


def patch(operation: str, paths: dict[str, str], **ids: str) -> Step:
    """Properties that changed, as patch operations on the paths given."""
    async def run(r: Resource) -> None:
        changes = []
        for name, path in paths.items():
            if r.changed(name):
                value = r.get(name)
                changes.append({"op": "replace", "path": path, "value": strings(value)} if value is not None else {"op": "replace", "path": path, "value": ""})
        if changes:
            await r.do("apigateway", operation, patchOperations=changes, **{k: r.text(v) for k, v in ids.items()})

    return run


def made_up(r: Resource) -> str:
    return f"{r.stack_name[:5]}-{r.logical[:5]}-{r.call.pick(LETTERS, 12)}"


# -- APIs -----------------------------------------------------------------------------------------------------------------

async def body_of(r: Resource) -> Any:
    if place := r.get("BodyS3Location"):
        answer = await r.do("s3", "GetObject", Bucket=place["Bucket"], Key=place["Key"], VersionId=place.get("Version"))
        return await r.wait(whole(answer["Body"], 6 << 20))
    return r.get("Body")


async def create_api(r: Resource) -> str:
    body = await body_of(r)
    title = (body or {}).get("info", {}).get("title") if isinstance(body, dict) else None
    answer = await r.do("apigateway", "CreateRestApi", name=r.get("Name") or title or r.logical, description=r.get("Description"), cloneFrom=r.get("CloneFrom"),
                        binaryMediaTypes=r.get("BinaryMediaTypes"), minimumCompressionSize=r.get("MinimumCompressionSize"), apiKeySource=r.get("ApiKeySourceType"),
                        endpointConfiguration=r.get("EndpointConfiguration"), policy=json.dumps(r.properties["Policy"]) if isinstance(r.get("Policy"), dict) else r.get("Policy"),
                        tags=r.get("Tags"), disableExecuteApiEndpoint=r.get("DisableExecuteApiEndpoint"))
    r.physical = answer["id"]
    await put_body(r, body)
    return r.physical


async def put_body(r: Resource, body: Any) -> None:
    if body is not None:
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        await r.do("apigateway", "PutRestApi", restApiId=r.physical, mode=r.get("Mode", "overwrite"), failOnWarnings=r.get("FailOnWarnings"), parameters=r.get("Parameters"),
                   body=data)


async def read_api(r: Resource) -> None:
    root = (await r.do("apigateway", "GetRestApi", restApiId=r.physical)).get("rootResourceId")
    if not root:
        items = (await r.do("apigateway", "GetResources", restApiId=r.physical, limit=500))["items"]
        root = next(x["id"] for x in items if x["path"] == "/")
    r.attributes |= {"RestApiId": r.physical, "RootResourceId": root}


async def update_api(r: Resource) -> None:
    if r.changed("Body", "BodyS3Location", "Parameters", "Mode"):
        await put_body(r, await body_of(r))
    changes = []
    for name, path in (("Name", "/name"), ("Description", "/description"), ("ApiKeySourceType", "/apiKeySource"), ("MinimumCompressionSize", "/minimumCompressionSize"),
                       ("DisableExecuteApiEndpoint", "/disableExecuteApiEndpoint")):
        if r.changed(name) and r.get(name) is not None:
            changes.append({"op": "replace", "path": path, "value": strings(r.get(name))})
    if r.changed("Policy"):
        changes.append({"op": "replace", "path": "/policy", "value": json.dumps(r.get("Policy")) if r.get("Policy") else ""})
    if r.changed("BinaryMediaTypes"):
        new, old = r.get("BinaryMediaTypes") or [], r.old.get("BinaryMediaTypes") or []
        changes += [{"op": "remove", "path": f"/binaryMediaTypes/{x.replace('/', '~1')}"} for x in old if x not in new]
        changes += [{"op": "add", "path": f"/binaryMediaTypes/{x.replace('/', '~1')}"} for x in new if x not in old]
    if changes:
        await r.do("apigateway", "UpdateRestApi", restApiId=r.physical, patchOperations=changes)


def tag_arn(r: Resource, path: str) -> str:
    return f"arn:aws:apigateway:{r.call.region}::{path}"


async def tag_api(r: Resource) -> None:
    await retag("apigateway", "TagResource", "UntagResource", keys="tagKeys", tags="tags", resourceArn=tag_arn(r, "/restapis/{id}"))(r)


# -- methods --------------------------------------------------------------------------------------------------------------

async def put_method(r: Resource) -> str:
    place = {"restApiId": r.properties["RestApiId"], "resourceId": r.properties["ResourceId"], "httpMethod": r.properties["HttpMethod"]}
    own = {k: v for k, v in r.properties.items() if k not in ("RestApiId", "ResourceId", "HttpMethod", "Integration", "MethodResponses")}
    await r.do("apigateway", "PutMethod", **place, **({"AuthorizationType": "NONE"} | own))
    for one in r.get("MethodResponses") or []:
        await r.do("apigateway", "PutMethodResponse", **place, **one)
    if integration := r.get("Integration"):
        rest = {k: v for k, v in integration.items() if k != "IntegrationResponses"}
        await r.do("apigateway", "PutIntegration", **place, **rest)
        # CloudFormation lets through what the operation refuses: a status without a method response, which can never be answered.
        declared = {str(one["StatusCode"]) for one in r.get("MethodResponses") or []}
        for one in integration.get("IntegrationResponses") or []:
            if str(one["StatusCode"]) in declared:
                await r.do("apigateway", "PutIntegrationResponse", **place, **one)
    return r.physical or made_up(r)


async def drop_method(r: Resource) -> None:
    await r.do("apigateway", "DeleteMethod", restApiId=r.properties["RestApiId"], resourceId=r.properties["ResourceId"], httpMethod=r.properties["HttpMethod"])


async def create_model(r: Resource) -> str:
    """A model that the template does not name gets a name of letters and digits alone: others are not allowed."""
    name = r.get("Name") or "".join(c for c in r.logical if c.isalnum()) + r.call.pick(LETTERS, 12)
    return await op("apigateway", "CreateModel", send=True, skip=("Name", "ContentType"), physical="name", name=name, contentType=r.get("ContentType") or "application/json")(r)


# -- deployments and stages -------------------------------------------------------------------------------------------------

async def deploy(r: Resource) -> str:
    stage = dict(r.get("StageDescription") or {})
    settings = {x: stage.pop(x) for x in list(stage) if x in ("AccessLogSetting", "MethodSettings", "Tags", "LoggingLevel", "MetricsEnabled", "DataTraceEnabled",
                                                               "ThrottlingBurstLimit", "ThrottlingRateLimit", "CachingEnabled", "CacheTtlInSeconds", "CacheDataEncrypted")}
    answer = await r.do("apigateway", "CreateDeployment", restApiId=r.properties["RestApiId"], stageName=r.get("StageName"), description=r.get("Description"),
                        stageDescription=stage.get("Description"), variables=stage.get("Variables"), cacheClusterEnabled=stage.get("CacheClusterEnabled"),
                        cacheClusterSize=stage.get("CacheClusterSize"), tracingEnabled=stage.get("TracingEnabled"))
    r.attributes["DeploymentId"] = answer["id"]
    if settings and r.get("StageName"):
        changes = method_settings(settings.get("MethodSettings") or [], []) + access_log(settings.get("AccessLogSetting"))
        changes += [{"op": "replace", "path": f"/*/*/{SETTINGS[k]}", "value": strings(v)} for k, v in settings.items() if k in SETTINGS]
        if changes:
            await r.do("apigateway", "UpdateStage", restApiId=r.properties["RestApiId"], stageName=r.properties["StageName"], patchOperations=changes)
    return answer["id"]


async def undeploy(r: Resource) -> None:
    """The stage it made by itself goes with it, unless that shows another deployment by now."""
    api, name = r.properties["RestApiId"], r.get("StageName")
    if name:
        stages = (await r.do("apigateway", "GetStages", restApiId=api, deploymentId=r.physical)).get("item", [])
        if any(x["stageName"] == name for x in stages):
            await r.do("apigateway", "DeleteStage", restApiId=api, stageName=name)
    await r.do("apigateway", "DeleteDeployment", restApiId=api, deploymentId=r.physical)


SETTINGS = {
    "MetricsEnabled": "metrics/enabled", "LoggingLevel": "logging/loglevel", "DataTraceEnabled": "logging/dataTrace", "ThrottlingBurstLimit": "throttling/burstLimit",
    "ThrottlingRateLimit": "throttling/rateLimit", "CachingEnabled": "caching/enabled", "CacheTtlInSeconds": "caching/ttlInSeconds", "CacheDataEncrypted": "caching/dataEncrypted",
}


def method_settings(new: list[dict[str, Any]], old: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def place(one: dict[str, Any]) -> str:
        path = str(one.get("ResourcePath", "/*"))
        return f"/{path.removeprefix('/').replace('/', '~1') if path != '/' else '~1'}/{one.get('HttpMethod', '*')}"

    there = {place(x) for x in new}
    changes: list[dict[str, Any]] = [{"op": "remove", "path": place(x)} for x in old if place(x) not in there]
    return changes + [{"op": "replace", "path": f"{place(x)}/{SETTINGS[k]}", "value": strings(v)} for x in new for k, v in x.items() if k in SETTINGS]


def access_log(value: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [{"op": "replace", "path": f"/accessLogSettings/{k[0].lower()}{k[1:]}", "value": strings(v)} for k, v in (value or {}).items()]


STAGE_APART = ("MethodSettings", "AccessLogSetting", "ClientCertificateId", "CanarySetting")


async def create_stage(r: Resource) -> str:
    own = {k: v for k, v in r.properties.items() if k not in STAGE_APART}
    await r.do("apigateway", "CreateStage", canarySettings=r.get("CanarySetting"), **own)
    changes = method_settings(r.get("MethodSettings") or [], []) + access_log(r.get("AccessLogSetting"))
    if r.get("ClientCertificateId"):
        changes.append({"op": "replace", "path": "/clientCertificateId", "value": r.properties["ClientCertificateId"]})
    if changes:
        await r.do("apigateway", "UpdateStage", restApiId=r.properties["RestApiId"], stageName=r.properties["StageName"], patchOperations=changes)
    return r.properties["StageName"]


async def update_stage(r: Resource) -> None:
    changes: list[dict[str, Any]] = []
    for name, path in (("DeploymentId", "/deploymentId"), ("Description", "/description"), ("CacheClusterEnabled", "/cacheClusterEnabled"), ("CacheClusterSize", "/cacheClusterSize"),
                       ("TracingEnabled", "/tracingEnabled"), ("DocumentationVersion", "/documentationVersion"), ("ClientCertificateId", "/clientCertificateId")):
        if r.changed(name):
            changes.append({"op": "replace", "path": path, "value": strings(r.get(name, ""))})
    new, old = r.get("Variables") or {}, r.old.get("Variables") or {}
    changes += [{"op": "replace", "path": f"/variables/{k}", "value": strings(v)} for k, v in new.items() if old.get(k) != v]
    changes += [{"op": "remove", "path": f"/variables/{k}"} for k in old if k not in new]
    changes += method_settings(r.get("MethodSettings") or [], r.old.get("MethodSettings") or []) if r.changed("MethodSettings") else []
    if r.changed("AccessLogSetting"):
        changes += access_log(r.get("AccessLogSetting")) or [{"op": "remove", "path": "/accessLogSettings"}]
    if changes:
        await r.do("apigateway", "UpdateStage", restApiId=r.properties["RestApiId"], stageName=r.physical, patchOperations=changes)
    await retag("apigateway", "TagResource", "UntagResource", keys="tagKeys", tags="tags", resourceArn=tag_arn(r, "/restapis/{RestApiId}/stages/{id}"))(r)


# -- keys and plans ---------------------------------------------------------------------------------------------------------

async def create_plan(r: Resource) -> str:
    answer = await r.do("apigateway", "CreateUsagePlan", name=r.get("UsagePlanName") or made_up(r), description=r.get("Description"), apiStages=plan_stages(r.properties),
                        throttle=r.get("Throttle"), quota=r.get("Quota"), tags=r.get("Tags"))
    r.attributes["Id"] = answer["id"]
    return answer["id"]


def plan_stages(properties: dict[str, Any]) -> list[dict[str, Any]] | None:
    return properties.get("ApiStages")


async def update_plan(r: Resource) -> None:
    changes: list[dict[str, Any]] = []
    for name, path in (("UsagePlanName", "/name"), ("Description", "/description")):
        if r.changed(name):
            changes.append({"op": "replace", "path": path, "value": strings(r.get(name, ""))})
    for name, path, members in (("Throttle", "/throttle", ("BurstLimit", "RateLimit")), ("Quota", "/quota", ("Limit", "Offset", "Period"))):
        if r.changed(name):
            value = r.get(name)
            changes += [{"op": "replace", "path": f"{path}/{k[0].lower()}{k[1:]}", "value": strings(value[k])} for k in members if k in value] if value else [
                {"op": "remove", "path": path}]
    new = [f"{x['ApiId']}:{x['Stage']}" for x in plan_stages(r.properties) or []]
    old = [f"{x['ApiId']}:{x['Stage']}" for x in plan_stages(r.old) or []]
    changes += [{"op": "remove", "path": "/apiStages", "value": x} for x in old if x not in new] + [{"op": "add", "path": "/apiStages", "value": x} for x in new if x not in old]
    if changes:
        await r.do("apigateway", "UpdateUsagePlan", usagePlanId=r.physical, patchOperations=changes)


async def delete_plan(r: Resource) -> None:
    if stages := plan_stages(r.properties):
        await r.do("apigateway", "UpdateUsagePlan", usagePlanId=r.physical,
                   patchOperations=[{"op": "remove", "path": "/apiStages", "value": f"{x['ApiId']}:{x['Stage']}"} for x in stages])
    await r.do("apigateway", "DeleteUsagePlan", usagePlanId=r.physical)


async def set_account(r: Resource) -> str:
    role = r.get("CloudWatchRoleArn")
    await r.do("apigateway", "UpdateAccount", patchOperations=[{"op": "replace", "path": "/cloudwatchRoleArn", "value": role or ""}])
    return r.physical or made_up(r)


async def create_domain(r: Resource) -> str:
    answer = await r.do("apigateway", "CreateDomainName", **domain_values(r), tags={tag["Key"]: tag["Value"] for tag in r.get("Tags") or []})
    domain_attributes(r, answer)
    return answer["domainName"]


def domain_values(r: Resource) -> dict[str, Any]:
    """The properties under the API's names."""
    values = {name[:1].lower() + name[1:]: r.get(name) for name in ("DomainName", "CertificateArn", "RegionalCertificateArn", "SecurityPolicy", "OwnershipVerificationCertificateArn", "RoutingMode")}
    for name in ("EndpointConfiguration", "MutualTlsAuthentication"):
        if r.get(name):
            values[name[:1].lower() + name[1:]] = {k[:1].lower() + k[1:]: v for k, v in r.get(name).items()}
    return {k: v for k, v in values.items() if v is not None}


def domain_attributes(r: Resource, answer: dict[str, Any]) -> None:
    names = ("DistributionDomainName", "DistributionHostedZoneId", "RegionalDomainName", "RegionalHostedZoneId", "DomainNameArn")
    r.attributes |= {name: answer[name[:1].lower() + name[1:]] for name in names if answer.get(name[:1].lower() + name[1:])}


async def update_domain(r: Resource) -> None:
    paths = {"CertificateArn": "/certificateArn", "RegionalCertificateArn": "/regionalCertificateArn", "SecurityPolicy": "/securityPolicy", "RoutingMode": "/routingMode"}
    changes = [{"op": "replace", "path": path, "value": r.get(name)} for name, path in paths.items() if r.changed(name) and r.get(name)]
    if r.changed("MutualTlsAuthentication"):
        mutual = r.get("MutualTlsAuthentication") or {}
        changes += [{"op": "replace", "path": f"/mutualTlsAuthentication/truststore{part}", "value": mutual.get(f"Truststore{part}") or ""} for part in ("Uri", "Version")]
    if changes:
        domain_attributes(r, await r.do("apigateway", "UpdateDomainName", domainName=r.physical, patchOperations=changes))


async def create_mapping(r: Resource) -> str:
    await r.do("apigateway", "CreateBasePathMapping", domainName=r.get("DomainName"), basePath=r.get("BasePath"), restApiId=r.get("RestApiId"), stage=r.get("Stage"))
    return f"{r.get('DomainName')}|{r.get('BasePath') or ''}"


async def update_mapping(r: Resource) -> None:
    changes = [{"op": "replace", "path": path, "value": r.get(name) or ""} for name, path in (("RestApiId", "/restapiId"), ("Stage", "/stage")) if r.changed(name)]
    if changes:
        await r.do("apigateway", "UpdateBasePathMapping", domainName=r.get("DomainName"), basePath=r.get("BasePath") or "(none)", patchOperations=changes)


async def delete_mapping(r: Resource) -> None:
    await r.do("apigateway", "DeleteBasePathMapping", domainName=r.get("DomainName"), basePath=r.get("BasePath") or "(none)")


async def link_ready(r: Resource) -> bool:
    found = await r.do("apigateway", "GetVpcLink", vpcLinkId=r.physical)
    if found["status"] == "FAILED":
        raise AwsError("NotStabilized", found["statusMessage"])
    return bool(found["status"] == "AVAILABLE")


TYPES = {
    "AWS::ApiGateway::VpcLink": Type(
        create=op("apigateway", "CreateVpcLink", send=True, physical="id", attributes={"VpcLinkId": "id"}), ready=link_ready,
        update=patch("UpdateVpcLink", {"Name": "/name", "Description": "/description"}, vpcLinkId="{id}"), replaces=("TargetArns",),
        delete=op("apigateway", "DeleteVpcLink", vpcLinkId="{id}")),
    "AWS::ApiGateway::RestApi": Type(create=create_api, read=read_api, update=steps(update_api, tag_api), delete=op("apigateway", "DeleteRestApi", restApiId="{id}")),
    "AWS::ApiGateway::Resource": Type(
        create=op("apigateway", "CreateResource", send=True, physical="id", attributes={"ResourceId": "id"}),
        delete=op("apigateway", "DeleteResource", restApiId="{RestApiId}", resourceId="{id}")),
    "AWS::ApiGateway::Method": Type(create=put_method, update=steps(drop_method, put_method), delete=drop_method),
    "AWS::ApiGateway::Deployment": Type(
        create=deploy, update=patch("UpdateDeployment", {"Description": "/description"}, restApiId="{RestApiId}", deploymentId="{id}"), delete=undeploy,
        replaces=("StageDescription", "StageName")),
    "AWS::ApiGateway::Stage": Type(create=create_stage, update=update_stage, delete=op("apigateway", "DeleteStage", restApiId="{RestApiId}", stageName="{id}")),
    "AWS::ApiGateway::Model": Type(
        create=create_model,
        update=patch("UpdateModel", {"Description": "/description", "Schema": "/schema"}, restApiId="{RestApiId}", modelName="{id}"),
        delete=op("apigateway", "DeleteModel", restApiId="{RestApiId}", modelName="{id}")),
    "AWS::ApiGateway::RequestValidator": Type(
        create=op("apigateway", "CreateRequestValidator", send=True, physical="id", attributes={"RequestValidatorId": "id"}),
        update=patch("UpdateRequestValidator", {"ValidateRequestBody": "/validateRequestBody", "ValidateRequestParameters": "/validateRequestParameters"},
                     restApiId="{RestApiId}", requestValidatorId="{id}"),
        delete=op("apigateway", "DeleteRequestValidator", restApiId="{RestApiId}", requestValidatorId="{id}")),
    "AWS::ApiGateway::Authorizer": Type(
        create=op("apigateway", "CreateAuthorizer", send=True, physical="id", attributes={"AuthorizerId": "id"}),
        update=patch("UpdateAuthorizer", {"Name": "/name", "AuthorizerUri": "/authorizerUri", "AuthorizerCredentials": "/authorizerCredentials", "IdentitySource": "/identitySource",
                                          "IdentityValidationExpression": "/identityValidationExpression", "AuthorizerResultTtlInSeconds": "/authorizerResultTtlInSeconds"},
                     restApiId="{RestApiId}", authorizerId="{id}"),
        replaces=("Type", "ProviderARNs"), delete=op("apigateway", "DeleteAuthorizer", restApiId="{RestApiId}", authorizerId="{id}")),
    "AWS::ApiGateway::ClientCertificate": Type(
        create=op("apigateway", "GenerateClientCertificate", send=True, physical="clientCertificateId", attributes={"ClientCertificateId": "clientCertificateId"}),
        update=patch("UpdateClientCertificate", {"Description": "/description"}, clientCertificateId="{id}"),
        delete=op("apigateway", "DeleteClientCertificate", clientCertificateId="{id}")),
    "AWS::ApiGateway::ApiKey": Type(
        name="Name", limit=128, create=op("apigateway", "CreateApiKey", send=True, physical="id", attributes={"APIKeyId": "id"}),
        update=patch("UpdateApiKey", {"Description": "/description", "Enabled": "/enabled", "CustomerId": "/customerId"}, apiKey="{id}"),
        delete=op("apigateway", "DeleteApiKey", apiKey="{id}")),
    "AWS::ApiGateway::UsagePlan": Type(create=create_plan, update=update_plan, delete=delete_plan),
    "AWS::ApiGateway::UsagePlanKey": Type(
        create=op("apigateway", "CreateUsagePlanKey", send=True, physical="{KeyId}:{UsagePlanId}"),
        delete=op("apigateway", "DeleteUsagePlanKey", usagePlanId="{UsagePlanId}", keyId="{KeyId}")),
    "AWS::ApiGateway::GatewayResponse": Type(
        create=op("apigateway", "PutGatewayResponse", send=True, physical="{RestApiId}/{ResponseType}"), update=op("apigateway", "PutGatewayResponse", send=True),
        delete=op("apigateway", "DeleteGatewayResponse", restApiId="{RestApiId}", responseType="{ResponseType}")),
    "AWS::ApiGateway::DomainName": Type(
        create=create_domain, update=update_domain, delete=op("apigateway", "DeleteDomainName", domainName="{id}"), replaces=("DomainName",)),
    "AWS::ApiGateway::BasePathMapping": Type(
        create=create_mapping, replaces=("DomainName", "BasePath"),
        update=update_mapping, delete=delete_mapping),
    "AWS::ApiGateway::Account": Type(create=set_account, update=set_account),
}
