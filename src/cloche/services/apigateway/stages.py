"""Stages: a name under which a deployment answers, with its variables, throttles, cache and canary."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import errors, patch
from . import service as apigateway
from .access import asked
from .apis import RestApi, find
from .deployments import find_deployment
from .patch import BOOLEAN, FLOAT, INTEGER, OBJECT, TEXT

if TYPE_CHECKING:
    from cloche.shapes import apigateway as t

SIZES = ("0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237")
CACHE_SECONDS = 240        # a cluster takes about four minutes
PATCHABLE = {
    "/deploymentId": TEXT, "/description": TEXT, "/cacheClusterEnabled": BOOLEAN, "/cacheClusterSize": TEXT, "/clientCertificateId": TEXT, "/documentationVersion": TEXT,
    "/variables/*": TEXT, "/tracingEnabled": BOOLEAN, "/accessLogSettings/destinationArn": TEXT, "/accessLogSettings/format": TEXT, "/accessLogSettings": OBJECT,
    "/canarySettings": OBJECT, "/canarySettings/percentTraffic": FLOAT, "/canarySettings/deploymentId": TEXT, "/canarySettings/stageVariableOverrides/*": TEXT,
    "/canarySettings/useStageCache": BOOLEAN, "/variables": TEXT,
}
# a method setting on the path -> its name and type; what a method has that sets none of them
METHOD_SETTINGS = {
    "metrics/enabled": ("metricsEnabled", BOOLEAN, False), "logging/loglevel": ("loggingLevel", TEXT, "OFF"), "logging/dataTrace": ("dataTraceEnabled", BOOLEAN, False),
    "throttling/burstLimit": ("throttlingBurstLimit", INTEGER, 5000), "throttling/rateLimit": ("throttlingRateLimit", FLOAT, 10000.0),
    "caching/enabled": ("cachingEnabled", BOOLEAN, False), "caching/ttlInSeconds": ("cacheTtlInSeconds", INTEGER, 300), "caching/dataEncrypted": ("cacheDataEncrypted", BOOLEAN, False),
    "caching/requireAuthorizationForCacheControl": ("requireAuthorizationForCacheControl", BOOLEAN, True),
    "caching/unauthorizedCacheControlHeaderStrategy": ("unauthorizedCacheControlHeaderStrategy", TEXT, "SUCCEED_WITH_RESPONSE_HEADER"),
}
SETTING_DEFAULTS = {name: default for name, _, default in METHOD_SETTINGS.values()}


class Stage(Record, frozen=True):
    kind = "apigateway.stage"

    api: str
    name: str
    created: float
    updated: float
    values: dict[str, Any]

    @property
    def key(self) -> str:
        return f"{self.api}/{self.name}"


def find_stage(call: Call, api: RestApi, name: str) -> Stage:
    if stage := call.get(Stage, f"{api.id}/{name}"):
        return stage
    raise errors.no_such("stage")


def described(stage: Stage) -> dict[str, Any]:
    return {
        "stageName": stage.name, "createdDate": stage.created, "lastUpdatedDate": stage.updated, "cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {}, "tracingEnabled": False, **stage.values,
    }


def check(call: Call, api: RestApi, values: dict[str, Any]) -> None:
    find_deployment(call, api, values["deploymentId"])
    if values.get("cacheClusterSize") not in (None, *SIZES):
        raise errors.bad_request("Cache cluster size must be one of: " + ", ".join(SIZES))
    for name, value in (values.get("variables") or {}).items():
        if not re.fullmatch(r"\w+", name, re.ASCII) or not re.fullmatch(r"[A-Za-z0-9\-._~:/?#&=,]*", value or ""):
            raise errors.bad_request(f"Stage variable {name} has an invalid name or value: only alphanumeric and underscore characters are allowed in a name, and -._~:/?#&=, besides in a value")
    canary = values.get("canarySettings")
    if canary is not None:
        if not 0 <= canary.get("percentTraffic", 0.0) <= 100:
            raise errors.bad_request("Canary percent traffic must be between 0.0 and 100.0")
        if canary.get("deploymentId"):
            find_deployment(call, api, canary["deploymentId"])


def new(call: Call, api: RestApi, name: str, values: dict[str, Any]) -> Stage:
    if not re.fullmatch(r"[\w-]{1,128}", name, re.ASCII):
        raise errors.bad_stage_name()
    if call.get(Stage, f"{api.id}/{name}"):
        raise errors.stage_exists()
    check(call, api, values)
    return with_cache(call, call.put(Stage(api.id, name, call.now, call.now, values)), {})


def with_cache(call: Call, stage: Stage, before: dict[str, Any]) -> Stage:
    """Start or drop the cache cluster when the switch was turned."""
    was, wanted = before.get("cacheClusterEnabled", False), stage.values.get("cacheClusterEnabled", False)
    if wanted and not was:
        values = {"cacheClusterSize": "0.5", **stage.values, "cacheClusterStatus": "CREATE_IN_PROGRESS"}
        call.after(CACHE_SECONDS, cache_available, name=stage.key, key=stage.key)
        return call.put(stage.but(values=values))
    if was and not wanted:
        call.cancel(cache_available, stage.key)
        return call.put(stage.but(values={k: v for k, v in stage.values.items() if k not in ("cacheClusterStatus", "cacheClusterSize")}))
    return stage


@apigateway.timer
def cache_available(call: Call, key: str) -> None:
    if stage := call.get(Stage, key):
        call.put(stage.but(values={**stage.values, "cacheClusterStatus": "AVAILABLE"}))


def deploy(call: Call, api: RestApi, name: str, deployment: str, req: Any) -> Stage:
    """CreateDeployment's StageName: a new stage, or the existing one moved on (or its canary, when that is asked for)."""
    stage = call.get(Stage, f"{api.id}/{name}")
    given = {"variables": req.get("variables"), "cacheClusterEnabled": req.get("cacheClusterEnabled"), "cacheClusterSize": req.get("cacheClusterSize"),
             "tracingEnabled": req.get("tracingEnabled"), "description": req.get("stageDescription")}
    given = {k: v for k, v in given.items() if v is not None}
    canary = req.get("canarySettings")
    if stage is None:
        if canary is not None:
            raise errors.bad_request("Invalid deployment content specified.Non null and non empty stageName must be provided for the canary deployment. Provided value is the name of no stage.")
        return new(call, api, name, {"deploymentId": deployment, **given})
    if canary is not None:
        change = {"canarySettings": {"percentTraffic": 0.0, "useStageCache": False, **canary, "deploymentId": deployment}}
    else:
        change = {"deploymentId": deployment}
    changed = stage.but(values={**stage.values, **given, **change}, updated=call.now)
    check(call, api, changed.values)
    return with_cache(call, call.put(changed), stage.values)


@apigateway.op(needs=asked)
def create_stage(call: Call, req: t.CreateStageRequest) -> t.Stage:
    api = find(call, req)
    names = ("deploymentId", "description", "cacheClusterEnabled", "cacheClusterSize", "variables", "documentationVersion", "canarySettings", "tracingEnabled", "tags")
    return described(new(call, api, req["stageName"], {k: req[k] for k in names if req.get(k) is not None}))


@apigateway.op(needs=asked)
def get_stage(call: Call, req: t.GetStageRequest) -> t.Stage:
    return described(find_stage(call, find(call, req), req["stageName"]))


@apigateway.op(needs=asked)
def get_stages(call: Call, req: t.GetStagesRequest) -> t.Stages:
    api, wanted = find(call, req), req.get("deploymentId")
    stages = [s for s in call.all(Stage) if s.api == api.id and (not wanted or s.values["deploymentId"] == wanted)]
    return {"item": [described(s) for s in sorted(stages, key=lambda s: s.name)]}


@apigateway.op(needs=asked)
def update_stage(call: Call, req: t.UpdateStageRequest) -> t.Stage:
    api = find(call, req)
    stage = find_stage(call, api, req["stageName"])
    values = stage.values
    for operation in req.get("patchOperations") or []:
        values = setting(values, operation) or canary(values, operation) or patch.apply(values, [operation], PATCHABLE)
    check(call, api, values)
    return described(with_cache(call, call.put(stage.but(values=values, updated=call.now)), stage.values))


def canary(values: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """Promotion copies the canary's deployment and variables over the stage's."""
    op, path, source = operation["op"], operation.get("path", ""), operation.get("from", "")
    if op == "copy" and path == "/variables" and source == "/canarySettings/stageVariableOverrides":
        overrides = (values.get("canarySettings") or {}).get("stageVariableOverrides") or {}
        return {**values, "variables": {**(values.get("variables") or {}), **overrides}}
    if op == "copy" and not (path == "/deploymentId" and source == "/canarySettings/deploymentId"):
        raise errors.bad_request("Invalid copy operation with path: " + path + " and from: " + source)
    if op != "copy" and path == "/canarySettings/percentTraffic" and "canarySettings" not in values:
        return {**values, "canarySettings": {"percentTraffic": patch.typed(FLOAT, operation.get("value"), path), "deploymentId": values["deploymentId"], "useStageCache": False}}
    return None


def setting(values: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any] | None:
    """`/{resource}/{method}/throttling/rateLimit`: the path names the method by resource path, or `*/*` for all."""
    parts = patch.split(operation.get("path", ""))
    if len(parts) < 2 or parts[0] in ("variables", "canarySettings", "accessLogSettings"):
        return None
    settings = dict(values.get("methodSettings") or {})
    if len(parts) == 2 and operation["op"] == "remove":
        settings.pop(method_key(*parts), None)
        return {**values, "methodSettings": settings}
    found = METHOD_SETTINGS.get("/".join(parts[-2:])) if len(parts) == 4 else None
    if found is None:
        return None
    name, kind, default = found
    key = method_key(parts[0], parts[1])
    value = default if operation["op"] == "remove" else patch.typed(kind, operation.get("value"), operation["path"])
    if name == "cacheTtlInSeconds" and not 0 <= value <= 3600:
        raise errors.bad_request("Invalid cache ttl value, must be between 0 and 3600")
    if name == "loggingLevel" and value not in ("OFF", "ERROR", "INFO"):
        raise errors.bad_request("Invalid log level, must be one of: OFF, ERROR, INFO")
    settings[key] = {**SETTING_DEFAULTS, **settings.get(key, {}), name: value}
    return {**values, "methodSettings": settings}


def method_key(path: str, verb: str) -> str:
    return f"{path.lstrip('/')}/{verb}" if path != "/" else f"/{verb}"


@apigateway.op(needs=asked)
def delete_stage(call: Call, req: t.DeleteStageRequest) -> None:
    stage = find_stage(call, find(call, req), req["stageName"])
    call.cancel(cache_available, stage.key)
    call.delete(stage)
    from cloche.services.wafv2 import public as wafv2
    wafv2.forget(call, f"arn:aws:apigateway:{call.region}::/restapis/{stage.key.replace('/', '/stages/')}")


@apigateway.op(needs=asked)
def flush_stage_cache(call: Call, req: t.FlushStageCacheRequest) -> None:
    stage = find_stage(call, find(call, req), req["stageName"])
    call.cloud.memory.pop(f"apigateway.cache.{stage.key}", None)


@apigateway.op(needs=asked)
def flush_stage_authorizers_cache(call: Call, req: t.FlushStageAuthorizersCacheRequest) -> None:
    stage = find_stage(call, find(call, req), req["stageName"])
    call.cloud.memory.pop(f"apigateway.authorized.{stage.key}", None)
