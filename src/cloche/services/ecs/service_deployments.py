"""Service deployments and revisions: what a service's deployments are called since they can be asked for by themselves."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.kernel.pages import page

from . import clusters, definitions, errors, launch, names, scheduler, services
from . import service as ecs
from .services import Deployment, ServiceRecord

if TYPE_CHECKING:
    from cloche.shapes import ecs as t


def arn_of(call: Call, one: ServiceRecord, each: Deployment) -> str:
    return names.arn(call, "service-deployment", one.cluster, one.name, each.number)


def revision_arn(call: Call, one: ServiceRecord, each: Deployment) -> str:
    return names.arn(call, "service-revision", one.cluster, one.name, each.number)


def status(one: ServiceRecord, each: Deployment) -> str:
    if each.asked:
        return each.asked
    if each.rollout == "COMPLETED":
        return "SUCCESSFUL"
    if each.rollout == "FAILED":
        back = any((other.source == each.id and "rolling back" in other.why) or (other.source == each.id and other.rollout == "COMPLETED") for other in one.deployments)
        if back:
            return "ROLLBACK_SUCCESSFUL" if any(other.source == each.id and other.rollout == "COMPLETED" for other in one.deployments) else "ROLLBACK_IN_PROGRESS"
        return "STOPPED"
    return "STOPPED" if each.status == "INACTIVE" or (each is not one.deployments[0] and each.status != "PRIMARY") else "IN_PROGRESS"


def current(call: Call, one: ServiceRecord) -> dict[str, Any]:
    out: dict[str, Any] = {"currentServiceDeployment": arn_of(call, one, one.deployments[0]), "currentServiceRevisions": []}
    for each in one.deployments:
        running, pending = services.counts(call, one, each.id)
        out["currentServiceRevisions"].append({"arn": revision_arn(call, one, each), "requestedTaskCount": each.desired, "runningTaskCount": running, "pendingTaskCount": pending})
    return out


def found(call: Call, arn: str) -> tuple[ServiceRecord, Deployment] | None:
    parts = arn.split("/")
    if len(parts) != 4:
        return None
    one = call.get(ServiceRecord, f"{parts[1]}/{parts[2]}")
    each = next((each for each in (*one.deployments, *one.past) if each.number == parts[3]), None) if one else None
    return (one, each) if one and each else None


def _on(call: Call, req: Any) -> list[str]:
    return list(req["serviceDeploymentArns"])


@ecs.op(names.on_service(), context=names.in_cluster)
def list_service_deployments(call: Call, req: t.ListServiceDeploymentsRequest) -> t.ListServiceDeploymentsResponse:
    cluster = clusters.find(call, req.get("cluster"))
    one = services.existing(call, cluster.name, req["service"])
    wanted, when = req.get("status"), req.get("createdAt") or {}
    rows = []
    for each in (*one.deployments, *one.past):
        if (not wanted or status(one, each) in wanted) and when.get("after", 0) <= each.created <= when.get("before", float("inf")):
            rows.append({"serviceDeploymentArn": arn_of(call, one, each), "serviceArn": services.arn_of(call, one), "clusterArn": names.arn(call, "cluster", one.cluster), "startedAt": each.created,
                         "createdAt": each.created, "targetServiceRevisionArn": revision_arn(call, one, each), "status": status(one, each), **({"finishedAt": each.finished} if each.finished else {})})
    part, more = page(rows, req, lambda row: row["serviceDeploymentArn"], 100, errors.bad_token, size="maxResults", token="nextToken")
    return {"serviceDeployments": part, **more}  # type: ignore[typeddict-item]


@ecs.op(_on)
def describe_service_deployments(call: Call, req: t.DescribeServiceDeploymentsRequest) -> t.DescribeServiceDeploymentsResponse:
    out: Any = {"serviceDeployments": [], "failures": []}
    for arn in req["serviceDeploymentArns"]:
        if (there := found(call, arn)) is None:
            out["failures"].append({"arn": arn, "reason": "MISSING"})
            continue
        one, each = there
        running, pending = services.counts(call, one, each.id)
        sources = [other for other in (*one.deployments, *one.past) if other.id == each.source]
        breaker = one.configuration["deploymentCircuitBreaker"]
        row: dict[str, Any] = {
            "serviceDeploymentArn": arn, "serviceArn": services.arn_of(call, one), "clusterArn": names.arn(call, "cluster", one.cluster), "createdAt": each.created, "startedAt": each.created,
            "updatedAt": each.updated, "status": status(one, each), "deploymentConfiguration": one.configuration, "statusReason": each.why,
            "targetServiceRevision": {"arn": revision_arn(call, one, each), "requestedTaskCount": each.desired, "runningTaskCount": running, "pendingTaskCount": pending},
            "sourceServiceRevisions": [{"arn": revision_arn(call, one, other), "requestedTaskCount": other.desired, "runningTaskCount": services.counts(call, one, other.id)[0], "pendingTaskCount": 0}
                                       for other in sources],
            "deploymentCircuitBreaker": {"status": "TRIGGERED" if each.breaker else "MONITORING" if breaker.get("enable") and each.rollout == "IN_PROGRESS" else
                                         "MONITORING_COMPLETE" if breaker.get("enable") else "DISABLED", "failureCount": each.failed, "threshold": scheduler.threshold(one)}}
        if each.finished:
            row["finishedAt"] = each.finished
        out["serviceDeployments"].append(row)
    return out  # type: ignore[no-any-return]


@ecs.op(lambda call, req: list(req["serviceRevisionArns"]))
def describe_service_revisions(call: Call, req: t.DescribeServiceRevisionsRequest) -> t.DescribeServiceRevisionsResponse:
    out: Any = {"serviceRevisions": [], "failures": []}
    for arn in req["serviceRevisionArns"]:
        if (there := found(call, arn)) is None:
            out["failures"].append({"arn": arn, "reason": "MISSING"})
            continue
        one, each = there
        definition = call.get(definitions.Definition, each.definition)
        row: dict[str, Any] = {"serviceRevisionArn": arn, "serviceArn": services.arn_of(call, one), "clusterArn": names.arn(call, "cluster", one.cluster), "createdAt": each.created,
                               "taskDefinition": definitions.arn_of(call, each.definition), "loadBalancers": [dict(b) for b in each.balancers],
                               "containerImages": [{"containerName": c["name"], "image": c["image"]} for c in definition.containers] if definition else []}
        if each.launch:
            row["launchType"] = each.launch
        if each.strategy:
            row["capacityProviderStrategy"] = list(each.strategy)
        if launch.fargate(each.launch, each.strategy):
            row |= {"platformVersion": each.platform or launch.PLATFORM, "platformFamily": "Linux"}
        if each.network:
            row["networkConfiguration"] = {"awsvpcConfiguration": each.network}
        out["serviceRevisions"].append(row)
    return out  # type: ignore[no-any-return]


@ecs.op(lambda call, req: req["serviceDeploymentArn"])
def stop_service_deployment(call: Call, req: t.StopServiceDeploymentRequest) -> t.StopServiceDeploymentResponse:
    """The deployment that is on its way is given up; rolled back unless ABORT is said."""
    there = found(call, req["serviceDeploymentArn"])
    if there is None:
        raise AwsError("ServiceDeploymentNotFoundException", "The service deployment was not found.")
    one, each = there
    if each is not one.deployments[0] or each.rollout != "IN_PROGRESS":
        raise AwsError("ConflictException", "The service deployment is not in progress.")
    asked = "STOP_REQUESTED" if req.get("stopType") == "ABORT" else "ROLLBACK_REQUESTED"
    call.put(one.but(deployments=(msgspec.structs.replace(each, asked=asked), *one.deployments[1:])))
    services.changed(call, one)
    return {"serviceDeploymentArn": req["serviceDeploymentArn"]}
