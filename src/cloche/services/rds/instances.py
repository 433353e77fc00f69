"""Instances: what was asked for, and what is said of them. Their servers are `running.py`'s."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, Sealed
from cloche.kernel.pages import page
from cloche.services.kms import public as kms

from . import errors, events, names, offers, option_groups, parameter_groups, subnet_groups
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

NAME = re.compile(r"[a-z](?!.*--)[a-z0-9-]{0,62}(?<!-)", re.ASCII)
USER = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,62}", re.ASCII)
RESERVED = {"admin": (), "rdsadmin": ("postgres", "mysql", "mariadb"), "postgres": (), "root": (), "rds_superuser": ("postgres",), "user": ("postgres",)}
PARTLY = ("a Multi-AZ instance's standby is the same server, begun again in the other zone's name; an encrypted instance's files lie open while its server runs; mysql is answered by MariaDB's server; servers listen on the "
          "loopback, whatever their subnets and security groups; automated snapshots are taken when an instance is made and not daily, and there is no way back to a point in time; plain connections are let in unless rds.force_ssl says no")
MOST_REPLICAS = 15
WEEK = 7 * 86400.0


class Instance(Record, frozen=True):
    kind = "rds.instance"

    name: str
    resource: str                 # db-..., never another's
    engine: str
    version: str
    cls: str
    storage: int                  # GiB
    master: str
    password: Sealed
    port: int
    zone: str
    subnet_group: str
    parameters: str
    options: str
    created: float
    status: str = "creating"
    does: str = ""                # what the server is waited for with: see running.py
    database: str = ""
    groups: list[str] = []
    second_zone: str = ""
    storage_type: str = "gp2"
    iops: int = 0
    retention: int = 1
    encrypted: bool = False
    key_arn: str = ""
    public: bool = False
    protected: bool = False
    iam: bool = False
    copy_tags: bool = False
    minor: bool = True
    window: str = "sun:05:00-sun:05:30"
    backups: str = "03:00-03:30"
    exports: list[str] = []
    address: str = ""             # once somebody listens there
    source: str = ""              # of a replica
    restored: str = ""            # the files that it begins with, instead of new ones
    pending: dict[str, Any] = {}  # changes that wait for the maintenance window or a reboot
    applied: str = "in-sync"      # how the parameter group's settings stand
    restarts: float = 0.0         # when a stopped one starts by itself
    failover: bool = False
    final: str = ""               # the snapshot to take before it goes
    interface: str = ""           # in its VPC
    admin: Sealed = Sealed("")    # MariaDB's administrator's password
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def family(self) -> str:
        return offers.version(self.engine, self.version).family

    @property
    def real(self) -> bool:
        return self.engine in ("postgres", "mysql", "mariadb")


def find(call: Call, name: str) -> Instance:
    one = call.get(Instance, name.rpartition(":")[2].lower())
    if one is None:
        raise errors.no_instance(name)
    return one


def available(one: Instance) -> Instance:
    if one.status != "available":
        raise errors.instance_state(one.name, one.status)
    return one


def replicas(call: Call, one: Instance) -> list[Instance]:
    return [each for each in call.all(Instance) if each.source == one.name]


def shown(call: Call, one: Instance) -> Any:
    group = subnet_groups.find(call, one.subnet_group)
    told: dict[str, Any] = {
        "DBInstanceIdentifier": one.name, "DBInstanceClass": one.cls, "Engine": one.engine, "EngineVersion": one.version, "DBInstanceStatus": status(call, one), "MasterUsername": one.master, "AllocatedStorage": one.storage,
        "InstanceCreateTime": one.created, "PreferredBackupWindow": one.backups, "BackupRetentionPeriod": one.retention, "DBSecurityGroups": [],
        "VpcSecurityGroups": [{"VpcSecurityGroupId": id_, "Status": "active"} for id_ in one.groups], "DBParameterGroups": [{"DBParameterGroupName": one.parameters, "ParameterApplyStatus": one.applied}],
        "AvailabilityZone": one.zone, "DBSubnetGroup": subnet_groups.shown(call, group), "PreferredMaintenanceWindow": one.window, "PendingModifiedValues": _pending(one), "MultiAZ": bool(one.second_zone),
        "AutoMinorVersionUpgrade": one.minor, "ReadReplicaDBInstanceIdentifiers": [each.name for each in replicas(call, one)], "LicenseModel": offers.license(one.engine),
        "OptionGroupMemberships": [{"OptionGroupName": one.options, "Status": "in-sync"}], "PubliclyAccessible": one.public, "StorageType": one.storage_type, "DbInstancePort": 0, "StorageEncrypted": one.encrypted,
        "DbiResourceId": one.resource, "DomainMemberships": [], "CopyTagsToSnapshot": one.copy_tags, "MonitoringInterval": 0, "DBInstanceArn": names.arn(call, "db", one.name),
        "IAMDatabaseAuthenticationEnabled": one.iam, "PerformanceInsightsEnabled": False, "DeletionProtection": one.protected, "AssociatedRoles": [], "TagList": names.tags_shown(one.tags), "NetworkType": "IPV4"}
    if one.address:
        told["Endpoint"] = {"Address": one.address, "Port": one.port}
    for member, value in (("DBName", one.database), ("SecondaryAvailabilityZone", one.second_zone), ("KmsKeyId", one.key_arn), ("ReadReplicaSourceDBInstanceIdentifier", one.source), ("EnabledCloudwatchLogsExports", one.exports),
                          ("Iops", one.iops)):
        if value:
            told[member] = value
    if one.source:
        told["StatusInfos"] = [{"StatusType": "read replication", "Normal": one.status == "available", "Status": "replicating" if one.status == "available" else one.status}]
    if one.status == "stopped":
        told["AutomaticRestartTime"] = one.restarts
    if not one.real:
        told["StatusInfos"] = [{"StatusType": "Cloche.RecordOnly", "Normal": False, "Status": "no server", "Message": f"There is no server of {one.engine} in Cloche: the instance is a record, and nobody answers for it."}]
    return told


PENDING = {"cls": "DBInstanceClass", "storage": "AllocatedStorage", "retention": "BackupRetentionPeriod", "multi": "MultiAZ", "port": "Port", "iam": "IAMDatabaseAuthenticationEnabled", "password": "MasterUserPassword"}


def _pending(one: Instance) -> dict[str, Any]:
    return {PENDING[key]: "****" if key == "password" else value for key, value in one.pending.items() if key in PENDING}


def status(call: Call, one: Instance) -> str:
    """An encrypted instance whose key cannot be used is out of reach, whatever it was."""
    if one.encrypted and one.status not in ("creating", "deleting") and not kms.is_usable(call, one.key_arn):
        return "inaccessible-encryption-credentials-recoverable"
    return one.status


# -- made ---------------------------------------------------------------------------------------------------------------


def encryption(call: Call, req: Any, cls: str) -> tuple[bool, str]:
    """Whether, and under which key: the caller must be able to use it."""
    if "KmsKeyId" in req and not req.get("StorageEncrypted", True):
        raise errors.combination("KmsKeyId cannot be specified when StorageEncrypted is false")
    if not req.get("StorageEncrypted") and "KmsKeyId" not in req:
        return False, ""
    if cls in offers.OLD:
        raise errors.combination(f"DB Instance class {cls} does not support encryption at rest")
    return True, key_of(call, req.get("KmsKeyId") or "alias/aws/rds")


def key_of(call: Call, key: str) -> str:
    arn = kms.key_arn(call, key)
    if arn is None or not kms.is_usable(call, arn):
        raise errors.no_key(key)
    return arn


def places(call: Call, req: Any, group: subnet_groups.SubnetGroup, multi: bool) -> tuple[str, str]:
    """The zone, and the standby's."""
    zones = sorted({zone for _, zone in group.subnets})
    if multi and "AvailabilityZone" in req:
        raise errors.zone_with_multi_az()
    zone = req.get("AvailabilityZone", zones[0])
    if zone not in zones:
        raise errors.value(f"The subnet group has no subnet in {zone}")
    return zone, next((other for other in zones if other != zone), "") if multi else ""


def named(call: Call, req: Any) -> str:
    name = req["DBInstanceIdentifier"].lower()
    if not NAME.fullmatch(name):
        raise errors.value(f"The parameter DBInstanceIdentifier is not a valid identifier. Identifiers must begin with a letter; must contain only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive hyphens.: {name}")
    if call.get(Instance, name):
        raise errors.instance_exists(name)
    return name


def checked_password(engine: str, password: str) -> str:
    most = 128 if engine == "postgres" else 41
    if not 8 <= len(password) <= most:
        raise errors.value(f"The parameter MasterUserPassword is not a valid password because it is shorter than 8 characters or longer than {most}.")
    if any(char in '/"@ ' or not 32 < ord(char) < 127 for char in password):
        raise errors.value("The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.")
    return password


def check_iam(engine: str, req: Any) -> None:
    if req.get("EnableIAMDatabaseAuthentication") and engine != "postgres":
        raise errors.combination(f"IAM Database Authentication is not built for {engine} in Cloche")


def put(call: Call, one: Instance) -> Instance:
    """A new one, and its server is set about."""
    from . import running
    call.put(one)
    running.wake(call, one.name)
    return one


def security_groups(call: Call, ids: list[str] | None, vpc: str) -> list[str]:
    if not ids:
        found = call.as_root().do("ec2", "DescribeSecurityGroups", Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]
        return [one["GroupId"] for one in found]
    found = call.as_root().do("ec2", "DescribeSecurityGroups", Filters=[{"Name": "group-id", "Values": ids}])["SecurityGroups"]
    if len(found) != len(set(ids)) or any(one["VpcId"] != vpc for one in found):
        raise errors.combination("The DB instance and EC2 security group are in different VPCs, or the security group does not exist.")
    return ids


def _asked(call: Call, req: Any) -> list[str]:
    arns = [names.arn(call, "db", req["DBInstanceIdentifier"].lower())]
    for kind, member in (("pg", "DBParameterGroupName"), ("og", "OptionGroupName"), ("subgrp", "DBSubnetGroupName")):
        if member in req:
            arns.append(names.arn(call, kind, req[member].lower()))
    return arns


def _context(call: Call, req: Any) -> dict[str, Any]:
    known = {"rds:DatabaseClass": req.get("DBInstanceClass"), "rds:DatabaseEngine": req.get("Engine"), "rds:DatabaseName": req.get("DBName"), "rds:MultiAz": req.get("MultiAZ"), "rds:StorageEncrypted": req.get("StorageEncrypted"),
             "rds:StorageSize": req.get("AllocatedStorage"), "rds:Piops": req.get("Iops"), "rds:ManageMasterUserPassword": req.get("ManageMasterUserPassword")}
    return {key: value for key, value in known.items() if value is not None} | names.tags_asked(call, req)


@rds.op(_asked, context=_context, partly=PARTLY + "; clusters, managed master passwords, Performance Insights and log exports are not built")
def create_db_instance(call: Call, req: t.CreateDBInstanceMessage) -> t.CreateDBInstanceResult:
    for member in ("DBClusterIdentifier", "ManageMasterUserPassword", "EnablePerformanceInsights", "EnableCloudwatchLogsExports", "Domain", "TdeCredentialArn", "CustomIamInstanceProfile"):
        if req.get(member):
            raise errors.combination(f"{member} is not built in Cloche")
    name, engine = named(call, req), req["Engine"]
    offer, cls = offers.version(engine, req.get("EngineVersion")), offers.check_class(req["DBInstanceClass"])
    for member in ("MasterUsername", "MasterUserPassword", "AllocatedStorage"):
        if member not in req:
            raise errors.value(f"The parameter {member} must be provided and must not be blank.")
    master = req["MasterUsername"]
    if not USER.fullmatch(master) or engine in RESERVED.get(master.lower(), ()):
        raise errors.value(f"MasterUsername {master} cannot be used as it is a reserved word used by the engine" if USER.fullmatch(master) else "The parameter MasterUsername is not a valid user name")
    if not 20 <= req["AllocatedStorage"] <= 65536:
        raise errors.value(f"Invalid storage size for engine name {engine} and storage type {req.get('StorageType', 'gp2')}: {req['AllocatedStorage']}")
    if not 0 <= req.get("BackupRetentionPeriod", 1) <= 35:
        raise errors.value(f"Invalid backup retention period: {req.get('BackupRetentionPeriod')}. Must be between 0 and 35")
    group = subnet_groups.find(call, req.get("DBSubnetGroupName", "default"))
    zone, second = places(call, req, group, req.get("MultiAZ", False))
    parameters = parameter_groups.find(call, req.get("DBParameterGroupName", f"default.{offer.family}"))
    if parameters.family != offer.family:
        raise errors.combination(f"The Parameter Group {parameters.name} with DBParameterGroupFamily {parameters.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily {offer.family}")
    options = option_groups.find(call, req["OptionGroupName"]).name if "OptionGroupName" in req else option_groups.default(call, engine, offer.major)
    encrypted, key = encryption(call, req, cls)
    check_iam(engine, req)
    one = put(call, Instance(
        name, "db-" + call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26), engine, offer.number, cls, req["AllocatedStorage"], master, Sealed(checked_password(engine, req["MasterUserPassword"])), req.get("Port", offer.port), zone,
        group.name, parameters.name, options, call.now, database=req.get("DBName", ""), groups=security_groups(call, req.get("VpcSecurityGroupIds"), group.vpc), second_zone=second, storage_type=req.get("StorageType", "gp2"),
        iops=req.get("Iops", 0), retention=req.get("BackupRetentionPeriod", 1), encrypted=encrypted, key_arn=key, public=req.get("PubliclyAccessible", group.name == "default"), protected=req.get("DeletionProtection", False),
        iam=req.get("EnableIAMDatabaseAuthentication", False), copy_tags=req.get("CopyTagsToSnapshot", False), minor=req.get("AutoMinorVersionUpgrade", True), window=req.get("PreferredMaintenanceWindow", "sun:05:00-sun:05:30"),
        backups=req.get("PreferredBackupWindow", "03:00-03:30"), does="make", admin=Sealed(call.secret(24)), tags=names.tags_given(req)))
    return {"DBInstance": shown(call, one)}


# -- looked at ----------------------------------------------------------------------------------------------------------


BY_NAME = names.named("db", "DBInstanceIdentifier")
FILTERS = {"db-instance-id": lambda call, one: (one.name, names.arn(call, "db", one.name)), "dbi-resource-id": lambda call, one: (one.resource,), "engine": lambda call, one: (one.engine,)}


@rds.op(BY_NAME)
def describe_db_instances(call: Call, req: t.DescribeDBInstancesMessage) -> t.DBInstanceMessage:
    if "DBInstanceIdentifier" in req:
        return {"DBInstances": [shown(call, find(call, req["DBInstanceIdentifier"]))]}
    every = sorted(call.all(Instance), key=lambda one: one.name)
    for given in req.get("Filters") or ():
        look = FILTERS.get(given["Name"])
        if look is None:
            raise errors.value(f"Unrecognized filter name: {given['Name']}")
        every = [one for one in every if set(look(call, one)) & set(given["Values"])]
    found, more = page(every, req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"DBInstances": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


# -- changed ------------------------------------------------------------------------------------------------------------


@rds.op(_asked, context=lambda call, req: _context(call, req), partly="the maintenance window is the next reboot")
def modify_db_instance(call: Call, req: t.ModifyDBInstanceMessage) -> t.ModifyDBInstanceResult:
    """At once, or with the next reboot; what needs no restart is always done at once."""
    from . import running
    one = available(find(call, req["DBInstanceIdentifier"]))
    check_iam(one.engine, req)
    at_once: dict[str, Any] = {}
    if "MasterUserPassword" in req:
        at_once |= {"password": Sealed(checked_password(one.engine, req["MasterUserPassword"])), "does": "password"}
    for member, field in (("DeletionProtection", "protected"), ("CopyTagsToSnapshot", "copy_tags"), ("AutoMinorVersionUpgrade", "minor"), ("PreferredMaintenanceWindow", "window"), ("PreferredBackupWindow", "backups"),
                          ("PubliclyAccessible", "public"), ("EnableIAMDatabaseAuthentication", "iam")):
        if member in req:
            at_once[field] = req[member]  # type: ignore[literal-required]
    if "VpcSecurityGroupIds" in req:
        at_once["groups"] = security_groups(call, req["VpcSecurityGroupIds"], subnet_groups.find(call, one.subnet_group).vpc)
    if "DBParameterGroupName" in req:
        group = parameter_groups.find(call, req["DBParameterGroupName"])
        if group.family != one.family:
            raise errors.combination(f"The Parameter Group {group.name} with DBParameterGroupFamily {group.family} cannot be used for this instance. Please use a Parameter Group with DBParameterGroupFamily {one.family}")
        at_once |= {"parameters": group.name, "applied": "pending-reboot" if group.name != one.parameters else one.applied}
    later: dict[str, Any] = {}
    if "DBInstanceClass" in req:
        later["cls"] = offers.check_class(req["DBInstanceClass"])
    if "AllocatedStorage" in req:
        if req["AllocatedStorage"] < one.storage:
            raise errors.combination("Requested storage size is smaller than the current one: storage cannot be reduced")
        later["storage"] = req["AllocatedStorage"]
    if "BackupRetentionPeriod" in req:
        if not 0 <= req["BackupRetentionPeriod"] <= 35:
            raise errors.value(f"Invalid backup retention period: {req['BackupRetentionPeriod']}. Must be between 0 and 35")
        if req["BackupRetentionPeriod"] == 0 and replicas(call, one):
            raise errors.combination("Backups cannot be disabled while the instance has read replicas")
        later["retention"] = req["BackupRetentionPeriod"]
    if "MultiAZ" in req:
        later["multi"] = req["MultiAZ"]
    if "DBPortNumber" in req:
        later["port"] = req["DBPortNumber"]
    if "EngineVersion" in req:
        offers.version(one.engine, req["EngineVersion"])
    if "NewDBInstanceIdentifier" in req:
        raise errors.combination("NewDBInstanceIdentifier is not built in Cloche")
    one = one.but(**at_once)
    one = apply(call, one.but(pending=one.pending | later)) if req.get("ApplyImmediately") else one.but(pending=one.pending | later)
    if one.does or (later and req.get("ApplyImmediately")):
        one = one.but(status="modifying", does=one.does or ("restart" if {"cls", "port"} & set(later) else "settle"))
    call.put(one)
    running.wake(call, one.name)
    return {"DBInstance": shown(call, one)}


def apply(call: Call, one: Instance) -> Instance:
    """What was to wait, done in the record."""
    changes = {key: value for key, value in one.pending.items() if key in ("cls", "storage", "retention", "port")}
    if "multi" in one.pending:
        changes["second_zone"] = places(call, {}, subnet_groups.find(call, one.subnet_group), True)[1] if one.pending["multi"] else ""
        if changes["second_zone"] == one.zone:
            changes["second_zone"] = next(zone for _, zone in subnet_groups.find(call, one.subnet_group).subnets if zone != one.zone)
    return one.but(**changes, pending={})


@rds.op(BY_NAME)
def reboot_db_instance(call: Call, req: t.RebootDBInstanceMessage) -> t.RebootDBInstanceResult:
    from . import running
    one = available(find(call, req["DBInstanceIdentifier"]))
    if req.get("ForceFailover") and not one.second_zone:
        raise errors.combination("You can't force a failover on a DB instance that isn't Multi-AZ: the instance is not configured for Multi-AZ.")
    one = call.put(apply(call, one).but(status="rebooting", does="restart", failover=bool(req.get("ForceFailover"))))
    running.wake(call, one.name)
    return {"DBInstance": shown(call, one)}


@rds.op(BY_NAME)
def stop_db_instance(call: Call, req: t.StopDBInstanceMessage) -> t.StopDBInstanceResult:
    """It starts by itself after seven days."""
    from . import running, snapshots
    one = available(find(call, req["DBInstanceIdentifier"]))
    if one.source or replicas(call, one):
        raise errors.combination("Cannot stop or start a read replica instance, or an instance that has read replicas")
    if "DBSnapshotIdentifier" in req:
        snapshots.begin(call, one, req["DBSnapshotIdentifier"], {})
    one = call.put(one.but(status="stopping", does="stop"))
    running.wake(call, one.name)
    return {"DBInstance": shown(call, one)}


@rds.op(BY_NAME)
def start_db_instance(call: Call, req: t.StartDBInstanceMessage) -> t.StartDBInstanceResult:
    one = find(call, req["DBInstanceIdentifier"])
    if one.status != "stopped":
        raise errors.not_stopped(one.name)
    return {"DBInstance": shown(call, begin_again(call, one))}


def begin_again(call: Call, one: Instance) -> Instance:
    from . import running
    one = call.put(one.but(status="starting", does="start", restarts=0.0))
    running.wake(call, one.name)
    return one


@rds.timer
def week_over(call: Call, instance: str) -> None:
    one = call.get(Instance, instance)
    if one is not None and one.status == "stopped":
        events.add(call, "db-instance", instance, "The DB instance is being started due to it exceeding the maximum allowed time being stopped.", "notification")
        begin_again(call, one)


@rds.op(BY_NAME)
def delete_db_instance(call: Call, req: t.DeleteDBInstanceMessage) -> t.DeleteDBInstanceResult:
    from . import running, snapshots
    one = find(call, req["DBInstanceIdentifier"])
    if one.status == "deleting":
        raise errors.instance_state(one.name, one.status)
    if one.protected:
        raise errors.protected()
    final = req.get("FinalDBSnapshotIdentifier", "")
    if final and req.get("SkipFinalSnapshot"):
        raise errors.both_final()
    if not final and not req.get("SkipFinalSnapshot"):
        raise errors.final_snapshot_or_none()
    if final and one.source:
        raise errors.combination("FinalDBSnapshotIdentifier can not be specified when deleting a replica instance")
    if final:
        snapshots.begin(call, one, final, {})
    one = call.put(one.but(status="deleting", does="delete"))
    for each in replicas(call, one):
        call.put(each.but(source="", does="promote", status="modifying"))
        running.wake(call, each.name)
    running.wake(call, one.name)
    return {"DBInstance": shown(call, one)}


# -- replicas -----------------------------------------------------------------------------------------------------------


@rds.op(names.both(BY_NAME, names.named("db", "SourceDBInstanceIdentifier")), context=names.tags_asked, partly="of PostgreSQL, in the source's region")
def create_db_instance_read_replica(call: Call, req: t.CreateDBInstanceReadReplicaMessage) -> t.CreateDBInstanceReadReplicaResult:
    """A standby that streams from its source and refuses to be written."""
    name, source = named(call, req), available(find(call, req.get("SourceDBInstanceIdentifier", "")))
    if not source.retention:
        raise errors.no_backups(source.name)
    if source.engine != "postgres":
        raise errors.combination(f"Read replicas of {source.engine} are not built in Cloche")
    if len(replicas(call, source)) >= MOST_REPLICAS:
        raise errors.combination(f"A DB instance can have at most {MOST_REPLICAS} read replicas")
    group = subnet_groups.find(call, req.get("DBSubnetGroupName", source.subnet_group))
    zone, second = places(call, req, group, req.get("MultiAZ", False))
    parameters = parameter_groups.find(call, req.get("DBParameterGroupName", source.parameters))
    one = put(call, source.but(
        name=name, resource="db-" + call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26), cls=offers.check_class(req.get("DBInstanceClass", source.cls)), port=req.get("Port", source.port), zone=zone, second_zone=second,
        subnet_group=group.name, parameters=parameters.name, created=call.now, status="creating", does="replicate", address="", interface="", source=source.name, retention=0, pending={}, applied="in-sync",
        groups=security_groups(call, req["VpcSecurityGroupIds"], group.vpc) if "VpcSecurityGroupIds" in req else source.groups, public=req.get("PubliclyAccessible", source.public),
        protected=req.get("DeletionProtection", False), iam=req.get("EnableIAMDatabaseAuthentication", source.iam), tags=names.tags_given(req)))
    return {"DBInstance": shown(call, one)}


@rds.op(BY_NAME)
def promote_read_replica(call: Call, req: t.PromoteReadReplicaMessage) -> t.PromoteReadReplicaResult:
    from . import running
    one = available(find(call, req["DBInstanceIdentifier"]))
    if not one.source:
        raise errors.not_a_replica(one.name)
    one = call.put(one.but(source="", status="modifying", does="promote", retention=req.get("BackupRetentionPeriod", 1), backups=req.get("PreferredBackupWindow", one.backups)))
    running.wake(call, one.name)
    return {"DBInstance": shown(call, one)}
