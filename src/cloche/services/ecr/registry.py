"""The registry protocol (OCI distribution): what docker, podman, skopeo and containerd speak at ACCOUNT.dkr.ecr.REGION...

Each step asks for the permission that ECR asks for, and what is refused is refused in the protocol's own form.
https://docs.aws.amazon.com/AmazonECR/latest/userguide/docker-push-ecr-image.html
"""
from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, quote

from cloche.kernel import AwsError, Call, Response
from cloche.wire.http import TooLarge

from . import errors, images, layers, listing, manifests, tickets
from . import service as ecr
from .repositories import NAME, Repository, policy_of
from .sign_in import signed_in

_PATH = re.compile(rf"/v2/(?P<name>{NAME})/(?P<what>manifests|blobs|tags|referrers)/(?P<rest>.*)", re.ASCII)
CODES = {
    "RepositoryNotFoundException": (404, "NAME_UNKNOWN"), "ImageNotFoundException": (404, "MANIFEST_UNKNOWN"), "LayersNotFoundException": (404, "BLOB_UNKNOWN"),
    "ReferencedImagesNotFoundException": (404, "MANIFEST_UNKNOWN"), "UploadNotFoundException": (404, "BLOB_UPLOAD_UNKNOWN"), "InvalidLayerException": (400, "DIGEST_INVALID"),
    "ImageDigestDoesNotMatchException": (400, "DIGEST_INVALID"), "ImageTagAlreadyExistsException": (400, "TAG_INVALID"), "InvalidLayerPartException": (416, "BLOB_UPLOAD_INVALID"),
    "InvalidParameterException": (400, "MANIFEST_INVALID"), "AccessDeniedException": (403, "DENIED"), "ExpiredToken": (403, "DENIED"), "Unauthorized": (401, "UNAUTHORIZED"),
}


@ecr.serve
async def serve(call: Call, request: Any, match: dict[str, str]) -> Response:
    if "ticket" in match:
        return download(call, match["ticket"])
    region = match.get("region") or "us-east-1"
    try:
        here = signed_in(call.at(match["account"], region), request)
        response = await answer(here, request)
    except AwsError as error:
        status, code = CODES.get(error.code, (error.status, "UNSUPPORTED"))
        response = _json(status, {"errors": [{"code": code, "message": error.message}]})
        if status == 401:
            response.headers.append(("www-authenticate", f'Basic realm="http://{request.host}/",service="ecr.amazonaws.com"'))
    except TooLarge:
        response = _json(413, {"errors": [{"code": "SIZE_INVALID", "message": "The request body is too large"}]})
    response.headers.append(("docker-distribution-api-version", "registry/2.0"))
    return response


def _json(status: int, value: Any, media_type: str = "application/json; charset=utf-8") -> Response:
    return Response(status, [("content-type", media_type)], json.dumps(value, separators=(",", ":")).encode())


def _unsupported() -> Response:
    return _json(405, {"errors": [{"code": "UNSUPPORTED", "message": "The operation is unsupported."}]})


def download(call: Call, ticket: str) -> Response:
    """What GetDownloadUrlForLayer points at."""
    found = tickets.read(call, "layer", ticket, list[str])
    if found is None or found[0] <= call.now:
        return Response(403, [("content-type", "text/plain")], b"Request has expired")
    account, region, repository, digest = found[1]
    body = layers.body_of(call.at(account, region), repository, digest)
    return Response(404) if body is None else Response(200, [("content-type", "application/octet-stream")], body)


async def answer(call: Call, request: Any) -> Response:
    if request.path in ("/v2/", "/v2"):
        return _json(200, {})
    if request.path == "/v2/_catalog":
        call.require("ecr:DescribeRepositories", call.arn("repository/*"))
        return _json(200, {"repositories": sorted(one.name for one in call.all(Repository))})
    found = _PATH.fullmatch(request.path)
    if found is None:
        return _json(404, {"errors": [{"code": "NAME_INVALID", "message": "Invalid path or repository name"}]})
    name, what, rest = found["name"], found["what"], found["rest"]
    query = {k: v[-1] for k, v in parse_qs(request.query, keep_blank_values=True).items()}
    if what == "manifests":
        return await manifest(call, request, name, rest)
    if what == "blobs":
        return await upload(call, request, name, rest.removeprefix("uploads").strip("/"), query) if rest.startswith("uploads") else blob(call, request, name, rest)
    if request.method != "GET":
        return _unsupported()
    if what == "referrers":
        repository = allowed(call, name, "BatchGetImage")
        return _json(200, {"schemaVersion": 2, "mediaType": manifests.OCI_INDEX, "manifests": listing.referrers(call, repository.name, rest)}, manifests.OCI_INDEX)
    return tags(call, name, query) if rest == "list" else _unsupported()


def allowed(call: Call, name: str, *actions: str) -> Repository:
    """The repository, if its policy and the caller's let this be done."""
    arn = call.arn(f"repository/{name}")
    for action in actions:
        call.require(f"ecr:{action}", arn, policy=policy_of(call, arn))
    one = call.get(Repository, name)
    if one is None:
        raise errors.no_repository(name, call.account)
    return one


def tags(call: Call, name: str, query: dict[str, str]) -> Response:
    allowed(call, name, "ListImages")
    found = sorted(tag for one in images.all_in(call, name) for tag in one.tags)
    found = [tag for tag in found if tag > query.get("last", "")]
    most = int(query["n"]) if query.get("n", "").isdigit() else len(found)
    response = _json(200, {"name": name, "tags": found[:most]})
    if most < len(found):
        response.headers.append(("link", f'</v2/{name}/tags/list?n={most}&last={quote(found[most - 1] if most else "")}>; rel="next"'))
    return response


async def manifest(call: Call, request: Any, name: str, reference: str) -> Response:
    if request.method == "PUT":
        raw = await request.read(manifests.MOST_BYTES)
        repository = allowed(call, name, "PutImage")
        tag, digest = (None, reference) if ":" in reference else (reference, None)
        with call.step():
            image, _ = images.put(call, repository, raw, request.headers.get("content-type", "").partition(";")[0], tag, digest, strict=False)
        return Response(201, [("location", f"/v2/{name}/manifests/{image.digest}"), ("docker-content-digest", image.digest), *([("oci-subject", image.subject)] if image.subject else [])])
    if request.method == "DELETE":
        repository = allowed(call, name, "BatchDeleteImage")
        with call.step():
            doomed, *_ = images.wanted(call, name, {"imageDigest" if ":" in reference else "imageTag": reference})
            if doomed is None:
                raise errors.no_image(reference if ":" in reference else None, None if ":" in reference else reference, name, call.account)
            images.drop(call, repository, doomed)
        return Response(202)
    if request.method not in ("GET", "HEAD"):
        return _unsupported()
    allowed(call, name, "BatchGetImage")
    found = images.by_reference(call, name, reference)
    if found is None:
        raise errors.no_image(reference if ":" in reference else None, None if ":" in reference else reference, name, call.account)
    if request.method == "GET":
        with call.step():
            images.pulled(call, name, found.digest)
    headers = [("content-type", found.media_type), ("docker-content-digest", found.digest)]
    if request.method == "HEAD":
        return Response(200, [*headers, ("content-length", str(len(found.manifest)))])
    return Response(200, headers, found.manifest)


def blob(call: Call, request: Any, name: str, digest: str) -> Response:
    if request.method not in ("GET", "HEAD"):
        return _unsupported()
    allowed(call, name, "GetDownloadUrlForLayer" if request.method == "GET" else "BatchCheckLayerAvailability")
    size = layers.size_of(call, name, digest)
    if size is None:
        raise errors.no_layer(digest, name, call.account)
    headers = [("content-type", "application/octet-stream"), ("docker-content-digest", digest), ("accept-ranges", "bytes")]
    if request.method == "HEAD":
        return Response(200, [*headers, ("content-length", str(size))])
    part = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if part is None:
        body = layers.body_of(call, name, digest)
        return Response(200, headers, body if body is not None else b"")
    first, last = int(part[1]), min(int(part[2] or size), size - 1)
    if first > last:
        return Response(416, [("content-range", f"bytes */{size}")])
    body = layers.body_of(call, name, digest, first, last - first + 1)
    return Response(206, [*headers, ("content-range", f"bytes {first}-{last}/{size}")], body if body is not None else b"")


# -- uploads --------------------------------------------------------------------------------------------------------------


def _open(call: Call, name: str, id_: str, size: int, status: int) -> Response:
    return Response(status, [("location", f"/v2/{name}/blobs/uploads/{id_}"), ("docker-upload-uuid", id_), ("range", f"0-{max(size - 1, 0)}")])


async def upload(call: Call, request: Any, name: str, id_: str, query: dict[str, str]) -> Response:
    method = request.method
    if not id_ and method == "POST":
        allowed(call, name, "InitiateLayerUpload")
        if "mount" in query and query.get("from") and call.get(Repository, query["from"]) is not None:
            allowed(call, query["from"], "GetDownloadUrlForLayer")
            with call.step():
                if layers.mount(call, query["from"], name, query["mount"]):
                    return _made(name, query["mount"])
        with call.step():
            id_ = layers.begin(call, name)
        if "digest" not in query:
            return _open(call, name, id_, 0, 202)
        method = "PUT"  # the whole blob in one request
    allowed(call, name, *{"GET": ("InitiateLayerUpload",), "PATCH": ("UploadLayerPart",), "PUT": ("UploadLayerPart", "CompleteLayerUpload"), "DELETE": ("InitiateLayerUpload",)}.get(method, ("InitiateLayerUpload",)))
    one = layers.upload(call, name, id_)
    if method == "GET":
        return _open(call, name, id_, one.size, 204)
    if method == "DELETE":
        with call.step():
            layers.abandon(call, one)
        return Response(204)
    if method not in ("PATCH", "PUT"):
        return _unsupported()
    if (said := re.match(r"(\d+)-", request.headers.get("content-range", ""))) and int(said[1]) != one.size:
        raise errors.wrong_part(call.account, name, id_, one.size, int(said[1]))
    size = await _received(one, request)
    with call.step():
        one = layers.upload(call, name, id_)
        layers.grown(call, one, size)
        one = layers.upload(call, name, id_)
    if method == "PATCH":
        return _open(call, name, id_, one.size, 202)
    digest = query.get("digest", "")
    found = await asyncio.to_thread(layers.digest_of, one.path, one.size)
    with call.step():
        if found != digest:
            layers.abandon(call, one)
        else:
            layers.complete(call, layers.upload(call, name, id_), found)
    if found != digest:
        raise errors.wrong_layer(digest, found)
    return _made(name, digest)


def _made(name: str, digest: str) -> Response:
    return Response(201, [("location", f"/v2/{name}/blobs/{digest}"), ("docker-content-digest", digest)])


async def _received(one: layers.Upload, request: Any) -> int:
    """Write the body behind what was acknowledged; memory does not grow with it."""
    size = 0
    with one.path.open("r+b", buffering=0) as file:
        file.seek(one.size)
        stream: AsyncIterator[bytes] | None = request.stream
        if stream is None:
            size = len(request.body)
            file.write(request.body)
        else:
            async for data in stream:
                size += len(data)
                await asyncio.to_thread(file.write, data)
    return size
