"""Names of images, as docker reads them: registry, repository, tag, digest. Pure."""
from __future__ import annotations

import re

from msgspec import Struct

HUB = "docker.io"
ECR = re.compile(r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|on\.aws|localhost)(?::\d+)?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_REGISTRY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}")


class Reference(Struct, frozen=True):
    registry: str
    repository: str
    tag: str = ""
    digest: str = ""
    account: str = ""  # of an ECR registry
    region: str = ""


def parse(text: str) -> Reference | None:
    """None where it is no name of an image."""
    rest, _, digest = text.partition("@")
    first, slash, more = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        registry, path = first, more
    else:
        registry, path = HUB, rest
    path, colon, tag = path.partition(":")
    if not _REGISTRY.fullmatch(registry) or not _REPOSITORY.fullmatch(path) or (colon and not _TAG.fullmatch(tag)) or ("@" in text and not _DIGEST.fullmatch(digest)):
        return None
    if registry == HUB and "/" not in path:
        path = f"library/{path}"
    found = ECR.fullmatch(registry)
    return Reference(registry, path, tag or ("" if digest else "latest"), digest, found["account"] if found else "", found["region"] if found else "")
