"""Change sets: what an update would do, looked at before it is done. Nothing happens to a resource until one is executed."""
from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record
from cloche.languages.cloudformation import difference, graph, reading
from cloche.languages.cloudformation.errors import TemplateError, TransformError
from cloche.languages.cloudformation.functions import Unknown, evaluate, unknowns

from . import errors, imports, registry, stacks, templates, validation
from . import service as cloudformation
from .engine import expire
from .plan import Plan
from .records import Operation, Row, Stack, Target, by_stack, lookup, rows, save_template
from .records import find as find_stack

if TYPE_CHECKING:
    from cloche.shapes import cloudformation as t

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"


class ChangeSet(Record, frozen=True, omit_defaults=True):
    kind = "cloudformation.changeset"

    id: str
    name: str
    stack: str
    stack_name: str
    type: str
    created: float
    status: str
    execution: str
    target: Target
    reason: str = ""
    description: str = ""
    changes: list[dict[str, Any]] = []
    role: str = ""
    on_failure: str = "ROLLBACK"
    nested: bool = False
    token: str = ""
    imports: dict[str, dict[str, str]] = {}
    deployment: dict[str, Any] = {}

    @property
    def operation(self) -> str:
        """The operation under which DescribeEvents tells of it."""
        return self.id.rpartition("/")[2]

    @property
    def key(self) -> str:
        return self.id


def by_change_set(call: Call, req: Any) -> str:
    """IAM is asked about the stack the change set belongs to."""
    name = req["ChangeSetName"]
    if name.startswith("arn:") and (one := call.get(ChangeSet, name)) is not None:
        return one.stack
    return by_stack(call, req)


def find(call: Call, name: str, stack_name: str | None) -> ChangeSet:
    if name.startswith("arn:"):
        one = call.get(ChangeSet, name)
    elif not stack_name:
        raise errors.change_set_needs_stack()
    else:
        stack = lookup(call, stack_name)
        if stack is None:
            raise errors.stack_missing(stack_name)
        one = call.get(ChangeSet, stack.change_sets.get(name, ""))
    if one is None:
        raise errors.no_change_set(name)
    return one


@cloudformation.op(resource=by_stack, partly="nested stacks get no change sets of their own (IncludeNestedStacks)")
async def create_change_set(call: Call, req: t.CreateChangeSetInput) -> t.CreateChangeSetOutput:
    kind, name = req.get("ChangeSetType", "UPDATE"), req["StackName"]
    if "ResourcesToImport" in req and kind != "IMPORT":
        raise errors.validation("ResourcesToImport can only be specified for a change set of type IMPORT")
    stack = lookup(call, name)
    if stack is not None and stack.status == "DELETE_COMPLETE":
        stack = None
    if kind == "CREATE" or (kind == "IMPORT" and (stack is None or stack.status == "REVIEW_IN_PROGRESS")):
        if stack is None:
            stacks.check_name(name)
        elif stack.status != "REVIEW_IN_PROGRESS":
            raise errors.validation(f"Stack [{stack.name}] already exists and cannot be created again with the changeSet [{req['ChangeSetName']}].")
    else:
        if stack is None:
            raise errors.stack_missing(name)
        if stack.operation is not None:
            stack = await stacks.settled(call, stack.id)
        if stack.operation is not None or stack.status not in stacks.UPDATABLE:
            raise errors.wrong_state(stack.id, stack.status)
    if stack is not None and req["ChangeSetName"] in stack.change_sets:
        existing = call.get(ChangeSet, stack.change_sets[req["ChangeSetName"]])
        if existing is not None and existing.token and existing.token == req.get("ClientToken"):
            return {"Id": existing.id, "StackId": stack.id}
        # The aws CLI names its change sets by the second and leaves those without changes; here two deployments fit into one second
        if existing is None or existing.status != "FAILED":
            raise errors.change_set_exists(req["ChangeSetName"])
    before = stack.target if stack is not None and stack.status != "REVIEW_IN_PROGRESS" else None
    notifications = req.get("NotificationARNs", before.notifications if before else [])
    tags = stacks.tags_of(req) if "Tags" in req or before is None else before.tags
    text = await templates.text_of(call, req, before)
    stack_id = stack.id if stack is not None else call.arn(f"stack/{name}/{call.uuid()}")
    failure, prepared = "", None
    try:
        prepared = await templates.prepare(call, text, stack_id, req, before, notifications)
    except TransformError as error:
        failure = str(error)
    capabilities = req.get("Capabilities", [])
    if prepared is not None:
        try:
            templates.check_capabilities(prepared.template, reading.read(text), capabilities, change_set=True)
        except AwsError as error:
            if error.code != "InsufficientCapabilitiesException" or not templates.checking.transforms(reading.read(text)):
                raise
            failure = error.message
    taken: dict[str, dict[str, str]] = {}
    faults: list[validation.Fault] = []
    if prepared is not None and not failure:
        there = present_rows(call, stack_id) if before is not None else {}
        target = stacks.target_of(call, prepared, req, tags, notifications, capabilities, before, saved=False)
        plan = Plan(call, stack_id, target, dict(there), template=prepared.template)
        if kind == "IMPORT" or req.get("ImportExistingResources"):
            taken = imports.check(prepared.template, plan.live, there, req.get("ResourcesToImport", [])) if kind == "IMPORT" else await imports.existing(call, plan, there)
        if not req.get("DisableValidation"):
            faults = [*await validation.look(plan, call, taken), *await validation.full_buckets(call, there, plan.live)]
            failure = validation.of_change_set(faults)
    with call.step():
        role = stacks._role(call, req, stack)
        if prepared is not None:
            target = stacks.target_of(call, prepared, req, tags, notifications, capabilities, before)
        else:
            target = Target(template=save_template(call, text, {}), tags=tags, notifications=notifications, capabilities=capabilities)
        if stack is None:
            stack = call.put(Stack(stack_id, name, "REVIEW_IN_PROGRESS", call.now, Target(template=save_template(call, text, {}), tags=tags)))
            stacks.change(call, stack, status="REVIEW_IN_PROGRESS", reason="User Initiated")
            stack = call.put(stack)
        changes: list[dict[str, Any]] = []
        if not failure:
            try:
                changes = compare(call, stack, target, before, taken)
                if kind == "IMPORT" and (others := [x["ResourceChange"]["LogicalResourceId"] for x in changes if x["ResourceChange"]["Action"] != "Import"]):
                    raise errors.validation(f"You have modified resources [{', '.join(others)}] in your template that are not being imported. Update, create or delete operations "
                                            "cannot be executed during import operations.")
            except (AwsError, TemplateError) as error:
                if kind == "IMPORT":
                    raise
                failure = getattr(error, "message", None) or str(error)
        if not failure and kind == "UPDATE" and not changes and prepared is not None and not stacks.different(call, stack, prepared, tags, notifications, req):
            failure = NO_CHANGES
        id_ = call.arn(f"changeSet/{req['ChangeSetName']}/{call.uuid()}")
        mode = req.get("OnStackFailure") or stacks.failure_mode(req)
        one = call.put(ChangeSet(id_, req["ChangeSetName"], stack.id, stack.name, kind, call.now, "FAILED" if failure else "CREATE_COMPLETE",
                           "UNAVAILABLE" if failure else "AVAILABLE", target, failure, req.get("Description", ""), changes, role, mode,
                           bool(req.get("IncludeNestedStacks")), req.get("ClientToken", ""), taken, req.get("DeploymentConfig", {})))
        validation.tell(call, stack, one.operation, faults)
        current = find_stack(call, stack.id)
        call.put(current.but(change_sets={**current.change_sets, req["ChangeSetName"]: id_}))
    return {"Id": id_, "StackId": stack.id}


# -- comparing ----------------------------------------------------------------------------------------------------------

def present_rows(call: Call, stack_id: str) -> dict[str, Row]:
    return {name: row for name, row in rows(call, stack_id).items() if row.physical and row.status != "DELETE_COMPLETE"}


def compare(call: Call, stack: Stack, target: Target, before: Target | None, taken: dict[str, dict[str, str]]) -> list[dict[str, Any]]:
    there = present_rows(call, stack.id) if before is not None else {}
    plan = Plan(call, stack.id, target, dict(there))
    changes: list[dict[str, Any]] = []
    replaced: set[str] = set()
    for name in plan.order:
        body = plan.live[name]
        row = there.get(name)
        if row is None and name in taken:
            changes.append(_change("Import", name, body["Type"], PhysicalResourceId=imports.physical(body["Type"], taken[name])))
            continue
        if row is None:
            changes.append(_change("Add", name, body["Type"]))
            continue
        for gone in replaced & set(plan.needs[name]):
            plan.rows.pop(gone, None)  # its Ref and attributes are known after the update
        change = modified(plan, name, body, row, replaced, target, before)
        if change is not None:
            if change["ResourceChange"]["Replacement"] in ("True", "Conditional"):
                replaced.add(name)
            changes.append(change)
    for name, row in there.items():
        if name not in plan.live:
            action = row.deletion if row.deletion in ("Retain", "Snapshot") else "Delete"
            changes.append(_change("Remove", name, row.type, PhysicalResourceId=row.physical, PolicyAction=action))
    return changes


def _change(action: str, name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"Type": "Resource", "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind, "Scope": [], "Details": [], **more}}


def modified(plan: Plan, name: str, body: dict[str, Any], row: Row, replaced: set[str], target: Target, before: Target | None) -> dict[str, Any] | None:
    kind = body["Type"]
    wanted = plan.with_tags(name, plan.properties(name))
    if kind != row.type:
        return _change("Modify", name, kind, PhysicalResourceId=row.physical, Replacement="True", PolicyAction="ReplaceAndDelete")
    names = difference.changed(row.properties, wanted)
    try:
        only, rigid = registry.create_only(kind), registry.find(kind).update is None
    except AwsError:
        only, rigid = registry.schema(kind).get("createOnly", []), False
    sure = set(difference.needs_replacement(row.properties, wanted, only)) if not rigid else set(names)
    policies = {"UpdatePolicy": evaluate(body["UpdatePolicy"], plan.scope())} if "UpdatePolicy" in body else {}
    if policies and not rigid and (renews := registry.find(kind).renews) is not None and renews(row.properties, wanted, policies):
        sure |= set(names)
    perhaps = set(difference.maybe_replacement(wanted, only)) if not rigid else {n for n in names if unknowns(wanted.get(n))}
    tagging = registry.schema(kind).get("tags", "Tags")
    details, scope = [], []
    for prop in names:
        recreation = "Conditionally" if prop in perhaps else "Always" if prop in sure else "Never"
        attribute = "Tags" if prop == tagging else "Properties"
        scope += [attribute] if attribute not in scope else []
        where: dict[str, Any] = {"Attribute": attribute} | ({} if attribute == "Tags" else {"Name": prop}) | {"RequiresRecreation": recreation}
        where |= {"Path": f"/Properties/{prop}", "AttributeChangeType": "Add" if prop not in row.properties else "Remove" if prop not in wanted else "Modify"}
        where |= {k: _shown(v[prop]) for k, v in (("BeforeValue", row.properties), ("AfterValue", wanted)) if prop in v}
        details += _causes(plan, body, prop, where, replaced, target, before)
    policy = [x for x, old in (("DeletionPolicy", row.deletion), ("UpdateReplacePolicy", row.replacement)) if body.get(x, "Delete") != old and isinstance(body.get(x, "Delete"), str)]
    policy += ["Metadata"] if body.get("Metadata") != row.metadata else []
    for attribute in policy:
        scope.append(attribute)
        details.append({"Target": {"Attribute": attribute, "RequiresRecreation": "Never"}, "Evaluation": "Static", "ChangeSource": "DirectModification"})
    if not details:
        return None
    replacement = "True" if sure - perhaps else "Conditional" if perhaps & set(names) else "False"
    change = _change("Modify", name, kind, PhysicalResourceId=row.physical, Replacement=replacement)
    change["ResourceChange"] |= {"Scope": scope, "Details": details}
    if replacement != "False":
        change["ResourceChange"]["PolicyAction"] = f"ReplaceAnd{wish if (wish := body.get('UpdateReplacePolicy')) in ('Retain', 'Snapshot') else 'Delete'}"
    return change


def _causes(plan: Plan, body: dict[str, Any], prop: str, where: dict[str, Any], replaced: set[str], target: Target, before: Target | None) -> list[dict[str, Any]]:
    """Why a property changes: a parameter, another resource, or the template itself."""
    found = []
    for name, attribute in graph.references((body.get("Properties") or {}).get(prop), plan.conditions):
        if name in replaced:
            source, entity = ("ResourceAttribute", f"{name}.{attribute}") if attribute else ("ResourceReference", name)
            found.append({"Target": where, "Evaluation": "Dynamic", "ChangeSource": source, "CausingEntity": entity})
        elif name in target.meant and before is not None and target.meant[name] != before.meant.get(name):
            found.append({"Target": where, "Evaluation": "Static", "ChangeSource": "ParameterReference", "CausingEntity": name})
    return found or [{"Target": where, "Evaluation": "Static", "ChangeSource": "DirectModification"}]


def _shown(value: Any) -> str:
    if unknowns(value):
        value = _marked(value)
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _marked(value: Any) -> Any:
    if isinstance(value, Unknown):
        return UNKNOWN
    if isinstance(value, dict):
        return {k: _marked(v) for k, v in value.items()}
    return [_marked(x) for x in value] if isinstance(value, list) else value


# -- afterwards -----------------------------------------------------------------------------------------------------------

@cloudformation.op(resource=by_change_set)
def describe_change_set(call: Call, req: t.DescribeChangeSetInput) -> t.DescribeChangeSetOutput:
    one = find(call, req["ChangeSetName"], req.get("StackName"))
    page, token = stacks.paged(one.changes, req, 500)
    if not req.get("IncludePropertyValues"):
        page = [_without_values(x) for x in page]
    out: dict[str, Any] = {
        "ChangeSetName": one.name, "ChangeSetId": one.id, "StackId": one.stack, "StackName": one.stack_name, "CreationTime": one.created, "ExecutionStatus": one.execution,
        "Status": one.status, "Parameters": one.target.shown, "NotificationARNs": one.target.notifications, "Capabilities": one.target.capabilities,
        "Tags": [{"Key": k, "Value": v} for k, v in one.target.tags.items()], "Changes": page, "RollbackConfiguration": one.target.rollback,
        "IncludeNestedStacks": one.nested, **token,
    }
    if one.reason:
        out["StatusReason"] = one.reason
    if one.description:
        out["Description"] = one.description
    if one.on_failure != "ROLLBACK":
        out["OnStackFailure"] = one.on_failure
    if one.deployment:
        out["DeploymentConfig"] = one.deployment
    return out


VALUES = {"BeforeValue", "AfterValue", "Path", "AttributeChangeType"}


def _without_values(change: dict[str, Any]) -> dict[str, Any]:
    inner = change["ResourceChange"]
    details = [detail | {"Target": {k: v for k, v in detail["Target"].items() if k not in VALUES}} for detail in inner["Details"]]
    return change | {"ResourceChange": inner | {"Details": details}}


@cloudformation.op(resource=by_change_set)
def describe_change_set_hooks(call: Call, req: t.DescribeChangeSetHooksInput) -> t.DescribeChangeSetHooksOutput:
    """There are none: nobody can register a hook here."""
    one = find(call, req["ChangeSetName"], req.get("StackName"))
    return {"ChangeSetId": one.id, "ChangeSetName": one.name, "Hooks": [], "Status": "UNAVAILABLE" if one.status == "FAILED" else "PLANNED", "StackId": one.stack, "StackName": one.stack_name}


@cloudformation.op(resource=by_change_set)
def execute_change_set(call: Call, req: t.ExecuteChangeSetInput) -> None:
    one = find(call, req["ChangeSetName"], req.get("StackName"))
    if one.status != "CREATE_COMPLETE" or one.execution != "AVAILABLE":
        raise errors.not_executable(one.id, one.status, one.execution)
    stack = find_stack(call, one.stack)
    if one.type == "CREATE":
        if stack.status != "REVIEW_IN_PROGRESS":
            raise errors.wrong_state(stack.id, stack.status)
    elif one.type == "IMPORT" and stack.status == "REVIEW_IN_PROGRESS":
        pass
    elif stack.operation is not None or stack.status not in stacks.UPDATABLE:
        raise errors.wrong_state(stack.id, stack.status)
    for arn in stack.change_sets.values():
        if arn != one.id and (other := call.get(ChangeSet, arn)) is not None:
            call.delete(other)
    call.put(one.but(execution="EXECUTE_COMPLETE"))
    mode = "DO_NOTHING" if req.get("DisableRollback") else one.on_failure
    stack = stack.but(change_sets={}, change_set=one.id, role=one.role, on_failure=mode if one.type == "CREATE" else stack.on_failure, deployment=one.deployment)
    running = Operation(call.uuid(), f"{one.type}_STACK", "apply", call.principal, token=req.get("ClientRequestToken", ""), role=one.role, on_failure=mode,
                        retain_except=bool(req.get("RetainExceptOnCreate")), imports=one.imports,
                        unchecked=True, express=one.deployment.get("Mode") == "EXPRESS")
    if one.type == "IMPORT":
        running = stacks.msgspec.structs.replace(running, on_failure="ROLLBACK", before=None if stack.status == "REVIEW_IN_PROGRESS" else stack.target, was=stack.status)
        stacks.begin(call, stack.but(status="IMPORT_IN_PROGRESS", target=one.target, operation=running))
    elif one.type == "CREATE":
        stack = stacks.begin(call, stack.but(status="CREATE_IN_PROGRESS", target=one.target, operation=running))
        if stack.timeout:
            call.after(stack.timeout * 60, expire, stack.id, stack=stack.id, operation=running.id)
    else:
        stacks.start_update(call, stack, one.target, stacks.msgspec.structs.replace(running, before=stack.target, was=stack.status))


@cloudformation.op(resource=by_change_set)
def delete_change_set(call: Call, req: t.DeleteChangeSetInput) -> None:
    try:
        one = find(call, req["ChangeSetName"], req.get("StackName"))
    except AwsError as error:
        if error.code == "ChangeSetNotFound":
            return
        raise
    if one.execution.startswith("EXECUTE"):
        raise AwsError("InvalidChangeSetStatus", f"ChangeSet [{one.id}] cannot be deleted in its current execution status of [{one.execution}]")
    call.delete(one)
    stack = lookup(call, one.stack)
    if stack is not None:
        call.put(stack.but(change_sets={k: v for k, v in stack.change_sets.items() if v != one.id}))


@cloudformation.op(resource=by_stack)
def list_change_sets(call: Call, req: t.ListChangeSetsInput) -> t.ListChangeSetsOutput:
    stack = lookup(call, req["StackName"])
    if stack is None:
        raise errors.stack_missing(req["StackName"])
    found = [one for arn in stack.change_sets.values() if (one := call.get(ChangeSet, arn)) is not None]
    page, token = stacks.paged(sorted(found, key=lambda x: x.created), req)
    return {"Summaries": [_summary(one) for one in page], **token}


def _summary(one: ChangeSet) -> dict[str, Any]:
    out = {"StackId": one.stack, "StackName": one.stack_name, "ChangeSetId": one.id, "ChangeSetName": one.name, "ExecutionStatus": one.execution, "Status": one.status,
           "CreationTime": one.created, "IncludeNestedStacks": one.nested}
    return out | ({"StatusReason": one.reason} if one.reason else {}) | ({"Description": one.description} if one.description else {})
