"""Snapshots: an instance's files of one moment, copied, shared, and made instances of again."""
from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, Sealed
from cloche.kernel.pages import page

from . import errors, events, instances, names, offers, option_groups, parameter_groups, subnet_groups
from . import service as rds
from .instances import Instance

if TYPE_CHECKING:
    from cloche.shapes import rds as t

NAME = re.compile(r"(?:rds:)?[a-z](?!.*--)[a-z0-9-]{0,254}(?<!-)", re.ASCII)
MOST_SHARED = 20


class Snapshot(Record, frozen=True):
    kind = "rds.snapshot"

    name: str
    created: float
    of: Instance                    # as it was
    status: str = "creating"
    type: str = "manual"            # or automated
    files: str = ""                 # below the data directory, once they are all there
    encrypted: bool = False
    key_arn: str = ""
    shared: list[str] = []          # accounts, or all
    source: str = ""                # the snapshot that it is a copy of
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, name: str) -> Snapshot:
    """One of this account's, or one that another shares, by its ARN."""
    parts = name.split(":", 6)
    if name.startswith("arn:") and len(parts) == 7 and parts[5] == "snapshot" and (parts[4], parts[3]) != (call.account, call.region):
        one = call.at(parts[4], parts[3]).get(Snapshot, parts[6].lower())
        if one is None or (parts[4] != call.account and not {call.account, "all"} & set(one.shared)):
            raise errors.no_snapshot(name)
        return one
    one = call.get(Snapshot, (parts[6] if len(parts) == 7 else name).lower())
    if one is None:
        raise errors.no_snapshot(name)
    return one


def begin(call: Call, one: Instance, name: str, tags: dict[str, str], type_: str = "manual") -> Snapshot:
    """The worker of the instance fills it: see running.py."""
    name = name.lower()
    if not NAME.fullmatch(name) or name.startswith("rds:") != (type_ == "automated"):
        raise errors.value(f"The parameter DBSnapshotIdentifier is not a valid identifier: {name}")
    if call.get(Snapshot, name):
        raise errors.snapshot_exists(name)
    return call.put(Snapshot(name, call.now, one, type=type_, encrypted=one.encrypted, key_arn=one.key_arn, tags=(one.tags if one.copy_tags else {}) | tags))


def shown(call: Call, one: Snapshot, account: str = "") -> Any:
    of = one.of
    told: dict[str, Any] = {
        "DBSnapshotIdentifier": one.name, "DBInstanceIdentifier": of.name, "SnapshotCreateTime": one.created, "OriginalSnapshotCreateTime": one.created, "Engine": of.engine, "EngineVersion": of.version, "AllocatedStorage": of.storage, "Status": one.status, "Port": of.port,
        "AvailabilityZone": of.zone, "VpcId": subnet_groups.find(call, of.subnet_group).vpc, "InstanceCreateTime": of.created, "MasterUsername": of.master, "LicenseModel": offers.license(of.engine),
        "SnapshotType": one.type, "OptionGroupName": of.options, "PercentProgress": 100 if one.status == "available" else 0, "StorageType": of.storage_type, "Encrypted": one.encrypted, "DBSnapshotArn": names.arn(call, "snapshot", one.name),
        "IAMDatabaseAuthenticationEnabled": of.iam, "DbiResourceId": of.resource, "TagList": names.tags_shown(one.tags)}
    return told | ({"KmsKeyId": one.key_arn} if one.key_arn else {}) | ({"SourceDBSnapshotIdentifier": one.source} if one.source else {})


BY_NAME = names.named("snapshot", "DBSnapshotIdentifier")


def sharing(call: Call, arn: str) -> str | None:
    """Another account's snapshot: whether it is shared with the caller's the handler asks, and says that there is none such; the caller's own account has to allow it besides."""
    if ":snapshot:" not in arn or arn.split(":")[4] == call.account:
        return None
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {"AWS": call.account}, "Action": "rds:*", "Resource": arn}})


@rds.op(names.both(BY_NAME, names.named("db", "DBInstanceIdentifier")), context=names.tags_asked)
def create_db_snapshot(call: Call, req: t.CreateDBSnapshotMessage) -> t.CreateDBSnapshotResult:
    from . import running
    one = instances.available(instances.find(call, req["DBInstanceIdentifier"]))
    made = begin(call, one, req["DBSnapshotIdentifier"], names.tags_given(req))
    running.wake(call, one.name)
    return {"DBSnapshot": shown(call, made)}


@rds.op(BY_NAME, policy=sharing)
def describe_db_snapshots(call: Call, req: t.DescribeDBSnapshotsMessage) -> t.DBSnapshotMessage:
    if "DBSnapshotIdentifier" in req:
        one = find(call, req["DBSnapshotIdentifier"])
        if "DBInstanceIdentifier" in req and one.of.name != req["DBInstanceIdentifier"].lower():
            raise errors.no_snapshot(req["DBSnapshotIdentifier"])
        return {"DBSnapshots": [shown(call, one)]}
    every = sorted((one for one in call.all(Snapshot) if req.get("SnapshotType", one.type) == one.type and req.get("DBInstanceIdentifier", one.of.name).lower() == one.of.name
                    and req.get("DbiResourceId", one.of.resource) == one.of.resource), key=lambda one: one.name)
    found, more = page(every, req, lambda one: one.name, 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"DBSnapshots": [shown(call, one) for one in found], **more}  # type: ignore[typeddict-item]


@rds.op(BY_NAME)
def delete_db_snapshot(call: Call, req: t.DeleteDBSnapshotMessage) -> t.DeleteDBSnapshotResult:
    from . import running
    one = call.get(Snapshot, req["DBSnapshotIdentifier"].lower())
    if one is None:
        raise errors.no_snapshot(req["DBSnapshotIdentifier"])
    if one.status != "available":
        raise errors.snapshot_state(f"Cannot delete the snapshot because it is in the {one.status} state")
    if one.type != "manual":
        raise errors.snapshot_state("Only manual snapshots may be deleted")
    call.delete(one)
    running.sweep(call)
    events.add(call, "db-snapshot", one.name, "Deleted DB snapshot", "deletion")
    return {"DBSnapshot": shown(call, one.but(status="deleted"))}


@rds.op(names.both(names.named("snapshot", "SourceDBSnapshotIdentifier"), names.named("snapshot", "TargetDBSnapshotIdentifier")), context=names.tags_asked, policy=sharing)
def copy_db_snapshot(call: Call, req: t.CopyDBSnapshotMessage) -> t.CopyDBSnapshotResult:
    """Encrypted under another key, or for the first time; into another region an encrypted one needs a key of that region."""
    from . import running
    source = find(call, req["SourceDBSnapshotIdentifier"])
    if source.status != "available":
        raise errors.snapshot_state(f"The snapshot is not available: its state is {source.status}")
    name = req["TargetDBSnapshotIdentifier"].lower()
    if not NAME.fullmatch(name) or name.startswith("rds:"):
        raise errors.value(f"The parameter TargetDBSnapshotIdentifier is not a valid identifier: {name}")
    if call.get(Snapshot, name):
        raise errors.snapshot_exists(name)
    given = req["SourceDBSnapshotIdentifier"].split(":")
    elsewhere = len(given) > 5 and given[3] != call.region
    if source.encrypted and elsewhere and "KmsKeyId" not in req:
        raise errors.combination("A KMS key of this region must be given to copy an encrypted snapshot from another region")
    if source.encrypted:
        instances.key_of(call.at(call.account, given[3]) if elsewhere else call, source.key_arn)
    key = instances.key_of(call, req["KmsKeyId"]) if "KmsKeyId" in req else source.key_arn
    arn = req["SourceDBSnapshotIdentifier"] if given[0] == "arn" else names.arn(call, "snapshot", source.name)
    tags = (source.tags if req.get("CopyTags") else {}) | names.tags_given(req)
    made = call.put(Snapshot(name, call.now, source.of, "creating", files=source.files, encrypted=bool(key), key_arn=key, source=arn, tags=tags))
    call.wake(running.copied, name)
    return {"DBSnapshot": shown(call, made)}


@rds.op(BY_NAME)
def modify_db_snapshot_attribute(call: Call, req: t.ModifyDBSnapshotAttributeMessage) -> t.ModifyDBSnapshotAttributeResult:
    one = find(call, req["DBSnapshotIdentifier"])
    if req["AttributeName"] != "restore":
        raise errors.value(f"Invalid attribute name: {req['AttributeName']}")
    if one.type != "manual":
        raise errors.snapshot_state("Only manual snapshots may be shared")
    add = req.get("ValuesToAdd") or []
    if add and one.encrypted and "all" in add:
        raise errors.combination("Encrypted snapshots cannot be shared publicly")
    if add and one.encrypted and one.key_arn == instances.kms.key_arn(call, "alias/aws/rds"):
        raise errors.combination("Snapshots encrypted with the default service key for RDS cannot be shared")
    if any(each != "all" and not re.fullmatch(r"\d{12}", each, re.ASCII) for each in add):
        raise errors.value("Invalid account id")
    shared = [each for each in dict.fromkeys([*one.shared, *add]) if each not in (req.get("ValuesToRemove") or [])]
    if len(shared) > MOST_SHARED:
        raise errors.combination(f"A snapshot may be shared with at most {MOST_SHARED} accounts")
    return {"DBSnapshotAttributesResult": _attributes(call.put(one.but(shared=shared)))}


def _attributes(one: Snapshot) -> Any:
    return {"DBSnapshotIdentifier": one.name, "DBSnapshotAttributes": [{"AttributeName": "restore", "AttributeValues": one.shared}]}


@rds.op(BY_NAME)
def describe_db_snapshot_attributes(call: Call, req: t.DescribeDBSnapshotAttributesMessage) -> t.DescribeDBSnapshotAttributesResult:
    return {"DBSnapshotAttributesResult": _attributes(find(call, req["DBSnapshotIdentifier"]))}


@rds.op(names.both(names.named("db", "DBInstanceIdentifier"), BY_NAME), context=names.tags_asked, policy=sharing, partly=instances.PARTLY)
def restore_db_instance_from_db_snapshot(call: Call, req: t.RestoreDBInstanceFromDBSnapshotMessage) -> t.RestoreDBInstanceFromDBSnapshotResult:
    """A new instance with the snapshot's data, engine and encryption."""
    name, source = instances.named(call, req), find(call, req.get("DBSnapshotIdentifier", ""))
    if source.status != "available":
        raise errors.snapshot_state(f"The snapshot is not available: its state is {source.status}")
    if source.encrypted:
        instances.key_of(call, source.key_arn)
    of = source.of
    group = subnet_groups.find(call, req.get("DBSubnetGroupName", of.subnet_group if call.get(subnet_groups.SubnetGroup, of.subnet_group) else "default"))
    zone, second = instances.places(call, req, group, req.get("MultiAZ", False))
    parameters = parameter_groups.find(call, req.get("DBParameterGroupName", f"default.{of.family}"))
    options = option_groups.default(call, of.engine, offers.version(of.engine, of.version).major)
    one = instances.put(call, of.but(
        name=name, resource="db-" + call.pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 26), cls=offers.check_class(req.get("DBInstanceClass", of.cls)), port=req.get("Port", of.port), zone=zone, second_zone=second, subnet_group=group.name,
        parameters=parameters.name, options=options, created=call.now, status="creating", does="restore", restored=source.files, address="", interface="", source="", pending={}, applied="in-sync", final="",
        groups=instances.security_groups(call, req.get("VpcSecurityGroupIds"), group.vpc), public=req.get("PubliclyAccessible", group.name == "default"), protected=req.get("DeletionProtection", False),
        iam=req.get("EnableIAMDatabaseAuthentication", of.iam), encrypted=source.encrypted, key_arn=source.key_arn, retention=req.get("BackupRetentionPeriod", of.retention or 1), password=Sealed(str(of.password)), tags=names.tags_given(req)))
    return {"DBInstance": instances.shown(call, one)}
