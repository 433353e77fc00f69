"""Service-linked roles: made for a service, trusted by it alone, changed by nobody, deleted through a task."""
from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cloche.iam import managed
from cloche.kernel import Call, Record

from . import errors, mentions, roles
from . import service as iam
from .names import identifier, moment
from .roles import LINKED, Role

if TYPE_CHECKING:
    from cloche.shapes import iam as t

# service -> (role name, AWS's policy under aws-service-role/, custom suffix allowed?)
SERVICES: dict[str, tuple[str, str, bool]] = {
    "access-analyzer.amazonaws.com": ("AWSServiceRoleForAccessAnalyzer", "AccessAnalyzerServiceRolePolicy", False),
    "ecs.amazonaws.com": ("AWSServiceRoleForECS", "AmazonECSServiceRolePolicy", False),
    "autoscaling.amazonaws.com": ("AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy", True),
    "elasticloadbalancing.amazonaws.com": ("AWSServiceRoleForElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy", False),
    "elasticache.amazonaws.com": ("AWSServiceRoleForElastiCache", "ElastiCacheServiceRolePolicy", False),
    "rds.amazonaws.com": ("AWSServiceRoleForRDS", "AmazonRDSServiceRolePolicy", False),
    "spot.amazonaws.com": ("AWSServiceRoleForEC2Spot", "AWSEC2SpotServiceRolePolicy", False),
    "spotfleet.amazonaws.com": ("AWSServiceRoleForEC2SpotFleet", "AWSEC2SpotFleetServiceRolePolicy", False),
    "ec2scheduled.amazonaws.com": ("AWSServiceRoleForEC2ScheduledInstances", "AWSEC2ScheduledInstancesServiceRolePolicy", False),
    "ops.apigateway.amazonaws.com": ("AWSServiceRoleForAPIGateway", "APIGatewayServiceRolePolicy", False),
    "replication.dynamodb.amazonaws.com": ("AWSServiceRoleForDynamoDBReplication", "DynamoDBReplicationServiceRolePolicy", False),
    "replication.ecr.amazonaws.com": ("AWSServiceRoleForECRReplication", "ECRReplicationServiceRolePolicy", False),
    "kinesisreplication.dynamodb.amazonaws.com": ("AWSServiceRoleForDynamoDBKinesisDataStreamsReplication", "DynamoDBKinesisReplicationServiceRolePolicy", False),
    "dax.amazonaws.com": ("AWSServiceRoleForDAX", "DAXServiceRolePolicy", False),
    "ssm.alarms.cloudwatch.amazonaws.com": ("AWSServiceRoleForCloudWatchAlarms_ActionSSM", "AWSServiceRoleForCloudWatchAlarmsActionSSMServiceRolePolicy", False),
    "organizations.amazonaws.com": ("AWSServiceRoleForOrganizations", "AWSOrganizationsServiceTrustPolicy", False),
    "sso.amazonaws.com": ("AWSServiceRoleForSSO", "AWSSSOServiceRolePolicy", False),
    "support.amazonaws.com": ("AWSServiceRoleForSupport", "AWSSupportServiceRolePolicy", False),
    "trustedadvisor.amazonaws.com": ("AWSServiceRoleForTrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy", False),
    "lex.amazonaws.com": ("AWSServiceRoleForLexBots", "AmazonLexBotPolicy", False),
    "elasticbeanstalk.amazonaws.com": ("AWSServiceRoleForElasticBeanstalk", "AWSElasticBeanstalkServiceRolePolicy", False),
    "maintenance.elasticbeanstalk.amazonaws.com": ("AWSServiceRoleForElasticBeanstalkMaintenance", "AWSElasticBeanstalkMaintenance", False),
    "cloudtrail.amazonaws.com": ("AWSServiceRoleForCloudTrail", "CloudTrailServiceRolePolicy", False),
    "config.amazonaws.com": ("AWSServiceRoleForConfig", "AWSConfigServiceRolePolicy", False),
    "guardduty.amazonaws.com": ("AWSServiceRoleForAmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy", False),
    "securityhub.amazonaws.com": ("AWSServiceRoleForSecurityHub", "AWSSecurityHubServiceRolePolicy", False),
    "ssm.amazonaws.com": ("AWSServiceRoleForAmazonSSM", "AmazonSSMServiceRolePolicy", False),
    "events.amazonaws.com": ("AWSServiceRoleForCloudWatchEvents", "CloudWatchEventsServiceRolePolicy", False),
    "apidestinations.events.amazonaws.com": ("AWSServiceRoleForAmazonEventBridgeApiDestinations", "AmazonEventBridgeApiDestinationsServiceRolePolicy", False),
    "ecs.application-autoscaling.amazonaws.com": ("AWSServiceRoleForApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy", False),
    "dynamodb.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable", "AWSApplicationAutoscalingDynamoDBTablePolicy", False),
    "ec2.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_EC2SpotFleetRequest", "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy", False),
    "lambda.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency", "AWSApplicationAutoscalingLambdaConcurrencyPolicy", False),
    "rds.application-autoscaling.amazonaws.com": ("AWSServiceRoleForApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy", False),
    "custom-resource.application-autoscaling.amazonaws.com": (
        "AWSServiceRoleForApplicationAutoScaling_CustomResource", "AWSApplicationAutoScalingCustomResourcePolicy", False),
    "replicator.lambda.amazonaws.com": ("AWSServiceRoleForLambdaReplicator", "AWSLambdaReplicator", False),
    "logger.cloudfront.amazonaws.com": ("AWSServiceRoleForCloudFrontLogger", "AWSCloudFrontLogger", False),
    "eks.amazonaws.com": ("AWSServiceRoleForAmazonEKS", "AmazonEKSServiceRolePolicy", False),
    "es.amazonaws.com": ("AWSServiceRoleForAmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy", False),
    "email.cognito-idp.amazonaws.com": ("AWSServiceRoleForAmazonCognitoIdpEmailService", "AmazonCognitoIdpEmailServiceRolePolicy", False),
    "cognito-idp.amazonaws.com": ("AWSServiceRoleForAmazonCognitoIdp", "AmazonCognitoIdpServiceRolePolicy", False),
    "transitgateway.amazonaws.com": ("AWSServiceRoleForVPCTransitGateway", "AWSVPCTransitGatewayServiceRolePolicy", False),
    "s3.data-source.lustre.fsx.amazonaws.com": ("AWSServiceRoleForFSxS3Access", "FSxS3DataSourceAccess", True),
    "connect.amazonaws.com": ("AWSServiceRoleForAmazonConnect", "AmazonConnectServiceLinkedRolePolicy", True),
    "wafv2.amazonaws.com": ("AWSServiceRoleForWAFV2Logging", "WAFV2LoggingServiceRolePolicy", False),
    "fms.amazonaws.com": ("AWSServiceRoleForFMS", "FMSServiceRolePolicy", False),
}


class Deletion(Record, frozen=True):
    """What became of a request to delete a service-linked role."""

    kind = "iam.deletion"
    scope = "account"

    id: str
    role: str
    reason: str = ""                                   # why it failed
    usage: dict[str, list[str]] = {}                   # region -> what needs the role

    @property
    def key(self) -> str:
        return self.id


def to_be(call: Call, req: Any) -> str:
    name, _, _ = SERVICES.get(req["AWSServiceName"], ("*", "", False))
    return call.arn(f"role{LINKED}{req['AWSServiceName']}/{name}", service="iam", region="")


def facts(call: Call, req: Any) -> dict[str, Any]:
    return {"iam:AWSServiceName": req["AWSServiceName"]}


def make(call: Call, service: str, description: str | None, suffix: str = "") -> Role:
    name, policy, _ = SERVICES[service]
    name += f"_{suffix}" if suffix else ""
    document = json.dumps({"Version": "2012-10-17", "Statement": [{"Action": ["sts:AssumeRole"], "Effect": "Allow", "Principal": {"Service": [service]}}]})
    arn = f"arn:aws:iam::aws:policy/aws-service-role/{policy}"
    role = Role(name, identifier(call, "AROA"), f"{LINKED}{service}/", moment(call), document, description=description,
                attached=[arn] if managed.find(arn) else [])
    for one in role.attached:
        mentions.add(call, one, "permission", "role", role.name)
    return call.put(role)


def ensure(call: Call, service: str, description: str = "") -> Role:
    return call.get(Role, SERVICES[service][0].lower()) or make(call, service, description or None)


@iam.op(resource=to_be, context=facts)
def create_service_linked_role(call: Call, req: t.CreateServiceLinkedRoleRequest) -> t.CreateServiceLinkedRoleResponse:
    service, suffix = req["AWSServiceName"], req.get("CustomSuffix", "")
    if service not in SERVICES:
        raise errors.not_linkable(service)
    name, _, may_have_suffix = SERVICES[service]
    if suffix and not may_have_suffix:
        raise errors.no_suffix(service)
    name += f"_{suffix}" if suffix else ""
    if call.get(Role, name.lower()):
        raise errors.suffix_taken(name)
    return {"Role": roles.view(call, make(call, service, req.get("Description"), suffix))}


@iam.op(resource=roles.by_name)
def delete_service_linked_role(call: Call, req: t.DeleteServiceLinkedRoleRequest) -> t.DeleteServiceLinkedRoleResponse:
    role = roles.find(call, req["RoleName"])
    if not role.path.startswith(LINKED):
        raise errors.no_such("role", role.name)
    task = f"task{role.path}{role.name}/{call.uuid()}"
    call.put(Deletion(task, role.name))
    call.after(0, delete_now, name=task, task=task)
    return {"DeletionTaskId": task}


@iam.timer
def delete_now(call: Call, task: str) -> None:
    """The role goes, unless its service still has something that needs it."""
    if (deletion := call.get(Deletion, task)) and (role := call.get(Role, deletion.role.lower())):
        if usage := needed(call, role.path.removeprefix(LINKED).rstrip("/")):
            call.put(deletion.but(reason="A service-linked role that its service still uses cannot be deleted: delete the resources first.", usage=usage))
        else:
            roles.remove(call, role)


# service -> (package, kind of the records that need the role)
NEEDED = {
    "autoscaling.amazonaws.com": (("autoscaling", "autoscaling.group"),),
    "elasticloadbalancing.amazonaws.com": (("elbv2", "elbv2.load-balancer"), ("elb", "elb.load-balancer")),
    "ecs.amazonaws.com": (("ecs", "ecs.cluster"),),
    "guardduty.amazonaws.com": (("guardduty", "guardduty.detector"),),
    "securityhub.amazonaws.com": (("securityhub", "securityhub.hub"),),
    "access-analyzer.amazonaws.com": (("accessanalyzer", "access-analyzer.analyzer"),),
}


def needed(call: Call, service: str) -> dict[str, list[str]]:
    """The resources that need a service's role, region by region."""
    found: dict[str, list[str]] = {}
    for package, kind in NEEDED.get(service, ()):
        for account, region in call.cloud.store.scopes(kind):
            if account == call.account:
                call.cloud.service(package)
                asked = import_module(f"cloche.services.{package}.public").keeps_role(call.at(account, region))
                if asked:
                    found.setdefault(region, []).extend(asked)
    return found


@iam.op(resource=lambda call, req: call.arn("role/" + req["DeletionTaskId"].removeprefix("task/").rpartition("/")[0], service="iam", region=""))
def get_service_linked_role_deletion_status(call: Call, req: t.GetServiceLinkedRoleDeletionStatusRequest) -> t.GetServiceLinkedRoleDeletionStatusResponse:
    deletion = call.get(Deletion, req["DeletionTaskId"])
    if deletion is None:
        raise errors.no_such_task(req["DeletionTaskId"])
    if deletion.reason:
        return {"Status": "FAILED", "Reason": {"Reason": deletion.reason, "RoleUsageList": [{"Region": region, "Resources": arns} for region, arns in sorted(deletion.usage.items())]}}
    return {"Status": "IN_PROGRESS" if call.get(Role, deletion.role.lower()) else "SUCCEEDED"}
