"""A worker as the Kinesis Client Library is one: shards are leased through a DynamoDB table by conditional writes, and read from the lease's checkpoint.

Sixty lines that do what KCL does with leases: leaseKey, leaseOwner, leaseCounter, checkpoint, parentShardId. KCL itself is Java, and not in this suite.
"""
import pytest
from botocore.exceptions import ClientError

HALF = str(2**127)


class Worker:
    def __init__(self, streams, name, application="app"):
        self.streams, self.name, self.application = streams, name, application
        self.kinesis, self.ddb = streams.client, streams.cloud.client("dynamodb")
        self.seen, self.counters, self.batch = [], {}, []

    def table(self):
        self.ddb.create_table(TableName=self.application, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
                              AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}])
        self.ddb.get_waiter("table_exists").wait(TableName=self.application, WaiterConfig={"Delay": 0.05})
        return self

    def leases(self):
        return {item["leaseKey"]["S"]: {k: next(iter(v.values())) for k, v in item.items()} for item in self.ddb.scan(TableName=self.application, ConsistentRead=True)["Items"]}

    def write(self, shard, change, condition, **values):
        """A conditional write; False if another worker was faster."""
        try:
            self.ddb.update_item(TableName=self.application, Key={"leaseKey": {"S": shard}}, UpdateExpression=change, ConditionExpression=condition,
                                 ExpressionAttributeValues={f":{k}": {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()})
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"
            return False
        return True

    def sync(self):
        """A lease for every shard."""
        for shard in self.kinesis.list_shards(StreamName="s")["Shards"]:
            self.write(shard["ShardId"], "SET leaseCounter = :n, checkpoint = :c, parentShardId = :p", "attribute_not_exists(leaseKey)", n=0, c="TRIM_HORIZON", p=shard.get("ParentShardId", "-"))

    def take(self, most=1):
        """Leases whose counter has not moved since the last look are expired; those whose parents are done may be taken."""
        leases = self.leases()
        free = [k for k, v in leases.items() if v["checkpoint"] != "SHARD_END" and v.get("leaseOwner") != self.name and leases.get(v["parentShardId"], {}).get("checkpoint", "SHARD_END") == "SHARD_END"
                and ("leaseOwner" not in v or self.counters.get(k) == v["leaseCounter"])]
        self.counters = {k: v["leaseCounter"] for k, v in leases.items()}
        return [k for k in free[:most] if self.write(k, "SET leaseOwner = :me, leaseCounter = leaseCounter + :one", "leaseCounter = :n", me=self.name, one=1, n=int(leases[k]["leaseCounter"]))]

    def renew(self):
        return [k for k, v in self.leases().items() if v.get("leaseOwner") == self.name and v["checkpoint"] != "SHARD_END"
                and self.write(k, "SET leaseCounter = leaseCounter + :one", "leaseOwner = :me", one=1, me=self.name)]

    def work(self, checkpoint=True):
        """One look at each shard that is held. Without `checkpoint` the worker dies between its work and the note of it."""
        for shard in self.renew():
            place = self.leases()[shard]["checkpoint"]
            start = {"ShardIteratorType": "TRIM_HORIZON"} if place == "TRIM_HORIZON" else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": place}
            self.streams.cloud.advance(1)
            answer = self.kinesis.get_records(ShardIterator=self.kinesis.get_shard_iterator(StreamName="s", ShardId=shard, **start)["ShardIterator"])
            self.seen += [r["Data"].decode() for r in answer["Records"]]
            last = "SHARD_END" if "NextShardIterator" not in answer else answer["Records"][-1]["SequenceNumber"] if answer["Records"] else place
            if checkpoint:
                assert self.write(shard, "SET checkpoint = :c", "leaseOwner = :me", c=last, me=self.name)


@pytest.fixture
def two(streams):
    streams.make(shards=2)
    return Worker(streams, "one").table(), Worker(streams, "two")


def test_each_shard_has_one_worker_and_more_workers_than_shards_stand_by(streams, two):
    workers = [*two, Worker(streams, "three")]
    two[0].sync()
    taken = [worker.take() for worker in workers]
    assert sorted(taken[0] + taken[1]) == [f"shardId-{n:012d}" for n in range(2)] and taken[2] == []
    streams.put(b"low", ExplicitHashKey="0")
    streams.put(b"high", ExplicitHashKey=HALF)
    for worker in workers:
        worker.work()
    assert sorted(workers[0].seen + workers[1].seen) == ["high", "low"] and workers[2].seen == []
    assert not workers[2].write("shardId-000000000000", "SET leaseOwner = :me, leaseCounter = leaseCounter + :one", "leaseCounter = :n", me="three", one=1, n=0), "the counter has gone on"


def test_one_worker_may_hold_many_shards_and_another_application_reads_for_itself(streams, two):
    alone = two[0]
    alone.sync()
    assert len(alone.take(most=9)) == 2
    streams.put(b"low", ExplicitHashKey="0")
    streams.put(b"high", ExplicitHashKey=HALF)
    alone.work()
    other = Worker(streams, "one", "another").table()
    other.sync()
    other.take(most=9)
    other.work()
    assert sorted(alone.seen) == sorted(other.seen) == ["high", "low"]


def test_a_workers_shards_pass_to_another_when_it_dies_and_records_come_again(streams, two):
    first, second = two
    first.sync()
    first.take(most=2)
    streams.put(b"done", ExplicitHashKey="0")
    first.work()
    streams.put(b"again", ExplicitHashKey="0")
    first.work(checkpoint=False)
    assert first.seen == ["done", "again"]
    second.take(most=2)  # sees the counters for the first time
    assert len(second.take(most=2)) == 2, "they have not moved since: the leases are free"
    second.work()
    assert second.seen == ["again"]
    assert not first.write("shardId-000000000000", "SET checkpoint = :c", "leaseOwner = :me", c="x", me="one"), "the first has lost its lease"


def test_workers_follow_a_split_parents_first(streams, two):
    first, second = two
    first.sync()
    first.take(most=2)
    streams.put(b"before", ExplicitHashKey="0")
    streams.client.split_shard(StreamName="s", ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**126))
    streams.cloud.advance(1)
    streams.put(b"after", ExplicitHashKey="0")
    second.sync()
    assert second.take(most=9) == [], "the children wait for their parent"
    first.work()
    assert first.leases()["shardId-000000000000"]["checkpoint"] == "SHARD_END"
    assert sorted(second.take(most=9)) == ["shardId-000000000002", "shardId-000000000003"]
    first.work()
    second.work()
    assert first.seen == ["before"] and second.seen == ["after"]
