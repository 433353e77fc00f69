"""SAML 2.0 responses, believed only as far as they are signed.

XML signatures: exclusive canonicalization, the enveloped transform, RSA with SHA-256 and longer. What is not inside the element whose signature
was verified does not exist for the reader, so a wrapped assertion is never seen. Documents with a DOCTYPE are refused.
"""
from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

DSIG, ASSERTION, PROTOCOL, METADATA = (
    "http://www.w3.org/2000/09/xmldsig#", "urn:oasis:names:tc:SAML:2.0:assertion", "urn:oasis:names:tc:SAML:2.0:protocol", "urn:oasis:names:tc:SAML:2.0:metadata")
EXCLUSIVE, ENVELOPED = "http://www.w3.org/2001/10/xml-exc-c14n#", DSIG + "enveloped-signature"
SIGNATURES = {f"http://www.w3.org/2001/04/xmldsig-more#rsa-sha{bits}": hash_ for bits, hash_ in ((256, hashes.SHA256), (384, hashes.SHA384), (512, hashes.SHA512))}
DIGESTS = {"http://www.w3.org/2001/04/xmlenc#sha256": "sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384", "http://www.w3.org/2001/04/xmlenc#sha512": "sha512"}
DEEPEST = 64
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
XML, XMLNS = "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"

Element = Any


class Invalid(Exception):
    """No signed SAML response; the text says why."""


class Rejected(Exception):
    """The identity provider itself said no."""


@dataclass(frozen=True)
class Assertion:
    issuer: str
    subject: str
    subject_format: str
    recipient: str
    audiences: list[str]
    issued: float
    not_before: float | None
    not_on_or_after: float | None
    session_ends: float | None
    attributes: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Metadata:
    entity: str
    certificates: list[Any]
    valid_until: float | None


def parsed(data: bytes) -> Element:
    try:
        text = data.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text or "\0" in text:
            raise Invalid("a document type is not allowed")
        root = minidom.parseString(text.encode()).documentElement
    except (UnicodeDecodeError, ExpatError, ValueError) as error:
        raise Invalid(f"not XML: {error}") from None
    level = [root]
    for _ in range(DEEPEST):
        level = [one for element in level for one in element.childNodes if one.nodeType == one.ELEMENT_NODE]
    if level:
        raise Invalid("nested too deeply")
    return root


def children(element: Element, namespace: str, name: str) -> list[Element]:
    return [one for one in element.childNodes if one.nodeType == one.ELEMENT_NODE and one.namespaceURI == namespace and one.localName == name]


def child(element: Element, namespace: str, name: str) -> Element:
    found = children(element, namespace, name)
    if len(found) != 1:
        raise Invalid(f"one {name} expected in {element.localName}")
    return found[0]


def words(element: Element) -> str:
    return "".join(one.data for one in element.childNodes if one.nodeType in (one.TEXT_NODE, one.CDATA_SECTION_NODE)).strip()


def moment(text: str) -> float | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"not a time: {text}") from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


# -- canonical form ---------------------------------------------------------------------------------------------------------

def canonical(element: Element, without: Element = None, inclusive: frozenset[str] = frozenset()) -> bytes:
    """Exclusive XML canonicalization 1.0, comments left out; `without` is the signature being verified."""
    return "".join(_canonical(element, {"": ""}, without, inclusive)).encode()


def _scope(element: Element) -> dict[str, str]:
    """Prefix -> namespace, as in force at the element."""
    chain = []
    while element is not None and element.nodeType == element.ELEMENT_NODE:
        chain.append(element)
        element = element.parentNode
    found = {"": "", "xml": XML}
    for one in reversed(chain):
        for name, value in one.attributes.items():
            if name == "xmlns":
                found[""] = value
            elif name.startswith("xmlns:"):
                found[name[6:]] = value
    return found


def _canonical(element: Element, rendered: dict[str, str], without: Element, inclusive: frozenset[str]) -> Iterator[str]:
    scope = _scope(element)
    attributes = [one for one in element.attributes.values() if one.name != "xmlns" and not one.name.startswith("xmlns:")]
    used = {element.prefix or ""} | {one.prefix for one in attributes if one.prefix and one.prefix != "xml"} | {prefix for prefix in inclusive if prefix in scope}
    new = {prefix: scope.get(prefix, "") for prefix in used if rendered.get(prefix, None if prefix else "") != scope.get(prefix, "")}
    rendered = rendered | new
    yield "<" + element.tagName
    for prefix in sorted(new):
        yield f' xmlns{":" if prefix else ""}{prefix}="{_quoted(new[prefix])}"'
    for one in sorted(attributes, key=lambda one: (one.namespaceURI or "", one.localName or one.name)):
        yield f' {one.name}="{_quoted(one.value)}"'
    yield ">"
    for one in element.childNodes:
        if one.nodeType == one.ELEMENT_NODE:
            if one is not without:
                yield from _canonical(one, rendered, without, inclusive)
        elif one.nodeType in (one.TEXT_NODE, one.CDATA_SECTION_NODE):
            yield one.data.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#xD;")
        elif one.nodeType == one.PROCESSING_INSTRUCTION_NODE:
            yield f"<?{one.target}{' ' + one.data if one.data else ''}?>"
    yield f"</{element.tagName}>"


def _quoted(text: str) -> str:
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;"), ("\t", "&#x9;"), ("\n", "&#xA;"), ("\r", "&#xD;")):
        text = text.replace(plain, escaped)
    return text


# -- signatures ---------------------------------------------------------------------------------------------------------------

def _prefixes(method: Element) -> frozenset[str]:
    listed = children(method, EXCLUSIVE, "InclusiveNamespaces")
    return frozenset("" if one == "#default" else one for one in listed[0].getAttribute("PrefixList").split()) if listed else frozenset()


def verify(element: Element, certificates: list[Any]) -> None:
    """The element carries a signature over itself, made with the key of one of the certificates."""
    signature = child(element, DSIG, "Signature")
    info = child(signature, DSIG, "SignedInfo")
    method = child(info, DSIG, "CanonicalizationMethod")
    if method.getAttribute("Algorithm") != EXCLUSIVE:
        raise Invalid("the canonicalization is not exclusive")
    reference = child(info, DSIG, "Reference")
    if reference.getAttribute("URI") not in ([f"#{element.getAttribute('ID')}"] if element.getAttribute("ID") else []) + ([""] if element.parentNode.nodeType == element.DOCUMENT_NODE else []):
        raise Invalid("the signature is about something else")
    inclusive: frozenset[str] = frozenset()
    for transform in children(child(reference, DSIG, "Transforms"), DSIG, "Transform"):
        if transform.getAttribute("Algorithm") == EXCLUSIVE:
            inclusive = _prefixes(transform)
        elif transform.getAttribute("Algorithm") != ENVELOPED:
            raise Invalid("a transform that is not allowed")
    digest = DIGESTS.get(child(reference, DSIG, "DigestMethod").getAttribute("Algorithm"))
    hash_ = SIGNATURES.get(child(info, DSIG, "SignatureMethod").getAttribute("Algorithm"))
    if digest is None or hash_ is None:
        raise Invalid("an algorithm that is not allowed")
    if hashlib.new(digest, canonical(element, signature, inclusive)).digest() != _decoded(child(reference, DSIG, "DigestValue")):
        raise Invalid("the digest does not match")
    signed, value = canonical(info, inclusive=_prefixes(method)), _decoded(child(signature, DSIG, "SignatureValue"))
    for certificate in certificates:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            try:
                key.verify(value, signed, padding.PKCS1v15(), hash_())
                return
            except InvalidSignature:
                continue
    raise Invalid("the signature does not match")


def _decoded(element: Element) -> bytes:
    try:
        return base64.b64decode("".join(words(element).split()), validate=True)
    except binascii.Error:
        raise Invalid("not base64") from None


# -- documents ----------------------------------------------------------------------------------------------------------------

def metadata(data: bytes) -> Metadata:
    """What an identity provider says of itself: its name and the certificates it signs with."""
    root = parsed(data)
    entities = [root] if root.localName == "EntityDescriptor" else root.getElementsByTagNameNS(METADATA, "EntityDescriptor")
    if root.namespaceURI != METADATA or len(entities) != 1:
        raise Invalid("no EntityDescriptor")
    certificates = []
    for key in entities[0].getElementsByTagNameNS(METADATA, "KeyDescriptor"):
        if key.getAttribute("use") in ("", "signing"):
            for one in key.getElementsByTagNameNS(DSIG, "X509Certificate"):
                try:
                    certificates.append(x509.load_der_x509_certificate(_decoded(one)))
                except ValueError:
                    raise Invalid("a certificate that cannot be read") from None
    if not entities[0].getAttribute("entityID") or not certificates:
        raise Invalid("no entityID, or no certificate to verify signatures with")
    return Metadata(entities[0].getAttribute("entityID"), certificates, moment(entities[0].getAttribute("validUntil")))


def response(data: bytes, certificates: list[Any]) -> Assertion:
    """The assertion of a response, if it or the response around it is signed by the provider."""
    root = parsed(data)
    if root.namespaceURI != PROTOCOL or root.localName != "Response":
        raise Invalid("no Response")
    status = child(child(root, PROTOCOL, "Status"), PROTOCOL, "StatusCode").getAttribute("Value")
    if status != SUCCESS:
        raise Rejected(status)
    assertion = child(root, ASSERTION, "Assertion")
    if children(assertion, DSIG, "Signature"):
        verify(assertion, certificates)
    if children(root, DSIG, "Signature"):
        verify(root, certificates)
    elif not children(assertion, DSIG, "Signature"):
        raise Invalid("neither response nor assertion is signed")
    return _read(assertion)


def _read(assertion: Element) -> Assertion:
    subject = child(assertion, ASSERTION, "Subject")
    name = child(subject, ASSERTION, "NameID")
    confirmation = child(child(subject, ASSERTION, "SubjectConfirmation"), ASSERTION, "SubjectConfirmationData")
    conditions = child(assertion, ASSERTION, "Conditions")
    statement = children(assertion, ASSERTION, "AuthnStatement")
    attributes: dict[str, list[str]] = {}
    for group in children(assertion, ASSERTION, "AttributeStatement"):
        for one in children(group, ASSERTION, "Attribute"):
            attributes.setdefault(one.getAttribute("Name"), []).extend(words(value) for value in children(one, ASSERTION, "AttributeValue"))
    ends = [end for end in (moment(confirmation.getAttribute("NotOnOrAfter")), moment(conditions.getAttribute("NotOnOrAfter"))) if end is not None]
    return Assertion(
        words(child(assertion, ASSERTION, "Issuer")), words(name), name.getAttribute("Format"), confirmation.getAttribute("Recipient"),
        [words(one) for restriction in children(conditions, ASSERTION, "AudienceRestriction") for one in children(restriction, ASSERTION, "Audience")],
        moment(assertion.getAttribute("IssueInstant")) or 0.0, moment(conditions.getAttribute("NotBefore")), min(ends) if ends else None,
        moment(statement[0].getAttribute("SessionNotOnOrAfter")) if statement else None, attributes,
    )
