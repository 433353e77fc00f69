"""Databases for tests, and the real clients that ask them."""
import os
import shutil
import subprocess

import pytest

from cloche.engines.db import mariadb, postgres

MISSING = [name for name, there in (("postgresql", postgres.version() and shutil.which("psql")), ("mariadb-server", mariadb.version() and shutil.which("mariadb"))) if not there]


class Databases:
    def __init__(self, cloud):
        self.cloud, self.rds, self.password = cloud, cloud.client("rds"), "correct-horse"

    def create(self, name, engine="postgres", **more):
        self.rds.create_db_instance(**{"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.micro", "Engine": engine, "MasterUsername": "boss", "MasterUserPassword": self.password, "AllocatedStorage": 20,
                                       "DBName": "app", "BackupRetentionPeriod": 0} | more)
        return self.available(name)

    def one(self, name):
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def until(self, name, status):
        """As it is told once it has that status. `advance` returns when no worker is at work any more."""
        for _ in range(30):
            told = self.one(name)
            if told["DBInstanceStatus"] == status:
                return told
            self.cloud.advance(1)
        raise AssertionError((told["DBInstanceStatus"], self.rds.describe_events(SourceType="db-instance", SourceIdentifier=name)["Events"][-1:]))

    def available(self, name):
        return self.until(name, "available")

    def snapshot(self, name):
        for _ in range(30):
            told = self.rds.describe_db_snapshots(DBSnapshotIdentifier=name)["DBSnapshots"][0]
            if told["Status"] == "available":
                return told
            self.cloud.advance(1)
        raise AssertionError(told)

    def psql(self, name, text, user="boss", password=None, database="app", mode="require"):
        """(exit code, output) of the real psql."""
        place = self.one(name)["Endpoint"]
        done = subprocess.run(["psql", "-XAtq", f"host={place['Address']} port={place['Port']} user={user} dbname={database} sslmode={mode} connect_timeout=10", "-v", "VERBOSITY=verbose", "-v", "ON_ERROR_STOP=1", "-c", text],
                              capture_output=True, text=True, env=os.environ | {"PGPASSWORD": password or self.password}, timeout=30, check=False)
        return done.returncode, (done.stdout or done.stderr).strip()

    def mariadb(self, name, text, user="boss", password=None, database="app"):
        place = self.one(name)["Endpoint"]
        done = subprocess.run(["mariadb", "--no-defaults", "--batch", "--skip-column-names", "-h", place["Address"], "-P", str(place["Port"]), "-u", user, database, "-e", text], capture_output=True, text=True,
                              env=os.environ | {"MYSQL_PWD": password or self.password}, timeout=30, check=False)
        return done.returncode, (done.stdout or done.stderr).strip()


@pytest.fixture(scope="module")
def databases(cloche_server):
    if MISSING:
        pytest.skip(f"this machine has no {' and no '.join(MISSING)}")
    return Databases(cloche_server.other())
