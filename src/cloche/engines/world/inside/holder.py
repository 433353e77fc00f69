"""The holder: the first process of its own pid, mount and network space. Everything real is a child of it or is kept by a descriptor that it holds.

It is two processes. The outer one stays in the host's spaces, waits for the inner one and removes what the kernel does not (control groups). The inner
one is pid 1: it reads orders from the server's socket, and when that socket ends (the server was stopped, or killed), it ends, and everything with it.
A network namespace is a descriptor here, and a link in /run/netns (a directory that only the holder's mount space has), so that `ip ... netns NAME` works.
    argv: fd, "rootless" or "root", comma-separated cgroup directories
"""
import json
import os
import resource
import signal
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "run", "inside"))

import container
import filesystems
import guests
import machine
import orders
import seccomp
import sockets
import syscalls as sys_
import volumes
import warden

NETNS = "/run/netns/"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
OURS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE]  # ignored here, not in what is started


def main():
    control = socket.socket(fileno=int(sys.argv[1]))
    rootless, cgroups = sys.argv[2] == "rootless", [c for c in sys.argv[3].split(",") if c]
    os.setsid()
    uid, gid = os.geteuid(), os.getegid()
    for number in OURS[:3]:
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
            holder = Holder(control, rootless)
            control.send(json.dumps({"hello": True, "shift": holder.guests.shift, "lacks": holder.guests.lacks}).encode())
            holder.listen()
        except BrokenPipeError:  # Cloche has gone while it was told something: then all this goes too
            os._exit(0)
        except OSError as error:
            control.send(json.dumps({"error": str(error), "errno": error.errno}).encode())
        os._exit(1)
    control.send(json.dumps({"pid": pid}).encode())
    control.close()
    os.waitpid(pid, 0)  # the kernel has ended all its descendants before this returns
    warden.remove(cgroups)


class Holder(orders.Orders):
    def __init__(self, control, rootless):
        super().__init__(control)
        self.rootless = rootless
        sys_.mount(None, "/", None, sys_.REC | sys_.PRIVATE)
        sys_.mount("proc", "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
        sys_.mount("cloche", "/run", "tmpfs", sys_.NOSUID, "mode=755")
        os.mkdir(NETNS)
        sys_.loopback_up()
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.namespaces = {"": self.own}  # name -> descriptor
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        os.environ.clear()
        os.environ.update(PATH=PATH, LANG="C.UTF-8")
        self.guests = guests.Guests(rootless)
        self.volumes = volumes.Volumes()
        self.machines = {}  # id -> machine.Machine
        self.asked = {}  # id of a mount call -> the call, while the server thinks about it

    # network namespaces
    def within(self, name):
        return Within(self.namespaces[name], self.own)

    def do_namespace(self, order, fds, send):
        if order["name"] in self.namespaces:
            return {"made": False}
        if order.get("guest"):
            fd = self.guests.network()
        else:
            try:
                sys_.unshare(sys_.NEWNET)
                fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            finally:
                sys_.setns(self.own, sys_.NEWNET)
        self.namespaces[order["name"]] = fd
        with self.within(order["name"]):
            sys_.loopback_up()
        os.symlink(f"/proc/1/fd/{fd}", NETNS + order["name"])
        return {"made": True}

    def do_drop(self, order, fds, send):
        if order["name"] in self.namespaces:
            os.unlink(NETNS + order["name"])
            os.close(self.namespaces.pop(order["name"]))
        return {}

    def do_descriptor(self, order, fds, send):
        """For the server, which lets another process of its own into that namespace."""
        send.append(os.dup(self.namespaces[order["name"]]))
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

    def do_run(self, order, fds, send):
        """A command of the host in a namespace; its input and outputs are files that the server gave."""
        actions = [(os.POSIX_SPAWN_DUP2, fd, number) for number, fd in enumerate(fds)]
        with self.within(order["name"]):
            pid = os.posix_spawnp(order["argv"][0], order["argv"], os.environ, file_actions=actions, setsid=True, setsigdef=OURS)
        self.answer_for(order, pid)

    # machines
    def do_lower(self, order, fds, send):
        self.guests.lower(order["path"])
        return {}

    def do_boot(self, order, fds, send):
        name = order["name"]
        if name in self.machines:
            return {"error": f"{name} runs already", "errno": 17}
        how = ()
        if order.get("container"):
            how = container.build, container.First
            for one in order["volumes"]:
                if one["machine"]:
                    one["space"] = f"/proc/{self.machines[one['machine']].pid}/ns/mnt"
        made = machine.boot(order, fds, self.guests, self.within(order["network"]), *how)
        self.machines[name] = made
        self.children[made.pid] = lambda code: self.ended(name, code)
        self.heed(made.mount_calls.fileno(), lambda: self.mount_calls(made))
        return {}

    def mount_calls(self, made):
        """The machine's first process sends the descriptor that tells of its mount calls, or ends without."""
        _, fds, _, _ = socket.recv_fds(made.mount_calls, 16, 1)
        self.ignore(made.mount_calls.fileno())
        made.mount_calls.close()
        if fds:
            made.listener = fds[0]
            self.heed(fds[0], lambda: filesystems.heard(seccomp.Told(fds[0]), made, self.guests, self.ask_for))

    def ask_for(self, told, made, source, options):
        """A network file system: the server knows whether there is one of that name, and whether the network lets the machine reach it."""
        self.asked[told.id] = told
        name = next(name for name, one in self.machines.items() if one is made)
        self.say(0, {"event": "mount", "machine": name, "ask": told.id, "source": source, "options": options})

    def do_mounted(self, order, fds, send):
        told = self.asked.pop(order["ask"])
        if "error" in order:
            told.answer(order["error"])
        elif os.fork() == 0:
            filesystems.share(told, order["path"], order["read_only"])
        return {}

    def ended(self, name, code):
        """All its processes are gone; what was mounted in it is gone with them."""
        made = self.machines.pop(name)
        if made.listener >= 0:
            self.ignore(made.listener)
            os.close(made.listener)
        self.say(0, {"event": "ended", "machine": name, "code": code})

    def do_attach(self, order, fds, send):
        device = self.volumes.attach(order["volume"], order["path"], order.get("read_only", False))
        if order.get("machine") in self.machines:
            self.machines[order["machine"]].plug(device, order["names"], self.guests.shift)
        return {"device": device}

    def do_detach(self, order, fds, send):
        if order.get("machine") in self.machines and order["volume"] in self.volumes.open:
            self.machines[order["machine"]].unplug(self.volumes.open[order["volume"]][1])
        return {"busy": self.volumes.detach(order["volume"])}

    def do_busy(self, order, fds, send):
        return {"busy": self.volumes.busy(order["volume"])}

    def do_grow(self, order, fds, send):
        self.volumes.grow(order["volume"])
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
