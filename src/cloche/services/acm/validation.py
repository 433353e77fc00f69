"""How a domain is to be proved: a CNAME that only its owner can set, or mail to its postmasters.

The CNAME is the same for every request of an account for a domain, as on AWS, so that a record set once serves all.
"""
from __future__ import annotations

import hashlib
from typing import Any

from cloche.kernel import Call

POSTMASTERS = ("admin", "administrator", "hostmaster", "postmaster", "webmaster")


def record(account: str, name: str) -> dict[str, str]:
    """The CNAME to set. A wildcard is proved by its domain."""
    domain = name.removeprefix("*.")
    mark = hashlib.sha256(f"{account} {domain}".encode()).hexdigest()
    letters = "".join(chr(ord("a") + int(x, 16)) for x in mark[52:62])
    return {"Name": f"_{mark[:32]}.{domain}.", "Type": "CNAME", "Value": f"_{hashlib.sha256(mark.encode()).hexdigest()[:32]}.{letters}.acm-validations.aws."}


def option(call: Call, name: str, domain: str, method: str, status: str) -> dict[str, Any]:
    out: dict[str, Any] = {"DomainName": name, "ValidationDomain": domain, "ValidationStatus": status, "ValidationMethod": method}
    if method == "DNS":
        out["ResourceRecord"] = record(call.account, name)
    elif method == "EMAIL":
        out["ValidationEmails"] = [f"{who}@{domain.removeprefix('*.')}" for who in POSTMASTERS]
    return out
