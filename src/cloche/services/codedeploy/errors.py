"""What CodeDeploy says when it refuses. One function per sentence."""
from cloche.kernel import AwsError


def no_application(name: str) -> AwsError:
    return AwsError("ApplicationDoesNotExistException", f"No application found for name: {name}")


def application_exists(name: str) -> AwsError:
    return AwsError("ApplicationAlreadyExistsException", f"Application already exists for name: {name}")


def application_name_required() -> AwsError:
    return AwsError("ApplicationNameRequiredException", "Application name must be specified")


def no_group(name: str) -> AwsError:
    return AwsError("DeploymentGroupDoesNotExistException", f"No Deployment Group found for name: {name}")


def group_exists(name: str) -> AwsError:
    return AwsError("DeploymentGroupAlreadyExistsException", f"Deployment Group already exists for name: {name}")


def group_name_required() -> AwsError:
    return AwsError("DeploymentGroupNameRequiredException", "Deployment Group name must be specified")


def no_config(name: str) -> AwsError:
    return AwsError("DeploymentConfigDoesNotExistException", f"No Deployment Configuration found for name: {name}")


def config_exists(name: str) -> AwsError:
    return AwsError("DeploymentConfigAlreadyExistsException", f"Deployment Configuration already exists for name: {name}")


def reserved_config_name(name: str) -> AwsError:
    return AwsError("InvalidDeploymentConfigNameException", f"Deployment Configuration name: {name} is reserved: names that begin with CodeDeployDefault. are AWS CodeDeploy's own")


def predefined_config(name: str) -> AwsError:
    return AwsError("InvalidOperationException", f"Cannot delete a default deployment configuration: {name}")


def config_in_use(name: str) -> AwsError:
    return AwsError("DeploymentConfigInUseException", f"Deployment Configuration {name} is in use by at least one deployment group")


def config_of_another_platform(name: str, theirs: str, ours: str) -> AwsError:
    return AwsError("InvalidDeploymentConfigNameException", f"Deployment Configuration {name} is for the compute platform {theirs} and cannot be used with the compute platform {ours}")


def bad_healthy_hosts(why: str) -> AwsError:
    return AwsError("InvalidMinimumHealthyHostValueException", why)


def bad_routing(why: str) -> AwsError:
    return AwsError("InvalidTrafficRoutingConfigurationException", why)


def bad_zonal(why: str) -> AwsError:
    return AwsError("InvalidZonalDeploymentConfigurationException", why)


def too_many_configs() -> AwsError:
    return AwsError("DeploymentConfigLimitExceededException", "The deployment configurations limit was exceeded.")


def too_many_groups() -> AwsError:
    return AwsError("DeploymentGroupLimitExceededException", "The deployment groups limit was exceeded.")


def too_many_applications() -> AwsError:
    return AwsError("ApplicationLimitExceededException", "More applications were attempted to be created than are allowed.")


def batch_too_large(most: int) -> AwsError:
    return AwsError("BatchLimitExceededException", f"The maximum number of names or IDs allowed for this request ({most}) was exceeded.")


def bad_style(why: str) -> AwsError:
    return AwsError("InvalidDeploymentStyleException", why)


def bad_role(role: str) -> AwsError:
    return AwsError("InvalidRoleException", f"AWS CodeDeploy does not have the permissions required to assume the role {role}.")


def role_not_an_arn(role: str) -> AwsError:
    return AwsError("InvalidRoleException", f"The service role ARN is not valid: {role}")


def bad_trigger(why: str) -> AwsError:
    return AwsError("InvalidTriggerConfigException", why)


def too_many_triggers() -> AwsError:
    return AwsError("TriggerTargetsLimitExceededException", "The maximum allowed number of triggers was exceeded.")


def bad_alarms(why: str) -> AwsError:
    return AwsError("InvalidAlarmConfigException", why)


def too_many_alarms() -> AwsError:
    return AwsError("AlarmsLimitExceededException", "The maximum number of alarms for a deployment group (10) was exceeded.")


def bad_rollback(why: str) -> AwsError:
    return AwsError("InvalidAutoRollbackConfigException", why)


def bad_balancer(why: str) -> AwsError:
    return AwsError("InvalidLoadBalancerInfoException", why)


def bad_blue_green(why: str) -> AwsError:
    return AwsError("InvalidBlueGreenDeploymentConfigurationException", why)


def bad_pair(why: str) -> AwsError:
    return AwsError("InvalidTargetGroupPairException", why)


def bad_ecs_service(why: str) -> AwsError:
    return AwsError("InvalidECSServiceException", why)


def ecs_service_taken(name: str) -> AwsError:
    return AwsError("ECSServiceMappingLimitExceededException", f"The Amazon ECS service {name} is associated with more than one deployment groups. An Amazon ECS service can be associated with only one deployment group.")


def two_ec2_tag_kinds() -> AwsError:
    return AwsError("InvalidEC2TagCombinationException", "A call was submitted that specified both ec2TagFilters and ec2TagSet, but only one of these data types can be used in a single call.")


def two_premises_tag_kinds() -> AwsError:
    return AwsError("InvalidOnPremisesTagCombinationException", "A call was submitted that specified both onPremisesTagFilters and onPremisesTagSet, but only one of these data types can be used in a single call.")


def too_many_tag_sets() -> AwsError:
    return AwsError("TagSetListLimitExceededException", "The number of tag groups included in the tag set list exceeded the maximum allowed limit of 3.")


def bad_ec2_tag(why: str) -> AwsError:
    return AwsError("InvalidEC2TagException", why)


def bad_tag(why: str) -> AwsError:
    return AwsError("InvalidTagException", why)


def no_such_auto_scaling_group(name: str) -> AwsError:
    return AwsError("InvalidAutoScalingGroupException", f"The Auto Scaling group {name} does not exist, or cannot be described with the service role.")


def invalid_input(why: str) -> AwsError:
    return AwsError("InvalidInputException", why)


# -- deployments ----------------------------------------------------------------------------------------------------------

def no_deployment(id_: str) -> AwsError:
    return AwsError("DeploymentDoesNotExistException", f"The deployment {id_} could not be found")


def deployment_id_required() -> AwsError:
    return AwsError("DeploymentIdRequiredException", "Deployment ID must be specified")


def bad_deployment_id(id_: str) -> AwsError:
    return AwsError("InvalidDeploymentIdException", f"Specified DeploymentId is not in the valid format: {id_}")


def active(group: str, deployment: str) -> AwsError:
    return AwsError("DeploymentLimitExceededException", f"The Deployment Group '{group}' already has an active Deployment '{deployment}'")


def over(id_: str, status: str) -> AwsError:
    return AwsError("DeploymentAlreadyCompletedException", f"The deployment {id_} is already in a terminal state: {status}")


def not_ready(id_: str) -> AwsError:
    return AwsError("DeploymentIsNotInReadyStateException", f"The deployment {id_} does not have a status of Ready and can't continue yet.")


def not_started(id_: str) -> AwsError:
    return AwsError("DeploymentNotStartedException", f"The specified deployment {id_} has not started.")


def unsupported_action(why: str) -> AwsError:
    return AwsError("UnsupportedActionForDeploymentTypeException", why)


def bad_wait_type(why: str) -> AwsError:
    return AwsError("InvalidDeploymentWaitTypeException", why)


def deployment_status(why: str) -> AwsError:
    return AwsError("InvalidDeploymentStatusException", why)


def revision_required() -> AwsError:
    return AwsError("RevisionRequiredException", "Revision must be specified")


def bad_revision(why: str) -> AwsError:
    return AwsError("InvalidRevisionException", why)


def no_revision() -> AwsError:
    return AwsError("RevisionDoesNotExistException", "The specified revision is not registered with the application.")


def bad_targets(why: str) -> AwsError:
    return AwsError("InvalidTargetInstancesException", why)


def no_target(deployment: str, target: str) -> AwsError:
    return AwsError("DeploymentTargetDoesNotExistException", f"The provided target ID {target} does not belong to the attempted deployment {deployment}.")


def no_instance_in(deployment: str, target: str) -> AwsError:
    return AwsError("InstanceDoesNotExistException", f"The specified instance {target} does not exist in the deployment {deployment}.")


def platform_has_no_instances(platform: str) -> AwsError:
    return AwsError("InvalidComputePlatformException", f"The computePlatform is invalid. The computePlatform of the deployment is {platform}: use deployment targets.")


def too_many_targets(most: int) -> AwsError:
    return AwsError("DeploymentTargetListSizeExceededException", f"The maximum number of targets that can be associated with an Amazon ECS or AWS Lambda deployment was exceeded: no more than {most} can be asked for.")


def bad_range(why: str) -> AwsError:
    return AwsError("InvalidTimeRangeException", why)


def bad_token() -> AwsError:
    return AwsError("InvalidNextTokenException", "The next token was specified in an invalid format.")


def bad_filter(name: str, value: str) -> AwsError:
    return AwsError("InvalidInstanceStatusException", f"The specified instance status does not exist: {name}={value}")


# -- hooks ------------------------------------------------------------------------------------------------------------------

def bad_hook_status(status: str) -> AwsError:
    return AwsError("InvalidLifecycleEventHookExecutionStatusException", f"The result of a Lambda validation function that verifies a lifecycle event is invalid. It should return Succeeded or Failed, not {status}.")


def bad_hook_id(id_: str) -> AwsError:
    return AwsError("InvalidLifecycleEventHookExecutionIdException", f"A lifecycle event hook is invalid: {id_}")


def hook_answered() -> AwsError:
    return AwsError("LifecycleEventAlreadyCompletedException", "An attempt to return the status of an already completed lifecycle event occurred.")


# -- on-premises instances ------------------------------------------------------------------------------------------------------

def not_registered(name: str) -> AwsError:
    return AwsError("InstanceNotRegisteredException", f"The specified on-premises instance is not registered: {name}")


def already_registered(name: str) -> AwsError:
    return AwsError("InstanceNameAlreadyRegisteredException", f"The specified on-premises instance name is already registered: {name}")


def bad_instance_name(name: str) -> AwsError:
    return AwsError("InvalidInstanceNameException", f"The on-premises instance name was specified in an invalid format: {name}")


def instance_name_required() -> AwsError:
    return AwsError("InstanceNameRequiredException", "An on-premises instance name was not specified.")


def iam_arn_required() -> AwsError:
    return AwsError("IamArnRequiredException", "No IAM ARN was included in the request. You must use an IAM session ARN or user ARN in the request.")


def two_iam_arns() -> AwsError:
    return AwsError("MultipleIamArnsProvidedException", "Both an user ARN and a session ARN were included in the request. Use only one ARN type.")


def user_arn_taken(arn: str) -> AwsError:
    return AwsError("IamUserArnAlreadyRegisteredException", f"The specified user ARN is already registered with an on-premises instance: {arn}")


def session_arn_taken(arn: str) -> AwsError:
    return AwsError("IamSessionArnAlreadyRegisteredException", f"The request included an IAM session ARN that has already been used to register a different instance: {arn}")


def bad_user_arn(arn: str) -> AwsError:
    return AwsError("InvalidIamUserArnException", f"The user ARN was specified in an invalid format: {arn}")


def bad_session_arn(arn: str) -> AwsError:
    return AwsError("InvalidIamSessionArnException", f"The IAM session ARN was specified in an invalid format: {arn}")


def tag_required() -> AwsError:
    return AwsError("TagRequiredException", "A tag was not specified.")


def too_many_tags() -> AwsError:
    return AwsError("TagLimitExceededException", "The maximum allowed number of tags was exceeded.")


def too_many_instances() -> AwsError:
    return AwsError("InstanceLimitExceededException", "The maximum number of allowed on-premises instances in a single call was exceeded.")


# -- tags of applications and groups -----------------------------------------------------------------------------------------------

def bad_tags_to_add(why: str) -> AwsError:
    return AwsError("InvalidTagsToAddException", why)


def bad_arn(arn: str) -> AwsError:
    return AwsError("InvalidArnException", f"The specified ARN is not in a valid format: {arn}")


def arn_not_supported(arn: str) -> AwsError:
    return AwsError("ArnNotSupportedException", f"The specified ARN is not supported. For example, it might be an ARN for a resource that is not expected: {arn}")


# -- revisions ---------------------------------------------------------------------------------------------------------------------

def bucket_filter_required() -> AwsError:
    return AwsError("BucketNameFilterRequiredException", "A bucket name is required, but was not provided.")
