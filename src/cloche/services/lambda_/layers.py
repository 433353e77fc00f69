"""Layers: versions of shared code below /opt, and which of them a function names."""
from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call, Need, Record

from . import errors, names, packages
from . import service as lambda_
from .configuration import moment
from .packages import Package
from .paging import page
from .records import grow

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

MOST = 5


class Layer(Record, frozen=True):
    kind = "lambda.layer"
    name: str
    next_version: int = 1
    versions: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        return self.name


class LayerVersion(Record, frozen=True):
    kind = "lambda.layerversion"
    layer: str
    version: int
    sha: str
    created: str
    description: str = ""
    runtimes: list[str] = []
    architectures: list[str] = []
    license: str = ""
    statements: list[dict[str, Any]] = []
    policy_revision: str = ""

    @property
    def key(self) -> str:
        return f"{self.layer}:{self.version}"


def named(call: Call, arn: str) -> tuple[Call, LayerVersion | None]:
    """The layer version behind an ARN, and a call that stands where it lives."""
    parts = arn.split(":")
    if len(parts) != 8 or parts[5] != "layer" or not parts[7].isdigit():
        raise errors.invalid(f"1 validation error detected: Value '[{arn}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must satisfy regular expression pattern: arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\\d{{12}}:layer:[a-zA-Z0-9-_]+:[0-9]+]")
    if parts[3] != call.region:
        raise errors.invalid(f"Layers are not in the same region as the function. Layers are expected to be in region {call.region}.")
    there = call.at(parts[4], parts[3])
    return there, there.get(LayerVersion, f"{parts[6]}:{parts[7]}")


def apply(call: Call, config: dict[str, Any], arns: list[str], package: Package) -> tuple[dict[str, Any], list[str]]:
    """The configuration with these layers, and what names their zips."""
    if len(arns) > MOST:
        raise errors.too_many_layers()
    config = {k: v for k, v in config.items() if k != "Layers"}
    seen: dict[str, str] = {}
    shas, told = [], []
    for arn in arns:
        base = arn.rpartition(":")[0]
        if base in seen and seen[base] != arn:
            raise errors.same_layer_twice(seen[base], arn)
        seen[base] = arn
        there, version = named(call, arn)
        call.require("lambda:GetLayerVersion", arn, policy=policy_text(version) if version else None)
        if version is None:
            raise errors.no_such_layer(arn)
        found = packages.describe(there, version.sha)
        shas.append(version.sha)
        told.append({"Arn": arn, "CodeSize": found.size})
    check_size(call, package, shas)
    return config | ({"Layers": told} if told else {}), shas


def check_size(call: Call, package: Package, shas: list[str]) -> None:
    """Function and layers together."""
    if package.unzipped + sum(packages.describe(call, sha).unzipped for sha in shas) > packages.UNZIPPED_LIMIT:
        raise errors.unzipped_too_large(packages.UNZIPPED_LIMIT)


def policy_text(version: LayerVersion) -> str | None:
    return json.dumps({"Version": "2012-10-17", "Id": "default", "Statement": version.statements}) if version.statements else None


def policy_of(call: Call, arn: str) -> str | None:
    try:
        version = named(call, arn)[1]
    except AwsError:
        return None
    return policy_text(version) if version else None


def reading(call: Call, req: Any) -> list[Need]:
    arn = names.layer_version(call, req)
    return [Need("lambda:GetLayerVersion", arn, policy=policy_of(call, arn))]


@lambda_.op(names.layer)
async def publish_layer_version(call: Call, req: t.PublishLayerVersionRequest) -> Any:
    package = await packages.take(call, req["Content"])
    name = names.layer_arn(call, req["LayerName"]).split(":")[6]
    with call.step():
        packages.hold(call, package)
        grow(call, package.size)
        layer = call.get(Layer, name) or Layer(name)
        version = LayerVersion(name, layer.next_version, package.sha, moment(call.now), req.get("Description", ""), list(req.get("CompatibleRuntimes", [])),
                               list(req.get("CompatibleArchitectures", [])), req.get("LicenseInfo", ""))
        call.put(layer.but(next_version=layer.next_version + 1, versions=(*layer.versions, version.version)))
        call.put(version)
        return full(call, version)


def brief(call: Call, version: LayerVersion) -> dict[str, Any]:
    out: dict[str, Any] = {"LayerVersionArn": call.arn(f"layer:{version.layer}:{version.version}"), "Version": version.version, "Description": version.description, "CreatedDate": version.created}
    if version.runtimes:
        out["CompatibleRuntimes"] = version.runtimes
    if version.architectures:
        out["CompatibleArchitectures"] = version.architectures
    if version.license:
        out["LicenseInfo"] = version.license
    return out


def full(call: Call, version: LayerVersion) -> dict[str, Any]:
    from .functions import location
    package = packages.describe(call, version.sha)
    content = {"Location": location(call, version.sha), "CodeSha256": base64.b64encode(bytes.fromhex(version.sha)).decode(), "CodeSize": package.size}
    return brief(call, version) | {"LayerArn": call.arn(f"layer:{version.layer}"), "Content": content}


def find(call: Call, req: Any) -> tuple[Call, LayerVersion]:
    there, version = named(call, names.layer_version(call, req))
    if version is None:
        raise errors.layer_not_found()
    return there, version


@lambda_.op(needs=reading)
def get_layer_version(call: Call, req: t.GetLayerVersionRequest) -> Any:
    return full(*find(call, req))


@lambda_.op(needs=lambda call, req: [Need("lambda:GetLayerVersion", req["Arn"], policy=policy_of(call, req["Arn"]))])
def get_layer_version_by_arn(call: Call, req: t.GetLayerVersionByArnRequest) -> Any:
    there, version = named(call, req["Arn"])
    if version is None:
        raise errors.layer_not_found()
    return full(there, version)


@lambda_.op(ANY)
def list_layer_versions(call: Call, req: t.ListLayerVersionsRequest) -> Any:
    parts = names.layer_arn(call, req["LayerName"]).split(":")
    there = call.at(parts[4], parts[3])
    layer = there.get(Layer, parts[6])
    versions = [there.get(LayerVersion, f"{parts[6]}:{n}") for n in sorted(layer.versions, reverse=True)] if layer else []
    chosen, marker = page([v for v in versions if v and fits(v, req)], req, key=lambda v: v.version)
    return {"LayerVersions": [brief(there, v) for v in chosen], **marker}


def fits(version: LayerVersion, req: Any) -> bool:
    runtime, architecture = req.get("CompatibleRuntime"), req.get("CompatibleArchitecture")
    return (not runtime or runtime in version.runtimes) and (not architecture or architecture in version.architectures)


@lambda_.op(ANY)
def list_layers(call: Call, req: t.ListLayersRequest) -> Any:
    out = []
    chosen, marker = page(sorted((x for x in call.all(Layer) if x.versions), key=lambda x: x.name), req, key=lambda x: x.name)
    for layer in chosen:
        version = call.get(LayerVersion, f"{layer.name}:{max(layer.versions)}")
        if version and fits(version, req):
            out.append({"LayerName": layer.name, "LayerArn": call.arn(f"layer:{layer.name}"), "LatestMatchingVersion": brief(call, version)})
    return {"Layers": out, **marker}


@lambda_.op(names.layer_version)
def delete_layer_version(call: Call, req: t.DeleteLayerVersionRequest) -> None:
    name = names.layer_arn(call, req["LayerName"]).split(":")[6]
    version, layer = call.get(LayerVersion, f"{name}:{req['VersionNumber']}"), call.get(Layer, name)
    if version and layer:  # deleting what is not there succeeds
        size = packages.describe(call, version.sha).size
        packages.release(call, version.sha)
        grow(call, -size)
        call.put(layer.but(versions=tuple(n for n in layer.versions if n != version.version)))
        call.delete(version)


@lambda_.op(names.layer_version)
def add_layer_version_permission(call: Call, req: t.AddLayerVersionPermissionRequest) -> Any:
    _, version = find(call, req)
    check_revision(req, version)
    if req["Action"] != "lambda:GetLayerVersion":
        raise errors.validation(f"Value '{req['Action']}' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: lambda:GetLayerVersion")
    if any(s["Sid"] == req["StatementId"] for s in version.statements):
        raise errors.statement_exists(req["StatementId"])
    from .permissions import principal_of
    statement: dict[str, Any] = {"Sid": req["StatementId"], "Effect": "Allow", "Principal": "*" if req["Principal"] == "*" else principal_of(req["Principal"]), "Action": req["Action"],
                                 "Resource": names.layer_version(call, req)}
    if org := req.get("OrganizationId"):
        statement["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": org}}
    version = call.put(version.but(statements=[*version.statements, statement], policy_revision=call.uuid()))
    return {"Statement": json.dumps(statement, separators=(",", ":")), "RevisionId": version.policy_revision}


@lambda_.op(names.layer_version)
def get_layer_version_policy(call: Call, req: t.GetLayerVersionPolicyRequest) -> Any:
    _, version = find(call, req)
    if not version.statements:
        raise errors.no_policy_yet()
    return {"Policy": policy_text(version), "RevisionId": version.policy_revision}


@lambda_.op(names.layer_version)
def remove_layer_version_permission(call: Call, req: t.RemoveLayerVersionPermissionRequest) -> None:
    _, version = find(call, req)
    check_revision(req, version)
    kept = [s for s in version.statements if s["Sid"] != req["StatementId"]]
    if len(kept) == len(version.statements):
        raise errors.no_such_statement(req["StatementId"])
    call.put(version.but(statements=kept, policy_revision=call.uuid()))


def check_revision(req: Any, version: LayerVersion) -> None:
    if req.get("RevisionId") and req["RevisionId"] != version.policy_revision:
        raise errors.wrong_revision()
