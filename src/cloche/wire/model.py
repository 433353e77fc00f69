"""AWS's own API models, read from botocore's data files. botocore itself is never imported.

A `Model` is one service; an `Operation` names its input and output `Shape`s. Everything is built on first use, and what
nobody reads (documentation, two thirds of the text) is dropped by the decoder before it becomes Python objects.
"""
from __future__ import annotations

import gzip
import importlib.util
import re
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from . import patches

_BOTOCORE = importlib.util.find_spec("botocore")  # finds the folder without running botocore/__init__.py
DATA = Path(_BOTOCORE.submodule_search_locations[0]) / "data"  # type: ignore[union-attr,index]


class _Ref(TypedDict, total=False):
    shape: str
    locationName: str
    location: str
    queryName: str
    flattened: bool
    streaming: bool
    xmlNamespace: Any
    xmlAttribute: bool
    jsonvalue: bool
    idempotencyToken: bool
    timestampFormat: str
    eventpayload: bool
    eventheader: bool
    hostLabel: bool
    contextParam: Any
    enum: list[str]
    box: bool


class _Shape(TypedDict, total=False):
    type: str
    members: dict[str, _Ref]
    member: _Ref
    key: _Ref
    value: _Ref
    required: list[str]
    enum: list[str]
    min: float
    max: float
    pattern: str
    exception: bool
    error: dict[str, Any]
    fault: bool
    union: bool
    payload: str
    timestampFormat: str
    document: bool
    event: bool
    eventstream: bool
    flattened: bool
    sparse: bool
    streaming: bool
    wrapper: bool
    locationName: str
    xmlNamespace: Any
    sensitive: bool
    box: bool


class _Operation(TypedDict, total=False):
    name: str
    http: dict[str, Any]
    input: Any
    output: Any
    errors: list[Any]
    idempotent: bool
    readonly: bool
    endpoint: Any
    authtype: str
    httpChecksum: Any
    httpChecksumRequired: bool
    requestcompression: Any
    unsignedPayload: bool


class _File(TypedDict, total=False):
    metadata: dict[str, Any]
    operations: dict[str, _Operation]
    shapes: dict[str, _Shape]


_decode = msgspec.json.Decoder(_File).decode


def services() -> list[str]:
    return sorted(p.name for p in DATA.iterdir() if p.is_dir())


@cache
def regions(partition: str = "aws") -> tuple[str, ...]:
    """The regions of a partition, by name."""
    found = msgspec.json.decode((DATA / "partitions.json").read_bytes())["partitions"]
    return tuple(sorted(name for one in found if one["id"] == partition for name in one["regions"] if not name.startswith("aws-")))


@cache
def load(service: str) -> Model:
    folder = DATA / service
    if not folder.is_dir():
        raise LookupError(f"botocore has no service {service!r}")
    version = max(p.name for p in folder.iterdir() if p.is_dir())
    with gzip.open(folder / version / "service-2.json.gz") as file:
        raw = _decode(file.read())
    patches.apply(service, raw)
    return Model(service, raw)


_PLURAL = re.compile(r"[A-Z]{3,}s$")
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """`DescribeDBInstances` -> `describe_db_instances`, `ListWebACLs` -> `list_web_acls`, as botocore does."""
    name = _PLURAL.sub(lambda m: m[0].capitalize(), name)
    return _WORD.sub("_", name).lower()


class Model:
    """One service: `protocols` are the names the codecs know, the model's preferred one first."""

    def __init__(self, name: str, raw: dict[str, Any]) -> None:
        self.name, self.raw, self.meta = name, raw, raw["metadata"]
        names = self.meta.get("protocols") or [self.meta["protocol"]]
        self.protocols: list[str] = [n.removeprefix("smithy-") for n in names]
        self._shapes: dict[str, Shape] = {}

    @cached_property
    def operations(self) -> dict[str, Operation]:
        return {name: Operation(self, spec, name) for name, spec in self.raw["operations"].items()}

    @cached_property
    def snake(self) -> dict[str, Operation]:
        return {op.snake: op for op in self.operations.values()}

    @cached_property
    def errors(self) -> dict[str, Shape]:
        """Every error the service declares, by the code that goes on the wire."""
        shapes = (self.shape(name) for name, spec in self.raw["shapes"].items() if spec.get("exception"))
        return {shape.code: shape for shape in shapes}

    def shape(self, name: str) -> Shape:
        if (shape := self._shapes.get(name)) is None:
            shape = self._shapes[name] = Shape(self, name, self.raw["shapes"][name])
        return shape

    def __repr__(self) -> str:
        return f"<Model {self.name}>"


class Operation:
    def __init__(self, model: Model, spec: dict[str, Any], name: str) -> None:
        self.model, self.spec, self.name = model, spec, name  # CloudFront's specs call themselves CreateDistribution2020_05_31; clients, IAM and CloudTrail do not
        self.snake = snake(self.name)
        self.http: dict[str, Any] = spec.get("http") or {"method": "POST", "requestUri": "/"}

    @cached_property
    def input(self) -> Shape | None:
        return self.model.shape(self.spec["input"]["shape"]) if self.spec.get("input") else None

    @cached_property
    def output(self) -> Shape | None:
        return self.model.shape(self.spec["output"]["shape"]) if self.spec.get("output") else None

    @cached_property
    def errors(self) -> dict[str, Shape]:
        return {shape.code: shape for ref in self.spec.get("errors", ()) for shape in (self.model.shape(ref["shape"]),)}

    @cached_property
    def streaming_input(self) -> str | None:
        """The member that is the raw body of the request."""
        return _streaming(self.input)

    @cached_property
    def streaming_output(self) -> str | None:
        return _streaming(self.output)

    @cached_property
    def eventstream_input(self) -> str | None:
        return _eventstream(self.input)

    @cached_property
    def eventstream_output(self) -> str | None:
        return _eventstream(self.output)

    def __repr__(self) -> str:
        return f"<Operation {self.model.name}:{self.name}>"


def _streaming(shape: Shape | None) -> str | None:
    payload = shape.spec.get("payload") if shape else None
    if not payload:
        return None
    target, ref = shape.members[payload]  # type: ignore[union-attr]
    return payload if target.type == "blob" and (target.spec.get("streaming") or ref.get("streaming")) else None


def _eventstream(shape: Shape | None) -> str | None:
    return next((n for n, (s, _) in shape.members.items() if s.spec.get("eventstream")), None) if shape and shape.type == "structure" else None


class Shape:
    def __init__(self, model: Model, name: str, spec: dict[str, Any]) -> None:
        self.model, self.name, self.spec, self.type = model, name, spec, spec["type"]

    @cached_property
    def code(self) -> str:
        """An error's name on the wire."""
        return (self.spec.get("error") or {}).get("code") or self.name

    @cached_property
    def required(self) -> tuple[str, ...]:
        return tuple(self.spec.get("required", ()))

    @cached_property
    def members(self) -> dict[str, tuple[Shape, dict[str, Any]]]:
        """name -> (target shape, the member's own traits)."""
        return {name: (self.model.shape(ref["shape"]), ref) for name, ref in self.spec.get("members", {}).items()}

    @cached_property
    def item(self) -> Shape:
        return self.model.shape(self.spec["member"]["shape"])

    @cached_property
    def map_key(self) -> Shape:
        return self.model.shape(self.spec["key"]["shape"])

    @cached_property
    def value(self) -> Shape:
        return self.model.shape(self.spec["value"]["shape"])

    def __repr__(self) -> str:
        return f"<Shape {self.model.name}:{self.name} {self.type}>"
