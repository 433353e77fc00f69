"""How the properties of a resource are read back: by the type's own `live`, or by one describing operation in whose answer they stand under their own names.

Drift, imports and Cloud Control read through here. What an answer calls by another name than the template is not known of
that type, and is neither compared nor shown.
"""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cloche.kernel import AwsError

from . import registry
from .public import Resource


class Look(NamedTuple):
    service: str
    operation: str
    path: str                       # to the resource in the answer
    members: dict[str, str]         # of the request, as `Resource.text` reads them
    listing: tuple[str, str, str] | None = None  # operation, path to the list, and where in an entry the identifier is ("" if the entry is it)
    skip: tuple[str, ...] = ()      # what the service writes in a way of its own


def _by(service: str, operation: str, path: str, listing: tuple[str, str, str] | None = None, /, *skip: str, **members: str) -> Look:
    return Look(service, operation, path, members, listing, skip)


LOOKS: dict[str, Look] = {
    "AWS::ApiGateway::ApiKey": _by("apigateway", "GetApiKey", "", ("GetApiKeys", "items", "id"), apiKey="{id}"),
    "AWS::ApiGateway::Authorizer": _by("apigateway", "GetAuthorizer", "", restApiId="{RestApiId}", authorizerId="{id}"),
    "AWS::ApiGateway::Deployment": _by("apigateway", "GetDeployment", "", restApiId="{RestApiId}", deploymentId="{id}"),
    "AWS::ApiGateway::Method": _by("apigateway", "GetMethod", "", restApiId="{RestApiId}", resourceId="{ResourceId}", httpMethod="{HttpMethod}"),
    "AWS::ApiGateway::Model": _by("apigateway", "GetModel", "", restApiId="{RestApiId}", modelName="{id}"),
    "AWS::ApiGateway::RequestValidator": _by("apigateway", "GetRequestValidator", "", restApiId="{RestApiId}", requestValidatorId="{id}"),
    "AWS::ApiGateway::Resource": _by("apigateway", "GetResource", "", restApiId="{RestApiId}", resourceId="{id}"),
    "AWS::ApiGateway::RestApi": _by("apigateway", "GetRestApi", "", ("GetRestApis", "items", "id"), restApiId="{id}"),
    "AWS::ApiGateway::Stage": _by("apigateway", "GetStage", "", restApiId="{RestApiId}", stageName="{id}"),
    "AWS::ApiGateway::UsagePlan": _by("apigateway", "GetUsagePlan", "", ("GetUsagePlans", "items", "id"), usagePlanId="{id}"),
    "AWS::ApiGatewayV2::Api": _by("apigatewayv2", "GetApi", "", ("GetApis", "Items", "ApiId"), ApiId="{id}"),
    "AWS::ApiGatewayV2::Integration": _by("apigatewayv2", "GetIntegration", "", ApiId="{ApiId}", IntegrationId="{id}"),
    "AWS::ApiGatewayV2::Route": _by("apigatewayv2", "GetRoute", "", ApiId="{ApiId}", RouteId="{id}"),
    "AWS::ApiGatewayV2::Stage": _by("apigatewayv2", "GetStage", "", ApiId="{ApiId}", StageName="{id}"),
    "AWS::AutoScaling::AutoScalingGroup": _by("autoscaling", "DescribeAutoScalingGroups", "AutoScalingGroups.0", ("DescribeAutoScalingGroups", "AutoScalingGroups", "AutoScalingGroupName"),
                                              AutoScalingGroupNames="{id}"),
    "AWS::AutoScaling::LaunchConfiguration": _by("autoscaling", "DescribeLaunchConfigurations", "LaunchConfigurations.0",
                                                 ("DescribeLaunchConfigurations", "LaunchConfigurations", "LaunchConfigurationName"), LaunchConfigurationNames="{id}"),
    "AWS::CloudWatch::Alarm": _by("cloudwatch", "DescribeAlarms", "MetricAlarms.0", ("DescribeAlarms", "MetricAlarms", "AlarmName"), AlarmNames="{id}"),
    "AWS::Cognito::IdentityPool": _by("cognito-identity", "DescribeIdentityPool", "", IdentityPoolId="{id}"),
    "AWS::Cognito::UserPool": _by("cognito-idp", "DescribeUserPool", "UserPool", UserPoolId="{id}"),
    "AWS::Cognito::UserPoolClient": _by("cognito-idp", "DescribeUserPoolClient", "UserPoolClient", UserPoolId="{UserPoolId}", ClientId="{id}"),
    "AWS::Cognito::UserPoolGroup": _by("cognito-idp", "GetGroup", "Group", UserPoolId="{UserPoolId}", GroupName="{id}"),
    "AWS::EC2::CustomerGateway": _by("ec2", "DescribeCustomerGateways", "CustomerGateways.0", ("DescribeCustomerGateways", "CustomerGateways", "CustomerGatewayId"), CustomerGatewayIds="{id}"),
    "AWS::EC2::EIP": _by("ec2", "DescribeAddresses", "Addresses.0", PublicIps="{id}"),
    "AWS::EC2::Instance": _by("ec2", "DescribeInstances", "Reservations.0.Instances.0", InstanceIds="{id}"),
    "AWS::EC2::InternetGateway": _by("ec2", "DescribeInternetGateways", "InternetGateways.0", ("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"), InternetGatewayIds="{id}"),
    "AWS::EC2::KeyPair": _by("ec2", "DescribeKeyPairs", "KeyPairs.0", ("DescribeKeyPairs", "KeyPairs", "KeyName"), KeyNames="{id}"),
    "AWS::EC2::LaunchTemplate": _by("ec2", "DescribeLaunchTemplates", "LaunchTemplates.0", ("DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId"), LaunchTemplateIds="{id}"),
    "AWS::EC2::NetworkAcl": _by("ec2", "DescribeNetworkAcls", "NetworkAcls.0", ("DescribeNetworkAcls", "NetworkAcls", "NetworkAclId"), NetworkAclIds="{id}"),
    "AWS::EC2::RouteTable": _by("ec2", "DescribeRouteTables", "RouteTables.0", ("DescribeRouteTables", "RouteTables", "RouteTableId"), RouteTableIds="{id}"),
    "AWS::EC2::TransitGateway": _by("ec2", "DescribeTransitGateways", "TransitGateways.0", ("DescribeTransitGateways", "TransitGateways", "TransitGatewayId"), TransitGatewayIds="{id}"),
    "AWS::EC2::VPCEndpoint": _by("ec2", "DescribeVpcEndpoints", "VpcEndpoints.0", ("DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId"), VpcEndpointIds="{id}"),
    "AWS::EC2::VPNGateway": _by("ec2", "DescribeVpnGateways", "VpnGateways.0", ("DescribeVpnGateways", "VpnGateways", "VpnGatewayId"), VpnGatewayIds="{id}"),
    "AWS::EC2::Volume": _by("ec2", "DescribeVolumes", "Volumes.0", ("DescribeVolumes", "Volumes", "VolumeId"), VolumeIds="{id}"),
    "AWS::EFS::AccessPoint": _by("efs", "DescribeAccessPoints", "AccessPoints.0", ("DescribeAccessPoints", "AccessPoints", "AccessPointId"), AccessPointId="{id}"),
    "AWS::EFS::FileSystem": _by("efs", "DescribeFileSystems", "FileSystems.0", ("DescribeFileSystems", "FileSystems", "FileSystemId"), FileSystemId="{id}"),
    "AWS::EFS::MountTarget": _by("efs", "DescribeMountTargets", "MountTargets.0", MountTargetId="{id}"),
    "AWS::ElasticLoadBalancingV2::Listener": _by("elbv2", "DescribeListeners", "Listeners.0", ListenerArns="{id}"),
    "AWS::ElasticLoadBalancingV2::ListenerRule": _by("elbv2", "DescribeRules", "Rules.0", RuleArns="{id}"),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _by("elbv2", "DescribeLoadBalancers", "LoadBalancers.0", ("DescribeLoadBalancers", "LoadBalancers", "LoadBalancerArn"), LoadBalancerArns="{id}"),
    "AWS::ElasticLoadBalancingV2::TargetGroup": _by("elbv2", "DescribeTargetGroups", "TargetGroups.0", ("DescribeTargetGroups", "TargetGroups", "TargetGroupArn"), TargetGroupArns="{id}"),
    "AWS::Events::EventBus": _by("events", "DescribeEventBus", "", ("ListEventBuses", "EventBuses", "Name"), Name="{id}"),
    "AWS::Events::Rule": _by("events", "DescribeRule", "", ("ListRules", "Rules", "Name"), Name="{Name}", EventBusName="{EventBusName}"),
    "AWS::IAM::Group": _by("iam", "GetGroup", "Group", ("ListGroups", "Groups", "GroupName"), GroupName="{id}"),
    "AWS::IAM::InstanceProfile": _by("iam", "GetInstanceProfile", "InstanceProfile", ("ListInstanceProfiles", "InstanceProfiles", "InstanceProfileName"), InstanceProfileName="{id}"),
    "AWS::IAM::ManagedPolicy": _by("iam", "GetPolicy", "Policy", PolicyArn="{id}"),
    "AWS::IAM::User": _by("iam", "GetUser", "User", ("ListUsers", "Users", "UserName"), UserName="{id}"),
    "AWS::KMS::Key": _by("kms", "DescribeKey", "KeyMetadata", ("ListKeys", "Keys", "KeyId"), KeyId="{id}"),
    "AWS::Lambda::Alias": _by("lambda", "GetAlias", "", FunctionName="{FunctionName}", Name="{Name}"),
    "AWS::Lambda::EventSourceMapping": _by("lambda", "GetEventSourceMapping", "", ("ListEventSourceMappings", "EventSourceMappings", "UUID"), UUID="{id}"),
    "AWS::Lambda::LayerVersion": _by("lambda", "GetLayerVersionByArn", "", Arn="{id}"),
    "AWS::Lambda::Url": _by("lambda", "GetFunctionUrlConfig", "", FunctionName="{id}"),
    "AWS::Lambda::Version": _by("lambda", "GetFunctionConfiguration", "", FunctionName="{id}"),
    "AWS::Pipes::Pipe": _by("pipes", "DescribePipe", "", ("ListPipes", "Pipes", "Name"), Name="{id}"),
    "AWS::RAM::ResourceShare": _by("ram", "GetResourceShares", "resourceShares.0", resourceShareArns="{id}", resourceOwner="SELF"),
    "AWS::Route53::HealthCheck": _by("route53", "GetHealthCheck", "HealthCheck", ("ListHealthChecks", "HealthChecks", "Id"), HealthCheckId="{id}"),
    "AWS::Route53::HostedZone": _by("route53", "GetHostedZone", "HostedZone", None, "Name", Id="{id}"),
    "AWS::S3::BucketPolicy": _by("s3", "GetBucketPolicy", "", Bucket="{Bucket}"),
    "AWS::SNS::Subscription": _by("sns", "GetSubscriptionAttributes", "Attributes", ("ListSubscriptions", "Subscriptions", "SubscriptionArn"), SubscriptionArn="{id}"),
    "AWS::Scheduler::Schedule": _by("scheduler", "GetSchedule", "", ("ListSchedules", "Schedules", "Name"), Name="{id}", GroupName="{GroupName}"),
    "AWS::Scheduler::ScheduleGroup": _by("scheduler", "GetScheduleGroup", "", ("ListScheduleGroups", "ScheduleGroups", "Name"), Name="{id}"),
    "AWS::SecretsManager::Secret": _by("secretsmanager", "DescribeSecret", "", ("ListSecrets", "SecretList", "ARN"), SecretId="{id}"),
}
# of types with a `live` of their own: only how they are listed
LISTS: dict[str, tuple[str, str, str, str]] = {
    "AWS::DynamoDB::Table": ("dynamodb", "ListTables", "TableNames", ""),
    "AWS::EC2::NatGateway": ("ec2", "DescribeNatGateways", "NatGateways", "NatGatewayId"),
    "AWS::EC2::SecurityGroup": ("ec2", "DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "AWS::EC2::Subnet": ("ec2", "DescribeSubnets", "Subnets", "SubnetId"),
    "AWS::EC2::VPC": ("ec2", "DescribeVpcs", "Vpcs", "VpcId"),
    "AWS::IAM::Role": ("iam", "ListRoles", "Roles", "RoleName"),
    "AWS::Lambda::Function": ("lambda", "ListFunctions", "Functions", "FunctionName"),
    "AWS::Logs::LogGroup": ("logs", "DescribeLogGroups", "logGroups", "logGroupName"),
    "AWS::S3::Bucket": ("s3", "ListBuckets", "Buckets", "Name"),
    "AWS::SNS::Topic": ("sns", "ListTopics", "Topics", "TopicArn"),
    "AWS::SQS::Queue": ("sqs", "ListQueues", "QueueUrls", ""),
    "AWS::SSM::Parameter": ("ssm", "DescribeParameters", "Parameters", "Name"),
}


def can(name: str) -> bool:
    try:
        return name in LOOKS or registry.find(name).live is not None
    except AwsError:
        return False


def exact(name: str) -> bool:
    """Does what is read have everything that a nested property may have?"""
    return name not in LOOKS or registry.find(name).live is not None


async def read(r: Resource) -> dict[str, Any]:
    """The properties as they are now, as far as they can be told. Raises the service's own error if the resource is not there."""
    own = registry.find(r.type).live
    if own is not None:
        return dict(await own(r))
    look = LOOKS[r.type]
    answer = await r.do(look.service, look.operation, **{name: r.text(value) or None for name, value in look.members.items()})
    there = along(answer, look.path)
    if not isinstance(there, Mapping):
        raise AwsError("ResourceNotFound", f"Resource of type '{r.type}' with identifier '{r.physical}' was not found.")
    names = {name.lower(): name for name in there}
    out = {}
    for name in registry.schema(r.type)["properties"]:
        found = names.get(name.lower())
        if found is not None and there[found] is not None and name not in (*look.skip, registry.schema(r.type).get("tags")):
            out[name] = _plain(there[found])
    return out


def along(value: Any, path: str) -> Any:
    for name in path.split(".") if path else ():
        if isinstance(value, list):
            value = value[int(name)] if len(value) > int(name) else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _plain(value: Any) -> Any:
    """A document that the service keeps as text, as a document."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def common(expected: Any, actual: Any) -> tuple[Any, Any]:
    """Two values, down to the members that both have: what a service adds by itself, or calls by another name, is no difference."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        names = {name.lower(): name for name in actual}
        both = {name: common(value, actual[names[name.lower()]]) for name, value in expected.items() if name.lower() in names}
        return {k: v[0] for k, v in both.items()}, {k: v[1] for k, v in both.items()}
    if isinstance(expected, list) and isinstance(actual, list):
        pairs = [common(x, y) for x, y in zip(expected, actual)] if len(expected) == len(actual) else None
        return ([x for x, _ in pairs], [y for _, y in pairs]) if pairs is not None else (expected, actual)
    if isinstance(expected, (Mapping, list)) or isinstance(actual, (Mapping, list)):
        return None, None  # another form of the same, for all we know
    try:
        return (expected, expected) if float(expected) == float(actual) and not isinstance(expected, bool) else (expected, actual)
    except (TypeError, ValueError):
        return expected, actual
