"""Streams made in a line, on a clock that stands still: seconds pass only when a test says so."""
import pytest

from cloche.testing.people import refused as refused_


class Streams:
    def __init__(self, cloud):
        self.cloud, self.client = cloud, cloud.client("kinesis")

    def make(self, name="s", shards=1, **more):
        self.client.create_stream(StreamName=name, **({"ShardCount": shards} if shards else {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}), **more)
        self.cloud.advance(1)
        return self.arn(name)

    def arn(self, name="s"):
        return f"arn:aws:kinesis:us-east-1:{self.cloud.account}:stream/{name}"

    def about(self, name="s"):
        return self.client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]

    def shards(self, name="s", **more):
        return self.client.list_shards(StreamName=name, **more)["Shards"]

    def open(self, name="s"):
        return [s for s in self.shards(name) if "EndingSequenceNumber" not in s["SequenceNumberRange"]]

    def put(self, data=b"x", key="k", name="s", **more):
        return self.client.put_record(StreamName=name, Data=data, PartitionKey=key, **more)

    def iterator(self, shard="shardId-000000000000", kind="TRIM_HORIZON", name="s", **more):
        return self.client.get_shard_iterator(StreamName=name, ShardId=shard, ShardIteratorType=kind, **more)["ShardIterator"]

    def read(self, shard="shardId-000000000000", kind="TRIM_HORIZON", name="s", limit=10000, **more):
        """One GetRecords from there, in a second of its own."""
        self.cloud.advance(1)
        return self.client.get_records(ShardIterator=self.iterator(shard, kind, name, **more), Limit=limit)

    def data(self, *args, **more):
        return [r["Data"] for r in self.read(*args, **more)["Records"]]


@pytest.fixture(autouse=True)
def frozen(cloud):
    cloud.control("clock", {"freeze": True})
    yield
    cloud.control("clock", {"freeze": False})


@pytest.fixture
def streams(cloud):
    return Streams(cloud)


@pytest.fixture
def refused():
    """The message of a call that fails with this code."""
    return refused_
