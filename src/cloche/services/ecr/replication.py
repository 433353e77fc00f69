"""Replication: what is pushed appears in the registries that the rules name, of other regions and of accounts whose registry policy lets it."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.iam import principal as principals
from cloche.kernel import ANY, AwsError, Call
from cloche.services.iam import public as iam

from . import errors, images, layers, manifests
from . import service as ecr
from .policies import registry
from .repositories import ON, Repository, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

ecr.table("""CREATE TABLE IF NOT EXISTS ecr_replica (account TEXT, region TEXT, repository TEXT, digest TEXT, to_account TEXT, to_region TEXT, status TEXT NOT NULL, failure TEXT NOT NULL,
    PRIMARY KEY (account, region, repository, digest, to_account, to_region)) WITHOUT ROWID""")
MOST_RULES, MOST_DESTINATIONS = 10, 25


@ecr.op(ANY)
def put_replication_configuration(call: Call, req: t.PutReplicationConfigurationRequest) -> t.PutReplicationConfigurationResponse:
    rules: Any = req["replicationConfiguration"]["rules"]
    destinations = {(one["registryId"], one["region"]) for rule in rules for one in rule["destinations"]}
    if len(rules) > MOST_RULES or len(destinations) > MOST_DESTINATIONS:
        raise errors.bad_replication(f"A replication configuration has at most {MOST_RULES} rules and {MOST_DESTINATIONS} destinations")
    if (call.account, call.region) in destinations:
        raise errors.bad_replication("Replication destination cannot be the same as the source registry and region")
    if rules:
        iam.ensure_linked(call, "replication.ecr.amazonaws.com")
    call.put(registry(call).but(rules=rules))
    return {"replicationConfiguration": {"rules": rules}}


@ecr.op(ANY)
def describe_registry(call: Call, req: t.DescribeRegistryRequest) -> t.DescribeRegistryResponse:
    return {"registryId": call.account, "replicationConfiguration": {"rules": registry(call).rules}}  # type: ignore[typeddict-item]


@ecr.op(**ON)
def describe_image_replication_status(call: Call, req: t.DescribeImageReplicationStatusRequest) -> t.DescribeImageReplicationStatusResponse:
    here, repository = find(call, req)
    image, _, _ = images.wanted(here, repository.name, req["imageId"])
    if image is None:
        raise errors.no_image(req["imageId"].get("imageDigest"), req["imageId"].get("imageTag"), repository.name, here.account)
    rows = here.sql("SELECT to_account, to_region, status, failure FROM ecr_replica WHERE account=? AND region=? AND repository=? AND digest=?",
                    here.account, here.region, repository.name, image.digest)
    return {"repositoryName": repository.name, "imageId": req["imageId"], "replicationStatuses": [
        {"registryId": account, "region": region, "status": status, **({"failureCode": failure} if failure else {})} for account, region, status, failure in rows]}


def pushed(call: Call, repository: Repository, digest: str, tag: str | None) -> None:
    """Rules copy what is pushed by clients; what came by replication goes no further."""
    if call.principal.service == "replication.ecr.amazonaws.com":
        return
    for account, region in targets(call, repository.name):
        call.sql("INSERT OR REPLACE INTO ecr_replica VALUES (?,?,?,?,?,?,'IN_PROGRESS','')", call.account, call.region, repository.name, digest, account, region)
        call.wake(replicate, f"{repository.name} {digest} {tag or ''} {account} {region}")


def targets(call: Call, name: str) -> list[tuple[str, str]]:
    found = [(one["registryId"], one["region"]) for rule in registry(call).rules
             if not rule.get("repositoryFilters") or any(name.startswith(f["filter"]) for f in rule["repositoryFilters"])  # type: ignore[attr-defined]
             for one in rule["destinations"]]  # type: ignore[attr-defined]
    return list(dict.fromkeys(found))


@ecr.worker
async def replicate(call: Call, key: str) -> None:
    name, digest, tag, account, region = key.split(" ")
    with call.step():
        source = call.get(Repository, name)
        if source is None or images.by_digest(call, name, digest) is None:
            return
        status, failure = "COMPLETE", ""
        try:
            copy(call, source, digest, tag, account, region)
        except AwsError as error:
            status, failure = "FAILED", error.code
        call.sql("UPDATE ecr_replica SET status=?, failure=? WHERE account=? AND region=? AND repository=? AND digest=? AND to_account=? AND to_region=?",
                 status, failure, call.account, call.region, name, digest, account, region)


def copy(call: Call, source: Repository, digest: str, tag: str, account: str, region: str) -> None:
    there = call.at(account, region)
    if account != call.account:  # the source's account asks, and the destination's registry policy answers
        asking = there.as_principal(principals.root(call.account))
        for action in ("ecr:ReplicateImage", *(() if there.get(Repository, source.name) else ("ecr:CreateRepository",))):
            asking.require(action, there.arn(f"repository/{source.name}"), policy=registry(there).policy or None)
    inside = there.as_service("replication.ecr.amazonaws.com", source.arn, call.account)
    repository = there.get(Repository, source.name) or there.put(source.but(account=account, region=region, created=call.now, tags={}, policy="", lifecycle="", preview={}, encryption={"encryptionType": "AES256"}))
    image = images.by_digest(call, source.name, digest)
    assert image is not None
    parsed = manifests.parse(image.manifest, image.media_type)
    for child in parsed.children:
        copy(call, source, child, "", account, region)
    for layer in parsed.layers:
        layers.mount(inside, source.name, source.name, layer, call)
    images.put(inside, repository, image.manifest, image.media_type, tag or None, digest, strict=False)
