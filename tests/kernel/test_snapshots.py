"""The whole cloud kept, brought back, forked, emptied; the clock with it."""
import pathlib

from cloche.testing import Cloche


def queues(cloud):
    return [u.rsplit("/", 1)[1] for u in cloud.client("sqs").list_queues().get("QueueUrls", [])]


def test_restore_brings_back_records_rows_bodies_and_time(tmp_path):
    with Cloche(tmp_path / "d") as cloud:
        sqs, s3 = cloud.client("sqs"), cloud.client("s3")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="kept", DelaySeconds=60)
        s3.create_bucket(Bucket="bodies")
        s3.put_object(Bucket="bodies", Key="large", Body=b"1" * 3_000_000)
        cloud.control("snapshots/one", {})
        before = cloud.now
        s3.put_object(Bucket="bodies", Key="large", Body=b"2" * 3_000_000)
        cloud.advance(hours=1)
        assert sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_queue(QueueUrl=url)
        cloud.control("snapshots/one/restore", {})
        assert 0 <= cloud.now - before < 30
        assert s3.get_object(Bucket="bodies", Key="large")["Body"].read() == b"1" * 3_000_000
        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        cloud.advance(60)
        assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "kept"


def test_a_fork_goes_its_own_way(tmp_path):
    with Cloche(tmp_path / "d") as cloud:
        cloud.client("sqs").create_queue(QueueName="shared")
        place = cloud.control("snapshots", {"fork": str(tmp_path / "fork")})["fork"]
        cloud.client("sqs").create_queue(QueueName="only-here")
        with Cloche(place) as fork:
            assert queues(fork) == ["shared"]
            fork.client("sqs").create_queue(QueueName="only-there")
            assert sorted(queues(cloud)) == ["only-here", "shared"]


def test_reset_leaves_nothing_but_snapshots(tmp_path):
    with Cloche(tmp_path / "d") as cloud:
        cloud.client("sqs").create_queue(QueueName="q")
        cloud.client("iam").create_user(UserName="ana")
        cloud.control("snapshots/one", {})
        cloud.advance(days=3)
        cloud.control("reset", {})
        assert queues(cloud) == [] and cloud.client("iam").list_users()["Users"] == []
        assert abs(cloud.control("clock")["offset_seconds"]) < 1
        assert [s["snapshot"] for s in cloud.control("snapshots")["snapshots"]] == ["one"]


def test_an_ephemeral_cloud_leaves_no_file():
    with Cloche() as cloud:
        place = pathlib.Path(cloud.bell.data)
        cloud.client("s3").create_bucket(Bucket="gone")
        assert place.exists()
    assert not place.exists()


def test_virtual_time_is_on_the_wire_and_presigned_urls_age_with_it(tmp_path):
    import email.utils
    import urllib.error
    import urllib.request

    import pytest
    with Cloche() as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="aging")
        s3.put_object(Bucket="aging", Key="k", Body=b"x")
        cloud.advance(days=400)
        date = s3.head_bucket(Bucket="aging")["ResponseMetadata"]["HTTPHeaders"]["date"]
        assert abs(email.utils.parsedate_to_datetime(date).timestamp() - cloud.now) < 3
        url = s3.generate_presigned_url("get_object", {"Bucket": "aging", "Key": "k"}, ExpiresIn=300)
        assert urllib.request.urlopen(url).read() == b"x"
        cloud.advance(301)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(url)


def test_within_one_second_a_url_made_before_a_jump_is_stale_and_one_made_after_is_fresh(tmp_path):
    import urllib.error
    import urllib.request

    import pytest
    from botocore.config import Config
    with Cloche() as cloud:
        for version in ("s3v4", "s3"):
            s3 = cloud.client("s3", config=Config(signature_version=version))
            s3.create_bucket(Bucket=f"aging-{version}")
            s3.put_object(Bucket=f"aging-{version}", Key="k", Body=b"x")
            for i in range(3):
                url = s3.generate_presigned_url("get_object", {"Bucket": f"aging-{version}", "Key": "k", "ResponseContentType": f"a/{i}"}, ExpiresIn=300)
                cloud.advance(301)
                with pytest.raises(urllib.error.HTTPError, match="403"):
                    urllib.request.urlopen(url)
                cloud.advance(days=30)
                url = s3.generate_presigned_url("get_object", {"Bucket": f"aging-{version}", "Key": "k", "ResponseContentType": f"b/{i}"}, ExpiresIn=3600)
                assert urllib.request.urlopen(url).read() == b"x"
