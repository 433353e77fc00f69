"""The edges of KMS: sizes, digests, windows, counts, states."""
import hashlib
import hmac

import pytest
from botocore.config import Config
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from cloche.testing.people import Person, allow, refused


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def key(kms):
    return kms.create_key()["KeyMetadata"]["KeyId"]


def test_a_data_key_has_sixteen_thirty_two_or_as_many_bytes_as_asked(kms, key):
    sizes = [len(kms.generate_data_key(KeyId=key, **how)["Plaintext"]) for how in ({"KeySpec": "AES_128"}, {"KeySpec": "AES_256"}, {"NumberOfBytes": 1}, {"NumberOfBytes": 1024})]
    assert sizes == [16, 32, 1, 1024]
    refused("ValidationException", kms.generate_data_key, KeyId=key, NumberOfBytes=1025)
    refused("ValidationException", kms.generate_data_key, KeyId=key)
    refused("ValidationException", kms.generate_data_key, KeyId=key, KeySpec="AES_256", NumberOfBytes=32)


@pytest.mark.parametrize(("spec", "sha1", "sha256"), [("RSA_2048", 214, 190), ("RSA_3072", 342, 318), ("RSA_4096", 470, 446)])
def test_oaep_leaves_room_for_so_many_bytes(kms, spec, sha1, sha256):
    id_ = kms.create_key(KeySpec=spec, KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
    for algorithm, most in (("RSAES_OAEP_SHA_1", sha1), ("RSAES_OAEP_SHA_256", sha256)):
        kms.encrypt(KeyId=id_, Plaintext=b"x" * most, EncryptionAlgorithm=algorithm)
        refused("ValidationException", kms.encrypt, KeyId=id_, Plaintext=b"x" * (most + 1), EncryptionAlgorithm=algorithm)


def test_a_signature_with_pss_has_a_salt_as_long_as_its_digest(kms):
    id_ = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = serialization.load_der_public_key(kms.get_public_key(KeyId=id_)["PublicKey"])
    for bits, kind in ((256, hashes.SHA256()), (512, hashes.SHA512())):
        signature = kms.sign(KeyId=id_, Message=b"m", SigningAlgorithm=f"RSASSA_PSS_SHA_{bits}")["Signature"]
        public.verify(signature, b"m", padding.PSS(padding.MGF1(kind), bits // 8), kind)
    refused("ValidationException", kms.sign, KeyId=id_, Message=b"x" * 31, MessageType="DIGEST", SigningAlgorithm="RSASSA_PSS_SHA_256")
    kms.sign(KeyId=id_, Message=hashlib.sha256(b"m").digest(), MessageType="DIGEST", SigningAlgorithm="RSASSA_PSS_SHA_256")


def test_a_signature_of_a_curve_is_der(kms):
    id_ = kms.create_key(KeySpec="ECC_NIST_P384", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    assert all(utils.decode_dss_signature(kms.sign(KeyId=id_, Message=b"m", SigningAlgorithm="ECDSA_SHA_384")["Signature"]))


def test_a_key_is_deleted_after_thirty_days_unless_sooner(kms, key, cloud):
    when = kms.schedule_key_deletion(KeyId=key)
    assert when["PendingWindowInDays"] == 30 and round((when["DeletionDate"].timestamp() - cloud.now) / 86400) == 30
    refused("ValidationException", kms.schedule_key_deletion, KeyId=kms.create_key()["KeyMetadata"]["KeyId"], PendingWindowInDays=31)
    refused("KMSInvalidStateException", kms.encrypt, KeyId=key, Plaintext=b"x")


def test_an_encryption_again_needs_a_right_on_either_key(kms, key, cloud):
    source, target = (kms.describe_key(KeyId=k)["KeyMetadata"]["Arn"] for k in (key, kms.create_key()["KeyMetadata"]["KeyId"]))
    blob = kms.encrypt(KeyId=source, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
    ask = {"CiphertextBlob": blob, "SourceEncryptionContext": {"a": "1"}, "DestinationKeyId": target}
    for name, rights in (("from", [("kms:ReEncryptFrom", source)]), ("to", [("kms:ReEncryptTo", target)]), ("old", [("kms:Decrypt", source), ("kms:Encrypt", target)])):
        refused("AccessDeniedException", Person(cloud, name, *(allow(*right) for right in rights)).client("kms").re_encrypt, **ask)
    both = Person(cloud, "both", allow("kms:ReEncryptFrom", source), allow("kms:ReEncryptTo", target)).client("kms")
    assert both.re_encrypt(**ask)["KeyId"] == target
    refused("InvalidCiphertextException", both.re_encrypt, **ask | {"SourceEncryptionContext": {"a": "2"}})


def test_a_key_rotates_every_year_and_no_more_often_than_every_ninety_days(kms, key, cloud):
    unchecked = cloud.client("kms", config=Config(parameter_validation=False))
    for days in (89, 2561):
        refused("ValidationException", unchecked.enable_key_rotation, KeyId=key, RotationPeriodInDays=days)
    kms.enable_key_rotation(KeyId=key)
    status = kms.get_key_rotation_status(KeyId=key)
    assert status["RotationPeriodInDays"] == 365 and round((status["NextRotationDate"].timestamp() - cloud.now) / 86400) == 365


def test_a_key_rotates_on_demand_twenty_five_times(kms, key):
    first = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
    for _ in range(25):
        kms.rotate_key_on_demand(KeyId=key)
    refused("LimitExceededException", kms.rotate_key_on_demand, KeyId=key)
    assert len(kms.list_key_rotations(KeyId=key)["Rotations"]) == 25 and kms.decrypt(CiphertextBlob=first)["Plaintext"] == b"x"


def test_asymmetric_keys_do_not_rotate(kms):
    id_ = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    for ask in (kms.enable_key_rotation, kms.rotate_key_on_demand, kms.get_key_rotation_status):
        refused("UnsupportedOperationException", ask, KeyId=id_)


def test_a_grants_token_counts_at_once_and_constraints_bind_whole_contexts(kms, key, cloud):
    person = Person(cloud, "p")
    made = kms.create_grant(KeyId=key, GranteePrincipal=person.arn, Operations=["Encrypt", "DescribeKey"], Constraints={"EncryptionContextEquals": {"a": "1"}})
    arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    theirs = person.client("kms")
    theirs.encrypt(KeyId=arn, Plaintext=b"x", EncryptionContext={"a": "1"}, GrantTokens=[made["GrantToken"]])
    refused("AccessDeniedException", theirs.encrypt, KeyId=arn, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})
    theirs.describe_key(KeyId=arn)  # not cryptographic: no context, no constraint


def test_data_moves_to_another_region_under_a_data_key_sealed_twice(kms, key, cloud):
    there = cloud.client("kms", region="eu-west-1")
    far = there.create_key()["KeyMetadata"]["KeyId"]
    data_key = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    plain = kms.decrypt(CiphertextBlob=data_key["CiphertextBlob"])["Plaintext"]
    moved = there.encrypt(KeyId=far, Plaintext=plain)["CiphertextBlob"]
    assert there.decrypt(CiphertextBlob=moved)["Plaintext"] == data_key["Plaintext"]
    refused("AccessDeniedException", there.decrypt, CiphertextBlob=data_key["CiphertextBlob"])


def test_two_sides_agree_on_a_secret(kms):
    id_ = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="KEY_AGREEMENT")["KeyMetadata"]["KeyId"]
    ours = ec.generate_private_key(ec.SECP256R1())
    theirs = kms.get_public_key(KeyId=id_)
    assert theirs["KeyAgreementAlgorithms"] == ["ECDH"] == kms.describe_key(KeyId=id_)["KeyMetadata"]["KeyAgreementAlgorithms"]
    public = ours.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    answer = kms.derive_shared_secret(KeyId=id_, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    assert answer["SharedSecret"] == ours.exchange(ec.ECDH(), serialization.load_der_public_key(theirs["PublicKey"])) and answer["KeyOrigin"] == "AWS_KMS"
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for wrong in (other, b"nonsense"):
        refused("ValidationException", kms.derive_shared_secret, KeyId=id_, KeyAgreementAlgorithm="ECDH", PublicKey=wrong)
    refused("InvalidKeyUsageException", kms.sign, KeyId=id_, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")
    signer = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    refused("InvalidKeyUsageException", kms.derive_shared_secret, KeyId=signer, KeyAgreementAlgorithm="ECDH", PublicKey=public)
    refused("ValidationException", kms.create_key, KeySpec="ECC_SECG_P256K1", KeyUsage="KEY_AGREEMENT")


def der(private):
    return private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def bring(kms, key, material):
    """Wrapped in two layers, since a private key is too long for one."""
    asked = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec="RSA_2048")
    outer = serialization.load_der_public_key(asked["PublicKey"]).encrypt(b"k" * 32, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    kms.import_key_material(KeyId=key, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=outer + keywrap.aes_key_wrap_with_padding(b"k" * 32, material),
                            ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")


def test_material_of_every_kind_of_key_may_be_brought(kms):
    pair, curve = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    made = {spec: kms.create_key(KeySpec=spec, KeyUsage=usage, Origin="EXTERNAL")["KeyMetadata"]["KeyId"] for spec, usage in (
        ("RSA_2048", "SIGN_VERIFY"), ("ECC_NIST_P256", "SIGN_VERIFY"), ("HMAC_256", "GENERATE_VERIFY_MAC"))}
    refused("KMSInvalidStateException", kms.get_public_key, KeyId=made["RSA_2048"])
    for spec, wrong in (("RSA_2048", der(curve)), ("ECC_NIST_P256", der(ec.generate_private_key(ec.SECP384R1()))), ("HMAC_256", b"m" * 31), ("RSA_2048", b"m" * 32)):
        refused("IncorrectKeyMaterialException", bring, kms, made[spec], wrong)
    for spec, material in (("RSA_2048", der(pair)), ("ECC_NIST_P256", der(curve)), ("HMAC_256", b"m" * 32)):
        bring(kms, made[spec], material)
    pair.public_key().verify(kms.sign(KeyId=made["RSA_2048"], Message=b"m", SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256")["Signature"], b"m", padding.PKCS1v15(), hashes.SHA256())
    curve.public_key().verify(kms.sign(KeyId=made["ECC_NIST_P256"], Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"], b"m", ec.ECDSA(hashes.SHA256()))
    assert serialization.load_der_public_key(kms.get_public_key(KeyId=made["RSA_2048"])["PublicKey"]) == pair.public_key()
    assert kms.generate_mac(KeyId=made["HMAC_256"], Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"] == hmac.digest(b"m" * 32, b"m", "sha256")
