"""The warden: the one process the server starts itself. It makes zygotes in prepared roots, and cleans up when the server is gone.

It holds the other end of the server's socket: end of file means the server died (kill -9 included). Then it kills the zygotes, which are the
first process of their pid space, so that the kernel kills every environment with them; and removes the cgroups.
    argv: fd, comma-separated cgroup directories
"""
import json
import os
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import syscalls as sys_

CANDIDATES = ("/mnt", "/media", "/srv", "/home", "/opt", "/tmp")  # somewhere to build the new root, in a mount space of our own


def main():
    control = socket.socket(fileno=int(sys.argv[1]))
    cgroups = [c for c in sys.argv[2].split(",") if c]
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    zygotes = []
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1 << 18, 4)
        if not message:
            break
        order = json.loads(message)
        try:
            zygotes.append(start(order, fds))
        except OSError as error:
            socket.socket(fileno=os.dup(fds[0])).send(json.dumps({"error": str(error)}).encode())
        for fd in fds:
            os.close(fd)
        zygotes = [z for z in zygotes if os.waitpid(z, os.WNOHANG)[0] == 0]
    for pid in zygotes:
        os.kill(pid, signal.SIGKILL)
    for pid in zygotes:
        os.waitpid(pid, 0)
    remove(cgroups)


def start(order, fds):
    uid, gid = os.geteuid(), os.getegid()
    flags = sys_.NEWNS | sys_.NEWPID | sys_.NEWIPC | sys_.NEWUTS | (sys_.NEWUSER if order["rootless"] else 0)
    pid = sys_.clone(flags)
    if pid:
        return pid
    try:
        sys_.prctl(sys_.PDEATHSIG, signal.SIGKILL)
        os.setsid()
        if order["rootless"]:
            sys_.map_ids(0, 0, uid, gid)
        build(order)
        os.dup2(fds[0], 3)
        os.set_inheritable(3, True)
        os.closerange(4, 256)
        os.execve(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:  # whatever it is, the server must hear it: this process has no other voice
        socket.socket(fileno=fds[0]).send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
    os._exit(1)


def build(order):
    """A root of tmpfs with the host's programs read-only, and nothing else of the host."""
    sys_.mount(None, "/", None, sys_.REC | sys_.PRIVATE)
    sources = [source for source, _, _ in order["binds"]]
    base = next(c for c in CANDIDATES if os.path.isdir(c) and not any(os.path.realpath(s).startswith(c + "/") for s in sources))
    sys_.mount("cloche", base, "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=755,size=4m")
    for path in order["directories"]:
        os.makedirs(base + path, exist_ok=True)
    for target, text in order["files"].items():
        os.makedirs(os.path.dirname(base + target), exist_ok=True)
        with open(base + target, "w") as f:
            f.write(text)
    for target, to in order["links"].items():
        os.makedirs(os.path.dirname(base + target), exist_ok=True)
        os.symlink(to, base + target)
    for source, target, writable in order["binds"]:
        place(source, base + target)
        sys_.mount(source, base + target, None, sys_.BIND | sys_.REC)
        if not target.startswith("/dev/"):
            sys_.restrict(base + target, read_only=not writable)
    os.makedirs(base + "/proc", exist_ok=True)
    sys_.mount("proc", base + "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
    sys_.pivot_root(base)
    sys_.mount(None, "/", None, sys_.REMOUNT | sys_.BIND | sys_.RDONLY | sys_.NOSUID | sys_.NODEV)


def place(source, target):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w"):
            pass


def remove(cgroups):
    until = time.monotonic() + 5
    while cgroups and time.monotonic() < until:
        for base in list(cgroups):
            try:
                for name in os.listdir(base):
                    if os.path.isdir(os.path.join(base, name)):
                        os.rmdir(os.path.join(base, name))
                os.rmdir(base)
            except FileNotFoundError:
                pass
            except OSError:
                continue  # a process is still dying in it
            cgroups.remove(base)
        time.sleep(0.02)


if __name__ == "__main__":
    main()
