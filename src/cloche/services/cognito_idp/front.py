"""What answers without the API: a pool's keys and configuration, and the OAuth endpoints of a domain (`oauth.py`)."""
from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from cloche.kernel import Call, Request, Response

from . import imports, keys, oauth, pools
from . import service as cognito
from .domains import Domain


def answer(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, [("content-type", "application/json;charset=UTF-8"), *headers], json.dumps(value).encode())


@cognito.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    if "job" in match:
        return await imports.receive(call, request, match["job"], dict(parse_qsl(request.query)).get("signature", ""))
    if "pool" in match:
        found = pools.home(call, match["pool"])
        if found is None:
            return answer(400, {"message": f"User Pool {match['pool']} does not exist."})
        if request.path.endswith("jwks.json"):
            pair = await keys.of(found[0], found[1].id)
            return answer(200, {"keys": [pair[use].jwk for use in keys.USES]}, ("cache-control", "public, max-age=86400"))
        return answer(200, keys.documents(found[1].id))
    domain = call.get(Domain, match["domain"])
    if domain is None or match.get("region") not in (None, domain.region):
        return answer(404, {"message": "No such domain."})
    there = call.at(domain.account, domain.region)
    pool = pools.find(there, domain.pool)
    from cloche.services.wafv2 import public as wafv2
    said, _ = await wafv2.judge(there, pools.arn(there, pool.id), request, request.peer.partition(":")[0] or "127.0.0.1")
    if said is not None:
        return Response(403, [("content-type", "text/html")], b"<html><head><title>403 Forbidden</title></head></html>") if isinstance(said, str) else said
    prefix, path = (f"/_cognito/{domain.name}", "/" + match["path"]) if "path" in match else ("", request.path)
    return await oauth.serve(there, pool, request, prefix, path)
