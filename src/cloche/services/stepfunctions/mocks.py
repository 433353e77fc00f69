"""A mocked result held against what the service could really answer: its model's output shape."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.wire import model

from . import errors, integrations

if TYPE_CHECKING:
    from .engine import Run

BESIDE = ("SdkHttpMetadata", "SdkResponseMetadata", "SdkJobName")  # what integrations add to an answer
KINDS: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "long": int, "float": (int, float), "double": (int, float), "list": list, "map": dict, "structure": dict}
WORDS = {str: "a string", bool: "a boolean", int: "a number", (int, float): "a number", list: "an array", dict: "an object"}


def check(state: dict[str, Any], result: Any, mode: str, run: Run) -> None:
    if state["Type"] in ("Map", "Parallel"):
        if not isinstance(result, list) and "ResultWriter" not in state:
            raise errors.invalid(f"The mocked result of a {state['Type']} state must be an array")
        if state["Type"] == "Parallel" and len(result) != len(state["Branches"]):
            raise errors.invalid("The mocked result of a Parallel state must have as many elements as the state has branches")
        return
    target = integrations.parse(state["Resource"], run.execution)
    shape = answer_of(target)
    if mode == "NONE" or shape is None or target.waits:
        return
    if not isinstance(result, dict):
        raise errors.mock_misfits("the result must be an object")
    fits(shape, {name: value for name, value in result.items() if name not in BESIDE}, mode, "")


def answer_of(target: integrations.Target) -> Any:
    """The output shape of the operation that would be called, if it is one of a model's."""
    if target.kind == "sdk":
        name = target.service.partition(":")[2]
        service = integrations.SDK.get(name, name)
    elif target.kind == "own" and target.service not in ("http", "apigateway", "lambda"):
        service = integrations.OWN.get(target.service, "")
    else:
        return None
    if service not in model.services():
        return None
    op = model.load(service).operations.get(target.operation[:1].upper() + target.operation[1:])
    return op.output if op is not None else None


def fits(shape: Any, value: Any, mode: str, where: str) -> None:
    wanted = KINDS.get(shape.type)
    if wanted is not None and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
        raise errors.mock_misfits(f"the field '{where or '$'}' must be {WORDS[wanted]}")
    if shape.type == "structure":
        members = {name[:1].upper() + name[1:]: one[0] for name, one in shape.members.items()}
        if unknown := [name for name in value if name not in members]:
            raise errors.mock_misfits(f"the field '{_at(where, unknown[0])}' is not in the answer of the API")
        if mode == "STRICT":
            for name in shape.spec.get("required") or ():
                if name[:1].upper() + name[1:] not in value:
                    raise errors.mock_misfits(f"the field '{_at(where, name[:1].upper() + name[1:])}' is required but was missing")
        for name, one in value.items():
            fits(members[name], one, mode, _at(where, name))
    elif shape.type == "list":
        for number, one in enumerate(value):
            fits(shape.item, one, mode, f"{where}[{number}]")
    elif shape.type == "map":
        for name, one in value.items():
            fits(shape.value, one, mode, _at(where, name))


def _at(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
