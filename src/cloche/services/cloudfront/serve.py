"""The door: a distribution's own name, or an alias that it has claimed."""
from __future__ import annotations

from cloche.kernel import Call, Request, Response

from . import HOME
from . import service as cloudfront
from .distributions import Distribution, Endpoint
from .edge import pages


@cloudfront.serve
async def serve(call: Call, request: Request, match: dict[str, str]) -> Response:
    host = match.get("host") or f"{match['id'].lower()}.cloudfront.net"
    endpoint = call.get(Endpoint, host)
    found = call.at(endpoint.account, HOME).get(Distribution, endpoint.distribution) if endpoint else None
    if found is None or found.config["Staging"]:                   # a staging distribution answers only in its primary's name
        response = pages.page(403, pages.NOBODY, call.request_id)
        response.headers.append(("X-Cache", "Error from cloudfront"))
        return response
    from . import continuous_deployment
    here = call.at(found.account, HOME)
    return await continuous_deployment.answer(here, found, request)
