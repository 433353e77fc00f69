"""Kinesis: streams under a KMS key."""
from cloche.testing.people import Person, allow

FIRST = "shardId-000000000000"


def encrypted(streams, cloud):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    streams.make()
    streams.put(b"before")
    streams.client.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key)
    assert streams.about()["StreamStatus"] == "UPDATING"
    cloud.advance(1)
    return key


def test_records_under_a_key_come_back_as_they_were_put(streams, cloud, refused):
    key = encrypted(streams, cloud)
    about = streams.about()
    assert about["EncryptionType"] == "KMS" and about["KeyId"] == key
    assert streams.put(b"under")["EncryptionType"] == "KMS"
    refused("InvalidArgumentException", streams.client.stop_stream_encryption, StreamName="s", EncryptionType="NONE", KeyId=key)
    streams.client.stop_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId=key)
    cloud.advance(1)
    assert streams.put(b"after")["EncryptionType"] == "NONE"
    assert [(r["Data"], r["EncryptionType"]) for r in streams.read()["Records"]] == [(b"before", "NONE"), (b"under", "KMS"), (b"after", "NONE")]


def test_a_producer_needs_the_key_and_so_does_a_consumer(streams, cloud, refused):
    key = encrypted(streams, cloud)
    user = Person(cloud, "u", allow("kinesis:*"))
    theirs = user.client("kinesis")
    refused("KMSAccessDeniedException", theirs.put_record, StreamName="s", Data=b"x", PartitionKey="k")
    streams.put(b"x")
    iterator = theirs.get_shard_iterator(StreamName="s", ShardId=FIRST, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    refused("KMSAccessDeniedException", theirs.get_records, ShardIterator=iterator)
    helper = Person(cloud, "v", allow("kinesis:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"], key)).client("kinesis")
    helper.put_record(StreamName="s", Data=b"y", PartitionKey="k")
    assert [r["Data"] for r in helper.get_records(ShardIterator=iterator)["Records"]] == [b"before", b"x", b"y"]


def test_a_disabled_key_is_noticed(streams, cloud, refused):
    key = encrypted(streams, cloud)
    streams.put(b"x")
    cloud.client("kms").disable_key(KeyId=key)
    cloud.advance(301)
    refused("KMSDisabledException", streams.put)
    refused("KMSDisabledException", streams.read)


def test_a_key_must_exist(streams, cloud, refused):
    streams.make()
    refused("KMSNotFoundException", streams.client.start_stream_encryption, StreamName="s", EncryptionType="KMS", KeyId="00000000-0000-0000-0000-000000000000")
    refused("InvalidArgumentException", streams.client.start_stream_encryption, StreamName="s", EncryptionType="NONE", KeyId="alias/aws/kinesis")
    streams.client.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    cloud.advance(1)
    streams.put(b"x")
    assert streams.data() == [b"x"]


def test_nothing_of_a_sealed_record_lies_on_the_disk(process):
    one = process()
    client = one.client("kinesis")
    client.create_stream(StreamName="s", ShardCount=1)
    one.advance(1)
    client.put_record(StreamName="s", Data=b"plain as day", PartitionKey="k")
    client.start_stream_encryption(StreamName="s", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    one.advance(2)
    client.put_record(StreamName="s", Data=b"dark as night", PartitionKey="k")
    one.kill()
    disk = b"".join(path.read_bytes() for path in one.data.rglob("*") if path.is_file())
    assert b"plain as day" in disk and b"dark as night" not in disk
