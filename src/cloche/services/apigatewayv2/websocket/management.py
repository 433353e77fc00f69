"""`/STAGE/@connections/ID` at an API's own host: the management API, spoken to where the connection was made."""
from __future__ import annotations

from urllib.parse import unquote

from cloche.kernel import AwsError, Call, Request, Response, authorize
from cloche.kernel.authenticate import authenticate, refuse
from cloche.wire import codec, sigv4

NAME = "apigatewaymanagementapi"
OPERATIONS = {"POST": "PostToConnection", "GET": "GetConnection", "DELETE": "DeleteConnection"}


async def answer(call: Call, request: Request, api: str, stage: str, path: str) -> Response:
    from . import connections
    service = call.cloud.service(NAME)
    here = call.of(NAME)
    try:
        claim = sigv4.parse(request)
        if claim is None:
            raise refuse("missing", service.model)
        await request.read(16 << 20)
        principal = authenticate(call.cloud, request, claim, service.model)
        operation = OPERATIONS.get(request.method)
        id_ = unquote(path.removeprefix("/@connections/"))
        if operation is None:
            raise AwsError("ForbiddenException", "Forbidden", 403)
        entry = service.entries[operation]
        asked = Call(call.cloud, service, call.account, call.region, principal, call.request_id, request, entry)
        held = connections.opened(call).get(id_)
        value = {"ConnectionId": id_} | ({"Data": request.body} if operation == "PostToConnection" else {})
        if held is not None and (held.api, held.stage) != (api, stage):
            value["ConnectionId"] = ""             # a connection of somebody else's: gone, as far as this endpoint knows
        authorize.check(asked, entry, value | {"Endpoint": (api, stage)})
        result = entry.run(asked, value)
        response = codec.write(entry.op, "rest-json", result or {}, call.request_id)
        call.cloud.timeline.add(asked, response.status)
        return response
    except sigv4.Malformed as error:
        return codec.write_error(service.model, "rest-json", AwsError(error.code, error.message, 403), here.request_id)
    except AwsError as error:
        return codec.write_error(service.model, "rest-json", error, here.request_id)
