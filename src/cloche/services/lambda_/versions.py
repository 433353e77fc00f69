"""Versions: `$LATEST` frozen under the next number; unchanged since the last one, it is the last one."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import configuration, errors, names, packages, replicas, snapshots, vpc
from . import service as lambda_
from .names import LATEST
from .paging import page
from .pool import pools
from .records import Alias, Function, Version, find, grow, latest

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t


@lambda_.op(names.function)
def publish_version(call: Call, req: t.PublishVersionRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    version = latest(call, function)
    if version.state == "Pending":
        raise errors.in_state("Pending")
    if version.update == "InProgress":
        raise errors.being_updated(names.arn(call, function.name))
    if req.get("RevisionId") and req["RevisionId"] != version.revision:
        raise errors.wrong_revision()
    sha = configuration.sha_of(version)
    if req.get("CodeSha256") and req["CodeSha256"] != sha:
        raise errors.sha_differs(req["CodeSha256"], sha)
    function, published = publish(call, function, version, req.get("Description", ""))
    return configuration.describe(call, function, published, published.version)


def publish(call: Call, function: Function, version: Version, description: str) -> tuple[Function, Version]:
    last = call.get(Version, f"{function.name}:{function.versions[-1]}") if function.versions else None
    config = version.config | ({"Description": description} if description else {})
    if last and last.sha == version.sha and last.layers == version.layers and same(last, version):
        return function, last
    number = str(function.next_version)
    if not version.image:
        packages.hold_again(call, version.sha, *version.layers)
    grow(call, version.config["CodeSize"])
    published = version.but(version=number, config=config, revision=call.uuid(), update="Successful", described=version.config["Description"])
    if published.snapstart:
        published = published.but(state="Pending")
        call.wake(snapshots.take, published.key)
    call.put(published)
    if published.state == "Active":
        vpc.hold(call, published)
    function = call.put(function.but(versions=(*function.versions, number), next_version=function.next_version + 1))
    return function, published


def same(last: Version, version: Version) -> bool:
    snap = {"ApplyOn": last.config["SnapStart"]["ApplyOn"], "OptimizationStatus": "Off"}
    return last.config | {"Description": last.described, "SnapStart": snap} == version.config | {"SnapStart": version.config["SnapStart"] | {"OptimizationStatus": "Off"}}


@lambda_.op(names.function)
def list_versions_by_function(call: Call, req: t.ListVersionsByFunctionRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    chosen, marker = page([LATEST, *function.versions], req, key=lambda v: v)
    versions = [call.get(Version, f"{function.name}:{number}") for number in chosen]
    return {"Versions": [configuration.summary(configuration.describe(call, function, v, v.version)) for v in versions if v], **marker}


def delete_version(call: Call, function: Function, number: str) -> Any:
    from .concurrency import unprovisioned
    from .functions import drop
    if number == LATEST:
        raise errors.latest_stays()
    if call.get(Alias, f"{function.name}:{number}"):
        raise errors.no_such_function(names.arn(call, function.name, number))
    if number not in function.versions:
        return {"StatusCode": 204}
    users = [a.name for name in function.aliases if (a := call.get(Alias, f"{function.name}:{name}")) and number in (a.version, *a.weights)]
    if users:
        raise errors.alias_uses(number, users)
    replicas.let_go(call, names.arn(call, function.name), [number])
    drop(call, function, number)
    function = unprovisioned(call, function, number)
    call.put(function.but(versions=tuple(v for v in function.versions if v != number), policies={k: v for k, v in function.policies.items() if k != number}))
    call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name, number)
    return {"StatusCode": 204}
