"""EC2's dialect of the query protocol: capitalised names, lists always flat, another envelope and another error."""
from __future__ import annotations

from typing import Any

from ..http import Request, Response
from ..model import Model, Operation
from . import query, xml
from .xml import EC2, escape


def read(op: Operation, request: Request) -> dict[str, Any]:
    return query.read(op, request, ec2=True)


def _head(request_id: str) -> list[tuple[str, str]]:
    return [("x-amzn-requestid", request_id), ("content-type", "text/xml;charset=UTF-8")]


def write(op: Operation, value: Any, request_id: str) -> Response:
    inner = xml.writer(op.output, EC2)(value or {}) if op.output is not None else ""
    if op.output is None or not op.output.members:
        inner = "<return>true</return>"
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{op.name}Response xmlns="http://ec2.amazonaws.com/doc/{op.model.meta["apiVersion"]}/"><requestId>{request_id}</requestId>{inner}</{op.name}Response>'
    )
    return Response(200, _head(request_id), text.encode())


def write_error(model: Model, error: Any, request_id: str) -> Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )
    return Response(error.status, [*_head(request_id), *dict(error.headers or {}).items()], text.encode())
