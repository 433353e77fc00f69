"""GetKeyLastUsage: what a key was last used for, when, and which event tells of it."""
import json

import pytest

from cloche.testing.people import refused


@pytest.fixture
def kms(cloud):
    return cloud.client("kms")


def last(kms, key):
    return kms.get_key_last_usage(KeyId=key)["KeyLastUsage"]


def test_the_last_successful_use_of_a_key_is_told_with_its_event(cloud, kms):
    key = kms.create_key()["KeyMetadata"]
    new = kms.get_key_last_usage(KeyId=key["Arn"])
    assert new["KeyLastUsage"] == {} and new["KeyId"] == key["KeyId"] and new["KeyCreationDate"] == new["TrackingStartDate"] == key["CreationDate"]
    blob = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert last(kms, key["KeyId"])["Operation"] == "Encrypt"
    cloud.advance(100)
    said = kms.decrypt(CiphertextBlob=blob)
    used = last(kms, key["KeyId"])
    assert used["Operation"] == "Decrypt" and used["KmsRequestId"] == said["ResponseMetadata"]["RequestId"] and 99 < (used["Timestamp"] - key["CreationDate"]).total_seconds() < 160
    event = cloud.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": used["CloudTrailEventId"]}])["Events"][0]
    assert event["EventName"] == "Decrypt" and json.loads(event["CloudTrailEvent"])["requestID"] == used["KmsRequestId"]
    refused("IncorrectKeyException", kms.decrypt, CiphertextBlob=blob, KeyId=kms.create_key()["KeyMetadata"]["KeyId"])
    refused("DryRunOperationException", kms.encrypt, KeyId=key["KeyId"], Plaintext=b"x", DryRun=True)
    assert last(kms, key["KeyId"]) == used, "what was refused is no use"
    refused("NotFoundException", kms.get_key_last_usage, KeyId="alias/none")


@pytest.mark.parametrize(("spec", "usage", "use", "name"), [
    ("HMAC_256", "GENERATE_VERIFY_MAC", lambda kms, id_: kms.generate_mac(KeyId=id_, Message=b"m", MacAlgorithm="HMAC_SHA_256"), "GenerateMac"),
    ("ECC_NIST_P256", "SIGN_VERIFY", lambda kms, id_: kms.sign(KeyId=id_, Message=b"m", SigningAlgorithm="ECDSA_SHA_256"), "Sign"),
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", lambda kms, id_: kms.generate_data_key_without_plaintext(KeyId=id_, KeySpec="AES_256"), "GenerateDataKeyWithoutPlaintext"),
    ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", lambda kms, id_: kms.re_encrypt(CiphertextBlob=kms.encrypt(KeyId=id_, Plaintext=b"x")["CiphertextBlob"], DestinationKeyId=id_), "ReEncrypt")])
def test_each_cryptographic_operation_is_a_use(kms, spec, usage, use, name):
    id_ = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"]
    kms.describe_key(KeyId=id_)
    use(kms, id_)
    assert last(kms, id_)["Operation"] == name


def test_what_a_service_does_with_a_key_is_a_use_and_an_event_of_that_service(cloud, kms):
    key, bucket = kms.create_key()["KeyMetadata"]["KeyId"], f"b{cloud.account}"
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    used = last(kms, key)
    assert used["Operation"] == "GenerateDataKey"
    event = cloud.client("cloudtrail").lookup_events(LookupAttributes=[{"AttributeKey": "EventId", "AttributeValue": used["CloudTrailEventId"]}])["Events"][0]
    record = json.loads(event["CloudTrailEvent"])
    assert record["eventName"] == "GenerateDataKey" and record["sourceIPAddress"] == "s3.amazonaws.com" and record["eventSource"] == "kms.amazonaws.com"
    assert record["requestParameters"]["encryptionContext"] and record["userIdentity"]["type"] == "Root"
    s3.get_object(Bucket=bucket, Key="k")
    assert last(kms, key)["Operation"] == "Decrypt"
