"""Is this SQL injection, is this cross-site scripting? Patterns of our own for the shapes that attacks take; AWS's detectors are not published.

LOW sensitivity finds what leaves a quote, chains a statement or is always true; HIGH takes fragments of SQL too, and so more that is harmless.
Every repetition that another could take over is bounded: who attacks chooses the text.
"""
from __future__ import annotations

import re

_SQL_LOW = [re.compile(p, re.I | re.S) for p in (
    rb"""['"`)]\s*(?:or|and|xor|\|\||&&)[\s('"`]{0,20}(?:not\b[\s('"`]{0,20})?[\w.]{0,100}['"`]?\s{0,20}(?:=|<>|!=|<|>|like\b|between\b|in\s*\(|is\s)""",   # ' or 1=1
    rb"""\b(?:or|and)\s+(['"]?)(\w+)\1\s*=\s*\1\2(?:\b|['"])|\b(?:or|and)\s+(['"])\3\s*=\s*\3""",                                       # or 7=7, or ""="
    rb"""\bunion\b(?:\s|/\*[^*]{0,50}\*/|\(|all\b|distinct\b){1,40}select\b""",
    rb""";\s*(?:drop|delete|insert|update|alter|create|truncate|exec|execute|shutdown|grant|declare)\s""",
    rb"""['"`][;)\s]{0,40}(?:--(?:\s|$|[+])|#\s*$|/\*)""",                                                                     # admin' --
    rb"""\b(?:sleep|benchmark|pg_sleep|load_file|extractvalue|updatexml|xp_cmdshell)\s*\(""",
    rb"""\bwaitfor\s+delay\b|\binto\s+(?:out|dump)file\b|\bexec(?:ute)?\s+(?:master\.\.)?xp_""",
    rb"""\bselect\b.{1,200}\bfrom\b\s+(?:information_schema|mysql|pg_catalog|sys(?:objects|\.|columns))""",
)]
_SQL_HIGH = [re.compile(p, re.I | re.S) for p in (
    rb"""\bselect\b.{1,200}\bfrom\b\s+\w""", rb"""\binsert\s+into\s+\w+""", rb"""\bdelete\s+from\s+\w""", rb"""\bdrop\s+(?:table|database|view|user)\s""",
    rb"""\bupdate\s+\w+\s+set\s+\w+\s*=""", rb"""\b(?:or|and)\s+\d+\s*(?:=|<|>)\s*\d+""", rb"""['"]\s*(?:or|and)\s*['"]""", rb"""--\s*$""", rb"""\border\s+by\s+\d+""",
)]
_XSS = [re.compile(p, re.I | re.S) for p in (
    rb"""<[\s/]{0,20}(?:script|iframe|object|embed|applet|base|meta|link|frame|frameset|xml|import|style|noscript)\b""",
    rb"""<\s{0,20}[a-z][\w:-]{0,40}(?:[\s/][^>]{0,400})?[\s/"']on[a-z]{3,20}\s{0,20}=""",                 # <img src=x onerror=
    rb"""(?:^|[\s"'/])on(?:error|load|click|focus|blur|mouse\w+|key\w+|submit|change|input|toggle|animation\w+|pointer\w+)\s*=""",
    rb"""(?:java|vb|live)\s*script\s*:""", rb"""data\s*:\s*(?:text/html|image/svg\+xml)""", rb"""<\s*(?:svg|math)\b""", rb"""\bexpression\s*\(""", rb"""<!(?:entity|doctype|\[cdata)""",
    rb"""\bsrcdoc\s*=""", rb"""\bdocument\s*\.\s*(?:cookie|write|domain|location)\b""",
)]


def sqli(value: bytes, sensitivity: str = "LOW") -> bool:
    return any(p.search(value) for p in _SQL_LOW) or (sensitivity == "HIGH" and any(p.search(value) for p in _SQL_HIGH))


def xss(value: bytes) -> bool:
    return any(p.search(value) for p in _XSS)
