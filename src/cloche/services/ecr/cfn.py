"""ECR in templates: AWS::ECR::Repository, RegistryPolicy, ReplicationConfiguration."""
from __future__ import annotations

import json
from typing import Any

from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

MEMBERS = {"ImageTagMutability": "imageTagMutability", "ImageTagMutabilityExclusionFilters": "imageTagMutabilityExclusionFilters",
           "ImageScanningConfiguration": "imageScanningConfiguration", "EncryptionConfiguration": "encryptionConfiguration", "Tags": "tags"}


def lower(value: Any) -> Any:
    """CloudFormation's ScanOnPush is the API's scanOnPush, all the way down."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: lower(each) for name, each in value.items()}
    return [lower(each) for each in value] if isinstance(value, list) else value


def plain(name: str, value: Any) -> Any:
    if name == "ImageTagMutabilityExclusionFilters":
        return [{"filterType": one["ImageTagMutabilityExclusionFilterType"], "filter": one["ImageTagMutabilityExclusionFilterValue"]} for one in value]
    return value if name == "Tags" else lower(value)


async def create(r: Resource) -> str:
    name = r.properties["RepositoryName"]
    made = await r.do("ecr", "CreateRepository", repositoryName=name, **{MEMBERS[k]: plain(k, v) for k, v in r.properties.items() if k in MEMBERS})
    r.physical = name
    r.attributes |= {"Arn": made["repository"]["repositoryArn"], "RepositoryUri": made["repository"]["repositoryUri"]}
    await policies(r)
    return str(name)


async def policies(r: Resource) -> None:
    if (policy := r.get("RepositoryPolicyText")) != r.old.get("RepositoryPolicyText"):
        if policy:
            await r.do("ecr", "SetRepositoryPolicy", repositoryName=r.physical, policyText=policy if isinstance(policy, str) else json.dumps(policy))
        else:
            await r.do("ecr", "DeleteRepositoryPolicy", repositoryName=r.physical)
    text, registry = ((source.get("LifecyclePolicy") or {}).get("LifecyclePolicyText") for source in (r.properties, r.old)), (r.get("LifecyclePolicy") or {}).get("RegistryId")
    new, old = text
    if new != old:
        if new:
            await r.do("ecr", "PutLifecyclePolicy", repositoryName=r.physical, registryId=registry, lifecyclePolicyText=new)
        else:
            await r.do("ecr", "DeleteLifecyclePolicy", repositoryName=r.physical)


async def update(r: Resource) -> None:
    if r.changed("ImageTagMutability", "ImageTagMutabilityExclusionFilters"):
        await r.do("ecr", "PutImageTagMutability", repositoryName=r.physical, imageTagMutability=r.get("ImageTagMutability", "MUTABLE"),
                   imageTagMutabilityExclusionFilters=plain("ImageTagMutabilityExclusionFilters", r.get("ImageTagMutabilityExclusionFilters") or []) or None)
    if r.changed("ImageScanningConfiguration"):
        await r.do("ecr", "PutImageScanningConfiguration", repositoryName=r.physical, imageScanningConfiguration=lower(r.get("ImageScanningConfiguration") or {"ScanOnPush": False}))
    await policies(r)


async def delete(r: Resource) -> None:
    await r.do("ecr", "DeleteRepository", repositoryName=r.physical, force=str(r.get("EmptyOnDelete", "false")).lower() == "true" or None)


async def live(r: Resource) -> dict[str, object]:
    one = (await r.do("ecr", "DescribeRepositories", repositoryNames=[r.physical]))["repositories"][0]
    return {"ImageTagMutability": one["imageTagMutability"], "ImageScanningConfiguration": {"ScanOnPush": one["imageScanningConfiguration"]["scanOnPush"]}}


async def put_registry_policy(r: Resource) -> str:
    text = r.properties["PolicyText"]
    await r.do("ecr", "PutRegistryPolicy", policyText=text if isinstance(text, str) else json.dumps(text))
    r.attributes["RegistryId"] = r.call.account
    return r.call.account


async def put_replication(r: Resource) -> str:
    await r.do("ecr", "PutReplicationConfiguration", replicationConfiguration=lower(r.properties["ReplicationConfiguration"]))
    r.attributes["RegistryId"] = r.call.account
    return r.call.account


async def drop_replication(r: Resource) -> None:
    await r.do("ecr", "PutReplicationConfiguration", replicationConfiguration={"rules": []})


TYPES = {
    "AWS::ECR::Repository": Type(
        create=create, update=steps(update, retag("ecr", "TagResource", "UntagResource", keys="tagKeys", tags="tags", resourceArn="{.Arn}")), delete=delete, live=live,
        name="RepositoryName", limit=256, lower=True, gone=("RepositoryNotFoundException",)),
    "AWS::ECR::RegistryPolicy": Type(
        create=put_registry_policy, update=put_registry_policy, delete=op("ecr", "DeleteRegistryPolicy"), gone=("RegistryPolicyNotFoundException",)),
    "AWS::ECR::ReplicationConfiguration": Type(create=put_replication, update=put_replication, delete=drop_replication),
}
