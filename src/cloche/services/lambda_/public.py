"""What other services do with functions: invoke one and wait, or leave an event. The function's resource policy is asked, as at the front door.

    result = await public.invoke(call, arn, payload, service="apigateway.amazonaws.com", source_arn=...)
    public.enqueue(call, arn, payload, service="s3.amazonaws.com", source_arn=bucket_arn)      # inside a step

Without `service` it is the call's own principal that asks. For pipes, which read queues as mappings do: `message_record`, `filterable`, `matches`, `reported`.
"""
from __future__ import annotations

from typing import Any

from cloche.kernel import Call

from . import asynchronous, names, packages, records, replicas, running
from .mappings import matches
from .pool import pools
from .queue_poller import filterable, reported
from .queue_poller import record as message_record
from .records import find, version_of
from .running import Result


def allowed(call: Call, arn: str, **context: Any) -> names.Name:
    """The function behind the ARN; raises ResourceNotFoundException or AccessDeniedException."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    name = names.parse(there, arn)
    there.require("lambda:InvokeFunction", arn, context, policy=records.policy(there, arn))
    find(there, name)
    return name


def speaker(call: Call, service: str, source_arn: str, source_account: str) -> Call:
    return call.as_service(service, source_arn, source_account) if service else call


def told(call: Call, name: names.Name, arn: str, kind: str, service: str) -> None:
    """CloudTrail tells of it as of an Invoke."""
    there = call.of("lambda", name.account, name.region)
    there.cloud.journal.tell(there, "Invoke", {"FunctionName": arn, "InvocationType": kind}, service or f"{call.service.iam}.amazonaws.com")


async def invoke(call: Call, arn: str, payload: bytes, *, service: str = "", source_arn: str = "", source_account: str = "", **more: Any) -> Result:
    """Run the function now. `.payload` is what it said, `.function_error` "Unhandled" if that is an error; AwsError if it was not run (429, 403, 404).

    `on_chunk(data, content_type)` receives a streamed response.
    """
    asking = speaker(call, service, source_arn, source_account)
    name = allowed(asking, arn)
    told(asking, name, arn, "RequestResponse", service)
    return await running.run(call.of("lambda", name.account, name.region), name, payload, paced=True, **more)


def enqueue(call: Call, arn: str, payload: bytes, *, service: str = "", source_arn: str = "", source_account: str = "", trace: str = "") -> str:
    """Leave an event: durable with the caller's step, retried, dead-lettered. Gives the request id."""
    asking = speaker(call, service, source_arn, source_account)
    name = allowed(asking, arn)
    there = call.of("lambda", name.account, name.region)
    version_of(there, name)
    told(asking, name, arn, "Event", service)
    return asynchronous.enqueue(there, name, payload, trace)


def trace_of(call: Call) -> str:
    """The X-Amzn-Trace-Id of whoever's request this is, to be handed on; "" where it has none."""
    return call.request.headers.get("x-amzn-trace-id", "") if call.request is not None else ""


def may_invoke(call: Call, arn: str, *, service: str = "", source_arn: str = "", source_account: str = "") -> bool:
    """Whether this call's principal could (for checks when a target is configured)."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    return speaker(there, service, source_arn, source_account).allowed("lambda:InvokeFunction", arn, policy=records.policy(there, arn))


def exists(call: Call, arn: str) -> bool:
    parts = arn.split(":")
    return len(parts) > 6 and parts[2] == "lambda" and call.of("lambda", parts[4], parts[3]).get(records.Function, parts[6]) is not None


# -- for CloudFront ---------------------------------------------------------------------------------------------------------------

def version(call: Call, arn: str) -> dict[str, Any] | None:
    """The configuration of a published version; None if there is none."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    found = there.get(records.Version, ":".join(arn.split(":")[6:8]))
    return found.config if found else None


def provisioned(call: Call, arn: str) -> bool:
    parts = arn.split(":")
    found = call.of("lambda", parts[4], parts[3]).get(records.Function, parts[6])
    return found is not None and parts[7] in found.provisioned


def replicate(call: Call, arn: str, user: str) -> None:
    """A distribution uses the version from now on: it cannot be deleted. Inside a step."""
    replicas.add(call.of("lambda"), arn, user)


def withdraw(call: Call, arn: str, user: str, until: float) -> None:
    replicas.withdraw(call.of("lambda"), arn, user, until)


async def at_edge(call: Call, arn: str, payload: bytes) -> Result:
    """Run a replica: nobody's policy is asked, and its words go to the group of the edge, /aws/lambda/us-east-1.NAME."""
    there = call.of("lambda", arn.split(":")[4], arn.split(":")[3])
    name = names.parse(there, arn)
    return await running.run(there, name, payload, group=f"/aws/lambda/{name.region}.{name.name}")


def room(call: Call) -> tuple[Any, Any]:
    """The engine of sandboxes, and the directory of the code that they may be given."""
    found = pools(call.cloud)
    call.cloud.service("lambda")
    return found.engine, packages.code_root(call.cloud)


__all__ = ["Result", "at_edge", "enqueue", "exists", "filterable", "invoke", "matches", "may_invoke", "message_record", "provisioned", "replicate", "reported", "room", "version", "withdraw"]
