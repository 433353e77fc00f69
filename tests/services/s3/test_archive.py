"""Archived objects: which tier takes how long, what is refused meanwhile, and what is told about it."""
from __future__ import annotations

import json
from email.utils import parsedate_to_datetime

import pytest
from botocore.exceptions import ClientError

from .refusals import refused
from .test_notifications import messages, queue  # noqa: F401

HOUR = 3600
# storage class, tier, hours in which it is surely not there yet, hours in which it must be there
TIERS = [("GLACIER", "Standard", 3, 5), ("GLACIER", "Bulk", 5, 12), ("DEEP_ARCHIVE", "Standard", 0.1, 12), ("DEEP_ARCHIVE", "Bulk", 12, 48), ("GLACIER", "Expedited", 1 / 60, 5 / 60)]


@pytest.mark.parametrize(("storage_class", "tier", "least", "most"), TIERS)
def test_a_retrieval_takes_as_long_as_its_tier(cloud, s3, bucket, storage_class, tier, least, most):
    where = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"cold", StorageClass=storage_class)
    with pytest.raises(ClientError) as error:
        s3.get_object(**where)
    assert (error.value.response["Error"]["Code"], error.value.response["Error"]["StorageClass"]) == ("InvalidObjectState", storage_class)
    answer = s3.restore_object(**where, RestoreRequest={"Days": 2, "GlacierJobParameters": {"Tier": tier}})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    cloud.advance(least * HOUR - 1)
    assert s3.head_object(**where)["Restore"] == 'ongoing-request="true"'
    assert refused(s3.get_object, **where) == ("InvalidObjectState", 403)
    cloud.advance((most - least) * HOUR + 1)
    assert s3.head_object(**where)["Restore"].startswith('ongoing-request="false", expiry-date="')
    assert "00:00:00 GMT" in s3.head_object(**where)["Restore"]
    assert s3.get_object(**where)["Body"].read() == b"cold"
    assert s3.head_object(**where)["StorageClass"] == storage_class


def test_deep_archive_has_no_expedited_retrievals(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"x", StorageClass="DEEP_ARCHIVE")
    assert refused(s3.restore_object, **where, RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Expedited"}})[1] == 400
    assert "Restore" not in s3.head_object(**where)


def test_glacier_instant_retrieval_is_read_at_once(s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"x", StorageClass="GLACIER_IR")
    got = s3.get_object(**where)
    assert (got["Body"].read(), got["StorageClass"]) == (b"x", "GLACIER_IR")
    assert refused(s3.restore_object, **where, RestoreRequest={"Days": 1}) == ("InvalidObjectState", 403)


def test_only_a_faster_tier_may_be_asked_for_while_one_is_under_way(cloud, s3, bucket):
    where = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**where, Body=b"x", StorageClass="GLACIER")

    def ask(tier, days=1):
        return s3.restore_object(**where, RestoreRequest={"Days": days, "GlacierJobParameters": {"Tier": tier}})["ResponseMetadata"]["HTTPStatusCode"]
    assert ask("Standard") == 202
    for tier in ("Bulk", "Standard"):
        assert refused(ask, tier) == ("RestoreAlreadyInProgress", 409)
    assert ask("Expedited") == 202
    cloud.advance(minutes=5)

    def end():
        return parsedate_to_datetime(s3.head_object(**where)["Restore"].partition('expiry-date="')[2].rstrip('"'))
    first = end()
    assert ask("Standard", days=9) == 200  # it is there: only its end moves
    assert end() > first and s3.get_object(**where)["Body"].read() == b"x"


def test_who_listens_is_told_of_retrievals(cloud, s3, bucket, queue):  # noqa: F811
    url, arn = queue
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRestore:*"]}]})
    s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1, "GlacierJobParameters": {"Tier": "Bulk"}})

    def told():
        return [record["eventName"] for message in messages(cloud, url) for record in message.get("Records", ())]
    cloud.advance(1)
    assert told() == ["ObjectRestore:Post"]
    cloud.advance(hours=12)
    assert told() == ["ObjectRestore:Completed"]
    cloud.advance(days=3)
    assert told() == ["ObjectRestore:Delete"]
    assert json.dumps(s3.head_object(Bucket=bucket, Key="k").get("Restore")) == "null"
