"""The few system calls that Python 3.9 does not offer: clone with namespaces, mount, pivot_root, capabilities, loopback.

`clone` is os.fork with flags: one call makes a process with its own pid, mount, net, ipc and uts space, where unshare + fork would need two.
"""
import ctypes
import fcntl
import os
import socket
import struct

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
SIGCHLD = 17
PDEATHSIG, DUMPABLE, NO_NEW_PRIVS, CAPBSET_DROP, CAP_AMBIENT = 1, 4, 38, 24, 47

_numbers = {"x86_64": (56, 155), "aarch64": (220, 41)}[os.uname().machine]
SYS_clone, SYS_pivot_root, SYS_mount_setattr, SYS_capset = (*_numbers, 442, 126 if os.uname().machine == "x86_64" else 91)

SYS_open_tree, SYS_move_mount = 428, 429
OPEN_TREE_CLONE, EMPTY_PATH, MOVE_EMPTY_PATH, IDMAP = 1, 0x1000, 4, 0x100000

_libc = ctypes.PyDLL(None, use_errno=True)  # PyDLL: the GIL stays held, so that a clone leaves no half-held lock behind


def _check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _text(value):
    return None if value is None else os.fsencode(value)


def clone(flags):
    """fork() into new namespaces; 0 in the child."""
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    pid = _libc.syscall(ctypes.c_long(SYS_clone), ctypes.c_ulong(flags | SIGCHLD), None, None, None, None)
    if pid == 0:
        python.PyOS_AfterFork_Child()
        return 0
    number = ctypes.get_errno()
    python.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(number, "clone: " + os.strerror(number))
    return pid


def unshare(flags):
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd, kind):
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def mount(source, target, kind=None, flags=0, data=None):
    _check(_libc.mount(_text(source), _text(target), _text(kind), ctypes.c_ulong(flags), _text(data)), "mount " + target)


def umount(target):
    _check(_libc.umount2(_text(target), ctypes.c_int(DETACH)), "umount " + target)


def restrict(target, read_only=True):
    """Make a mount and all below it read-only, without devices and set-uid files."""
    attributes = struct.pack("QQQQ", (1 if read_only else 0) | 2 | 4, 0, 0, 0)
    recursive = 0x8000
    result = _libc.syscall(ctypes.c_long(SYS_mount_setattr), ctypes.c_int(-100), _text(target), ctypes.c_uint(recursive), attributes, ctypes.c_size_t(32))
    if result < 0:  # a kernel before 5.12: the mount itself only
        mount(None, target, None, REMOUNT | BIND | NOSUID | NODEV | (RDONLY if read_only else 0))


def owners(uid, gid, inside_uid, inside_gid):
    """A user namespace, as a descriptor, that says: who is `uid` on disk is `inside_uid` here. Nobody else has a name in it."""
    ours, theirs = os.pipe()
    pid = clone(NEWUSER)
    if pid == 0:
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)
    os.close(ours)
    try:
        with open(f"/proc/{pid}/uid_map", "w") as f:
            f.write(f"{uid} {inside_uid} 1")
        with open(f"/proc/{pid}/gid_map", "w") as f:
            f.write(f"{gid} {inside_gid} 1")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(theirs)


def mount_as(source, target, owners_fd, read_only):
    """A bind of a directory under which files of one owner belong to another; without devices and set-uid files."""
    tree = _check(_libc.syscall(ctypes.c_long(SYS_open_tree), ctypes.c_int(-100), _text(source), ctypes.c_uint(OPEN_TREE_CLONE)), "open_tree " + source)
    try:
        attributes = struct.pack("QQQQ", IDMAP | 2 | 4 | (1 if read_only else 0), 0, 0, owners_fd)
        _check(_libc.syscall(ctypes.c_long(SYS_mount_setattr), ctypes.c_int(tree), b"", ctypes.c_uint(EMPTY_PATH), attributes, ctypes.c_size_t(32)), "mount_setattr " + source)
        _check(_libc.syscall(ctypes.c_long(SYS_move_mount), ctypes.c_int(tree), b"", ctypes.c_int(-100), _text(target), ctypes.c_uint(MOVE_EMPTY_PATH)), "move_mount " + target)
    finally:
        os.close(tree)


def pivot_root(new):
    os.chdir(new)
    _check(_libc.syscall(ctypes.c_long(SYS_pivot_root), b".", b"."), "pivot_root")
    umount(".")
    os.chdir("/")


def prctl(option, value, *more):
    rest = [ctypes.c_ulong(m) for m in more] + [ctypes.c_ulong(0)] * (3 - len(more))
    return _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *rest), "prctl")


def set_hostname(name):
    _check(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def set_name(name):
    """What `ps` shows, instead of a command line of the host's."""
    with open("/proc/self/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    start, end = int(fields[45]), int(fields[46])
    ctypes.memset(start, 0, end - start)
    ctypes.memmove(start, name.encode(), min(len(name), end - start - 1))
    _check(_libc.prctl(ctypes.c_int(15), ctypes.c_char_p(name.encode()), 0, 0, 0), "prctl")


def map_ids(uid, gid, outer_uid, outer_gid):
    """In a fresh user namespace: say which single id this process is."""
    with open("/proc/self/setgroups", "w") as f:
        f.write("deny")
    with open("/proc/self/uid_map", "w") as f:
        f.write(f"{uid} {outer_uid} 1")
    with open("/proc/self/gid_map", "w") as f:
        f.write(f"{gid} {outer_gid} 1")


def drop_bounding():
    """No exec gives any capability from here on. Needs CAP_SETPCAP: before the last of them is given up."""
    for capability in range(64):
        try:
            prctl(CAPBSET_DROP, capability)
        except OSError:
            return  # past the kernel's last one


def drop_capabilities(keep=0):
    drop_bounding()
    prctl(NO_NEW_PRIVS, 1)
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.syscall(ctypes.c_long(SYS_capset), header, struct.pack("IIIIII", keep, keep, 0, 0, 0, 0)), "capset")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14s", b"lo", 0x1 | 0x40, b""))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING
