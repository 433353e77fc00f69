"""Tokens in place of passwords: a request to connect, signed for `rds-db`, good for fifteen minutes.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html
"""
from __future__ import annotations

from urllib.parse import parse_qsl

from cloche.kernel import AwsError, Call
from cloche.kernel.authenticate import authenticate
from cloche.wire import model, sigv4
from cloche.wire.http import Request

from .instances import Instance

LONGEST = 900     # seconds


def good(call: Call, one: Instance, user: str, token: str, peer: str) -> bool:
    """May whoever signed this connect as that user to that instance?"""
    if not one.iam:
        return False
    host, _, query = token.partition("/?")
    said = dict(parse_qsl(query))
    if said.get("Action") != "connect" or said.get("DBUser") != user or host.lower().rpartition(":")[2] != str(one.port):
        return False
    request = Request("GET", f"/?{query}", {"host": host}, peer=peer)
    try:
        claim = sigv4.parse(request)
        if claim is None or claim.scope[1:3] != (call.region, "rds-db") or (claim.expires or LONGEST + 1) > LONGEST:
            return False
        principal = authenticate(call.cloud, request, claim, model.load("rds"))
    except (AwsError, sigv4.Malformed, ValueError):
        return False
    arn = call.arn(f"dbuser:{one.resource}/{user}", service="rds-db")
    return bool(principal.account == call.account and call.as_principal(principal).allowed("rds-db:connect", arn))
