"""CloudFront Functions: JavaScript with two stages, the one that is worked on and the one that runs. What it may do is `edge/runtime.js`; how it is run `edge/engine.py`."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, tags, things
from . import service as cloudfront
from .edge import engine
from .things import HOST, items

if TYPE_CHECKING:
    from cloche.shapes import cloudfront as t

MOST_BYTES, MOST = 10 * 1024, 100


class Function(Record, frozen=True):
    """`live` is "" until it is published; then what was published last."""

    kind = "cloudfront.function"
    scope = "account"

    name: str
    account: str
    etag: str
    created: float
    modified: float
    config: dict[str, Any]
    code: bytes
    live: bytes | None = None
    live_etag: str = ""
    live_config: dict[str, Any] = {}
    published: float = 0.0
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.name

    @property
    def arn(self) -> str:
        return f"arn:aws:cloudfront::{self.account}:function/{self.name}"

    @property
    def status(self) -> str:
        return "UNPUBLISHED" if self.live is None else "UNASSOCIATED"


def on() -> dict[str, Any]:
    return {"resource": lambda call, req: f"arn:aws:cloudfront::{call.account}:function/{req.get('Name') or '*'}",
            "context": lambda call, req: things.tagged(call.get(Function, req.get("Name") or ""))}


def find(call: Call, name: str) -> Function:
    found = call.get(Function, name)
    if found is None:
        raise errors.said("NoSuchFunctionExists", "The specified function does not exist.")
    return found


def live(call: Call, arn: str) -> Function | None:
    """The published function of an ARN of this account."""
    found = call.get(Function, arn.rpartition("/")[2])
    return found if found and found.arn == arn and found.live is not None else None


def users(call: Call, function: Function) -> list[Any]:
    from .distributions import Distribution
    return [one for one in call.all(Distribution) if any(each["FunctionARN"] == function.arn for where in things.behaviours(one.config) for each in items(where["FunctionAssociations"]))]


def told(call: Call, one: Function, stage: str) -> dict[str, Any]:
    is_live = stage == "LIVE"
    status = "UNPUBLISHED" if not is_live else "DEPLOYED" if users(call, one) else "UNASSOCIATED"
    if not is_live and one.live is not None:
        status = "UNASSOCIATED"
    return {"Name": one.name, "Status": status, "FunctionConfig": one.live_config if is_live else one.config,
            "FunctionMetadata": {"FunctionARN": one.arn, "Stage": stage, "CreatedTime": one.created, "LastModifiedTime": one.published if is_live else one.modified}}


def staged(call: Call, req: Any) -> tuple[Function, str]:
    one, stage = find(call, req["Name"]), req.get("Stage") or "DEVELOPMENT"
    if stage == "LIVE" and one.live is None:
        raise errors.said("NoSuchFunctionExists", "The specified function does not exist.")
    return one, stage


def checked(call: Call, config: Any, code: bytes) -> dict[str, Any]:
    from . import key_value_stores
    things.counted(config)
    if len(code) > MOST_BYTES:
        raise errors.said("FunctionSizeLimitExceeded", "The function is too large.")
    stores = items(config.get("KeyValueStoreAssociations"))
    if stores and config["Runtime"] != "cloudfront-js-2.0":
        raise errors.invalid("A key value store needs the runtime cloudfront-js-2.0.")
    if len(stores) > 1:
        raise errors.invalid("A function has one key value store at most.")
    for one in stores:
        key_value_stores.by_arn(call, one["KeyValueStoreARN"])
    return config  # type: ignore[no-any-return]


def making(call: Call, req: Any) -> dict[str, Any]:
    given = tags.given(req.get("Tags"))
    return {"aws:TagKeys": [*given], **{f"aws:RequestTag/{k}": v for k, v in given.items()}} if given else {}


@cloudfront.op(on()["resource"], context=making)
def create_function(call: Call, req: t.CreateFunctionRequest) -> t.CreateFunctionResult:
    name = req["Name"]
    if call.get(Function, name) is not None:
        raise errors.taken("FunctionAlreadyExists", "A function")
    if not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name):
        raise errors.invalid("The function's name is not valid.")
    if len(call.all(Function)) >= MOST:
        raise errors.too_many("TooManyFunctions", "functions")
    config = checked(call, req["FunctionConfig"], req["FunctionCode"])
    made = call.put(Function(name, call.account, things.etag(call), call.now, call.now, config, req["FunctionCode"], tags=tags.checked(call, tags.given(req.get("Tags")))))
    return {"FunctionSummary": told(call, made, "DEVELOPMENT"), "ETag": made.etag, "Location": f"{HOST}/function/{made.arn}"}  # type: ignore[typeddict-item]


@cloudfront.op(**on())
def describe_function(call: Call, req: t.DescribeFunctionRequest) -> t.DescribeFunctionResult:
    one, stage = staged(call, req)
    return {"FunctionSummary": told(call, one, stage), "ETag": one.live_etag if stage == "LIVE" else one.etag}  # type: ignore[typeddict-item]


@cloudfront.op(**on())
def get_function(call: Call, req: t.GetFunctionRequest) -> t.GetFunctionResult:
    one, stage = staged(call, req)
    is_live = stage == "LIVE"
    return {"FunctionCode": one.live if is_live else one.code, "ETag": one.live_etag if is_live else one.etag, "ContentType": "application/octet-stream"}  # type: ignore[typeddict-item]


@cloudfront.op(ANY)
def list_functions(call: Call, req: t.ListFunctionsRequest) -> t.ListFunctionsResult:
    stage = req.get("Stage") or ""
    rows = [(one, at) for one in sorted(call.all(Function), key=lambda one: one.name) for at in ("DEVELOPMENT", "LIVE") if stage in ("", at) and (at == "DEVELOPMENT" or one.live is not None)]
    return {"FunctionList": things.listed(req, rows, lambda row: told(call, *row), key=lambda row: f"{row[0].name}:{row[1]}")}  # type: ignore[typeddict-item]


@cloudfront.op(**on())
def update_function(call: Call, req: t.UpdateFunctionRequest) -> t.UpdateFunctionResult:
    one = things.locked(find(call, req["Name"]), req)
    new = call.put(one.but(config=checked(call, req["FunctionConfig"], req["FunctionCode"]), code=req["FunctionCode"], etag=things.etag(call), modified=call.now))
    return {"FunctionSummary": told(call, new, "DEVELOPMENT"), "ETag": new.etag}  # type: ignore[typeddict-item]


@cloudfront.op(**on())
def publish_function(call: Call, req: t.PublishFunctionRequest) -> t.PublishFunctionResult:
    one = things.locked(find(call, req["Name"]), req)
    new = call.put(one.but(live=one.code, live_config=one.config, live_etag=things.etag(call), published=call.now))
    return {"FunctionSummary": told(call, new, "LIVE")}  # type: ignore[typeddict-item]


@cloudfront.op(**on())
def delete_function(call: Call, req: t.DeleteFunctionRequest) -> None:
    one = things.locked(find(call, req["Name"]), req)
    if users(call, one):
        raise errors.said("FunctionInUse", "Cannot delete the function because it's attached to one or more cache behaviors.")
    call.delete(one)


@cloudfront.op(**on())
async def test_function(call: Call, req: t.TestFunctionRequest) -> t.TestFunctionResult:
    one, stage = find(call, req["Name"]), req.get("Stage") or "DEVELOPMENT"
    is_live = stage == "LIVE"
    if is_live and one.live is None:
        raise errors.said("NoSuchFunctionExists", "The specified function does not exist.")
    if req["IfMatch"] != (one.live_etag if is_live else one.etag):
        raise errors.stale()
    event = engine.event_of(req["EventObject"])
    if event is None:
        raise errors.invalid("The event object is not valid: it has version, context, viewer and request.")
    config = one.live_config if is_live else one.config
    ran = await engine.run(call, one, (one.live or b"") if is_live else one.code, config, event)
    out: dict[str, Any] = {"FunctionSummary": told(call, one, stage), "ComputeUtilization": str(ran.utilization), "FunctionExecutionLogs": ran.logs, "FunctionErrorMessage": ran.error}
    if not ran.error:
        out["FunctionOutput"] = f'{{"{"response" if "statusCode" in ran.value else "request"}":{ran.output}}}'
    return {"TestResult": out}  # type: ignore[typeddict-item]
