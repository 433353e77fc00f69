"""Orders and answers at the inner end of a socket: what the holder and the init of every machine have in common.

An order `{"n": 7, "do": "run", ...}` with descriptors beside it is answered `{"n": 7, ...}` when it is done. A process started for an order is
answered for when it has ended; children that nobody started here are only reaped, as the first process of a pid space must.
"""
import json
import os
import select
import signal
import socket


class Orders:
    def __init__(self, control):
        self.control = control
        self.children = {}  # pid -> what to do with its exit status
        self.started = {}  # number of an order -> the process it started
        self.listening = {}  # descriptor -> what to do when it can be read
        self.over = False
        self.poll = select.poll()

    def listen(self):
        """Until the other end is gone, or `over`."""
        woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.heed(self.control.fileno(), self.hear)
        self.heed(woken, lambda: self.reap(os.read(woken, 4096)))
        self.reap(b"")
        while not self.over:
            for fd, _ in self.poll.poll():
                then = self.listening.get(fd)
                try:
                    if then:
                        then()
                except OSError:
                    if fd == self.control.fileno():
                        raise
                    self.ignore(fd)  # what it told of is no more

    def heed(self, fd, then):
        self.listening[fd] = then
        self.poll.register(fd, select.POLLIN)

    def ignore(self, fd):
        if self.listening.pop(fd, None):
            self.poll.unregister(fd)

    def hear(self):
        try:
            message, fds, _, _ = socket.recv_fds(self.control, 1 << 18, 16)
        except ConnectionResetError:
            message = b""
        if not message:
            self.over = True
            return
        order = json.loads(message)
        if order.get("long"):  # it is in the last of the files beside it
            with open(fds.pop(), "rb") as f:
                order = json.load(f)
        send = []  # descriptors that go with the answer; the order's own and these are closed afterwards
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

    def say(self, number, answer, fds=()):
        socket.send_fds(self.control, [json.dumps({"n": number, **answer}).encode()], list(fds))

    def reap(self, _):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if then := self.children.pop(pid, None):
                then(os.waitstatus_to_exitcode(status))

    def answer_for(self, order, pid):
        """The answer to this order is how the process ended."""
        self.started[order["n"]] = pid
        self.children[pid] = lambda code: (self.started.pop(order["n"]), self.say(order["n"], {"code": code}))

    def do_kill(self, order, fds, send):
        """A signal to the process of an earlier order and to all that it started; its own answer follows."""
        if pid := self.started.get(order["order"]):
            os.killpg(pid, order.get("signal", signal.SIGKILL))
        return {}
