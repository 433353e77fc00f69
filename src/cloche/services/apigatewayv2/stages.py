"""Stages and deployments of HTTP APIs. A stage with auto-deploy always points at the latest definition."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record
from cloche.services.apigateway.public import LETTERS, RestStage, asked

from . import errors
from . import service as apigatewayv2
from .apis import Api, Definition, find, given, page, without

if TYPE_CHECKING:
    from cloche.shapes import apigatewayv2 as t

FIELDS = ("AccessLogSettings", "AutoDeploy", "ClientCertificateId", "DefaultRouteSettings", "DeploymentId", "Description", "RouteSettings", "StageVariables", "Tags")


class Deployment(Record, frozen=True):
    kind = "apigatewayv2.deployment"

    api: str
    id: str
    created: float
    definition: Definition
    automatic: bool = False
    description: str | None = None

    @property
    def key(self) -> str:
        return f"{self.api}/{self.id}"


class Stage(Record, frozen=True):
    kind = "apigatewayv2.stage"

    api: str
    name: str
    created: float
    updated: float
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.api}/{self.name}"


# deployments
def described_deployment(deployment: Deployment) -> dict[str, Any]:
    shown = {"DeploymentId": deployment.id, "CreatedDate": deployment.created, "DeploymentStatus": "DEPLOYED", "AutoDeployed": deployment.automatic}
    return shown | ({"Description": deployment.description} if deployment.description is not None else {})


def find_deployment(call: Call, api: Api, id_: str) -> Deployment:
    if found := call.get(Deployment, f"{api.id}/{id_}"):
        return found
    raise errors.no_such("Deployment", id_)


def auto_deploy(call: Call, api: Api) -> None:
    """Only the stages with auto-deploy; the automatic deployment they leave goes with them."""
    stages = [s for s in call.all(Stage) if s.api == api.id and s.values.get("AutoDeploy")]
    if not stages:
        return
    old = {s.values.get("DeploymentId") for s in stages}
    fresh = call.put(Deployment(api.id, call.pick(LETTERS, 6), call.now, api.definition, True, "Automatic deployment triggered by changes to the Api configuration"))
    for stage in stages:
        call.put(stage.but(values={**stage.values, "DeploymentId": fresh.id}, updated=call.now))
    shown = {s.values.get("DeploymentId") for s in call.all(Stage) if s.api == api.id}
    for id_ in old - shown:
        found = call.get(Deployment, f"{api.id}/{id_}")
        if found and found.automatic:
            call.delete(found)


@apigatewayv2.op(needs=asked)
def create_deployment(call: Call, req: t.CreateDeploymentRequest) -> t.CreateDeploymentResponse:
    api = find(call, req)
    if not api.definition.routes:
        raise errors.bad_request("At least one route is required before deploying the Api.")
    deployment = call.put(Deployment(api.id, call.pick(LETTERS, 6), call.now, api.definition, False, req.get("Description")))
    if name := req.get("StageName"):
        stage = find_stage(call, api, name)
        if stage.values.get("AutoDeploy"):
            raise errors.bad_request("Deployment ID can not be set on stage with AutoDeploy enabled.")
        call.put(stage.but(values={**stage.values, "DeploymentId": deployment.id}, updated=call.now))
    return described_deployment(deployment)


@apigatewayv2.op(needs=asked)
def get_deployment(call: Call, req: t.GetDeploymentRequest) -> t.GetDeploymentResponse:
    return described_deployment(find_deployment(call, find(call, req), req["DeploymentId"]))


@apigatewayv2.op(needs=asked)
def get_deployments(call: Call, req: t.GetDeploymentsRequest) -> t.GetDeploymentsResponse:
    api = find(call, req)
    return page(req, [d for d in call.all(Deployment) if d.api == api.id], lambda d: d.id, described_deployment)


@apigatewayv2.op(needs=asked)
def update_deployment(call: Call, req: t.UpdateDeploymentRequest) -> t.UpdateDeploymentResponse:
    deployment = find_deployment(call, find(call, req), req["DeploymentId"])
    return described_deployment(call.put(deployment.but(description=req.get("Description", deployment.description))))


@apigatewayv2.op(needs=asked)
def delete_deployment(call: Call, req: t.DeleteDeploymentRequest) -> None:
    api = find(call, req)
    deployment = find_deployment(call, api, req["DeploymentId"])
    if any(s.api == api.id and s.values.get("DeploymentId") == deployment.id for s in call.all(Stage)):
        raise errors.bad_request("Active stages pointing to this deployment must be moved or deleted")
    call.delete(deployment)


# stages
def find_stage(call: Call, api: Api, name: str) -> Stage:
    if found := call.get(Stage, f"{api.id}/{name}"):
        return found
    raise errors.no_such("Stage", name)


def stage_exists(call: Call, api: str, name: str) -> bool:
    """Of an HTTP API or of a REST API: a custom domain leads to both."""
    return call.get(Stage, f"{api}/{name}") is not None or call.get(RestStage, f"{api}/{name}") is not None


def described(stage: Stage) -> dict[str, Any]:
    return {
        "StageName": stage.name, "CreatedDate": stage.created, "LastUpdatedDate": stage.updated, "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        "RouteSettings": {}, "StageVariables": {}, "AutoDeploy": False, "Tags": {}, **stage.values,
    }


def check(call: Call, api: Api, values: dict[str, Any]) -> None:
    if values.get("DeploymentId"):
        find_deployment(call, api, values["DeploymentId"])
    routes = {r["RouteKey"] for r in api.definition.routes.values()}
    for key in values.get("RouteSettings") or {}:
        if key not in routes:
            raise errors.not_found(f"Unable to find Route by key {key} within the provided RestApi")


def new(call: Call, api: Api, name: str, values: dict[str, Any]) -> Stage:
    if name != "$default" and not re.fullmatch(r"[\w-]{1,128}", name, re.ASCII):
        raise errors.bad_request("Invalid stage name. Stage names can contain only alphanumeric characters, hyphens, and underscores, or be $default.")
    if call.get(Stage, f"{api.id}/{name}"):
        raise errors.conflict("Stage already exists")
    if values.get("AutoDeploy") and values.get("DeploymentId"):
        raise errors.bad_request("Deployment ID can not be set on stage with AutoDeploy enabled.")
    check(call, api, values)
    stage = call.put(Stage(api.id, name, call.now, call.now, values))
    if values.get("AutoDeploy"):
        auto_deploy(call, api)
    return find_stage(call, api, name) if values.get("AutoDeploy") else stage


@apigatewayv2.op(needs=asked)
def create_stage(call: Call, req: t.CreateStageRequest) -> t.CreateStageResponse:
    return described(new(call, find(call, req), req["StageName"], given(req, FIELDS)))


@apigatewayv2.op(needs=asked)
def get_stage(call: Call, req: t.GetStageRequest) -> t.GetStageResponse:
    return described(find_stage(call, find(call, req), req["StageName"]))


@apigatewayv2.op(needs=asked)
def get_stages(call: Call, req: t.GetStagesRequest) -> t.GetStagesResponse:
    api = find(call, req)
    return page(req, [s for s in call.all(Stage) if s.api == api.id], lambda s: s.name, described)


@apigatewayv2.op(needs=asked)
def update_stage(call: Call, req: t.UpdateStageRequest) -> t.UpdateStageResponse:
    api = find(call, req)
    stage = find_stage(call, api, req["StageName"])
    values = {**stage.values, **given(req, FIELDS)}
    if stage.values.get("AutoDeploy") and req.get("DeploymentId") and req.get("AutoDeploy") is not False:
        raise errors.bad_request("Deployment ID can not be set on stage with AutoDeploy enabled.")
    if "StageVariables" in req:                        # an empty value takes a variable away
        merged = {**(stage.values.get("StageVariables") or {}), **req["StageVariables"]}
        values["StageVariables"] = {k: v for k, v in merged.items() if v != ""}
    if "RouteSettings" in req:
        values["RouteSettings"] = {**(stage.values.get("RouteSettings") or {}), **req["RouteSettings"]}
    check(call, api, values)
    stage = call.put(stage.but(values=values, updated=call.now))
    if values.get("AutoDeploy") and not req.get("DeploymentId") and req.get("AutoDeploy"):
        auto_deploy(call, api)
    return described(find_stage(call, api, stage.name))


@apigatewayv2.op(needs=asked)
def delete_stage(call: Call, req: t.DeleteStageRequest) -> None:
    call.delete(find_stage(call, find(call, req), req["StageName"]))


@apigatewayv2.op(needs=asked)
def delete_access_log_settings(call: Call, req: t.DeleteAccessLogSettingsRequest) -> None:
    stage = find_stage(call, find(call, req), req["StageName"])
    call.put(stage.but(values=without(stage.values, "AccessLogSettings"), updated=call.now))


@apigatewayv2.op(needs=asked)
def delete_route_settings(call: Call, req: t.DeleteRouteSettingsRequest) -> None:
    stage = find_stage(call, find(call, req), req["StageName"])
    settings = stage.values.get("RouteSettings") or {}
    if req["RouteKey"] not in settings:
        raise errors.not_found(f"Unable to find route settings by key {req['RouteKey']}")
    call.put(stage.but(values={**stage.values, "RouteSettings": without(settings, req["RouteKey"])}, updated=call.now))


@apigatewayv2.op(needs=asked)
def reset_authorizers_cache(call: Call, req: t.ResetAuthorizersCacheRequest) -> None:
    stage = find_stage(call, find(call, req), req["StageName"])
    call.cloud.memory.pop(f"apigatewayv2.authorized.{stage.key}", None)
