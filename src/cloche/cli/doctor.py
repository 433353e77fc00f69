"""What can this machine do, and how to get the rest. Exit code 1 if something that the built services need is missing."""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable

from . import talk


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as data")


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _namespaces() -> tuple[bool, str, str]:
    flags = [] if os.geteuid() == 0 else ["-Ur"]
    ok = _runs("unshare", *flags, "-mpnfiu", "true")
    return ok, "functions run in their own mount, pid, ipc, uts and net namespaces" + ("" if os.geteuid() == 0 else " (rootless)"), \
        "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0), or run as root"


def _cgroups() -> tuple[bool, str, str]:
    places = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]
    ok = any(os.path.isdir(p) and os.access(p, os.W_OK) for p in places)
    return ok, "memory limits are kept by control groups", "run as root or under a systemd scope with Delegate=yes; until then limits are kept by watching"


def _loops() -> tuple[bool, str, str]:
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control"), "EBS volumes are block devices in instances (loop devices)", "run as root where /dev/loop-control exists"


def _command(name: str, says: str, get: str) -> Callable[[], tuple[bool, str, str]]:
    return lambda: (shutil.which(name) is not None, says, get)


def _postgres() -> tuple[bool, str, str]:
    from ..engines.db.postgres import version
    found = version()
    return found is not None, f"RDS for PostgreSQL{' ' + found if found else ''}", "apt-get install postgresql"


CHECKS: list[tuple[str, bool, Callable[[], tuple[bool, str, str]]]] = [  # name, needed by what is built today, check
    ("python", True, lambda: (sys.version_info >= (3, 11), f"Python {sys.version.split()[0]}", "Python 3.11 or newer")),
    ("namespaces", True, _namespaces),
    ("cgroups", False, _cgroups),
    ("node", False, _command("node", "functions with a nodejs runtime", "apt-get install nodejs")),
    ("aws", False, _command("aws", "the aws CLI, for you", "pip install awscli")),
    ("sam", False, _command("sam", "the SAM CLI, for `cloche demo`", "pip install aws-sam-cli")),
    ("nft", False, _command("nft", "security groups, network ACLs and NAT of VPCs: instances run only where it is", "apt-get install nftables")),
    ("ip", False, _command("ip", "links and routes of VPCs", "apt-get install iproute2")),
    ("loop", False, _loops),
    ("mkfs.ext4", False, _command("mkfs.ext4", "file systems on EBS volumes, inside instances", "apt-get install e2fsprogs")),
    ("postgres", False, _postgres),
    ("mariadbd", False, _command("mariadbd", "RDS for MariaDB and MySQL", "apt-get install mariadb-server")),
    ("redis-server", False, _command("redis-server", "ElastiCache for Redis and Valkey", "apt-get install redis-server")),
    ("memcached", False, _command("memcached", "ElastiCache for Memcached", "apt-get install memcached")),
    ("sshd", False, _command("sshd", "ssh into instances by key pair", "apt-get install openssh-server")),
]


def report() -> list[dict[str, object]]:
    out: list[dict[str, object]] = []
    for name, needed, check in CHECKS:
        ok, says, get = check()
        out.append({"name": name, "ok": ok, "needed": needed, "what": says} | ({} if ok else {"get": get}))
    return out


def run(args: argparse.Namespace) -> int:
    found = report()
    if args.json:
        import json
        print(json.dumps(found, indent=2))
    else:
        for line in found:
            mark = talk.green("yes") if line["ok"] else talk.red("no ") if line["needed"] else "no "
            print(f"{mark}  {line['name']:<11} {line['what']}")
            if not line["ok"]:
                print(f"     {'':<11} to get it: {line['get']}")
        _interpreters()
    return 0 if all(line["ok"] or not line["needed"] for line in found) else 1


def _interpreters() -> None:
    try:
        from ..engines.run import capabilities
    except ImportError:
        return
    print(f"     {'runtimes':<11} {', '.join(capabilities.runtimes()) or 'none'}")
