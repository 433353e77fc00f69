"""Function URLs: one for a function or an alias. Their names are unique in the whole cloud; `front` answers behind them."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cloche.kernel import Call, Record

from . import errors, names
from . import service as lambda_
from .configuration import moment
from .paging import page
from .records import Function, find, latest

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Url(Record, frozen=True):
    kind = "lambda.url"
    scope: ClassVar[str] = "cloud"
    id: str
    account: str
    region: str
    function: str
    qualifier: str
    auth: str
    mode: str
    created: str
    modified: str
    cors: dict[str, Any] = {}

    @property
    def key(self) -> str:
        return self.id

    @property
    def host(self) -> str:
        return f"{self.id}.lambda-url.{self.region}.on.aws"


def describe(call: Call, url: Url) -> dict[str, Any]:
    out: dict[str, Any] = {"FunctionUrl": f"https://{url.host}/", "FunctionArn": names.arn(call, url.function, url.qualifier or None), "AuthType": url.auth, "CreationTime": url.created,
                           "LastModifiedTime": url.modified, "InvokeMode": url.mode}
    if url.cors:
        out["Cors"] = url.cors
    return out


def context(call: Call, req: Any) -> dict[str, Any]:
    return {"lambda:FunctionUrlAuthType": req["AuthType"]} if req.get("AuthType") else {}


def target(call: Call, req: Any) -> tuple[Function, str]:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    if name.qualifier and name.qualifier not in function.aliases:
        if name.qualifier in function.versions or name.qualifier == names.LATEST:
            raise errors.validation(f"Value '{name.qualifier}' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)")
        raise errors.no_such_function(names.arn_of(call, name))
    return function, name.qualifier or ""


def existing(call: Call, req: Any) -> tuple[Function, Url]:
    function, qualifier = target(call, req)
    url = call.get(Url, function.urls.get(qualifier, ""))
    if url is None:
        raise errors.no_url()
    return function, url


@lambda_.op(names.qualified, context=context)
def create_function_url_config(call: Call, req: t.CreateFunctionUrlConfigRequest) -> Any:
    function, qualifier = target(call, req)
    if "TenancyConfig" in latest(call, function).config:
        raise errors.tenancy_forbids("A function URL")
    if qualifier in function.urls:
        raise errors.url_exists(names.arn(call, function.name, qualifier or None))
    now = moment(call.now)
    url = call.put(Url(call.pick(LETTERS, 32), call.account, call.region, function.name, qualifier, req["AuthType"], req.get("InvokeMode", "BUFFERED"), now, now, dict(req.get("Cors", {}))))
    call.put(function.but(urls=function.urls | {qualifier: url.id}))
    return {k: v for k, v in describe(call, url).items() if k != "LastModifiedTime"}


@lambda_.op(names.qualified)
def get_function_url_config(call: Call, req: t.GetFunctionUrlConfigRequest) -> Any:
    return describe(call, existing(call, req)[1])


@lambda_.op(names.function)
def list_function_url_configs(call: Call, req: t.ListFunctionUrlConfigsRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    chosen, marker = page(sorted(function.urls), req, key=lambda q: q)
    return {"FunctionUrlConfigs": [describe(call, url) for q in chosen if (url := call.get(Url, function.urls[q]))], **marker}


@lambda_.op(names.qualified, context=context)
def update_function_url_config(call: Call, req: t.UpdateFunctionUrlConfigRequest) -> Any:
    _, url = existing(call, req)
    cors = dict(req["Cors"]) if "Cors" in req else url.cors
    return describe(call, call.put(url.but(auth=req.get("AuthType", url.auth), mode=req.get("InvokeMode", url.mode), cors=cors, modified=moment(call.now))))


@lambda_.op(names.qualified)
def delete_function_url_config(call: Call, req: t.DeleteFunctionUrlConfigRequest) -> None:
    function, url = existing(call, req)
    call.delete(url)
    call.put(function.but(urls={k: v for k, v in function.urls.items() if v != url.id}))


def forget_urls(call: Call, function: Function) -> None:
    for id_ in function.urls.values():
        if url := call.get(Url, id_):
            call.delete(url)
