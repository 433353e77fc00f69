"""`@connections`: open connections by their id. What is not open (any more) is gone."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Need
from cloche.services.apigatewayv2 import public as websocket_apis

from . import service as management

if TYPE_CHECKING:
    from cloche.shapes import apigatewaymanagementapi as t

LIMIT = 128 << 10


def gone() -> AwsError:
    return AwsError("GoneException", "", 410)


def too_large() -> AwsError:
    return AwsError("PayloadTooLargeException", "Message too long", 413)


def open_(call: Call, req: Any) -> websocket_apis.Connection:
    found = websocket_apis.connections(call).get(req["ConnectionId"])
    if found is None or found.closed is not None or (found.call.account, found.call.region) != (call.account, call.region):
        raise gone()
    return found


def asked(call: Call, req: Any) -> list[Need]:
    """`arn:aws:execute-api:REGION:ACCOUNT:API/STAGE/METHOD/@connections/ID`."""
    api, stage = req.get("Endpoint") or ("*", "*")
    found = websocket_apis.connections(call).get(req["ConnectionId"])
    if found is not None:
        api, stage = found.api, found.stage
    return [Need("execute-api:ManageConnections", call.arn(f"{api}/{stage}/{call.entry.op.http['method']}/@connections/{req['ConnectionId']}", service="execute-api"))]  # type: ignore[union-attr]


@management.op(needs=asked)
def post_to_connection(call: Call, req: t.PostToConnectionRequest) -> None:
    data = req.get("Data") or b""
    if len(data) > LIMIT:
        raise too_large()
    open_(call, req).say(data)


@management.op(needs=asked)
def get_connection(call: Call, req: t.GetConnectionRequest) -> t.GetConnectionResponse:
    found = open_(call, req)
    request = found.request
    return {"ConnectedAt": found.connected, "LastActiveAt": found.active, "Identity": {"SourceIp": websocket_apis.source_ip(request), "UserAgent": request.headers.get("user-agent", "")}}


@management.op(needs=asked)
def delete_connection(call: Call, req: t.DeleteConnectionRequest) -> None:
    open_(call, req).close(websocket_apis.NORMAL, "Connection Closed Normally")
