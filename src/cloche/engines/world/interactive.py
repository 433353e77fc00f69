"""A command in a machine that somebody talks with: bytes in, bytes out, a window's size, and its end."""
from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .line import Answer

PIECE = 1024  # what is heard at a time


class Process:
    """`said` is called with (False, output) and (True, errors) as they come; `ended` is resolved with its code when all has been said."""

    def __init__(self, stdin: int, stdout: int, stderr: int, code: asyncio.Future[Answer]) -> None:
        self.stdin, self.code = stdin, code
        self.said: Callable[[bool, bytes], None] = lambda error, text: None
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.outputs = {fd: error for fd, error in ((stdout, False), (stderr, True)) if fd >= 0}
        self.unwritten = bytearray()
        for fd in {stdin, *self.outputs} - {-1}:
            os.set_blocking(fd, False)
        code.add_done_callback(lambda _: self._end())

    def listen(self, said: Callable[[bool, bytes], None]) -> None:
        self.said = said
        for fd in self.outputs:
            asyncio.get_running_loop().add_reader(fd, self._heard, fd)

    def _heard(self, fd: int) -> None:
        try:
            text = os.read(fd, PIECE)
        except BlockingIOError:
            return
        except OSError:  # nobody has the terminal open any more
            text = b""
        if text:
            self.said(self.outputs[fd], text)
            return
        asyncio.get_running_loop().remove_reader(fd)
        if fd != self.stdin:
            os.close(fd)
        del self.outputs[fd]
        self._end()

    def _end(self) -> None:
        if self.outputs or not self.code.done() or self.ended.done():
            return
        self._close_input()
        self.ended.set_result(self.code.result()[0]["code"] if not self.code.exception() else -9)

    def write(self, text: bytes) -> None:
        if self.stdin < 0:
            return
        self.unwritten += text
        self._write()

    def _write(self) -> None:
        loop = asyncio.get_running_loop()
        while self.unwritten:
            try:
                del self.unwritten[:os.write(self.stdin, self.unwritten)]
            except BlockingIOError:
                loop.add_writer(self.stdin, self._write)
                return
            except OSError:
                self.unwritten.clear()
        loop.remove_writer(self.stdin)

    def resize(self, columns: int, rows: int) -> None:
        if self.stdin >= 0:
            fcntl.ioctl(self.stdin, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Nobody is there any more: a terminal's processes get SIGHUP, others find the end of their input."""
        for fd in list(self.outputs):
            asyncio.get_running_loop().remove_reader(fd)
            if fd != self.stdin:
                os.close(fd)
        self.outputs.clear()
        self._close_input()
        self._end()

    def _close_input(self) -> None:
        if self.stdin >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_writer(self.stdin)
            os.close(self.stdin)
            self.stdin = -1
