"""What every machine shares: the host's programs below, and a small layer of Cloche's own above them. Nothing else of the host is in it.

The root itself is ours: directories, a few files of /etc copied by name, users, the AWS settings. Only the parts listed in `parts` are the host's own
directories, read-only; a data directory that lies in one of them is hidden.
"""
from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..run import interpreters

if TYPE_CHECKING:
    from .machines import Machine

HOST = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32", "/var/lib/dpkg", "/var/lib/rpm")
ETC = ("alternatives", "apt", "bash.bashrc", "bindresvport.blacklist", "ca-certificates", "ca-certificates.conf", "debconf.conf", "debian_version", "default",
       "dpkg", "e2scrub.conf", "gai.conf", "host.conf", "inputrc", "iproute2", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "login.defs", "magic",
       "mime.types", "mke2fs.conf", "pam.conf", "pam.d", "pki", "profile", "protocols", "python3", "python3.11", "rpc", "security", "selinux", "services", "shells",
       "skel", "ssl/certs", "ssl/openssl.cnf", "terminfo", "timezone", "xattr.conf")
DIRECTORIES = {"": 0o755, "boot": 0o755, "dev": 0o755, "etc": 0o755, "etc/ecs": 0o755, "etc/profile.d": 0o755, "etc/ssh": 0o755, "etc/sudoers.d": 0o750, "etc/cron.d": 0o755, "home": 0o755,
               "home/ec2-user": 0o700, "home/ssm-user": 0o700, "media": 0o755, "mnt": 0o755, "opt": 0o755, "opt/aws": 0o755, "proc": 0o555, "root": 0o550, "run": 0o755, "srv": 0o755,
               "sys": 0o555, "tmp": 0o1777, "var": 0o755, "var/cache": 0o755, "var/cache/apt/archives/partial": 0o755, "var/lib": 0o755, "var/lib/apt/lists/partial": 0o755,
               "var/lib/cloud": 0o755, "var/log": 0o755, "var/mail": 0o755, "var/spool": 0o755, "var/spool/cron": 0o755, "var/tmp": 0o1777}
USERS = (("root", 0, "/root", "/bin/bash"), ("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"), ("bin", 2, "/bin", "/usr/sbin/nologin"), ("mail", 8, "/var/mail", "/usr/sbin/nologin"),
         ("www-data", 33, "/var/www", "/usr/sbin/nologin"), ("_apt", 42, "/nonexistent", "/usr/sbin/nologin"), ("sshd", 74, "/run/sshd", "/usr/sbin/nologin"),
         ("ec2-user", 1000, "/home/ec2-user", "/bin/bash"), ("ssm-user", 1001, "/home/ssm-user", "/bin/bash"), ("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"))
GROUPS = {"adm": (4, "ec2-user"), "tty": (5, ""), "disk": (6, ""), "wheel": (10, "ec2-user"), "sudo": (27, ""), "shadow": (43, ""), "utmp": (22, ""), "staff": (50, ""), "users": (100, "")}
BUNDLES = ("ssl/certs/ca-certificates.crt", "pki/tls/certs/ca-bundle.crt", "pki/ca-trust/extracted/pem/tls-ca-bundle.pem")
SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""
DAEMON = ["/bin/sh", "-c", "mkdir -p /run/sshd; test -e /etc/ssh/ssh_host_ed25519_key || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; exec /usr/sbin/sshd -D"]
SCRIPTS = {
    "sbin/halt": "#!/bin/sh\nexec kill -USR1 1\n",
    "sbin/poweroff": "#!/bin/sh\nexec kill -USR2 1\n",
    "sbin/reboot": "#!/bin/sh\nexec kill -TERM 1\n",
    "sbin/shutdown": """#!/bin/sh
# shutdown [-h|-P|-H|-r|-c] [now|+MINUTES]
signal=USR2; when=+1
for word in "$@"; do
  case "$word" in
    -r|--reboot) signal=TERM;;
    -h|-P|-H|--halt|--poweroff) signal=USR2;;
    -c) [ -f /run/shutdown.pid ] && kill "$(cat /run/shutdown.pid)" && rm /run/shutdown.pid; exit 0;;
    now) when=+0;;
    +*) when=$word;;
  esac
done
[ "$when" = +0 ] && exec kill -$signal 1
( sleep $((${when#+} * 60)); exec kill -$signal 1 ) >/dev/null 2>&1 &
echo $! > /run/shutdown.pid
""",
    "bin/cloud-init": """#!/bin/sh
# status [--wait]
[ "$1" = status ] || { echo "this cloud-init knows only: status [--wait]" >&2; exit 2; }
while [ "$2" = --wait ] && [ ! -e /run/cloud-init/result.json ]; do sleep 0.1; done
if [ -e /run/cloud-init/result.json ]; then echo "status: done"; else echo "status: running"; fi
""",
}
SUBSTITUTES = {  # where the host has none
    "bin/sudo": """#!/bin/sh
# of the real one: root may become anybody, for one command
user=root
while [ $# -gt 0 ]; do
  case "$1" in
    -u) user=$2; shift 2;;
    -[EHinSs]) shift;;
    --) shift; break;;
    -*) echo "sudo: this one knows only -u USER, -E, -H, -i, -n" >&2; exit 1;;
    *=*) export "$1"; shift;;
    *) break;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "sudo: the host of this machine has no sudo: only root may use this one" >&2; exit 1; }
[ "$user" = root ] && exec "$@"
exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"
""",
    "bin/ping": r"""#!/usr/bin/env python3
# ping [-c COUNT] [-W SECONDS] [-i SECONDS] [-4] [-q] HOST
import argparse, os, socket, struct, sys, time

ask = argparse.ArgumentParser(prog="ping")
ask.add_argument("-c", type=int, default=0)
ask.add_argument("-W", type=float, default=10)
ask.add_argument("-w", type=float, default=0)
ask.add_argument("-i", type=float, default=1)
ask.add_argument("-4", action="store_true")
ask.add_argument("-n", action="store_true")
ask.add_argument("-q", action="store_true")
ask.add_argument("host")
given = ask.parse_args()
try:
    address = socket.gethostbyname(given.host)
except OSError:
    sys.exit(f"ping: {given.host}: Name or service not known")

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF

sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
me, sent, got, begun = os.getpid() & 0xFFFF, 0, 0, time.monotonic()
print(f"PING {given.host} ({address}) 56(84) bytes of data.", flush=True)
try:
    while (not given.c or sent < given.c) and (not given.w or time.monotonic() - begun < given.w):
        sent += 1
        body = struct.pack("!BBHHH", 8, 0, 0, me, sent) + bytes(56)
        now = time.monotonic()
        sock.sendto(body[:2] + struct.pack("!H", checksum(body)) + body[4:], (address, 0))
        while (left := now + given.W - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, peer = sock.recvfrom(1500)
            except OSError:
                break
            kind, _, _, who, number = struct.unpack_from("!BBHHH", data, (data[0] & 15) * 4)
            if kind == 0 and who == me and number == sent:
                got += 1
                if not given.q:
                    print(f"{len(data) - 20} bytes from {peer[0]}: icmp_seq={sent} ttl={data[8]} time={(time.monotonic() - now) * 1000:.3f} ms", flush=True)
                break
        if not given.c or sent < given.c:
            time.sleep(max(0, now + given.i - time.monotonic()))
except KeyboardInterrupt:
    pass
print(f"\n--- {given.host} ping statistics ---\n{sent} packets transmitted, {got} received, {100 * (sent - got) // max(sent, 1)}% packet loss, time {int((time.monotonic() - begun) * 1000)}ms")
sys.exit(0 if got else 1)
""",
}


class Skeleton(msgspec.Struct, frozen=True):
    place: Path
    host: tuple[str, ...]  # directories of the host that machines see as they are
    binds: list[tuple[str, str]]  # host path, place in the machine
    daemon: list[str] | None  # sshd, where the host has one

    @property
    def names(self) -> list[str]:
        return ["root", *(name(path) for path in self.host)]

    def parts(self, image: tuple[Path, ...]) -> list[dict[str, Any]]:
        """For the holder: what lies where, the root first."""
        def layers(part: str) -> list[str]:
            return [str(place / part) for place in (*image, self.place) if (place / part).is_dir()]

        return [{"name": "root", "at": "", "layers": layers("root"), "host": []}] + [
            {"name": name(path), "at": path, "layers": layers(name(path)), "host": [path]} for path in self.host]


def name(path: str) -> str:
    return path.strip("/").replace("/", "-")


def build(data: Path, shift: int, trust: Path | None = None) -> Skeleton:
    """Made anew for each world."""
    place = data / "skeleton"
    shutil.rmtree(place, ignore_errors=True)
    host = tuple(path for path in HOST if os.path.isdir(path) and not os.path.islink(path))
    root, usr = place / "root", place / "usr"
    for path, mode in DIRECTORIES.items():
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / path).chmod(mode)
    for path in HOST:
        if os.path.islink(path):
            (root / path[1:]).symlink_to(os.readlink(path))
        elif path in host:
            (root / path[1:]).mkdir(parents=True, exist_ok=True)
    (root / "var/run").symlink_to("/run")
    etc(root / "etc")
    believe(root / "etc", trust)
    for path, text in SCRIPTS.items():
        put(usr / path, text, 0o755)
    for path, text in SUBSTITUTES.items():
        if shutil.which(Path(path).name, path="/usr/bin:/usr/sbin:/bin:/sbin") is None:
            put(usr / path, text, 0o755)
    binds = python(usr)
    hide(place, host, data)
    own(place, shift)
    daemon = DAEMON if shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin") else None
    return Skeleton(place, host, binds, daemon)


def etc(to: Path) -> None:
    for path in ETC:
        source = Path("/etc", path)
        if source.is_dir():
            shutil.copytree(source, to / path, symlinks=True, ignore=secret, dirs_exist_ok=True)
        elif source.exists() and open_to_all(source):
            (to / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, to / path)
    put(to / "passwd", "".join(f"{user}:x:{uid}:{uid}:{'EC2 Default User' if uid == 1000 else ''}:{home}:{shell}\n" for user, uid, home, shell in USERS))
    put(to / "group", "".join(f"{user}:x:{uid}:\n" for user, uid, _, _ in USERS) + "".join(f"{group}:x:{gid}:{members}\n" for group, (gid, members) in GROUPS.items()))
    put(to / "shadow", "".join(f"{user}:*:19000:0:99999:7:::\n" for user, *_ in USERS), 0o640)
    put(to / "nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n")
    put(to / "os-release", 'NAME="Cloche machine"\nID=cloche\nID_LIKE="amzn fedora debian"\nVERSION_ID="2023"\nPRETTY_NAME="Cloche machine (the host\'s programs)"\n')
    put(to / "fstab", "")
    put(to / "sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n", 0o440)
    put(to / "sudoers.d/90-cloud-init-users", "ec2-user ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    put(to / "sudoers.d/ssm-agent-users", "ssm-user ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    put(to / "ssh/sshd_config", SSHD)
    if not (to / "mtab").is_symlink():
        (to / "mtab").symlink_to("/proc/self/mounts")


def believe(to: Path, trust: Path | None) -> None:
    """Cloche's own authority beside the world's, wherever programs look."""
    if trust is None or not trust.exists():
        return
    for path in BUNDLES:
        if (to / path).exists() or path == BUNDLES[0]:
            put(to / path, ((to / path).read_text() if (to / path).exists() else "") + trust.read_text())


def secret(directory: str, names: list[str]) -> list[str]:
    return [n for n in names if not open_to_all(Path(directory, n))]


def open_to_all(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISLNK(mode) or (bool(mode & stat.S_IROTH) and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)))


def python(usr: Path) -> list[tuple[str, str]]:
    """boto3 for the machine's python3, as functions get it; and a python3 at all where the host has none at /usr/bin."""
    binds = [(path, f"/opt/aws/python/{package}") for package, path in interpreters.libraries().items()]
    executable = "/usr/bin/python3"
    if not os.path.exists(executable):
        own = interpreters.python(f"{sys.version_info[0]}.{sys.version_info[1]}")
        if own is None:
            return binds
        binds.append((own.prefix, "/opt/aws/lang"))
        (usr / "bin").mkdir(parents=True, exist_ok=True)
        (usr / "bin/python3").symlink_to(f"/opt/aws/lang/{own.executable}")
        executable = f"{own.prefix}/{own.executable}"
    said = subprocess.run([executable, "-I", "-c", "import json, site; print(json.dumps(site.getsitepackages()))"], capture_output=True, text=True, check=False).stdout
    for path in json.loads(said or "[]"):
        if path.startswith("/usr/") and not path.startswith("/usr/local/lib/python3/"):
            put(usr / path.removeprefix("/usr/") / "cloche-aws.pth", "/opt/aws/python\n")
            break
    return binds


def hide(place: Path, host: tuple[str, ...], data: Path) -> None:
    """A data directory in one of the host's directories is not there for machines."""
    for path in host:
        if data.is_relative_to(path):
            cover = place / name(path) / data.relative_to(path)
            cover.parent.mkdir(parents=True, exist_ok=True)
            os.mknod(cover, stat.S_IFCHR, os.makedev(0, 0))  # overlay's sign for: nothing here


def own(place: Path, shift: int) -> None:
    """Everything is root's, ec2-user's home is ec2-user's."""
    if os.geteuid() != 0:
        return
    for directory, _, files in os.walk(place):
        for path in (directory, *(os.path.join(directory, f) for f in files)):
            os.chown(path, shift, shift, follow_symlinks=False)
    for path in os.walk(place / "root"):
        for link in path[1]:
            os.chown(os.path.join(path[0], link), shift, shift, follow_symlinks=False)
    for user, uid, home, _ in USERS:
        if home == f"/home/{user}":
            os.chown(place / f"root{home}", shift + uid, shift + uid)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def files(machine: Machine) -> dict[str, str]:
    """What is written anew at every boot, as DHCP and cloud-init would."""
    search = f"search {machine.domain}\n" if machine.domain else ""
    full = f"{machine.hostname}.{machine.domain} " if machine.domain and "." not in machine.hostname else ""
    environment = "".join(f'{key}="{value}"\n' for key, value in variables(machine).items())
    return {
        "/etc/hostname": machine.hostname + "\n",
        "/etc/hosts": f"127.0.0.1 localhost\n{machine.address or '127.0.1.1'} {full}{machine.hostname}\n::1 localhost\n",
        "/etc/resolv.conf": search + "".join(f"nameserver {address}\n" for address in machine.resolvers) + "options timeout:2 attempts:2\n",
        "/etc/environment": environment,
        "/etc/profile.d/cloche.sh": "".join(f"export {line}\n" for line in environment.splitlines()),
    }


def variables(machine: Machine) -> dict[str, str]:
    """What its processes find in their environment: programs that bring certificates of their own are told of the machine's."""
    bundle = "/etc/" + BUNDLES[0]
    return {"AWS_CA_BUNDLE": bundle, "REQUESTS_CA_BUNDLE": bundle, "SSL_CERT_FILE": bundle, "NODE_EXTRA_CA_CERTS": bundle, **machine.environment}
