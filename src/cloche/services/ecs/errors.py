"""What ECS says when it refuses: one function a sentence, in its own words."""
from __future__ import annotations

from cloche.kernel import AwsError


def client(text: str) -> AwsError:
    return AwsError("ClientException", text)


def parameter(text: str) -> AwsError:
    return AwsError("InvalidParameterException", text)


def no_cluster() -> AwsError:
    return AwsError("ClusterNotFoundException", "Cluster not found.")


def inactive_cluster() -> AwsError:
    return client("The referenced cluster was inactive.")


def cluster_has(what: str, code: str) -> AwsError:
    return AwsError(code, f"The Cluster cannot be deleted while {what} are active.")


def bad_name(what: str) -> AwsError:
    return parameter(f"{what} can contain only letters, numbers, hyphens, and underscores, up to 255 characters.")


def bad_identifier(what: str) -> AwsError:
    return parameter(f"Invalid identifier: Identifier is for {what}.")


def no_definition() -> AwsError:
    return client("Unable to describe task definition.")


def no_definition_to_run() -> AwsError:
    return client("TaskDefinition not found.")


def inactive_definition() -> AwsError:
    return client("TaskDefinition is inactive")


def no_task() -> AwsError:
    return parameter("The referenced task was not found.")


def no_service() -> AwsError:
    return AwsError("ServiceNotFoundException", "Service not found.")


def inactive_service() -> AwsError:
    return AwsError("ServiceNotActiveException", "Service was not ACTIVE.")


def not_idempotent() -> AwsError:
    return parameter("Creation of service was not idempotent.")


def scaled_above_zero() -> AwsError:
    return parameter("The service cannot be stopped while it is scaled above 0.")


def bad_token() -> AwsError:
    return parameter("Invalid token")


def no_network() -> AwsError:
    return parameter("Network Configuration must be provided when networkMode 'awsvpc' is specified.")


def network_not_wanted() -> AwsError:
    return parameter("Network Configuration is not valid for the given networkMode of this task definition.")


def not_compatible(launch: str) -> AwsError:
    return parameter(f"Task definition does not support launch_type {launch}.")


def no_instances() -> AwsError:
    return parameter("No Container Instances were found in your cluster.")


def both_launch_and_strategy() -> AwsError:
    return parameter("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")


def no_provider() -> AwsError:
    return parameter("The specified capacity provider was not found. Specify a valid name or ARN and try again.")


def provider_not_of_cluster() -> AwsError:
    return parameter("The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster. Associate the capacity provider with the cluster and try again.")


def provider_exists(name: str) -> AwsError:
    return client(f"The specified capacity provider already exists: {name}. To change the configuration of an existing capacity provider, update the capacity provider.")


def not_fargate_pair(cpu: str, memory: str) -> AwsError:
    return client(f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. "
                  "See the Amazon ECS documentation for the valid values.")


def exec_not_enabled() -> AwsError:
    return parameter("The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. "
                     "Wait and try again or run a new task with execute command enabled and try again.")


def no_target(arn: str) -> AwsError:
    return AwsError("TargetNotFoundException", f"The specified target wasn't found: {arn}")


def attribute_limit() -> AwsError:
    return AwsError("AttributeLimitExceededException", "You can apply up to 10 custom attributes for each resource.")


def no_resource() -> AwsError:
    return parameter("The specified resource was not found.")


def no_task_set() -> AwsError:
    return AwsError("TaskSetNotFoundException", "The specified task set wasn't found.")


def unsupported(text: str) -> AwsError:
    return AwsError("UnsupportedFeatureException", text)


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"Cloche does not build {what} yet.", 501)


def no_namespace() -> AwsError:
    return AwsError("NamespaceNotFoundException", "The specified namespace wasn't found: Cloche has no Cloud Map yet.")
