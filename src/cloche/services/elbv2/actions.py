"""Actions of listeners and rules, checked and brought into the form in which AWS shows them."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import Call

from . import errors, limits, target_groups
from .balancers import LoadBalancer
from .index import index

FINAL = ("forward", "redirect", "fixed-response")
AUTHENTICATE = ("authenticate-oidc", "authenticate-cognito")
CONFIGS = {"forward": "ForwardConfig", "redirect": "RedirectConfig", "fixed-response": "FixedResponseConfig", "authenticate-oidc": "AuthenticateOidcConfig",
           "authenticate-cognito": "AuthenticateCognitoConfig"}
CONTENT_TYPES = ("text/plain", "text/css", "text/html", "application/javascript", "application/json")
REDIRECT = {"Protocol": "#{protocol}", "Port": "#{port}", "Host": "#{host}", "Path": "/#{path}", "Query": "#{query}"}
KEYWORDS = {"Protocol": ("protocol",), "Port": ("port",), "Host": ("host",), "Path": ("host", "path", "port"), "Query": ("host", "path", "port", "query", "protocol")}
COMPATIBLE = {"TCP": ("TCP", "TCP_UDP"), "TLS": ("TCP", "TLS"), "UDP": ("UDP", "TCP_UDP"), "TCP_UDP": ("TCP_UDP",)}
COOKIE = {"SessionCookieName": "AWSELBAuthSessionCookie", "Scope": "openid", "SessionTimeout": 604800, "OnUnauthenticatedRequest": "authenticate"}


def checked(call: Call, balancer: LoadBalancer, protocol: str, given: list[Any], old: list[Any] | None = None) -> list[Any]:
    """In their order, the last one final."""
    if not given:
        raise errors.not_an_action("At least one action must be specified")
    ordered = sorted(given, key=lambda one: one.get("Order", 0 if one["Type"] in AUTHENTICATE else 50001))
    orders = [one["Order"] for one in given if "Order" in one]
    if len(given) > 1 and (len(orders) < len(given) or len(set(orders)) < len(orders)):
        raise errors.not_an_action("Actions must have unique orders when more than one is specified")
    final = [one for one in ordered if one["Type"] in FINAL]
    if len(final) != 1 or ordered[-1]["Type"] not in FINAL:
        raise errors.not_an_action("Actions must include exactly one of the action types 'forward', 'redirect' and 'fixed-response', and it must be the last one")
    out = []
    for one in ordered:
        kind = one["Type"]
        if kind == "jwt-validation":
            raise errors.jwt_not_built()
        for other, name in CONFIGS.items():
            if other != kind and one.get(name):
                raise errors.not_an_action(f"'{name}' cannot be specified for actions with type '{kind}'")
        if balancer.type == "network" and kind != "forward":
            raise errors.not_an_action(f"Action type '{kind}' is not supported for listeners of Network Load Balancers")
        if kind in AUTHENTICATE and protocol != "HTTPS":
            raise errors.not_an_action(f"Action type '{kind}' is only supported for HTTPS listeners")
        shown = {"Type": kind} | ({"Order": one["Order"]} if "Order" in one else {})
        out.append(shown | (_forward(call, balancer, protocol, one) if kind == "forward" else SIMPLE[kind](one, old)))
    return out


def _forward(call: Call, balancer: LoadBalancer, protocol: str, one: Any) -> Any:
    config = one.get("ForwardConfig") or {}
    groups = [dict(each) for each in config.get("TargetGroups", ())]
    if arn := one.get("TargetGroupArn"):
        if groups and [each.get("TargetGroupArn") for each in groups] != [arn]:
            raise errors.not_an_action("You can specify both a target group ARN and a forward config only if they name the same single target group")
        groups = groups or [{"TargetGroupArn": arn}]
    if not groups:
        raise errors.not_an_action("A target group must be specified for actions with type 'forward'")
    if len(groups) > limits.GROUPS_PER_ACTION:
        raise errors.too_many_groups_in_action()
    if len({each["TargetGroupArn"] for each in groups}) < len(groups):
        raise errors.not_an_action("A target group can be specified only once in a forward action")
    for each in groups:
        group = target_groups.find(call, each["TargetGroupArn"])
        each["Weight"] = each.get("Weight", 1)
        if not 0 <= each["Weight"] <= 999:
            raise errors.validation(f"Weight '{each['Weight']}' must be between '0' and '999'")
        fits(call, balancer, protocol, group)
    sticky = config.get("TargetGroupStickinessConfig") or {}
    shown = {"Enabled": bool(sticky.get("Enabled", False))}
    if shown["Enabled"] and not 1 <= sticky.get("DurationSeconds", 0) <= 604800:
        raise errors.validation("Target group stickiness duration must be between '1' and '604800' seconds")
    if "DurationSeconds" in sticky:
        shown["DurationSeconds"] = sticky["DurationSeconds"]
    alone = {"TargetGroupArn": groups[0]["TargetGroupArn"]} if len(groups) == 1 else {}
    return alone | {"ForwardConfig": {"TargetGroups": groups, "TargetGroupStickinessConfig": shown}}


def fits(call: Call, balancer: LoadBalancer, protocol: str, group: target_groups.TargetGroup) -> None:
    if balancer.type == "application" and group.level == "network":
        raise errors.incompatible(f"Target group protocol '{group.protocol}' is not compatible with listeners of protocol '{protocol}'")
    if balancer.type == "network" and group.protocol not in COMPATIBLE[protocol]:
        raise errors.incompatible(f"Target group protocol '{group.protocol or 'lambda'}' is not compatible with listeners of protocol '{protocol}'")
    if group.vpc and group.vpc != balancer.vpc:
        raise errors.group_elsewhere(group.arn)
    if index(call).users.get(group.arn, set()) - {balancer.name}:
        raise errors.group_has_balancer([group.arn])


def _fixed(one: Any, old: Any) -> Any:
    config = dict(one.get("FixedResponseConfig") or {})
    if not config:
        raise errors.not_an_action("A fixed response config must be specified for actions with type 'fixed-response'")
    if config.get("ContentType") and config["ContentType"] not in CONTENT_TYPES:
        raise errors.validation(f"Fixed response content type '{config['ContentType']}' must be one of '[{', '.join(CONTENT_TYPES)}]'")
    return {"FixedResponseConfig": config}


def _redirect(one: Any, old: Any) -> Any:
    config = REDIRECT | (one.get("RedirectConfig") or {})
    if "StatusCode" not in config:
        raise errors.not_an_action("A redirect config must be specified for actions with type 'redirect'")
    for member, words in KEYWORDS.items():
        if strange := [word for word in re.findall(r"#\{([^}]*)\}", config[member]) if word not in words]:
            raise errors.not_an_action(f"The keyword '#{{{strange[0]}}}' cannot be used in the redirect's {member.lower()}")
    port = config["Port"]
    if port != "#{port}" and not (port.isdigit() and 1 <= int(port) <= 65535):
        raise errors.validation(f"Redirect port '{port}' must be '#{{port}}' or a number between '1' and '65535'")
    if not config["Path"].startswith("/"):
        raise errors.validation(f"Redirect path '{config['Path']}' must begin with '/'")
    if all(config[member] == value for member, value in REDIRECT.items() if member != "Query"):
        raise errors.loop()
    return {"RedirectConfig": config}


def _oidc(one: Any, old: Any) -> Any:
    config = COOKIE | dict(one.get("AuthenticateOidcConfig") or {})
    if "Issuer" not in config:
        raise errors.not_an_action("An authenticate OIDC config must be specified for actions with type 'authenticate-oidc'")
    for member in ("AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint"):
        if not config[member].startswith("https://"):
            raise errors.not_an_action(f"{member} '{config[member]}' must be an HTTPS URL")
    if config.pop("UseExistingClientSecret", False):
        kept = [x["AuthenticateOidcConfig"] for x in old or () if x["Type"] == "authenticate-oidc" and x["AuthenticateOidcConfig"]["ClientId"] == config["ClientId"]]
        if not kept:
            raise errors.not_an_action("There is no existing client secret to use")
        config["ClientSecret"] = kept[0]["ClientSecret"]
    elif not config.get("ClientSecret"):
        raise errors.not_an_action("A client secret must be specified")
    return {"AuthenticateOidcConfig": _session(config)}


def _cognito(one: Any, old: Any) -> Any:
    config = COOKIE | dict(one.get("AuthenticateCognitoConfig") or {})
    if "UserPoolArn" not in config:
        raise errors.not_an_action("An authenticate Cognito config must be specified for actions with type 'authenticate-cognito'")
    return {"AuthenticateCognitoConfig": _session(config)}


def _session(config: Any) -> Any:
    if not 1 <= config["SessionTimeout"] <= 604800:
        raise errors.validation("Session timeout must be between '1' and '604800' seconds")
    if len(config.get("AuthenticationRequestExtraParams") or {}) > 10:
        raise errors.validation("Up to '10' extra parameters can be specified")
    return config


SIMPLE: dict[str, Any] = {"fixed-response": _fixed, "redirect": _redirect, "authenticate-oidc": _oidc, "authenticate-cognito": _cognito}


def shown(actions: list[Any]) -> list[Any]:
    """As Describe shows them: the client's secret stays here."""
    out = []
    for one in actions:
        if one["Type"] == "authenticate-oidc":
            one = one | {"AuthenticateOidcConfig": {k: v for k, v in one["AuthenticateOidcConfig"].items() if k != "ClientSecret"}}
        out.append(one)
    return out


def groups_of(actions: list[Any]) -> set[str]:
    return {each["TargetGroupArn"] for one in actions for each in (one.get("ForwardConfig") or {}).get("TargetGroups", ())}
