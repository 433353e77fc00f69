"""KMS through boto3."""
from __future__ import annotations

import hashlib
import json

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, keywrap, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

DAY = 86400


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


@pytest.fixture
def key(kms):
    return kms.create_key(Description="d")["KeyMetadata"]["KeyId"]


def code_of(function, *args, **kw):
    with pytest.raises(ClientError) as error:
        function(*args, **kw)
    return error.value.response["Error"]["Code"]


def user(cloud, name, *statements):
    """A client of a user with these permissions, and its ARN."""
    iam = cloud.client("iam")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return cloud.client("kms", key=made["AccessKeyId"], secret=made["SecretAccessKey"]), arn


class TestKeys:
    def test_a_new_key_has_the_defaults(self, kms, cloud):
        meta = kms.create_key()["KeyMetadata"]
        assert meta["Arn"] == f"arn:aws:kms:us-east-1:{cloud.account}:key/{meta['KeyId']}"
        expected = {"KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT", "Origin": "AWS_KMS", "KeyState": "Enabled", "KeyManager": "CUSTOMER", "MultiRegion": False,
                    "Enabled": True, "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"]}
        assert meta | expected == meta
        policy = json.loads(kms.get_key_policy(KeyId=meta["KeyId"])["Policy"])
        assert [(s["Action"], s["Principal"]) for s in policy["Statement"]] == [("kms:*", {"AWS": f"arn:aws:iam::{cloud.account}:root"})]
        assert kms.list_key_policies(KeyId=meta["KeyId"])["PolicyNames"] == ["default"]

    def test_keys_are_listed_in_pages(self, kms):
        made = {kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(3)}
        pages = list(kms.get_paginator("list_keys").paginate(PaginationConfig={"PageSize": 2}))
        assert [len(p["Keys"]) for p in pages] == [2, 1] and {k["KeyId"] for p in pages for k in p["Keys"]} == made

    def test_an_unknown_key_is_not_found_in_aws_words(self, kms, cloud):
        id_ = "00000000-0000-4000-8000-000000000000"
        with pytest.raises(ClientError) as error:
            kms.describe_key(KeyId=id_)
        assert error.value.response["Error"] == {"Code": "NotFoundException", "Message": f"Key 'arn:aws:kms:us-east-1:{cloud.account}:key/{id_}' does not exist"}
        assert code_of(kms.describe_key, KeyId="x") == "NotFoundException"
        assert code_of(kms.describe_key, KeyId="alias/x") == "NotFoundException"

    def test_the_description_can_be_changed(self, kms, key):
        kms.update_key_description(KeyId=key, Description="e")
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["Description"] == "e"

    def test_a_disabled_key_encrypts_nothing(self, kms, key):
        kms.disable_key(KeyId=key)
        assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x") == "DisabledException"
        kms.enable_key(KeyId=key)
        assert kms.encrypt(KeyId=key, Plaintext=b"x")["KeyId"].endswith(key)

    def test_deletion_waits_and_can_be_cancelled(self, kms, key, cloud):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert code_of(kms.schedule_key_deletion, KeyId=key, PendingWindowInDays=6) == "ValidationException"
        assert kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)["KeyState"] == "PendingDeletion"
        assert code_of(kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
        kms.cancel_key_deletion(KeyId=key)
        assert kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Disabled"
        assert code_of(kms.cancel_key_deletion, KeyId=key) == "KMSInvalidStateException"
        kms.enable_key(KeyId=key)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        cloud.advance(days=8)
        assert code_of(kms.describe_key, KeyId=key) == "NotFoundException"
        assert code_of(kms.decrypt, CiphertextBlob=blob) == "AccessDeniedException"

    def test_tags(self, kms, key):
        kms.tag_resource(KeyId=key, Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "b", "TagValue": "2"}])
        kms.untag_resource(KeyId=key, TagKeys=["a"])
        assert kms.list_resource_tags(KeyId=key)["Tags"] == [{"TagKey": "b", "TagValue": "2"}]
        assert code_of(kms.tag_resource, KeyId=key, Tags=[{"TagKey": "aws:x", "TagValue": ""}]) == "TagException"


class TestEncryption:
    def test_a_ciphertext_is_random_and_opens_without_naming_the_key(self, kms, key):
        one, two = (kms.encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"] for _ in range(2))
        assert one != two
        answer = kms.decrypt(CiphertextBlob=one)
        assert answer["Plaintext"] == b"secret" and answer["KeyId"].endswith(key)

    def test_the_encryption_context_binds(self, kms, key):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=blob, EncryptionContext={"b": "2", "a": "1"})["Plaintext"] == b"x"
        assert code_of(kms.decrypt, CiphertextBlob=blob, EncryptionContext={"a": "1"}) == "InvalidCiphertextException"

    def test_a_changed_ciphertext_or_another_key_opens_nothing(self, kms, key):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert code_of(kms.decrypt, CiphertextBlob=blob[:-1] + bytes([blob[-1] ^ 1])) == "InvalidCiphertextException"
        assert code_of(kms.decrypt, CiphertextBlob=b"nonsense") == "InvalidCiphertextException"
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        assert code_of(kms.decrypt, CiphertextBlob=blob, KeyId=other) == "IncorrectKeyException"

    def test_a_ciphertext_does_not_open_in_another_region(self, kms, key, cloud):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert code_of(cloud.client("kms", region="eu-west-1").decrypt, CiphertextBlob=blob) == "AccessDeniedException"

    def test_only_4096_bytes_can_be_encrypted(self, kms, key):
        with pytest.raises(ClientError) as error:
            kms.encrypt(KeyId=key, Plaintext=b"x" * 4097)
        assert "at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096" in str(error.value)

    def test_re_encryption_moves_a_plaintext_to_another_key_and_context(self, kms, key):
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        blob = kms.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})["CiphertextBlob"]
        moved = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext={"a": "1"}, DestinationKeyId=other, DestinationEncryptionContext={"b": "2"})
        assert moved["SourceKeyId"].endswith(key) and moved["KeyId"].endswith(other)
        assert kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], EncryptionContext={"b": "2"})["Plaintext"] == b"x"

    def test_a_dry_run_does_nothing_but_say_so(self, kms, key):
        assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x", DryRun=True) == "DryRunOperationException"


class TestDataKeys:
    @pytest.mark.parametrize(("how", "length"), [({"KeySpec": "AES_128"}, 16), ({"KeySpec": "AES_256"}, 32), ({"NumberOfBytes": 7}, 7)])
    def test_a_data_key_comes_open_and_sealed(self, kms, key, how, length):
        made = kms.generate_data_key(KeyId=key, **how)
        assert len(made["Plaintext"]) == length
        assert kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"] == made["Plaintext"]

    def test_size_and_spec_exclude_each_other(self, kms, key):
        assert code_of(kms.generate_data_key, KeyId=key) == "ValidationException"
        assert code_of(kms.generate_data_key, KeyId=key, KeySpec="AES_128", NumberOfBytes=3) == "ValidationException"

    def test_without_plaintext_only_the_sealed_key_comes(self, kms, key):
        made = kms.generate_data_key_without_plaintext(KeyId=key, KeySpec="AES_256")
        assert "Plaintext" not in made and len(kms.decrypt(CiphertextBlob=made["CiphertextBlob"])["Plaintext"]) == 32

    def test_random_bytes(self, kms):
        one = kms.generate_random(NumberOfBytes=33)["Plaintext"]
        assert len(one) == 33 and one != kms.generate_random(NumberOfBytes=33)["Plaintext"]

    def test_pairs_of_data_keys(self, kms, key):
        made = kms.generate_data_key_pair(KeyId=key, KeyPairSpec="ECC_NIST_P256")
        private = serialization.load_der_private_key(made["PrivateKeyPlaintext"], None)
        assert private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]
        assert kms.decrypt(CiphertextBlob=made["PrivateKeyCiphertextBlob"])["Plaintext"] == made["PrivateKeyPlaintext"]
        assert "PrivateKeyPlaintext" not in kms.generate_data_key_pair_without_plaintext(KeyId=key, KeyPairSpec="ECC_NIST_P256")


class TestAliases:
    def test_an_alias_is_another_name_until_it_is_moved_or_deleted(self, kms, key, cloud):
        kms.create_alias(AliasName="alias/a", TargetKeyId=key)
        arn = f"arn:aws:kms:us-east-1:{cloud.account}:alias/a"
        blob = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
        other = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.update_alias(AliasName="alias/a", TargetKeyId=other)
        assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["KeyId"] == other
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        assert [a["AliasArn"] for a in kms.list_aliases(KeyId=other)["Aliases"]] == [arn]
        kms.delete_alias(AliasName="alias/a")
        assert code_of(kms.encrypt, KeyId="alias/a", Plaintext=b"x") == "NotFoundException"

    def test_names_of_aliases(self, kms, key):
        assert code_of(kms.create_alias, AliasName="a", TargetKeyId=key) == "ValidationException"
        assert code_of(kms.create_alias, AliasName="alias/aws/a", TargetKeyId=key) == "NotAuthorizedException"
        kms.create_alias(AliasName="alias/b", TargetKeyId=key)
        assert code_of(kms.create_alias, AliasName="alias/b", TargetKeyId=key) == "AlreadyExistsException"
        assert code_of(kms.update_alias, AliasName="alias/c", TargetKeyId=key) == "NotFoundException"

    def test_aws_own_keys_appear_when_first_named_and_are_not_ours(self, kms):
        assert kms.list_aliases()["Aliases"] == []
        meta = kms.describe_key(KeyId="alias/aws/s3")["KeyMetadata"]
        assert meta["KeyManager"] == "AWS"
        assert [a["AliasName"] for a in kms.list_aliases()["Aliases"]] == ["alias/aws/s3"]
        assert code_of(kms.encrypt, KeyId="alias/aws/s3", Plaintext=b"x") == "AccessDeniedException"
        assert code_of(kms.schedule_key_deletion, KeyId=meta["KeyId"]) == "AccessDeniedException"


class TestPolicies:
    def test_a_policy_that_locks_its_author_out_is_refused_unless_he_insists(self, kms, key, cloud):
        shut = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}, "Action": "kms:Encrypt", "Resource": "*"}]})
        assert code_of(kms.put_key_policy, KeyId=key, Policy=shut) == "MalformedPolicyDocumentException"
        assert code_of(kms.create_key, Policy=shut) == "MalformedPolicyDocumentException"
        assert code_of(kms.put_key_policy, KeyId=key, Policy="{") == "MalformedPolicyDocumentException"
        kms.put_key_policy(KeyId=key, Policy=shut, BypassPolicyLockoutSafetyCheck=True)
        assert code_of(kms.get_key_policy, KeyId=key) == "AccessDeniedException"

    def test_iam_counts_only_where_the_key_policy_delegates_to_the_account(self, kms, key, cloud):
        client, arn = user(cloud, "u", {"Effect": "Allow", "Action": "kms:*", "Resource": "*"})
        client.encrypt(KeyId=key, Plaintext=b"x")
        only = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": arn.replace("user/u", "root")}, "Action": "kms:*", "Resource": "*",
                                                        "Condition": {"StringEquals": {"aws:PrincipalArn": arn.replace("user/u", "root")}}}]}
        kms.put_key_policy(KeyId=key, Policy=json.dumps(only))
        assert code_of(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"

    def test_a_key_policy_that_names_a_user_needs_no_iam(self, kms, key, cloud):
        client, arn = user(cloud, "u")
        assert code_of(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
        policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
        policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "kms:Encrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:EncryptionContext:a": "1"}}})
        kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
        client.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"})
        assert code_of(client.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"a": "2"}) == "AccessDeniedException"

    def test_another_account_needs_the_key_policy(self, kms, key, cloud):
        other = cloud.other()
        arn = kms.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
        assert code_of(other.client("kms").encrypt, KeyId=arn, Plaintext=b"x") == "AccessDeniedException"
        policy = json.loads(kms.get_key_policy(KeyId=key)["Policy"])
        policy["Statement"].append({"Effect": "Allow", "Principal": {"AWS": other.account}, "Action": ["kms:Encrypt", "kms:Decrypt"], "Resource": "*"})
        kms.put_key_policy(KeyId=key, Policy=json.dumps(policy))
        blob = other.client("kms").encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
        assert other.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


class TestGrants:
    def test_a_grant_allows_its_operations_under_its_constraints(self, kms, key, cloud):
        client, arn = user(cloud, "u")
        grant = kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Encrypt", "Decrypt"], Constraints={"EncryptionContextSubset": {"a": "1"}})
        client.encrypt(KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1", "b": "2"})
        assert code_of(client.encrypt, KeyId=key, Plaintext=b"x") == "AccessDeniedException"
        assert code_of(client.generate_data_key, KeyId=key, KeySpec="AES_256", EncryptionContext={"a": "1"}) == "AccessDeniedException"
        assert [g["GrantId"] for g in kms.list_grants(KeyId=key)["Grants"]] == [grant["GrantId"]]
        kms.revoke_grant(KeyId=key, GrantId=grant["GrantId"])
        assert code_of(client.encrypt, KeyId=key, Plaintext=b"x", EncryptionContext={"a": "1"}) == "AccessDeniedException"
        assert code_of(kms.revoke_grant, KeyId=key, GrantId=grant["GrantId"]) == "NotFoundException"

    def test_a_grant_is_for_what_its_key_can_do(self, kms, key, cloud):
        who = f"arn:aws:iam::{cloud.account}:root"
        assert code_of(kms.create_grant, KeyId=key, GranteePrincipal=who, Operations=["Sign"]) == "ValidationException"
        pair = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        assert code_of(kms.create_grant, KeyId=pair, GranteePrincipal=who, Operations=["GenerateDataKey"]) == "ValidationException"
        assert code_of(kms.create_grant, KeyId=pair, GranteePrincipal=who, Operations=["Sign"], Constraints={"EncryptionContextEquals": {"a": "b"}}) == "ValidationException"
        assert kms.create_grant(KeyId=pair, GranteePrincipal=who, Operations=["Sign", "DescribeKey"])["GrantId"]

    def test_the_retiring_principal_ends_a_grant(self, kms, key, cloud):
        client, arn = user(cloud, "u")
        grant = kms.create_grant(KeyId=key, GranteePrincipal=arn, RetiringPrincipal=arn, Operations=["Decrypt"])
        assert [g["GrantId"] for g in kms.list_retirable_grants(RetiringPrincipal=arn)["Grants"]] == [grant["GrantId"]]
        client.retire_grant(GrantToken=grant["GrantToken"])
        assert kms.list_grants(KeyId=key)["Grants"] == []

    def test_the_same_named_grant_again_is_the_same_grant(self, kms, key, cloud):
        _, arn = user(cloud, "u")
        one, two = (kms.create_grant(KeyId=key, GranteePrincipal=arn, Operations=["Decrypt"], Name="n") for _ in range(2))
        assert one["GrantId"] == two["GrantId"]


class TestRotation:
    def test_a_rotated_key_still_opens_what_it_sealed_before(self, kms, key, cloud):
        blob = kms.encrypt(KeyId=key, Plaintext=b"x")["CiphertextBlob"]
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False
        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        status = kms.get_key_rotation_status(KeyId=key)
        assert status["KeyRotationEnabled"] and status["RotationPeriodInDays"] == 90
        kms.rotate_key_on_demand(KeyId=key)
        cloud.advance(days=91)
        assert [r["RotationType"] for r in kms.list_key_rotations(KeyId=key)["Rotations"]] == ["ON_DEMAND", "AUTOMATIC"]
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        kms.disable_key_rotation(KeyId=key)
        assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is False

    def test_only_symmetric_keys_rotate(self, kms):
        hmac_key = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        assert code_of(kms.enable_key_rotation, KeyId=hmac_key) == "UnsupportedOperationException"


class TestEvents:
    def test_rotation_and_deletion_are_events(self, kms, key, cloud):
        events, sqs = cloud.client("events"), cloud.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{cloud.account}:q"
        allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [allow]})})
        events.put_rule(Name="r", EventPattern='{"source": ["aws.kms"]}')
        events.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": arn}])

        def heard():
            return [json.loads(m["Body"]) for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", [])]

        kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=90)
        cloud.advance(days=91)
        [rotated] = heard()
        assert (rotated["detail-type"], rotated["detail"], rotated["resources"][0].split("/")[1]) == ("KMS CMK Rotation", {"key-id": key}, key)
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
        cloud.advance(days=8)
        assert [e["detail-type"] for e in heard()][-1] == "KMS CMK Deletion"


class TestAsymmetric:
    def test_usage_must_be_said_and_must_fit(self, kms):
        assert code_of(kms.create_key, KeySpec="RSA_2048") == "ValidationException"
        assert code_of(kms.create_key, KeySpec="HMAC_256", KeyUsage="SIGN_VERIFY") == "ValidationException"

    def test_a_signature_is_verified_here_and_elsewhere(self, kms):
        key = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        signature = kms.sign(KeyId=key, Message=b"m", SigningAlgorithm="ECDSA_SHA_256")["Signature"]
        assert kms.verify(KeyId=key, Message=hashlib.sha256(b"m").digest(), MessageType="DIGEST", Signature=signature, SigningAlgorithm="ECDSA_SHA_256")["SignatureValid"]
        assert code_of(kms.verify, KeyId=key, Message=b"n", Signature=signature, SigningAlgorithm="ECDSA_SHA_256") == "KMSInvalidSignatureException"
        assert code_of(kms.sign, KeyId=key, Message=b"n", SigningAlgorithm="ECDSA_SHA_384") == "InvalidKeyUsageException"
        assert code_of(kms.encrypt, KeyId=key, Plaintext=b"n") == "InvalidKeyUsageException"
        public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
        public.verify(signature, b"m", ec.ECDSA(hashes.SHA256()))

    def test_rsa_encrypts_with_oaep_up_to_its_size(self, kms):
        key = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["KeyId"]
        public = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
        blob = public.encrypt(b"x", padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        assert kms.decrypt(KeyId=key, CiphertextBlob=blob, EncryptionAlgorithm="RSAES_OAEP_SHA_256")["Plaintext"] == b"x"
        kms.encrypt(KeyId=key, Plaintext=b"x" * 190, EncryptionAlgorithm="RSAES_OAEP_SHA_256")
        assert code_of(kms.encrypt, KeyId=key, Plaintext=b"x" * 191, EncryptionAlgorithm="RSAES_OAEP_SHA_256") == "ValidationException"

    def test_macs(self, kms, key):
        id_ = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        mac = kms.generate_mac(KeyId=id_, Message=b"m", MacAlgorithm="HMAC_SHA_256")["Mac"]
        assert kms.verify_mac(KeyId=id_, Message=b"m", Mac=mac, MacAlgorithm="HMAC_SHA_256")["MacValid"]
        assert code_of(kms.verify_mac, KeyId=id_, Message=b"n", Mac=mac, MacAlgorithm="HMAC_SHA_256") == "KMSInvalidMacException"
        assert code_of(kms.generate_mac, KeyId=key, Message=b"m", MacAlgorithm="HMAC_SHA_256") == "InvalidKeyUsageException"


class TestImports:
    @pytest.fixture
    def external(self, kms):
        return kms.create_key(Origin="EXTERNAL")["KeyMetadata"]["KeyId"]

    def bring(self, kms, key, material, **more):
        asked = kms.get_parameters_for_import(KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(asked["PublicKey"])
        wrapped = public.encrypt(material, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        return kms.import_key_material(KeyId=key, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=wrapped, **{"ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"} | more)

    def test_a_key_waits_for_its_material_and_takes_no_other(self, kms, external):
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"] == "PendingImport"
        assert code_of(kms.encrypt, KeyId=external, Plaintext=b"x") == "KMSInvalidStateException"
        self.bring(kms, external, b"m" * 32)
        blob = kms.encrypt(KeyId=external, Plaintext=b"x")["CiphertextBlob"]
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["ExpirationModel"] == "KEY_MATERIAL_DOES_NOT_EXPIRE"
        kms.delete_imported_key_material(KeyId=external)
        assert code_of(kms.decrypt, CiphertextBlob=blob) == "KMSInvalidStateException"
        assert code_of(self.bring, kms, external, b"n" * 32) == "IncorrectKeyMaterialException"
        self.bring(kms, external, b"m" * 32)
        assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"

    def test_material_comes_wrapped_in_two_layers_too(self, kms, external):
        asked = kms.get_parameters_for_import(KeyId=external, WrappingAlgorithm="RSA_AES_KEY_WRAP_SHA_256", WrappingKeySpec="RSA_2048")
        public = serialization.load_der_public_key(asked["PublicKey"])
        outer = public.encrypt(b"k" * 32, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
        wrapped = outer + keywrap.aes_key_wrap_with_padding(b"k" * 32, b"m" * 32)
        kms.import_key_material(KeyId=external, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=wrapped, ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE")
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"] == "Enabled"
        assert code_of(
            kms.import_key_material, KeyId=external, ImportToken=asked["ImportToken"], EncryptedKeyMaterial=wrapped[:-1], ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE",
        ) == "InvalidCiphertextException"

    def test_material_expires_on_the_clock(self, kms, external, cloud):
        assert code_of(self.bring, kms, external, b"m" * 32, ExpirationModel="KEY_MATERIAL_EXPIRES") == "ValidationException"
        self.bring(kms, external, b"m" * 32, ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=cloud.now + 3600)
        kms.encrypt(KeyId=external, Plaintext=b"x")
        cloud.advance(hours=2)
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"] == "PendingImport"

    def materials(self, kms, key):
        return [(one["KeyMaterialState"], one["ImportState"]) for one in kms.list_key_rotations(KeyId=key, IncludeKeyMaterial="ALL_KEY_MATERIAL")["Rotations"]]

    def test_new_material_waits_until_the_key_is_rotated_and_the_old_still_decrypts(self, kms, external, cloud):
        first = self.bring(kms, external, b"m" * 32)["KeyMaterialId"]
        before = kms.encrypt(KeyId=external, Plaintext=b"before")["CiphertextBlob"]
        assert code_of(kms.rotate_key_on_demand, KeyId=external) == "KMSInvalidStateException"
        second = self.bring(kms, external, b"n" * 32, ImportType="NEW_KEY_MATERIAL", KeyMaterialDescription="the second")["KeyMaterialId"]
        assert self.materials(kms, external) == [("CURRENT", "IMPORTED"), ("PENDING_ROTATION", "IMPORTED")]
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["CurrentKeyMaterialId"] == first
        assert code_of(self.bring, kms, external, b"o" * 32, ImportType="NEW_KEY_MATERIAL") == "KMSInvalidStateException"
        assert code_of(self.bring, kms, external, b"m" * 32, ImportType="NEW_KEY_MATERIAL") == "IncorrectKeyMaterialException"
        kms.rotate_key_on_demand(KeyId=external)
        assert self.materials(kms, external) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "IMPORTED")]
        [rotation] = kms.list_key_rotations(KeyId=external)["Rotations"]
        assert rotation["RotationType"] == "ON_DEMAND" and rotation["KeyMaterialId"] == second and rotation["KeyMaterialDescription"] == "the second"
        after = kms.encrypt(KeyId=external, Plaintext=b"after")["CiphertextBlob"]
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["CurrentKeyMaterialId"] == second
        assert [kms.decrypt(CiphertextBlob=blob)["Plaintext"] for blob in (before, after)] == [b"before", b"after"]
        assert code_of(kms.enable_key_rotation, KeyId=external) == "UnsupportedOperationException" and kms.get_key_rotation_status(KeyId=external)["KeyRotationEnabled"] is False

    def test_a_key_of_several_materials_needs_them_all(self, kms, external, cloud):
        first = self.bring(kms, external, b"m" * 32)["KeyMaterialId"]
        self.bring(kms, external, b"n" * 32, ImportType="NEW_KEY_MATERIAL", ExpirationModel="KEY_MATERIAL_EXPIRES", ValidTo=cloud.now + 3600)
        kms.rotate_key_on_demand(KeyId=external)
        assert kms.delete_imported_key_material(KeyId=external, KeyMaterialId=first)["KeyMaterialId"] == first
        state = lambda: kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"]
        assert state() == "PendingImport" and self.materials(kms, external) == [("NON_CURRENT", "PENDING_IMPORT"), ("CURRENT", "IMPORTED")]
        assert code_of(kms.encrypt, KeyId=external, Plaintext=b"x") == "KMSInvalidStateException"
        assert code_of(self.bring, kms, external, b"x" * 32) == "IncorrectKeyMaterialException"
        self.bring(kms, external, b"m" * 32, KeyMaterialId=first)
        assert state() == "Enabled"
        cloud.advance(hours=2)
        assert state() == "PendingImport" and self.materials(kms, external) == [("NON_CURRENT", "IMPORTED"), ("CURRENT", "PENDING_IMPORT")]
        self.bring(kms, external, b"n" * 32)
        assert state() == "Enabled"
        assert code_of(kms.delete_imported_key_material, KeyId=external, KeyMaterialId="0" * 64) == "NotFoundException"

    def test_what_waits_for_a_rotation_may_go_without_closing_the_key(self, kms, external):
        self.bring(kms, external, b"m" * 32)
        waiting = self.bring(kms, external, b"n" * 32, ImportType="NEW_KEY_MATERIAL")["KeyMaterialId"]
        kms.delete_imported_key_material(KeyId=external, KeyMaterialId=waiting)
        assert kms.describe_key(KeyId=external)["KeyMetadata"]["KeyState"] == "Enabled" and code_of(kms.rotate_key_on_demand, KeyId=external) == "KMSInvalidStateException"
        self.bring(kms, external, b"n" * 32)
        kms.rotate_key_on_demand(KeyId=external)

    def test_a_token_belongs_to_its_key(self, kms, external, key):
        assert code_of(kms.get_parameters_for_import, KeyId=key, WrappingAlgorithm="RSAES_OAEP_SHA_256", WrappingKeySpec="RSA_2048") == "UnsupportedOperationException"
        assert code_of(kms.import_key_material, KeyId=external, ImportToken=b"x", EncryptedKeyMaterial=b"y", ExpirationModel="KEY_MATERIAL_DOES_NOT_EXPIRE") == "InvalidImportTokenException"


class TestMultiRegion:
    def test_a_ciphertext_opens_in_every_region_of_its_key(self, kms, key, cloud):
        assert code_of(kms.replicate_key, KeyId=key, ReplicaRegion="eu-west-1") == "UnsupportedOperationException"
        first = kms.create_key(MultiRegion=True)["KeyMetadata"]
        assert first["KeyId"].startswith("mrk-")
        made = kms.replicate_key(KeyId=first["KeyId"], ReplicaRegion="eu-west-1")["ReplicaKeyMetadata"]
        assert made["MultiRegionConfiguration"]["MultiRegionKeyType"] == "REPLICA" and made["Arn"] == first["Arn"].replace("us-east-1", "eu-west-1")
        assert kms.describe_key(KeyId=first["KeyId"])["KeyMetadata"]["MultiRegionConfiguration"]["ReplicaKeys"] == [{"Arn": made["Arn"], "Region": "eu-west-1"}]
        there = cloud.client("kms", region="eu-west-1")
        blob = kms.encrypt(KeyId=first["KeyId"], Plaintext=b"x")["CiphertextBlob"]
        assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"
        kms.rotate_key_on_demand(KeyId=first["KeyId"])
        blob = kms.encrypt(KeyId=first["KeyId"], Plaintext=b"y")["CiphertextBlob"]
        assert there.decrypt(CiphertextBlob=blob)["Plaintext"] == b"y"
        assert code_of(there.replicate_key, KeyId=first["KeyId"], ReplicaRegion="eu-west-2") == "UnsupportedOperationException"

    def test_the_primary_can_move_and_goes_last(self, kms, cloud):
        id_ = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
        kms.replicate_key(KeyId=id_, ReplicaRegion="eu-west-1")
        there = cloud.client("kms", region="eu-west-1")
        kms.update_primary_region(KeyId=id_, PrimaryRegion="eu-west-1")
        kinds = [c.describe_key(KeyId=id_)["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"] for c in (kms, there)]
        assert kinds == ["REPLICA", "PRIMARY"]
        assert there.schedule_key_deletion(KeyId=id_, PendingWindowInDays=7)["KeyState"] == "PendingReplicaDeletion"
        kms.schedule_key_deletion(KeyId=id_, PendingWindowInDays=7)
        cloud.advance(days=8)
        assert code_of(kms.describe_key, KeyId=id_) == "NotFoundException"
        assert there.describe_key(KeyId=id_)["KeyMetadata"]["KeyState"] == "PendingDeletion"


class TestKeyStores:
    def test_there_is_no_cluster_and_so_no_store(self, kms):
        new = {"CustomKeyStoreName": "store", "CloudHsmClusterId": "cluster-abcdefg2345", "TrustAnchorCertificate": "x", "KeyStorePassword": "password1"}
        assert code_of(kms.create_custom_key_store, **new) == "CloudHsmClusterNotFoundException"
        assert code_of(kms.create_custom_key_store, CustomKeyStoreName="store") == "ValidationException"
        assert code_of(kms.create_custom_key_store, CustomKeyStoreName="store", CustomKeyStoreType="EXTERNAL_KEY_STORE") == "ValidationException"
        assert kms.describe_custom_key_stores()["CustomKeyStores"] == []
        assert code_of(kms.describe_custom_key_stores, CustomKeyStoreName="store") == "CustomKeyStoreNotFoundException"
        for ask in (kms.connect_custom_key_store, kms.disconnect_custom_key_store, kms.update_custom_key_store, kms.delete_custom_key_store):
            assert code_of(ask, CustomKeyStoreId="cks-1234567890abcdef0") == "CustomKeyStoreNotFoundException"
        assert code_of(kms.create_key, Origin="AWS_CLOUDHSM", CustomKeyStoreId="cks-1234567890abcdef0") == "CustomKeyStoreNotFoundException"
        assert code_of(kms.create_key, Origin="AWS_CLOUDHSM") == "ValidationException"
