"""One health check: a request of the load balancer's own (`ELB-HealthChecker/2.0`), a connection, or an event for a function.

A call that nobody answers is given up after a second at most: inside one machine an answer comes in less than a millisecond, or never. For the answer to a
request the whole timeout is waited.
"""
from __future__ import annotations

from typing import Any

from cloche.engines.relay import upstream
from cloche.engines.relay.upstream import Failed
from cloche.kernel import AwsError, Call

from .. import nodes
from ..balancers import LoadBalancer
from ..health import Found
from ..target_groups import MOST_CODES, TargetGroup, codes
from ..targets import Target
from . import forwarding, lambda_events, listening

CALL_SECONDS = 1.0
AGENT = "ELB-HealthChecker/2.0"


def verdict(group: TargetGroup, status: int) -> Found:
    if any(low <= status <= high for low, high in codes(group.check["Matcher"]["HttpCode"], MOST_CODES[group.level])):
        return Found(True)
    return Found(False, "Target.ResponseCodeMismatch", str(status))


async def probe(call: Call, balancer: LoadBalancer, group: TargetGroup, target: Target) -> Found:
    if group.type == "lambda":
        return await _function(call, group, target)
    there = nodes.of(call, balancer)
    node = next((one for one in there if one.zone == target.zone), there[0] if there else None)
    if group.type == "alb":
        return _balancer(call, target)
    sock = await listening.outgoing(call, node)
    if sock is None:
        return Found(False, "Elb.InternalError")
    port = target.port if group.check["HealthCheckPort"] == "traffic-port" else int(group.check["HealthCheckPort"])
    return await ask(sock, target.address, port, group)


async def ask(sock: Any, address: str, port: int, group: TargetGroup) -> Found:
    """By the protocol of the group's check, on a socket that has not called anyone yet."""
    seconds, protocol = float(group.check["HealthCheckTimeoutSeconds"]), group.check["HealthCheckProtocol"]
    try:
        connection = await upstream.connect(sock, address, port, min(seconds, CALL_SECONDS), forwarding.to_anybody() if protocol == "HTTPS" else None)
    except Failed as trouble:
        return Found(False, "Target.Timeout" if trouble.why == "silent" else "Target.FailedHealthChecks")
    try:
        if protocol == "TCP":
            return Found(True)
        host = address if port in (80, 443) else f"{address}:{port}"
        head = f"GET {group.check['HealthCheckPath']} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nUser-Agent: {AGENT}\r\nAccept-Encoding: gzip, compressed\r\n\r\n"
        answer = await connection.ask("GET", head.encode(), None, False, seconds)
        return verdict(group, answer.status)
    except Failed as trouble:
        return Found(False, "Target.Timeout" if trouble.why == "slow" else "Target.FailedHealthChecks")
    finally:
        connection.drop()


async def _function(call: Call, group: TargetGroup, target: Target) -> Found:
    from cloche.services.lambda_ import public as functions
    many = group.attribute("lambda.multi_value_headers.enabled") == "true"
    event = lambda_events.health_event(group.arn, group.check["HealthCheckPath"], many)
    try:
        result = await functions.invoke(call, target.id, call.encode(event), service="elasticloadbalancing.amazonaws.com", source_arn=group.arn, source_account=call.account)
        if result.failed:
            return Found(False, "Target.FailedHealthChecks")
        return verdict(group, lambda_events.answer(result.payload, many).status)
    except (AwsError, lambda_events.Malformed):
        return Found(False, "Target.FailedHealthChecks")


def _balancer(call: Call, target: Target) -> Found:
    """A load balancer as a target is well when it is active and listens at the port."""
    from ..index import index
    found = call.get(LoadBalancer, target.id.split("/")[2])
    listens = found is not None and any(one.port == target.port for one in index(call).listeners.get(found.name, ()))
    return Found(True) if found is not None and found.state == "active" and listens else Found(False, "Target.FailedHealthChecks")
