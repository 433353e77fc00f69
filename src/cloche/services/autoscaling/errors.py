"""Everything Auto Scaling refuses, in its words."""
from __future__ import annotations

from cloche.kernel import AwsError


def invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def bad_token() -> AwsError:
    return AwsError("InvalidNextToken", "The token '...' is invalid.")


def not_built(what: str) -> AwsError:
    return AwsError("NotImplemented", f"autoscaling: {what} is not built in Cloche yet. /_cloche/ledger lists what is.", 501)


# -- groups -----------------------------------------------------------------------------------------------------------

def no_such_group(name: str) -> AwsError:
    return invalid(f"AutoScalingGroup name not found - {name}")


def group_exists(name: str) -> AwsError:
    return AwsError("AlreadyExists", f"AutoScalingGroup by this name already exists - A group with the name {name} already exists")


def deleting(name: str) -> AwsError:
    return AwsError("ResourceInUse", f"AutoScalingGroup {name} is pending delete.")


def min_over_max(least: int, most: int) -> AwsError:
    return invalid(f"Max bound, {most}, must be greater than or equal to min bound, {least}")


def outside(desired: int, least: int, most: int) -> AwsError:
    return invalid(f"Desired capacity:{desired} must be between the specified min size:{least} and max size:{most}")


def above(desired: int, most: int) -> AwsError:
    return invalid(f"New SetDesiredCapacity value {desired} is above max value {most} for the AutoScalingGroup.")


def below(desired: int, least: int) -> AwsError:
    return invalid(f"New SetDesiredCapacity value {desired} is below min value {least} for the AutoScalingGroup.")


def no_template() -> AwsError:
    return invalid("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.")


def not_yours(template: str) -> AwsError:
    return AwsError("AccessDenied", f"You are not authorized to use launch template: {template}", 403)


def no_place() -> AwsError:
    return invalid("At least one Availability Zone or VPC Subnet is required.")


def bad_subnet(name: str) -> AwsError:
    return invalid(f"The subnet ID '{name}' does not exist")


def still_instances() -> AwsError:
    return AwsError("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.")


def protected_from_deletion(name: str) -> AwsError:
    return AwsError("ResourceInUse", f"AutoScalingGroup {name} is protected from deletion by its DeletionProtection.")


def cooling(name: str) -> AwsError:
    return AwsError("ScalingActivityInProgress", f"Scaling activity was not executed as it is still in cooldown for the AutoScalingGroup {name}.")


def no_such_configuration(name: str) -> AwsError:
    return invalid(f"Launch configuration name not found - Launch configuration {name} not found")


def configuration_exists(name: str) -> AwsError:
    return AwsError("AlreadyExists", f"Launch Configuration by this name already exists - A launch configuration already exists with the name {name}")


def configuration_in_use(name: str, group: str) -> AwsError:
    return AwsError("ResourceInUse", f"Cannot delete launch configuration {name} because it is attached to AutoScalingGroup {group}")


def limit(what: str) -> AwsError:
    return AwsError("LimitExceeded", f"You have already reached your limit for {what}.")


# -- instances --------------------------------------------------------------------------------------------------------

def no_such_instance(name: str) -> AwsError:
    return invalid(f"Instance Id not found - No managed instance found for instance ID: {name}")


def not_in_group(name: str, group: str) -> AwsError:
    return invalid(f"The instance {name} is not part of Auto Scaling group {group}.")


def wrong_state(name: str, state: str, wanted: str) -> AwsError:
    return invalid(f"The instance {name} is in {state}. The instance must be in {wanted}.")


def no_room(name: str, count: int) -> AwsError:
    return invalid(f"AutoScalingGroup {name} has max-size limit: attaching {count} instances would exceed it; UpdateAutoScalingGroup first.")


def too_few(name: str) -> AwsError:
    return invalid(f"AutoScalingGroup {name} has min-size limit: the capacity cannot be decremented below it.")


# -- policies, actions, hooks -----------------------------------------------------------------------------------------

def no_such_policy(name: str) -> AwsError:
    return invalid(f"Policy not found - No policy with name {name} was found")


def no_such_action(name: str) -> AwsError:
    return invalid(f"Scheduled action name not found - {name}")


def past() -> AwsError:
    return invalid("Given start time is in the past")


def bad_recurrence(text: str) -> AwsError:
    return invalid(f"Given recurrence string:{text} is invalid")


def no_such_hook(name: str) -> AwsError:
    return invalid(f"No Lifecycle Hook found: {name}")


def no_such_lifecycle_action(instance: str) -> AwsError:
    return invalid(f"No active Lifecycle Action found with instance ID {instance}")


def no_refresh(name: str) -> AwsError:
    return AwsError("ActiveInstanceRefreshNotFound", f"No in progress or pending Instance Refresh found for Auto Scaling group {name}")


def refresh_in_progress(name: str) -> AwsError:
    return AwsError("InstanceRefreshInProgress", f"An Instance Refresh is already in progress and blocks the execution of this Instance Refresh for Auto Scaling group {name}.")


def no_such_tag_group(name: str) -> AwsError:
    return invalid(f"AutoScalingGroup name not found - Missing name in (Optional) resource: {name}")
