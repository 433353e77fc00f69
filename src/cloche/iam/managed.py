"""AWS's own managed policies, read from a zip when somebody asks: a name to its path, dates, version and document."""
from __future__ import annotations

import hashlib
import json
import zipfile
from functools import cache, lru_cache
from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "data" / "managed_policies.zip"


class Managed(msgspec.Struct, frozen=True):
    name: str
    path: str
    created: float
    updated: float
    version: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy{self.path}{self.name}"

    @property
    def id(self) -> str:
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        return "ANPA" + "".join(digits[byte & 31] for byte in hashlib.sha256(self.arn.encode()).digest()[:17])


@cache
def _file() -> zipfile.ZipFile:
    return zipfile.ZipFile(FILE)


@cache
def every() -> dict[str, Managed]:
    """By ARN."""
    index = json.loads(_file().read("index.json"))
    found = (Managed(name, path, float(created), float(updated), version) for name, (path, created, updated, version) in index.items())
    return {one.arn: one for one in found}


def find(arn: str) -> Managed | None:
    parts = arn.split(":", 5)
    if parts[4:5] != ["aws"]:
        return None
    return every().get(arn if parts[1] == "aws" else f"arn:aws:iam::aws:{parts[5]}")


@lru_cache(256)
def document(arn: str) -> str | None:
    found = find(arn)
    return _file().read(found.name).decode() if found else None
