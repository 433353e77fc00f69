"""Load balancers made by CloudFormation."""
import copy
import json

from .conftest import says

RULE = {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {
    "ListenerArn": {"Ref": "Listener"}, "Priority": 5, "Conditions": [{"Field": "path-pattern", "Values": ["/rule"]}], "Actions": [says("from the rule")]}}


def template(lb):
    ids = [one["SubnetId"] for one in lb.subnets[:2]]
    return {
        "Resources": {
            "Front": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {
                "Subnets": ids, "SecurityGroups": [lb.open_group], "LoadBalancerAttributes": [{"Key": "idle_timeout.timeout_seconds", "Value": "30"}], "Tags": [{"Key": "a", "Value": "b"}]}},
            "Group": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {
                "TargetType": "ip", "Protocol": "HTTP", "Port": 8080, "VpcId": lb.vpc, "HealthCheckPath": "/health", "Matcher": {"HttpCode": "200-204"},
                "TargetGroupAttributes": [{"Key": "deregistration_delay.timeout_seconds", "Value": "20"}], "Targets": [{"Id": "172.31.0.99"}]}},
            "Listener": {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
                "LoadBalancerArn": {"Ref": "Front"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}]}},
            "Rule": RULE,
        },
        "Outputs": {name: {"Value": {"Fn::GetAtt": path.split(".")}} for name, path in {
            "Name": "Front.DNSName", "Full": "Front.LoadBalancerFullName", "Zone": "Front.CanonicalHostedZoneID", "GroupName": "Group.TargetGroupName", "GroupFull": "Group.TargetGroupFullName",
            "Rule": "Rule.RuleArn", "Listener": "Listener.ListenerArn"}.items()},
    }


def settle(lb, name, wanted):
    for _ in range(40):
        found = lb.cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            break
        lb.cloud.advance(2)
    events = lb.cloud.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert found["StackStatus"] == wanted, [(one["LogicalResourceId"], one.get("ResourceStatusReason")) for one in events if "FAILED" in one["ResourceStatus"]]
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}


def test_a_stack_makes_changes_and_deletes_a_load_balancer(lb):
    cfn, whole = lb.cloud.client("cloudformation"), template(lb)
    cfn.create_stack(StackName="front", TemplateBody=json.dumps(whole))
    out = settle(lb, "front", "CREATE_COMPLETE")
    made = lb.client.describe_load_balancers()["LoadBalancers"][0]
    assert made["State"]["Code"] == "active" and out["Name"] == made["DNSName"] and out["Full"] == made["LoadBalancerArn"].split(":loadbalancer/")[1] and made["LoadBalancerName"].startswith("front-")
    assert out["GroupFull"] == f"targetgroup/{out['GroupName']}/" + out["GroupFull"].rsplit("/", 1)[1]
    assert lb.ask(made, "/rule").text == "from the rule"
    group = lb.client.describe_target_groups()["TargetGroups"][0]
    assert group["HealthCheckPath"] == "/health" and lb.client.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"][0]["Target"] == {
        "Id": "172.31.0.99", "Port": 8080, "AvailabilityZone": next(iter({one["AvailabilityZone"] for one in lb.subnets if one["CidrBlock"] == "172.31.0.0/20"}))}
    changed = copy.deepcopy(whole)
    changed["Resources"]["Rule"]["Properties"] |= {"Priority": 7, "Actions": [says("changed")]}
    changed["Resources"]["Front"]["Properties"] |= {"Subnets": [one["SubnetId"] for one in lb.subnets[1:3]], "LoadBalancerAttributes": [], "Tags": [{"Key": "a", "Value": "c"}]}
    changed["Resources"]["Group"]["Properties"] |= {"HealthCheckPath": "/other", "Targets": []}
    cfn.update_stack(StackName="front", TemplateBody=json.dumps(changed))
    settle(lb, "front", "UPDATE_COMPLETE")
    again = lb.client.describe_load_balancers()["LoadBalancers"][0]
    assert again["LoadBalancerArn"] == made["LoadBalancerArn"] and {one["SubnetId"] for one in again["AvailabilityZones"]} == {one["SubnetId"] for one in lb.subnets[1:3]}
    told = {one["Key"]: one["Value"] for one in lb.client.describe_load_balancer_attributes(LoadBalancerArn=again["LoadBalancerArn"])["Attributes"]}
    assert told["idle_timeout.timeout_seconds"] == "60" and lb.ask(made, "/rule").text == "changed"
    assert lb.client.describe_target_groups()["TargetGroups"][0]["HealthCheckPath"] == "/other"
    tags = {one["Key"]: one["Value"] for one in lb.client.describe_tags(ResourceArns=[made["LoadBalancerArn"]])["TagDescriptions"][0]["Tags"]}
    assert tags["a"] == "c" and tags["aws:cloudformation:stack-name"] == "front"
    cfn.delete_stack(StackName="front")
    lb.cloud.advance(10)
    assert lb.client.describe_load_balancers()["LoadBalancers"] == [] and lb.client.describe_target_groups()["TargetGroups"] == []
