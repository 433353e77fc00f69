"""Snapshots (SnapStart): a function that is initialised and then kept still. Each order makes an environment of it: its memory, copied as fork copies it.

What AWS copies is here: memory with whatever was drawn or opened in init, and /tmp. What does not outlive it there is gone here: connections. Threads cannot
be copied, so an init that leaves one running is refused. The copy lives in namespaces of its own; as nobody here has any privilege, its user namespace gives
them, and they are dropped before the function goes on.
"""
import json
import os
import shutil
import signal
import socket
import stat
import sys

import bootstrap
import syscalls as sys_

FORKS = 4  # the descriptor on which orders come
FLAGS = sys_.NEWUSER | sys_.NEWNS | sys_.NEWPID | sys_.NEWIPC | sys_.NEWUTS | sys_.NEWNET


def keep(handler, listeners_of, options):
    """Never returns in the one that is kept."""
    sys_.prctl(sys_.DUMPABLE, 1)  # or its own user namespace could not be described
    forks = socket.socket(fileno=FORKS)
    while True:
        message, fds, _, _ = socket.recv_fds(forks, 1 << 20, 4)
        if not message:
            os._exit(0)
        uid, gid, dice = os.getuid(), os.getgid(), "random" in sys.modules and sys.modules["random"].getstate()
        try:
            pid = sys_.clone(FLAGS)
        except OSError as error:
            socket.socket(fileno=os.dup(fds[0])).send(json.dumps({"error": f"this kernel makes no copy of a snapshot: {error}"}).encode())
            pid = -1
        if pid == 0:
            forks.close()
            environment({**json.loads(message), "dice": dice}, fds, handler, listeners_of, options, uid, gid)
        for fd in fds:
            os.close(fd)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass


def environment(order, fds, handler, listeners_of, options, uid, gid):
    """The first process of a copy's pid space. Never returns."""
    control = socket.socket(fileno=fds[0])
    try:
        sys_.map_ids(uid, gid, uid, gid)
        old = os.open("/tmp", os.O_RDONLY | os.O_DIRECTORY)
        sys_.mount("proc", "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
        sys_.mount("tmp", "/tmp", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=1777,size={}m".format(order["tmp_mb"]))
        if os.listdir(old):
            shutil.copytree(f"/proc/self/fd/{old}", "/tmp", symlinks=True, dirs_exist_ok=True)
        os.close(old)
        sys_.set_hostname("169-254-100-1")
        listeners = listeners_of(order, options)
        socket.send_fds(control, [b'{"hello": true}'], [s.fileno() for s in listeners])
        for s in listeners:
            s.close()
        if control.recv(16) != b"go":
            os._exit(1)
        runtime = os.fork()
        if runtime == 0:
            control.detach()
            go_on(order, fds, handler)
        for fd in fds[1:]:
            os.close(fd)
        sever()
        sys_.prctl(sys_.DUMPABLE, 0)
        sys_.drop_capabilities()
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == runtime:
                report = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit": os.WEXITSTATUS(status)}
                control.send(json.dumps(report).encode())
                os._exit(0)
    except BaseException as error:  # its only voice is this socket
        try:
            control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(1)


def go_on(order, fds, handler):
    """The function itself, where it stood when the snapshot was taken. Never returns."""
    control, channel, log = fds
    code = 1
    try:
        os.setsid()
        os.close(control)
        for source, target in ((log, 1), (log, 2), (channel, 3)):
            os.dup2(source, target, inheritable=target < 3)
        os.close(log)
        os.close(channel)
        sever(but=3)
        sys_.drop_capabilities()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.update(order["env"])
        if dice := sys.modules.get("random"):
            dice.setstate(order["dice"])  # fork shakes it anew, a copied memory is not shaken
        code = bootstrap.resume(handler, os.environ)
    finally:
        os._exit(code)


def sever(but=-1):
    """Connections are not in a snapshot: who goes on reading finds the end. (The init of a copy keeps its own way to the server, which is no stream.)"""
    end, other = socket.socketpair()
    other.close()
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            if fd not in (but, end.fileno()) and stat.S_ISSOCK(os.fstat(fd).st_mode) and kind(fd) != socket.SOCK_SEQPACKET:
                os.dup2(end.fileno(), fd)
        except OSError:
            continue
    end.close()


def kind(fd):
    with socket.socket(fileno=os.dup(fd)) as s:
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
