"""What a call was about. In the record only where CloudTrail names it (objects, keys, roles, tables); for looking up by resource, whatever its members name."""
from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloche.wire.model import Operation

if TYPE_CHECKING:
    from .records import Body

# of each service: the members that name a resource, and the type of what they name
MEMBERS: dict[str, dict[str, str]] = {
    "iam": {"UserName": "User", "RoleName": "Role", "GroupName": "Group", "PolicyArn": "Policy", "PolicyName": "Policy", "InstanceProfileName": "InstanceProfile", "AccessKeyId": "AccessKey",
            "SerialNumber": "MfaDevice", "ServerCertificateName": "ServerCertificate", "SAMLProviderArn": "SAMLProvider", "OpenIDConnectProviderArn": "OIDCProvider"},
    "s3": {"Bucket": "Bucket"},
    "sts": {"RoleArn": "AWS::IAM::Role", "AccessKeyId": "AWS::IAM::AccessKey", "AssumedRoleId": "AssumedRole"},
    "ec2": {"InstanceId": "Instance", "InstanceIds": "Instance", "VpcId": "VPC", "VpcIds": "VPC", "SubnetId": "Subnet", "SubnetIds": "Subnet", "GroupId": "SecurityGroup", "GroupIds": "SecurityGroup",
            "SecurityGroupIds": "SecurityGroup", "VolumeId": "Volume", "VolumeIds": "Volume", "SnapshotId": "Snapshot", "SnapshotIds": "Snapshot", "ImageId": "Ami", "ImageIds": "Ami",
            "NetworkInterfaceId": "NetworkInterface", "RouteTableId": "RouteTable", "InternetGatewayId": "InternetGateway", "NatGatewayId": "NatGateway", "AllocationId": "EIP", "KeyName": "KeyPair",
            "NetworkAclId": "NetworkAcl", "LaunchTemplateId": "LaunchTemplate", "VpcEndpointId": "VPCEndpoint", "VpcPeeringConnectionId": "VPCPeeringConnection", "FlowLogIds": "FlowLog",
            "FlowLogId": "FlowLog", "TransitGatewayId": "TransitGateway"},
    "sqs": {"QueueUrl": "Queue", "QueueName": "Queue"}, "sns": {"TopicArn": "Topic", "SubscriptionArn": "Subscription"}, "lambda": {"FunctionName": "Function", "LayerName": "LayerVersion"},
    "dynamodb": {"TableName": "Table", "TableArn": "Table", "BackupArn": "Backup"}, "kms": {"KeyId": "Key", "AliasName": "Alias", "TargetKeyId": "Key"},
    "secretsmanager": {"SecretId": "Secret", "ARN": "Secret", "Name": "Secret"}, "ssm": {"Name": "Parameter", "Names": "Parameter"},
    "cloudformation": {"StackName": "Stack", "StackId": "Stack", "ChangeSetName": "ChangeSet", "StackSetName": "StackSet"},
    "logs": {"logGroupName": "LogGroup", "logStreamName": "LogStream"}, "events": {"Rule": "Rule", "RuleArn": "Rule", "EventBusName": "EventBus"},
    "cloudtrail": {"TrailName": "Trail", "TrailARN": "Trail", "Name": "Trail", "S3BucketName": "AWS::S3::Bucket"},
    "cloudwatch": {"AlarmName": "Alarm", "AlarmNames": "Alarm", "DashboardName": "Dashboard"},
    "elbv2": {"LoadBalancerArn": "LoadBalancer", "TargetGroupArn": "TargetGroup", "ListenerArn": "Listener"}, "elb": {"LoadBalancerName": "LoadBalancer"},
    "autoscaling": {"AutoScalingGroupName": "AutoScalingGroup", "LaunchConfigurationName": "LaunchConfiguration"},
    "apigateway": {"restApiId": "RestApi"}, "apigatewayv2": {"ApiId": "Api"}, "cognito-idp": {"UserPoolId": "UserPool", "ClientId": "UserPoolClient"},
    "cognito-identity": {"IdentityPoolId": "IdentityPool"}, "acm": {"CertificateArn": "Certificate"}, "efs": {"FileSystemId": "FileSystem"},
    "route53": {"HostedZoneId": "HostedZone"}, "organizations": {"AccountId": "Account", "PolicyId": "Policy", "OrganizationalUnitId": "OrganizationalUnit"},
    "guardduty": {"DetectorId": "Detector"}, "wafv2": {"WebACLArn": "WebACL"}, "kinesis": {"StreamName": "Stream"},
}
FAMILIES = {"iam": "IAM", "s3": "S3", "sts": "STS", "ec2": "EC2", "sqs": "SQS", "sns": "SNS", "lambda": "Lambda", "dynamodb": "DynamoDB", "kms": "KMS", "secretsmanager": "SecretsManager", "ssm": "SSM",
            "cloudformation": "CloudFormation", "logs": "Logs", "events": "Events", "cloudtrail": "CloudTrail", "cloudwatch": "CloudWatch", "elbv2": "ElasticLoadBalancingV2",
            "elb": "ElasticLoadBalancing", "autoscaling": "AutoScaling", "apigateway": "ApiGateway", "apigatewayv2": "ApiGatewayV2", "cognito-idp": "Cognito", "cognito-identity": "Cognito",
            "acm": "CertificateManager", "efs": "EFS", "route53": "Route53", "organizations": "Organizations", "guardduty": "GuardDuty", "wafv2": "WAFv2", "kinesis": "Kinesis"}


def mentioned(body: Body) -> list[tuple[str, str]]:
    """(type, name) of everything that a call's members name, request first."""
    known, brand = MEMBERS.get(body.service), FAMILIES.get(body.service, "")
    if not known:
        return []
    found: dict[tuple[str, str], None] = {}
    for name, text in _named(known, (body.value, body.result)):
        type_ = known[name]
        found[type_ if type_.startswith("AWS::") else f"AWS::{brand}::{type_}", text] = None
    return list(found)


def _named(known: dict[str, str], value: Any, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            if name in known and isinstance(one, str):
                yield name, one
            elif name in known and isinstance(one, list) and all(isinstance(each, str) for each in one):
                yield from ((name, each) for each in one)
            elif depth < 5:
                yield from _named(known, one, depth + 1)
    elif isinstance(value, list | tuple) and depth < 5:
        for one in value[:100]:
            yield from _named(known, one, depth + 1)


def named(op: Operation, category: str, body: Body, account: str, region: str) -> list[dict[str, str]]:
    """`resources` of the record."""
    value = body.value if isinstance(body.value, dict) else {}
    service, account = body.service, body.owner or account
    if service == "s3" and value.get("Bucket"):
        bucket = {"accountId": account, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{value['Bucket']}"}
        if category == "AWS::S3::Object" and value.get("Key"):
            return [{"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{value['Bucket']}/{value['Key']}"}, bucket]
        return [{"type": "AWS::S3::Object", "ARNPrefix": f"arn:aws:s3:::{value['Bucket']}/"}, bucket] if category == "AWS::S3::Object" else [bucket]
    return [{"accountId": arn.split(":")[4] or account, "type": type_, "ARN": arn} for type_, arn in _arns(service, category, value, body, account, region)]


def _arns(service: str, category: str, value: dict[str, Any], body: Body, account: str, region: str) -> Iterator[tuple[str, str]]:
    def whole(kind: str, name: str, of: str = service) -> str:
        return name if name.startswith("arn:") else f"arn:aws:{of}:{region}:{account}:{kind}{name}"

    if service == "sts" and value.get("RoleArn"):
        yield "AWS::IAM::Role", value["RoleArn"]
    elif service == "kms":
        answered = body.result.get("KeyId") if isinstance(body.result, dict) else None
        for key in dict.fromkeys(filter(None, (value.get("KeyId"), value.get("DestinationKeyId"), answered))):
            if not str(key).startswith("alias/") and ":alias/" not in str(key):
                yield "AWS::KMS::Key", whole("key/", str(key))
    elif category == "AWS::DynamoDB::Table":
        for table in _tables(value):
            yield category, whole("table/", table)
    elif category == "AWS::DynamoDB::Stream" and value.get("StreamArn"):
        yield category, value["StreamArn"]
    elif category == "AWS::Lambda::Function" and value.get("FunctionName"):
        yield category, whole("function:", value["FunctionName"])
    elif category == "AWS::SQS::Queue" and value.get("QueueUrl"):
        *_, owner, name = f"/{account}/{value['QueueUrl']}".split("/")
        yield category, f"arn:aws:sqs:{region}:{owner if owner.isdigit() else account}:{name}"
    elif category == "AWS::SNS::Topic" and (arn := value.get("TopicArn") or value.get("TargetArn")):
        yield category, arn
    elif category == "AWS::Cognito::IdentityPool" and value.get("IdentityPoolId"):
        yield category, f"arn:aws:cognito-identity:{region}:{account}:identitypool/{value['IdentityPoolId']}"


def _tables(value: dict[str, Any]) -> list[str]:
    if value.get("TableName"):
        return [value["TableName"]]
    names = list(value.get("RequestItems") or {})
    for one in value.get("TransactItems") or []:
        names += [part["TableName"] for part in one.values() if isinstance(part, dict) and "TableName" in part]
    return list(dict.fromkeys(names))
