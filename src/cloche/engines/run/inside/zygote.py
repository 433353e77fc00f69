"""The zygote: an interpreter with everything imported, in the environments' own root, that forks one environment per order.

An environment is two processes: `init`, the first of its pid space, which mounts, opens the listeners inside the net space and hands them to
the server, then only waits; and the runtime, a fork of it without any privilege. When init ends the kernel ends all that is left.
    argv: JSON {"rootless", "net", "preload"}; the control socket is fd 3
"""
import errno
import gc
import json
import os
import resource
import select
import signal
import socket
import sys
import traceback

sys.path.insert(0, "/var/runtime/cloche")

import bootstrap
import snapshot
import syscalls as sys_

UID, GID = 993, 990  # sbx_user1051 on AWS
PROCESSES = 1024


def main():
    options = json.loads(sys.argv[1])
    control = socket.socket(fileno=3)
    if options["preload"]:
        bootstrap.preload(options["pyc"])
    sys.argv[:] = ["/var/runtime/bootstrap.py"]
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for an environment here: the kernel reaps
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control.send(json.dumps({"ready": True, "boto3": "boto3" in sys.modules, "version": sys.version.split()[0]}).encode())
    flags = sys_.NEWNS | sys_.NEWPID | sys_.NEWIPC | sys_.NEWUTS | (sys_.NEWNET if options["net"] else 0)
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1 << 20, 5)
        if not message:
            os._exit(0)
        order = json.loads(message)
        try:
            pid = sys_.clone(flags & ~sys_.NEWNET if order.get("joined") else flags)
        except OSError as error:
            socket.socket(fileno=os.dup(fds[0])).send(json.dumps({"error": str(error)}).encode())
            pid = -1
        if pid == 0:
            control.close()
            environment(order, options, fds)
        for fd in fds:
            os.close(fd)


def environment(order, options, fds):
    """Never returns."""
    control = socket.socket(fileno=fds[0])
    try:
        if order.get("joined"):
            sys_.setns(fds[-1], sys_.NEWNET)
            os.close(fds.pop())
        listeners = prepare(order, options)
        socket.send_fds(control, [b'{"hello": true}'], [s.fileno() for s in listeners])
        for s in listeners:
            s.close()
        if control.recv(16) != b"go":
            os._exit(1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if "extensions" in order:
            Family(order, options, control, fds).attend()
        runtime = os.fork()
        if runtime == 0:
            control.detach()
            become_runtime(order, options, fds)
        for fd in fds[1:]:
            os.close(fd)
        sys_.prctl(sys_.DUMPABLE, 0)
        sys_.drop_capabilities()
        while True:
            pid, status = os.waitpid(-1, 0)
            if pid == runtime:
                report = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit": os.WEXITSTATUS(status)}
                control.send(json.dumps(report).encode())
                os._exit(0)
    except BaseException as error:  # init's only voice is this socket
        try:
            control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(1)


class Family:
    """The processes of an environment with extensions: these first, the runtime when the server says so, and none takes the others along when it ends."""

    def __init__(self, order, options, control, fds):
        self.order, self.options, self.control, self.fds = order, options, control, fds
        self.children = {}  # pidfd -> (pid, name)
        self.poll = select.poll()
        self.poll.register(control, select.POLLIN)

    def attend(self):
        """Never returns."""
        sys_.prctl(sys_.DUMPABLE, 0)
        voice = self.fds[3]
        for name in self.order["extensions"]:
            self.start(name, [-1, -1, voice], {**self.order, "exec": [["/opt/extensions/" + name]], "env": self.order["extension_env"], "home": "/", "channel": False})
        os.close(voice)
        while True:
            for fd, _ in self.poll.poll():
                if fd == self.control.fileno():
                    self.obey(json.loads(self.control.recv(1 << 16) or b'{"end": 1}'))
                else:
                    self.buried(fd)

    def start(self, name, fds, order):
        pid = os.fork()
        if pid == 0:
            self.control.detach()
            become_runtime(order, self.options, fds)
        fd = os.pidfd_open(pid)
        self.children[fd] = pid, name
        self.poll.register(fd, select.POLLIN)

    def obey(self, said):
        if "end" in said:
            os._exit(0)
        elif "runtime" in said:
            _, channel, log, _ = self.fds
            self.start("", [-1, channel, log], self.order)
            os.close(channel)
            os.close(log)
            sys_.drop_capabilities(keep=1 << 5)  # CAP_KILL: it may still ask the runtime to end
        elif "terminate" in said:
            for pid, name in self.children.values():
                if name == said["terminate"]:  # not yet waited for: the pid is still its own
                    os.kill(pid, signal.SIGTERM)
        elif "connect" in said:
            self.connect(said["connect"], said["port"])

    def connect(self, serial, port):
        """A way for the server to who listens inside."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
            s.settimeout(1)
            try:
                s.connect(("127.0.0.1", port))
            except OSError as error:
                self.control.send(json.dumps({"connected": serial, "why": str(error)}).encode())
            else:
                socket.send_fds(self.control, [json.dumps({"connected": serial}).encode()], [s.fileno()])

    def buried(self, fd):
        pid, name = self.children.pop(fd)
        self.poll.unregister(fd)
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        report = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit": os.WEXITSTATUS(status)}
        self.control.send(json.dumps({"ended": name, **report}).encode())

def prepare(order, options):
    if order.get("image"):
        move_in(order)
        sys_.set_hostname("169-254-100-1")
        return listeners_of(order, options)
    sys_.mount("proc", "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
    sys_.mount("tmp", "/tmp", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=1777,size={}m".format(order["tmp_mb"]))
    # below a read-only mount: the bind is read-only as well
    sys_.mount("/.cloche/code/" + order["task"], "/var/task", None, sys_.BIND)
    if order.get("opt"):
        sys_.mount("/.cloche/code/" + order["opt"], "/opt", None, sys_.BIND)
    if order.get("lang"):
        sys_.mount("/.cloche/" + order["lang"], "/var/lang", None, sys_.BIND | sys_.REC)
    if order.get("modules"):
        sys_.mount("/.cloche/node_modules", "/var/runtime/node_modules", None, sys_.BIND | sys_.REC)
    for source, target in order.get("binds", ()):
        sys_.mount("/.cloche/code/" + source, target, None, sys_.BIND)
    if order.get("mounts"):
        share(order["mounts"])
    for name in os.listdir("/.cloche"):
        sys_.umount("/.cloche/" + name)
    sys_.set_hostname("169-254-100-1")
    return listeners_of(order, options)


def move_in(order):
    """An image's root becomes ours, read-only; of the old one nothing is left but devices and the files that say who is who in the network."""
    root = "/root"
    sys_.mount("/.cloche/code/" + order["image"], root, None, sys_.BIND)
    sys_.mount("proc", root + "/proc", "proc", sys_.NOSUID | sys_.NODEV | sys_.NOEXEC)
    sys_.mount("tmp", root + "/tmp", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=1777,size={}m".format(order["tmp_mb"]))
    sys_.mount("dev", root + "/dev", "tmpfs", sys_.NOSUID, "mode=755,size=64k")
    for name in os.listdir("/dev"):
        if os.path.islink("/dev/" + name):
            os.symlink(os.readlink("/dev/" + name), root + "/dev/" + name)
        else:
            os.close(os.open(root + "/dev/" + name, os.O_CREAT | os.O_WRONLY))
            sys_.mount("/dev/" + name, root + "/dev/" + name, None, sys_.BIND)
    for name in ("/etc/hosts", "/etc/resolv.conf"):
        sys_.mount(name, root + name, None, sys_.BIND)
    for source, target in order.get("binds", ()):
        sys_.mount("/.cloche/code/" + source, root + target, None, sys_.BIND)
    if order.get("mounts"):
        share(order["mounts"], root)
    sys_.pivot_root(root)


def listeners_of(order, options):
    listeners = []
    if options["net"] and not order.get("joined"):
        sys_.loopback_up()
    for port in order["ports"]:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port))
        s.listen(128)
        listeners.append(s)
    for port in order.get("doors", ()):                # who serves them listens, when it is time
        listeners.append(bound(socket.SOCK_STREAM, port))
    if order.get("resolver"):
        listeners.append(bound(socket.SOCK_DGRAM, order["resolver"]))
    if order.get("daemon"):
        listeners.append(bound(socket.SOCK_DGRAM, order["daemon"]))
    return listeners


def share(mounts, root=""):
    """Directories that others see as well, below /mnt: once the way to who has them is open, and in the runtime's own name."""
    sys_.mount("mnt", root + "/mnt", "tmpfs", sys_.NOSUID | sys_.NODEV, "mode=755,size=64k")
    for one in mounts:
        try:
            socket.create_connection((one["address"], one["port"]), timeout=one["patience"]).close()
        except OSError as error:
            raise OSError("UNREACHABLE {}: {}".format(one["name"], error)) from None
        os.mkdir(root + "/mnt/" + one["name"], 0o755)
        owners = sys_.owners(one["uid"], one["gid"], UID, GID)
        try:
            sys_.mount_as("/.cloche/shared/" + one["source"], root + "/mnt/" + one["name"], owners, one["read_only"])
        finally:
            os.close(owners)


def bound(kind, port):
    s = socket.socket(socket.AF_INET, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    return s


def become_runtime(order, options, fds):
    """Give up every privilege, then be the function's runtime. Never returns."""
    _, channel, log, *forks = fds
    code = 1
    try:
        os.setsid()
        if not options["rootless"]:
            os.fchown(log, UID, GID)  # so that `> /dev/stderr` opens
        nothing = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2), (channel, 3), (forks[0] if forks else -1, snapshot.FORKS)):
            if source >= 0 and source != target:
                os.dup2(source, target, inheritable=target < 3 or bool(order.get("channel")))
        os.closerange(5 if forks else 4, 64)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        if options["rootless"]:
            sys_.unshare(sys_.NEWUSER)
            sys_.map_ids(UID, GID, 0, 0)
        else:
            os.setgroups([])
            os.setresgid(GID, GID, GID)
        if options["rootless"]:  # counted within the user namespace made above; where the server is root a cgroup counts
            resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES, PROCESSES))
        else:
            if not options["counted"]:  # of all environments together, as they are one user
                resource.setrlimit(resource.RLIMIT_NPROC, (PROCESSES * 8, PROCESSES * 8))
            sys_.drop_bounding()
            os.setresuid(UID, UID, UID)
        sys_.drop_capabilities()
        for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.umask(0o022)
        try:
            os.chdir(order.get("home", "/var/task"))
        except OSError:
            code = 125
            return
        gc.enable()
        if order.get("exec"):
            if not order.get("channel"):
                os.closerange(3, 4)
            run(order)
        else:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGPIPE, signal.SIG_IGN)
            code = bootstrap.main(order["env"], (lambda handler: snapshot.keep(handler, listeners_of, options)) if forks else None)
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def start_image(argv, env):
    """As an image's author wrote it: looked for on its own PATH. Never returns."""
    try:
        os.execvpe(argv[0], argv, env)
    except (FileNotFoundError, NotADirectoryError, IndexError):
        os._exit(127)
    except OSError as error:
        os._exit(124 if error.errno == errno.ENOEXEC else 126)


def run(order):
    if order.get("image"):
        start_image(order["exec"][0], order["env"])
    for argv in order["exec"]:
        if os.path.exists(argv[0]):
            try:
                os.execve(argv[0], argv, order["env"])
            except OSError as error:
                os.write(2, (f"fork/exec {argv[0]}: {error.strerror.lower()}\n").encode())
                os._exit(126)
    os.write(2, ("Couldn't find valid bootstrap(s): [{}]\n".format(" ".join(argv[0] for argv in order["exec"]))).encode())
    os._exit(127)


if __name__ == "__main__":
    main()
