"""What ElastiCache says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def cluster_exists(name: str) -> AwsError:
    return AwsError("CacheClusterAlreadyExists", f"Cache cluster already exists: {name}")


def no_cluster(name: str) -> AwsError:
    return AwsError("CacheClusterNotFound", f"CacheCluster not found: {name}", 404)


def cluster_state(name: str, state: str) -> AwsError:
    return AwsError("InvalidCacheClusterState", f"Cache cluster {name} is not in a valid state: {state}")


def group_exists(name: str) -> AwsError:
    return AwsError("ReplicationGroupAlreadyExists", f"Replication group already exists: {name}")


def no_group(name: str) -> AwsError:
    return AwsError("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.", 404)


def group_state(name: str, state: str) -> AwsError:
    return AwsError("InvalidReplicationGroupState", f"Replication group {name} is not in a valid state: {state}")


def no_node_group(name: str) -> AwsError:
    return AwsError("NodeGroupNotFoundFault", f"Node group {name} not found.", 404)


def value(why: str) -> AwsError:
    return AwsError("InvalidParameterValue", why)


def combination(why: str) -> AwsError:
    return AwsError("InvalidParameterCombination", why)


def parameter_group_exists(name: str) -> AwsError:
    return AwsError("CacheParameterGroupAlreadyExists", f"Parameter group {name} already exists")


def no_parameter_group(name: str) -> AwsError:
    return AwsError("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}", 404)


def parameter_group_state(why: str) -> AwsError:
    return AwsError("InvalidCacheParameterGroupState", why)


def subnet_group_exists(name: str) -> AwsError:
    return AwsError("CacheSubnetGroupAlreadyExists", f"Cache Subnet Group {name} already exists")


def no_subnet_group(name: str) -> AwsError:
    return AwsError("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")


def subnet_group_in_use(name: str) -> AwsError:
    return AwsError("CacheSubnetGroupInUse", f"Cache Subnet Group {name} is currently in use by a cache cluster.")


def bad_subnet(why: str) -> AwsError:
    return AwsError("InvalidSubnet", why)


def snapshot_exists(name: str) -> AwsError:
    return AwsError("SnapshotAlreadyExistsFault", f"Snapshot with specified name already exists: {name}")


def no_snapshot(name: str) -> AwsError:
    return AwsError("SnapshotNotFoundFault", f"Snapshot not found: {name}", 404)


def no_snapshots_of(engine: str) -> AwsError:
    return AwsError("SnapshotFeatureNotSupportedFault", f"Snapshots are not supported by {engine} clusters")


def no_capacity(why: str) -> AwsError:
    return AwsError("InsufficientCacheClusterCapacity", why)


def bad_arn(arn: str) -> AwsError:
    return AwsError("InvalidARN", f"Invalid ARN: {arn}")


def bad_marker() -> AwsError:
    return value("The marker is not valid.")
