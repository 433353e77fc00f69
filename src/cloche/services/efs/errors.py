"""What EFS says when it refuses. One function a sentence; every answer has its code once more in `ErrorCode`."""
from __future__ import annotations

from typing import Any

from cloche.kernel import AwsError


def _said(code: str, message: str, status: int, **extra: Any) -> AwsError:
    return AwsError(code, message, status, extra={"ErrorCode": code, **extra})


def no_file_system(id_: str) -> AwsError:
    return _said("FileSystemNotFound", f"File system '{id_}' does not exist.", 404)


def file_system_exists(id_: str, token: str) -> AwsError:
    return _said("FileSystemAlreadyExists", f"File system '{id_}' already exists with creation token '{token}'", 409, FileSystemId=id_)


def file_system_in_use(id_: str) -> AwsError:
    return _said("FileSystemInUse", f"File system '{id_}' has mount targets. Delete them before you delete the file system.", 409)


def file_system_limit() -> AwsError:
    return _said("FileSystemLimitExceeded", "You have reached the maximum number of file systems for this account and Region.", 403)


def file_system_state(id_: str, state: str) -> AwsError:
    return _said("IncorrectFileSystemLifeCycleState", f"The file system '{id_}' is not available: its life cycle state is '{state}'.", 409)


def no_mount_target(id_: str) -> AwsError:
    return _said("MountTargetNotFound", f"Mount target '{id_}' does not exist.", 404)


def mount_target_there(zone: str) -> AwsError:
    return _said("MountTargetConflict", f"mount target already exists in this AZ ({zone})", 409)


def mount_target_vpc(vpc: str) -> AwsError:
    return _said("MountTargetConflict", f"requested subnet for new mount target is not in the same VPC as existing mount targets ({vpc})", 409)


def other_zone(zone: str) -> AwsError:
    return _said("AvailabilityZonesMismatch", f"The subnet is not in the Availability Zone of the One Zone file system ({zone}).", 400)


def unsupported_zone(zone: str) -> AwsError:
    return _said("UnsupportedAvailabilityZone", f"The Availability Zone '{zone}' is not supported.", 400)


def no_subnet(id_: str) -> AwsError:
    return _said("SubnetNotFound", f"The subnet ID '{id_}' does not exist", 400)


def no_group(id_: str) -> AwsError:
    return _said("SecurityGroupNotFound", f"Security group '{id_}' does not exist in the VPC of the subnet.", 400)


def groups_limit() -> AwsError:
    return _said("SecurityGroupLimitExceeded", "A mount target can have at most five security groups.", 400)


def address_in_use(address: str) -> AwsError:
    return _said("IpAddressInUse", f"The IP address '{address}' is already in use.", 409)


def subnet_full(id_: str) -> AwsError:
    return _said("NoFreeAddressesInSubnet", f"There are no free IP addresses in the subnet '{id_}'.", 409)


def no_access_point(id_: str) -> AwsError:
    return _said("AccessPointNotFound", f"Access point '{id_}' does not exist.", 404)


def access_point_exists(id_: str) -> AwsError:
    return _said("AccessPointAlreadyExists", f"Access point '{id_}' already exists with this client token.", 409, AccessPointId=id_)


def access_point_limit() -> AwsError:
    return _said("AccessPointLimitExceeded", "You have reached the maximum number of access points of this file system.", 403)


def no_policy(id_: str) -> AwsError:
    return _said("PolicyNotFound", f"Policy of the file system '{id_}' does not exist.", 404)


def bad_policy(why: str) -> AwsError:
    return _said("InvalidPolicyException", why or "Policy contains invalid Principals or invalid JSON.", 400)


def bad(why: str) -> AwsError:
    return _said("BadRequest", why, 400)


def too_soon() -> AwsError:
    return _said("TooManyRequests", "You can decrease the provisioned throughput or change the throughput mode once in 24 hours.", 429)
