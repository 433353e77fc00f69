"""Firehose: delivery streams, and what they take in."""
from cloche.testing.people import Person, allow

from .conftest import Hose


def test_a_stream_is_creating_then_active_and_deleting_then_gone(hose, cloud, refused):
    made = hose.client.create_delivery_stream(DeliveryStreamName="d", S3DestinationConfiguration={"RoleARN": hose.role, "BucketARN": f"arn:aws:s3:::{hose.bucket}"}, Tags=[{"Key": "a", "Value": "1"}])
    about = hose.about()
    assert about["DeliveryStreamARN"] == made["DeliveryStreamARN"] == f"arn:aws:firehose:us-east-1:{cloud.account}:deliverystream/d"
    assert about["DeliveryStreamStatus"] == "CREATING" and about["DeliveryStreamType"] == "DirectPut" and about["VersionId"] == "1" and about["HasMoreDestinations"] is False
    [destination] = about["Destinations"]
    assert destination["DestinationId"] == "destinationId-000000000001"
    assert destination["S3DestinationDescription"]["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300} and destination["ExtendedS3DestinationDescription"]["S3BackupMode"] == "Disabled"
    assert destination["S3DestinationDescription"]["CompressionFormat"] == "UNCOMPRESSED" and destination["S3DestinationDescription"]["EncryptionConfiguration"] == {"NoEncryptionConfig": "NoEncryption"}
    refused("ResourceInUseException", hose.make)
    assert refused("ResourceNotFoundException", hose.put, "x") == f"Firehose d under account {cloud.account} not found."
    cloud.advance(1)
    assert hose.about()["DeliveryStreamStatus"] == "ACTIVE"
    hose.client.delete_delivery_stream(DeliveryStreamName="d")
    assert hose.about()["DeliveryStreamStatus"] == "DELETING"
    cloud.advance(1)
    refused("ResourceNotFoundException", hose.about)


def test_streams_are_listed_page_by_page(hose):
    for n in range(3):
        hose.client.create_delivery_stream(DeliveryStreamName=f"d{n}", ExtendedS3DestinationConfiguration=hose.config())
    first = hose.client.list_delivery_streams(Limit=2)
    assert first["DeliveryStreamNames"] == ["d0", "d1"] and first["HasMoreDeliveryStreams"]
    assert hose.client.list_delivery_streams(ExclusiveStartDeliveryStreamName="d1")["DeliveryStreamNames"] == ["d2"]
    assert hose.client.list_delivery_streams(DeliveryStreamType="KinesisStreamAsSource")["DeliveryStreamNames"] == []


def test_tags_are_added_listed_and_removed(hose, refused):
    hose.make()
    hose.client.tag_delivery_stream(DeliveryStreamName="d", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b"}])
    page = hose.client.list_tags_for_delivery_stream(DeliveryStreamName="d", Limit=1)
    assert page["Tags"] == [{"Key": "a", "Value": "1"}] and page["HasMoreTags"]
    hose.client.untag_delivery_stream(DeliveryStreamName="d", TagKeys=["a"])
    assert hose.client.list_tags_for_delivery_stream(DeliveryStreamName="d")["Tags"] == [{"Key": "b", "Value": ""}]
    refused("LimitExceededException", hose.client.tag_delivery_stream, DeliveryStreamName="d", Tags=[{"Key": str(n), "Value": ""} for n in range(50)])


def test_a_record_is_a_thousand_kibibytes_and_a_batch_five_hundred_in_four_mebibytes(hose, refused, cloud):
    hose.make()
    assert len(set(hose.put("a", "b"))) == 2
    refused("ValidationException", hose.put, b"x" * 1_024_001)
    answer = hose.client.put_record_batch(DeliveryStreamName="d", Records=[{"Data": b"x"}] * 500)
    assert answer["FailedPutCount"] == 0 and len({r["RecordId"] for r in answer["RequestResponses"]}) == 500 and answer["Encrypted"] is False
    refused("ValidationException", hose.client.put_record_batch, DeliveryStreamName="d", Records=[{"Data": b"x"}] * 501)
    refused("InvalidArgumentException", hose.client.put_record_batch, DeliveryStreamName="d", Records=[{"Data": b"x" * 1_000_000}] * 5)


def test_a_stream_takes_so_much_a_second(hose, refused, cloud):
    hose.make()
    for _ in range(10):
        hose.client.put_record_batch(DeliveryStreamName="d", Records=[{"Data": b"x"}] * 500)
    assert refused("ServiceUnavailableException", hose.put, "x") == "Slow down."
    cloud.advance(1)
    hose.put("x")


def test_what_cannot_be_done_is_refused(hose, refused, cloud):
    create = hose.client.create_delivery_stream
    refused("InvalidArgumentException", create, DeliveryStreamName="d")
    refused("InvalidArgumentException", create, DeliveryStreamName="d", DeliveryStreamType="KinesisStreamAsSource", ExtendedS3DestinationConfiguration=hose.config())
    said = refused("InvalidArgumentException", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(RoleARN=hose.make_role("other", service="ec2.amazonaws.com")))
    assert said == f"Firehose is unable to assume role arn:aws:iam::{cloud.account}:role/other. Please check the role provided."
    redshift = {"RoleARN": hose.role, "ClusterJDBCURL": "jdbc:redshift://c.abc.us-east-1.redshift.amazonaws.com:5439/db", "CopyCommand": {"DataTableName": "t"}, "S3Configuration": hose.config()}
    refused("NotImplemented", create, DeliveryStreamName="d", RedshiftDestinationConfiguration=redshift)
    refused("NotImplemented", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(CompressionFormat="Snappy"))
    said = refused("InvalidArgumentException", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(Prefix="x/!{timestamp:yyyy}/"))
    assert said.startswith("ErrorOutputPrefix cannot be null or empty")
    refused("InvalidArgumentException", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(Prefix="x/!{nonsense}/", ErrorOutputPrefix="e/"))
    refused("InvalidArgumentException", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(ErrorOutputPrefix="e/!{timestamp:yyyy}/"))
    refused("ValidationException", create, DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(BufferingHints={"SizeInMBs": 129}))


def test_a_user_may_what_its_policy_names_and_needs_to_pass_the_role(hose, cloud, refused):
    hose.make()
    arn = f"arn:aws:firehose:us-east-1:{cloud.account}:deliverystream/d"
    theirs = Person(cloud, "u", allow("firehose:PutRecord", arn), allow("firehose:CreateDeliveryStream")).client("firehose")
    theirs.put_record(DeliveryStreamName="d", Record={"Data": b"x"})
    refused("AccessDeniedException", theirs.put_record_batch, DeliveryStreamName="d", Records=[{"Data": b"x"}])
    assert "iam:PassRole" in refused("AccessDeniedException", theirs.create_delivery_stream, DeliveryStreamName="e", ExtendedS3DestinationConfiguration=hose.config())


def test_a_destination_is_changed_where_its_version_is_known(hose, refused, cloud):
    hose.make(Prefix="a/")
    update = {"DeliveryStreamName": "d", "DestinationId": "destinationId-000000000001"}
    refused("ConcurrentModificationException", hose.client.update_destination, **update, CurrentDeliveryStreamVersionId="2", ExtendedS3DestinationUpdate={"Prefix": "b/"})
    hose.client.update_destination(**update, CurrentDeliveryStreamVersionId="1", ExtendedS3DestinationUpdate={"CompressionFormat": "GZIP"})
    about = hose.about()
    there = about["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert about["VersionId"] == "2" and there["Prefix"] == "a/" and there["CompressionFormat"] == "GZIP" and there["BufferingHints"] == {"SizeInMBs": 1, "IntervalInSeconds": 60}
    hose.put("x")
    cloud.advance(61)
    [key] = hose.objects()
    assert "/d-2-" in key and key.endswith(".gz")


def test_what_waits_lies_sealed_and_a_closed_key_refuses_records(hose, refused, cloud):
    kms = cloud.client("kms")
    key = kms.create_key()["KeyMetadata"]["Arn"]
    hose.make()
    hose.client.start_delivery_stream_encryption(DeliveryStreamName="d", DeliveryStreamEncryptionConfigurationInput={"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key})
    assert hose.about()["DeliveryStreamEncryptionConfiguration"]["Status"] == "ENABLING"
    cloud.advance(1)
    assert hose.about()["DeliveryStreamEncryptionConfiguration"] == {"Status": "ENABLED", "KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    assert hose.client.put_record(DeliveryStreamName="d", Record={"Data": b"x"})["Encrypted"] is True
    cloud.advance(61)
    assert list(hose.objects().values()) == [b"x"]
    kms.disable_key(KeyId=key)
    cloud.advance(301)
    refused("InvalidKMSResourceException", hose.put, "y")
    hose.client.stop_delivery_stream_encryption(DeliveryStreamName="d")
    cloud.advance(1)
    assert hose.client.put_record(DeliveryStreamName="d", Record={"Data": b"z"})["Encrypted"] is False


def test_nothing_of_an_encrypted_record_lies_on_the_disk(process):
    one = process()
    hose = Hose(one)
    hose.client.create_delivery_stream(DeliveryStreamName="d", ExtendedS3DestinationConfiguration=hose.config(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900}),
                                       DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"})
    one.advance(2)
    hose.put(b"dark as night")
    one.kill()
    assert b"dark as night" not in b"".join(path.read_bytes() for path in one.data.rglob("*") if path.is_file())
    one.start()
    hose.s3 = one.client("s3")
    one.advance(901)
    assert list(hose.objects().values()) == [b"dark as night"]
