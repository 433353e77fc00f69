"""Attributes of load balancers, target groups and listeners: tables of name, default, and what may stand there.

What is kept is only what was set; the rest is the table's.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from . import errors

Check = Callable[[str], bool]


def one_of(*values: str) -> Check:
    return lambda value: value in values


def between(low: int, high: int, *also: int) -> Check:
    return lambda value: value.isdigit() and (low <= int(value) <= high or int(value) in also)


def text(pattern: str) -> Check:
    return lambda value: re.fullmatch(pattern, value) is not None


BOOLEAN, ANYTHING = one_of("true", "false"), text(r"[^\r\n]*")
COUNT = lambda value: value == "off" or (value.isdigit() and int(value) >= 1)
PERCENT = lambda value: value == "off" or (value.isdigit() and 1 <= int(value) <= 100)


class Attribute(NamedTuple):
    default: str
    allowed: Check


A = Attribute
_LOGS = {f"{kind}.s3.{name}": A("false" if name == "enabled" else "", BOOLEAN if name == "enabled" else ANYTHING)
         for kind in ("access_logs", "connection_logs", "health_check_logs") for name in ("enabled", "bucket", "prefix")}
_BOTH = {
    **{k: v for k, v in _LOGS.items() if k.startswith("access")}, "deletion_protection.enabled": A("false", BOOLEAN), "ipv6.deny_all_igw_traffic": A("false", BOOLEAN),
    "zonal_shift.config.enabled": A("false", BOOLEAN),
}
BALANCER: dict[str, dict[str, Attribute]] = {
    "application": {
        **_BOTH, **_LOGS, "load_balancing.cross_zone.enabled": A("true", one_of("true")), "idle_timeout.timeout_seconds": A("60", between(1, 4000)),
        "client_keep_alive.seconds": A("3600", between(60, 604800)), "routing.http.desync_mitigation_mode": A("defensive", one_of("monitor", "defensive", "strictest")),
        "routing.http.drop_invalid_header_fields.enabled": A("false", BOOLEAN), "routing.http.preserve_host_header.enabled": A("false", BOOLEAN),
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": A("false", BOOLEAN), "routing.http.xff_client_port.enabled": A("false", BOOLEAN),
        "routing.http.xff_header_processing.mode": A("append", one_of("append", "preserve", "remove")), "routing.http2.enabled": A("true", BOOLEAN),
        "waf.fail_open.enabled": A("false", BOOLEAN),
    },
    "network": {
        **_BOTH, "load_balancing.cross_zone.enabled": A("false", BOOLEAN), "secondary_ips.auto_assigned.per_subnet": A("0", between(0, 7)),
        "dns_record.client_routing_policy": A("any_availability_zone", one_of("any_availability_zone", "availability_zone_affinity", "partial_availability_zone_affinity")),
    },
}

_HEALTH = {
    "target_group_health.dns_failover.minimum_healthy_targets.count": A("1", COUNT), "target_group_health.dns_failover.minimum_healthy_targets.percentage": A("off", PERCENT),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": A("1", between(1, 1000)),
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": A("off", PERCENT),
    "load_balancing.cross_zone.enabled": A("use_load_balancer_configuration", one_of("true", "false", "use_load_balancer_configuration")),
}
GROUP: dict[str, dict[str, Attribute]] = {
    "application": {
        **_HEALTH, "deregistration_delay.timeout_seconds": A("300", between(0, 3600)), "stickiness.enabled": A("false", BOOLEAN),
        "stickiness.type": A("lb_cookie", one_of("lb_cookie", "app_cookie")), "stickiness.lb_cookie.duration_seconds": A("86400", between(1, 604800)),
        "stickiness.app_cookie.duration_seconds": A("86400", between(1, 604800)), "stickiness.app_cookie.cookie_name": A("", text(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")),
        "slow_start.duration_seconds": A("0", between(30, 900, 0)), "load_balancing.algorithm.type": A("round_robin", one_of("round_robin", "least_outstanding_requests", "weighted_random")),
        "load_balancing.algorithm.anomaly_mitigation": A("off", one_of("on", "off")),
    },
    "network": {
        **_HEALTH, "deregistration_delay.timeout_seconds": A("300", between(0, 3600)), "deregistration_delay.connection_termination.enabled": A("false", BOOLEAN),
        "stickiness.enabled": A("false", BOOLEAN), "stickiness.type": A("source_ip", one_of("source_ip")), "preserve_client_ip.enabled": A("true", BOOLEAN),
        "proxy_protocol_v2.enabled": A("false", BOOLEAN), "target_health_state.unhealthy.connection_termination.enabled": A("true", BOOLEAN),
        "target_health_state.unhealthy.draining_interval_seconds": A("0", between(0, 360000)),
    },
    "lambda": {"lambda.multi_value_headers.enabled": A("false", BOOLEAN)},
}

_SENT = ("strict_transport_security", "access_control_allow_origin", "access_control_allow_methods", "access_control_allow_headers", "access_control_allow_credentials",
         "access_control_expose_headers", "access_control_max_age", "content_security_policy", "x_content_type_options", "x_frame_options")
RESPONSE_HEADERS = {f"routing.http.response.{name}.header_value": name.replace("_", "-") for name in _SENT}
REQUEST_HEADERS = {f"routing.http.request.{name}.header_name": name.replace("_", "-")
                   for name in ("x_amzn_tls_version", "x_amzn_tls_cipher_suite")}
_SERVER = {"routing.http.response.server.enabled": A("true", BOOLEAN)}
LISTENER: dict[str, dict[str, Attribute]] = {
    "HTTP": {**_SERVER, **{name: A("", ANYTHING) for name in RESPONSE_HEADERS}},
    "HTTPS": {**_SERVER, **{name: A("", ANYTHING) for name in (*RESPONSE_HEADERS, *REQUEST_HEADERS)}},
    "TCP": {"tcp.idle_timeout.seconds": A("350", between(60, 6000))},
    "UDP": {}, "TLS": {"tcp.idle_timeout.seconds": A("350", between(60, 6000))}, "TCP_UDP": {"tcp.idle_timeout.seconds": A("350", between(60, 6000))},
}


def changed(table: Mapping[str, Attribute], given: Any, kept: Mapping[str, str], what: str, everything: Mapping[str, Mapping[str, Attribute]]) -> dict[str, str]:
    """What is kept after a Modify...Attributes."""
    out, seen = dict(kept), set()
    for pair in given:
        key, value = pair.get("Key", ""), pair.get("Value", "")
        if key in seen:
            raise errors.same_attribute_twice(key)
        seen.add(key)
        if key not in table:
            raise errors.attribute_not_for(key, what) if any(key in other for other in everything.values()) else errors.unknown_attribute(key, what)
        if not table[key].allowed(value):
            raise errors.bad_attribute(key, value, what)
        out[key] = value
    return out


def shown(table: Mapping[str, Attribute], kept: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": kept.get(key, attribute.default)} for key, attribute in table.items()]


def value(table: Mapping[str, Attribute], kept: Mapping[str, str], key: str) -> str:
    return kept[key] if key in kept else table[key].default
