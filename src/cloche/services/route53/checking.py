"""The checkers: every so many seconds of the cloud's clock an endpoint is really asked, by HTTP or TCP.

Names of AWS's own endpoints are answered by this cloud; other names are looked up in its hosted zones. An address must be of this machine or of
Cloche's own public range: nothing else is connected to.
"""
from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

from cloche.engines.fetch import Unreachable, fetch
from cloche.kernel import Call, Request

from . import health_checks, public
from . import service as route53
from .health_checks import HealthCheck, Seen
from .public import NamesChanged

PATIENCE_SECONDS = 4
OURS = (".amazonaws.com", ".on.aws", ".cloudfront.net", ".elasticbeanstalk.com")
NEAR = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("198.18.0.0/15"))
UNKNOWN = "Failure: DNS resolution failed: no hosted zone of this cloud has an address for the name."
ELSEWHERE = "Failure: The endpoint is not a thing of this cloud, and Cloche asks nobody outside."


HOME = "us-east-1"                                     # Route 53 is of no region; its timers are kept here, whoever asks from where


def begin(call: Call, held: HealthCheck) -> None:
    call = call.at(call.account, HOME)
    if held.config["Type"] in health_checks.ENDPOINTS and not held.config["Disabled"]:
        call.again(1, look, held.id, check=held.id)
    else:
        end(call, held)


def end(call: Call, held: HealthCheck) -> None:
    call.at(call.account, HOME).cancel(look, held.id)


@route53.timer
def look(call: Call, check: str) -> None:
    held = call.get(HealthCheck, check)
    if held is not None:
        call.wake(probe, check)
        call.again(held.config["RequestInterval"], look, check, check=check)


@route53.worker
async def probe(call: Call, key: str) -> None:
    held = call.get(HealthCheck, key)
    if held is None:
        return
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            good, words = await ask(call, held.config)
    except TimeoutError:
        good, words = False, "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by your firewall."
    with call.step():
        now = call.get(HealthCheck, key)
        if now is None or now.version != held.version:
            return
        seen = Seen(call.now, good, words)
        call.cloud.memory.setdefault("route53.seen", {})[key] = seen
        if now.seen is not None and good == now.healthy and (now.seen.good, now.seen.words) == (good, words):
            return  # nothing new: nothing is written, so that the clock may pass over the next look
        streak = 0 if good == now.healthy else now.streak + 1
        turned = streak >= now.config["FailureThreshold"] or now.seen is None
        made = call.put(now.but(seen=seen, failed=now.failed if good else seen, healthy=good if turned else now.healthy, streak=0 if turned else streak))
        if words in (ELSEWHERE, UNKNOWN) and not made.healthy:
            end(call, made)                            # more looks would see the same, until names change


@route53.on(NamesChanged)
def look_again(call: Call, event: NamesChanged) -> None:
    """An endpoint that had no address may have one now."""
    for one in call.all(HealthCheck):
        if one.seen and one.seen.words in (ELSEWHERE, UNKNOWN) and one.config.get("FullyQualifiedDomainName"):
            begin(call, one)


def latest(call: Call, held: HealthCheck) -> Seen | None:
    """What was seen last; when exactly is known to memory alone while nothing changes."""
    return call.cloud.memory.get("route53.seen", {}).get(held.id) or held.seen


async def ask(call: Call, config: dict[str, Any]) -> tuple[bool, str]:
    """Whether the endpoint is well, and in which words the checker says so."""
    name, kind = config.get("FullyQualifiedDomainName", "").lower().rstrip("."), config["Type"]
    if name.endswith(OURS) and not config.get("IPAddress") and kind != "TCP":
        status, body = await _inside(call, config, name)
        return _judge(config, status, body)
    address = config.get("IPAddress") or _found(call, name)
    if not address:
        return False, UNKNOWN
    if not any(ipaddress.ip_address(address) in net for net in NEAR):
        return False, ELSEWHERE
    try:
        if kind == "TCP":
            _, writer = await asyncio.open_connection(address, config["Port"])
            writer.close()
            return True, "Success: TCP connection established."
        scheme = "https" if kind.startswith("HTTPS") else "http"
        answer = await fetch("GET", f"{scheme}://{address}:{config['Port']}{_path(config)}", [("Host", _host(config, name or address)), ("User-Agent", "Amazon-Route53-Health-Check-Service")],
                             verify=False, limit=1 << 20)
    except (Unreachable, OSError) as error:
        return False, f"Failure: The endpoint could not be reached: {error}"
    return _judge(config, answer.status, answer.body)


def _path(config: dict[str, Any]) -> str:
    path = config.get("ResourcePath") or "/"
    return path if path.startswith("/") else "/" + path


def _host(config: dict[str, Any], name: str) -> str:
    return name if config["Port"] in (80, 443) else f"{name}:{config['Port']}"


def _found(call: Call, name: str) -> str:
    if not name:
        return ""
    found = public.lookup(call, name, "A", account=call.account)
    return next((value for _, type_, _, value in found.records if type_ == "A"), "")


async def _inside(call: Call, config: dict[str, Any], host: str) -> tuple[int, bytes]:
    request = Request("GET", _path(config), {"host": host, "user-agent": "Amazon-Route53-Health-Check-Service"}, b"", None, config["Type"].startswith("HTTPS"), "127.0.0.1")
    answered = asyncio.get_running_loop().create_future()
    call.cloud.handle(request, lambda response: answered.done() or answered.set_result(response))
    response = await answered
    body = response.body if isinstance(response.body, bytes) else b""
    return response.status, body


def _judge(config: dict[str, Any], status: int, body: bytes) -> tuple[bool, str]:
    if not 200 <= status < 400:
        return False, f"Failure: HTTP Status Code {status}"
    if (wanted := config.get("SearchString")) and wanted.encode() not in body[:5120]:
        return False, f"Failure: HTTP Status Code {status}, the search string was not found in the first 5,120 bytes of the body."
    return True, f"Success: HTTP Status Code {status}, OK" if status == 200 else f"Success: HTTP Status Code {status}"
