"""Continuous deployment: a staging distribution, a copy whose configuration may differ, gets a share of its primary's viewers: by weight, or by a header that they send."""
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Need, Request, Response

from . import distributions, errors, things
from . import service as cloudfront
from .edge import pipeline
from .things import HOST, Noun, Thing, items

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

NOUN = Noun("continuous-deployment-policy", "continuous deployment policy", "ContinuousDeploymentPolicy", "ContinuousDeploymentPolicy", 20, "TooManyContinuousDeploymentPolicies",
            used=lambda config: {config.get("ContinuousDeploymentPolicyId")}, uuid=True)
COOKIE = "_cf_sticky"


def checked(call: Call, config: Any) -> dict[str, Any]:
    names = items(config["StagingDistributionDnsNames"])
    if len(names) != 1:
        raise errors.invalid("The parameter StagingDistributionDnsNames must name one staging distribution.")
    found = call.get(distributions.Endpoint, names[0])
    staging = call.get(distributions.Distribution, found.distribution) if found and found.account == call.account else None
    if staging is None or not staging.config["Staging"]:
        raise errors.invalid("The parameter StagingDistributionDnsNames does not name a staging distribution.")
    how = config.get("TrafficConfig") or {}
    if how.get("Type") == "SingleWeight" and not 0 <= (how.get("SingleWeightConfig") or {}).get("Weight", -1) <= 0.15:
        raise errors.invalid("The parameter Weight must be from 0 to .15.")
    if how.get("Type") == "SingleHeader" and not (how.get("SingleHeaderConfig") or {}).get("Header", "").lower().startswith("aws-cf-cd-"):
        raise errors.invalid("The parameter Header must begin with aws-cf-cd-.")
    return config  # type: ignore[no-any-return]


@cloudfront.op(ANY)
def create_continuous_deployment_policy(call: Call, req: t.CreateContinuousDeploymentPolicyRequest) -> t.CreateContinuousDeploymentPolicyResult:
    config = checked(call, req["ContinuousDeploymentPolicyConfig"])
    if any(one.config["StagingDistributionDnsNames"] == config["StagingDistributionDnsNames"] for one in things.every(call, NOUN)):
        raise errors.said("StagingDistributionInUse", "A continuous deployment policy for this staging distribution already exists.")
    return things.answer(NOUN, things.make(call, NOUN, config, by=""), made=True)


@cloudfront.op(**NOUN.on())
def get_continuous_deployment_policy(call: Call, req: t.GetContinuousDeploymentPolicyRequest) -> t.GetContinuousDeploymentPolicyResult:
    return things.answer(NOUN, things.find(call, NOUN, req["Id"]))


@cloudfront.op(**NOUN.on())
def get_continuous_deployment_policy_config(call: Call, req: t.GetContinuousDeploymentPolicyConfigRequest) -> t.GetContinuousDeploymentPolicyConfigResult:
    return things.config_of(NOUN, things.find(call, NOUN, req["Id"]))


@cloudfront.op(ANY)
def list_continuous_deployment_policies(call: Call, req: t.ListContinuousDeploymentPoliciesRequest) -> t.ListContinuousDeploymentPoliciesResult:
    return {"ContinuousDeploymentPolicyList": things.listed(req, things.every(call, NOUN), lambda one: {"ContinuousDeploymentPolicy": things.shown(NOUN, one)})}  # type: ignore[typeddict-item]


@cloudfront.op(**NOUN.on())
def update_continuous_deployment_policy(call: Call, req: t.UpdateContinuousDeploymentPolicyRequest) -> t.UpdateContinuousDeploymentPolicyResult:
    return things.answer(NOUN, things.change(call, NOUN, req, checked(call, req["ContinuousDeploymentPolicyConfig"])))


@cloudfront.op(**NOUN.on())
def delete_continuous_deployment_policy(call: Call, req: t.DeleteContinuousDeploymentPolicyRequest) -> None:
    things.drop(call, NOUN, req)


# -- staging distributions --------------------------------------------------------------------------------------------------------

def copying(call: Call, req: Any) -> list[Need]:
    return [Need("cloudfront:CopyDistribution", distributions.arn(call, req["PrimaryDistributionId"])), Need("cloudfront:CreateDistribution", distributions.arn(call, "*")),
            Need("cloudfront:GetDistribution", distributions.arn(call, req["PrimaryDistributionId"]))]


@cloudfront.op(needs=copying)
def copy_distribution(call: Call, req: t.CopyDistributionRequest) -> t.CopyDistributionResult:
    primary = things.locked(distributions.find(call, req["PrimaryDistributionId"]), req)
    if not req.get("Staging"):
        raise errors.invalid("The only valid value for Staging is true.")
    config = {**primary.config, "CallerReference": req["CallerReference"], "Staging": True, "Aliases": {"Quantity": 0}, "ContinuousDeploymentPolicyId": "", "Enabled": req.get("Enabled", primary.config["Enabled"]),
              "ViewerCertificate": {"CloudFrontDefaultCertificate": True}}
    made = distributions.make(call, config, primary=primary.id)
    return {"Distribution": distributions.told(call, made), "ETag": made.etag, "Location": f"{HOST}/distribution/{made.id}"}  # type: ignore[typeddict-item]


@cloudfront.op(needs=lambda call, req: [Need("cloudfront:UpdateDistribution", distributions.arn(call, req["Id"])),
                                        *([Need("cloudfront:GetDistribution", distributions.arn(call, req["StagingDistributionId"]))] if req.get("StagingDistributionId") else [])])
def update_distribution_with_staging_config(call: Call, req: t.UpdateDistributionWithStagingConfigRequest) -> t.UpdateDistributionWithStagingConfigResult:
    """Promote: the primary becomes as the staging distribution is, but for its names, its certificate and its policy. IfMatch says both ETags."""
    primary, staging = distributions.find(call, req["Id"]), distributions.find(call, req.get("StagingDistributionId") or "")
    if not req.get("IfMatch"):
        raise errors.no_version()
    if [one.strip() for one in req["IfMatch"].split(",")] != [primary.etag, staging.etag]:
        raise errors.stale()
    kept = ("CallerReference", "Aliases", "ViewerCertificate", "Staging", "ContinuousDeploymentPolicyId", "Enabled")
    config = {**staging.config, **{name: primary.config[name] for name in kept}}
    return distributions.answer(call, distributions.become(call, primary, config))  # type: ignore[no-any-return]


def check_delete(call: Call, one: distributions.Distribution) -> None:
    if one.config["Staging"] and any(one.domain in items(policy.config["StagingDistributionDnsNames"]) for policy in things.every(call, NOUN)):
        raise errors.said("ResourceInUse", "Cannot delete this resource because it is in use.")


# -- who goes where ---------------------------------------------------------------------------------------------------------------

async def answer(call: Call, primary: distributions.Distribution, request: Request) -> Response:
    policy = call.get(Thing, f"{NOUN.path}/{primary.config['ContinuousDeploymentPolicyId']}") if primary.config["ContinuousDeploymentPolicyId"] else None
    if policy is None or not policy.config["Enabled"]:
        return await pipeline.answer(call, primary, request)
    found = call.get(distributions.Endpoint, items(policy.config["StagingDistributionDnsNames"])[0])
    staging = call.get(distributions.Distribution, found.distribution) if found else None
    how = policy.config.get("TrafficConfig") or {}
    if staging is None or not staging.config["Enabled"]:
        return await pipeline.answer(call, primary, request)
    if how.get("Type") == "SingleHeader":
        header = how["SingleHeaderConfig"]
        return await pipeline.answer(call, staging if request.headers.get(header["Header"].lower()) == header["Value"] else primary, request)
    weight = how.get("SingleWeightConfig") or {}
    sticky = weight.get("SessionStickinessConfig")
    marks = {id_: hashlib.sha256(f"{policy.id}{id_}".encode()).hexdigest()[:24] for id_ in (primary.id, staging.id)}
    told = next((text.strip().partition("=")[2] for text in request.headers.get("cookie", "").split(";") if text.strip().startswith(COOKIE + "=")), "") if sticky else ""
    chosen = staging if told == marks[staging.id] or (told != marks[primary.id] and call.cloud.dice.random() < weight.get("Weight", 0.0)) else primary
    response = await pipeline.answer(call, chosen, request)
    if sticky:
        response.headers.append(("Set-Cookie", f"{COOKIE}={marks[chosen.id]}; Path=/; Max-Age={sticky['IdleTTL']}; Secure; HttpOnly"))
    return response
