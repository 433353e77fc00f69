"""`aws-chunked` bodies, taken apart as they come: signed or not, with or without trailing headers.

`Decoder.feed` gives the data as soon as it is there; a wrong signature is found at the end of its chunk, so nothing that was fed
may be kept before `finish` has agreed.
"""
from __future__ import annotations

import hmac
from hashlib import sha256

from . import sigv4
from .sigv4 import Claim, Malformed

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
KINDS = (SIGNED, SIGNED_TRAILER, UNSIGNED_TRAILER)

LONGEST_HEAD = 1024
LONGEST_TRAILER = 16 * 1024
SMALLEST_SIGNED_CHUNK = 8192  # but the last
_EMPTY = sha256(b"").hexdigest()


class Decoder:
    """For one body. `kind` is its x-amz-content-sha256, `announced` its x-amz-trailer."""

    def __init__(self, kind: str, claim: Claim | None = None, secret: str = "", length: int | None = None, announced: str = ""):
        self.kind, self.signed = kind, kind != UNSIGNED_TRAILER
        self._announced = {name.strip().lower() for name in announced.split(",") if name.strip()}
        self._claim, self._secret, self._length = claim, secret, length
        self._before = claim.signature if claim else ""
        self._state, self._rest, self._left, self._got = self._head, b"", 0, 0
        self._hash, self._expected, self._small = sha256(), "", False
        self._trailer_size = 0
        self._lines: list[bytes] = []
        self._out: list[bytes] = []
        self.done = False
        self.trailers: dict[str, str] = {}

    def feed(self, data: bytes) -> list[bytes | memoryview]:
        """The decoded pieces that these bytes complete."""
        self._out = out = []
        if self._state == self._data and len(data) <= self._left:  # the middle of a chunk: nothing to look at
            self._take(data)
            return out
        self._rest = memoryview(self._rest + data if self._rest else data)
        while not self.done and self._state():
            pass
        self._rest = bytes(self._rest)
        return out

    def finish(self) -> None:
        """The body is over: it must be whole."""
        if not self.done:
            if self._state != self._trailer or self.kind != SIGNED or self._lines:
                raise incomplete()
            self.done = True  # some clients leave out the last empty line
        if self._length is not None and self._got != self._length:
            raise incomplete()

    def _line(self, longest: int) -> bytes | None:
        head = bytes(self._rest[: longest + 2])
        end = head.find(b"\n")
        if end < 0:
            if len(head) > longest:
                raise unreadable()
            return None
        self._rest = self._rest[end + 1 :]
        return head[:end].rstrip(b"\r")

    def _head(self) -> bool:
        line = self._line(LONGEST_HEAD)
        if line is None:
            return False
        size, _, extensions = line.partition(b";")
        try:
            self._left = int(size.strip(), 16)
        except ValueError:
            raise unreadable() from None
        if self._left < 0 or b"_" in size:
            raise unreadable()
        if self.signed:
            name, _, value = extensions.strip().partition(b"=")
            if name != b"chunk-signature":
                raise unreadable()
            self._expected, self._hash = value.decode("latin-1"), sha256()
            if self._left:
                if self._small:
                    raise Malformed("InvalidChunkSizeError", "Only the last chunk is allowed to have a size less than 8192 bytes", 403)
                self._small = self._left < SMALLEST_SIGNED_CHUNK
        if self._length is not None and self._got + self._left > self._length:
            raise incomplete()
        if self._left:
            self._state = self._data
        else:
            self._close_chunk()
            self._state = self._trailer
        return True

    def _take(self, piece: bytes | memoryview) -> None:
        if self.signed:
            self._hash.update(piece)
        self._out.append(piece)
        self._left -= len(piece)
        self._got += len(piece)
        if not self._left:
            self._state = self._gap

    def _data(self) -> bool:
        if not self._rest:
            return False
        piece = self._rest[: self._left]
        self._rest = self._rest[self._left :]
        self._take(piece)
        return True

    def _gap(self) -> bool:
        if len(self._rest) < 2:
            return False
        if self._rest[:2] != b"\r\n":
            raise unreadable()
        self._rest = self._rest[2:]
        self._close_chunk()
        self._state = self._head
        return True

    def _close_chunk(self) -> None:
        if self.signed:
            self._check("AWS4-HMAC-SHA256-PAYLOAD", _EMPTY + "\n" + self._hash.hexdigest(), self._expected)

    def _check(self, algorithm: str, hashes: str, expected: str) -> None:
        claim = self._claim
        text = "\n".join((algorithm, claim.stamp, "/".join(claim.scope) + "/aws4_request", self._before, hashes))
        signature = sigv4.sign(self._secret, claim.scope, text.encode())
        if not hmac.compare_digest(signature.encode(), expected.encode("latin-1", "replace")):
            raise Malformed("SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. "
                            "Check your key and signing method.", 403)
        self._before = signature

    def _trailer(self) -> bool:
        line = self._line(LONGEST_TRAILER)
        if line is None:
            return False
        if line:
            self._trailer_size += len(line)
            if self._trailer_size > LONGEST_TRAILER or self.kind == SIGNED:
                raise bad_trailer()
            self._lines.append(line)
            return True
        if not self._rest or self.kind == SIGNED or self._lines or not self._announced:
            self._read_trailers()
            self.done = True
            return False
        return True  # an empty line before announced trailers

    def _read_trailers(self) -> None:
        signature = ""
        for line in self._lines:
            name, found, value = line.decode("utf-8", "replace").partition(":")
            name, value = name.strip().lower(), value.strip()
            if not found:
                raise bad_trailer()
            if name == "x-amz-trailer-signature":
                signature = value
            else:
                self.trailers[name] = value
        if self.trailers.keys() != self._announced:
            raise bad_trailer()
        if self.kind == SIGNED_TRAILER:
            text = "".join([f"{name}:{self.trailers[name]}\n" for name in sorted(self.trailers)])
            self._check("AWS4-HMAC-SHA256-TRAILER", sha256(text.encode()).hexdigest(), signature)


def decode(body: bytes, kind: str, claim: Claim | None = None, secret: str = "", length: int | None = None, announced: str = "") -> tuple[bytes, dict[str, str]]:
    """A body that is all there."""
    decoder = Decoder(kind, claim, secret, length, announced)
    data = b"".join(decoder.feed(body))
    decoder.finish()
    return data, decoder.trailers


def incomplete() -> Malformed:
    return Malformed("IncompleteBody", "The request body terminated unexpectedly")


def unreadable() -> Malformed:
    return Malformed("InvalidRequest", "The chunked body of the request is not well-formed")


def bad_trailer() -> Malformed:
    return Malformed("MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
