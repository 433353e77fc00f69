"""S3 Select: a query over one object, answered as a stream of events. The language is `languages/s3select`.

Everything that may be wrong with the request, up to the first records, is said as an error of HTTP; what the rest of the object turns out to hold ends the
stream. Records are read and written in a thread, a batch at a time.
"""
from __future__ import annotations

import asyncio
import bz2
import zlib
from collections.abc import AsyncIterator, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call
from cloche.languages import s3select
from cloche.languages.s3select import records
from cloche.wire.http import FileBody

from . import encryption, rows
from . import service as s3
from .buckets import find
from .objects import ARCHIVES, may_read, seek

if TYPE_CHECKING:
    from cloche.shapes import s3 as t

BATCH = 64 * 1024  # of output, or of records looked at, before the client hears something
PIECE = 256 * 1024


@s3.op(needs=may_read, partly="of Parquet: plain and dictionary pages, as they are or packed by Snappy or GZIP; the delta encodings of newer writers are not read")
async def select_object_content(call: Call, req: t.SelectObjectContentRequest) -> t.SelectObjectContentOutput:
    with call.step():
        bucket = find(call, req["Bucket"], req)
        v = seek(call, bucket, req, body=True)
        encryption.unseal(call, bucket, v, req)
        if v.storage_class in ARCHIVES or v.storage_class == "REDUCED_REDUNDANCY":
            raise AwsError("UnsupportedStorageClass", "Encountered an unsupported storage class. Only STANDARD, STANDARD_IA, and ONEZONE_IA storage classes are supported.")
        if req["ExpressionType"] != "SQL":
            raise AwsError("InvalidExpressionType", "The ExpressionType is invalid. Only SQL expressions are supported.")
        work = Work(call, rows.content(call, v), v.size, req)
    first = await asyncio.to_thread(work.batch)
    return {"Payload": _events(work, first, bool((req.get("RequestProgress") or {}).get("Enabled")))}  # type: ignore[typeddict-item]


async def _events(work: Work, found: bytes, progress: bool) -> AsyncIterator[dict[str, Any]]:
    while True:
        if found:
            yield {"Records": {"Payload": found}}
        if progress:
            yield {"Progress": {"Details": work.counted()}}
        if work.over:
            break
        found = await asyncio.to_thread(work.batch)
    yield {"Stats": {"Details": work.counted()}}
    yield {"End": {}}


class Work:
    """One query on its way through one object."""

    def __init__(self, call: Call, content: bytes | FileBody, size: int, req: Any) -> None:
        self.content, self.size = content, size
        self.scanned = self.processed = self.returned = 0
        self.over = False
        self.how, self.kind, self.packed = _input(req["InputSerialization"])
        self.out = _output(req["OutputSerialization"])
        self.start, self.end = _range(req.get("ScanRange"), size, self.kind, self.how, self.packed)
        self.now = call.now
        try:
            self.query = s3select.read(req["Expression"])
        except s3select.Invalid as wrong:
            raise AwsError(wrong.code, wrong.message) from None
        self.written: list[str] = []
        self.waiting = 0
        self.steps: Iterator[None] = self._steps()

    def counted(self) -> dict[str, int]:
        return {"BytesScanned": self.scanned, "BytesProcessed": self.processed, "BytesReturned": self.returned}

    def batch(self) -> bytes:
        """In a thread: the next records of the result."""
        try:
            for _ in self.steps:
                if self.waiting >= BATCH:
                    break
            else:
                self.over = True
            data = "".join(self.written).encode()
        except s3select.Invalid as wrong:
            raise AwsError(wrong.code, wrong.message) from None
        except (RecursionError, ValueError, OverflowError):  # numbers of thousands of digits, half letters, values nested a thousand deep
            raise AwsError("InvalidDataType", "The SQL expression or the file contains a value that cannot be dealt with.") from None
        self.written, self.waiting = [], 0
        self.returned += len(data)
        return data

    def _write(self, names: list[str], values: list[Any]) -> None:
        text = self.out.write(names, values)
        if len(text) > records.MOST_BYTES:
            raise s3select.Invalid("OverMaxRecordSize", "The length of a record in the input or result is greater than maxCharsPerRecord of 1 MB.")
        self.written.append(text)
        self.waiting += len(text)

    def _steps(self) -> Iterator[None]:
        found, run = self._records()
        for n, record in enumerate(found):
            if run.over:
                return
            run.take(record, self._write)
            if not n % 256:
                yield
            if self.waiting >= BATCH:
                yield
        run.end(self._write)

    def _records(self) -> tuple[Iterator[Any], s3select.Run]:
        if self.kind == "Parquet":
            return s3select.parquet.rows(self._fetch, self.size, self.start, self.end), s3select.Run(self.query, None, self.now)
        if self.kind == "JSON":
            if self.how == "DOCUMENT":
                return records.json_document(self._pieces()), s3select.Run(self.query, None, self.now)
            pieces, at = self._within(b"\n")
            return records.json_lines(pieces, self.end, at), s3select.Run(self.query, None, self.now)
        how, header = self.how
        names: tuple[str, ...] = ()
        if header != "NONE" and self.start:
            names = tuple(next(records.csv(self._raw(0), how), []))  # the first line is the first of the object, wherever the range begins
            self.scanned = 0
        pieces, at = self._within(how.record)
        found = records.csv(pieces, how, self.end, at)
        if header != "NONE" and not self.start:
            names = tuple(next(found, []))
        return found, s3select.Run(self.query, names if header == "USE" else (), self.now)

    # --- bytes

    def _raw(self, start: int) -> Iterator[bytes]:
        if isinstance(self.content, bytes):
            pieces: Iterator[bytes] = iter([self.content[at:at + PIECE] for at in range(start, len(self.content), PIECE)])
        else:
            pieces = self.content._replace(offset=start, length=self.size - start).pieces(PIECE)
        for piece in pieces:
            self.scanned += len(piece)
            yield piece

    def _fetch(self, at: int, length: int) -> bytes:
        """A stretch of a file that is not read from its beginning."""
        if at < 0 or length < 0 or at + length > self.size:
            raise ValueError
        self.scanned += length
        self.processed += length
        return self.content[at:at + length] if isinstance(self.content, bytes) else b"".join(self.content._replace(offset=at, length=length).pieces(PIECE))

    def _pieces(self) -> Iterator[bytes]:
        """The object's bytes, out of their compression."""
        opened: Any = {"GZIP": lambda: zlib.decompressobj(31), "BZIP2": bz2.BZ2Decompressor, "NONE": lambda: None}[self.packed]()
        for piece in self._raw(0):
            while piece:
                left = b""
                if opened is not None:
                    try:
                        piece, left = _opened(opened, piece)
                    except (zlib.error, OSError, EOFError):
                        raise s3select.Invalid("InvalidCompressionFormat", "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.") from None
                self.processed += len(piece)
                yield piece
                piece = left
        if opened is not None and not opened.eof:
            raise s3select.Invalid("TruncatedInput", "Object decompression failed. Check that the object is properly compressed using the format specified in the request.")

    def _within(self, delimiter: bytes) -> tuple[Iterator[bytes], int]:
        """The bytes from the first record on that begins at `start` or later, and where that is."""
        if not self.start:
            return self._pieces(), 0
        pieces, at, data = self._raw(max(self.start - len(delimiter), 0)), max(self.start - len(delimiter), 0), b""
        for piece in pieces:
            data += piece
            if (found := data.find(delimiter)) >= 0:
                data = data[found + len(delimiter):]
                return self._passed(data, pieces), at + found + len(delimiter)
            gone = max(len(data) - len(delimiter) + 1, 0)
            at, data = at + gone, data[gone:]
        return iter(()), self.size

    def _passed(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        for piece in chain((first,), rest):
            self.processed += len(piece)
            yield piece


def _opened(opened: Any, piece: bytes) -> tuple[bytes, bytes]:
    """A stretch of what is packed, and what is still packed: a small file may hold a large one."""
    if isinstance(opened, bz2.BZ2Decompressor):
        if opened.eof:
            return b"", b""
        data = opened.decompress(piece, PIECE)
        while not opened.needs_input and not opened.eof:
            data += opened.decompress(b"", PIECE)
            if len(data) > 1 << 28:
                raise s3select.Invalid("OverMaxRecordSize", "The length of a record in the input or result is greater than maxCharsPerRecord of 1 MB.")
        return data, b""
    return opened.decompress(piece, PIECE), opened.unconsumed_tail


# --- what the request says ----------------------------------------------------------------------------------------------------

def _input(wanted: dict[str, Any]) -> tuple[Any, str, str]:
    """How records lie in the object: (Csv and FileHeaderInfo, or the type of JSON), the kind, the compression."""
    packed = wanted.get("CompressionType", "NONE")
    if packed not in ("NONE", "GZIP", "BZIP2"):
        raise AwsError("InvalidCompressionFormat", "The file is not in a supported compression format. Only GZIP and BZIP2 are supported.")
    kinds = [kind for kind in ("CSV", "JSON", "Parquet") if wanted.get(kind) is not None]
    if not kinds:
        raise AwsError("InvalidDataSource", "Invalid data source type. Only CSV, JSON, and Parquet are supported.")
    if len(kinds) > 1:
        raise AwsError("MultipleDataSourcesUnsupported", "Multiple data sources are not supported.")
    described = wanted[kinds[0]]
    if kinds == ["Parquet"]:
        if packed != "NONE":
            raise AwsError("InvalidCompressionFormat", "S3 Select doesn't support whole-object compression for Parquet objects.")
        return None, "Parquet", packed
    if kinds == ["JSON"]:
        if described.get("Type") not in ("DOCUMENT", "LINES"):
            raise AwsError("InvalidJsonType", "The JsonType is invalid. Only DOCUMENT and LINES are supported.")
        return described["Type"], "JSON", packed
    header = described.get("FileHeaderInfo", "NONE").upper()
    if header not in ("NONE", "USE", "IGNORE"):
        raise AwsError("InvalidFileHeaderInfo", "The FileHeaderInfo is invalid. Only NONE, USE, and IGNORE are supported.")
    quote = described.get("QuoteCharacter", '"')
    how = records.Csv(_mark(described.get("RecordDelimiter"), "\n", 2).encode(), _mark(described.get("FieldDelimiter"), ",", 2), quote[:1],
                      described.get("QuoteEscapeCharacter") or quote or '"', described.get("Comments", "#"), bool(described.get("AllowQuotedRecordDelimiter")))
    return (how, header), "CSV", packed


def _mark(given: str | None, usual: str, most: int) -> str:
    mark = given or usual
    if len(mark) > most:
        raise AwsError("InvalidRequestParameter", "The value of a parameter in the SelectRequest element is invalid. Check the service API documentation and try again.")
    return mark


def _output(wanted: dict[str, Any]) -> Any:
    if wanted.get("CSV") is not None and wanted.get("JSON") is not None:
        raise AwsError("ObjectSerializationConflict", "The SelectRequest entity can only contain one of CSV or JSON.")
    if (described := wanted.get("JSON")) is not None:
        return records.JsonOut(described.get("RecordDelimiter", "\n"))
    if (described := wanted.get("CSV")) is None:
        raise AwsError("InvalidDataSource", "Invalid data source type. Only CSV and JSON are supported for the result.")
    fields = described.get("QuoteFields", "ASNEEDED").upper()
    if fields not in ("ALWAYS", "ASNEEDED"):
        raise AwsError("InvalidQuoteFields", "The QuoteFields is invalid. Only ALWAYS and ASNEEDED are supported.")
    quote = described.get("QuoteCharacter") or '"'
    return records.CsvOut(_mark(described.get("RecordDelimiter"), "\n", 2), _mark(described.get("FieldDelimiter"), ",", 2), quote, described.get("QuoteEscapeCharacter") or quote, fields == "ALWAYS")


def _range(wanted: Any, size: int, kind: str, how: Any, packed: str) -> tuple[int, int | None]:
    if wanted is None:
        return 0, None
    if packed != "NONE" or how == "DOCUMENT" or (kind == "CSV" and how[0].quoted_records):
        raise AwsError("UnsupportedScanRangeInput", "Scan range queries are not supported on this type of object.")
    start, end = wanted.get("Start"), wanted.get("End")
    if (start is None and end is None) or (start or 0) < 0 or (end is not None and end < 0) or (start is not None and end is not None and start > end):
        raise AwsError("InvalidScanRange", "The scan range is invalid: it must have a start or an end, and not end before it begins.")
    if start is None:
        return max(size - end, 0), None
    if start >= size > 0:
        raise AwsError("InvalidScanRange", "The scan range is invalid: it begins behind the end of the object.")
    return start, end
