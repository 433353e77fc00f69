"""Who is root in a machine: one user namespace for all machines, in which uid 0 is an id that owns nothing on the host.

Root in a machine has every capability over what belongs to this namespace (its network, its mounts, its host name) and none over anything else.
The host's programs are seen through mounts that shift ids the same way, so that they are root's there. Where the kernel or the file system cannot
shift, ids are the same inside and outside, still without capabilities, and `lacks` says so. A rootless holder is such a namespace itself.
"""
import os
import signal

import mounts
import syscalls as sys_

SHIFT = 0x50000000  # above what distributions give to users (subuid) and to services
COUNT = 65536


class Guests:
    def __init__(self, rootless):
        self.rootless, self.shift, self.lacks = rootless, 0, ""
        self.user = -1  # descriptor of the user namespace
        self.lowers = {}  # directory of the host -> where it is seen with ids shifted
        os.makedirs("/run/lower")
        if rootless:
            self.lacks = "machines have one user, root: this Cloche does not run as root"
            return
        try:
            self.user = make(SHIFT)
            self.shift = SHIFT
            self.lower("/usr")
        except OSError as error:
            self.lacks = f"uid 0 of a machine is uid 0 of the host, without capabilities ({error})"
            self.shift = 0
            self.user = make(0)

    def lower(self, path):
        """The host's directory as a lower layer of machines."""
        if path not in self.lowers:
            where = f"/run/lower/{len(self.lowers)}"
            fd = mounts.copy(path)
            try:
                if self.shift:
                    mounts.shift(fd, self.user)
                os.mkdir(where)
                mounts.place(fd, where)
            finally:
                os.close(fd)
            self.lowers[path] = where
        return self.lowers[path]

    def enter(self):
        """Become root of the guests, in mount, ipc and uts spaces that are theirs: what was mounted before is locked for them."""
        if self.user >= 0:
            sys_.setns(self.user, sys_.NEWUSER)
        sys_.unshare(sys_.NEWNS | sys_.NEWUTS | sys_.NEWIPC)
        if self.user >= 0:
            os.setgroups([])
            os.setresgid(0, 0, 0)
            os.setresuid(0, 0, 0)

    def network(self):
        """A network namespace that belongs to the guests: their root may set addresses and filters in it. A descriptor."""
        hear, say = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            try:
                if self.user >= 0:
                    sys_.setns(self.user, sys_.NEWUSER)
                sys_.unshare(sys_.NEWNET)
                os.write(say, b"1")
                signal.pause()
            finally:
                os._exit(1)
        os.close(say)
        try:
            if not os.read(hear, 1):
                raise OSError(1, "no network namespace for a machine")
            return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(hear)
            os.kill(pid, 9)
            os.waitpid(pid, 0)


def make(shift):
    """A user namespace that nobody is in, kept by the descriptor."""
    hear, say = os.pipe2(os.O_CLOEXEC)
    pid = sys_.clone(sys_.NEWUSER)
    if pid == 0:
        os.close(say)
        os.read(hear, 1)
        os._exit(0)
    try:
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w") as f:
                f.write(f"0 {shift} {COUNT}")
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(say)
        os.close(hear)
        os.waitpid(pid, 0)
