"""What Classic Load Balancing says when it refuses. One function per sentence."""
from __future__ import annotations

from collections.abc import Iterable

from cloche.kernel import AwsError


def validation(message: str) -> AwsError:
    return AwsError("ValidationError", message)


def configuration(message: str) -> AwsError:
    return AwsError("InvalidConfigurationRequest", message, 409)


def no_such_balancer(name: str) -> AwsError:
    return AwsError("LoadBalancerNotFound", f"There is no ACTIVE Load Balancer named '{name}'")


def duplicate(name: str) -> AwsError:
    return AwsError("DuplicateLoadBalancerName", f"Load balancer {name} already exists and it is configured with different parameters.")


def too_many() -> AwsError:
    return AwsError("TooManyLoadBalancers", "The quota for the number of load balancers has been reached.")


def bad_name(name: str) -> AwsError:
    return validation(f"LoadBalancer name '{name}' must have 1 to 32 letters, digits and hyphens, and cannot begin or end with a hyphen.")


def zones_or_subnets() -> AwsError:
    return validation("Either AvailabilityZones or SubnetIds must be specified, but not both")


def bad_zone(zone: str) -> AwsError:
    return validation(f"Requested Availability Zone {zone} is not valid: there is no default subnet in it.")


def same_zone() -> AwsError:
    return configuration("A load balancer cannot be attached to multiple subnets in the same Availability Zone.")


def no_subnet_left() -> AwsError:
    return configuration("The load balancer must be attached to at least one subnet.")


def groups_elsewhere() -> AwsError:
    return AwsError("InvalidSecurityGroup", "One or more of the specified security groups do not belong to the load balancer's VPC.")


def no_such_instance(ids: Iterable[str]) -> AwsError:
    return AwsError("InvalidInstance", f"Could not find EC2 instance {', '.join(ids)}.")


def instance_elsewhere(id_: str) -> AwsError:
    return AwsError("InvalidInstance", f"EC2 instance {id_} is not in the same VPC as the load balancer.")


def bad_protocol(name: str) -> AwsError:
    return AwsError("UnsupportedProtocol", f"The protocol {name} is not supported: it must be one of HTTP, HTTPS, TCP, SSL.")


def layers_differ() -> AwsError:
    return validation("Protocol and InstanceProtocol must be at the same Internet protocol layer: HTTP and HTTPS, or TCP and SSL.")


def duplicate_listener(name: str, port: int) -> AwsError:
    return AwsError("DuplicateListener", f"A listener already exists for {name} with LoadBalancerPort {port}, but with a different InstancePort, Protocol, or SSLCertificateId")


def no_such_listener(name: str, port: int) -> AwsError:
    return AwsError("ListenerNotFound", f"There is no listener at port {port} of load balancer {name}.")


def certificate_needed() -> AwsError:
    return validation("SSLCertificateId must be specified for listeners with protocol HTTPS or SSL")


def no_such_certificate(arn: str) -> AwsError:
    return AwsError("CertificateNotFound", f"Server Certificate not found for the key: {arn}")


def bad_target(text: str) -> AwsError:
    return validation(f"HealthCheck Target '{text}' must be PROTOCOL:PORT, with a path after it for HTTP and HTTPS.")


def timeout_not_below_interval() -> AwsError:
    return validation("HealthCheck timeout must be less than interval.")


def no_such_policy(name: str) -> AwsError:
    return AwsError("PolicyNotFound", f"There is no policy with name {name}")


def duplicate_policy(name: str) -> AwsError:
    return AwsError("DuplicatePolicyName", f"Policy with name {name} already exists")


def no_such_type(name: str) -> AwsError:
    return AwsError("PolicyTypeNotFound", f"Policy type {name} does not exist")


def policy_in_use(name: str) -> AwsError:
    return configuration(f"You cannot delete policy {name} because it is in use by a listener or a back-end server.")


def policy_not_here(name: str) -> AwsError:
    return configuration(f"The policy {name} cannot be used with this protocol.")


def bad_attribute(name: str) -> AwsError:
    return configuration(f"The value of {name} is not valid.")


def too_many_tags() -> AwsError:
    return AwsError("TooManyTags", "The number of tags exceeds the limit of 50.")


def duplicate_tag_keys() -> AwsError:
    return AwsError("DuplicateTagKeys", "Duplicate tag keys are not allowed.")


def bad_marker() -> AwsError:
    return validation("The marker is not valid.")
