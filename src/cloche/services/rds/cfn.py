"""RDS in templates: instances, which are done when they answer, and their groups."""
from __future__ import annotations

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, tag_map

SENT = ("AllocatedStorage", "AutoMinorVersionUpgrade", "AvailabilityZone", "BackupRetentionPeriod", "CopyTagsToSnapshot", "DBInstanceClass", "DBName", "DBParameterGroupName", "DBSubnetGroupName", "DeletionProtection", "Engine",
        "EngineVersion", "Iops", "KmsKeyId", "ManageMasterUserPassword", "MasterUserPassword", "MasterUsername", "MultiAZ", "OptionGroupName", "Port", "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible",
        "StorageEncrypted", "StorageType")
CHANGED = ("AllocatedStorage", "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CopyTagsToSnapshot", "DBInstanceClass", "DBParameterGroupName", "DeletionProtection", "EngineVersion", "MasterUserPassword", "MultiAZ",
           "PreferredBackupWindow", "PreferredMaintenanceWindow", "PubliclyAccessible")


def tags(r: Resource) -> list[dict[str, str]] | None:
    return [{"Key": key, "Value": value} for key, value in tag_map(r.get("Tags")).items()] or None


async def look(r: Resource) -> dict:
    return (await r.do("rds", "DescribeDBInstances", DBInstanceIdentifier=r.physical))["DBInstances"][0]


async def create(r: Resource) -> str:
    given = {name: r.get(name) for name in SENT} | {"VpcSecurityGroupIds": r.get("VPCSecurityGroups"), "EnableIAMDatabaseAuthentication": r.get("EnableIAMDatabaseAuthentication"), "Tags": tags(r)}
    name = r.properties["DBInstanceIdentifier"]
    if r.get("SourceDBInstanceIdentifier"):
        taken = ("AvailabilityZone", "DBInstanceClass", "DBParameterGroupName", "DBSubnetGroupName", "Port", "PubliclyAccessible", "Tags", "VpcSecurityGroupIds")
        made = await r.do("rds", "CreateDBInstanceReadReplica", DBInstanceIdentifier=name, SourceDBInstanceIdentifier=r.get("SourceDBInstanceIdentifier"), **{key: given[key] for key in taken})
    elif r.get("DBSnapshotIdentifier"):
        taken = ("AvailabilityZone", "BackupRetentionPeriod", "DBInstanceClass", "DBParameterGroupName", "DBSubnetGroupName", "DeletionProtection", "MultiAZ", "Port", "PubliclyAccessible", "Tags", "VpcSecurityGroupIds")
        made = await r.do("rds", "RestoreDBInstanceFromDBSnapshot", DBInstanceIdentifier=name, DBSnapshotIdentifier=r.get("DBSnapshotIdentifier"), **{key: given[key] for key in taken})
    else:
        made = await r.do("rds", "CreateDBInstance", DBInstanceIdentifier=name, **given)
    r.attributes |= {"DBInstanceArn": made["DBInstance"]["DBInstanceArn"], "DbiResourceId": made["DBInstance"]["DbiResourceId"]}
    return made["DBInstance"]["DBInstanceIdentifier"]


async def ready(r: Resource) -> bool:
    told = await look(r)
    if told["DBInstanceStatus"] == "failed":
        raise AwsError("GeneralServiceException", f"The DB instance {r.physical} has failed: see its events")
    if told["DBInstanceStatus"] != "available":
        return False
    r.attributes |= {"Endpoint.Address": told["Endpoint"]["Address"], "Endpoint.Port": str(told["Endpoint"]["Port"])} if "Endpoint" in told else {}
    return True


async def update(r: Resource) -> None:
    given = {name: r.get(name) for name in CHANGED if r.changed(name)}
    if r.changed("VPCSecurityGroups"):
        given["VpcSecurityGroupIds"] = r.get("VPCSecurityGroups")
    if given:
        await r.do("rds", "ModifyDBInstance", DBInstanceIdentifier=r.physical, ApplyImmediately=True, **given)


async def delete(r: Resource) -> None:
    try:
        if (await look(r))["DBInstanceStatus"] != "deleting":
            await r.do("rds", "DeleteDBInstance", DBInstanceIdentifier=r.physical, SkipFinalSnapshot=True)
    except AwsError as error:
        if error.code == "DBInstanceNotFound":
            return
        raise
    r.not_yet()


async def set_parameters(r: Resource) -> None:
    values = [{"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"} for name, value in (r.get("Parameters") or {}).items()]
    for start in range(0, len(values), 20):
        await r.do("rds", "ModifyDBParameterGroup", DBParameterGroupName=r.physical, Parameters=values[start:start + 20])


async def create_parameters(r: Resource) -> str:
    made = await r.do("rds", "CreateDBParameterGroup", DBParameterGroupName=r.properties["DBParameterGroupName"], DBParameterGroupFamily=r.get("Family"), Description=r.get("Description"), Tags=tags(r))
    r.physical = made["DBParameterGroup"]["DBParameterGroupName"]
    await set_parameters(r)
    return r.physical


async def create_subnets(r: Resource) -> str:
    made = await r.do("rds", "CreateDBSubnetGroup", DBSubnetGroupName=r.properties["DBSubnetGroupName"], DBSubnetGroupDescription=r.get("DBSubnetGroupDescription"), SubnetIds=r.get("SubnetIds"), Tags=tags(r))
    return made["DBSubnetGroup"]["DBSubnetGroupName"]


TYPES = {
    "AWS::RDS::DBInstance": Type(
        name="DBInstanceIdentifier", limit=63, lower=True, create=create, ready=ready, update=update, delete=delete, gone=("DBInstanceNotFound",), attributes=("Endpoint.Address", "Endpoint.Port", "DBInstanceArn", "DbiResourceId"),
        replaces=("DBInstanceIdentifier", "DBName", "DBSubnetGroupName", "Engine", "KmsKeyId", "MasterUsername", "StorageEncrypted", "AvailabilityZone", "Port", "SourceDBInstanceIdentifier", "DBSnapshotIdentifier")),
    "AWS::RDS::DBParameterGroup": Type(
        name="DBParameterGroupName", lower=True, create=create_parameters, update=set_parameters, delete=op("rds", "DeleteDBParameterGroup", DBParameterGroupName="{id}"),
        replaces=("DBParameterGroupName", "Description", "Family"), gone=("DBParameterGroupNotFound",)),
    "AWS::RDS::DBSubnetGroup": Type(
        name="DBSubnetGroupName", lower=True, create=create_subnets, update=op("rds", "ModifyDBSubnetGroup", send=("DBSubnetGroupDescription", "SubnetIds"), DBSubnetGroupName="{id}"),
        delete=op("rds", "DeleteDBSubnetGroup", DBSubnetGroupName="{id}"), replaces=("DBSubnetGroupName",), gone=("DBSubnetGroupNotFoundFault",)),
}
