"""Text transformations: what an attacker wrapped is unwrapped before a statement looks at it. Bytes in, bytes out, in the order of their priority."""
from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_to_bytes

SPACE = b" \t\n\r\f\v\xa0"
_ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def run(transformations: list[Any], value: bytes) -> bytes:
    for one in sorted(transformations, key=lambda t: t["Priority"]):
        value = BY_NAME[one["Type"]](value)
    return value


def compress_white_space(value: bytes) -> bytes:
    return re.sub(rb"[ \t\n\r\f\v\xa0]+", b" ", value)


def html_entity_decode(value: bytes) -> bytes:
    return html.unescape(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogatepass" if b"&#" in value else "surrogateescape")


def url_decode(value: bytes) -> bytes:
    return unquote_to_bytes(value.replace(b"+", b" "))


def url_decode_uni(value: bytes) -> bytes:
    """%uHHHH too; full-width ASCII (FF01 to FF5E) becomes ASCII, else the lower byte counts."""
    def char(m: re.Match[bytes]) -> bytes:
        code = int(m[1], 16)
        return bytes([code - 0xFEE0 if 0xFF01 <= code <= 0xFF5E else code & 0xFF])
    return url_decode(re.sub(rb"%[uU]([0-9a-fA-F]{4})", char, value))


def cmd_line(value: bytes) -> bytes:
    r"""\ " ' ^ away; no spaces before / and (; , and ; are spaces; spaces become one; lower case."""
    value = re.sub(rb"[\\\"'^]", b"", value)
    value = compress_white_space(re.sub(rb"[,;]", b" ", value))
    return re.sub(rb" +([/(])", rb"\1", value).lower()


def cmd_line_unix(value: bytes) -> bytes:
    return re.sub(rb" +([/(])", rb"\1", compress_white_space(re.sub(rb"[\\\"']", b"", value)))


def cmd_line_win(value: bytes) -> bytes:
    return re.sub(rb" +([/(])", rb"\1", compress_white_space(re.sub(rb"[\"^]", b"", value))).lower()


def base64_decode(value: bytes) -> bytes:
    """Strict: what is not base64 stays as it is."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except ValueError:
        return value


def base64_decode_ext(value: bytes) -> bytes:
    """Forgiving: what does not belong there is passed over."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", value)
    return base64.b64decode(kept[: len(kept) - (len(kept) % 4 == 1)] + b"=" * (-len(kept) % 4)) if kept else b""


def hex_decode(value: bytes) -> bytes:
    try:
        return bytes.fromhex(value.decode("ascii"))
    except ValueError:
        return value


def sql_hex_decode(value: bytes) -> bytes:
    return re.sub(rb"0[xX]((?:[0-9a-fA-F]{2})+)", lambda m: bytes.fromhex(m[1].decode()), value)


def escape_seq_decode(value: bytes) -> bytes:
    def one(m: re.Match[bytes]) -> bytes:
        word = m[1]
        if word[:1] in b"xX":
            return bytes([int(word[1:], 16)])
        if word[:1].isdigit():
            return bytes([int(word, 8) & 0xFF])
        return _ESCAPES.get(word, word)
    return re.sub(rb"\\([xX][0-9a-fA-F]{2}|[0-7]{1,3}|[abfnrtv\\?'\"])", one, value)


def css_decode(value: bytes) -> bytes:
    value = re.sub(rb"\\([0-9a-fA-F]{1,6})\s?", lambda m: bytes([int(m[1], 16) & 0xFF]), value)
    return re.sub(rb"\\(.)", rb"\1", value)


def js_decode(value: bytes) -> bytes:
    def code(m: re.Match[bytes]) -> bytes:
        number = int(m[1], 16)
        return bytes([number - 0xFEE0 if 0xFF01 <= number <= 0xFF5E else number & 0xFF])
    return escape_seq_decode(re.sub(rb"\\[uU]([0-9a-fA-F]{4})", code, value))


def normalize_path(value: bytes) -> bytes:
    """One slash for many; `.` and `..` resolved, except where they would lead out at the start."""
    out: list[bytes] = []
    for part in (parts := re.sub(rb"/+", b"/", value).split(b"/")):
        if part == b".":
            continue
        if part == b".." and out and out[-1] not in (b"", b".."):
            out.pop()
        elif part == b".." and out == [b""]:
            continue
        else:
            out.append(part)
    if parts[-1] in (b".", b"..") and out and out[-1]:
        out.append(b"")
    return b"/".join(out) if out != [b""] else b"/" if value.startswith(b"/") else b""


def replace_comments(value: bytes) -> bytes:
    """/* ... */ is one space, unclosed ones too; a */ by itself stays."""
    return re.sub(rb"/\*.*?(?:\*/|\Z)", b" ", value, flags=re.S)


def utf8_to_unicode(value: bytes) -> bytes:
    return b"".join(char.encode() if ord(char) < 128 else b"%%u%04x" % ord(char) for char in value.decode("utf-8", "replace"))


BY_NAME: dict[str, Callable[[bytes], bytes]] = {
    "NONE": lambda v: v, "LOWERCASE": bytes.lower, "UPPERCASE": bytes.upper, "COMPRESS_WHITE_SPACE": compress_white_space, "HTML_ENTITY_DECODE": html_entity_decode,
    "URL_DECODE": url_decode, "URL_DECODE_UNI": url_decode_uni, "CMD_LINE": cmd_line, "CMD_LINE_UNIX": cmd_line_unix, "CMD_LINE_WIN": cmd_line_win, "BASE64_DECODE": base64_decode,
    "BASE64_DECODE_EXT": base64_decode_ext, "HEX_DECODE": hex_decode, "SQL_HEX_DECODE": sql_hex_decode, "ESCAPE_SEQ_DECODE": escape_seq_decode, "CSS_DECODE": css_decode,
    "JS_DECODE": js_decode, "JS_DECODE_EXT": js_decode, "NORMALIZE_PATH": normalize_path, "NORMALIZE_PATH_WIN": lambda v: normalize_path(v.replace(b"\\", b"/")),
    "REPLACE_COMMENTS": replace_comments, "REMOVE_NULLS": lambda v: v.replace(b"\0", b""), "REPLACE_NULLS": lambda v: v.replace(b"\0", b" "), "UTF8_TO_UNICODE": utf8_to_unicode,
    "REMOVE_WHITESPACE": lambda v: re.sub(rb"[ \t\n\r\f\v\xa0]+", b"", v), "TRIM": lambda v: v.strip(SPACE), "TRIM_LEFT": lambda v: v.lstrip(SPACE),
    "TRIM_RIGHT": lambda v: v.rstrip(SPACE), "REMOVE_COMMENTS_CHAR": lambda v: re.sub(rb"/\*|\*/|--|#", b"", v),
    "MD5": lambda v: hashlib.md5(v, usedforsecurity=False).digest(), "SHA256": lambda v: hashlib.sha256(v).digest(),
}
