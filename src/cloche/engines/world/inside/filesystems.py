"""Mounting a volume in a machine: done by the host's root in a copy of the machine's mount space, with ids shifted, and placed in the machine's own."""
import os
import stat

import mounts
import syscalls as sys_

ON_NETWORK = {"nfs", "nfs4", "efs"}
ON_DEVICES = {"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "iso9660", "f2fs"}
NOT_NEW = 32 | 4096 | 8192 | (1 << 17) | (1 << 18) | (1 << 19) | (1 << 20)  # remount, bind, move, the four kinds of propagation


def heard(told, machine, guests, ask):
    """What to do about a mount call. Runs in the holder: what takes time is done by a child of it, and about the network the server is asked."""
    try:
        kind = told.text(told.kind) if not told.flags & NOT_NEW else ""
    except OSError:
        return told.answer(14)
    if kind in ON_NETWORK:
        return ask(told, machine, told.text(told.source), told.text(told.data))
    if kind not in ON_DEVICES:
        return told.go_on()
    if os.fork() == 0:
        code = 5
        try:
            code = mount(told, kind, machine, guests)
        except OSError as error:
            code = error.errno or 5
        finally:
            told.answer(code)
            os._exit(0)
    return None


def mount(told, kind, machine, guests):
    source, target, data = told.text(told.source), told.text(told.target), told.text(told.data)
    space = os.open(f"/proc/{told.pid}/ns/mnt", os.O_RDONLY)
    where = os.open(f"/proc/{told.pid}/cwd", os.O_PATH | os.O_DIRECTORY)
    sys_.setns(space, sys_.NEWNS)
    os.fchdir(where)
    about = os.stat(source)
    if not stat.S_ISBLK(about.st_mode):
        return 15  # ENOTBLK
    if about.st_rdev not in machine.devices:
        return 1
    sys_.unshare(sys_.NEWNS)
    sys_.mount(None, "/", None, sys_.REC | sys_.PRIVATE)
    os.fchdir(where)
    target = os.path.realpath(target)
    sys_.mount(source, target, kind, told.flags | sys_.NODEV, data or None)
    made = mounts.copy(target)
    if guests.shift:
        mounts.shift(made, guests.user)
    sys_.setns(space, sys_.NEWNS)
    mounts.place(made, target)
    os.close(made)  # who is answered may unmount at once: as long as this is open, it would be told that the mount is busy
    return 0


def share(told, path, read_only):
    """A directory of the host's in the machine that asked. In a child of the holder; never returns."""
    code = 5
    try:
        made = mounts.copy(path)
        target = told.text(told.target)
        space = os.open(f"/proc/{told.pid}/ns/mnt", os.O_RDONLY)
        where = os.open(f"/proc/{told.pid}/cwd", os.O_PATH | os.O_DIRECTORY)
        mounts.restrict(made, read_only or bool(told.flags & 1))
        sys_.setns(space, sys_.NEWNS)
        os.fchdir(where)
        mounts.place(made, os.path.realpath(target))
        os.close(made)
        code = 0
    except OSError as error:
        code = error.errno or 5
    finally:
        told.answer(code)
        os._exit(0)
