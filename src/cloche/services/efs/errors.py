"""What EFS says when it refuses. One function per sentence; every refusal carries its code in `ErrorCode` too."""
from __future__ import annotations

from cloche.kernel import AwsError


def _error(code: str, message: str, status: int, **more: str) -> AwsError:
    return AwsError(code, message, status, extra={"ErrorCode": code, **more})


def no_file_system(id_: str) -> AwsError:
    return _error("FileSystemNotFound", f"File system '{id_}' does not exist.", 404)


def exists(id_: str) -> AwsError:
    return _error("FileSystemAlreadyExists", f"File system '{id_}' already exists with creation token.", 409, FileSystemId=id_)


def in_use(id_: str) -> AwsError:
    return _error("FileSystemInUse", f"File system '{id_}' is in use: it has mount targets.", 409)


def bad(message: str) -> AwsError:
    return _error("BadRequest", message, 400)


def wrong_state(id_: str, state: str) -> AwsError:
    return _error("IncorrectFileSystemLifeCycleState", f"File system '{id_}' is not available: its state is '{state}'.", 409)


def no_zone(zone: str) -> AwsError:
    return _error("UnsupportedAvailabilityZone", f"The Availability Zone '{zone}' is not one of this Region.", 400)


def other_zone(id_: str) -> AwsError:
    return _error("AvailabilityZonesMismatch", f"File system '{id_}' is in one Availability Zone, and the subnet in another.", 400)


def no_mount_target(id_: str) -> AwsError:
    return _error("MountTargetNotFound", f"Mount target '{id_}' does not exist.", 404)


def one_per_zone() -> AwsError:
    return _error("MountTargetConflict", "mount target already exists in this AZ", 409)


def one_vpc() -> AwsError:
    return _error("MountTargetConflict", "requested subnet for new mount target is not in the same VPC as existing mount targets", 409)


def no_subnet(id_: str) -> AwsError:
    return _error("SubnetNotFound", f"The subnet ID '{id_}' does not exist", 400)


def no_group(message: str) -> AwsError:
    return _error("SecurityGroupNotFound", message, 400)


def too_many_groups() -> AwsError:
    return _error("SecurityGroupLimitExceeded", "At most five security groups can be given for a mount target.", 400)


def address_taken(address: str) -> AwsError:
    return _error("IpAddressInUse", f"The address '{address}' is in use.", 409)


def no_addresses() -> AwsError:
    return _error("NoFreeAddressesInSubnet", "The subnet has no free addresses.", 409)


def no_access_point(id_: str) -> AwsError:
    return _error("AccessPointNotFound", f"Access point '{id_}' does not exist.", 404)


def access_point_exists(id_: str) -> AwsError:
    return _error("AccessPointAlreadyExists", f"Access point '{id_}' already exists with client token.", 409, AccessPointId=id_)


def no_policy(id_: str) -> AwsError:
    return _error("PolicyNotFound", f"File system '{id_}' has no policy.", 404)


def bad_policy(why: str) -> AwsError:
    return _error("InvalidPolicyException", why, 400)
