"""Repositories: what they are called, who may use them, whether a tag may move."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.iam.globs import glob
from cloche.kernel import Call, Record
from cloche.kernel.pages import page
from cloche.services.kms import public as kms

from . import errors
from . import service as ecr

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

NAME = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
_NAME = re.compile(NAME)
MOST, MOST_TAGS = 1000, 50


class Repository(Record, frozen=True):
    kind = "ecr.repository"

    name: str
    account: str
    region: str
    created: float
    mutability: str = "MUTABLE"
    exclusions: list[dict[str, str]] = []
    scan_on_push: bool = False
    encryption: dict[str, str] = {}
    tags: dict[str, str] = {}
    policy: str = ""
    lifecycle: str = ""
    evaluated: float = 0.0   # when the lifecycle policy was last looked at
    preview: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:ecr:{self.region}:{self.account}:repository/{self.name}"

    def moves(self, tag: str) -> bool:
        """May the tag be given to another image?"""
        excluded = any(glob(f["filter"])(tag) for f in self.exclusions)
        return self.mutability.startswith("MUTABLE") != excluded


def host(call: Call, account: str, region: str) -> str:
    """Where the registry is reached from this machine: `*.localhost` is loopback, and plain HTTP is right there.

    The registry answers to ACCOUNT.dkr.ecr.REGION.amazonaws.com too, but that name leads clients outside of Cloche's networks to AWS.
    """
    return f"{account}.dkr.ecr.{region}.localhost:{call.cloud.host.rpartition(':')[2]}"


def uri(call: Call, one: Repository) -> str:
    return f"{host(call, one.account, one.region)}/{one.name}"


# -- who is asked ---------------------------------------------------------------------------------------------------------


def there(call: Call, req: Any) -> Call:
    """The registry that is meant: the caller's own, or another account's."""
    account = req.get("registryId")
    return call if not account or account == call.account else call.at(account, call.region)


def arn_of(call: Call, req: Any) -> str:
    return there(call, req).arn(f"repository/{req['repositoryName']}")


def policy_of(call: Call, arn: str) -> str | None:
    parts = arn.split(":", 5)
    one = call.at(parts[4], parts[3]).get(Repository, parts[5].partition("/")[2])
    return one.policy or None if one else None


def context_of(call: Call, req: Any) -> dict[str, Any]:
    one = there(call, req).get(Repository, req["repositoryName"])
    return {f"{prefix}:ResourceTag/{k}": v for k, v in one.tags.items() for prefix in ("aws", "ecr")} if one else {}


ON: Any = {"resource": arn_of, "policy": policy_of, "context": context_of}


def find(call: Call, req: Any) -> tuple[Call, Repository]:
    """A call that stands in the registry, and the repository."""
    here = there(call, req)
    one = here.get(Repository, req["repositoryName"])
    if one is None:
        raise errors.no_repository(req["repositoryName"], here.account)
    return here, one


# -- operations -----------------------------------------------------------------------------------------------------------


def shown(call: Call, one: Repository) -> Any:
    return {
        "repositoryArn": one.arn, "registryId": one.account, "repositoryName": one.name, "repositoryUri": uri(call, one), "createdAt": one.created,
        "imageTagMutability": one.mutability, "imageScanningConfiguration": {"scanOnPush": one.scan_on_push}, "encryptionConfiguration": one.encryption,
        **({"imageTagMutabilityExclusionFilters": one.exclusions} if one.exclusions else {})}


def tags_given(call: Call, req: Any) -> dict[str, str]:
    tags = {one["Key"]: one.get("Value", "") for one in req.get("tags") or []}
    if call.reserves(tags):
        raise errors.system_tag()
    return tags


def tags_asked(call: Call, req: Any) -> dict[str, Any]:
    tags = {one["Key"]: one.get("Value", "") for one in req.get("tags") or []}
    return {f"aws:RequestTag/{k}": v for k, v in tags.items()} | ({"aws:TagKeys": list(tags)} if tags else {})


def exclusions_given(req: Any) -> list[dict[str, str]]:
    mutability, filters = req.get("imageTagMutability", "MUTABLE"), req.get("imageTagMutabilityExclusionFilters") or []
    if mutability.endswith("_WITH_EXCLUSION") != bool(filters):
        raise errors.invalid("imageTagMutabilityExclusionFilters", f"must {'not ' if filters else ''}be given where imageTagMutability is {mutability}")
    return filters


@ecr.op(arn_of, context=tags_asked, partly="a repository with a KMS key needs it to be made, but its layers lie open on disk")
def create_repository(call: Call, req: t.CreateRepositoryRequest) -> t.CreateRepositoryResponse:
    name = req["repositoryName"]
    if not 2 <= len(name) <= 256 or not _NAME.fullmatch(name):
        raise errors.invalid("repositoryName", f"must satisfy regular expression '{NAME}'")
    if req.get("registryId") not in (None, call.account):
        raise errors.invalid("registryId", "must be the caller's own account")
    tags = tags_given(call, req)
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    if call.get(Repository, name):
        raise errors.repository_exists(name, call.account)
    encryption: dict[str, str] = {**(req.get("encryptionConfiguration") or {"encryptionType": "AES256"})}  # type: ignore[dict-item]
    if encryption["encryptionType"] != "AES256":
        encryption["kmsKey"] = kms.find(call, encryption.get("kmsKey", "alias/aws/ecr")).arn
        kms.grant(call, encryption["kmsKey"], "ecr.amazonaws.com", ["GenerateDataKey", "Decrypt", "RetireGrant"], {"EncryptionContextSubset": {"aws:ecr:arn": call.arn(f"repository/{name}")}})
    one = Repository(name, call.account, call.region, call.now, req.get("imageTagMutability", "MUTABLE"), exclusions_given(req),
                     (req.get("imageScanningConfiguration") or {}).get("scanOnPush", False), encryption, tags)
    return {"repository": shown(call, call.put(one))}


@ecr.op(**ON)
def delete_repository(call: Call, req: t.DeleteRepositoryRequest) -> t.DeleteRepositoryResponse:
    here, one = find(call, req)
    from . import images, layers
    if images.any_in(here, one.name):
        if not req.get("force"):
            raise errors.not_empty(one.name, one.account)
        images.drop_all(here, one.name)
    layers.drop_all(here, one.name)
    if "kmsKey" in one.encryption:
        kms.retire(here, one.encryption["kmsKey"], "ecr.amazonaws.com", {"EncryptionContextSubset": {"aws:ecr:arn": one.arn}})
    here.delete(one)
    return {"repository": shown(call, one)}


def _named(call: Call, req: Any) -> list[str]:
    here = there(call, req)
    return [here.arn(f"repository/{name}") for name in req.get("repositoryNames") or []] or [here.arn("repository/*")]


@ecr.op(_named, policy=policy_of)
def describe_repositories(call: Call, req: t.DescribeRepositoriesRequest) -> t.DescribeRepositoriesResponse:
    here = there(call, req)
    if names := req.get("repositoryNames"):
        return {"repositories": [shown(call, find(call, {**req, "repositoryName": name})[1]) for name in names]}
    found, more = page(sorted(here.all(Repository), key=lambda one: one.name), req, lambda one: one.name, min(req.get("maxResults") or 100, MOST), errors.bad_token,
                       size="maxResults", token="nextToken")
    return {"repositories": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@ecr.op(**ON)
def put_image_tag_mutability(call: Call, req: t.PutImageTagMutabilityRequest) -> t.PutImageTagMutabilityResponse:
    here, one = find(call, req)
    one = here.put(one.but(mutability=req["imageTagMutability"], exclusions=exclusions_given(req)))
    return {"registryId": one.account, "repositoryName": one.name, "imageTagMutability": one.mutability,  # type: ignore[typeddict-item]
            **({"imageTagMutabilityExclusionFilters": one.exclusions} if one.exclusions else {})}  # type: ignore[typeddict-item]


@ecr.op(**ON, partly="the setting is kept; nothing is scanned (no list of vulnerabilities is at hand)")
def put_image_scanning_configuration(call: Call, req: t.PutImageScanningConfigurationRequest) -> t.PutImageScanningConfigurationResponse:
    here, one = find(call, req)
    one = here.put(one.but(scan_on_push=(req["imageScanningConfiguration"] or {}).get("scanOnPush", False)))
    return {"registryId": one.account, "repositoryName": one.name, "imageScanningConfiguration": {"scanOnPush": one.scan_on_push}}


# -- tags -----------------------------------------------------------------------------------------------------------------


def _by_arn(call: Call, req: Any) -> str:
    return str(req["resourceArn"])


def _tagged(call: Call, req: Any) -> tuple[Call, Repository]:
    parts = req["resourceArn"].split(":", 5)
    if len(parts) < 6 or parts[2] != "ecr" or not parts[5].startswith("repository/"):
        raise errors.invalid("resourceArn", "must be the ARN of a repository")
    return find(call.at(parts[4], parts[3]), {"repositoryName": parts[5].partition("/")[2]})


@ecr.op(_by_arn, policy=policy_of, context=tags_asked)
def tag_resource(call: Call, req: t.TagResourceRequest) -> t.TagResourceResponse:
    here, one = _tagged(call, req)
    tags = one.tags | tags_given(call, req)
    if len(tags) > MOST_TAGS:
        raise errors.too_many_tags()
    here.put(one.but(tags=tags))
    return {}


@ecr.op(_by_arn, policy=policy_of, context=lambda call, req: {"aws:TagKeys": req["tagKeys"]})
def untag_resource(call: Call, req: t.UntagResourceRequest) -> t.UntagResourceResponse:
    here, one = _tagged(call, req)
    here.put(one.but(tags={k: v for k, v in one.tags.items() if k not in req["tagKeys"]}))
    return {}


@ecr.op(_by_arn, policy=policy_of)
def list_tags_for_resource(call: Call, req: t.ListTagsForResourceRequest) -> t.ListTagsForResourceResponse:
    _, one = _tagged(call, req)
    return {"tags": [{"Key": k, "Value": v} for k, v in one.tags.items()]}
