"""Small settings of a function that stand alone: what to do about recursion, and which runtime version it takes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, names
from . import service as lambda_
from .records import find, version_of

if TYPE_CHECKING:
    from cloche.shapes import lambda_ as t


@lambda_.op(names.function)
def put_function_recursion_config(call: Call, req: t.PutFunctionRecursionConfigRequest) -> Any:
    function = find(call, names.parse(call, req["FunctionName"]))
    return {"RecursiveLoop": call.put(function.but(recursion=req["RecursiveLoop"])).recursion}


@lambda_.op(names.function)
def get_function_recursion_config(call: Call, req: t.GetFunctionRecursionConfigRequest) -> Any:
    return {"RecursiveLoop": find(call, names.parse(call, req["FunctionName"])).recursion}


@lambda_.op(names.qualified)
def put_runtime_management_config(call: Call, req: t.PutRuntimeManagementConfigRequest) -> Any:
    """Kept and answered: the machine has one version of each runtime, so all three modes mean the same."""
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    version = version_of(call, name)
    runtime = version.config.get("RuntimeVersionConfig", {}).get("RuntimeVersionArn", "")
    if not runtime:
        raise errors.invalid("Runtime management is not supported for functions created with container images.")
    if (req["UpdateRuntimeOn"] == "Manual") != ("RuntimeVersionArn" in req):
        raise errors.invalid("RuntimeVersionArn is required for the Manual runtime update mode, and for no other.")
    if req.get("RuntimeVersionArn", runtime) != runtime:
        raise errors.invalid(f"Runtime version {req['RuntimeVersionArn']} does not exist for the runtime {version.config['Runtime']}.")
    kept = {"UpdateRuntimeOn": req["UpdateRuntimeOn"]} | ({"RuntimeVersionArn": req["RuntimeVersionArn"]} if "RuntimeVersionArn" in req else {})
    call.put(function.but(runtime_update=kept))
    return kept | {"FunctionArn": names.arn(call, function.name, name.qualifier)}


@lambda_.op(names.qualified)
def get_runtime_management_config(call: Call, req: t.GetRuntimeManagementConfigRequest) -> Any:
    name = names.parse(call, req["FunctionName"], req.get("Qualifier"))
    function = find(call, name)
    version_of(call, name)
    return {"UpdateRuntimeOn": "Auto"} | function.runtime_update | {"FunctionArn": names.arn(call, function.name, name.qualifier)}
