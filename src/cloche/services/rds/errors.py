"""What RDS says when it refuses. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError


def instance_exists(name: str) -> AwsError:
    return AwsError("DBInstanceAlreadyExists", f"DB instance already exists: {name}")


def no_instance(name: str) -> AwsError:
    return AwsError("DBInstanceNotFound", f"DBInstance {name} not found.", 404)


def instance_state(name: str, state: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", f"Instance {name} is not in available state. Its state is {state}.")


def not_stopped(name: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", f"Instance {name} is not stopped, therefore cannot be started.")


def no_backups(name: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", f"Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value: {name}")


def not_a_replica(name: str) -> AwsError:
    return AwsError("InvalidDBInstanceState", f"DB Instance is not a read replica: {name}")


def combination(why: str) -> AwsError:
    return AwsError("InvalidParameterCombination", why)


def value(why: str) -> AwsError:
    return AwsError("InvalidParameterValue", why)


def protected() -> AwsError:
    return combination("Cannot delete protected DB Instance, please disable deletion protection and try again.")


def final_snapshot_or_none() -> AwsError:
    return combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")


def both_final() -> AwsError:
    return combination("FinalDBSnapshotIdentifier can not be specified when SkipFinalSnapshot is true.")


def zone_with_multi_az() -> AwsError:
    return combination("Requesting a specific availability zone is not valid for Multi-AZ instances.")


def no_version(engine: str, version: str) -> AwsError:
    return combination(f"Cannot find version {version} for {engine}")


def no_key(key: str) -> AwsError:
    return AwsError("KMSKeyNotAccessibleFault", f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to access it.")


def snapshot_exists(name: str) -> AwsError:
    return AwsError("DBSnapshotAlreadyExists", f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.")


def no_snapshot(name: str) -> AwsError:
    return AwsError("DBSnapshotNotFound", f"DBSnapshot {name} not found.", 404)


def snapshot_state(why: str) -> AwsError:
    return AwsError("InvalidDBSnapshotState", why)


def parameter_group_exists(name: str) -> AwsError:
    return AwsError("DBParameterGroupAlreadyExists", f"Parameter group {name} already exists")


def no_parameter_group(name: str) -> AwsError:
    return AwsError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}", 404)


def parameter_group_state(why: str) -> AwsError:
    return AwsError("InvalidDBParameterGroupState", why)


def static_parameter() -> AwsError:
    return combination("cannot use immediate apply method for static parameter")


def option_group_exists(name: str) -> AwsError:
    return AwsError("OptionGroupAlreadyExistsFault", f"An option group named {name} already exists.")


def no_option_group(name: str) -> AwsError:
    return AwsError("OptionGroupNotFoundFault", f"Specified OptionGroupName: {name} not found.", 404)


def option_group_state(why: str) -> AwsError:
    return AwsError("InvalidOptionGroupStateFault", why)


def subnet_group_exists(name: str) -> AwsError:
    return AwsError("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name}' already exists.")


def no_subnet_group(name: str) -> AwsError:
    return AwsError("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.", 404)


def too_few_zones() -> AwsError:
    return AwsError("DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage is fewer than 2. Add subnets to cover at least 2 AZs.")


def subnet_group_in_use(name: str) -> AwsError:
    return AwsError("InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{name}' because at least one database instance is still using it.")


def bad_subnet(why: str) -> AwsError:
    return AwsError("InvalidSubnet", why)


def no_log(name: str) -> AwsError:
    return AwsError("DBLogFileNotFoundFault", f"DBLog File: {name}, is not found on the DB instance", 404)


def bad_marker() -> AwsError:
    return value("The marker is not valid.")


def bad_arn(arn: str) -> AwsError:
    return value(f"Invalid resource name: {arn}")
