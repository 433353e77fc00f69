"""What the value of a record of each type must look like, and what Route 53 says when it does not. Pure."""
from __future__ import annotations

import ipaddress
import re

from . import names

_HEX, _QUOTED = re.compile(r"[0-9A-Fa-f\s]+"), re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')
FAMILY = {"A": (ipaddress.IPv4Address, "IPv4"), "AAAA": (ipaddress.IPv6Address, "IPv6")}
NAMED = {"CNAME": "CNAME", "NS": "NS", "PTR": "PTR"}
CAA_TAGS = ("issue", "issuewild", "iodef")


class Wrong(ValueError):
    """(short name of the problem, what it is, the value that has it)."""


def complaint(type_: str, value: str) -> str:
    """"" if the value is good."""
    try:
        _check(type_, value)
    except Wrong as wrong:
        short, long, found = wrong.args
        return f"Invalid Resource Record: 'FATAL problem: {short} ({long}) encountered with '{found}''"
    except names.Bad as bad:
        return f"Invalid Resource Record: '{bad}'"
    return ""


def _check(type_: str, value: str) -> None:
    if type_ in FAMILY:
        kind, family = FAMILY[type_]
        if len(value.split()) != 1:
            raise Wrong(f"{type_}RRDATANotSingleField", "Value contains spaces", value)
        try:
            kind(value)
        except ValueError:
            raise Wrong(f"{type_}RRDATAIllegal{family}Address", f"Value is not a valid {family} address", value) from None
    elif type_ in NAMED:
        if len(value.split()) != 1:
            raise Wrong(f"{type_}RRDATANotSingleField", "Value contains spaces", value)
        names.full(value)
    elif type_ in ("TXT", "SPF"):
        strings(value)
    else:
        globals()[f"_{type_.lower()}"](value, value.split())


def strings(value: str) -> list[str]:
    """The quoted strings of a TXT record, at most 255 characters each."""
    out, rest = [], value
    while rest.strip():
        found = _QUOTED.match(rest)
        if not found or found[1] is None:
            raise Wrong("InvalidCharacterString", "Value should be enclosed in quotation marks", value)
        text = re.sub(r"\\(\d{3}|.)", lambda x: chr(int(x[1], 8)) if len(x[1]) == 3 else x[1], found[1])
        if len(text) > 255:
            raise Wrong("CharacterStringTooLong", "Value is too long", found[1])
        out.append(text)
        rest = rest[found.end():]
    if not out:
        raise Wrong("InvalidCharacterString", "Value should be enclosed in quotation marks", value)
    return out


def _number(text: str, most: int, problem: str, what: str, value: str) -> int:
    if not text.isdigit() or int(text) > most:
        raise Wrong(problem, what, value)
    return int(text)


def _mx(value: str, parts: list[str]) -> None:
    if len(parts) != 2:
        raise Wrong("MXRRDATAPriorityRequired" if len(parts) < 2 else "MXRRDATANotTwoFields", "MX record doesn't have 2 fields", value)
    _number(parts[0], 65535, "MXRRDATAInvalidPriority", "MX record priority is not a number from 0 to 65535", value)
    if parts[1] != ".":
        names.full(parts[1])


def _srv(value: str, parts: list[str]) -> None:
    if len(parts) != 4:
        raise Wrong("SRVRRDATANotFourFields", "SRV record doesn't have 4 fields", value)
    for part in parts[:3]:
        _number(part, 65535, "SRVRRDATAInvalidNumber", "SRV record's priority, weight and port are numbers from 0 to 65535", value)
    if parts[3] != ".":
        names.full(parts[3])


def _soa(value: str, parts: list[str]) -> None:
    if len(parts) != 7:
        raise Wrong("SOARRDATANotSevenFields", "SOA record doesn't have 7 fields", value)
    for part in parts[2:]:
        _number(part, 2**32 - 1, "SOARRDATAInvalidNumber", "SOA record's serial, refresh, retry, expire and minimum are numbers", value)
    names.full(parts[0])
    names.full(parts[1])


def _caa(value: str, parts: list[str]) -> None:
    found = re.fullmatch(r'(\d+)\s+([A-Za-z0-9]+)\s+"([^"]*)"', value.strip())
    if not found:
        raise Wrong("CAARRDATANotThreeFields", "CAA record has to be a flag, a tag and a value in quotation marks", value)
    _number(found[1], 255, "CAARRDATAInvalidFlags", "CAA record's flags are a number from 0 to 255", value)
    if found[2].lower() not in CAA_TAGS and len(found[2]) > 15:
        raise Wrong("CAARRDATAInvalidTag", "CAA record's tag is not known", value)


def _naptr(value: str, parts: list[str]) -> None:
    found = re.fullmatch(r'(\d+)\s+(\d+)\s+"([A-Za-z0-9]*)"\s+"([^"]*)"\s+"((?:[^"\\]|\\.)*)"\s+(\S+)', value.strip())
    if not found:
        raise Wrong("NAPTRRRDATANotSixFields", "NAPTR record has to be order, preference, flags, service, regexp and replacement", value)
    for part in found.groups()[:2]:
        _number(part, 65535, "NAPTRRRDATAInvalidNumber", "NAPTR record's order and preference are numbers from 0 to 65535", value)
    if found[6] != ".":
        names.full(found[6])


def _fields(kind: str, count: int) -> object:
    """DS, TLSA and SSHFP: numbers, then hexadecimal digits."""
    def check(value: str, parts: list[str]) -> None:
        if len(parts) < count + 1:
            raise Wrong(f"{kind}RRDATANot{count + 1}Fields", f"{kind} record doesn't have {count + 1} fields", value)
        for part in parts[:count]:
            _number(part, 65535, f"{kind}RRDATAInvalidNumber", f"{kind} record's first fields are numbers", value)
        if not _HEX.fullmatch("".join(parts[count:])):
            raise Wrong(f"{kind}RRDATAInvalidHex", f"{kind} record's last field is hexadecimal", value)
    return check


_ds, _tlsa, _sshfp = _fields("DS", 3), _fields("TLSA", 3), _fields("SSHFP", 2)


def _svcb(value: str, parts: list[str]) -> None:
    if len(parts) < 2:
        raise Wrong("SVCBRRDATANotTwoFields", "SVCB record needs a priority and a target name", value)
    _number(parts[0], 32767, "SVCBRRDATAInvalidPriority", "Priority is not a number from 0 to 32767", value)
    if parts[1] != ".":
        names.full(parts[1])
    if parts[0] == "0" and parts[2:]:
        raise Wrong("SVCBRRDATAAliasModeWithParams", "A record in alias mode has no parameters", value)
    for one in parts[2:]:
        if not re.fullmatch(r"[a-z0-9-]+(=\S*)?", one):
            raise Wrong("SVCBRRDATAInvalidParam", "Parameters have the form key=value", value)


_https = _svcb
