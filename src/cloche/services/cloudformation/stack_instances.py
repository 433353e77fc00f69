"""Stack instances: what a stack set has in one account and region."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record, pages

from . import errors, set_operations, set_targets, stack_sets
from . import service as cloudformation
from .records import lookup, rows
from .stack_sets import StackSet, by_set, home

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t


class Instance(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.stackinstance"

    set: str
    account: str
    region: str
    unit: str = ""
    stack: str = ""
    overrides: dict[str, str] = {}
    status: str = "OUTDATED"
    detailed: str = "PENDING"
    reason: str = ""
    operation: str = ""
    drift: str = "NOT_CHECKED"
    looked: float = 0.0

    @property
    def key(self) -> str:
        return f"{self.set}/{self.account}/{self.region}"


def instances(call: Call, one: StackSet) -> list[Instance]:
    return sorted((x for x in call.all(Instance) if x.set == one.id), key=lambda x: x.key)


def find(call: Call, one: StackSet, account: str, region: str) -> Instance:
    if (found := call.get(Instance, f"{one.id}/{account}/{region}")) is None:
        raise errors.no_stack_instance(account, region)
    return found


def _overrides(one: StackSet, req: Any, before: dict[str, str] | None = None) -> dict[str, str] | None:
    """None where the request says nothing of them: they stay as they are."""
    if "ParameterOverrides" not in req:
        return None
    known = stack_sets.templates.read(one.text).get("Parameters") or {}
    out = {}
    for each in req["ParameterOverrides"]:
        name = each["ParameterKey"]
        if name not in known:
            raise errors.validation(f"Parameters: [{name}] do not exist in the template")
        out[name] = each.get("ParameterValue", "")
    return out


@cloudformation.op(resource=by_set)
def create_stack_instances(call: Call, req: t.CreateStackInstancesInput) -> t.CreateStackInstancesOutput:
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    targets, overrides = set_targets.targets(call, one, req), _overrides(one, req)
    running = set_operations.begin(call, one, "CREATE", req, targets)
    for account, region, unit in targets:
        old = call.get(Instance, f"{one.id}/{account}/{region}") or Instance(one.id, account, region, unit)
        call.put(old.but(detailed="PENDING", status="OUTDATED", operation=running.id, overrides=old.overrides if overrides is None else overrides))
    if one.model == "SERVICE_MANAGED":
        units = req.get("DeploymentTargets", {}).get("OrganizationalUnitIds", [])
        call.put(one.but(deployed=one.deployed | {unit: list(dict.fromkeys((*one.deployed.get(unit, []), *req["Regions"]))) for unit in units}))
    return {"OperationId": running.id}


@cloudformation.op(resource=by_set)
def update_stack_instances(call: Call, req: t.UpdateStackInstancesInput) -> t.UpdateStackInstancesOutput:
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    targets, overrides = set_targets.targets(call, one, req), _overrides(one, req)
    set_targets.present(instances(call, one), targets)
    running = set_operations.begin(call, one, "UPDATE", req, targets)
    for account, region, _ in targets:
        old = find(call, one, account, region)
        call.put(old.but(detailed="PENDING", status="OUTDATED", operation=running.id, overrides=old.overrides if overrides is None else overrides))
    return {"OperationId": running.id}


@cloudformation.op(resource=by_set)
def delete_stack_instances(call: Call, req: t.DeleteStackInstancesInput) -> t.DeleteStackInstancesOutput:
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    there = {(x.account, x.region) for x in instances(call, one)}
    targets = [x for x in set_targets.targets(call, one, req) if (x[0], x[1]) in there]
    running = set_operations.begin(call, one, "DELETE", req, targets)
    for account, region, _ in targets:
        call.put(find(call, one, account, region).but(detailed="PENDING", operation=running.id))
    if units := req.get("DeploymentTargets", {}).get("OrganizationalUnitIds"):
        left = {unit: [x for x in regions if unit not in units or x not in req["Regions"]] for unit, regions in one.deployed.items()}
        call.put(one.but(deployed={unit: regions for unit, regions in left.items() if regions}))
    return {"OperationId": running.id}


@cloudformation.op(resource=by_set, partly="StackIdsUrl is not built")
def import_stacks_to_stack_set(call: Call, req: t.ImportStacksToStackSetInput) -> t.ImportStacksToStackSetOutput:
    """Stacks that are there already become instances, and then what the set says."""
    if "StackIdsUrl" in req:
        raise errors.unbuilt("ImportStacksToStackSet with StackIdsUrl")
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    found = []
    for id_ in req.get("StackIds", []):
        region, account = id_.split(":")[3:5] if id_.startswith("arn:") else ("", "")
        stack = lookup(call.at(account, region), id_) if account else None
        if stack is None or stack.status == "DELETE_COMPLETE":
            raise errors.stack_not_found(id_)
        found.append((account, region, stack.id))
    running = set_operations.begin(call, one, "CREATE", req, [(account, region, "") for account, region, _ in found])
    for account, region, stack_id in found:
        call.put(Instance(one.id, account, region, stack=stack_id, operation=running.id))
    return {"OperationId": running.id}


@cloudformation.op(resource=by_set)
def describe_stack_instance(call: Call, req: t.DescribeStackInstanceInput) -> t.DescribeStackInstanceOutput:
    call = home(call, req)
    one = find(call, stack_sets.find(call, req["StackSetName"]), req["StackInstanceAccount"], req["StackInstanceRegion"])
    return {"StackInstance": shown(one) | {"ParameterOverrides": [{"ParameterKey": k, "ParameterValue": v} for k, v in one.overrides.items()]}}


def shown(one: Instance) -> Any:
    out: dict[str, Any] = {"StackSetId": one.set, "Region": one.region, "Account": one.account, "Status": one.status, "StackInstanceStatus": {"DetailedStatus": one.detailed},
                           "OrganizationalUnitId": one.unit, "DriftStatus": one.drift}
    optional = {"StackId": one.stack, "StatusReason": one.reason, "LastOperationId": one.operation, "LastDriftCheckTimestamp": one.looked}
    return out | {k: v for k, v in optional.items() if v}


@cloudformation.op(resource=by_set)
def list_stack_instances(call: Call, req: t.ListStackInstancesInput) -> t.ListStackInstancesOutput:
    call = home(call, req)
    found = instances(call, stack_sets.find(call, req["StackSetName"]))
    for member, name in (("StackInstanceAccount", "account"), ("StackInstanceRegion", "region")):
        found = [x for x in found if getattr(x, name) == req.get(member, getattr(x, name))]
    for each in req.get("Filters", []):
        field = {"DETAILED_STATUS": "detailed", "LAST_OPERATION_ID": "operation", "DRIFT_STATUS": "drift"}[each["Name"]]
        found = [x for x in found if getattr(x, field) in each["Values"].split(",")]
    page, token = pages.page(found, req, lambda x: x.key, 100, errors.bad_token)
    return {"Summaries": [shown(x) for x in page], **token}  # type: ignore[typeddict-item]


@cloudformation.op(resource=by_set)
def list_stack_instance_resource_drifts(call: Call, req: t.ListStackInstanceResourceDriftsInput) -> t.ListStackInstanceResourceDriftsOutput:
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    instance = find(call, one, req["StackInstanceAccount"], req["StackInstanceRegion"])
    operation = set_operations.find(call, one, req["OperationId"])
    wanted = set(req.get("StackInstanceResourceDriftStatuses", []))
    there = rows(call.at(instance.account, instance.region), instance.stack).values() if operation.action == "DETECT_DRIFT" else ()
    found = [x for x in there if x.drift and (not wanted or x.drift["StackResourceDriftStatus"] in wanted)]
    page, token = pages.page(sorted(found, key=lambda x: x.logical), req, lambda x: x.logical, 100, errors.bad_token)
    return {"Summaries": [{"StackId": instance.stack, "LogicalResourceId": x.logical, "PhysicalResourceId": x.physical, "ResourceType": x.type, "Timestamp": x.drift["LastCheckTimestamp"],
                           "PropertyDifferences": x.drift.get("differences", []), "StackResourceDriftStatus": x.drift["StackResourceDriftStatus"]} for x in page], **token}  # type: ignore[typeddict-item]


@cloudformation.op(resource=by_set)
def list_stack_set_auto_deployment_targets(call: Call, req: t.ListStackSetAutoDeploymentTargetsInput) -> t.ListStackSetAutoDeploymentTargetsOutput:
    call = home(call, req)
    one = stack_sets.find(call, req["StackSetName"])
    found = one.deployed if one.auto.get("Enabled") else {}
    page, token = pages.page(sorted(found), req, lambda x: x, 100, errors.bad_token)
    return {"Summaries": [{"OrganizationalUnitId": unit, "Regions": sorted(found[unit])} for unit in page], **token}
