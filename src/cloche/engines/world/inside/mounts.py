"""Mounts as objects that can be held before they are placed: the newer calls, which Python and libc do not offer."""
import ctypes
import os
import struct

import syscalls as sys_

SYS_open_tree, SYS_move_mount, SYS_mount_setattr = 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH, AT_RECURSIVE = -100, 0x1000, 0x8000
CLONE, CLOEXEC = 1, os.O_CLOEXEC
IDMAP = 0x100000

_call = sys_._libc.syscall


def copy(path, recursive=False):
    """A mount of what lies at `path`, placed nowhere: a descriptor."""
    flags = CLONE | CLOEXEC | (AT_RECURSIVE if recursive else 0)
    return sys_._check(_call(ctypes.c_long(SYS_open_tree), ctypes.c_int(AT_FDCWD), os.fsencode(path), ctypes.c_uint(flags)), "open_tree " + path)


def shift(fd, user_namespace):
    """Files of uid 0 on disk are seen, through this mount, as those of the user namespace's uid 0."""
    attributes = struct.pack("QQQQ", IDMAP, 0, 0, user_namespace)
    sys_._check(_call(ctypes.c_long(SYS_mount_setattr), ctypes.c_int(fd), b"", ctypes.c_uint(AT_EMPTY_PATH), attributes, ctypes.c_size_t(32)), "idmap")


def restrict(fd, read_only):
    """No devices and no set-uid files; read-only if wanted."""
    attributes = struct.pack("QQQQ", (1 if read_only else 0) | 2 | 4, 0, 0, 0)
    sys_._check(_call(ctypes.c_long(SYS_mount_setattr), ctypes.c_int(fd), b"", ctypes.c_uint(AT_EMPTY_PATH), attributes, ctypes.c_size_t(32)), "mount_setattr")


def place(fd, path):
    sys_._check(_call(ctypes.c_long(SYS_move_mount), ctypes.c_int(fd), b"", ctypes.c_int(AT_FDCWD), os.fsencode(path), ctypes.c_uint(4)), "move_mount " + path)


def bind(source, target, read_only=False):
    """What lies at source, with all below it, at target; target is made if it is not there."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass
    sys_.mount(source, target, None, sys_.BIND | sys_.REC)
    if read_only:
        sys_.restrict(target)


def overlay(target, lowers, upper, work, rootless):
    """`lowers`: the topmost first. Paths are our own and short: no commas, no colons."""
    options = f"lowerdir={':'.join(lowers)},upperdir={upper},workdir={work}"
    sys_.mount("overlay", target, "overlay", 0, options + (",userxattr" if rootless else ",index=off,metacopy=off"))
