"""AWS's own managed policies: all of them, each with the document in force when `tools/managed_policies.py` last wrote them down.

They are read from a packed file at the first question: a twentieth of a second, once.
"""
from __future__ import annotations

import hashlib
import lzma
from functools import cache
from pathlib import Path

import msgspec


class Managed(msgspec.Struct, frozen=True):
    name: str
    path: str
    created: float
    updated: float
    version: str
    document: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::aws:policy{self.path}{self.name}"

    @property
    def id(self) -> str:
        digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
        return "ANPA" + "".join(digits[byte & 31] for byte in hashlib.sha256(self.arn.encode()).digest()[:17])


@cache
def every() -> dict[str, Managed]:
    """By ARN."""
    packed = (Path(__file__).parent / "managed_policies.json.xz").read_bytes()
    found = msgspec.json.decode(lzma.decompress(packed), type=dict[str, tuple[str, float, float, str]])
    out = {}
    for arn, (version, created, updated, text) in found.items():
        path, _, name = arn.partition(":policy")[2].rpartition("/")
        out[arn] = Managed(name, path + "/", created, updated, version, text)
    return out


def find(arn: str) -> Managed | None:
    parts = arn.split(":", 5)
    if parts[4:5] != ["aws"]:
        return None
    return every().get(arn if parts[1] == "aws" else f"arn:aws:iam::aws:{parts[5]}")


def document(arn: str) -> str | None:
    found = find(arn)
    return found.document if found else None
