"""What Elastic Load Balancing v2 says when it refuses. One function per sentence."""
from __future__ import annotations

from collections.abc import Iterable

from cloche.kernel import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def configuration(message: str) -> AwsError:
    return AwsError("InvalidConfigurationRequest", message)


def not_permitted(message: str) -> AwsError:
    return AwsError("OperationNotPermitted", message)


def quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


# -- load balancers ---------------------------------------------------------------------------------------------------------------

def bad_name(what: str, name: str, why: str) -> AwsError:
    return validation(f"The {what} name '{name}' {why}")


def gateway_not_built() -> AwsError:
    return AwsError("NotImplemented", "Gateway Load Balancers are not built in Cloche: nothing here speaks GENEVE.", 501)


def duplicate_balancer(name: str) -> AwsError:
    return AwsError("DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists, but with different settings")


def no_such_balancer(what: str) -> AwsError:
    return AwsError("LoadBalancerNotFound", f"Load balancers '[{what}]' not found")


def not_an_arn(arn: str, what: str) -> AwsError:
    return validation(f"'{arn}' is not a valid {what} ARN")


def two_zones() -> AwsError:
    return validation("At least two subnets in two different Availability Zones must be specified")


def one_subnet() -> AwsError:
    return validation("At least one subnet must be specified")


def subnets_and_mappings() -> AwsError:
    return validation("You must specify either subnets or subnet mappings, not both")


def same_zone() -> AwsError:
    return configuration("A load balancer cannot be attached to multiple subnets in the same Availability Zone")


def several_vpcs(what: str) -> AwsError:
    return configuration(f"All {what} must belong to the same VPC")


def no_such_subnet(ids: Iterable[str]) -> AwsError:
    return AwsError("SubnetNotFound", f"The subnet ID '{', '.join(ids)}' does not exist")


def no_gateway(vpc: str) -> AwsError:
    return AwsError("InvalidSubnet", f"VPC {vpc} has no internet gateway")


def no_room(subnet: str, wanted: int) -> AwsError:
    return AwsError("InvalidSubnet", f"Not enough IP space available in {subnet}. ELB requires at least {wanted} free IP addresses in each subnet.")


def no_ipv6(subnet: str) -> AwsError:
    return AwsError("InvalidSubnet", f"The subnet '{subnet}' must have an associated IPv6 CIDR block.")


def no_such_group(ids: Iterable[str]) -> AwsError:
    return AwsError("InvalidSecurityGroup", f"One or more security groups are invalid: {quoted(ids)}")


def groups_elsewhere() -> AwsError:
    return configuration("One or more security groups are not in the same VPC as the load balancer")


def groups_missing_at_birth() -> AwsError:
    return configuration("You cannot associate security groups with this Network Load Balancer because it was created without any")


def no_such_allocation(ids: Iterable[str]) -> AwsError:
    return AwsError("AllocationIdNotFound", f"The allocation IDs {quoted(ids)} do not exist")


def allocation_in_use(ids: Iterable[str]) -> AwsError:
    return AwsError("ResourceInUse", f"The allocation IDs {quoted(ids)} are not available for use")


def protected(arn: str) -> AwsError:
    return not_permitted(f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled")


def too_many_balancers() -> AwsError:
    return AwsError("TooManyLoadBalancers", "The maximum number of load balancers has been reached")


def in_use_as_target(arn: str) -> AwsError:
    return AwsError("ResourceInUse", f"Load balancer '{arn}' cannot be deleted because it is currently associated with another service")


# -- attributes and tags ----------------------------------------------------------------------------------------------------------

def unknown_attribute(key: str, what: str) -> AwsError:
    return validation(f"{what} attribute key '{key}' is not recognized")


def attribute_not_for(key: str, what: str) -> AwsError:
    return configuration(f"{what} attribute key '{key}' is not supported on this resource")


def bad_attribute(key: str, value: str, what: str) -> AwsError:
    return validation(f"{what} attribute value '{value}' for '{key}' is not valid")


def same_attribute_twice(key: str) -> AwsError:
    return validation(f"Key '{key}' cannot be specified more than once")


def log_bucket_needed() -> AwsError:
    return validation("The value of 'access_logs.s3.bucket' cannot be empty")


def log_bucket_denied(bucket: str) -> AwsError:
    return configuration(f"Access Denied for bucket: {bucket}. Please check S3bucket permission")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTags", "The number of tags exceeds the limit of 50 for each resource")


def duplicate_tag_keys() -> AwsError:
    return AwsError("DuplicateTagKeys", "Duplicate tag keys are not allowed")


def reserved_tag() -> AwsError:
    return validation("Tag keys that begin with 'aws:' are reserved for system use")


def bad_marker() -> AwsError:
    return validation("The marker is not valid")


def name_or_arn(what: str) -> AwsError:
    return validation(f"You cannot specify both {what} names and {what} ARNs")


# -- target groups and targets -----------------------------------------------------------------------------------------------------

def duplicate_target_group(name: str) -> AwsError:
    return AwsError("DuplicateTargetGroupName", f"A target group with the same name '{name}' exists, but with different settings")


def no_such_target_group() -> AwsError:
    return AwsError("TargetGroupNotFound", "One or more target groups not found")


def target_group_in_use(arn: str) -> AwsError:
    return AwsError("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")


def member_needed(member: str) -> AwsError:
    return validation(f"A {member} must be specified")


def member_not_for(member: str, kind: str) -> AwsError:
    return validation(f"{member} cannot be specified for target groups with target type '{kind}'")


def no_such_vpc(vpc: str) -> AwsError:
    return validation(f"The VPC ID '{vpc}' is not found")


def protocol_not_for(protocol: str, kind: str) -> AwsError:
    return validation(f"Protocol '{protocol}' is not supported for target groups with target type '{kind}'")


def bad_protocol_version(version: str) -> AwsError:
    return validation(f"Protocol version '{version}' is not valid")


def version_not_built(version: str) -> AwsError:
    return AwsError("NotImplemented", f"Target groups that speak {version} are not built in Cloche: its load balancers speak HTTP/1.1 to their targets.", 501)


def bad_health_check(message: str) -> AwsError:
    return validation(message)


def bad_matcher(code: str) -> AwsError:
    return validation(f"Health check matcher HTTP code '{code}' must be within '200' - '499'")


def timeout_not_below_interval() -> AwsError:
    return validation("Health check timeout must be smaller than the interval")


def invalid_target(message: str) -> AwsError:
    return AwsError("InvalidTarget", message)


def targets_not_running(ids: Iterable[str]) -> AwsError:
    return invalid_target(f"The following targets are not in a running state and cannot be registered: {quoted(ids)}")


def targets_elsewhere(vpc: str, ids: Iterable[str]) -> AwsError:
    return invalid_target(f"The following targets are not in the target group VPC '{vpc}': {quoted(ids)}")


def targets_missing(ids: Iterable[str]) -> AwsError:
    return invalid_target(f"The following targets do not exist: {quoted(ids)}")


def not_an_instance_id(id_: str) -> AwsError:
    return validation(f"Instance ID '{id_}' is not valid")


def not_an_address(id_: str) -> AwsError:
    return validation(f"The IP address '{id_}' is not a valid IPv4 address")


def address_not_allowed(id_: str) -> AwsError:
    return validation(f"The IP address '{id_}' is not within a valid IP CIDR range: use the VPC's or a private one")


def all_for_outsiders(id_: str) -> AwsError:
    return validation(f"You must specify an Availability Zone of 'all' when registering the IP address '{id_}' as it is outside the target group VPC")


def not_all_for_insiders(id_: str) -> AwsError:
    return validation(f"You cannot specify an Availability Zone of 'all' when registering the IP address '{id_}' as it is within the target group VPC")


def one_lambda() -> AwsError:
    return AwsError("TooManyTargets", "Target groups with target type 'lambda' can have only one target")


def one_balancer() -> AwsError:
    return AwsError("TooManyTargets", "Target groups with target type 'alb' can have only one target")


def no_port_for_lambda() -> AwsError:
    return validation("A port cannot be specified for targets of type 'lambda'")


def not_a_function(arn: str) -> AwsError:
    return validation(f"'{arn}' is not a valid Lambda function ARN")


def may_not_invoke(function: str, group: str) -> AwsError:
    return AwsError("AccessDenied", f"elasticloadbalancing principal does not have permission to invoke {function} from target group {group}", 403)


def not_registered(ids: Iterable[str]) -> AwsError:
    return invalid_target(f"The following targets are not registered: {quoted(ids)}")


def too_many_targets() -> AwsError:
    return AwsError("TooManyTargets", "The maximum number of targets per target group has been reached")


# -- listeners and rules -----------------------------------------------------------------------------------------------------------

def no_such_listener() -> AwsError:
    return AwsError("ListenerNotFound", "One or more listeners not found")


def no_such_rule() -> AwsError:
    return AwsError("RuleNotFound", "One or more rules not found")


def duplicate_listener(arn: str) -> AwsError:
    return AwsError("DuplicateListener", f"A listener already exists on this port for this load balancer '{arn}'")


def too_many_listeners() -> AwsError:
    return AwsError("TooManyListeners", "The maximum number of listeners per load balancer has been reached")


def protocol_wrong(given: str, wanted: Iterable[str]) -> AwsError:
    return AwsError("UnsupportedProtocol", f"The protocol '{given}' is not supported: it must be one of {quoted(wanted)}")


def protocol_not_built(protocol: str) -> AwsError:
    return AwsError("NotImplemented", f"{protocol} listeners are not built in Cloche.", 501)


def certificate_needed(protocol: str) -> AwsError:
    return validation(f"A certificate must be specified for {protocol} listeners")


def one_certificate() -> AwsError:
    return AwsError("TooManyCertificates", "Up to one certificate can be specified here; add others with AddListenerCertificates")


def too_many_certificates() -> AwsError:
    return AwsError("TooManyCertificates", "The maximum number of certificates per listener has been reached")


def certificate_not_for(protocol: str) -> AwsError:
    return validation(f"Certificates cannot be specified for {protocol} listeners")


def policy_not_for(protocol: str) -> AwsError:
    return validation(f"An SSL policy cannot be specified for {protocol} listeners")


def no_such_certificate(arn: str) -> AwsError:
    return AwsError("CertificateNotFound", f"Certificate '{arn}' not found")


def certificate_unusable(arn: str) -> AwsError:
    return AwsError("UnsupportedCertificate", f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size.")


def default_certificate_stays() -> AwsError:
    return not_permitted("The default certificate cannot be removed")


def no_such_policy(name: str) -> AwsError:
    return AwsError("SSLPolicyNotFound", f"SSL policy '{name}' not found")


def no_such_alpn(name: str) -> AwsError:
    return AwsError("ALPNPolicyNotFound", f"ALPN policy '{name}' not found")


def not_an_action(message: str) -> AwsError:
    return AwsError("InvalidLoadBalancerAction", message)


def incompatible(message: str) -> AwsError:
    return AwsError("IncompatibleProtocols", message)


def group_elsewhere(arn: str) -> AwsError:
    return configuration(f"The target group '{arn}' is not in the same VPC as the load balancer")


def group_has_balancer(arns: Iterable[str]) -> AwsError:
    return AwsError("TargetGroupAssociationLimit", f"The following target groups cannot be associated with more than one load balancer: {', '.join(arns)}")


def too_many_groups_in_action() -> AwsError:
    return AwsError("TooManyTargetGroups", "A forward action can have at most 5 target groups")


def loop() -> AwsError:
    return not_an_action("The redirect configuration is not valid because it creates a loop.")


def jwt_not_built() -> AwsError:
    return AwsError("NotImplemented", "Actions of type jwt-validation are not built in Cloche.", 501)


def mutual_not_built() -> AwsError:
    return AwsError("NotImplemented", "Mutual authentication with clients' certificates is not built in Cloche.", 501)


def priority_in_use(priority: int) -> AwsError:
    return AwsError("PriorityInUse", f"Priority '{priority}' is currently in use")


def priority_twice(priority: int) -> AwsError:
    return validation(f"Priority '{priority}' is specified more than once")


def default_rule_stays(arn: str) -> AwsError:
    return not_permitted(f"Default rule '{arn}' cannot be deleted")


def default_rule_elsewhere() -> AwsError:
    return not_permitted("Default rule actions can only be changed with ModifyListener")


def default_rule_priority() -> AwsError:
    return not_permitted("The priority of a default rule cannot be modified")


def too_many_rules() -> AwsError:
    return AwsError("TooManyRules", "The maximum number of rules per load balancer has been reached")


def rules_need_http() -> AwsError:
    return AwsError("UnsupportedProtocol", "Rules are not supported for listeners of Network Load Balancers")


def bad_condition(message: str) -> AwsError:
    return validation(message)
