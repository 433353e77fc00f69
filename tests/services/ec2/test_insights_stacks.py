"""Flow logs and Network Insights in CloudFormation's templates."""
import json

from tests.services.cloudformation.templates import outputs, template
from tests.services.cloudformation.test_types import deploy, gone

from .test_network_stacks import BASE, att, one, ref, show


def test_a_stack_logs_its_vpc_and_asks_for_a_path(cloud):
    trust = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}]})
    role = cloud.client("iam").create_role(RoleName="flow", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    cfn = cloud.client("cloudformation")
    deploy(cfn, "seen", template({
        **{name: BASE[name] for name in ("V", "Public", "Private")},
        "Log": one("FlowLog", ResourceId=ref("V"), ResourceType="VPC", TrafficType="REJECT", LogGroupName="flows", DeliverLogsPermissionArn=role, MaxAggregationInterval=60,
                   Tags=[{"Key": "a", "Value": "b"}]),
        "One": one("NetworkInterface", SubnetId=ref("Public")), "Two": one("NetworkInterface", SubnetId=ref("Private")),
        "Path": one("NetworkInsightsPath", Source=ref("One"), Destination=ref("Two"), Protocol="tcp", DestinationPort=443),
        "Found": one("NetworkInsightsAnalysis", NetworkInsightsPathId=ref("Path")),
    }, Outputs=show(Log=ref("Log"), Path=att("Path", "NetworkInsightsPathArn"), Status=att("Found", "Status"), Found=att("Found", "NetworkPathFound"))))
    said, ec2 = outputs(cfn, "seen"), cloud.client("ec2")
    log = ec2.describe_flow_logs(FlowLogIds=[said["Log"]])["FlowLogs"][0]
    assert (log["TrafficType"], log["MaxAggregationInterval"]) == ("REJECT", 60) and {"Key": "a", "Value": "b"} in log["Tags"]
    assert ":network-insights-path/nip-" in said["Path"] and (said["Status"], said["Found"]) == ("succeeded", "true")
    gone(cfn, "seen")
    assert ec2.describe_flow_logs()["FlowLogs"] == [] == ec2.describe_network_insights_paths()["NetworkInsightsPaths"]
