"""AWS's own managed policies: the names that AWS's SAM translator carries, and the documents that are written here.

Of a policy without a document only the name is known: nobody can attach it. Dates and version numbers of AWS's are not known at all.
"""
from __future__ import annotations

import hashlib
import importlib.util
import json
from functools import cache, lru_cache
from pathlib import Path

import msgspec

from . import managed_documents

BORN = 1423247979.0  # of the first of them, 2015-02-06: AWS's dates of the single ones are not carried


ROOT_TASKS = 1731628800.0                              # 2024-11-15: centralized root access
TASKS = ("IAMAuditRootUserCredentials", "IAMCreateRootUserPassword", "IAMDeleteRootUserCredentials", "S3UnlockBucketPolicy", "SQSUnlockQueuePolicy")   # younger than the translator's list
YOUNG = (("AWSLambdaBasicDurableExecutionRolePolicy", "/service-role/", 1764633600.0),)   # likewise


class Managed(msgspec.Struct, frozen=True):
    name: str
    path: str
    created: float = BORN
    updated: float = BORN
    version: str = "v1"

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
    spec = importlib.util.find_spec("samtranslator")  # its data file alone; importing it would cost a second
    folder = Path(spec.submodule_search_locations[0])  # type: ignore[union-attr,index]
    names = json.loads((folder / "internal/data/aws_managed_policies.json").read_text())["aws"]
    found = (Managed(name, arn.partition(":policy")[2][: -len(name)]) for name, arn in names.items())
    return {one.arn: one for one in (*found, *(Managed(name, "/root-task/", ROOT_TASKS, ROOT_TASKS) for name in TASKS), *(Managed(name, path, born, born) for name, path, born in YOUNG))}


def find(arn: str) -> Managed | None:
    parts = arn.split(":", 5)
    if parts[4:5] != ["aws"]:
        return None
    return every().get(arn if parts[1] == "aws" else f"arn:aws:iam::aws:{parts[5]}")


@lru_cache(256)
def document(arn: str) -> str | None:
    found = find(arn)
    return managed_documents.text(found.name) if found else None
