"""DynamoDB: tables of items with secondary indexes, expressions, transactions, capacity and streams.

Items are rows of SQLite in wire form; nothing of the data plane is kept in Python. What the little languages refuse
becomes a ValidationException here, in one place.
"""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from cloche.kernel import AwsError, Service
from cloche.languages.dynamodb.errors import Invalid

MAX_REQUEST = 16 * 2**20

service = Service(__name__)


def op(*args: Any, **declared: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`service.op`, for handlers that let the languages' refusals pass through."""

    def register(handler: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(handler)
        def refusing(call: Any, req: Any) -> Any:
            if call.wire and len(call.request.body) > MAX_REQUEST:
                raise AwsError("RequestEntityTooLarge", "The request is larger than 16 MB.", 413)
            try:
                return handler(call, req)
            except Invalid as error:
                raise AwsError(error.code, error.message) from None

        service.op(*args, **declared)(refusing)
        return handler

    return register
