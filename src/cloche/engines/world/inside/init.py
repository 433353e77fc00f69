"""The first process of a machine: it reaps, does what cloud-init does, runs commands that come from outside the network, and ends the machine.

It is a fork of the holder, has given up everything but the guest's rights, and cannot be read or traced by the guest's root. What it does is told to it
in plain steps (the server has read the user data): scripts, files, users, commands.
    from outside: {"do": "exec" | "terminal" | "kill" | "end"}; to outside: {"hello"}, answers, {"ended": why}
"""
import fcntl
import json
import os
import signal
import socket
import termios
import time
import warnings  # noqa: F401 - os.exec wants it, and later there is no library to take it from

import orders
import syscalls as sys_
import userdata

ENDS = {signal.SIGUSR1: "halt", signal.SIGUSR2: "poweroff", signal.SIGTERM: "reboot", signal.SIGINT: "reboot"}
GRACE_SECONDS = 5.0
STATUS = {"halt": 0, "poweroff": 0, "reboot": 3}


class Init(orders.Orders):
    def __init__(self, control, order):
        super().__init__(control)
        self.order = order
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **order["environment"]}

    def live(self):
        sys_.prctl(sys_.DUMPABLE, 0)
        nothing = os.open("/dev/null", os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.setsid()
        os.umask(0o022)
        os.environ.clear()
        console = os.open("/dev/console", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        reading = os.open("/dev/console", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self.console = console
        socket.send_fds(self.control, [b'{"hello": true}'], [reading])
        os.close(reading)
        if self.control.recv(16) != b"go":
            os._exit(1)
        self.booted = time.monotonic()
        for number in ENDS:
            signal.signal(number, self.asked)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self.tell(f"Cloche machine {self.order['name']} ({os.uname().release}) starts\r\n".encode())
        self.start_steps()
        if daemon := self.order.get("daemon"):
            self.spawn(daemon, [-1, -1, -1], {})
        self.listen()

    def tell(self, text):
        """To the console: nobody reads it, nobody waits."""
        try:
            os.write(self.console, text)
        except BlockingIOError:
            pass

    # user data
    def start_steps(self):
        hear, say = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid == 0:
            try:
                child()
                os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
                os.dup2(say, 1)
                os.dup2(say, 2)
                userdata.run(self.order, self.environment, self.booted)
            except BaseException as error:
                os.write(2, f"cloud-init: {type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(0)
        os.close(say)
        self.children[pid] = lambda code: None
        self.log = -1
        self.heed(hear, lambda: self.copy(hear))

    def copy(self, hear):
        """What user data says goes to its log and to the console."""
        text = os.read(hear, 1 << 16)
        if not text:
            self.ignore(hear)
            os.close(hear)
            return
        if self.log < 0:
            os.makedirs("/var/log", exist_ok=True)
            self.log = os.open("/var/log/cloud-init-output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        os.write(self.log, text)
        self.tell(text.replace(b"\n", b"\r\n"))

    # commands from outside
    def spawn(self, argv, fds, order):
        pid = os.fork()
        if pid:
            return pid
        try:
            child()
            nothing = os.open("/dev/null", os.O_RDWR)
            for number, fd in enumerate(fds):
                os.dup2(nothing if fd < 0 else fd, number)
            if order.get("terminal"):
                fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            environment = {**self.environment, **order.get("environment", {})}
            userdata.become(order.get("user") or "root", environment, order.get("directory"))
            os.execvpe(argv[0], argv, environment)
        except OSError as error:
            os.write(2, f"{argv[0]}: {error.strerror}\n".encode())
            os._exit(127 if error.errno == 2 else 126)
        except BaseException as error:
            os.write(2, f"{error}\n".encode())
        finally:
            os._exit(1)

    def do_exec(self, order, fds, send):
        self.answer_for(order, self.spawn(order["argv"], fds, order))

    def do_terminal(self, order, fds, send):
        """A command on a terminal of the machine's own; the answer to `with` is the terminal's other end, that to the order is how it ended."""
        master, slave = os.openpty()
        self.answer_for(order, self.spawn(order["argv"], [slave] * 3, {**order, "terminal": True}))
        os.close(slave)
        self.say(order["with"], {}, [master])
        os.close(master)

    # the end
    def asked(self, number, _):
        self.end(ENDS[number])

    def do_end(self, order, fds, send):
        self.say(order["n"], {})
        self.end(order["how"])

    def end(self, how):
        """Ask everybody to go, then go: the kernel ends who stayed."""
        self.tell(f"The system is going down for {how} now\r\n".encode())
        for number in ENDS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCONT):
            try:
                os.kill(-1, number)
            except ProcessLookupError:
                break  # nobody is there but this process
        until = time.monotonic() + GRACE_SECONDS
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        while time.monotonic() < until:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                time.sleep(0.01)
        self.control.send(json.dumps({"ended": how}).encode())
        os._exit(STATUS[how])


def child():
    """What a fresh process of the machine has to put back."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (*ENDS, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
