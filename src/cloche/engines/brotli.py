"""Brotli, as the machine's own library does it (libbrotlienc comes with curl). Where there is none, nobody is promised it."""
from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from typing import Any

QUALITY, WINDOW, TEXT = 5, 22, 1


@cache
def _library() -> Any:
    for name in ("libbrotlienc.so.1", ctypes.util.find_library("brotlienc")):
        if name:
            try:
                found = ctypes.CDLL(name)
            except OSError:
                continue
            found.BrotliEncoderMaxCompressedSize.restype = ctypes.c_size_t
            return found
    return None


def available() -> bool:
    return _library() is not None


def compress(body: bytes) -> bytes:
    library = _library()
    room = int(library.BrotliEncoderMaxCompressedSize(ctypes.c_size_t(len(body)))) or len(body) + 1024
    out, size = ctypes.create_string_buffer(room), ctypes.c_size_t(room)
    if not library.BrotliEncoderCompress(QUALITY, WINDOW, TEXT, ctypes.c_size_t(len(body)), body, ctypes.byref(size), out):
        raise ValueError("Brotli could not compress it")
    return out.raw[: size.value]
