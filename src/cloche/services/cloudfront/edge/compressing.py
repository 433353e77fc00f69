"""Answers made shorter on their way to the cache: of kinds that CloudFront compresses, between 1,000 and 10,000,000 bytes, in gzip or Brotli as the viewer can read."""
from __future__ import annotations

import asyncio
import gzip

from cloche.engines import brotli

from .choosing import Pairs

LEAST, MOST = 1000, 10_000_000
KINDS = frozenset(("application/dash+xml", "application/eot", "application/font", "application/font-sfnt", "application/javascript", "application/json", "application/opentype", "application/otf",
                   "application/pdf", "application/pkcs7-mime", "application/protobuf", "application/rss+xml", "application/truetype", "application/ttf", "application/vnd.apple.mpegurl",
                   "application/vnd.mapbox-vector-tile", "application/vnd.ms-fontobject", "application/wasm", "application/xhtml+xml", "application/xml", "application/x-font-opentype",
                   "application/x-font-truetype", "application/x-font-ttf", "application/x-httpd-cgi", "application/x-javascript", "application/x-mpegurl", "application/x-opentype",
                   "application/x-otf", "application/x-perl", "application/x-ttf", "font/eot", "font/opentype", "font/otf", "font/ttf", "image/svg+xml", "text/css", "text/csv", "text/html",
                   "text/javascript", "text/js", "text/plain", "text/richtext", "text/tab-separated-values", "text/xml", "text/x-component", "text/x-java-source", "text/x-script",
                   "vnd.apple.mpegurl"))
STATUSES = (200, 403, 404)


def wanted(status: int, headers: Pairs, encodings: str, size: int) -> str:
    """`br`, `gzip`, or "" for none."""
    said = dict(headers)
    kind = said.get("content-type", "").partition(";")[0].strip().lower()
    if status not in STATUSES or "content-encoding" in said or kind not in KINDS or not LEAST <= size <= MOST or "content-length" not in said or "no-transform" in said.get("cache-control", ""):
        return ""
    able = encodings.split(",")
    return "br" if "br" in able and brotli.available() else "gzip" if "gzip" in able else ""


async def compressed(how: str, headers: Pairs, body: bytes) -> tuple[Pairs, bytes]:
    small = await asyncio.to_thread(brotli.compress if how == "br" else zipped, body)
    out = [(name, weak(value) if name == "etag" else value) for name, value in headers if name != "content-length"]
    if not any(name == "vary" and "accept-encoding" in value.lower() for name, value in out):
        out.append(("vary", "Accept-Encoding"))
    return [*out, ("content-encoding", how)], small


def zipped(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def weak(etag: str) -> str:
    return etag if etag.startswith("W/") else "W/" + etag
