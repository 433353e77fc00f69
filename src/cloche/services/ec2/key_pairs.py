"""Key pairs: made here (the private half is told once and not kept) or imported; RSA and ED25519.

Fingerprints are AWS's (EC2 User Guide, "Verify the fingerprint of your key pair"): SHA-1 over the PKCS8 private key of an RSA pair made here, MD5 over the
DER public key of an imported RSA one, SHA-256 as OpenSSH has it of ED25519.
"""
from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from cloche.kernel import Call, Need, Record

from . import describe, errors, names, tags
from . import errors_instances as refusals
from . import service as ec2
from .volumes import describe_time

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 5000


class KeyPair(Record, frozen=True):
    kind = "ec2.key-pair"

    id: str
    name: str
    type: str             # rsa, ed25519
    public: str           # "ssh-rsa AAAA..."
    fingerprint: str
    made: float

    @property
    def key(self) -> str:
        return self.name


class Id(Record, frozen=True):
    kind = "ec2.key-pair-id"

    id: str
    name: str

    @property
    def key(self) -> str:
        return self.id


def named(call: Call, name: str) -> KeyPair:
    if (found := call.get(KeyPair, name)) is None:
        raise refusals.no_key(name)
    return found


def find(call: Call, id_: str) -> KeyPair:
    if (there := call.get(Id, id_)) is None:
        raise refusals.no_key(id_)
    return named(call, there.name)


tags.FINDERS["key"] = find


def colons(digest: bytes) -> str:
    return ":".join(f"{byte:02x}" for byte in digest)


def openssh_fingerprint(public: str) -> str:
    return base64.b64encode(hashlib.sha256(base64.b64decode(public.split()[1])).digest()).decode()


def _made(kind: str) -> tuple[str, str, str]:
    """(private PEM, public line, fingerprint)."""
    if kind == "ed25519":
        pair: Any = ed25519.Ed25519PrivateKey.generate()
        pem = pair.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
        public = pair.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
        return pem.decode(), public, openssh_fingerprint(public)
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = pair.private_bytes(form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption())
    inner = pair.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
    public = pair.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    return pem.decode(), public, colons(hashlib.sha1(inner).digest())


def _ppk(pem: str, public: str) -> str:
    """PuTTY's format, version 2, for those who ask for it."""
    import hmac
    import struct
    kind, blob = public.split()[0], base64.b64decode(public.split()[1])
    pair: Any = form.load_ssh_private_key(pem.encode(), None) if "OPENSSH" in pem else form.load_pem_private_key(pem.encode(), None)

    def number(value: int) -> bytes:
        data = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return struct.pack(">I", len(data)) + data
    if isinstance(pair, rsa.RSAPrivateKey):
        numbers = pair.private_numbers()
        private = number(numbers.d) + number(numbers.p) + number(numbers.q) + number(numbers.iqmp)
    else:
        raw = pair.private_bytes(form.Encoding.Raw, form.PrivateFormat.Raw, form.NoEncryption())
        private = struct.pack(">I", 32) + raw

    def lines(data: bytes) -> str:
        text = base64.b64encode(data).decode()
        parts = [text[at:at + 64] for at in range(0, len(text), 64)]
        return f"{len(parts)}\n" + "\n".join(parts)
    signed = b"".join(struct.pack(">I", len(part)) + part for part in (kind.encode(), b"none", b"imported-openssh-key", blob, private))
    mac = hmac.new(hashlib.sha1(b"putty-private-key-file-mac-key").digest(), signed, hashlib.sha1).hexdigest()
    return f"PuTTY-User-Key-File-2: {kind}\nEncryption: none\nComment: imported-openssh-key\nPublic-Lines: {lines(blob)}\nPrivate-Lines: {lines(private)}\nPrivate-MAC: {mac}\n"


def _free(call: Call, name: str) -> None:
    if not name or len(name) > 255 or not name.isascii():
        raise errors.invalid_value(name, "keyName", "Up to 255 ASCII characters")
    if name != name.strip():
        raise errors.invalid_value(name, "keyName", "A name can't include leading or trailing spaces")
    if call.get(KeyPair, name):
        raise refusals.key_exists(name)
    if len(call.all(KeyPair)) >= MOST:
        raise errors.AwsError("KeyPairLimitExceeded", f"You've reached the limit on the number of key pairs ({MOST}) for this Region")


def _enter(call: Call, req: Any, kind: str, public: str, fingerprint: str) -> KeyPair:
    one = call.put(KeyPair(call.id("key-"), req["KeyName"], kind, public, fingerprint, call.now))
    call.put(Id(one.id, one.name))
    tags.take(call, req, "key-pair", one.id)
    return one


def _needs(call: Call, req: Any) -> list[Need]:
    made = names.making("key-pair")["needs"](call, req)
    return [Need(made[0].action, names.arn(call, "key-pair", req.get("KeyName") or "*"), {**made[0].context, "ec2:KeyPairName": req.get("KeyName", ""), "ec2:KeyPairType": req.get("KeyType", "rsa")}),
            *made[1:]]


@ec2.op(needs=_needs)
async def create_key_pair(call: Call, req: t.CreateKeyPairRequest) -> t.KeyPair:
    kind = req.get("KeyType") or "rsa"
    _free(call, req["KeyName"])
    pem, public, fingerprint = await asyncio.to_thread(_made, kind)
    if req.get("KeyFormat") == "ppk":
        pem = _ppk(pem, public)
    with call.step():
        _free(call, req["KeyName"])
        one = _enter(call, req, kind, public, fingerprint)
        return {"KeyName": one.name, "KeyPairId": one.id, "KeyFingerprint": one.fingerprint, "KeyMaterial": pem, "Tags": tags.shown(call, one.id)}


@ec2.op(needs=_needs)
def import_key_pair(call: Call, req: t.ImportKeyPairRequest) -> t.ImportKeyPairResult:
    """OpenSSH's public format, base64 DER, or RFC 4716."""
    _free(call, req["KeyName"])
    try:
        key = _read(req["PublicKeyMaterial"])
        public = key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    except (ValueError, TypeError, IndexError, UnsupportedAlgorithm):
        raise refusals.bad_key() from None
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in (1024, 2048, 4096):
            raise refusals.bad_key()
        der = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
        kind, fingerprint = "rsa", colons(hashlib.md5(der).digest())
    elif isinstance(key, ed25519.Ed25519PublicKey):
        kind, fingerprint = "ed25519", openssh_fingerprint(public)
    else:
        raise refusals.bad_key()
    one = _enter(call, req, kind, public, fingerprint)
    return {"KeyName": one.name, "KeyPairId": one.id, "KeyFingerprint": one.fingerprint, "Tags": tags.shown(call, one.id)}


def _read(data: bytes) -> Any:
    text = data.strip()
    if text.startswith(b"---- BEGIN SSH2 PUBLIC KEY"):
        body = "".join(line for line in text.decode().splitlines() if not line.startswith("----") and ":" not in line)
        blob = base64.b64decode(body)
        name = blob[4:4 + int.from_bytes(blob[:4], "big")]
        return form.load_ssh_public_key(name + b" " + base64.b64encode(blob))
    if text.startswith((b"ssh-", b"ecdsa-")):
        return form.load_ssh_public_key(text)
    if text.startswith(b"-----BEGIN"):
        return form.load_pem_public_key(text)
    return form.load_der_public_key(base64.b64decode(text, validate=True))


def shown(call: Call, one: KeyPair, public: bool) -> Any:
    return {"KeyName": one.name, "KeyPairId": one.id, "KeyFingerprint": one.fingerprint, "KeyType": one.type, "CreateTime": one.made, "Tags": tags.shown(call, one.id),
            **({"PublicKey": f"{one.public} {one.name}\n"} if public else {})}


class _Keyed:
    """A pair as filters see it: its tags lie under its id."""

    def __init__(self, one: KeyPair) -> None:
        self.one, self.key = one, one.id


@ec2.op(**names.LOOK)
def describe_key_pairs(call: Call, req: t.DescribeKeyPairsRequest) -> t.DescribeKeyPairsResult:
    found = [named(call, name) for name in req.get("KeyNames") or ()] + [find(call, id_) for id_ in req.get("KeyPairIds") or ()]
    if not req.get("KeyNames") and not req.get("KeyPairIds"):
        found = call.all(KeyPair)
    kept = describe.matching(call, [_Keyed(one) for one in found], req.get("Filters"), {
        "key-name": lambda k: k.one.name, "key-pair-id": lambda k: k.one.id, "fingerprint": lambda k: k.one.fingerprint, "key-type": lambda k: k.one.type, "create-time": lambda k: describe_time(k.one.made)})
    return {"KeyPairs": [shown(call, each.one, bool(req.get("IncludePublicKey"))) for each in kept]}


def _named(call: Call, req: Any) -> str:
    name = req.get("KeyName") or ((there := call.get(Id, req.get("KeyPairId") or "")) and there.name) or "*"
    return names.arn(call, "key-pair", name)


@ec2.op(resource=_named)
def delete_key_pair(call: Call, req: t.DeleteKeyPairRequest) -> t.DeleteKeyPairResult:
    """One that is not there is gone already."""
    id_, name = req.get("KeyPairId"), req.get("KeyName")
    if not id_ and not name:
        raise errors.missing("KeyName")
    one = find(call, id_) if id_ else call.get(KeyPair, name or "")
    if one is None:
        return {"Return": True}
    call.delete(one)
    if there := call.get(Id, one.id):
        call.delete(there)
    tags.drop(call, one.id)
    return {"Return": True, "KeyPairId": one.id}
