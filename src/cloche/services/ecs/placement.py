"""Where a task may be: what an instance has left, constraints that bind, strategies that choose among what remains; and which task goes first when there are too many."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.languages import cluster_query

from . import checks, errors, names
from .definitions import Definition
from .index import index

if TYPE_CHECKING:
    from .container_instances import Instance
    from .launch import Plan
    from .tasks import Task

MOST_STRATEGIES, MOST_CONSTRAINTS = 5, 10
MEMBER, DISTINCT = "MemberOf placement constraint unsatisfied.", "DistinctInstance placement constraint unsatisfied."


def constraints(given: Any, definition: Definition) -> tuple[dict[str, Any], ...]:
    """Those of the launch and of the definition."""
    if len(given or ()) > MOST_CONSTRAINTS:
        raise errors.parameter(f"You can specify up to {MOST_CONSTRAINTS} placement constraints.")
    for one in given or ():
        expression(one)
    return (*(dict(one) for one in given or ()), *definition.document.get("placementConstraints", ()))


def expression(one: Any) -> None:
    if one.get("type") == "memberOf":
        parsed(one.get("expression") or "")
    elif one.get("expression"):
        raise errors.parameter("Expressions are not supported for distinctInstance placement constraints.")


def parsed(text: str) -> cluster_query.Test:
    try:
        return cluster_query.parse(text)
    except cluster_query.Invalid as error:
        raise errors.parameter(f"Invalid expression: {error}") from None


def strategies(given: Any, on_fargate: bool) -> tuple[dict[str, Any], ...]:
    if given and on_fargate:
        raise errors.parameter("Placement strategies are not supported with FARGATE launch type.")
    if len(given or ()) > MOST_STRATEGIES:
        raise errors.parameter(f"You can specify up to {MOST_STRATEGIES} placement strategy rules.")
    out = []
    for one in given or ():
        kind, field = one.get("type"), one.get("field") or ""
        if kind == "binpack":
            if field.lower() not in ("cpu", "memory"):
                raise errors.parameter(f"Invalid binpack field: {field}. The field must be cpu or memory.")
            field = field.upper()
        elif kind == "spread":
            field = "instanceId" if field in ("host", "instanceId") else field
            if field != "instanceId" and not field.startswith("attribute:"):
                raise errors.parameter(f"Invalid spread field: {field}. The field must be instanceId, host or attribute:NAME.")
        elif kind != "random":
            raise errors.parameter(f"Invalid placement strategy type: {kind}")
        elif field:
            raise errors.parameter("The random placement strategy has no field.")
        out.append({"type": kind, "field": field})
    return tuple(out)


# -- what a task takes ----------------------------------------------------------------------------------------------------

def takes(definition: Definition, task: Any = None) -> tuple[int, int, list[tuple[int, str]]]:
    """Units of processor, MiB, and ports of the host."""
    document = definition.document
    cpu = int(document.get("cpu") or 0) or sum(one["cpu"] for one in definition.containers)
    memory = int(document.get("memory") or 0) or sum(one.get("memoryReservation") or one.get("memory") or 0 for one in definition.containers)
    ports = [] if definition.network == "awsvpc" else [(port["hostPort"], port["protocol"]) for one in definition.containers for port in one["portMappings"] if port.get("hostPort")]
    return cpu, memory, ports


def left(call: Call, one: Instance) -> tuple[int, int, set[tuple[int, str]], int]:
    """What an instance has left: processor, memory; ports taken; interfaces that it may still have."""
    cpu, memory, ports, enis = one.cpu, one.memory, {(port, "tcp") for port in one.reserved_ports}, one.interfaces
    for task in index(call).tasks_on(one.id):
        if task.status == "STOPPED":
            continue
        definition = call.get(Definition, task.definition)
        if definition is None:
            continue
        its_cpu, its_memory, its_ports = takes(definition)
        cpu, memory = cpu - its_cpu, memory - its_memory
        ports |= set(its_ports)
        enis -= definition.network == "awsvpc"
    return cpu, memory, ports, enis


def refuses(call: Call, one: Instance, definition: Definition, plan: Plan) -> str:
    """Why the task cannot be on this instance; "" if it can."""
    if not one.connected:
        return "AGENT"
    if one.status != "ACTIVE":
        return "INACTIVE"
    cpu, memory, ports, enis = left(call, one)
    its_cpu, its_memory, its_ports = takes(definition)
    if its_cpu > cpu:
        return "RESOURCE:CPU"
    if its_memory > memory:
        return "RESOURCE:MEMORY"
    if set(its_ports) & ports:
        return "RESOURCE:PORTS"
    if definition.network == "awsvpc" and enis < 1:
        return "RESOURCE:ENI"
    if any(each.get("resourceRequirements") for each in definition.containers):
        return "RESOURCE:GPU"
    lacking = [each["name"] for each in definition.document["requiresAttributes"] if each["name"] not in one.attributes]
    if lacking:
        return "ATTRIBUTE"
    for constraint in plan.constraints:
        if constraint["type"] == "memberOf" and not cluster_query.parse(constraint["expression"])(facts(call, one)):
            return MEMBER
        if constraint["type"] == "distinctInstance" and any(task.group == plan.group and task.desired == "RUNNING" for task in index(call).tasks_on(one.id)):
            return DISTINCT
    return ""


def facts(call: Call, one: Instance) -> cluster_query.Facts:
    there = [task for task in index(call).tasks_on(one.id) if task.status != "STOPPED"]

    def of(subject: str) -> Any:
        if subject.startswith("attribute:"):
            return one.attributes.get(subject.removeprefix("attribute:"), {}).get("value", "") if subject.removeprefix("attribute:") in one.attributes else None
        return {"agentConnected": one.connected, "agentVersion": one.agent, "ec2InstanceId": one.ec2, "registeredAt": one.registered, "runningTasksCount": sum(task.status == "RUNNING" for task in there),
                "task:group": [task.group for task in there] or None}[subject]
    return of


def choose(call: Call, plan: Plan, definition: Definition, provider: str = "") -> tuple[Instance | None, list[Any]]:
    """The instance for one more task, or why none will do."""
    able, failures = [], []
    for one in sorted(index(call).instances_of(plan.cluster), key=lambda each: (each.registered, each.id)):
        if provider and one.provider != provider:
            continue
        why = refuses(call, one, definition, plan)
        if not why:
            able.append(one)
        else:
            failures.append({"arn": names.arn(call, "container-instance", one.cluster, one.id), "reason": why})
    for strategy in plan.placement:
        able = narrowed(call, able, strategy, plan.group, definition)
    if not able:
        return None, failures
    if not plan.placement or plan.placement[-1]["type"] == "random":
        return able[call.cloud.dice.randrange(len(able))], []
    return able[0], []


def narrowed(call: Call, able: list[Instance], strategy: dict[str, Any], group: str, definition: Definition) -> list[Instance]:
    """Those that a strategy likes best."""
    if len(able) < 2 or strategy["type"] == "random":
        return able
    if strategy["type"] == "binpack":
        at = 0 if strategy["field"] == "CPU" else 1
        rest = {one.id: left(call, one)[at] for one in able}
        least = min(rest.values())
        return [one for one in able if rest[one.id] == least]
    there = [task for task in index(call).tasks_of(able[0].cluster) if task.group == group and task.desired == "RUNNING" and task.instance]
    counts: dict[str, int] = {}
    for task in there:
        place = place_of(call, task, strategy["field"])
        counts[place] = counts.get(place, 0) + 1
    fewest = min(counts.get(value_of(one, strategy["field"]), 0) for one in able)
    return [one for one in able if counts.get(value_of(one, strategy["field"]), 0) == fewest]


def value_of(one: Instance, field: str) -> str:
    return one.id if field == "instanceId" else str(one.attributes.get(field.removeprefix("attribute:"), {}).get("value", ""))


def place_of(call: Call, task: Task, field: str) -> str:
    from .container_instances import Instance
    one = call.get(Instance, task.instance)
    return value_of(one, field) if one else ""


def first_to_go(call: Call, there: list[Task], strategy: tuple[dict[str, Any], ...]) -> Task:
    """Of tasks that are too many: where most are (spread), or where most is left free (binpack); of those the youngest."""
    def order(task: Task) -> tuple[Any, ...]:
        out: list[Any] = []
        for one in strategy:
            if one["type"] == "spread":
                field = one["field"]
                mine = place_of(call, task, field) if task.instance else task.zone
                out.append(-sum((place_of(call, each, field) if each.instance else each.zone) == mine for each in there))
            elif one["type"] == "binpack" and task.instance:
                from .container_instances import Instance
                found = call.get(Instance, task.instance)
                out.append(-left(call, found)[0 if one["field"] == "CPU" else 1] if found else 0)
        if not strategy:
            out.append(-sum(each.zone == task.zone for each in there))
        return (*out, -task.created, task.id)
    return min(there, key=order)


def definition_constraints(given: Any) -> None:
    for one in given or ():
        checks.memberof(one, "memberOf")
