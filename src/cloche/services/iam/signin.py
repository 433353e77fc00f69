"""The sign-in page of an account, by its number or its alias: it leads to Cloche's console, where nobody needs to sign in."""
from __future__ import annotations

from cloche.kernel import Call, Request, Response

from . import service as iam
from .account import Alias


@iam.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    name = match["account"]
    alias = call.get(Alias, name)
    account = alias.account if alias else name
    if len(account) != 12 or not account.isdigit():
        return Response(404, [("content-type", "text/plain")], b"No account has this name.\n")
    return Response(302, [("location", f"http://{call.cloud.host}/_cloche/console/?account={account}"), ("content-type", "text/plain")])
