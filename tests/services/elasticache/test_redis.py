"""Redis: clusters of one node, groups that fail over, what ElastiCache withholds."""
import json
import time

import pytest

from cloche.testing.people import refused

from .conftest import Caches, say


@pytest.fixture(scope="module")
def one(caches):
    caches.create("one")
    return caches


def resp(*parts):
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def test_a_cluster_of_redis_is_one_node_that_answers(one):
    told = one.one("one")
    assert (told["Engine"], told["NumCacheNodes"], told["CacheNodes"][0]["Endpoint"]["Port"]) == ("redis", 1, 6379) and "ConfigurationEndpoint" not in told
    place = one.endpoint("one")
    assert one.redis(place, "SET", "a", "1") == "OK" and one.redis(place, "GET", "a") == "1"
    version = next(line for line in one.redis(place, "INFO", "server").splitlines() if line.startswith("redis_version"))
    assert version == f"redis_version:{told['EngineVersion']}"
    refused("InvalidParameterValue", one.api.create_cache_cluster, CacheClusterId="two", Engine="redis", CacheNodeType="cache.t3.micro", NumCacheNodes=2)
    refused("CacheClusterAlreadyExists", one.api.create_cache_cluster, CacheClusterId="one", Engine="redis", CacheNodeType="cache.t3.micro")
    refused("CacheClusterNotFound", one.api.describe_cache_clusters, CacheClusterId="none")


@pytest.mark.parametrize("command", [["CONFIG", "GET", "*"], ["BGSAVE"], ["BGREWRITEAOF"], ["SAVE"], ["DEBUG", "SLEEP", "1"], ["MIGRATE", "h", "1", "k", "0", "1"], ["SHUTDOWN"], ["REPLICAOF", "h", "1"], ["SLAVEOF", "h", "1"],
                                     ["PSYNC", "x", "1"], ["SYNC"], ["ACL", "SETUSER", "x"], ["ACL", "DELUSER", "default"]])
def test_what_would_change_the_server_itself_is_an_unknown_command(one, command):
    answer = say(one.endpoint("one"), resp(*(part.encode() for part in command)) + resp(b"PING"))
    assert answer.startswith(f"-ERR unknown command '{command[0]}'".encode()) and answer.endswith(b"+PONG\r\n")


def test_answers_come_in_order_whatever_was_withheld_in_between(one):
    big = b"x" * 200_000
    answer = say(one.endpoint("one"), resp(b"SET", b"big", big) + resp(b"psync", b"?", b"-1") + resp(b"STRLEN", b"big") + resp(b"acl", b"whoami") + b"PING\r\nSYNC\r\n")
    assert [line for line in answer.split(b"\r\n") if line][0:1] == [b"+OK"] and b"-ERR unknown command 'psync'" in answer
    assert b":200000\r\n$7\r\ndefault\r\n+PONG\r\n-ERR unknown command 'SYNC'" in answer


def test_parameters_reach_the_running_server(one):
    family = one.api.describe_cache_engine_versions(Engine="redis")["CacheEngineVersions"][0]["CacheParameterGroupFamily"]
    one.api.create_cache_parameter_group(CacheParameterGroupName="mine", CacheParameterGroupFamily=family, Description="d")
    refused("CacheParameterGroupAlreadyExists", one.api.create_cache_parameter_group, CacheParameterGroupName="mine", CacheParameterGroupFamily=family, Description="d")
    one.api.modify_cache_cluster(CacheClusterId="one", CacheParameterGroupName="mine", ApplyImmediately=True)
    one.available("one")
    one.api.modify_cache_parameter_group(CacheParameterGroupName="mine", ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "allkeys-lfu"}])
    one.cloud.advance(1)
    info = one.redis(one.endpoint("one"), "INFO", "memory")
    assert "maxmemory_policy:allkeys-lfu" in info and f"maxmemory:{(1024 << 20) * 3 // 4}" in info      # a cache.t3.micro as its instance type
    told = {each["ParameterName"]: each for each in one.api.describe_cache_parameters(CacheParameterGroupName="mine", Source="user")["Parameters"]}
    assert list(told) == ["maxmemory-policy"]
    one.api.reset_cache_parameter_group(CacheParameterGroupName="mine", ResetAllParameters=True)
    one.cloud.advance(1)
    assert "maxmemory_policy:volatile-lru" in one.redis(one.endpoint("one"), "INFO", "memory")
    refused("InvalidCacheParameterGroupState", one.api.delete_cache_parameter_group, CacheParameterGroupName="mine")
    refused("InvalidParameterValue", one.api.modify_cache_parameter_group, CacheParameterGroupName="mine", ParameterNameValues=[{"ParameterName": "none", "ParameterValue": "1"}])


def test_a_snapshot_is_what_another_cluster_begins_with(one):
    place = one.endpoint("one")
    one.redis(place, "SET", "kept", "yes")
    one.api.create_snapshot(CacheClusterId="one", SnapshotName="shot")
    told = one.snapshot("shot")
    assert (told["CacheClusterId"], told["SnapshotSource"]) == ("one", "manual")
    refused("SnapshotAlreadyExistsFault", one.api.create_snapshot, CacheClusterId="one", SnapshotName="shot")
    one.redis(place, "DEL", "kept")
    one.create("again", SnapshotName="shot")
    assert one.redis(one.endpoint("again"), "GET", "kept") == "yes" and one.endpoint("again")["Address"] != place["Address"]
    one.api.copy_snapshot(SourceSnapshotName="shot", TargetSnapshotName="other")
    one.api.delete_snapshot(SnapshotName="shot")
    refused("SnapshotNotFoundFault", one.api.describe_snapshots, SnapshotName="shot")
    one.api.delete_cache_cluster(CacheClusterId="again", FinalSnapshotIdentifier="final")
    assert one.snapshot("final")["CacheClusterId"] == "again"


def test_a_group_replicates_and_its_endpoints_stay_where_they_are_when_it_fails_over(caches):
    api = caches.api
    api.create_replication_group(ReplicationGroupId="grp", ReplicationGroupDescription="d", NumCacheClusters=2, AutomaticFailoverEnabled=True, CacheNodeType="cache.t3.micro", Engine="redis")
    told = caches.group_available("grp")
    shard = told["NodeGroups"][0]
    assert told["MemberClusters"] == ["grp-001", "grp-002"] and [each["CurrentRole"] for each in shard["NodeGroupMembers"]] == ["primary", "replica"]
    primary, reader = shard["PrimaryEndpoint"], shard["ReaderEndpoint"]
    assert caches.redis(primary, "SET", "a", "1") == "OK"
    for _ in range(50):
        if caches.redis(reader, "GET", "a") == "1":
            break
        time.sleep(0.05)
    assert caches.redis(reader, "GET", "a") == "1" and caches.redis(reader, "SET", "a", "2").startswith("READONLY")
    api.test_failover(ReplicationGroupId="grp", NodeGroupId="0001")
    told = caches.group_available("grp")
    shard = told["NodeGroups"][0]
    assert {each["CacheClusterId"]: each["CurrentRole"] for each in shard["NodeGroupMembers"]} == {"grp-001": "replica", "grp-002": "primary"}
    assert (shard["PrimaryEndpoint"], shard["ReaderEndpoint"]) == (primary, reader)
    assert caches.redis(primary, "GET", "a") == "1" and caches.redis(primary, "SET", "b", "2") == "OK"
    api.increase_replica_count(ReplicationGroupId="grp", NewReplicaCount=2, ApplyImmediately=True)
    assert caches.group_available("grp")["MemberClusters"] == ["grp-001", "grp-002", "grp-003"]
    third = caches.endpoint("grp-003")
    for _ in range(50):
        if caches.redis(third, "GET", "b") == "2":
            break
        time.sleep(0.05)
    assert caches.redis(third, "GET", "b") == "2"
    api.decrease_replica_count(ReplicationGroupId="grp", ReplicasToRemove=["grp-001"], ApplyImmediately=True)
    assert caches.group_available("grp")["MemberClusters"] == ["grp-002", "grp-003"]
    refused("InvalidParameterCombination", api.create_replication_group, ReplicationGroupId="lone", ReplicationGroupDescription="d", NumCacheClusters=1, AutomaticFailoverEnabled=True, CacheNodeType="cache.t3.micro")
    refused("ReplicationGroupAlreadyExists", api.create_replication_group, ReplicationGroupId="grp", ReplicationGroupDescription="d", CacheNodeType="cache.t3.micro")
    refused("InvalidCacheClusterState", api.delete_cache_cluster, CacheClusterId="grp-002")
    api.modify_replication_group(ReplicationGroupId="grp", ReplicationGroupDescription="other", ApplyImmediately=True)
    api.delete_replication_group(ReplicationGroupId="grp")
    for _ in range(20):
        caches.cloud.advance(1)
        if not api.describe_replication_groups()["ReplicationGroups"]:
            break
    refused("ReplicationGroupNotFoundFault", api.describe_replication_groups, ReplicationGroupId="grp")


def test_a_token_is_asked_over_tls_alone(caches):
    api, token = caches.api, "a-token-of-sixteen"
    refused("InvalidParameterCombination", api.create_replication_group, ReplicationGroupId="tls", ReplicationGroupDescription="d", CacheNodeType="cache.t3.micro", AuthToken=token)
    api.create_replication_group(ReplicationGroupId="tls", ReplicationGroupDescription="d", CacheNodeType="cache.t3.micro", AuthToken=token, TransitEncryptionEnabled=True)
    place = caches.group_available("tls")["NodeGroups"][0]["PrimaryEndpoint"]
    assert b"NOAUTH" in say(place, b"GET a\r\n", tls=True) and say(place, f"AUTH {token}\r\nSET a 1\r\n".encode(), tls=True) == b"+OK\r\n+OK\r\n"
    assert say(place, b"PING\r\n") == b"" and b"WRONGPASS" in say(place, b"AUTH wrong-wrong-wrong-1\r\n", tls=True)


def test_a_kill_loses_no_write(process):
    cloud = process()
    caches = Caches(cloud)
    caches.create("kept")
    caches.redis(caches.endpoint("kept"), "SET", "a", "1")
    place = caches.endpoint("kept")
    cloud.kill()
    cloud.start()
    caches = Caches(cloud)
    for _ in range(100):
        if caches.redis(place, "GET", "a") == "1":
            break
        time.sleep(0.05)
    assert caches.redis(place, "GET", "a") == "1" and caches.endpoint("kept") == place


def test_a_stack_waits_until_its_group_answers(caches):
    cfn = caches.cloud.client("cloudformation")
    template = {"Resources": {"G": {"Type": "AWS::ElastiCache::ReplicationGroup", "Properties": {"ReplicationGroupDescription": "d", "CacheNodeType": "cache.t3.micro", "NumCacheClusters": "1"}},
                              "P": {"Type": "AWS::ElastiCache::ParameterGroup", "Properties": {"CacheParameterGroupFamily": "redis7", "Description": "d", "Properties": {"timeout": "20"}}}},
                "Outputs": {"Address": {"Value": {"Fn::GetAtt": ["G", "PrimaryEndPoint.Address"]}}, "Port": {"Value": {"Fn::GetAtt": ["G", "PrimaryEndPoint.Port"]}}}}
    cfn.create_stack(StackName="cache", TemplateBody=json.dumps(template))
    told = ended(caches, cfn, "cache")
    assert told["StackStatus"] == "CREATE_COMPLETE", cfn.describe_stack_events(StackName="cache")["StackEvents"][:3]
    out = {one["OutputKey"]: one["OutputValue"] for one in told["Outputs"]}
    assert caches.redis({"Address": out["Address"], "Port": int(out["Port"])}, "PING") == "PONG"
    cfn.delete_stack(StackName="cache")
    assert ended(caches, cfn, told["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def ended(caches, cfn, name):
    for _ in range(30):
        told = cfn.describe_stacks(StackName=name)["Stacks"][0]
        if not told["StackStatus"].endswith("IN_PROGRESS"):
            return told
        caches.cloud.advance(1)
    raise AssertionError(told)
