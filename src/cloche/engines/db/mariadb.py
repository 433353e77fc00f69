"""MariaDB, which also answers for MySQL: a folder of files, the server over it, a master without SUPER or FILE."""
from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

from . import process
from .process import HERE, ROOT, Failed, Process, Socket, copy, own, run, user, within

PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/bin")
ADMIN = "rdsadmin"
SOCKET = "mysql.sock"
TUNABLE = ("innodb_buffer_pool_size", "innodb_log_file_size")     # ours only where nobody says otherwise
# what RDS's master may, of https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.MasterAccounts.html
MASTER = ("SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
          "REPLICATION CLIENT, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, CREATE USER, EVENT, TRIGGER")


def version() -> str | None:
    """As 10.11.14."""
    return process.version("mariadbd", r"(\d+\.\d+\.\d+)-MariaDB", *PLACES)


def _program(name: str) -> str:
    return process.needed(name, "mariadb-server", *PLACES)


def quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


class MariaDB:
    """One server over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = Socket(folder / "socket" / SOCKET)
        self.process: Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def seen(self, part: str) -> str:
        """A part of the folder as the server sees it."""
        return f"{HERE}/{part}" if ROOT else str(self.folder / part)

    async def make(self, template: Path) -> None:
        """New files; the first of a cloud are made, the others are copies of them."""
        if not (template / "data" / "mysql").exists():
            own(template, template / "data")
            there = HERE if ROOT else str(template)
            await run(within(template, [_program("mariadb-install-db"), "--no-defaults", f"--datadir={there}/data", "--skip-test-db", "--auth-root-authentication-method=normal", "--skip-name-resolve"]))
        own(self.folder)
        await asyncio.to_thread(copy, template / "data", self.folder / "data")

    async def start(self, settings: dict[str, str], *, certificate: Path | None = None, key: Path | None = None, first: str = "") -> None:
        """`first`: statements before anybody is let in. Nothing is synced: what is committed outlives every kill, as all of Cloche does, but not the machine's power."""
        own(self.folder, self.folder / "socket", self.folder / "log", self.folder / "tls", self.folder / "tmp")
        (self.folder / "first.sql").write_text(first)
        fixed = {"datadir": self.seen("data"), "socket": self.seen(f"socket/{SOCKET}"), "pid-file": self.seen("server.pid"), "skip-networking": "1", "innodb-buffer-pool-size": "16M", "innodb-log-file-size": "16M",
                 "log-bin": "binlog", "innodb-flush-method": "nosync", "sync-binlog": "0", "tmpdir": self.seen("tmp"), "skip-name-resolve": "1", "secure-file-priv": self.seen("tmp"), "init-file": self.seen("first.sql"), "plugin-maturity": "stable",
                 "slow-query-log-file": self.seen("log/mysql-slowquery.log"), "general-log-file": self.seen("log/mysql-general.log"), "log-error": self.seen("log/mysql-error.log"), "user": "nobody" if ROOT else ""}
        if certificate is not None and key is not None:
            for name, source in (("cert.pem", certificate), ("key.pem", key)):
                target = self.folder / "tls" / name
                target.write_bytes(source.read_bytes())
                if ROOT:
                    os.chown(target, *user())
                target.chmod(0o600)
            fixed |= {"ssl-cert": self.seen("tls/cert.pem"), "ssl-key": self.seen("tls/key.pem")}
        conf = self.folder / "my.cnf"
        conf.write_text("[mariadbd]\n" + "".join(f"{name}={value}\n" for name, value in (fixed | {name.replace("_", "-"): value for name, value in settings.items() if name.replace("_", "-") not in fixed or name in TUNABLE}).items() if value))
        self.process = Process(self.folder, [_program("mariadbd"), f"--defaults-file={self.seen('my.cnf')}"], self.socket)
        try:
            await self.process.start()
        except Failed as error:
            log = self.folder / "log" / "mysql-error.log"
            raise Failed(str(error) + (log.read_text(errors="replace")[-2000:] if log.exists() else "")) from None

    async def stop(self, *, hard: bool = False) -> None:
        if self.process is not None:
            await (self.process.kill() if hard else self.process.stop(signal.SIGTERM))

    async def ask(self, text: str, password: str) -> str:
        """What the client answers, unaligned, as the administrator."""
        folder = os.open(self.folder / "socket", os.O_RDONLY | os.O_DIRECTORY)
        try:
            return (await run([_program("mariadb"), "--no-defaults", "--batch", "--skip-column-names", f"--socket=/proc/self/fd/{folder}/{SOCKET}", "-u", ADMIN], stdin=text.encode(), pass_fds=(folder,),
                              environment={"MYSQL_PWD": password})).decode()
        finally:
            os.close(folder)

    async def apply(self, changed: dict[str, str | None], password: str) -> None:
        """Settings that need no restart, in effect at once; None: the server's own default."""
        await self.ask("".join(f"SET GLOBAL {name} = {'DEFAULT' if value is None else value if re.fullmatch(r'-?[0-9.]+', value) else quoted(value)};\n" for name, value in changed.items()), password)

    async def copied(self, target: Path) -> None:
        """The files of one moment, as if the power had gone then."""
        await asyncio.to_thread(own, target)
        if self.process is not None and self.running:
            self.process.freeze()
        try:
            await asyncio.to_thread(copy, self.folder / "data", target / "data")
        finally:
            if self.process is not None and self.running:
                self.process.thaw()


def accounts(admin: str, master: str, password: str, database: str | None) -> str:
    """The statements that make an administrator and a master of them."""
    return f"""CREATE USER IF NOT EXISTS '{ADMIN}'@'localhost' IDENTIFIED BY {quoted(admin)};
GRANT ALL ON *.* TO '{ADMIN}'@'localhost' WITH GRANT OPTION;
CREATE USER IF NOT EXISTS {quoted(master)}@'%' IDENTIFIED BY {quoted(password)};
GRANT {MASTER} ON *.* TO {quoted(master)}@'%' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User IN ('root', '');
FLUSH PRIVILEGES;
""" + (f"CREATE DATABASE IF NOT EXISTS `{database.replace('`', '``')}`;\n" if database else "")


def changed(master: str, password: str) -> str:
    return f"SET PASSWORD FOR {quoted(master)}@'%' = PASSWORD({quoted(password)});"
