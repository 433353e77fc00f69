"""PostgreSQL: a cluster of files, the server over it, its roles as RDS has them, standbys that stream."""
from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from . import process
from .process import HERE, OTHER, ROOT, Failed, Process, Socket, copy, own, run, within

PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
ADMIN = "rdsadmin"
SOCKET = ".s.PGSQL.5432"
TUNABLE = ("max_connections", "shared_buffers", "wal_keep_size", "max_wal_senders", "log_line_prefix", "timezone")     # ours only where nobody says otherwise
HBA = f"""local all {ADMIN} trust
local replication {ADMIN} trust
local all +rds_iam trust
local all all scram-sha-256
"""


def version() -> str | None:
    """As 15.14."""
    return process.version("postgres", r"(\d+\.\d+)", *PLACES)


def _program(name: str) -> str:
    return process.needed(name, "postgresql", *PLACES)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


class Postgres:
    """One server over one folder: `data` has the cluster, `socket` its socket, `log` what it says."""

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.folder, self.source = folder, source
        self.socket = Socket(folder / "socket" / SOCKET)
        self.process: Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def seen(self, part: str) -> str:
        """A part of the folder as the server sees it."""
        return f"{HERE}/{part}" if ROOT else str(self.folder / part)

    async def make(self, template: Path) -> None:
        """A new cluster; the first one of a cloud is made, the others are copies of it."""
        if not (template / "data" / "PG_VERSION").exists():
            own(template)
            await run(within(template, [_program("initdb"), "-D", f"{HERE}/data" if ROOT else str(template / "data"), "-U", ADMIN, "-E", "UTF8", "--locale=C.UTF-8", "--auth=trust", "--wal-segsize=1", "--no-sync", "--no-instructions"]))
        own(self.folder)
        await asyncio.to_thread(copy, template / "data", self.folder / "data")

    async def start(self, settings: dict[str, str]) -> None:
        """Without fsync: what is committed outlives every kill, as all of Cloche does, but not the machine's power."""
        own(self.folder, self.folder / "socket", self.folder / "log")
        (self.folder / "data" / "pg_hba.conf").write_text(HBA)
        fixed = {"listen_addresses": "''", "unix_socket_directories": quoted(self.seen("socket")), "shared_buffers": "16MB", "max_connections": "100", "wal_level": "replica", "wal_keep_size": "64MB",
                 "hot_standby": "on", "logging_collector": "off", "log_destination": "'stderr'", "dynamic_shared_memory_type": "mmap", "max_wal_senders": "20", "fsync": "off", "log_line_prefix": "'%t:%r:%u@%d:[%p]:'",
                 "timezone": "'UTC'", "log_timezone": "'UTC'"}
        if self.source is not None:
            fixed["primary_conninfo"] = quoted(f"host={OTHER + '/socket' if ROOT else self.source / 'socket'} user={ADMIN} application_name={self.folder.name}")
        lines = [f"{key} = {value}" for key, value in (fixed | {key: quoted(value) for key, value in settings.items() if key not in fixed or key in TUNABLE}).items()]
        conf = self.folder / "data" / "postgresql.conf"
        conf.write_text("\n".join(lines) + "\n")
        self.process = Process(self.folder, [_program("postgres"), "-D", self.seen("data")], self.socket, other=self.source)
        await self.process.start()
        for _ in range(500):      # the socket is there before the server takes anybody
            try:
                await self.ask("SELECT 1")
                return
            except Failed as error:
                if "starting up" not in str(error) and "not yet accepting" not in str(error) and "No such file" not in str(error):
                    raise
                await asyncio.sleep(0.02)
        raise Failed("the server does not take connections")

    async def stop(self, *, hard: bool = False) -> None:
        if self.process is not None:
            await (self.process.kill() if hard else self.process.stop(signal.SIGINT))

    async def ask(self, text: str, database: str = "postgres") -> str:
        """What psql answers, unaligned, as the administrator."""
        folder = os.open(self.folder / "socket", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return (await run([_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", f"/proc/self/fd/{folder}", "-U", ADMIN, "-d", database], stdin=text.encode(), pass_fds=(folder,))).decode()
        finally:
            os.close(folder)

    async def roles(self, master: str, password: str, database: str | None) -> None:
        """The roles that RDS makes: the master is no superuser."""
        await self.ask(f"""
CREATE ROLE rds_superuser; CREATE ROLE rds_iam; CREATE ROLE rds_replication; CREATE ROLE rds_password;
GRANT pg_monitor, pg_signal_backend, pg_checkpoint TO rds_superuser WITH ADMIN OPTION;
GRANT rds_replication, rds_password TO rds_superuser WITH ADMIN OPTION;
CREATE ROLE {name(master)} LOGIN CREATEDB CREATEROLE PASSWORD {quoted(password)} VALID UNTIL 'infinity';
GRANT rds_superuser TO {name(master)};
ALTER DATABASE postgres OWNER TO {name(master)}; GRANT ALL ON SCHEMA public TO rds_superuser WITH GRANT OPTION;
CREATE DATABASE rdsadmin OWNER {ADMIN}; REVOKE ALL ON DATABASE rdsadmin FROM PUBLIC;
""" + (f"CREATE DATABASE {name(database)} OWNER {name(master)};" if database and database != "postgres" else ""))

    async def password(self, master: str, password: str) -> None:
        await self.ask(f"ALTER ROLE {name(master)} PASSWORD {quoted(password)}")

    async def apply(self, changed: dict[str, str | None]) -> None:
        """Settings that need no restart, in effect at once; None: as if never set."""
        conf = self.folder / "data" / "postgresql.conf"
        kept = [line for line in conf.read_text().splitlines() if line.partition(" = ")[0] not in changed]
        conf.write_text("\n".join([*kept, *(f"{key} = {quoted(value)}" for key, value in changed.items() if value is not None)]) + "\n")
        await self.ask("SELECT pg_reload_conf()")

    async def copied(self, target: Path) -> None:
        """The cluster of one moment, as if the power had gone then."""
        await asyncio.to_thread(own, target)
        if self.process is not None and self.running:
            self.process.freeze()
        try:
            await asyncio.to_thread(copy, self.folder / "data", target / "data")
        finally:
            if self.process is not None and self.running:
                self.process.thaw()

    def standby(self) -> None:
        (self.folder / "data" / "standby.signal").touch()

    async def promote(self) -> None:
        await self.ask("SELECT pg_promote()")
        self.source = None
