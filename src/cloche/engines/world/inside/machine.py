"""A machine, from the holder's side and until its own first process takes over: the spaces, the root, the devices.

The child is made in all spaces at once, builds its root as the host's root would (overlay, /proc, /sys, devices), steps into it and only then becomes
root of the guests. It says hello with a descriptor beside it and waits for "go": by then the server has put it under its limits.
    order: name, network, hostname, parts, layers, disk, binds, files, volumes, and what init.py reads
"""
import json
import os
import socket
import stat

import init
import mounts
import seccomp
import syscalls as sys_

BASE, DISK = "/run/root", "/run/disk"
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2", "ptmx": "pts/ptmx"}
QUIET = sys_.NOSUID | sys_.NODEV | sys_.NOEXEC


class Machine:
    """What the holder keeps of it."""

    def __init__(self, pid, mount_calls):
        self.pid = pid
        self.mount_calls = mount_calls  # socket from which the descriptor comes that tells of its mount calls
        self.listener = -1
        self.devices = {}  # device number -> names below /dev

    def inside(self, path):
        return f"/proc/{self.pid}/root{path}"

    def plug(self, device, names, shift):
        """A device node: the first name is the node, the others are links to it."""
        node(self.inside("/dev/" + names[0]), stat.S_IFBLK | 0o660, device, shift)
        for name in names[1:]:
            os.symlink(names[0], self.inside("/dev/" + name))
        self.devices[device] = names

    def unplug(self, device):
        """Nobody in there may open it again, by whatever name it has got meanwhile."""
        names = self.devices.pop(device, [])
        for name in names:
            path = self.inside("/dev/" + name)
            if os.path.lexists(path):
                if not os.path.islink(path):
                    os.chmod(path, 0)
                    os.chown(path, 0, 0)
                os.unlink(path)


def boot(order, fds, guests, network, build_=None, first=init.Init):
    """fds: the control socket of its init. Gives a Machine; the child never returns. A container is built otherwise, and has another first process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    network.__enter__()
    pid = sys_.clone(sys_.NEWNS | sys_.NEWPID | sys_.NEWIPC | sys_.NEWUTS)
    if pid:  # the child stays in that network
        network.__exit__()
        theirs.close()
        return Machine(pid, ours)
    control = socket.socket(fileno=fds[0])
    try:
        (build_ or build)(order, guests)
        sys_.set_name("init")
        guests.enter()
        sys_.set_hostname(order["hostname"])
        if not guests.rootless:
            listener = seccomp.intercept()
            socket.send_fds(theirs, [b"mount"], [listener])
        os.closerange(3, control.fileno())
        os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        first(control, order).live()
    except BaseException as error:  # its only voice
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    finally:
        os._exit(1)


def build(order, guests):
    os.makedirs(BASE, exist_ok=True)
    mounts.bind(order["disk"], DISK)
    for part in order["parts"]:
        lowers = []
        for source in part["layers"]:
            place = f"/run/layer/{len(os.listdir('/run/layer')) if os.path.isdir('/run/layer') else 0}"
            mounts.bind(source, place)
            lowers.append(place)
        lowers += [guests.lowers[source] for source in part["host"]]
        mounts.overlay(BASE + part["at"], lowers, f"{DISK}/{part['name']}", f"{DISK}/{part['name']}.work", guests.rootless)
    own = f"uid={guests.shift},gid={guests.shift}"
    for path, kind, flags, options in (
        ("/dev", "tmpfs", sys_.NOSUID | sys_.NOEXEC, "mode=755,size=1m," + own),
        ("/run", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=755,size=64m," + own),
        ("/tmp", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=1777," + own),
        ("/proc", "proc", QUIET, None),
        ("/sys", "sysfs", QUIET | sys_.RDONLY, None),
    ):
        sys_.mount(kind, BASE + path, kind, flags, options)
    devices(guests)
    if not guests.shift:
        mask()
    for source, target in order["binds"]:
        mounts.bind(source, BASE + target, read_only=True)
    for path, text in order["files"].items():
        write(BASE + path, text, guests.shift)
    sys_.pivot_root(BASE)


def devices(guests):
    dev = BASE + "/dev/"
    for name, (major, minor) in DEVICES.items():
        if guests.rootless:
            mounts.bind("/dev/" + name, dev + name)
        else:
            node(dev + name, stat.S_IFCHR | 0o666, os.makedev(major, minor), guests.shift)
    for name, to in LINKS.items():
        os.symlink(to, dev + name)
    for name in ("pts", "shm"):
        os.mkdir(dev + name)
    group = "" if guests.rootless else f",gid={guests.shift + 5}"
    sys_.mount("devpts", dev + "pts", "devpts", sys_.NOSUID | sys_.NOEXEC, "newinstance,ptmxmode=0666,mode=620" + group)
    sys_.mount("shm", dev + "shm", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=1777")
    os.mkfifo(dev + "console", 0o622)
    os.chown(dev + "console", guests.shift, guests.shift)


def mask():
    """Where uid 0 is the host's: what the kernel lets that id do by its number alone must not be writable."""
    for name in ("sys", "sysrq-trigger", "irq", "bus", "fs"):
        path = f"{BASE}/proc/{name}"
        if os.path.exists(path):
            sys_.mount(path, path, None, sys_.BIND | sys_.REC)
            sys_.mount(None, path, None, sys_.REMOUNT | sys_.BIND | sys_.RDONLY | QUIET)


def node(path, mode, device, owner):
    before = os.umask(0)
    try:
        os.mknod(path, mode, device)
    finally:
        os.umask(before)
    os.chown(path, owner, owner)


def write(path, text, owner):
    """A small file of the machine's own; directories on the way are there already, from the skeleton."""
    with open(path, "w") as f:
        f.write(text)
    os.chown(path, owner, owner)
