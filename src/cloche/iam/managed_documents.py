"""Documents of AWS's managed policies, written by hand after AWS's Managed Policy Reference: those that tools, templates and guides name most.

ReadOnlyAccess and ViewOnlyAccess say here only what concerns the services that Cloche has; AWS's own go on for a thousand lines.
"""
from __future__ import annotations

import json
from typing import Any

LOGS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
READ = {
    "acm": ["Describe*", "Get*", "List*"], "apigateway": ["GET"], "cloudformation": ["Describe*", "Detect*", "Estimate*", "Get*", "List*"], "cloudwatch": ["Describe*", "Get*", "List*"],
    "cognito-identity": ["Describe*", "Get*", "List*", "Lookup*"], "cognito-idp": ["AdminGetUser", "AdminList*", "Describe*", "Get*", "List*"],
    "dynamodb": ["BatchGet*", "Describe*", "Get*", "List*", "PartiQLSelect", "Query", "Scan"], "events": ["Describe*", "List*", "Test*"],
    "iam": ["Generate*", "Get*", "List*", "Simulate*"], "kms": ["Describe*", "Get*", "List*"], "lambda": ["Get*", "List*"],
    "logs": ["Describe*", "FilterLogEvents", "Get*", "ListTags*", "StartLiveTail", "StartQuery", "StopLiveTail", "StopQuery", "TestMetricFilter"],
    "organizations": ["Describe*", "List*"], "s3": ["DescribeJob", "Get*", "List*"], "scheduler": ["Get*", "List*"], "secretsmanager": ["Describe*", "GetResourcePolicy", "List*"],
    "sns": ["Check*", "Get*", "List*"], "sqs": ["Get*", "List*", "Receive*"], "ssm": ["Describe*", "Get*", "List*"], "sts": ["Get*"], "xray": ["BatchGet*", "Get*"],
}
VIEW = {
    "acm": ["ListCertificates"], "cloudformation": ["DescribeStacks", "List*"], "cloudwatch": ["DescribeAlarms", "Get*", "List*"], "dynamodb": ["DescribeLimits", "DescribeTable", "ListTables"],
    "events": ["ListRules", "ListTargetsByRule"], "iam": ["GetAccountSummary", "List*"], "kms": ["ListAliases", "ListKeys"], "lambda": ["List*"], "logs": ["Describe*"],
    "s3": ["ListAllMyBuckets", "ListBucket"], "sns": ["List*"], "sqs": ["ListQueues"],
}


def allow(actions: str | list[str], resource: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def spread(by_service: dict[str, list[str]]) -> list[str]:
    return [f"{service}:{action}" for service, actions in by_service.items() for action in actions]


PASS_TO_LAMBDA = allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}})
CODEDEPLOY_REVISIONS = [
    allow(["s3:GetObject", "s3:GetObjectVersion"], "arn:aws:s3:::*/CodeDeploy/*"),
    allow(["s3:GetObject", "s3:GetObjectVersion"], Condition={"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}})]
CODEDEPLOY_HOOKS = allow("lambda:InvokeFunction", "arn:aws:lambda:*:*:function:CodeDeployHook_*")
DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "AdministratorAccess": [allow("*")],
    "PowerUserAccess": [
        {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"},
        allow(["account:GetAccountInformation", "account:GetPrimaryEmail", "account:ListRegions", "iam:CreateServiceLinkedRole", "iam:DeleteServiceLinkedRole", "iam:ListRoles",
               "organizations:DescribeEffectivePolicy", "organizations:DescribeOrganization"])],
    "ReadOnlyAccess": [allow(spread(READ))],
    "ViewOnlyAccess": [allow(spread(VIEW))],
    "IAMFullAccess": [allow(["iam:*", "organizations:DescribeAccount", "organizations:DescribeOrganization", "organizations:DescribeOrganizationalUnit", "organizations:DescribePolicy",
                             "organizations:ListChildren", "organizations:ListParents", "organizations:ListPoliciesForTarget", "organizations:ListRoots", "organizations:ListPolicies",
                             "organizations:ListTargetsForPolicy"])],
    "IAMReadOnlyAccess": [allow(["iam:GenerateCredentialReport", "iam:GenerateServiceLastAccessedDetails", "iam:Get*", "iam:List*", "iam:SimulateCustomPolicy", "iam:SimulatePrincipalPolicy"])],
    "IAMUserChangePassword": [allow("iam:ChangePassword", "arn:aws:iam::*:user/${aws:username}"), allow("iam:GetAccountPasswordPolicy")],
    "AmazonS3FullAccess": [allow(["s3:*", "s3-object-lambda:*"])],
    "AmazonS3ReadOnlyAccess": [allow(["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"])],
    "AmazonSQSFullAccess": [allow("sqs:*")],
    "AmazonSQSReadOnlyAccess": [allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListDeadLetterSourceQueues", "sqs:ListQueues", "sqs:ListMessageMoveTasks", "sqs:ListQueueTags"])],
    "AmazonSNSFullAccess": [allow("sns:*")],
    "AmazonSNSReadOnlyAccess": [allow(["sns:GetTopicAttributes", "sns:List*", "sns:CheckIfPhoneNumberIsOptedOut", "sns:GetEndpointAttributes", "sns:GetDataProtectionPolicy",
                                       "sns:GetPlatformApplicationAttributes", "sns:GetSMSAttributes", "sns:GetSMSSandboxAccountStatus", "sns:GetSubscriptionAttributes"])],
    "AmazonDynamoDBFullAccess": [allow(["dynamodb:*", "dax:*", "application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
                                        "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingActivities", "application-autoscaling:DescribeScalingPolicies",
                                        "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms",
                                        "cloudwatch:GetMetricStatistics", "cloudwatch:PutMetricAlarm", "iam:GetRole", "iam:ListRoles", "kms:DescribeKey", "kms:ListAliases", "sns:CreateTopic",
                                        "sns:ListTopics", "sns:Subscribe", "lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:ListEventSourceMappings",
                                        "lambda:ListFunctions", "lambda:GetFunctionConfiguration"])],
    "AmazonDynamoDBReadOnlyAccess": [allow(["dynamodb:BatchGetItem", "dynamodb:Describe*", "dynamodb:List*", "dynamodb:GetAbacStatus", "dynamodb:GetItem", "dynamodb:GetResourcePolicy",
                                            "dynamodb:Query", "dynamodb:Scan", "dynamodb:PartiQLSelect", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricStatistics",
                                            "cloudwatch:ListMetrics", "iam:GetRole", "iam:ListRoles", "sns:ListTopics", "lambda:ListFunctions", "lambda:ListEventSourceMappings"])],
    "AWSLambda_FullAccess": [
        allow(["cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
               "ec2:DescribeVpcs", "kms:ListAliases", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies",
               "iam:ListRoles", "lambda:*", "logs:DescribeLogGroups", "states:DescribeStateMachine", "states:ListStateMachines", "tag:GetResources", "xray:GetTraceSummaries",
               "xray:BatchGetTraces"]),
        PASS_TO_LAMBDA,
        allow(["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"], "arn:aws:logs:*:*:log-group:/aws/lambda/*")],
    "AWSLambda_ReadOnlyAccess": [
        allow(["cloudformation:DescribeStacks", "cloudformation:ListStackResources", "cloudwatch:GetMetricData", "cloudwatch:ListMetrics", "kms:ListAliases", "iam:GetPolicy",
               "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies", "iam:ListRoles", "logs:DescribeLogGroups", "lambda:Get*",
               "lambda:List*", "tag:GetResources", "xray:GetTraceSummaries", "xray:BatchGetTraces"]),
        allow(["logs:DescribeLogStreams", "logs:GetLogEvents", "logs:FilterLogEvents"], "arn:aws:logs:*:*:log-group:/aws/lambda/*")],
    "AWSLambdaBasicExecutionRole": [allow(LOGS)],
    "AWSLambdaBasicDurableExecutionRolePolicy": [allow(LOGS), allow(["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"])],
    "AWSLambdaExecute": [allow(["logs:*"], "arn:aws:logs:*:*:*"), allow(["s3:GetObject", "s3:PutObject"], "arn:aws:s3:::*")],
    "AWSLambdaDynamoDBExecutionRole": [allow(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams", *LOGS])],
    "AWSLambdaInvocation-DynamoDB": [
        allow("lambda:InvokeFunction"), allow(["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"])],
    "AWSLambdaKinesisExecutionRole": [allow(["kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards",
                                             "kinesis:ListStreams", "kinesis:SubscribeToShard", *LOGS])],
    "AWSLambdaSQSQueueExecutionRole": [allow(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", *LOGS])],
    "AWSLambdaVPCAccessExecutionRole": [allow([*LOGS, "ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DeleteNetworkInterface",
                                               "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"])],
    "AWSLambdaENIManagementAccess": [allow(["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses",
                                            "ec2:UnassignPrivateIpAddresses"])],
    "AWSLambdaRole": [allow(["lambda:InvokeFunction"])],
    "AWSXRayDaemonWriteAccess": [allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"])],
    "AWSXrayWriteOnlyAccess": [allow(["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:GetSamplingStatisticSummaries"])],
    "CloudWatchLogsFullAccess": [allow(["logs:*", "cloudwatch:GenerateQuery"])],
    "CloudWatchLogsReadOnlyAccess": [allow(["logs:Describe*", "logs:Get*", "logs:List*", "logs:StartQuery", "logs:StopQuery", "logs:TestMetricFilter", "logs:FilterLogEvents",
                                            "logs:StartLiveTail", "logs:StopLiveTail", "cloudwatch:GenerateQuery"])],
    "CloudWatchReadOnlyAccess": [allow(["application-autoscaling:DescribeScalingPolicies", "autoscaling:Describe*", "cloudwatch:BatchGet*", "cloudwatch:Describe*", "cloudwatch:GenerateQuery",
                                        "cloudwatch:Get*", "cloudwatch:List*", "logs:Get*", "logs:List*", "logs:StartQuery", "logs:StopQuery", "logs:Describe*", "logs:TestMetricFilter",
                                        "logs:FilterLogEvents", "sns:Get*", "sns:List*"])],
    "AmazonEventBridgeFullAccess": [
        allow(["events:*", "schemas:*", "scheduler:*", "pipes:*"]),
        allow("iam:CreateServiceLinkedRole", "arn:aws:iam::*:role/aws-service-role/AmazonEventBridgeApiDestinationsServiceRolePolicy",
              Condition={"StringEquals": {"iam:AWSServiceName": "apidestinations.events.amazonaws.com"}}),
        allow("iam:PassRole", "arn:aws:iam::*:role/*", Condition={"StringLike": {"iam:PassedToService": ["events.amazonaws.com", "scheduler.amazonaws.com", "pipes.amazonaws.com"]}})],
    "AmazonEventBridgeReadOnlyAccess": [allow(["events:Describe*", "events:List*", "events:TestEventPattern", "scheduler:Get*", "scheduler:List*", "pipes:Describe*", "pipes:List*"])],
    "AmazonSSMFullAccess": [allow(["cloudwatch:PutMetricData", "ds:CreateComputer", "ds:DescribeDirectories", "ec2:DescribeInstanceStatus", "logs:*", "ssm:*", "ec2messages:*"])],
    "AmazonSSMReadOnlyAccess": [allow(["ssm:Describe*", "ssm:Get*", "ssm:List*"])],
    "AmazonSSMManagedInstanceCore": [
        allow(["ssm:DescribeAssociation", "ssm:GetDeployablePatchSnapshotForInstance", "ssm:GetDocument", "ssm:DescribeDocument", "ssm:GetManifest", "ssm:GetParameter", "ssm:GetParameters",
               "ssm:ListAssociations", "ssm:ListInstanceAssociations", "ssm:PutInventory", "ssm:PutComplianceItems", "ssm:PutConfigurePackageResult", "ssm:UpdateAssociationStatus",
               "ssm:UpdateInstanceAssociationStatus", "ssm:UpdateInstanceInformation"]),
        allow(["ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"]),
        allow(["ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage", "ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"])],
    "SecretsManagerReadWrite": [
        allow(["secretsmanager:*", "cloudformation:CreateChangeSet", "cloudformation:DescribeChangeSet", "cloudformation:DescribeStackResource", "cloudformation:DescribeStacks",
               "cloudformation:ExecuteChangeSet", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "kms:DescribeKey", "kms:ListAliases", "kms:ListKeys",
               "lambda:ListFunctions", "rds:DescribeDBClusters", "rds:DescribeDBInstances", "tag:GetResources"]),
        allow(["lambda:AddPermission", "lambda:CreateFunction", "lambda:GetFunction", "lambda:InvokeFunction", "lambda:UpdateFunctionConfiguration"],
              "arn:aws:lambda:*:*:function:SecretsManager*")],
    "AWSKeyManagementServicePowerUser": [allow(["kms:CreateAlias", "kms:CreateKey", "kms:DeleteAlias", "kms:Describe*", "kms:GenerateRandom", "kms:Get*", "kms:List*", "kms:TagResource",
                                                "kms:UntagResource", "iam:ListGroups", "iam:ListRoles", "iam:ListUsers"])],
    "AmazonAPIGatewayAdministrator": [allow("apigateway:*", "arn:aws:apigateway:*::/*")],
    "CloudWatchAgentServerPolicy": [
        allow(["cloudwatch:PutMetricData", "ec2:DescribeTags", "ec2:DescribeVolumes", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
               "logs:PutRetentionPolicy", "xray:GetSamplingRules", "xray:GetSamplingStatisticSummaries", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]),
        allow("ssm:GetParameter", "arn:aws:ssm:*:*:parameter/AmazonCloudWatch-*")],
    "AmazonAPIGatewayInvokeFullAccess": [allow(["execute-api:Invoke", "execute-api:ManageConnections"], "arn:aws:execute-api:*:*:*")],
    "AmazonAPIGatewayPushToCloudWatchLogs": [allow(["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents",
                                                    "logs:GetLogEvents", "logs:FilterLogEvents"])],
    "AWSCloudFormationFullAccess": [allow("cloudformation:*")],
    "AWSCloudFormationReadOnlyAccess": [allow(["cloudformation:Describe*", "cloudformation:EstimateTemplateCost", "cloudformation:Get*", "cloudformation:List*",
                                               "cloudformation:ValidateTemplate", "cloudformation:Detect*"])],
    "AmazonECSTaskExecutionRolePolicy": [allow(["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "logs:CreateLogStream",
                                                "logs:PutLogEvents"])],
    "AmazonECSServiceRolePolicy": [
        allow(["ec2:AttachNetworkInterface", "ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface", "ec2:DeleteNetworkInterfacePermission", "ec2:Describe*",
               "ec2:DetachNetworkInterface", "ec2:CreateTags", "elasticloadbalancing:DeregisterInstancesFromLoadBalancer", "elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:Describe*",
               "elasticloadbalancing:RegisterInstancesWithLoadBalancer", "elasticloadbalancing:RegisterTargets", "route53:ChangeResourceRecordSets", "route53:CreateHealthCheck", "route53:DeleteHealthCheck",
               "route53:Get*", "route53:List*", "route53:UpdateHealthCheck", "servicediscovery:DeregisterInstance", "servicediscovery:Get*", "servicediscovery:List*",
               "servicediscovery:RegisterInstance", "servicediscovery:UpdateInstanceCustomHealthStatus", "autoscaling:Describe*", "autoscaling:DeletePolicy", "autoscaling:PutScalingPolicy",
               "autoscaling:SetInstanceProtection", "autoscaling:UpdateAutoScalingGroup", "autoscaling:SetDesiredCapacity", "autoscaling-plans:CreateScalingPlan", "autoscaling-plans:DeleteScalingPlan",
               "autoscaling-plans:DescribeScalingPlans", "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "logs:CreateLogGroup", "logs:CreateLogStream",
               "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:PutLogEvents", "events:PutRule", "events:PutTargets", "events:DescribeRule", "events:DeleteRule", "events:RemoveTargets"])],
    "AmazonEC2ContainerServiceforEC2Role": [
        allow(["ec2:DescribeTags", "ecs:CreateCluster", "ecs:DeregisterContainerInstance", "ecs:DiscoverPollEndpoint", "ecs:Poll", "ecs:RegisterContainerInstance", "ecs:StartTelemetrySession",
               "ecs:UpdateContainerInstancesState", "ecs:Submit*", "ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage", "logs:CreateLogStream",
               "logs:PutLogEvents"]),
        allow("ecs:TagResource", Condition={"StringEquals": {"ecs:CreateAction": ["CreateCluster", "RegisterContainerInstance"]}})],
    "AmazonEC2ContainerServiceEventsRole": [
        allow("ecs:RunTask"), allow("iam:PassRole", Condition={"StringLike": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        allow("ecs:TagResource", Condition={"StringEquals": {"ecs:CreateAction": ["RunTask"]}})],
    "AmazonECS_FullAccess": [
        allow(["application-autoscaling:*", "autoscaling:*", "cloudformation:Create*", "cloudformation:Delete*", "cloudformation:Describe*", "cloudformation:Update*", "cloudwatch:*", "codedeploy:*",
               "ec2:Describe*", "ecs:*", "elasticloadbalancing:*", "events:*", "iam:List*", "lambda:ListFunctions", "logs:*", "route53:*", "servicediscovery:*", "sns:ListTopics"]),
        allow("iam:PassRole", Condition={"StringLike": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        allow("iam:PassRole", "arn:aws:iam::*:role/ecsInstanceRole*", Condition={"StringLike": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}}),
        allow("iam:CreateServiceLinkedRole", Condition={"StringLike": {"iam:AWSServiceName": ["autoscaling.amazonaws.com", "ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com",
                                                                                              "spot.amazonaws.com", "spotfleet.amazonaws.com"]}})],
    "AmazonEC2ContainerRegistryReadOnly": [allow(["ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:GetRepositoryPolicy",
                                                  "ecr:DescribeRepositories", "ecr:ListImages", "ecr:DescribeImages", "ecr:BatchGetImage", "ecr:GetLifecyclePolicy",
                                                  "ecr:GetLifecyclePolicyPreview", "ecr:ListTagsForResource", "ecr:DescribeImageScanFindings"])],
    "AmazonEC2ReadOnlyAccess": [allow("ec2:Describe*"), allow("elasticloadbalancing:Describe*"), allow(["cloudwatch:ListMetrics", "cloudwatch:GetMetricStatistics", "cloudwatch:Describe*"]),
                                allow("autoscaling:Describe*")],
    "AmazonCognitoPowerUser": [
        allow(["cognito-identity:*", "cognito-idp:*", "cognito-sync:*", "iam:ListRoles", "iam:ListOpenIdConnectProviders", "iam:GetRole", "iam:ListSAMLProviders", "iam:GetSAMLProvider",
               "kinesis:ListStreams", "lambda:GetPolicy", "lambda:ListFunctions", "sns:GetSMSSandboxAccountStatus", "sns:ListPlatformApplications"]),
        allow("iam:CreateServiceLinkedRole", Condition={"StringEquals": {"iam:AWSServiceName": ["cognito-idp.amazonaws.com", "email.cognito-idp.amazonaws.com"]}})],
    "AmazonCognitoReadOnly": [allow(["cognito-identity:Describe*", "cognito-identity:Get*", "cognito-identity:List*", "cognito-idp:Describe*", "cognito-idp:AdminGet*", "cognito-idp:AdminList*",
                                     "cognito-idp:List*", "cognito-idp:Get*", "cognito-sync:Describe*", "cognito-sync:Get*", "cognito-sync:List*", "iam:ListOpenIdConnectProviders",
                                     "iam:ListRoles", "sns:ListPlatformApplications"])],
    "AutoScalingServiceRolePolicy": [
        allow(["ec2:AttachClassicLinkVpc", "ec2:CancelSpotInstanceRequests", "ec2:CreateFleet", "ec2:CreateTags", "ec2:DeleteTags", "ec2:Describe*", "ec2:DetachClassicLinkVpc",
               "ec2:GetInstanceTypesFromInstanceRequirements", "ec2:GetSecurityGroupsForVpc", "ec2:ModifyInstanceAttribute", "ec2:RequestSpotInstances", "ec2:RunInstances", "ec2:StartInstances",
               "ec2:StopInstances", "ec2:TerminateInstances"]),
        allow("iam:PassRole", Condition={"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}}),
        allow("iam:CreateServiceLinkedRole", Condition={"StringEquals": {"iam:AWSServiceName": "spot.amazonaws.com"}}),
        allow(["elasticloadbalancing:Register*", "elasticloadbalancing:Deregister*", "elasticloadbalancing:Describe*"]),
        allow(["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:PutMetricAlarm"]),
        allow("sns:Publish"),
        allow(["events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:DeleteRule", "events:DescribeRule"], Condition={"StringEquals": {"events:ManagedBy": "autoscaling.amazonaws.com"}})],
    "CloudWatchEventsServiceRolePolicy": [allow(["cloudwatch:DescribeAlarms", "ec2:DescribeInstanceStatus", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeVolumes",
                                                 "ec2:DescribeVolumeStatus", "ec2:RebootInstances", "ec2:StopInstances", "ec2:TerminateInstances", "ec2:CreateSnapshot"])],
    "AWSApplicationAutoscalingDynamoDBTablePolicy": [allow(["dynamodb:DescribeTable", "dynamodb:UpdateTable", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"])],
    "AWSApplicationAutoscalingLambdaConcurrencyPolicy": [
        allow(["lambda:PutProvisionedConcurrencyConfig", "lambda:GetProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig"]),
        allow(["cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"])],
    "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy": [allow(["ec2:DescribeSpotFleetRequests", "ec2:ModifySpotFleetRequest", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm",
                                                                  "cloudwatch:DeleteAlarms"])],
    "AWSApplicationAutoscalingECSServicePolicy": [allow(["ecs:DescribeServices", "ecs:UpdateService", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"])],
    "AWSCodeDeployRole": [
        allow(["autoscaling:CompleteLifecycleAction", "autoscaling:DeleteLifecycleHook", "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeLifecycleHooks",
               "autoscaling:PutLifecycleHook", "autoscaling:RecordLifecycleActionHeartbeat", "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags",
               "autoscaling:UpdateAutoScalingGroup", "autoscaling:EnableMetricsCollection", "autoscaling:DescribePolicies", "autoscaling:DescribeScheduledActions",
               "autoscaling:DescribeNotificationConfigurations", "autoscaling:SuspendProcesses", "autoscaling:ResumeProcesses", "autoscaling:AttachLoadBalancers",
               "autoscaling:AttachLoadBalancerTargetGroups", "autoscaling:PutScalingPolicy", "autoscaling:PutScheduledUpdateGroupAction", "autoscaling:PutNotificationConfiguration",
               "autoscaling:PutWarmPool", "autoscaling:DescribeScalingActivities", "autoscaling:DeleteAutoScalingGroup", "ec2:DescribeInstances", "ec2:DescribeInstanceStatus",
               "ec2:TerminateInstances", "tag:GetResources", "sns:Publish", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "elasticloadbalancing:DescribeLoadBalancers",
               "elasticloadbalancing:DescribeLoadBalancerAttributes", "elasticloadbalancing:DescribeInstanceHealth", "elasticloadbalancing:RegisterInstancesWithLoadBalancer",
               "elasticloadbalancing:DeregisterInstancesFromLoadBalancer", "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetGroupAttributes",
               "elasticloadbalancing:DescribeTargetHealth", "elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"])],
    "AWSCodeDeployRoleForLambda": [
        allow(["cloudwatch:DescribeAlarms", "lambda:UpdateAlias", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "sns:Publish"]), *CODEDEPLOY_REVISIONS, CODEDEPLOY_HOOKS],
    "AWSCodeDeployRoleForLambdaLimited": [
        allow(["cloudwatch:DescribeAlarms", "lambda:UpdateAlias", "lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig"]), *CODEDEPLOY_REVISIONS, CODEDEPLOY_HOOKS],
    "AWSCodeDeployRoleForECS": [
        allow(["ecs:DescribeServices", "ecs:CreateTaskSet", "ecs:UpdateServicePrimaryTaskSet", "ecs:DeleteTaskSet", "elasticloadbalancing:DescribeTargetGroups",
               "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:DescribeRules", "elasticloadbalancing:ModifyRule", "lambda:InvokeFunction",
               "cloudwatch:DescribeAlarms", "sns:Publish", "s3:GetObject", "s3:GetObjectVersion"]),
        allow("iam:PassRole", Condition={"StringLike": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})],
    "AWSCodeDeployRoleForECSLimited": [
        allow(["ecs:DescribeServices", "ecs:CreateTaskSet", "ecs:UpdateServicePrimaryTaskSet", "ecs:DeleteTaskSet", "cloudwatch:DescribeAlarms"]),
        allow("sns:Publish", "arn:aws:sns:*:*:CodeDeployTopic_*"),
        allow(["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:DescribeRules",
               "elasticloadbalancing:ModifyRule"]),
        CODEDEPLOY_HOOKS, allow(["s3:GetObject", "s3:GetObjectVersion"], Condition={"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}}),
        allow("iam:PassRole", ["arn:aws:iam::*:role/ecsTaskExecutionRole", "arn:aws:iam::*:role/ECSTaskExecution*"], Condition={"StringLike": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}})],
    "AmazonEC2RoleforAWSCodeDeploy": [allow(["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"])],
    "AmazonEC2RoleforAWSCodeDeployLimited": [
        allow(["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"], "arn:aws:s3:::*/CodeDeploy/*"),
        allow(["s3:GetObject", "s3:GetObjectVersion"], Condition={"StringEquals": {"s3:ExistingObjectTag/UseWithCodeDeploy": "true"}})],
    "AWSCodeDeployFullAccess": [allow("codedeploy:*")],
    "AWSCodeDeployDeployerAccess": [allow(["codedeploy:Batch*", "codedeploy:CreateDeployment", "codedeploy:Get*", "codedeploy:List*", "codedeploy:RegisterApplicationRevision"])],
    "AWSCodeDeployReadOnlyAccess": [allow(["codedeploy:Batch*", "codedeploy:Get*", "codedeploy:List*"])],
    "IAMAuditRootUserCredentials": [allow(["iam:GetAccessKeyLastUsed", "iam:GetAccountSummary", "iam:GetLoginProfile", "iam:GetUser", "iam:ListAccessKeys", "iam:ListMFADevices",
                                           "iam:ListSigningCertificates"])],
    "IAMCreateRootUserPassword": [allow(["iam:CreateLoginProfile", "iam:GetLoginProfile"])],
    "IAMDeleteRootUserCredentials": [allow(["iam:DeactivateMFADevice", "iam:DeleteAccessKey", "iam:DeleteLoginProfile", "iam:DeleteSigningCertificate", "iam:GetAccessKeyLastUsed",
                                            "iam:GetAccountSummary", "iam:GetLoginProfile", "iam:GetUser", "iam:ListAccessKeys", "iam:ListMFADevices", "iam:ListSigningCertificates"])],
    "S3UnlockBucketPolicy": [allow(["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:ListAllMyBuckets", "s3:PutBucketPolicy"])],
    "SQSUnlockQueuePolicy": [allow(["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ListQueues", "sqs:SetQueueAttributes"])],
    "AWSDenyAll": [{"Sid": "DenyAll", "Effect": "Deny", "Action": ["*"], "Resource": "*"}],
}


def text(name: str) -> str | None:
    statements = DOCUMENTS.get(name)
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements is not None else None
