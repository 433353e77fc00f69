"""What may be in a message: its characters, its size, its attributes and their digest."""
from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping
from typing import Any

from . import errors

Attributes = Mapping[str, Mapping[str, Any]]

MOST_ATTRIBUTES = 10
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROLS = bytes(x for x in range(32) if x not in b"\t\n\r")
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")
_FIFO_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def check_body(body: str) -> bytes:
    if not body:
        raise errors.missing("MessageBody")
    raw = body.encode("utf-8", "surrogatepass")
    if len(raw.translate(None, _CONTROLS)) < len(raw) if body.isascii() else _NOT_XML.search(body):
        raise errors.invalid_characters()
    return raw


def check_attributes(attributes: Attributes) -> int:
    """Refuse what SQS refuses; answer how many bytes they add to the message."""
    if len(attributes) > MOST_ATTRIBUTES:
        raise errors.too_many_attributes(len(attributes))
    size = 0
    for name, attribute in attributes.items():
        check_attribute_name(name)
        size += len(name) + check_value(name, attribute)
    return size


def check_attribute_name(name: str) -> None:
    if not name or len(name) > 256:
        raise errors.bad_attribute_name(name, "Attribute name must be 1 to 256 characters long.")
    if not _NAME.fullmatch(name):
        raise errors.bad_attribute_name(name, "Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.")
    if name.startswith(".") or name.endswith("."):
        raise errors.bad_attribute_name(name, "Attribute name must not start or end with a period (.).")
    if ".." in name:
        raise errors.bad_attribute_name(name, "Attribute name must not contain successive periods (..).")
    if name.lower().startswith(("aws.", "amazon.")):
        raise errors.bad_attribute_name(name, "You can't use message attribute names beginning with 'AWS.' or 'Amazon.' because these strings are reserved for internal use.")


def check_value(name: str, attribute: Mapping[str, Any]) -> int:
    kind = attribute.get("DataType") or ""
    if not kind:
        raise errors.no_attribute_type(name)
    base = kind.split(".", 1)[0]
    if base not in ("String", "Number", "Binary") or len(kind) > 256:
        raise errors.bad_attribute_type(name, kind)
    if attribute.get("StringListValues") or attribute.get("BinaryListValues"):
        raise errors.list_values(name)
    value = attribute.get("BinaryValue" if base == "Binary" else "StringValue")
    if not value:
        raise errors.no_attribute_value(name, kind)
    if base == "Binary":
        return len(kind) + len(value)
    if base == "Number" and not _NUMBER.fullmatch(value):
        raise errors.not_a_number(name)
    if _NOT_XML.search(value):
        raise errors.invalid_characters()
    return len(kind) + len(value.encode())


def check_system(attributes: Attributes) -> str | None:
    """The trace header, the only attribute of the system's own that a sender may set."""
    for name, attribute in attributes.items():
        if name != "AWSTraceHeader":
            raise errors.bad_system_attribute(name)
        check_value(name, attribute)
        if attribute["DataType"] != "String":
            raise errors.bad_attribute_type(name, attribute["DataType"])
        return attribute["StringValue"]  # type: ignore[no-any-return]
    return None


def check_fifo_id(value: str, parameter: str) -> str:
    if not _FIFO_ID.fullmatch(value):
        raise errors.bad_fifo_id(value, parameter)
    return value


def digest(attributes: Attributes) -> str:
    """MD5OfMessageAttributes: by name, each part with its length before it."""
    md5 = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        kind = attributes[name]["DataType"]
        binary = kind.startswith("Binary")
        value = attributes[name]["BinaryValue"] if binary else attributes[name]["StringValue"].encode()
        for part in (name.encode(), kind.encode()):
            md5.update(struct.pack(">I", len(part)) + part)
        md5.update((b"\x02" if binary else b"\x01") + struct.pack(">I", len(value)) + value)
    return md5.hexdigest()
