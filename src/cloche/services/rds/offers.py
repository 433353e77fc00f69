"""What may be asked for: engines, their versions, classes of instances. A version of a real engine is the one this machine's package brings."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cloche.engines.db import mariadb, postgres
from cloche.kernel import ANY, AwsError, Call
from cloche.kernel.pages import page

from . import errors
from . import service as rds

if TYPE_CHECKING:
    from cloche.shapes import rds as t

CLASSES = [f"db.{family}.{size}" for family, sizes in {"t3": "micro small medium large xlarge 2xlarge", "t4g": "micro small medium large xlarge 2xlarge", "m5": "large xlarge 2xlarge 4xlarge",
           "m6g": "large xlarge 2xlarge 4xlarge", "m6i": "large xlarge 2xlarge 4xlarge", "r5": "large xlarge 2xlarge 4xlarge", "r6g": "large xlarge 2xlarge 4xlarge"}.items() for size in sizes.split()]
OLD = ["db.t2.micro", "db.m1.small", "db.m1.medium", "db.m1.large", "db.m1.xlarge"]     # whose storage cannot be encrypted
RECORDS = {"sqlserver-ee": "15.00", "sqlserver-se": "15.00", "sqlserver-ex": "15.00", "sqlserver-web": "15.00", "oracle-ee": "19", "oracle-se2": "19"}   # engines that are records here


class Version(NamedTuple):
    engine: str
    number: str
    family: str
    port: int
    description: str
    real: bool

    @property
    def major(self) -> str:
        return self.family.removeprefix(self.engine).lstrip("-")


def versions() -> list[Version]:
    found = []
    if (number := postgres.version()) is not None:
        found.append(Version("postgres", number, f"postgres{number.partition('.')[0]}", 5432, "PostgreSQL", True))
    if (number := mariadb.version()) is not None:
        found.append(Version("mariadb", number, f"mariadb{'.'.join(number.split('.')[:2])}", 3306, "MariaDB Community Edition", True))
        found.append(Version("mysql", "8.0", "mysql8.0", 3306, "MySQL, answered by MariaDB's server", True))
    found += [Version(engine, f"{number}.0", f"{engine}-{number.removesuffix('0') if engine.startswith('sql') else number}", 1433 if engine.startswith("sql") else 1521, engine, False) for engine, number in RECORDS.items()]
    return found


def version(engine: str, wanted: str | None) -> Version:
    """The one meant by an engine and a version, a major version or none."""
    there = [one for one in versions() if one.engine == engine]
    if not there and engine in ("postgres", "mysql", "mariadb"):
        raise AwsError("InsufficientDBInstanceCapacity", f"There is no server for {engine} on this machine: Debian's package {'postgresql' if engine == 'postgres' else 'mariadb-server'} brings one (`cloche doctor`).")
    if not there:
        raise errors.value(f"Invalid DB engine: {engine}")
    for one in there:
        if wanted is None or one.number == wanted or wanted in (one.major, one.number.partition(".")[0]) or (engine == "mysql" and wanted.startswith(("8.0", "8.4"))):
            return one
    raise errors.no_version(engine, wanted or "")


def license(engine: str) -> str:
    return "postgresql-license" if engine == "postgres" else "general-public-license" if engine in ("mysql", "mariadb") else "license-included" if engine.startswith("sqlserver") else "bring-your-own-license"


def check_class(name: str) -> str:
    if name not in CLASSES and name not in OLD:
        raise errors.value(f"Invalid DB Instance class: {name}")
    return name


def memory(call: Call, name: str) -> int:
    """Bytes of a class, as the instance type of its name has them."""
    found = call.as_root().do("ec2", "DescribeInstanceTypes", InstanceTypes=[name.removeprefix("db.")])["InstanceTypes"]
    return int(found[0]["MemoryInfo"]["SizeInMiB"]) << 20


def _filtered(req: Any, key: str) -> list[str] | None:
    return next((one["Values"] for one in req.get("Filters") or () if one["Name"] == key), None)


@rds.op(ANY)
def describe_db_engine_versions(call: Call, req: t.DescribeDBEngineVersionsMessage) -> t.DBEngineVersionMessage:
    engines = [req["Engine"]] if "Engine" in req else _filtered(req, "engine")
    told: list[Any] = []
    for one in versions():
        if (engines is None or one.engine in engines) and req.get("EngineVersion", one.number) in (one.number, one.major) and req.get("DBParameterGroupFamily", one.family) == one.family:
            told.append({"Engine": one.engine, "EngineVersion": one.number, "MajorEngineVersion": one.major, "DBParameterGroupFamily": one.family, "DBEngineDescription": one.description,
                         "DBEngineVersionDescription": f"{one.description} {one.number}", "ValidUpgradeTarget": [], "SupportsLogExportsToCloudwatchLogs": False, "SupportsReadReplica": one.engine == "postgres",
                         "Status": "available", "SupportedFeatureNames": []})
    found, more = page(told, req, lambda one: f"{one['Engine']} {one['EngineVersion']}", 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"DBEngineVersions": found, **more}  # type: ignore[typeddict-item]


@rds.op(ANY)
def describe_orderable_db_instance_options(call: Call, req: t.DescribeOrderableDBInstanceOptionsMessage) -> t.OrderableDBInstanceOptionsMessage:
    zones = [{"Name": zone["ZoneName"]} for zone in call.as_root().do("ec2", "DescribeAvailabilityZones")["AvailabilityZones"]]
    told: list[Any] = [
        {"Engine": one.engine, "EngineVersion": one.number, "DBInstanceClass": name, "LicenseModel": license(one.engine), "AvailabilityZones": zones, "MultiAZCapable": True,
         "ReadReplicaCapable": one.engine == "postgres", "Vpc": True, "SupportsStorageEncryption": name not in OLD, "StorageType": "gp2", "SupportsIops": False, "SupportsEnhancedMonitoring": False,
         "SupportsIAMDatabaseAuthentication": one.engine == "postgres", "MinStorageSize": 20, "MaxStorageSize": 65536}
        for one in versions() if one.engine == req["Engine"] and req.get("EngineVersion", one.number) in (one.number, one.major)
        for name in CLASSES + OLD if req.get("DBInstanceClass", name) == name]
    found, more = page(told, req, lambda one: f"{one['EngineVersion']} {one['DBInstanceClass']}", 100, errors.bad_marker, size="MaxRecords", token="Marker")
    return {"OrderableDBInstanceOptions": found, **more}  # type: ignore[typeddict-item]
