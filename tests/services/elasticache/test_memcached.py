"""Memcached: nodes that know nothing of each other, found by the configuration endpoint."""
import pytest

from cloche.testing.people import Person, allow, refused

from .conftest import say


@pytest.fixture(scope="module")
def many(caches):
    caches.create("many", "memcached", NumCacheNodes=2)
    return caches


def configured(many):
    told = many.one("many")
    lines = say(told["ConfigurationEndpoint"], b"config get cluster\r\n").split(b"\r\n")[1].decode().split("\n")
    return int(lines[0]), lines[1].split(" ")


def test_nodes_are_independent(many):
    told = many.one("many")
    first, second = (node["Endpoint"] for node in told["CacheNodes"])
    assert first["Port"] == 11211 and first["Address"] != second["Address"]
    assert say(first, b"set a 0 0 1\r\n1\r\nget a\r\n") == b"STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n" and say(second, b"get a\r\n") == b"END\r\n"
    assert b"STAT threads 2\r\n" in say(first, b"stats\r\n")      # the cores of its type


def test_the_configuration_endpoint_lists_the_nodes(many):
    told = many.one("many")
    version, nodes = configured(many)
    assert nodes == [f"{node['Endpoint']['Address']}|{node['Endpoint']['Address']}|11211" for node in told["CacheNodes"]]
    many.api.modify_cache_cluster(CacheClusterId="many", NumCacheNodes=3, ApplyImmediately=True)
    many.available("many")
    later, more = configured(many)
    assert later == version + 1 and len(more) == 3
    refused("InvalidParameterCombination", many.api.modify_cache_cluster, CacheClusterId="many", NumCacheNodes=2, ApplyImmediately=True)
    many.api.modify_cache_cluster(CacheClusterId="many", NumCacheNodes=2, CacheNodeIdsToRemove=["0002"], ApplyImmediately=True)
    assert [node["CacheNodeId"] for node in many.available("many")["CacheNodes"]] == ["0001", "0003"]


def test_a_reboot_empties_the_nodes_and_there_are_no_snapshots(many):
    place = many.endpoint("many")
    say(place, b"set b 0 0 1\r\n1\r\n")
    many.api.reboot_cache_cluster(CacheClusterId="many", CacheNodeIdsToReboot=["0001"])
    many.available("many")
    assert say(many.endpoint("many"), b"get b\r\n") == b"END\r\n"
    refused("SnapshotFeatureNotSupportedFault", many.api.create_snapshot, CacheClusterId="many", SnapshotName="shot")
    refused("InvalidParameterValue", many.api.create_cache_cluster, CacheClusterId="huge", Engine="memcached", CacheNodeType="cache.t3.micro", NumCacheNodes=61)
    refused("InvalidParameterValue", many.api.create_cache_cluster, CacheClusterId="none", Engine="memcached", CacheNodeType="cache.none")


def test_groups_of_subnets_and_tags(many):
    api, subnets = many.api, [one["SubnetId"] for one in many.cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    api.create_cache_subnet_group(CacheSubnetGroupName="g", CacheSubnetGroupDescription="d", SubnetIds=subnets)
    refused("CacheSubnetGroupAlreadyExists", api.create_cache_subnet_group, CacheSubnetGroupName="g", CacheSubnetGroupDescription="d", SubnetIds=subnets)
    api.modify_cache_subnet_group(CacheSubnetGroupName="g", CacheSubnetGroupDescription="e")
    assert api.describe_cache_subnet_groups(CacheSubnetGroupName="g")["CacheSubnetGroups"][0]["CacheSubnetGroupDescription"] == "e"
    many.create("in", CacheSubnetGroupName="g", Tags=[{"Key": "a", "Value": "1"}])
    refused("CacheSubnetGroupInUse", api.delete_cache_subnet_group, CacheSubnetGroupName="g")
    arn = many.one("in")["ARN"]
    api.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
    api.remove_tags_from_resource(ResourceName=arn, TagKeys=["a"])
    assert api.list_tags_for_resource(ResourceName=arn)["TagList"] == [{"Key": "b", "Value": "2"}]
    api.delete_cache_cluster(CacheClusterId="in")
    many.cloud.advance(1)
    api.delete_cache_subnet_group(CacheSubnetGroupName="g")
    assert [one["CacheParameterGroupName"] for one in api.describe_cache_parameter_groups(CacheParameterGroupName="default.redis7")["CacheParameterGroups"]] == ["default.redis7"]
    small = Person(many.cloud, "small", allow("elasticache:DescribeCacheClusters")).client("elasticache")
    refused("AccessDenied", small.create_cache_cluster, CacheClusterId="x", Engine="redis", CacheNodeType="cache.t3.micro")
