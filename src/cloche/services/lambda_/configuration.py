"""The configuration of a version: defaults, the checks of create and update that the model cannot make, and how it is answered."""
from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from typing import Any

from cloche.engines.run import interpreters
from cloche.kernel import AwsError, Call

from . import errors, errors_images, file_systems, names, sealing, vpc
from .records import Function, Version
from .roles import acting

RUNTIMES = [
    "nodejs20.x", "provided.al2023", "python3.12", "java17", "provided", "nodejs16.x", "nodejs14.x", "ruby2.7", "python3.10", "java11", "python3.13", "python3.14", "python3.11",
    "dotnet6", "go1.x", "nodejs18.x", "provided.al2", "java8", "java8.al2", "ruby3.2", "python3.7", "python3.8", "ruby3.3", "ruby3.4", "dotnet8", "dotnet10", "java21", "java25",
    "python3.9", "nodejs22.x", "nodejs24.x",
]
BLOCKED = {"nodejs", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs16.x", "python2.7", "python3.6", "python3.7", "python3.8",
           "ruby2.5", "ruby2.7", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "dotnet5.0", "dotnet6", "java8", "go1.x", "provided"}
STILL_RUN = {"provided"}  # blocked for new functions on AWS; harmless here
RESERVED = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
}
COPIED = ("Runtime", "Handler", "Role", "Timeout", "MemorySize", "KMSKeyArn", "EphemeralStorage", "Architectures", "ImageConfig")
SOURCES = ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion")
SNAPSTART = re.compile(r"java(?!8)|python3\.1[2-9]|dotnet(8|10)")


def created(call: Call, req: Any) -> dict[str, Any]:
    """The configuration of a new function."""
    image = req.get("PackageType", "Zip") == "Image"
    if image:
        if any(name in req["Code"] for name in SOURCES):
            raise errors_images.zip_for_image("creating")
        if not req["Code"].get("ImageUri"):
            raise errors_images.image_needed("creating")
        if req.get("CodeSigningConfigArn"):
            raise errors_images.image_signed()
    elif "ImageUri" in req["Code"]:
        raise errors.image_for_zip("creating")
    elif not req.get("Runtime") or not req.get("Handler"):
        raise errors.handler_and_runtime_needed()
    config: dict[str, Any] = {
        "Description": "", "Timeout": 3, "MemorySize": 128, "EphemeralStorage": {"Size": 512}, "Architectures": ["x86_64"], "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Image" if image else "Zip", "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"}, "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{req['FunctionName'].rsplit(':', 1)[-1]}"},
    }
    return changed(call, config, req)


def changed(call: Call, config: dict[str, Any], req: Any) -> dict[str, Any]:
    """The configuration with what a request says, checked."""
    check(req)
    check_kind(config["PackageType"], req)
    before = config
    config = config | {name: req[name] for name in COPIED if req.get(name) not in (None, "")}
    if durable := req.get("DurableConfig"):
        if durable.get("KMSKeyArn"):
            raise errors.cannot_run("Cloche keeps durable executions under its own key. Leave KMSKeyArn of DurableConfig out.")
        config["DurableConfig"] = {"RetentionPeriodInDays": 14, "ExecutionTimeout": 86400} | config.get("DurableConfig", {}) | durable
    if req.get("TenancyConfig"):
        config["TenancyConfig"] = req["TenancyConfig"]
    if "ImageConfig" in req and not any(req["ImageConfig"].values()):
        config.pop("ImageConfig", None)  # back to what the image says
    if "Description" in req:
        config["Description"] = req["Description"]
    if "Runtime" in req:
        config["RuntimeVersionConfig"] = {"RuntimeVersionArn": f"arn:aws:lambda:{call.region}::runtime:{hashlib.sha256(req['Runtime'].encode()).hexdigest()}"}
    if "Environment" in req:
        config.pop("Environment", None)
        if variables := req["Environment"].get("Variables"):
            config["Environment"] = {"Variables": variables}
    if "DeadLetterConfig" in req:
        config.pop("DeadLetterConfig", None)
        if target := req["DeadLetterConfig"].get("TargetArn"):
            config["DeadLetterConfig"] = {"TargetArn": target}
    if "TracingConfig" in req:
        config["TracingConfig"] = {"Mode": req["TracingConfig"].get("Mode", "PassThrough")}
    if "VpcConfig" in req and (vpc.attached(req) or vpc.attached(config) or req["VpcConfig"].get("SecurityGroupIds")):
        config["VpcConfig"] = vpc.config(call, req["VpcConfig"])
    if "FileSystemConfigs" in req or "VpcConfig" in req:
        wanted = req.get("FileSystemConfigs", config.get("FileSystemConfigs", []))
        config = {k: v for k, v in config.items() if k != "FileSystemConfigs"} | ({"FileSystemConfigs": file_systems.config(call, wanted, config.get("VpcConfig", {}))} if wanted else {})
    if "SnapStart" in req:
        config["SnapStart"] = {"ApplyOn": req["SnapStart"].get("ApplyOn", "None"), "OptimizationStatus": "Off"}
    if config["SnapStart"]["ApplyOn"] != "None":
        check_snapstart(config)
    if "LoggingConfig" in req:
        config["LoggingConfig"] = logging(config["LoggingConfig"], req["LoggingConfig"])
    if req.get("KMSKeyArn") == "":
        config.pop("KMSKeyArn", None)
    return sealing.keep(call, names.parse(call, req["FunctionName"]).name, before, config)


def logging(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    new = old | given
    if new["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} | new
    if "ApplicationLogLevel" in given or "SystemLogLevel" in given:
        raise errors.invalid("To enable log level configuration, set LogFormat to JSON.")
    return {k: v for k, v in new.items() if k in ("LogFormat", "LogGroup")}


def check(req: Any) -> None:
    if runtime := req.get("Runtime"):
        check_runtime(runtime)
    if req.get("Timeout", 1) > 900:
        raise errors.too_high("timeout", req["Timeout"], 900)
    if req.get("MemorySize", 128) > 10240:
        raise errors.too_high("memorySize", req["MemorySize"], 10240)
    if variables := req.get("Environment", {}).get("Variables"):
        check_variables(variables)
    for name, why in (("CapacityProviderConfig", "run functions on managed instances"),
                      ("RuntimeConfig", "choose among versions of a runtime: the machine has one of each"),
                      ("AcceleratorConfig", "have accelerators"), ("PublishTo", "publish to capacity providers")):
        if req.get(name):
            raise errors.cannot_run(f"Cloche does not {why} yet. Leave {name} out.")


def check_snapstart(config: dict[str, Any]) -> None:
    """What AWS takes no snapshots of, and what Cloche takes none of."""
    if config["PackageType"] == "Image":
        raise errors.snapstart_refuses("functions created with container images")
    if not SNAPSTART.match(config["Runtime"]):
        raise errors.invalid(f"{config['Runtime']} is not supported for SnapStart enabled functions.")
    if config["EphemeralStorage"]["Size"] > 512:
        raise errors.snapstart_refuses("functions with an ephemeral storage size of more than 512 MB")
    if config.get("FileSystemConfigs"):
        raise errors.snapstart_refuses("functions with a file system")
    if vpc.attached(config):
        raise errors.cannot_run("Cloche's SnapStart snapshots cannot join the network of a VPC. Leave SnapStart or VpcConfig out.")
    if "AWS_LAMBDA_EXEC_WRAPPER" in config.get("Environment", {}).get("Variables", {}):
        raise errors.cannot_run("Cloche's SnapStart snapshots hold one process: a wrapper script cannot be in one. Leave SnapStart or AWS_LAMBDA_EXEC_WRAPPER out.")


def check_kind(kind: str, req: Any) -> None:
    """What belongs to the other kind of package."""
    if kind == "Image":
        if any(req.get(name) for name in ("Runtime", "Handler", "Layers")):
            raise errors_images.not_for_image()
    elif req.get("ImageConfig"):
        raise errors_images.image_config_for_zip()


def check_runtime(runtime: str) -> None:
    if runtime in BLOCKED - STILL_RUN:
        raise errors.blocked_runtime(runtime)
    if runtime not in RUNTIMES:
        raise errors.unknown_runtime(runtime, RUNTIMES)
    if interpreters.find(runtime) is None:
        raise errors.cannot_run(interpreters.missing(runtime))


def check_variables(variables: dict[str, str]) -> None:
    if reserved := [name for name in variables if name in RESERVED]:
        raise errors.reserved_variables(reserved)
    if len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()) > 4096:
        raise errors.environment_too_large(json.dumps(variables, separators=(",", ":"), ensure_ascii=False))


def check_role(call: Call, role: str) -> None:
    """Lambda must be able to assume the role now; that is how AWS finds out."""
    try:
        acting(call, role, "awslambda_validation")
    except AwsError:
        raise errors.role_not_assumable() from None


def check_dead_letters(call: Call, config: dict[str, Any]) -> None:
    target = config.get("DeadLetterConfig", {}).get("TargetArn")
    if target:
        kind = target.split(":")[2]
        action, what = {"sqs": ("sqs:SendMessage", "SendMessage on SQS"), "sns": ("sns:Publish", "Publish on SNS")}.get(kind, ("", ""))
        if not action:
            raise errors.invalid(f"The provided dead letter config TargetArn {target} is not a queue or topic.")
        if not acting(call, config["Role"], "validation").allowed(action, target):
            raise errors.role_lacks(what)


# answers

def describe(call: Call, function: Function, version: Version, qualifier: str | None = None) -> dict[str, Any]:
    """FunctionConfiguration. `qualifier`: what was asked for; the ARN carries it."""
    config = dict(version.config)
    config |= {
        "FunctionName": function.name, "FunctionArn": names.arn(call, function.name, qualifier), "Version": version.version, "CodeSha256": sha_of(version),
        "RevisionId": version.revision, "LastModified": version.modified, "State": version.state, "LastUpdateStatus": version.update,
    }
    if "ImageConfig" in config:
        config["ImageConfigResponse"] = {"ImageConfig": config.pop("ImageConfig")}
    if "Sealed" in config.get("Environment", ()):
        config["Environment"] = sealing.shown(call, function.name, config["Environment"])
    if version.state == "Pending":
        config |= {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}
    elif version.state == "Failed":
        config |= {"StateReason": version.reason, "StateReasonCode": version.code or "InternalError"}
    if version.update == "InProgress":
        config |= {"LastUpdateStatusReason": "The function is being created.", "LastUpdateStatusReasonCode": "Creating"}
    elif version.update == "Failed":
        config |= {"LastUpdateStatusReason": version.reason, "LastUpdateStatusReasonCode": version.code or "InternalError"}
    if version.version == names.LATEST and config["SnapStart"]["ApplyOn"] == "None":
        config["SnapStart"] = {"ApplyOn": "None", "OptimizationStatus": "Off"}
    return config


def sha_of(version: Version) -> str:
    return version.sha if version.image else base64.b64encode(bytes.fromhex(version.sha)).decode()


def summary(config: dict[str, Any]) -> dict[str, Any]:
    """As ListFunctions and ListVersionsByFunction answer: without what only a single get tells."""
    return {k: v for k, v in config.items() if not k.startswith(("State", "LastUpdateStatus")) and k != "RuntimeVersionConfig"}


def moment(now: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}+0000"
