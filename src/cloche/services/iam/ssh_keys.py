"""SSH public keys of users, for CodeCommit. They name the user by its unique id, so that renaming a user changes nothing here."""
from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record

from . import errors, users
from . import service as iam
from .names import identifier, moment
from .pages import page

if TYPE_CHECKING:
    from cloche.shapes import iam as t

KEYS_PER_USER = 5


class SshKey(Record, frozen=True):
    kind = "iam.ssh-key"
    scope = "account"

    id: str
    user: str                                          # the user's unique id
    body: str                                          # ssh-rsa AAAA...
    fingerprint: str
    created: float
    active: bool = True

    @property
    def key(self) -> str:
        return self.id


def of(call: Call, user: users.User) -> list[SshKey]:
    return [one for one in call.all(SshKey) if one.user == user.id]


def find(call: Call, req: Any) -> tuple[users.User, SshKey]:
    user = users.find(call, req["UserName"])
    found = call.get(SshKey, req["SSHPublicKeyId"])
    if found is None or found.user != user.id:
        raise AwsError("NoSuchEntity", f"The Public Key with id {req['SSHPublicKeyId']} cannot be found.", 404)
    return user, found


def read(body: str) -> Any:
    """An RSA key of 2048 bits and more, as ssh-rsa or PEM."""
    from cryptography.hazmat.primitives import serialization as forms  # takes time and memory to import; few users have SSH keys
    from cryptography.hazmat.primitives.asymmetric import rsa
    try:
        key = forms.load_pem_public_key(body.encode()) if body.startswith("-----") else forms.load_ssh_public_key(body.encode())
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < 2048:
        raise AwsError("InvalidPublicKey", "The public key is invalid. Make sure that it is an RSA key of at least 2048 bits in ssh-rsa or PEM format.", 400)
    return key


def view(user: users.User, key: SshKey, body: str) -> dict[str, Any]:
    return {"UserName": user.name, "SSHPublicKeyId": key.id, "Fingerprint": key.fingerprint, "SSHPublicKeyBody": body, "Status": "Active" if key.active else "Inactive",
            "UploadDate": key.created}


@iam.op(resource=users.by_name, context=users.facts)
def upload_ssh_public_key(call: Call, req: t.UploadSSHPublicKeyRequest) -> t.UploadSSHPublicKeyResponse:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    user, public = users.find(call, req["UserName"]), read(req["SSHPublicKeyBody"].strip())
    body = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    digest = hashlib.md5(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), usedforsecurity=False).hexdigest()
    have = of(call, user)
    if any(one.body == body for one in have):
        raise AwsError("DuplicateSSHPublicKey", "The SSH public key is already associated with the user.", 400)
    if len(have) >= KEYS_PER_USER:
        raise errors.too_many("SSHPublicKeysPerUser", KEYS_PER_USER)
    key = call.put(SshKey(identifier(call, "APKA", 16), user.id, body, ":".join(digest[i:i + 2] for i in range(0, 32, 2)), moment(call)))
    return {"SSHPublicKey": view(user, key, body)}


@iam.op(resource=users.by_name, context=users.facts)
def get_ssh_public_key(call: Call, req: t.GetSSHPublicKeyRequest) -> t.GetSSHPublicKeyResponse:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    user, key = find(call, req)
    body = key.body if req["Encoding"] == "SSH" else read(key.body).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"SSHPublicKey": view(user, key, body)}


@iam.op(resource=users.by_name, context=users.facts)
def list_ssh_public_keys(call: Call, req: t.ListSSHPublicKeysRequest) -> t.ListSSHPublicKeysResponse:
    user = users.find(call, users.name_of(call, req))
    found, more = page(req, of(call, user), key=lambda one: one.id)
    return {"SSHPublicKeys": [
        {"UserName": user.name, "SSHPublicKeyId": one.id, "Status": "Active" if one.active else "Inactive", "UploadDate": one.created} for one in found], **more}


@iam.op(resource=users.by_name, context=users.facts)
def update_ssh_public_key(call: Call, req: t.UpdateSSHPublicKeyRequest) -> None:
    call.put(find(call, req)[1].but(active=req["Status"] == "Active"))


@iam.op(resource=users.by_name, context=users.facts)
def delete_ssh_public_key(call: Call, req: t.DeleteSSHPublicKeyRequest) -> None:
    call.delete(find(call, req)[1])
