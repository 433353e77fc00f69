"""What comes in: a body, collected or still on its way, taken out of its chunks, summed, compared with what was promised, and put away.

A collected body is dealt with at once. A stream goes to a file in pieces of a megabyte or so: while threads sum and write one, the next
is read. Memory does not grow with the object.
"""
from __future__ import annotations

import asyncio
import hashlib
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.wire import checksums, chunked, sigv4

from . import errors
from .cipher import Cipher
from .rows import INLINE, name_of

MOST_BYTES = 5 * 1024**3  # of one PUT
PIECE = 2 << 20
KINDS = {"CRC32": "crc32", "CRC32C": "crc32c", "CRC64NVME": "crc64nvme", "SHA1": "sha1", "SHA256": "sha256", "SHA512": "sha512", "MD5": "md5"}
LENGTHS = {**checksums.SIZES, "sha512": 64, "md5": 16}
UNBUILT = {"ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"}
MEMBERS = {f"Checksum{name}": kind for name, kind in KINDS.items()}


class Stored(msgspec.Struct):
    """A body put away: in `body`, or in the file `file`."""

    size: int
    md5: bytes
    sums: dict[str, str] = {}
    body: bytes | None = None
    file: str | None = None
    path: Path | None = None


class Promise(msgspec.Struct):
    """What the client says of the body beforehand."""

    md5: bytes | None = None
    kind: str = ""              # of checksum, if any
    value: str = ""             # "": comes in the trailer
    trailer: str = ""           # name of the trailing header
    sha256: str = ""            # x-amz-content-sha256, when it is a hash
    chunks: str = ""            # or the kind of aws-chunked body
    length: int | None = None   # of the data


def promised(call: Call, req: Any, default: str = "") -> Promise:
    """Reads the headers about the body. `default` is the checksum to make if the client asks for none."""
    promise = Promise(kind=default)
    headers = call.request.headers if call.wire and call.request is not None else {}
    text = req.get("ContentMD5") or headers.get("content-md5")  # newer models leave it out of some operations; s3cmd sends it
    if text is not None:
        try:
            promise.md5 = b64decode(text, validate=True)
        except ValueError:
            raise errors.no_digest(text) from None
        if len(promise.md5) != 16:
            raise errors.no_digest(text)
    given = list(MEMBERS.keys() & req.keys())
    if not UNBUILT.isdisjoint(req):
        raise errors.not_implemented("", "XXHASH checksums are not built in Cloche yet")
    if len(given) > 1:
        raise errors.invalid("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
    if given:
        promise.kind, promise.value = MEMBERS[given[0]], req[given[0]]
        _readable(promise)
    said = headers.get("x-amz-content-sha256", "")
    length = headers.get("content-length")
    if said.startswith("STREAMING-"):
        if said not in chunked.KINDS:
            raise errors.not_implemented("x-amz-content-sha256")
        promise.chunks, length = said, headers.get("x-amz-decoded-content-length")
        if length is None:
            raise errors.no_length()
        if trailer := headers.get("x-amz-trailer", "").strip().lower():
            promise.trailer = trailer
            kind = trailer.removeprefix("x-amz-checksum-")
            if kind == trailer or kind not in LENGTHS:
                raise errors.invalid("The value specified in the x-amz-trailer header is not supported")
            if given:
                raise errors.invalid("Expecting a single x-amz-checksum- header")
            promise.kind = kind
    elif len(said) == 64:
        promise.sha256 = said
    if length is not None and length.isdigit():
        promise.length = int(length)
        if promise.length > MOST_BYTES:
            raise errors.too_large(promise.length, MOST_BYTES)
    if (algorithm := req.get("ChecksumAlgorithm")) is not None and not given and not promise.trailer and call.wire and f"x-amz-checksum-{algorithm.lower()}" not in headers:
        if algorithm not in KINDS:
            raise errors.invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
        raise errors.invalid("x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
    return promise


def _readable(promise: Promise) -> None:
    value = promise.value.partition("-")[0] if promise.kind in ("crc32", "crc32c", "sha1", "sha256") else promise.value
    try:
        fits = len(b64decode(value, validate=True)) == LENGTHS[promise.kind]
    except ValueError:
        fits = False
    if not fits:
        raise errors.unreadable_sum(f"x-amz-checksum-{promise.kind}")


def kept(call: Call, promise: Promise, body: bytes, cipher: Cipher | None = None, part: int = 0) -> Stored:
    """A body that is all there."""
    if promise.chunks:
        body, trailers = _refusing(chunked.decode, body, promise.chunks, *_claim(call, promise), promise.length, promise.trailer)
        if promise.trailer:
            promise.value = trailers[promise.trailer]
            _readable(promise)
    size = len(body)
    if size > MOST_BYTES:
        raise errors.too_large(size, MOST_BYTES)
    md5 = hashlib.md5(body, usedforsecurity=False).digest()
    sums = {promise.kind: _sum(promise.kind, body)} if promise.kind else {}
    _compare(promise, md5, sums, "")
    if cipher is not None:
        body = cipher.writer(part).update(body)
    if size <= INLINE:
        return Stored(size, md5, sums, body)
    path = call.file("s3")
    path.write_bytes(body)
    return Stored(size, md5, sums, None, name_of(call, path), path)


def _sum(kind: str, body: bytes) -> str:
    summing = _new(kind)
    summing.update(body)
    return b64encode(summing.digest()).decode()


def _new(kind: str) -> Any:
    return checksums.new(kind) if kind in checksums.SIZES else hashlib.new(kind, usedforsecurity=False)


def _claim(call: Call, promise: Promise) -> tuple[Any, str]:
    if promise.chunks == chunked.UNSIGNED_TRAILER:
        return None, ""
    from cloche.kernel import authenticate
    claim = sigv4.parse(call.request)
    if claim is None:
        raise errors.access_denied()
    return claim, authenticate.known(call.cloud, claim.access_key, call.service.model)[0]


def _refusing(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except sigv4.Malformed as error:
        raise AwsError(error.code, error.message, error.status, extra=error.extra) from None


def _compare(promise: Promise, md5: bytes, sums: dict[str, str], sha256: str) -> None:
    if promise.md5 is not None and promise.md5 != md5:
        raise errors.bad_digest(b64encode(promise.md5).decode(), b64encode(md5).decode())
    if sha256 and promise.sha256.lower() != sha256:
        raise _refusing_with(sigv4.body_differs(promise.sha256, sha256))
    if promise.value and sums[promise.kind] != promise.value:
        raise errors.bad_sum(promise.kind)


def _refusing_with(error: sigv4.Malformed) -> AwsError:
    return AwsError(error.code, error.message, error.status, extra=error.extra)


async def streamed(call: Call, promise: Promise, stream: AsyncIterator[bytes], cipher: Cipher | None = None, part: int = 0) -> Stored:
    """A body that is still coming. If anything is wrong with it, its file is gone when the error is raised."""
    if promise.length is None:
        raise errors.not_implemented("Transfer-Encoding") if "transfer-encoding" in call.request.headers else errors.no_length()
    decoder = chunked.Decoder(promise.chunks, *_claim(call, promise), promise.length, promise.trailer) if promise.chunks else None
    md5, others = hashlib.md5(usedforsecurity=False), []
    summing = _new(promise.kind) if promise.kind else None
    sha = hashlib.sha256() if promise.sha256 else None
    others = [s for s in (summing, sha) if s is not None]
    path, size, going = call.file("s3"), 0, None
    sealing = cipher.writer(part) if cipher is not None else None
    file = path.open("wb", buffering=0)

    def put(pieces: list[Any]) -> None:
        for piece in pieces:
            for one in others:
                one.update(piece)
            file.write(piece if sealing is None else sealing.update(piece))

    def digest(pieces: list[Any]) -> None:
        for piece in pieces:
            md5.update(piece)

    def both(pieces: list[Any]) -> None:
        put(pieces)
        digest(pieces)

    try:
        pieces, waiting = [], 0
        async for data in stream:
            for piece in _refusing(decoder.feed, data) if decoder is not None else (data,):
                pieces.append(piece)
                waiting += len(piece)
            if waiting >= PIECE:
                size += waiting
                if size > promise.length:
                    raise errors.incomplete()
                if going is not None:
                    await going
                going = asyncio.gather(asyncio.to_thread(put, pieces), asyncio.to_thread(digest, pieces)) if sha else asyncio.ensure_future(asyncio.to_thread(both, pieces))
                pieces, waiting = [], 0
        if going is not None:
            await going
        put(pieces)
        digest(pieces)
        size += waiting
        if decoder is not None:
            _refusing(decoder.finish)
            if promise.trailer:
                promise.value = decoder.trailers[promise.trailer]
                _readable(promise)
        if size != promise.length:
            raise errors.incomplete()
        sums = {promise.kind: b64encode(summing.digest()).decode()} if summing is not None else {}
        _compare(promise, md5.digest(), sums, sha.hexdigest() if sha else "")
    except BaseException:
        if going is not None:
            await asyncio.gather(going, return_exceptions=True)
        path.unlink(missing_ok=True)
        raise
    finally:
        file.close()
    return Stored(size, md5.digest(), sums, None, name_of(call, path), path)


def discard(stored: Stored) -> None:
    """The file of a stream whose step then failed."""
    if stored.path is not None:
        stored.path.unlink(missing_ok=True)


def check_document(call: Call, req: Any) -> None:
    """The digests that come with an XML document; one is required where it would be costly to misread."""
    if not call.wire:
        return
    body = call.request.body
    promise = promised(call, req)
    if promise.chunks:
        raise errors.not_implemented("x-amz-content-sha256")
    headers = call.request.headers
    kind = next((name for name in LENGTHS if f"x-amz-checksum-{name}" in headers), "")
    if promise.md5 is None and not kind:
        raise errors.invalid("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
    promise.kind, promise.value = kind, headers.get(f"x-amz-checksum-{kind}", "")
    _compare(promise, hashlib.md5(body, usedforsecurity=False).digest(), {kind: _sum(kind, body)} if kind else {}, "")
