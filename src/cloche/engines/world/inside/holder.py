"""The holder: the first process of its own pid, mount and network space. Everything real is a child of it or is kept by a descriptor that it holds.

It is two processes. The outer one stays in the host's spaces, waits for the inner one and removes what the kernel does not (control groups). The inner
one is pid 1: it reads orders from the server's socket, and when that socket ends (the server was stopped, or killed), it ends, and everything with it.
A network namespace is a descriptor here, and a link in /run/netns (a directory that only the holder's mount space has), so that `ip ... netns NAME` works.
    argv: fd, "rootless" or "root", comma-separated cgroup directories
"""
import json
import os
import resource
import select
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "run", "inside"))

import sockets
import syscalls as sys_
import warden

NETNS = "/run/netns/"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


def main():
    control = socket.socket(fileno=int(sys.argv[1]))
    rootless, cgroups = sys.argv[2] == "rootless", [c for c in sys.argv[3].split(",") if c]
    os.setsid()
    uid, gid = os.geteuid(), os.getegid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        pid = sys_.clone(sys_.NEWNS | sys_.NEWPID | sys_.NEWNET | sys_.NEWIPC | (sys_.NEWUSER if rootless else 0))
    except OSError as error:
        control.send(json.dumps({"error": str(error), "errno": error.errno}).encode())
        os._exit(1)
    if pid == 0:
        try:
            sys_.prctl(sys_.PDEATHSIG, signal.SIGKILL)
            if rootless:
                sys_.map_ids(0, 0, uid, gid)
            Holder(control).run()
        except OSError as error:
            control.send(json.dumps({"error": str(error), "errno": error.errno}).encode())
        os._exit(1)
    control.send(json.dumps({"pid": pid}).encode())
    control.close()
    os.waitpid(pid, 0)  # the kernel has ended all its descendants before this returns
    warden.remove(cgroups)


class Holder:
    def __init__(self, control):
        self.control = control
        self.children = {}  # pid -> what to do with its status
        self.running = {}  # number of an order -> the process it started
        self.namespaces = {}  # name -> descriptor
        self.mounts()
        sys_.loopback_up()
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.namespaces[""] = self.own
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        os.environ.clear()
        os.environ.update(PATH=PATH, LANG="C.UTF-8")

    def mounts(self):
        sys_.mount(None, "/", None, sys_.REC | sys_.PRIVATE)
        sys_.mount("proc", "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
        sys_.mount("cloche", "/run", "tmpfs", sys_.NOSUID, "mode=755")
        os.mkdir(NETNS)

    def run(self):
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(woken, select.POLLIN)
        self.control.send(b'{"hello": true}')
        while True:
            for fd, _ in poll.poll():
                if fd == woken:
                    os.read(woken, 4096)
                    self.reap()
                elif not self.hear():
                    return

    def hear(self):
        message, fds, _, _ = socket.recv_fds(self.control, 1 << 18, 16)
        if not message:
            return False
        order = json.loads(message)
        answer, send = None, []
        try:
            answer = getattr(self, "do_" + order["do"])(order, fds, send)
        except OSError as error:
            answer = {"error": str(error), "errno": error.errno}
        except KeyError as error:
            answer = {"error": f"there is no {error}", "errno": 2}
        if answer is not None:
            self.say(order["n"], answer, send)
        for fd in fds + send:
            os.close(fd)
        return True

    def say(self, number, answer, fds=()):
        socket.send_fds(self.control, [json.dumps({"n": number, **answer}).encode()], list(fds))

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if then := self.children.pop(pid, None):
                then(os.waitstatus_to_exitcode(status))

    # network namespaces
    def within(self, name):
        return Within(self.namespaces[name], self.own)

    def do_namespace(self, order, fds, send):
        if order["name"] in self.namespaces:
            return {"made": False}
        try:
            sys_.unshare(sys_.NEWNET)
            fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            sys_.loopback_up()
        finally:
            sys_.setns(self.own, sys_.NEWNET)
        self.namespaces[order["name"]] = fd
        os.symlink(f"/proc/1/fd/{fd}", NETNS + order["name"])
        return {"made": True}

    def do_drop(self, order, fds, send):
        if order["name"] in self.namespaces:
            os.unlink(NETNS + order["name"])
            os.close(self.namespaces.pop(order["name"]))
        return {}

    def do_sysctl(self, order, fds, send):
        with self.within(order["name"]):
            for key, value in order["values"].items():
                with open("/proc/sys/" + key, "w") as f:
                    f.write(str(value))
        return {}

    def do_socket(self, order, fds, send):
        """A socket made in the namespace; it belongs there for good, whoever serves it."""
        with self.within(order["name"]):
            send.append(sockets.make(order).detach())
        return {}

    # processes
    def do_run(self, order, fds, send):
        """The answer comes when it has ended; its input and outputs are files that the server gave."""
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)]
        with self.within(order["name"]):
            pid = os.posix_spawnp(order["argv"][0], order["argv"], os.environ, file_actions=actions, setsid=True, setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE])
        self.running[order["n"]] = pid
        self.children[pid] = lambda code: (self.running.pop(order["n"]), self.say(order["n"], {"code": code}))
        return None

    def do_kill(self, order, fds, send):
        """End the command of an earlier order, and all that it started; its own answer follows."""
        if pid := self.running.get(order["order"]):
            os.killpg(pid, signal.SIGKILL)
        return {}


class Within:
    """In another network namespace for the length of a block; this process has one thread."""

    def __init__(self, fd, own):
        self.fd, self.own = fd, own

    def __enter__(self):
        sys_.setns(self.fd, sys_.NEWNET)

    def __exit__(self, *_):
        sys_.setns(self.own, sys_.NEWNET)


if __name__ == "__main__":
    main()
