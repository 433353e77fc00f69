"""What DAX says when it refuses. One function a sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def parameter(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)


def combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombinationException", message)


def no_cluster(name: str) -> AwsError:
    return AwsError("ClusterNotFoundFault", f"Cluster not found: {name}")


def cluster_exists(name: str) -> AwsError:
    return AwsError("ClusterAlreadyExistsFault", f"Cluster already exists: {name}")


def cluster_state(name: str, state: str) -> AwsError:
    return AwsError("InvalidClusterStateFault", f"Cluster {name} is not in the available state: {state}")


def too_many_nodes(most: int) -> AwsError:
    return AwsError("NodeQuotaForClusterExceededFault", f"A cluster can have {most} nodes at most")


def no_node(name: str) -> AwsError:
    return AwsError("NodeNotFoundFault", f"Node not found: {name}")


def no_group(name: str) -> AwsError:
    return AwsError("ParameterGroupNotFoundFault", f"Parameter group not found: {name}")


def group_exists(name: str) -> AwsError:
    return AwsError("ParameterGroupAlreadyExistsFault", f"Parameter group already exists: {name}")


def group_state(message: str) -> AwsError:
    return AwsError("InvalidParameterGroupStateFault", message)


def no_subnet_group(name: str) -> AwsError:
    return AwsError("SubnetGroupNotFoundFault", f"Subnet group not found: {name}")


def subnet_group_exists(name: str) -> AwsError:
    return AwsError("SubnetGroupAlreadyExistsFault", f"Subnet group already exists: {name}")


def subnet_group_in_use(name: str) -> AwsError:
    return AwsError("SubnetGroupInUseFault", f"Subnet group is in use: {name}")


def bad_subnet(name: str) -> AwsError:
    return AwsError("InvalidSubnet", f"Subnet is not valid: {name}")


def bad_arn(arn: str) -> AwsError:
    return AwsError("InvalidARNFault", f"The ARN is not that of a cluster: {arn}")


def no_tag(key: str) -> AwsError:
    return AwsError("TagNotFoundFault", f"There is no tag {key}")


def too_many_tags() -> AwsError:
    return AwsError("TagQuotaPerResourceExceeded", "A cluster can have 50 tags at most")


def next_token() -> AwsError:
    return parameter("The NextToken is not valid")
