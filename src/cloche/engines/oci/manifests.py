"""Manifests for who runs an image: which of a list fits this machine, which blobs it is made of. Pure."""
from __future__ import annotations

import json
import platform
from typing import Any

from msgspec import Struct

from .unpack import Broken

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64", "amd64": "amd64", "X86_64": "amd64", "ARM64": "arm64"}
TYPES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
         "application/vnd.docker.distribution.manifest.list.v2+json")


class Blob(Struct, frozen=True):
    media_type: str
    digest: str
    size: int


def here() -> str:
    """This machine's architecture, in images' words."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def read(raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        raise Broken("the manifest is no JSON") from None
    if not isinstance(document, dict) or document.get("schemaVersion") != 2:
        raise Broken("the manifest is not of schema version 2")
    return document


def chosen(document: dict[str, Any], architecture: str, system: str = "linux") -> str | None:
    """The digest of the image that a list has for this platform; "" where the document is no list, None where the list has none."""
    if "manifests" not in document:
        return ""
    for one in document["manifests"]:
        its = one.get("platform") or {}
        if its.get("architecture") == architecture and its.get("os", "linux") == system:
            return str(one["digest"])
    return None


def blobs(document: dict[str, Any]) -> tuple[Blob, list[Blob]]:
    """The configuration, and the layers from the lowest up."""
    try:
        read_ = [Blob(one.get("mediaType", ""), one["digest"], int(one["size"])) for one in (document["config"], *document["layers"])]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Broken("the manifest names no configuration and layers") from None
    return read_[0], read_[1:]
