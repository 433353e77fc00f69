"""Deployments: a definition kept as it was. Stages point at one; nothing that happens to the API later reaches it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, pages
from . import service as apigateway
from .access import asked
from .apis import LETTERS, Definition, RestApi, find
from .patch import TEXT, apply

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

FROZEN = ("binaryMediaTypes", "policy", "apiKeySource", "minimumCompressionSize", "endpointConfiguration")


class Deployment(Record, frozen=True):
    kind = "apigateway.deployment"

    api: str
    id: str
    created: float
    definition: Definition
    settings: dict[str, Any] = {}
    description: str | None = None

    @property
    def key(self) -> str:
        return f"{self.api}/{self.id}"


def find_deployment(call: Call, api: RestApi, id_: str) -> Deployment:
    if deployment := call.get(Deployment, f"{api.id}/{id_}"):
        return deployment
    raise errors.no_such("Deployment")


def described(deployment: Deployment, embed: bool = False) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": deployment.id, "createdDate": deployment.created}
    if deployment.description is not None:
        shown["description"] = deployment.description
    if embed:
        shown["apiSummary"] = {
            r.path: {verb: {"authorizationType": m["authorizationType"], "apiKeyRequired": m.get("apiKeyRequired", False)} for verb, m in r.methods.items()}
            for r in deployment.definition.resources.values() if r.methods
        }
    return shown


def new(call: Call, api: RestApi, description: str | None) -> Deployment:
    methods = [m for r in api.definition.resources.values() for m in r.methods.values()]
    if not methods:
        raise errors.no_methods()
    if any("methodIntegration" not in m for m in methods):
        raise errors.no_integration()
    if (api.values.get("endpointConfiguration") or {}).get("types") == ["PRIVATE"] and not api.values.get("policy"):
        raise errors.no_policy()
    settings = {k: api.values[k] for k in FROZEN if k in api.values}
    return call.put(Deployment(api.id, call.pick(LETTERS, 6), call.now, api.definition, settings, description))


@apigateway.op(needs=asked)
def create_deployment(call: Call, req: t.CreateDeploymentRequest) -> t.Deployment:
    from . import stages
    api = find(call, req)
    deployment = new(call, api, req.get("description"))
    if name := req.get("stageName"):
        stages.deploy(call, api, name, deployment.id, req)
    elif req.get("stageDescription") is not None:
        raise errors.bad_request("Stage description cannot be specified when stage name is not specified")
    return described(deployment)


@apigateway.op(needs=asked)
def get_deployment(call: Call, req: t.GetDeploymentRequest) -> t.Deployment:
    return described(find_deployment(call, find(call, req), req["deploymentId"]), "apisummary" in (req.get("embed") or []))


@apigateway.op(needs=asked)
def get_deployments(call: Call, req: t.GetDeploymentsRequest) -> t.Deployments:
    api = find(call, req)
    return pages.page(req, [d for d in call.all(Deployment) if d.api == api.id], lambda d: d.id, described)


@apigateway.op(needs=asked)
def update_deployment(call: Call, req: t.UpdateDeploymentRequest) -> t.Deployment:
    deployment = find_deployment(call, find(call, req), req["deploymentId"])
    changed = apply({"description": deployment.description}, req.get("patchOperations"), {"/description": TEXT})
    return described(call.put(deployment.but(description=changed.get("description"))))


@apigateway.op(needs=asked)
def delete_deployment(call: Call, req: t.DeleteDeploymentRequest) -> None:
    from .stages import Stage
    api = find(call, req)
    deployment = find_deployment(call, api, req["deploymentId"])
    for stage in call.all(Stage):
        canary = stage.values.get("canarySettings") or {}
        if stage.api == api.id and deployment.id in (stage.values["deploymentId"], canary.get("deploymentId")):
            raise errors.deployment_in_use()
    call.delete(deployment)
