"""Macros: AWS::Include, and Lambda functions that rewrite a template or a piece of it (Fn::Transform)."""
from __future__ import annotations

import json
from typing import Any

from cloche.kernel import AwsError, Call, Record
from cloche.languages.cloudformation import reading
from cloche.languages.cloudformation.errors import TemplateError, TransformError
from cloche.languages.cloudformation.functions import Scope, evaluate

INCLUDE = "AWS::Include"


class Macro(Record, frozen=True):
    kind = "cloudformation.macro"

    name: str
    function: str

    @property
    def key(self) -> str:
        return self.name


def inside(value: Any) -> bool:
    """Is there an Fn::Transform anywhere?"""
    if isinstance(value, list):
        return any(map(inside, value))
    if isinstance(value, dict):
        return "Fn::Transform" in value or any(map(inside, value.values()))
    return False


async def snippets(call: Call, value: Any, meant: dict[str, Any]) -> Any:
    """Every Fn::Transform replaced, the deepest first; what stands beside it is its sibling and stays."""
    if isinstance(value, list):
        return [await snippets(call, x, meant) for x in value]
    if not isinstance(value, dict):
        return value
    done = {key: await snippets(call, each, meant) for key, each in value.items() if key != "Fn::Transform"}
    if "Fn::Transform" not in value:
        return done
    asked = value["Fn::Transform"]
    for one in asked if isinstance(asked, list) else [asked]:
        if not isinstance(one, dict) or "Name" not in one:
            raise TemplateError("Template format error: Fn::Transform must have a Name.")
        wanted = evaluate(one.get("Parameters", {}), Scope(values={"AWS::Region": call.region, "AWS::AccountId": call.account, "AWS::Partition": "aws"} | meant))
        if one["Name"] != INCLUDE:
            return await _macro(call, one["Name"], done, wanted, meant)
        piece = await _include(call, wanted)
        done = piece if not isinstance(piece, dict) else done | piece
    return done


async def whole(call: Call, template: dict[str, Any], name: str, meant: dict[str, Any]) -> dict[str, Any]:
    """A transform declared at the top."""
    if name == INCLUDE:
        given = template["Transform"]
        [one] = [x for x in (given if isinstance(given, list) else [given]) if isinstance(x, dict) and x["Name"] == INCLUDE]
        piece = await _include(call, evaluate(one.get("Parameters", {}), Scope(values=meant)))
        out = dict(template)
        for key, value in piece.items():
            out[key] = out[key] | value if isinstance(out.get(key), dict) and isinstance(value, dict) else value
        return out
    return await _macro(call, name, {k: v for k, v in template.items() if k != "Transform"}, {}, meant)


async def _include(call: Call, wanted: dict[str, Any]) -> Any:
    from .templates import fetch
    try:
        text = await fetch(call, wanted["Location"])
        return reading.read(text)
    except KeyError:
        raise TransformError(f"Transform {INCLUDE} failed with: The Location parameter is required") from None
    except AwsError as error:
        raise TransformError(f"Transform {INCLUDE} failed with: The specified S3 object's content could not be read: {error.message}") from None


async def _macro(call: Call, name: str, fragment: Any, wanted: dict[str, Any], meant: dict[str, Any]) -> Any:
    macro = call.get(Macro, name)
    if macro is None:
        raise TransformError(f"No transform named {call.account}::{name} found.")
    request = call.uuid()
    event = {"region": call.region, "accountId": call.account, "fragment": fragment, "transformId": f"{call.account}::{name}", "params": wanted,
             "requestId": request, "templateParameterValues": meant}
    answer = call.do("lambda", "Invoke", FunctionName=macro.function, InvocationType="RequestResponse", Payload=json.dumps(event).encode())
    if hasattr(answer, "__await__"):
        answer = await answer
    payload = answer["Payload"]
    body = json.loads(payload if isinstance(payload, (bytes, str)) else await _drain(payload))
    if answer.get("FunctionError"):
        raise TransformError(f"Received malformed response from transform {call.account}::{name}")
    if body.get("requestId") != request or str(body.get("status", "")).lower() != "success":
        reason = body.get("errorMessage") or "the macro did not answer with success"
        raise TransformError(f"Transform {call.account}::{name} failed with: {reason}.")
    return body.get("fragment")


async def _drain(body: Any) -> bytes:
    return b"".join([piece async for piece in body])
