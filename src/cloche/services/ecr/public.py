"""What other services do with images: find one by its URI, and read it, as whoever the call is by.

    image = public.pull(call, "000000000000.dkr.ecr.us-east-1.amazonaws.com/app:1")     -> Pulled: manifest, configuration, files of its layers in order
"""
from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from cloche.kernel import Call

from . import errors, images, layers, manifests
from .repositories import NAME, policy_of

_URI = re.compile(rf"(?P<account>\d{{12}})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com|localhost)(?::\d+)?/(?P<name>{NAME})(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{{64}}))?", re.ASCII)
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


class Pulled(msgspec.Struct, frozen=True):
    uri: str                 # with the digest, as it was resolved
    digest: str
    config: dict[str, Any]   # Entrypoint, Cmd, Env, WorkingDir... below "config"
    layers: list[tuple[str, str]]  # media type and file of each, lowest first
    size: int


def is_uri(text: str) -> bool:
    return _URI.fullmatch(text) is not None


def pull(call: Call, uri: str, platform: str = "amd64") -> Pulled:
    """The image, if the call's principal may pull it. Raises what ECR raises."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise errors.invalid("imageUri", "must name an image in Amazon ECR")
    there = call.of("ecr", found["account"], found["region"])
    name, arn = found["name"], there.arn(f"repository/{found['name']}")
    for action in PULL:
        there.require(action, arn, policy=policy_of(there, arn))
    image = images.by_reference(there, name, found["digest"] or found["tag"] or "latest")
    if image is None:
        raise errors.no_image(found["digest"], None if found["digest"] else found["tag"] or "latest", name, there.account)
    parsed = manifests.parse(image.manifest, image.media_type)
    if parsed.children:
        child = next((digest for digest, each in zip(parsed.children, parsed.platforms) if each.get("architecture", platform) == platform), parsed.children[0])
        return pull(call, f"{uri.partition('/')[0]}/{name}@{child}", platform)
    images.pulled(there, name, image.digest)
    document = json.loads(image.manifest)
    files = [(one["mediaType"], _file(there, name, one["digest"])) for one in document["layers"]]
    with open(_file(there, name, document["config"]["digest"]), "rb") as file:
        config = json.load(file)
    return Pulled(f"{uri.partition('/')[0]}/{name}@{image.digest}", image.digest, config, files, image.size)


def _file(call: Call, name: str, digest: str) -> str:
    body = layers.body_of(call, name, digest)
    if body is None:
        raise errors.no_layer(digest, name, call.account)
    return body.path
