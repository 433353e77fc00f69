"""Functions at a behaviour's four events: what may stand where. CloudFront Functions at the viewer's two; Lambda functions, as numbered versions of us-east-1, at all."""
from __future__ import annotations

import re
from typing import Any

from cloche.kernel import AwsError, Call
from cloche.services.lambda_ import public as lambdas
from cloche.services.sts import public as sts

from . import HOME, errors, functions, things
from .things import items

VERSION = re.compile(r"arn:aws:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):function:(?P<name>[\w-]+):(?P<version>\d+)")
VIEWER = ("viewer-request", "viewer-response")
RUNTIMES = re.compile(r"nodejs\d+\.x|python3\.\d+")
VIEWER_BYTES = 1 << 20
MEMORY, SECONDS = {True: 128, False: 10240}, {True: 5, False: 30}


def check(call: Call, one: dict[str, Any]) -> None:
    """Of a behaviour."""
    own, others = items(one["FunctionAssociations"]), items(one["LambdaFunctionAssociations"])
    events = [each["EventType"] for each in own]
    if len(set(events)) != len(events):
        raise errors.bad_function("A cache behavior has two functions for one event type.")
    for each in own:
        if each["EventType"] not in VIEWER:
            raise errors.bad_function("CloudFront Functions can be associated with viewer-request and viewer-response only.")
        if functions.live(call, each["FunctionARN"]) is None:
            raise errors.bad_function(f"The function does not exist, or is not published: {each['FunctionARN']}")
    events = [each["EventType"] for each in others]
    if len(set(events)) != len(events):
        raise errors.bad_lambda("A cache behavior has two Lambda functions for one event type.")
    if own and any(event in VIEWER for event in events):
        raise errors.bad_lambda("A CloudFront Function and a Lambda@Edge function cannot both be associated with viewer events of one cache behavior.")
    for each in others:
        edge(call, each["LambdaFunctionARN"], each["EventType"], bool(each.get("IncludeBody")))


def edge(call: Call, arn: str, event: str, body: bool) -> None:
    """A Lambda function that may run at the edge, for this caller."""
    match = VERSION.fullmatch(arn)
    if match is None:
        if re.fullmatch(r"arn:aws:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?", arn):
            raise errors.bad_lambda(f"The function ARN must reference a specific function version. (The ARN must end with the version number.) ARN: {arn}")
        raise errors.bad_lambda(f"The function ARN is not valid. ARN: {arn}")
    if match["region"] != HOME:
        raise errors.bad_lambda(f"The function must be in region '{HOME}'. ARN: {arn}")
    if match["account"] != call.account:
        raise errors.bad_lambda(f"The function must be in the same account as the distribution. ARN: {arn}")
    if body and event.endswith("response"):
        raise errors.bad_lambda(f"IncludeBody is allowed for request events only. ARN: {arn}")
    for action in ("lambda:GetFunction", "lambda:EnableReplication*"):
        call.require(action, arn)
    config = lambdas.version(call, arn)
    if config is None:
        raise errors.bad_lambda(f"The function does not exist. ARN: {arn}")
    if config.get("PackageType") == "Image":
        raise errors.bad_lambda(f"The function cannot be a container image. Function: {arn}")
    if not RUNTIMES.fullmatch(config.get("Runtime", "")):
        raise errors.bad_lambda(f"The function's runtime is not supported at the edge: Node.js and Python are. Function: {arn}")
    if (config.get("Environment") or {}).get("Variables"):
        raise errors.bad_lambda(f"The function cannot have environment variables. Function: {arn}")
    if (config.get("VpcConfig") or {}).get("SubnetIds"):
        raise errors.bad_lambda(f"The function cannot be in a VPC. Function: {arn}")
    if config.get("Layers"):
        raise errors.bad_lambda(f"The function cannot have layers. Function: {arn}")
    if (config.get("DeadLetterConfig") or {}).get("TargetArn"):
        raise errors.bad_lambda(f"The function cannot have a dead letter queue. Function: {arn}")
    if config.get("Architectures", ["x86_64"]) != ["x86_64"]:
        raise errors.bad_lambda(f"The function must be of the x86_64 architecture. Function: {arn}")
    if config["EphemeralStorage"]["Size"] != 512:
        raise errors.bad_lambda(f"The function's ephemeral storage must be 512 MB. Function: {arn}")
    if event in VIEWER and config["CodeSize"] > VIEWER_BYTES:
        raise errors.bad_lambda(f"The function's code is larger than the maximum allowed for functions that are triggered by a viewer event: {config['CodeSize']} > {VIEWER_BYTES} Function: {arn}")
    if lambdas.provisioned(call, arn):
        raise errors.bad_lambda(f"The function cannot have provisioned concurrency. Function: {arn}")
    viewer = event in VIEWER
    if config["MemorySize"] > MEMORY[viewer]:
        raise errors.bad_lambda(f"The function's memory size is larger than the maximum allowed for functions that are triggered by a CloudFront event: {config['MemorySize']} > {MEMORY[viewer]} Function: {arn}")
    if config["Timeout"] > SECONDS[viewer]:
        raise errors.bad_lambda(f"The function timeout is larger than the maximum allowed for functions that are triggered by a CloudFront event: {config['Timeout']} > {SECONDS[viewer]} Function: {arn}")
    try:
        for service in ("edgelambda.amazonaws.com", "lambda.amazonaws.com"):
            sts.role_principal(call.of("sts"), config["Role"], "edge", service)
    except AwsError:
        raise errors.bad_lambda("The function execution role must be assumable with edgelambda.amazonaws.com as well as lambda.amazonaws.com principals. "
                                f"Update the IAM role and try again. Role: {config['Role']}") from None


def of(config: dict[str, Any]) -> set[str]:
    """ARNs of the Lambda functions that a distribution uses."""
    return {each["LambdaFunctionARN"] for one in things.behaviours(config) for each in items(one.get("LambdaFunctionAssociations"))} if config.get("DefaultCacheBehavior") else set()
