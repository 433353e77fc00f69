"""Lists of images, with what is known of each."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.kernel.pages import page

from . import errors, images, manifests
from . import service as ecr
from .images import Image
from .repositories import ON, Repository, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t


def _fits(req: Any, tagged: bool) -> bool:
    status = (req.get("filter") or {}).get("tagStatus", "ANY")
    return status == "ANY" or (status == "TAGGED") == tagged


@ecr.op(**ON)
def list_images(call: Call, req: t.ListImagesRequest) -> t.ListImagesResponse:
    here, repository = find(call, req)
    ids = [{"imageDigest": one.digest, **({"imageTag": tag} if tag else {})} for one in images.all_in(here, repository.name) for tag in one.tags or (None,) if _fits(req, tag is not None)]
    found, more = page(ids, req, lambda one: f"{one['imageDigest']} {one.get('imageTag', '')}", min(req.get("maxResults") or 100, 1000), errors.bad_token, size="maxResults", token="nextToken")
    return {"imageIds": found, **more}  # type: ignore[typeddict-item]


def detail(repository: Repository, one: Image) -> Any:
    return {
        "registryId": repository.account, "repositoryName": repository.name, "imageDigest": one.digest, "imagePushedAt": one.pushed, "imageManifestMediaType": one.media_type,
        **({"imageTags": list(one.tags)} if one.tags else {}), **({"imageSizeInBytes": one.size} if one.media_type not in manifests.LISTS else {}),
        **({"artifactMediaType": one.artifact} if one.artifact else {}), **({"lastRecordedPullTime": one.pulled} if one.pulled else {}),
        **({"subjectManifestDigest": one.subject} if one.subject else {})}


@ecr.op(**ON)
def describe_images(call: Call, req: t.DescribeImagesRequest) -> t.DescribeImagesResponse:
    here, repository = find(call, req)
    if ids := req.get("imageIds"):
        if req.get("nextToken") or req.get("maxResults"):
            raise errors.invalid("imageIds", "cannot be used together with nextToken or maxResults")
        found: dict[str, Image] = {}
        for id_ in ids:
            image, code, _ = images.wanted(here, repository.name, id_)
            if code in ("ImageNotFound", "ImageTagDoesNotMatchDigest"):
                raise errors.no_image(id_.get("imageDigest"), id_.get("imageTag"), repository.name, here.account)
            if image is None:
                raise errors.invalid("imageIds", code)
            found.setdefault(image.digest, image)
        return {"imageDetails": [detail(repository, one) for one in found.values()]}
    everything = [one for one in images.all_in(here, repository.name) if _fits(req, bool(one.tags))]
    shown, more = page(everything, req, lambda one: one.digest, min(req.get("maxResults") or 100, 1000), errors.bad_token, size="maxResults", token="nextToken")
    return {"imageDetails": [detail(repository, one) for one in shown], **more}  # type: ignore[typeddict-item]


def referrers(call: Call, repository: str, digest: str) -> list[Any]:
    """What in the repository is about this image, as descriptors."""
    rows = call.sql(f"SELECT {images.COLUMNS} FROM ecr_image WHERE account=? AND region=? AND repository=? AND subject=? ORDER BY id", call.account, call.region, repository, digest)
    found = [Image(*row) for row in rows]
    return [{"mediaType": one.media_type, "digest": one.digest, "size": len(one.manifest), "artifactType": one.artifact, "annotations": manifests.parse(one.manifest).annotations} for one in found]


@ecr.op(**ON)
def list_image_referrers(call: Call, req: t.ListImageReferrersRequest) -> t.ListImageReferrersResponse:
    here, repository = find(call, req)
    wanted = (req.get("filter") or {}).get("artifactTypes")
    found = [one for one in referrers(here, repository.name, req["subjectId"]["imageDigest"]) if not wanted or one["artifactType"] in wanted]
    shown, more = page(found, req, lambda one: one["digest"], min(req.get("maxResults") or 20, 50), errors.bad_token, size="maxResults", token="nextToken")
    return {"referrers": shown, **more}  # type: ignore[typeddict-item]
