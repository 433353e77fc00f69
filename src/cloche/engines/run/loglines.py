"""What an environment writes to stdout and stderr: one pipe, one event a line, in the order written.

A line that ends in NUL goes on in the next: that is how our runtimes keep a record of several lines one event. Draining is synchronous, so that
everything written before an answer is counted to that answer.
"""
from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

LINE_LIMIT = 256 << 10
EVENTS_LIMIT = 20_000  # kept for one invocation; a function that shouts more than that loses the oldest


class LogLines:
    def __init__(self, heard: Callable[[str], None] | None = None) -> None:
        self.heard = heard  # told each line as it comes
        self.loop = asyncio.get_running_loop()
        self.reading, self.writing = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.reading, False)
        self.buffer = b""
        self.lines: list[tuple[float, str]] = []
        self.open = True
        self.loop.add_reader(self.reading, self.drain)

    def started(self) -> None:
        """The environment has its end: close ours, so that its end is seen."""
        os.close(self.writing)
        self.writing = -1

    def drain(self) -> None:
        while self.open:
            try:
                data = os.read(self.reading, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            self._take(data)
            if len(data) < 4096:
                return

    def _take(self, data: bytes) -> None:
        now = time.time()
        self.buffer += data
        *whole, self.buffer = self.buffer.split(b"\n")
        held = b""
        for line in whole:
            if line.endswith(b"\0"):
                held += line[:-1] + b"\n"
                continue
            text = (held + line).decode("utf-8", "replace")
            self.lines.append((now, text + "\n"))
            if self.heard:
                self.heard(text)
            held = b""
        if held:
            self.buffer = held.replace(b"\n", b"\0\n") + self.buffer
        if len(self.buffer) > LINE_LIMIT:
            self.lines.append((now, self.buffer.decode("utf-8", "replace")))
            self.buffer = b""
        del self.lines[:-EVENTS_LIMIT]

    def take(self) -> list[tuple[float, str]]:
        self.drain()
        if self.buffer:  # an unfinished line at the end of an invocation is a line
            self.lines.append((time.time(), self.buffer.decode("utf-8", "replace")))
            if self.heard:
                self.heard(self.lines[-1][1])
            self.buffer = b""
        lines, self.lines = self.lines, []
        return lines

    def close(self) -> None:
        if self.open:
            self.open = False
            self.loop.remove_reader(self.reading)
            os.close(self.reading)
            if self.writing >= 0:
                self.started()
