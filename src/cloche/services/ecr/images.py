"""Images: manifests by their digest, and tags that point at them.

A tag pushed again moves; the image it left stays, untagged. Which blobs and images a manifest needs is a row each, so that one that nothing needs any more goes with the
last image that did.
"""
from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsEvent, Call

from . import errors, layers, manifests
from . import service as ecr
from .repositories import ON, Repository, find

if TYPE_CHECKING:
    from cloche.shapes import ecr as t

ecr.table("""
CREATE TABLE IF NOT EXISTS ecr_image (id INTEGER PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL, repository TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL,
    manifest BLOB NOT NULL, size INTEGER NOT NULL, artifact TEXT NOT NULL, subject TEXT NOT NULL, pushed REAL NOT NULL, pulled REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS ecr_by_digest ON ecr_image (account, region, repository, digest);
CREATE INDEX IF NOT EXISTS ecr_by_subject ON ecr_image (account, region, repository, subject) WHERE subject != '';
CREATE TABLE IF NOT EXISTS ecr_tag (account TEXT, region TEXT, repository TEXT, tag TEXT, digest TEXT NOT NULL, PRIMARY KEY (account, region, repository, tag)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ecr_tags_of ON ecr_tag (account, region, repository, digest);
CREATE TABLE IF NOT EXISTS ecr_needs (account TEXT, region TEXT, repository TEXT, needed TEXT, image TEXT, PRIMARY KEY (account, region, repository, needed, image)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ecr_needed_by ON ecr_needs (account, region, repository, image);
""")

TAG = re.compile(r"\w[\w.-]{0,299}", re.ASCII)
COLUMNS = "digest, media_type, manifest, size, artifact, subject, pushed, pulled"


class Image(msgspec.Struct):
    digest: str
    media_type: str
    manifest: bytes
    size: int
    artifact: str
    subject: str
    pushed: float
    pulled: float
    tags: tuple[str, ...] = ()


def _place(call: Call, repository: str) -> tuple[str, str, str]:
    return call.account, call.region, repository


def by_digest(call: Call, repository: str, digest: str) -> Image | None:
    row = call.row(f"SELECT {COLUMNS} FROM ecr_image WHERE account=? AND region=? AND repository=? AND digest=?", *_place(call, repository), digest)
    return Image(*row[:8], tags=tags_of(call, repository, digest)) if row else None


def digest_of_tag(call: Call, repository: str, tag: str) -> str | None:
    row = call.row("SELECT digest FROM ecr_tag WHERE account=? AND region=? AND repository=? AND tag=?", *_place(call, repository), tag)
    return row[0] if row else None


def tags_of(call: Call, repository: str, digest: str) -> tuple[str, ...]:
    return tuple(tag for tag, in call.sql("SELECT tag FROM ecr_tag WHERE account=? AND region=? AND repository=? AND digest=? ORDER BY tag", *_place(call, repository), digest))


def by_reference(call: Call, repository: str, reference: str) -> Image | None:
    """By tag or digest, as the registry's paths say it."""
    digest = reference if ":" in reference else digest_of_tag(call, repository, reference)
    return by_digest(call, repository, digest) if digest else None


def all_in(call: Call, repository: str) -> list[Image]:
    """Oldest push first."""
    tags: dict[str, list[str]] = {}
    for tag, digest in call.sql("SELECT tag, digest FROM ecr_tag WHERE account=? AND region=? AND repository=? ORDER BY tag", *_place(call, repository)):
        tags.setdefault(digest, []).append(tag)
    rows = call.sql(f"SELECT {COLUMNS} FROM ecr_image WHERE account=? AND region=? AND repository=? ORDER BY id", *_place(call, repository))
    return [Image(*row[:8], tags=tuple(tags.get(row[0], ()))) for row in rows]


def any_in(call: Call, repository: str) -> bool:
    return call.row("SELECT 1 FROM ecr_image WHERE account=? AND region=? AND repository=? LIMIT 1", *_place(call, repository)) is not None


def children_in(call: Call, repository: str) -> set[str]:
    """Images that some list in the repository names."""
    rows = call.sql("SELECT DISTINCT n.needed FROM ecr_needs n JOIN ecr_image i ON i.account=n.account AND i.region=n.region AND i.repository=n.repository AND i.digest=n.needed"
                    " WHERE n.account=? AND n.region=? AND n.repository=?", *_place(call, repository))
    return {digest for digest, in rows}


# -- coming and going -----------------------------------------------------------------------------------------------------


def put(call: Call, repository: Repository, raw: bytes, media_type: str, tag: str | None, given: str | None, strict: bool) -> tuple[Image, bool]:
    """Enter a manifest, and point a tag at it: the image, and whether anything changed. Strict: what is there already is an error."""
    name, account = repository.name, repository.account
    try:
        parsed = manifests.parse(raw, media_type)
    except manifests.BadManifest as error:
        raise errors.bad_manifest(str(error)) from None
    digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    if given and given != digest:
        raise errors.wrong_digest(given, digest)
    if tag is not None and not TAG.fullmatch(tag):
        raise errors.invalid("imageTag", "must be a letter, digit or underscore, followed by at most 299 letters, digits, underscores, dots and dashes")
    if missing := [one for one in parsed.layers if layers.size_of(call, name, one) is None]:
        raise errors.no_layers(missing, name, account)
    if missing := [one for one in parsed.children if by_digest(call, name, one) is None]:
        raise errors.no_children(missing, name, account)
    known = by_digest(call, name, digest)
    before = digest_of_tag(call, name, tag) if tag else None
    if known is not None and (tag is None or before == digest):
        if strict:
            raise errors.image_exists(digest, tag, name, account)
        return known, False
    if before is not None and not repository.moves(tag or ""):
        raise errors.tag_is_immutable(tag or "", name)
    if known is None:
        call.sql("INSERT INTO ecr_image (account, region, repository, digest, media_type, manifest, size, artifact, subject, pushed, pulled) VALUES (?,?,?,?,?,?,?,?,?,?,0)",
                 *_place(call, name), digest, parsed.media_type, raw, parsed.size, parsed.artifact, parsed.subject, call.now)
        for needed in (*parsed.layers, *parsed.children):
            call.sql("INSERT OR IGNORE INTO ecr_needs VALUES (?,?,?,?,?)", *_place(call, name), needed, digest)
    if tag:
        call.sql("INSERT OR REPLACE INTO ecr_tag VALUES (?,?,?,?,?)", *_place(call, name), tag, digest)
    tell(call, "PUSH", repository, digest, tag, parsed.media_type)
    from . import replication
    replication.pushed(call, repository, digest, tag)
    image = by_digest(call, name, digest)
    assert image is not None
    return image, True


def drop(call: Call, repository: Repository, image: Image) -> None:
    """The image with all its tags; blobs that it alone needed go too."""
    place = _place(call, repository.name)
    for tag in image.tags or (None,):
        tell(call, "DELETE", repository, image.digest, tag, image.media_type)
    call.sql("DELETE FROM ecr_tag WHERE account=? AND region=? AND repository=? AND digest=?", *place, image.digest)
    call.sql("DELETE FROM ecr_image WHERE account=? AND region=? AND repository=? AND digest=?", *place, image.digest)
    needed = [one for one, in call.sql("DELETE FROM ecr_needs WHERE account=? AND region=? AND repository=? AND image=? RETURNING needed", *place, image.digest)]
    layers.drop(call, repository.name, [one for one in needed if call.row("SELECT 1 FROM ecr_needs WHERE account=? AND region=? AND repository=? AND needed=? LIMIT 1", *place, one) is None])


def drop_all(call: Call, repository: str) -> None:
    for table in ("ecr_image", "ecr_tag", "ecr_needs"):
        call.sql(f"DELETE FROM {table} WHERE account=? AND region=? AND repository=?", *_place(call, repository))


def pulled(call: Call, repository: str, digest: str) -> None:
    call.sql("UPDATE ecr_image SET pulled=? WHERE account=? AND region=? AND repository=? AND digest=?", call.now, *_place(call, repository), digest)


def tell(call: Call, action: str, repository: Repository, digest: str, tag: str | None, media_type: str) -> None:
    call.emit(AwsEvent("aws.ecr", "ECR Image Action", {
        "result": "SUCCESS", "repository-name": repository.name, "image-digest": digest, "action-type": action, "manifest-media-type": media_type, **({"image-tag": tag} if tag else {})},
        [repository.arn]))


# -- operations -----------------------------------------------------------------------------------------------------------


def shown(call: Call, repository: Repository, image: Image, tag: str | None) -> Any:
    return {"registryId": repository.account, "repositoryName": repository.name, "imageId": {"imageDigest": image.digest, **({"imageTag": tag} if tag else {})},
            "imageManifest": image.manifest.decode(), "imageManifestMediaType": image.media_type}


@ecr.op(**ON)
def put_image(call: Call, req: t.PutImageRequest) -> t.PutImageResponse:
    here, repository = find(call, req)
    image, _ = put(here, repository, req["imageManifest"].encode(), req.get("imageManifestMediaType", ""), req.get("imageTag"), req.get("imageDigest"), strict=True)
    return {"image": shown(here, repository, image, req.get("imageTag"))}


def wanted(call: Call, repository: str, id_: Any) -> tuple[Image | None, str, str]:
    """What an imageId means: the image, or a failure's code and reason."""
    digest, tag = id_.get("imageDigest"), id_.get("imageTag")
    if not digest and not tag:
        return None, "MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null"
    if digest and not layers.DIGEST.fullmatch(digest):
        return None, "InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"
    if tag and not TAG.fullmatch(tag):
        return None, "InvalidImageTag", "Invalid request parameters: image tag should satisfy the regex '[\\w][\\w.-]*'"
    points = digest_of_tag(call, repository, tag) if tag else digest
    meant = digest or points
    image = by_digest(call, repository, meant) if meant else None
    if image is None:
        return None, "ImageNotFound", "Requested image not found"
    if tag and image.digest != points:
        return None, "ImageTagDoesNotMatchDigest", "Requested image tag does not match digest"
    return image, "", ""


@ecr.op(**ON)
def batch_get_image(call: Call, req: t.BatchGetImageRequest) -> t.BatchGetImageResponse:
    here, repository = find(call, req)
    out: Any = {"images": [], "failures": []}
    for id_ in req["imageIds"]:
        image, code, reason = wanted(here, repository.name, id_)
        if image is None:
            out["failures"].append({"imageId": id_, "failureCode": code, "failureReason": reason})
        elif (accepted := req.get("acceptedMediaTypes")) and image.media_type not in accepted and not any(one.startswith("*/") for one in accepted):
            out["failures"].append({"imageId": id_, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"})
        else:
            pulled(here, repository.name, image.digest)
            out["images"].append(shown(here, repository, image, id_.get("imageTag")))
    return out  # type: ignore[no-any-return]


@ecr.op(**ON)
def batch_delete_image(call: Call, req: t.BatchDeleteImageRequest) -> t.BatchDeleteImageResponse:
    here, repository = find(call, req)
    out: Any = {"imageIds": [], "failures": []}
    for id_ in req["imageIds"]:
        image, code, reason = wanted(here, repository.name, id_)
        if image is not None and (tag := id_.get("imageTag")) and len(image.tags) > 1:
            here.sql("DELETE FROM ecr_tag WHERE account=? AND region=? AND repository=? AND tag=?", *_place(here, repository.name), tag)
            tell(here, "DELETE", repository, image.digest, tag, image.media_type)
            out["imageIds"].append({"imageDigest": image.digest, "imageTag": tag})
            continue
        if image is not None and (lists := _lists_with(here, repository.name, image.digest)):
            code, reason = "ImageReferencedByManifestList", f"Requested image referenced by manifest list: [{', '.join(lists)}]"
        if image is None or code:
            out["failures"].append({"imageId": id_, "failureCode": code, "failureReason": reason})
            continue
        drop(here, repository, image)
        out["imageIds"] += [{"imageDigest": image.digest, "imageTag": tag} for tag in image.tags] or [{"imageDigest": image.digest}]
    return out  # type: ignore[no-any-return]


def _lists_with(call: Call, repository: str, digest: str) -> list[str]:
    return [image for image, in call.sql("SELECT image FROM ecr_needs WHERE account=? AND region=? AND repository=? AND needed=?", *_place(call, repository), digest)]
