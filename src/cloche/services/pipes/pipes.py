"""Pipes: made, described, changed, started and stopped, deleted. `CurrentState` follows `DesiredState` behind the answer.

What a pipe does, it does under its role: reading the source, asking the enrichment, writing to the target.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.kernel.pages import page
from cloche.languages import event_pattern, pipe_template
from cloche.services.sts import public as sts

from . import errors, sources, targets
from . import service as pipes

if TYPE_CHECKING:
    from cloche.shapes import pipes as t

SERVICE = "pipes.amazonaws.com"
MOST_LISTED, MOST_TAGS = 100, 50
PASSING = {"CREATING": "CREATE", "UPDATING": "UPDATE", "STARTING": "START", "STOPPING": "STOP", "DELETING": "DELETE"}  # states a pipe only passes through
SHOWN = ("SourceParameters", "Enrichment", "EnrichmentParameters", "TargetParameters", "LogConfiguration", "Description", "KmsKeyIdentifier")
PARTLY = ("sources: SQS, DynamoDB streams, Kinesis; brokers of Kafka and MQ, and targets of services that are not built, answer 501. Log configurations are kept, nothing is logged; "
          "a stream's shard is one lane whatever ParallelizationFactor says")


class Pipe(Record, frozen=True):
    kind = "pipes.pipe"

    name: str
    arn: str
    source: str
    target: str
    role: str
    settings: dict[str, Any]  # the members of SHOWN
    created: float
    changed: float
    desired: str = "RUNNING"
    state: str = "CREATING"
    reason: str = ""
    tags: dict[str, str] = {}
    number: str = ""  # of this pipe and no later one of its name

    @property
    def key(self) -> str:
        return self.name

    @property
    def source_kind(self) -> str:
        return self.source.split(":")[2]

    @property
    def parameters(self) -> dict[str, Any]:
        """Those of its source: batch size and so on."""
        return self.settings["SourceParameters"].get(sources.MEMBERS[self.source_kind], {})  # type: ignore[no-any-return]

    @property
    def batch_size(self) -> int:
        return int(self.parameters["BatchSize"])

    @property
    def window(self) -> int:
        return int(self.parameters.get("MaximumBatchingWindowInSeconds", 0))

    def filters(self) -> list[Any]:
        found = self.settings["SourceParameters"].get("FilterCriteria", {}).get("Filters", [])
        return [event_pattern.compile_pattern(f["Pattern"]) for f in found if f.get("Pattern")]


def acting(call: Call, pipe: Pipe) -> Call:
    """A call under the pipe's role; AccessDenied if it does not trust Pipes."""
    return call.as_principal(sts.role_principal(call, pipe.role, pipe.name[:64], SERVICE))


# -- finding --------------------------------------------------------------------------------------------------------------

def by_name(call: Call, req: Any) -> str:
    return call.arn(f"pipe/{req['Name']}")


def look(call: Call, name: str) -> Pipe:
    found = call.get(Pipe, name)
    if found is None:
        raise errors.no_such(name)
    return found


def settled(pipe: Pipe) -> Pipe:
    if pipe.state in PASSING:
        raise errors.busy(pipe.name, pipe.state)
    return pipe


# -- operations -----------------------------------------------------------------------------------------------------------

@pipes.op(resource=by_name, partly=PARTLY)
def create_pipe(call: Call, req: t.CreatePipeRequest) -> t.CreatePipeResponse:
    if call.get(Pipe, req["Name"]):
        raise errors.exists(req["Name"])
    source = req["Source"]
    if len(req.get("Tags") or {}) > MOST_TAGS:
        raise errors.too_many_tags()
    kind = sources.kind_of(source)
    given = {k: v for k, v in req.items() if k in SHOWN}
    settings = checked(call, source, req["Target"], given | {"SourceParameters": sources.with_defaults(kind, req.get("SourceParameters") or {})})
    if kind != "sqs" and not settings["SourceParameters"][sources.MEMBERS[kind]].get("StartingPosition"):
        raise errors.starting_position()
    call.pass_role(req["RoleArn"], SERVICE)
    pipe = Pipe(req["Name"], call.arn(f"pipe/{req['Name']}"), source, req["Target"], req["RoleArn"], settings, call.now, call.now, req.get("DesiredState") or "RUNNING",
                tags=req.get("Tags") or {}, number=call.id())
    call.put(pipe)
    sources.begin(call, pipe)
    call.wake(settle, pipe.name)
    return brief(pipe)


def checked(call: Call, source: str, target: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Settings as they are kept, or a refusal."""
    sources.check(source, settings["SourceParameters"])
    for one in settings["SourceParameters"].get("FilterCriteria", {}).get("Filters", []):
        try:
            event_pattern.compile_pattern(one.get("Pattern", ""))
        except event_pattern.Invalid:
            raise errors.bad_filter(one.get("Pattern", "")) from None
    if enrichment := settings.get("Enrichment"):
        targets.check_enrichment(call, enrichment)
    targets.check(call, target, settings.get("TargetParameters") or {})
    for member in ("EnrichmentParameters", "TargetParameters"):
        try:
            pipe_template.check((settings.get(member) or {}).get("InputTemplate", ""))
        except pipe_template.Invalid as error:
            raise errors.bad_template(str(error)) from None
    return {k: v for k, v in settings.items() if v not in ("", None)}


def brief(pipe: Pipe, listed: bool = False) -> dict[str, Any]:
    out: dict[str, Any] = {"Arn": pipe.arn, "Name": pipe.name, "DesiredState": pipe.desired, "CurrentState": pipe.state, "CreationTime": pipe.created, "LastModifiedTime": pipe.changed}
    if listed:
        out |= {"Source": pipe.source, "Target": pipe.target} | ({"Enrichment": pipe.settings["Enrichment"]} if "Enrichment" in pipe.settings else {})
        out |= {"StateReason": pipe.reason} if pipe.reason else {}
    return out


@pipes.op(resource=by_name)
def describe_pipe(call: Call, req: t.DescribePipeRequest) -> t.DescribePipeResponse:
    pipe = look(call, req["Name"])
    return brief(pipe, listed=True) | {"RoleArn": pipe.role, "Tags": pipe.tags} | pipe.settings


@pipes.op(resource=lambda call, req: "*")
def list_pipes(call: Call, req: t.ListPipesRequest) -> t.ListPipesResponse:
    found = [p for p in sorted(call.all(Pipe), key=lambda p: p.name) if p.name.startswith(req.get("NamePrefix", "")) and p.source.startswith(req.get("SourcePrefix", ""))
             and p.target.startswith(req.get("TargetPrefix", "")) and req.get("DesiredState") in (None, p.desired) and req.get("CurrentState") in (None, p.state)]
    chosen, token = page(found, {"MaxResults": req.get("Limit"), "NextToken": req.get("NextToken")}, lambda p: p.name, MOST_LISTED, errors.next_token)
    return {"Pipes": [brief(p, listed=True) for p in chosen], **token}


@pipes.op(resource=by_name)
def update_pipe(call: Call, req: t.UpdatePipeRequest) -> t.UpdatePipeResponse:
    """What is given replaces what was there, a source's parameters one by one; where it begins and what it reads from stay."""
    pipe = settled(look(call, req["Name"]))
    settings, target = dict(pipe.settings), req.get("Target") or pipe.target
    if given := req.get("SourceParameters"):
        settings["SourceParameters"] = sources.merged(pipe.source_kind, settings["SourceParameters"], given)
    settings |= {k: req[k] for k in SHOWN if k in req and k != "SourceParameters"}
    settings = checked(call, pipe.source, target, settings)
    call.pass_role(req["RoleArn"], SERVICE)
    desired = req.get("DesiredState") or pipe.desired
    pipe = call.put(pipe.but(settings=settings, target=target, role=req["RoleArn"], desired=desired, changed=call.now, state="UPDATING"))
    call.wake(settle, pipe.name)
    return brief(pipe)


@pipes.op(resource=by_name)
def start_pipe(call: Call, req: t.StartPipeRequest) -> t.StartPipeResponse:
    pipe = settled(look(call, req["Name"]))
    pipe = call.put(pipe.but(desired="RUNNING", state="STARTING", changed=call.now))
    call.wake(settle, pipe.name)
    return brief(pipe)


@pipes.op(resource=by_name)
def stop_pipe(call: Call, req: t.StopPipeRequest) -> t.StopPipeResponse:
    pipe = settled(look(call, req["Name"]))
    pipe = call.put(pipe.but(desired="STOPPED", state="STOPPING", changed=call.now))
    call.wake(settle, pipe.name)
    return brief(pipe)


@pipes.op(resource=by_name)
def delete_pipe(call: Call, req: t.DeletePipeRequest) -> t.DeletePipeResponse:
    pipe = look(call, req["Name"])
    if pipe.state == "DELETING":
        raise errors.busy(pipe.name, pipe.state)
    pipe = call.put(pipe.but(state="DELETING", changed=call.now))
    call.wake(settle, pipe.name)
    return brief(pipe) | {"DesiredState": "DELETED"}


# -- states ---------------------------------------------------------------------------------------------------------------

@pipes.worker
async def settle(call: Call, key: str) -> None:
    """From the state a pipe passes through to the one that is wanted; a source that cannot be read under the role fails it."""
    from . import polling
    pipe = call.get(Pipe, key)
    if pipe is None or pipe.state not in PASSING:
        return
    with call.step():
        if pipe.state == "DELETING":
            polling.forget(call, pipe)
            sources.forget(call, pipe)
            call.delete(pipe)
            return
        try:
            if pipe.desired == "RUNNING":
                sources.probe(acting(call, pipe), pipe)
            call.put(pipe.but(state=pipe.desired, reason=""))
        except AwsError as error:
            call.put(pipe.but(state=f"{PASSING[pipe.state]}_FAILED", reason=error.message or error.code))
            return
    if pipe.desired == "RUNNING":
        polling.attend(call, pipe)
