"""Key pairs: made here, imported, and their fingerprints."""
import hashlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization as form

from .instances import launch, one, refused


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_a_pair_that_was_made_here_can_be_used_by_ssh(cloud, kind, tmp_path):
    ec2 = cloud.client("ec2")
    made = ec2.create_key_pair(KeyName="k", KeyType=kind)
    file = tmp_path / "k.pem"
    file.write_text(made["KeyMaterial"])
    file.chmod(0o600)
    read = form.load_pem_private_key if kind == "rsa" else form.load_ssh_private_key
    pair = read(made["KeyMaterial"].encode(), None)
    shown = ec2.describe_key_pairs(KeyNames=["k"], IncludePublicKey=True)["KeyPairs"][0]
    public = pair.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    assert shown["PublicKey"].startswith(public) and shown["KeyType"] == kind and shown["KeyPairId"] == made["KeyPairId"]
    if kind == "rsa":
        inner = pair.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption())
        assert made["KeyFingerprint"].replace(":", "") == hashlib.sha1(inner).hexdigest()
    if shutil.which("ssh-keygen"):
        assert subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=True).stdout.split()[:2] == public.split()


def test_names_are_taken_once_and_deleting_what_is_not_there_is_fine(cloud):
    ec2 = cloud.client("ec2")
    id_ = ec2.create_key_pair(KeyName="k", TagSpecifications=[{"ResourceType": "key-pair", "Tags": [{"Key": "a", "Value": "b"}]}])["KeyPairId"]
    refused("InvalidKeyPair.Duplicate", ec2.create_key_pair, KeyName="k")
    assert ec2.describe_key_pairs(Filters=[{"Name": "tag:a", "Values": ["b"]}])["KeyPairs"][0]["KeyName"] == "k"
    assert one(ec2, launch(cloud, KeyName="k"))["KeyName"] == "k"
    assert ec2.delete_key_pair(KeyPairId=id_)["KeyPairId"] == id_
    assert ec2.delete_key_pair(KeyName="k")["Return"]
    refused("InvalidKeyPair.NotFound", ec2.describe_key_pairs, KeyNames=["k"])


def test_imported_keys_are_known_by_aws_fingerprints(cloud):
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    ec2 = cloud.client("ec2")
    pair = rsa.generate_private_key(65537, 2048).public_key()
    made = ec2.import_key_pair(KeyName="r", PublicKeyMaterial=pair.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH))
    assert made["KeyFingerprint"].replace(":", "") == hashlib.md5(pair.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    ec2.import_key_pair(KeyName="e", PublicKeyMaterial=other.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH))
    assert {k["KeyName"]: k["KeyType"] for k in ec2.describe_key_pairs()["KeyPairs"]} == {"r": "rsa", "e": "ed25519"}
    refused("InvalidKey.Format", ec2.import_key_pair, KeyName="bad", PublicKeyMaterial=b"nonsense")
    assert ec2.create_key_pair(KeyName="p", KeyFormat="ppk")["KeyMaterial"].startswith("PuTTY-User-Key-File-2: ssh-rsa")
