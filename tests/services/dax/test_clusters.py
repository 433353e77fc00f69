"""The control plane: clusters, nodes, parameter groups, subnet groups, tags."""
import socket


def reachable(endpoint):
    with socket.create_connection((endpoint["Address"], endpoint["Port"]), timeout=5):
        return True


def test_a_cluster_is_available_when_somebody_listens_at_its_address(bench):
    made = bench.cluster(wait=False, nodes=2, Description="d", Tags=[{"Key": "a", "Value": "1"}])
    assert made["Status"] == "creating" and made["TotalNodes"] == 2 and made["ClusterArn"].endswith(":cache/cache") and "ClusterDiscoveryEndpoint" not in made
    bench.cloud.advance(1)
    told = bench.describe()
    assert told["Status"] == "available" and told["ActiveNodes"] == 2 and told["Description"] == "d" and told["ParameterGroup"]["ParameterGroupName"] == "default.dax1.0"
    endpoint = told["ClusterDiscoveryEndpoint"]
    assert endpoint["Port"] == 8111 and endpoint["URL"] == f"dax://{endpoint['Address']}:8111" and endpoint["Address"].startswith("127.")
    assert [n["NodeId"] for n in told["Nodes"]] == ["cache-a", "cache-b"] and all(reachable(n["Endpoint"]) for n in told["Nodes"])
    assert told["Nodes"][0]["Endpoint"] == endpoint and told["ClusterEndpointEncryptionType"] == "NONE" and told["SSEDescription"] == {"Status": "DISABLED"}


def test_a_cluster_needs_a_role_and_a_name(bench, refused):
    role = bench.role()
    assert refused(bench.cluster, IamRoleArn=role + "x")[0] == "InvalidParameterValueException"
    for name in ("9cache", "a-", "a--b", "x" * 21):
        assert refused(bench.cluster, name, IamRoleArn=role)[0] == "InvalidParameterValueException"
    assert refused(bench.dax.create_cluster, ClusterName="c", NodeType="cache.t3.small", ReplicationFactor=1, IamRoleArn=role)[0] == "InvalidParameterValueException"
    assert refused(bench.cluster, nodes=12, IamRoleArn=role)[0] == "NodeQuotaForClusterExceededFault"
    assert refused(bench.cluster, ParameterGroupName="nobody", IamRoleArn=role)[0] == "ParameterGroupNotFoundFault"
    assert refused(bench.cluster, SubnetGroupName="nobody", IamRoleArn=role)[0] == "SubnetGroupNotFoundFault"
    assert bench.dax.describe_clusters()["Clusters"] == []
    bench.cluster(IamRoleArn=role)
    assert refused(bench.cluster, IamRoleArn=role)[0] == "ClusterAlreadyExistsFault"


GREETING = b"gJ7yne5G\x00\xf6\xa0\x00"  # who it is, no layers, no session, no words about the client, no types
ENDPOINTS = b"\x01\x1a\x1b\x2b\xcf\x02"  # a request that anybody may make: 455855874


def test_a_deleted_cluster_answers_nobody_any_more(bench, refused):
    endpoint = bench.cluster()["ClusterDiscoveryEndpoint"]
    with socket.create_connection((endpoint["Address"], endpoint["Port"]), timeout=10) as client:
        client.sendall(GREETING + ENDPOINTS)
        assert client.recv(4096)[0] != 0x80  # it answers, if only that nobody has said who he is
        assert bench.dax.delete_cluster(ClusterName="cache")["Cluster"]["Status"] == "deleting"
        bench.cloud.advance(1)
        assert refused(bench.describe)[0] == refused(bench.dax.delete_cluster, ClusterName="cache")[0] == "ClusterNotFoundFault"
        client.sendall(ENDPOINTS)
        assert client.recv(100) == b""


def test_nodes_come_and_go(bench, refused):
    bench.cluster()
    told = bench.dax.increase_replication_factor(ClusterName="cache", NewReplicationFactor=3)["Cluster"]
    assert told["Status"] == "modifying" and told["TotalNodes"] == 3
    bench.cloud.advance(1)
    nodes = bench.describe()["Nodes"]
    assert [n["NodeStatus"] for n in nodes] == ["available"] * 3 and len({n["Endpoint"]["Address"] for n in nodes}) == 3
    bench.dax.decrease_replication_factor(ClusterName="cache", NewReplicationFactor=2, NodeIdsToRemove=["cache-a"])
    bench.cloud.advance(1)
    assert [n["NodeId"] for n in bench.describe()["Nodes"]] == ["cache-b", "cache-c"] and bench.describe()["Status"] == "available"
    assert refused(bench.dax.decrease_replication_factor, ClusterName="cache", NewReplicationFactor=1, NodeIdsToRemove=["nobody"])[0] == "NodeNotFoundFault"
    assert refused(bench.dax.increase_replication_factor, ClusterName="cache", NewReplicationFactor=2)[0] == "InvalidParameterValueException"
    assert refused(bench.dax.reboot_node, ClusterName="cache", NodeId="nobody")[0] == "NodeNotFoundFault"


def test_parameters_have_defaults_and_are_set_in_groups_of_ones_own(bench, refused):
    defaults = {p["ParameterName"]: (p["ParameterValue"], p["Source"]) for p in bench.dax.describe_default_parameters()["Parameters"]}
    assert defaults == {"query-ttl-millis": ("300000", "system"), "record-ttl-millis": ("300000", "system")}
    bench.dax.create_parameter_group(ParameterGroupName="mine", Description="d")
    assert refused(bench.dax.create_parameter_group, ParameterGroupName="mine")[0] == "ParameterGroupAlreadyExistsFault"
    bench.dax.update_parameter_group(ParameterGroupName="mine", ParameterNameValues=[{"ParameterName": "query-ttl-millis", "ParameterValue": "1000"}])
    told = {p["ParameterName"]: (p["ParameterValue"], p["Source"]) for p in bench.dax.describe_parameters(ParameterGroupName="mine")["Parameters"]}
    assert told == {"query-ttl-millis": ("1000", "user"), "record-ttl-millis": ("300000", "system")}
    assert [g["ParameterGroupName"] for g in bench.dax.describe_parameter_groups()["ParameterGroups"]] == ["default.dax1.0", "mine"]
    for wrong in ({"ParameterName": "nobody", "ParameterValue": "1"}, {"ParameterName": "query-ttl-millis", "ParameterValue": "soon"}):
        assert refused(bench.dax.update_parameter_group, ParameterGroupName="mine", ParameterNameValues=[wrong])[0] == "InvalidParameterValueException"
    bench.cluster(ParameterGroupName="mine")
    for act in (bench.dax.delete_parameter_group, lambda **n: bench.dax.update_parameter_group(**n, ParameterNameValues=[])):
        assert refused(act, ParameterGroupName="mine")[0] == "InvalidParameterGroupStateFault"
    bench.dax.update_cluster(ClusterName="cache", ParameterGroupName="default.dax1.0", Description="new")
    assert bench.describe()["Description"] == "new"
    bench.dax.delete_parameter_group(ParameterGroupName="mine")
    assert refused(bench.dax.describe_parameters, ParameterGroupName="mine")[0] == "ParameterGroupNotFoundFault"
    assert refused(bench.dax.delete_parameter_group, ParameterGroupName="default.dax1.0")[0] == "InvalidParameterGroupStateFault"


def test_subnet_groups(bench, refused):
    subnets = bench.cloud.client("ec2").describe_subnets()["Subnets"][:2]
    ids = [s["SubnetId"] for s in subnets]
    made = bench.dax.create_subnet_group(SubnetGroupName="mine", SubnetIds=ids, Description="d")["SubnetGroup"]
    assert made["VpcId"] == subnets[0]["VpcId"] and {s["SubnetIdentifier"] for s in made["Subnets"]} == set(ids)
    assert refused(bench.dax.create_subnet_group, SubnetGroupName="mine", SubnetIds=ids)[0] == "SubnetGroupAlreadyExistsFault"
    assert refused(bench.dax.create_subnet_group, SubnetGroupName="bad", SubnetIds=["subnet-12345678"])[0] == "InvalidSubnet"
    assert len(bench.dax.update_subnet_group(SubnetGroupName="mine", SubnetIds=ids[:1])["SubnetGroup"]["Subnets"]) == 1
    told = bench.cluster(SubnetGroupName="mine")
    assert told["SubnetGroup"] == "mine" and told["Nodes"][0]["AvailabilityZone"] == subnets[0]["AvailabilityZone"]
    assert refused(bench.dax.delete_subnet_group, SubnetGroupName="mine")[0] == "SubnetGroupInUseFault"
    bench.dax.delete_cluster(ClusterName="cache")
    bench.cloud.advance(1)
    bench.dax.delete_subnet_group(SubnetGroupName="mine")
    assert bench.dax.describe_subnet_groups()["SubnetGroups"] == []
    assert refused(bench.dax.describe_subnet_groups, SubnetGroupNames=["mine"])[0] == "SubnetGroupNotFoundFault"


def test_tags(bench, refused):
    arn = bench.cluster(Tags=[{"Key": "a", "Value": "1"}])["ClusterArn"]
    bench.dax.tag_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
    assert bench.dax.untag_resource(ResourceName=arn, TagKeys=["a"])["Tags"] == [{"Key": "b", "Value": "2"}] == bench.dax.list_tags(ResourceName=arn)["Tags"]
    assert refused(bench.dax.untag_resource, ResourceName=arn, TagKeys=["a"])[0] == "TagNotFoundFault"
    assert refused(bench.dax.list_tags, ResourceName=f"arn:aws:dax:us-east-1:{bench.cloud.account}:nothing")[0] == "InvalidARNFault"


def test_who_says_nothing_sensible_is_hung_up_on(bench):
    endpoint = bench.cluster()["ClusterDiscoveryEndpoint"]
    with socket.create_connection((endpoint["Address"], endpoint["Port"]), timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n" + b"\0" * 100)
        assert client.recv(100) == b""


def test_a_cluster_listens_again_after_a_restart(tmp_path):
    from cloche.testing import Cloche

    from .conftest import Bench
    with Cloche(data=tmp_path / "cloud", compute="none") as cloud:
        bench = Bench(cloud)
        before = bench.cluster()["ClusterDiscoveryEndpoint"]
        assert reachable(before)
    with Cloche(data=tmp_path / "cloud", compute="none") as cloud:
        bench = Bench(cloud)
        cloud.advance(1)
        assert reachable(bench.describe()["ClusterDiscoveryEndpoint"])


def test_a_template_makes_a_cluster_with_its_groups(bench, cloud):
    import json
    stacks = cloud.client("cloudformation")
    subnet = cloud.client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    template = {"Resources": {
        "Parameters": {"Type": "AWS::DAX::ParameterGroup", "Properties": {"ParameterNameValues": {"query-ttl-millis": "7000"}}},
        "Subnets": {"Type": "AWS::DAX::SubnetGroup", "Properties": {"SubnetIds": [subnet], "Description": "d"}},
        "Cluster": {"Type": "AWS::DAX::Cluster", "Properties": {
            "IAMRoleARN": bench.role(), "NodeType": "dax.t3.small", "ReplicationFactor": 1, "ParameterGroupName": {"Ref": "Parameters"}, "SubnetGroupName": {"Ref": "Subnets"}}}},
        "Outputs": {"Name": {"Value": {"Ref": "Cluster"}}, "Endpoint": {"Value": {"Fn::GetAtt": ["Cluster", "ClusterDiscoveryEndpoint"]}}, "Arn": {"Value": {"Fn::GetAtt": ["Cluster", "Arn"]}}}}

    def settled(wanted):
        cloud.advance(10)
        told = stacks.describe_stacks(StackName="s")["Stacks"][0]
        assert told["StackStatus"] == wanted, [e.get("ResourceStatusReason") for e in stacks.describe_stack_events(StackName="s")["StackEvents"]]
        return {o["OutputKey"]: o["OutputValue"] for o in told["Outputs"]}

    stacks.create_stack(StackName="s", TemplateBody=json.dumps(template))
    out = settled("CREATE_COMPLETE")
    told = bench.describe(out["Name"])
    assert told["Status"] == "available" and out["Arn"] == told["ClusterArn"] and out["Endpoint"] == f"{told['ClusterDiscoveryEndpoint']['Address']}:8111"
    parameters = bench.dax.describe_parameters(ParameterGroupName=told["ParameterGroup"]["ParameterGroupName"])["Parameters"]
    assert {p["ParameterName"]: p["ParameterValue"] for p in parameters}["query-ttl-millis"] == "7000"
    template["Resources"]["Cluster"]["Properties"] |= {"ReplicationFactor": 2, "Description": "two"}
    stacks.update_stack(StackName="s", TemplateBody=json.dumps(template))
    settled("UPDATE_COMPLETE")
    assert bench.describe(out["Name"])["TotalNodes"] == 2 and bench.describe(out["Name"])["Description"] == "two"
    stacks.delete_stack(StackName="s")
    cloud.advance(30)
    assert bench.dax.describe_clusters()["Clusters"] == []
