"""A container: the spaces of a machine around the root of an image, and one process of the image's own that is the first of a pid space, as docker has it.

An image comes from a stranger: nothing is written by its names before this process has stepped into its root, and what lies outside is held by descriptors
until then. So a link in the image leads nowhere but into the image.
    order: name, network, hostname, root, disk, volumes, files, environment, read_only
"""
import os
import signal

import init
import machine
import mounts
import orders
import syscalls as sys_

LAYER = "/run/layer/0"


def build(order, guests):
    base, disk = machine.BASE, machine.DISK
    os.makedirs(base, exist_ok=True)
    mounts.bind(order["disk"], disk)
    mounts.bind(order["root"], LAYER)
    mounts.overlay(base, [LAYER], f"{disk}/root", f"{disk}/root.work", guests.rootless)
    volumes = [(source_of(one), one["target"], one["read_only"]) for one in order["volumes"]]
    own = f"uid={guests.shift},gid={guests.shift}"
    for path, kind, flags, options in (
        ("/dev", "tmpfs", sys_.NOSUID | sys_.NOEXEC, "mode=755,size=1m," + own),
        ("/proc", "proc", machine.QUIET, None),
        ("/sys", "sysfs", machine.QUIET | sys_.RDONLY, None),
    ):
        directory(base + path)
        sys_.mount(kind, base + path, kind, flags, options)
    machine.devices(guests)
    if not guests.shift:
        machine.mask()
    sys_.pivot_root(base)
    for fd, target, read_only in volumes:
        os.makedirs(target, exist_ok=True)
        mounts.restrict(fd, read_only)
        mounts.place(fd, target)
        os.close(fd)
    for path, text in order["files"].items():
        put(path, text, guests.shift)
    if order["read_only"]:
        sys_.mount(None, "/", None, sys_.REMOUNT | sys_.BIND | sys_.RDONLY)


def source_of(volume):
    """A directory of the server's, or of a machine, seen as the machine sees it."""
    if not volume.get("space"):
        return mounts.copy(volume["source"])
    here = os.open("/proc/self/ns/mnt", os.O_RDONLY)
    there = os.open(volume["space"], os.O_RDONLY)
    try:
        sys_.setns(there, sys_.NEWNS)
        os.makedirs(volume["source"], exist_ok=True)
        return mounts.copy(volume["source"], recursive=True)
    finally:
        sys_.setns(here, sys_.NEWNS)
        os.close(here)
        os.close(there)


def directory(path):
    """One step below the new root: whatever the image has there, it is a directory."""
    if os.path.islink(path) or (os.path.lexists(path) and not os.path.isdir(path)):
        os.unlink(path)
    if not os.path.isdir(path):
        os.mkdir(path, 0o755)


def put(path, text, owner):
    """A file of ours in its root: in place of what the image has, if that is a link."""
    try:
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.makedirs(folder)
            os.chown(folder, owner, owner)
        if os.path.islink(path):
            os.unlink(path)
        machine.write(path, text, owner)
    except OSError:
        pass  # a file where a directory should be: the image has it so


class First(init.Init):
    """Keeps the container: starts its process, lets others in beside it, tells how it ended."""

    def __init__(self, control, order):
        orders.Orders.__init__(self, control)
        self.order = order
        self.environment = order["environment"]
        self.main, self.spaces = 0, []

    def start_steps(self):
        pass

    def tell(self, text):
        pass

    def do_main(self, order, fds, send):
        """The container's own process. The answer to `with`: it runs (or why not); to the order itself: how it ended."""
        hear, say = os.pipe2(os.O_CLOEXEC)
        alone = not order["init"]
        pid = sys_.clone(sys_.NEWPID | sys_.NEWNS) if alone else os.fork()
        if pid == 0:
            try:
                init.child()
                if alone:
                    own_proc()
                for number, fd in enumerate(fds):
                    os.dup2(fd, number)
                self.turn_into(order["argv"], order)
            except OSError as error:
                os.write(say, f"{error.errno} {error.strerror}".encode())
            finally:
                os._exit(127)
        os.close(say)
        failed = os.read(hear, 4096).decode()
        os.close(hear)
        if failed:
            os.waitpid(pid, 0)
            number, _, text = failed.partition(" ")
            self.say(order["with"], {"error": text, "errno": int(number)})
            self.say(order["n"], {"code": 127 if number == "2" else 126})
            return
        self.main = order["n"] if alone else 0
        if alone:
            try:
                self.spaces = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in (("pid", sys_.NEWPID), ("mnt", sys_.NEWNS))]
            except OSError:
                pass  # it has ended already
        self.answer_for(order, pid)
        self.say(order["with"], {})

    def do_kill(self, order, fds, send):
        """A signal to the container's process is for it alone, as from `docker kill`."""
        if order["order"] == self.main and (pid := self.started.get(self.main)):
            os.kill(pid, order.get("signal", signal.SIGKILL))
            return {}
        return super().do_kill(order, fds, send)

    def spawn(self, argv, fds, order):
        """A command beside it, in its spaces."""
        pid = os.fork()
        if pid:
            return pid
        try:
            init.child()
            nothing = os.open("/dev/null", os.O_RDWR)
            for number, fd in enumerate(fds):
                os.dup2(nothing if fd < 0 else fd, number)
            if order.get("terminal"):
                init.fcntl.ioctl(0, init.termios.TIOCSCTTY, 0)
            for fd, kind in self.spaces:
                sys_.setns(fd, kind)
            inner = os.fork()
            if inner:
                nothing = os.open("/dev/null", os.O_RDWR)
                for number in range(3):
                    os.dup2(nothing, number)
                _, status = os.waitpid(inner, 0)
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
            self.turn_into(argv, order)
        except OSError as error:
            os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
            os._exit(127 if error.errno == 2 else 126)
        finally:
            os._exit(1)

    def turn_into(self, argv, order):
        environment = {**self.environment, **order.get("environment", {})}
        if uid := order.get("uid", 0):
            environment.setdefault("HOME", order.get("home", "/"))
        else:
            environment.setdefault("HOME", order.get("home", "/root"))
        directory_ = order.get("directory") or "/"
        os.makedirs(directory_, exist_ok=True)
        os.chdir(directory_)
        if uid or order.get("gid"):
            os.setgroups([order.get("gid", 0)])
            os.setresgid(order["gid"], order["gid"], order["gid"])
            os.setresuid(uid, uid, uid)
        os.execvpe(argv[0], argv, environment)


def own_proc():
    """/proc of the new pid space, where the kernel lets us."""
    sys_.mount(None, "/", None, sys_.REC | sys_.PRIVATE)
    try:
        sys_.mount("proc", "/proc", "proc", machine.QUIET)
    except OSError:
        pass
