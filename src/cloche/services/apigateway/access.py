"""What IAM is asked: `apigateway:GET` on `arn:aws:apigateway:REGION::/restapis/ID/...`, the very path of the request.

Both control planes are asked this way; the path comes from the model, so no operation can forget it.
"""
from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need

if TYPE_CHECKING:
    from cloche.wire.model import Operation


def asked(call: Call, req: Any) -> list[Need]:
    op = call.entry.op  # type: ignore[union-attr]
    context = {f"aws:RequestTag/{k}": v for k, v in (req.get("tags") or req.get("Tags") or {}).items()}
    path = re.sub(r"\{([^}]+)\}", lambda m: str(req.get(members(op).get(m[1], m[1]), "")), op.http["requestUri"].partition("?")[0])
    return [Need(f"apigateway:{op.http['method']}", call.arn(path.removeprefix("/v2"), service="apigateway", account=""), context)]


def filled(call: Call, document: Any) -> Any:
    """An OpenAPI text with the variables that API Gateway resolves itself: `${AWS::Region}`, `${AWS::AccountId}`, `${AWS::Partition}`."""
    if isinstance(document, dict):
        return document
    text = document.decode("utf-8", "replace") if isinstance(document, bytes) else document
    partition = call.arn("").split(":")[1]
    return text.replace("${AWS::Region}", call.region).replace("${AWS::AccountId}", call.account).replace("${AWS::Partition}", partition)


@lru_cache(maxsize=512)
def members(op: Operation) -> dict[str, str]:
    """The input's member for each place in the path."""
    return {ref.get("locationName", name): name for name, (_, ref) in op.input.members.items() if ref.get("location") == "uri"}  # type: ignore[union-attr]
