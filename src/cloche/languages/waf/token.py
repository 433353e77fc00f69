"""The token of a client that has solved a challenge or a puzzle: the cookie `aws-waf-token`, and the pages that lead to it.

    payload "." tag "." solution        payload: who, when, where, which browser; tag: WAF's own mark on it; solution: what the client found

Nothing is kept of a token: the mark says that WAF made the task, the solution that it was solved. A challenge is a little work for a script; a puzzle is a sum
for a person, whose answer only the mark inside the payload knows. AWS's own tokens are a secret of AWS: these look like them from outside only.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, NamedTuple

COOKIE = "aws-waf-token"
IMMUNITY_SECONDS = 300
WORK = 4096                     # one in so many numbers solves a challenge
ABSENT, ACCEPTED, REJECTED = "absent", "accepted", "rejected"


class Token(NamedTuple):
    state: str                  # absent, rejected (with the reason) or accepted as far as it goes without its age
    reason: str = ""
    session: str = ""
    at: float = 0               # when the task was set
    since: float = 0            # when the session's first was
    puzzle: bool = False        # a person's puzzle was solved, not only a challenge
    agent: str = ""             # of the browser that it was set for
    driven: bool = False        # the browser said that a program drives it

    def status(self, now: float, immunity: float) -> tuple[str, str]:
        if self.state == ACCEPTED and now - self.at >= immunity:
            return REJECTED, "expired"
        return self.state, self.reason


NONE = Token(ABSENT)


def fingerprint(agent: str) -> str:
    return hashlib.sha256(agent.encode()).hexdigest()[:12]


def _mark(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:32]


def work(text: str) -> int:
    """FNV-1a, which a page computes without any library."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


def set_task(key: bytes, session: str, now: float, since: float, host: str, agent: str, answer: str = "") -> str:
    """What the client gets to solve; `answer` makes it a puzzle."""
    said: dict[str, Any] = {"s": session, "t": now, "f": since, "h": host, "u": fingerprint(agent)}
    if answer:
        said["a"] = _mark(key, f"{session} {now} {answer}")
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"{payload}.{_mark(key, payload)}"


def solve(task: str) -> str:
    """What a browser's script does with a challenge."""
    n = 0
    while work(f"{task}.{n}") % WORK:
        n += 1
    return f"{task}.{n}"


def read(cookie: str, key: bytes, host: str, domains: list[str]) -> Token:
    payload, _, rest = cookie.partition(".")
    tag, _, solution = rest.partition(".")
    if not key or not hmac.compare_digest(_mark(key, payload), tag):
        return Token(REJECTED, "invalid")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    about = {"session": said["s"], "at": said["t"], "since": said["f"], "agent": said["u"]}
    if said["h"] != host and not any(_within(said["h"], one) and _within(host, one) for one in domains):
        return Token(REJECTED, "domain_mismatch", **about)
    if "a" in said:
        right = hmac.compare_digest(said["a"], _mark(key, f"{said['s']} {said['t']} {solution.strip()}"))
        return Token(ACCEPTED, puzzle=True, **about) if right else Token(REJECTED, "not_solved", **about)
    number = solution.removesuffix("w")
    if not number.isdigit() or work(f"{payload}.{tag}.{number}") % WORK:
        return Token(REJECTED, "not_solved", **about)
    return Token(ACCEPTED, driven=solution.endswith("w"), **about)


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


_HEAD = '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>'
_KEEP = f'function keep(text) {{ document.cookie = "{COOKIE}=" + text + "; path=/; max-age=345600; samesite=lax"; location.reload(); }}'


def challenge_page(task: str) -> str:
    return _HEAD.format(title="One moment") + f"""<noscript>This page needs JavaScript.</noscript><script>
{_KEEP}
const task = {json.dumps(task)};
function work(text) {{
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return value;
}}
let n = 0;
while (work(task + "." + n) % {WORK}) n++;
keep(task + "." + n + (navigator.webdriver ? "w" : ""));
</script></body></html>"""


def puzzle_page(task: str, question: str) -> str:
    return _HEAD.format(title="Human verification") + f"""<form id="puzzle"><label>{question} <input name="answer" autocomplete="off" autofocus></label> <button>Confirm</button></form><script>
{_KEEP}
document.getElementById("puzzle").onsubmit = event => {{ event.preventDefault(); keep({json.dumps(task)} + "." + event.target.answer.value.trim()); }};
</script></body></html>"""
