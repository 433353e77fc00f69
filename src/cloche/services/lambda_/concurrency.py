"""How much may run at once: the account's limit, what functions reserved of it, and environments initialised beforehand."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, AwsError, Call

from . import errors, names
from . import service as lambda_
from .configuration import moment
from .paging import page
from .pool import pools
from .records import Alias, Function, Version, account, code_storage, concurrency, find, version_of

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t

UNRESERVED_LEAST = 100


@lambda_.op(ANY)
def get_account_settings(call: Call, req: Any) -> t.GetAccountSettingsResponse:
    usage = account(call)
    return {
        "AccountLimit": {"TotalCodeSize": code_storage(call), "CodeSizeUnzipped": 262144000, "CodeSizeZipped": 52428800, "ConcurrentExecutions": concurrency(call),
                         "UnreservedConcurrentExecutions": concurrency(call) - usage.reserved - usage.provisioned},
        "AccountUsage": {"TotalCodeSize": usage.code_size, "FunctionCount": usage.functions},
    }


def unqualified(call: Call, req: Any) -> Function:
    name = names.parse(call, req["FunctionName"])
    if name.qualifier:
        raise errors.not_for_qualifiers(names.arn_of(call, name))
    return find(call, name)


@lambda_.op(names.function)
def put_function_concurrency(call: Call, req: t.PutFunctionConcurrencyRequest) -> t.Concurrency:
    function, wanted = unqualified(call, req), req["ReservedConcurrentExecutions"]
    usage = account(call)
    held = sum(p["requested"] for p in function.provisioned.values())
    reserved = usage.reserved - (function.reserved or 0) + wanted
    provisioned = usage.provisioned - (held if function.reserved is None else 0)
    if wanted < held:
        raise errors.below_provisioned(wanted, held)
    if wanted and concurrency(call) - reserved - provisioned < UNRESERVED_LEAST:
        raise errors.below_unreserved(UNRESERVED_LEAST)
    call.put(usage.but(reserved=reserved, provisioned=provisioned))
    call.put(function.but(reserved=wanted))
    return {"ReservedConcurrentExecutions": wanted}


@lambda_.op(names.function)
def get_function_concurrency(call: Call, req: t.GetFunctionConcurrencyRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    return {} if function.reserved is None else {"ReservedConcurrentExecutions": function.reserved}


@lambda_.op(names.function)
def delete_function_concurrency(call: Call, req: t.DeleteFunctionConcurrencyRequest) -> None:
    function = unqualified(call, req)
    if function.reserved is not None:
        usage = account(call)
        held = sum(p["requested"] for p in function.provisioned.values())
        call.put(usage.but(reserved=usage.reserved - function.reserved, provisioned=usage.provisioned + held))
        call.put(function.but(reserved=None))


# provisioned

def target(call: Call, req: Any, latest: Callable[[], AwsError] = errors.not_qualified) -> tuple[Function, str, Version]:
    name = names.parse(call, req["FunctionName"], req["Qualifier"])
    if name.qualifier == names.LATEST:
        raise latest()
    function = find(call, name)
    if name.qualifier not in (*function.versions, *function.aliases):
        raise errors.no_such_function(names.arn_of(call, name))
    assert name.qualifier
    return function, name.qualifier, version_of(call, name)


def told(function: Function, qualifier: str, config: dict[str, Any], ready: int, idle: int) -> dict[str, Any]:
    out = {"RequestedProvisionedConcurrentExecutions": config["requested"], "AvailableProvisionedConcurrentExecutions": idle, "AllocatedProvisionedConcurrentExecutions": ready,
           "Status": config["status"], "LastModified": config["modified"]}
    if config.get("reason"):
        out["StatusReason"] = config["reason"]
    return out


def counted(call: Call, function: Function, qualifier: str) -> tuple[int, int]:
    """How many are initialised, and how many of them are free."""
    version = version_of(call, names.Name(call.account, call.region, function.name, qualifier))
    room, key = pools(call.cloud), (call.account, call.region, function.name, version.version, "")
    warm, free = room.provisioned(key), {id(w) for w in room.idle.get(key, ())}
    available = sum(id(w) in free for w in warm)
    return available + sum(w.environment.current is not None for w in warm), available


@lambda_.op(names.qualified)
def put_provisioned_concurrency_config(call: Call, req: t.PutProvisionedConcurrencyConfigRequest) -> Any:
    function, qualifier, version = target(call, req, errors.not_published)
    wanted = req["ProvisionedConcurrentExecutions"]
    if version.snapstart:
        raise errors.snapstart_refuses("functions with provisioned concurrency")
    if "TenancyConfig" in version.config:
        raise errors.tenancy_forbids("Provisioned concurrency")
    alias = call.get(Alias, f"{function.name}:{qualifier}")
    if alias and alias.weights:
        raise errors.routed_alias()
    if alias and version.version in function.provisioned:
        raise errors.alias_already_provisioned()
    if not alias and any((a := call.get(Alias, f"{function.name}:{q}")) and a.version == qualifier for q in function.provisioned):
        raise errors.version_already_provisioned()
    before = function.provisioned.get(qualifier, {}).get("requested", 0)
    total = sum(p["requested"] for p in function.provisioned.values()) - before + wanted
    usage = account(call)
    if function.reserved is not None:
        if total > function.reserved:
            raise errors.above_reserved()
    else:
        left = concurrency(call) - usage.reserved - usage.provisioned + before - UNRESERVED_LEAST
        if wanted > left:
            raise errors.above_pool(left)
        call.put(usage.but(provisioned=usage.provisioned - before + wanted))
    config = {"requested": wanted, "modified": moment(call.now), "status": "IN_PROGRESS"}
    call.put(function.but(provisioned=function.provisioned | {qualifier: config}))
    call.wake(provision, f"{function.name}:{qualifier}")
    return told(function, qualifier, config, 0, 0)


@lambda_.worker
async def provision(call: Call, key: str) -> None:
    """Make as many environments as are wished for. Idempotent: what stands already is counted."""
    name, qualifier = key.split(":")
    function = call.get(Function, name)
    if function is None or qualifier not in function.provisioned:
        return
    version = version_of(call, names.Name(call.account, call.region, name, qualifier))
    wanted = function.provisioned[qualifier]["requested"]
    room = pools(call.cloud)
    where = (call.account, call.region, name, version.version, "")
    status, reason = "READY", ""
    try:
        while len(have := room.provisioned(where)) < wanted:
            warm = await room.take(call, version, provisioned=True)
            failed = await warm.environment.ready
            room.give_back(call, warm, version)
            if failed is not None:
                status, reason = "FAILED", "FUNCTION_ERROR_INIT_FAILURE"
                break
    except AwsError as error:
        status, reason = "FAILED", error.message
    for warm in have[wanted:]:
        warm.provisioned = False
    with call.step():
        function = call.get(Function, name)
        if function and qualifier in function.provisioned:
            config = {k: v for k, v in function.provisioned[qualifier].items() if k != "reason"} | {"status": status} | ({"reason": reason} if reason else {})
            call.put(function.but(provisioned=function.provisioned | {qualifier: config}))


def replace(call: Call, version: Version) -> None:
    """An environment initialised beforehand has ended: another takes its place."""
    with call.step():
        function = call.get(Function, version.function)
        for qualifier in function.provisioned if function else ():
            alias = call.get(Alias, f"{version.function}:{qualifier}")
            if version.version == (alias.version if alias else qualifier):
                call.wake(provision, f"{version.function}:{qualifier}")


@lambda_.boot
def provision_again(call: Call) -> None:
    """After a start nothing is initialised; what is wished for is made again."""
    for where in call.cloud.store.scopes("lambda.function"):
        there = call.at(*where)
        for function in there.all(Function):
            for qualifier in function.provisioned:
                there.wake(provision, f"{function.name}:{qualifier}")


def existing(call: Call, req: Any) -> tuple[Function, str, dict[str, Any]]:
    function, qualifier, _ = target(call, req)
    if qualifier not in function.provisioned:
        raise errors.no_provisioned()
    return function, qualifier, function.provisioned[qualifier]


@lambda_.op(names.qualified)
def get_provisioned_concurrency_config(call: Call, req: t.GetProvisionedConcurrencyConfigRequest) -> Any:
    function, qualifier, config = existing(call, req)
    return told(function, qualifier, config, *counted(call, function, qualifier))


@lambda_.op(names.function)
def list_provisioned_concurrency_configs(call: Call, req: t.ListProvisionedConcurrencyConfigsRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    chosen, marker = page(sorted(function.provisioned), req, key=lambda q: q)
    configs = [{"FunctionArn": names.arn(call, function.name, q)} | told(function, q, function.provisioned[q], *counted(call, function, q)) for q in chosen]
    return {"ProvisionedConcurrencyConfigs": configs, **marker}


@lambda_.op(names.qualified)
def delete_provisioned_concurrency_config(call: Call, req: t.DeleteProvisionedConcurrencyConfigRequest) -> None:
    function, qualifier, version = target(call, req)
    if qualifier in function.provisioned:  # deleting what is not there succeeds
        call.put(unprovisioned(call, function, qualifier))
        call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name, version.version)


def unprovisioned(call: Call, function: Function, qualifier: str) -> Function:
    """The function (yet to be put) without what is wished for of this version or alias; its share goes back to the pool."""
    config = function.provisioned.get(qualifier)
    if config is None:
        return function
    if function.reserved is None:
        usage = account(call)
        call.put(usage.but(provisioned=usage.provisioned - config["requested"]))
    return function.but(provisioned={k: v for k, v in function.provisioned.items() if k != qualifier})


def moved(call: Call, function: Function, alias: str, before: str) -> None:
    """An alias points to another version: its environments are made anew there, and those of the version before go."""
    config = {k: v for k, v in function.provisioned[alias].items() if k != "reason"} | {"status": "IN_PROGRESS", "modified": moment(call.now)}
    call.put(function.but(provisioned=function.provisioned | {alias: config}))
    call.wake(provision, f"{function.name}:{alias}")
    call.cloud.store.then(pools(call.cloud).forget, call.account, call.region, function.name, before)
