"""The records of functions. A version is a frozen configuration with its code; `$LATEST` is the one version that changes.

A function lists its versions and aliases by name, so that nothing has to be searched for.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call, Record
from cloche.services.service_quotas import public as quotas

from . import errors, names
from .names import LATEST, Name

CONCURRENCY, CODE_STORAGE, SCALING = "lambda/L-B99A9384", "lambda/L-2ACBD22F", "lambda/concurrency-scaling-rate"  # quotas


class Account(Record, frozen=True):
    """What the functions of one region use of its limits, kept as sums."""

    kind = "lambda.account"
    code_size: int = 0
    functions: int = 0
    reserved: int = 0
    provisioned: int = 0  # of functions without a reservation

    @property
    def key(self) -> str:
        return "account"


class Function(Record, frozen=True):
    kind = "lambda.function"
    name: str
    versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    next_version: int = 1
    reserved: int | None = None
    tags: dict[str, str] = {}
    policies: dict[str, dict[str, Any]] = {}  # qualifier ("" for none) -> {"statements": [...], "revision": id}
    event_configs: dict[str, dict[str, Any]] = {}  # qualifier -> EventInvokeConfig
    provisioned: dict[str, dict[str, Any]] = {}  # qualifier -> {"requested", "modified", "status", ...}
    urls: dict[str, str] = {}  # qualifier -> id of the URL
    recursion: str = "Terminate"
    signing: str = ""  # ARN of its code signing configuration
    runtime_update: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


class Version(Record, frozen=True):
    """`config` is FunctionConfiguration as AWS spells it, without what follows from the rest."""

    kind = "lambda.version"
    function: str
    version: str
    config: dict[str, Any]
    sha: str  # hex digest of the zip: names the unpacked code
    layers: list[str]  # likewise the zips of its layers, first to last
    revision: str
    modified: str
    state: str = "Pending"
    update: str = "Successful"
    reason: str = ""
    code: str = ""  # AWS's code of it
    image: dict[str, Any] = {}  # of a function from one: see images.py; `sha` is then its digest
    described: str = ""  # of a published one: what $LATEST was described as, which its own description may replace

    @property
    def key(self) -> str:
        return f"{self.function}:{self.version}"

    @property
    def timeout(self) -> int:
        return int(self.config["Timeout"])

    @property
    def snapstart(self) -> bool:
        """Whether its environments are copies of a snapshot: published versions of a function that asks for it."""
        return self.version != LATEST and self.config["SnapStart"]["ApplyOn"] == "PublishedVersions"

    @property
    def role(self) -> str:
        return str(self.config["Role"])


class Alias(Record, frozen=True):
    kind = "lambda.alias"
    function: str
    name: str
    version: str
    description: str = ""
    weights: dict[str, float] = {}
    revision: str = ""

    @property
    def key(self) -> str:
        return f"{self.function}:{self.name}"


def account(call: Call) -> Account:
    return call.get(Account, "account") or Account()


def concurrency(call: Call) -> int:
    return int(quotas.value(call, CONCURRENCY))


def code_storage(call: Call) -> int:
    return int(quotas.value(call, CODE_STORAGE) * (1 << 30))


def grow(call: Call, size: int, functions: int = 0) -> None:
    """Count code (and functions) in or out."""
    usage = account(call)
    if size > 0 and usage.code_size + size > code_storage(call):
        raise errors.code_storage_exceeded()
    call.put(usage.but(code_size=usage.code_size + size, functions=usage.functions + functions))


def find(call: Call, name: Name) -> Function:
    """The function, where the name says it is."""
    function = call.at(name.account, name.region).get(Function, name.name)
    if function is None:
        raise errors.no_such_function(names.arn_of(call, name))
    return function


def version_of(call: Call, name: Name) -> Version:
    """The version that a qualifier means (an alias: its main version)."""
    function = find(call, name)
    there = call.at(name.account, name.region)
    qualifier = name.qualifier or LATEST
    if alias := there.get(Alias, f"{function.name}:{qualifier}"):
        qualifier = alias.version
    version = there.get(Version, f"{function.name}:{qualifier}")
    if version is None:
        raise errors.no_such_function(names.arn_of(call, name))
    return version


def latest(call: Call, function: Function) -> Version:
    version = call.get(Version, f"{function.name}:{LATEST}")
    assert version is not None, "a function always has its $LATEST"
    return version


def policy(call: Call, arn: str) -> str | None:
    """The resource policy behind a function's ARN, as text for IAM."""
    from .permissions import text
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] != "function":
        return None
    function = call.at(parts[4], parts[3]).get(Function, parts[6])
    return text(function, parts[7] if len(parts) > 7 else "") if function else None
