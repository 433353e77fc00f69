"""Pipes in templates: Pipe, which is done when it runs (or stands still, if that was asked for)."""
from __future__ import annotations

import copy
from typing import Any

from cloche.kernel import AwsError
from cloche.services.cloudformation.public import Resource, Type, op, retag, steps

FIXED = ("Name", "Source", "Tags")


async def read(r: Resource) -> None:
    told = await r.do("pipes", "DescribePipe", Name=r.physical)
    r.attributes |= {"Arn": told["Arn"], "CurrentState": told["CurrentState"], "CreationTime": str(told["CreationTime"]), "LastModifiedTime": str(told["LastModifiedTime"])}
    if "StateReason" in told:
        r.attributes["StateReason"] = told["StateReason"]


async def ready(r: Resource) -> bool:
    told = await r.do("pipes", "DescribePipe", Name=r.physical)
    if told["CurrentState"].endswith("_FAILED"):
        raise AwsError("NotStabilized", told.get("StateReason", told["CurrentState"]))
    if told["CurrentState"] not in ("RUNNING", "STOPPED"):
        return False
    await read(r)
    return True


async def update(r: Resource) -> None:
    """Where a stream is read from is no member of UpdatePipe."""
    given: dict[str, Any] = {k: v for k, v in r.properties.items() if k not in FIXED}
    if "SourceParameters" in given:
        given["SourceParameters"] = parameters = copy.deepcopy(given["SourceParameters"])
        for member in parameters.values():
            if isinstance(member, dict):
                for name in ("StartingPosition", "StartingPositionTimestamp"):
                    member.pop(name, None)
    await r.do("pipes", "UpdatePipe", Name=r.physical, **given)


async def delete(r: Resource) -> None:
    try:
        if (await r.do("pipes", "DescribePipe", Name=r.physical))["CurrentState"] != "DELETING":
            await r.do("pipes", "DeletePipe", Name=r.physical)
    except AwsError as error:
        if error.code == "NotFoundException":
            return
        raise
    r.not_yet()


TYPES = {
    "AWS::Pipes::Pipe": Type(
        name="Name", limit=64, create=op("pipes", "CreatePipe", send=True, physical="Name"), read=read, ready=ready,
        update=steps(update, retag("pipes", "TagResource", "UntagResource", keys="tagKeys", tags="tags", resourceArn="{.Arn}")), delete=delete, gone=("NotFoundException",)),
}
