"""How a capacity is read and set, for each dimension that can be scaled here: always with the service's public operations, under its linked role."""
from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from cloche.kernel import AwsError, Call
from cloche.services.iam import public as iam

from . import errors

Reader = Callable[[Call, Any], Awaitable[int | None]]
Writer = Callable[[Call, Any, int], Awaitable[None]]


class Dimension(msgspec.Struct, frozen=True):
    namespace: str
    pattern: str
    words: str          # "Setting <words> to 5."
    role: str           # the service-linked role's service
    read: Reader
    write: Writer
    least: int = 0


async def ask(call: Call, service: str, operation: str, /, **members: Any) -> Any:
    answer = call.do(service, operation, **members)
    return await answer if inspect.isawaitable(answer) else answer


def find(namespace: str, resource: str, dimension: str) -> tuple[Dimension, Any]:
    found = DIMENSIONS.get(dimension)
    if found is None:
        if dimension.split(":")[0] != namespace and not (namespace == "custom-resource" and dimension.startswith("custom-resource")):
            raise errors.bad_resource(resource, dimension)
        raise errors.not_built(f"scaling {dimension}")
    match = re.fullmatch(found.pattern, resource)
    if found.namespace != namespace or match is None:
        raise errors.bad_resource(resource, dimension)
    return found, match


def role_arn(call: Call, dimension: Dimension) -> str:
    role = iam.ensure_linked(call, dimension.role)
    return call.arn(f"role{role.path}{role.name}", service="iam", region="")


def acting(call: Call, dimension: Dimension) -> Call:
    return call.as_role(role_arn(call, dimension), "AutoScaling", dimension.role)


# -- DynamoDB ---------------------------------------------------------------------------------------------------------

async def table(call: Call, name: str) -> Any:
    try:
        return (await ask(call, "dynamodb", "DescribeTable", TableName=name))["Table"]
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise


def units(member: str) -> tuple[Reader, Writer, Reader, Writer]:
    other = "WriteCapacityUnits" if member == "ReadCapacityUnits" else "ReadCapacityUnits"

    async def read(call: Call, match: Any) -> int | None:
        found = await table(call, match["table"])
        return None if found is None else int(found["ProvisionedThroughput"][member])

    async def write(call: Call, match: Any, value: int) -> None:
        found = await table(call, match["table"])
        keep = found["ProvisionedThroughput"][other]
        await ask(call, "dynamodb", "UpdateTable", TableName=match["table"], ProvisionedThroughput={member: value, other: keep})

    async def read_index(call: Call, match: Any) -> int | None:
        found = await table(call, match["table"])
        index = next((i for i in (found or {}).get("GlobalSecondaryIndexes") or () if i["IndexName"] == match["index"]), None)
        return None if index is None else int(index["ProvisionedThroughput"][member])

    async def write_index(call: Call, match: Any, value: int) -> None:
        found = await table(call, match["table"])
        index = next(i for i in found["GlobalSecondaryIndexes"] if i["IndexName"] == match["index"])
        keep = index["ProvisionedThroughput"][other]
        await ask(call, "dynamodb", "UpdateTable", TableName=match["table"],
                  GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": match["index"], "ProvisionedThroughput": {member: value, other: keep}}}])

    return read, write, read_index, write_index


# -- Lambda, ECS, Spot Fleet ------------------------------------------------------------------------------------------

async def read_concurrency(call: Call, match: Any) -> int | None:
    try:
        found = await ask(call, "lambda", "GetProvisionedConcurrencyConfig", FunctionName=match["function"], Qualifier=match["alias"])
    except AwsError as error:
        if error.code == "ProvisionedConcurrencyConfigNotFoundException":
            return 0
        if error.code == "ResourceNotFoundException":
            return None
        raise
    return int(found["RequestedProvisionedConcurrentExecutions"])


async def write_concurrency(call: Call, match: Any, value: int) -> None:
    if value:
        await ask(call, "lambda", "PutProvisionedConcurrencyConfig", FunctionName=match["function"], Qualifier=match["alias"], ProvisionedConcurrentExecutions=value)
    else:
        await ask(call, "lambda", "DeleteProvisionedConcurrencyConfig", FunctionName=match["function"], Qualifier=match["alias"])


async def read_count(call: Call, match: Any) -> int | None:
    found = (await ask(call, "ecs", "DescribeServices", cluster=match["cluster"], services=[match["service"]]))["services"]
    return int(found[0]["desiredCount"]) if found and found[0].get("status") != "INACTIVE" else None


async def write_count(call: Call, match: Any, value: int) -> None:
    await ask(call, "ecs", "UpdateService", cluster=match["cluster"], service=match["service"], desiredCount=value)


async def read_fleet(call: Call, match: Any) -> int | None:
    found = (await ask(call, "ec2", "DescribeSpotFleetRequests", SpotFleetRequestIds=[match["fleet"]]))["SpotFleetRequestConfigs"]
    return int(found[0]["SpotFleetRequestConfig"]["TargetCapacity"]) if found else None


async def write_fleet(call: Call, match: Any, value: int) -> None:
    await ask(call, "ec2", "ModifySpotFleetRequest", SpotFleetRequestId=match["fleet"], TargetCapacity=value)


TABLE, INDEX = r"table/(?P<table>[\w.-]{3,255})", r"table/(?P<table>[\w.-]{3,255})/index/(?P<index>[\w.-]{3,255})"
READ, WRITE = units("ReadCapacityUnits"), units("WriteCapacityUnits")
DYNAMODB = "dynamodb.application-autoscaling.amazonaws.com"
DIMENSIONS = {
    "dynamodb:table:ReadCapacityUnits": Dimension("dynamodb", TABLE, "read capacity units", DYNAMODB, READ[0], READ[1], 1),
    "dynamodb:table:WriteCapacityUnits": Dimension("dynamodb", TABLE, "write capacity units", DYNAMODB, WRITE[0], WRITE[1], 1),
    "dynamodb:index:ReadCapacityUnits": Dimension("dynamodb", INDEX, "read capacity units", DYNAMODB, READ[2], READ[3], 1),
    "dynamodb:index:WriteCapacityUnits": Dimension("dynamodb", INDEX, "write capacity units", DYNAMODB, WRITE[2], WRITE[3], 1),
    "lambda:function:ProvisionedConcurrency": Dimension(
        "lambda", r"function:(?P<function>[\w-]+):(?P<alias>[\w$-]+)", "provisioned concurrency", "lambda.application-autoscaling.amazonaws.com", read_concurrency, write_concurrency),
    "ecs:service:DesiredCount": Dimension(
        "ecs", r"service/(?P<cluster>[\w-]+)/(?P<service>[\w-]+)", "desired count", "ecs.application-autoscaling.amazonaws.com", read_count, write_count),
    "ec2:spot-fleet-request:TargetCapacity": Dimension(
        "ec2", r"spot-fleet-request/(?P<fleet>sfr-[\w-]+)", "target capacity", "ec2.application-autoscaling.amazonaws.com", read_fleet, write_fleet),
}
