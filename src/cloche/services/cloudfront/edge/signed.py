"""Signed URLs and cookies: a policy, canned or the viewer's own, signed by a private key whose public half is in a key group that the behaviour trusts."""
from __future__ import annotations

import base64
import ipaddress
import json
import re
from typing import Any, NamedTuple

from cloche.kernel import Call

from .. import keys, things

PARAMETERS = ("Expires", "Signature", "Key-Pair-Id", "Policy", "Hash-Algorithm")


class Refused(Exception):
    """`code` and `message` of the answer."""

    def __init__(self, code: str = "AccessDenied", message: str = "Access denied") -> None:
        super().__init__(message)
        self.code, self.message = code, message


class Asked(NamedTuple):
    urls: list[str]   # the whole, with the signature's parameters; there are several where the host has several names, as with a port of one's own machine
    query: str
    cookies: dict[str, str]
    client: str


def stripped(query: str) -> str:
    """The query string without what is the signature's."""
    return "&".join(text for text in query.split("&") if text and text.partition("=")[0] not in PARAMETERS)


def bytes_of(text: str) -> bytes:
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "=").replace("~", "/"), validate=True)
    except ValueError:
        raise Refused("MalformedPolicy" if not text else "AccessDenied") from None


def check(call: Call, group_ids: list[str], asked: Asked) -> None:
    """Raises Refused."""
    given = {name: value for name, _, value in (text.partition("=") for text in asked.query.split("&")) if name in PARAMETERS}
    if not given.keys() & {"Signature", "Key-Pair-Id", "Policy"}:
        given = {name: asked.cookies[f"CloudFront-{name}"] for name in PARAMETERS if f"CloudFront-{name}" in asked.cookies}
    if "Key-Pair-Id" not in given:
        raise Refused("MissingKey", "Missing Key-Pair-Id query parameter or cookie value")
    if "Signature" not in given:
        raise Refused("MissingSignature", "Missing Signature query parameter or cookie value")
    if "Policy" not in given and "Expires" not in given:
        raise Refused("MissingPolicy", "Missing Policy or Expires query parameter or cookie value")
    if given["Key-Pair-Id"] not in {key for id_ in group_ids for key in keys.keys_of(call, id_)}:
        raise Refused("InvalidKey", "Unknown Key")
    signature, urls = bytes_of(given["Signature"]), [base(one) for one in asked.urls]
    if "Policy" in given:
        texts = [bytes_of(given["Policy"])]
    else:
        texts = [f'{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{given["Expires"]}}}}}}}]}}'.encode() for url in urls]
    text = next((one for one in texts if verified(call, given["Key-Pair-Id"], signature, one, given.get("Hash-Algorithm", "SHA1"))), None)
    if text is None:
        raise Refused()
    allowed(text, urls, asked.client, call.now)


def base(url: str) -> str:
    """The URL as it was before it was signed."""
    path, _, query = url.partition("?")
    rest = stripped(query)
    return path + ("?" + rest if rest else "")


def verified(call: Call, id_: str, signature: bytes, text: bytes, algorithm: str) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    key: Any = keys.read(things.find(call, keys.KEY, id_).config["EncodedKey"])
    digest: Any = {"SHA1": hashes.SHA1(), "SHA256": hashes.SHA256()}.get(algorithm)
    if digest is None:
        return False
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, text, ec.ECDSA(digest))
        else:
            key.verify(signature, text, padding.PKCS1v15(), digest)
    except InvalidSignature:
        return False
    return True


def allowed(text: bytes, urls: list[str], client: str, now: float) -> None:
    try:
        statement = json.loads(text)["Statement"][0]
        condition = statement["Condition"]
        until = int(condition["DateLessThan"]["AWS:EpochTime"])
        since = int(condition.get("DateGreaterThan", {}).get("AWS:EpochTime", 0))
        network = condition.get("IpAddress", {}).get("AWS:SourceIp")
        within = network is None or ipaddress.ip_address(client) in ipaddress.ip_network(network, strict=False)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise Refused("MalformedPolicy", "Malformed Policy") from None
    if not since <= now < until or not within or not any(about(statement.get("Resource", "*"), url) for url in urls):
        raise Refused()


def about(resource: str, url: str) -> bool:
    """`*` stands for any number of characters, `?` for one; a policy for http*:// is for both."""
    wanted = "".join(".*" if c == "*" else "." if c == "?" else re.escape(c) for c in resource)
    return re.fullmatch(wanted, url, re.S) is not None or resource == url
