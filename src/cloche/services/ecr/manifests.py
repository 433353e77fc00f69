"""Manifests, as a registry must understand them: which layers an image is made of, which images a list names. Pure."""
from __future__ import annotations

import json
from typing import Any

import msgspec

DOCKER, DOCKER_LIST = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json"
OCI, OCI_INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
LISTS = (DOCKER_LIST, OCI_INDEX)
KNOWN = (DOCKER, OCI, *LISTS)
MOST_BYTES = 4 << 20


class BadManifest(ValueError):
    pass


class Manifest(msgspec.Struct, frozen=True):
    media_type: str
    layers: list[str]        # digests of all blobs it needs, the configuration first
    children: list[str]      # of a list: digests of the images it names
    size: int                # bytes of all its blobs; of a list nothing
    artifact: str            # what the configuration (or the artifact itself) says it is
    subject: str             # the image that it is about: a signature, a bill of materials
    annotations: dict[str, str]
    platforms: list[dict[str, Any]]


def parse(raw: bytes, said: str = "") -> Manifest:
    """`said` is the media type beside the manifest; what it says of itself counts first. Raises BadManifest."""
    if len(raw) > MOST_BYTES:
        raise BadManifest(f"is larger than {MOST_BYTES} bytes")
    try:
        document = json.loads(raw)
        if not isinstance(document, dict) or document.get("schemaVersion") != 2:
            raise BadManifest("must be a manifest of schema version 2")
        media_type = document.get("mediaType") or said or (OCI_INDEX if "manifests" in document else OCI)
        if media_type not in KNOWN:
            raise BadManifest(f"has the unsupported media type {media_type}")
        subject = (document.get("subject") or {}).get("digest", "")
        annotations = document.get("annotations") or {}
        if media_type in LISTS:
            children = [one["digest"] for one in document["manifests"]]
            return Manifest(media_type, [], children, 0, document.get("artifactType", ""), subject, annotations, [one.get("platform") or {} for one in document["manifests"]])
        blobs = [document["config"], *document.get("layers", [])]
        layers = list(dict.fromkeys(one["digest"] for one in blobs if not one.get("urls")))
        return Manifest(media_type, layers, [], sum(int(one["size"]) for one in blobs), document.get("artifactType") or document["config"].get("mediaType", ""), subject, annotations, [])
    except BadManifest:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadManifest("must be a valid image manifest") from None
