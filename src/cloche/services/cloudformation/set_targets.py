"""Where a stack set goes: accounts of a list or of organizational units, times regions."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call
from cloche.services.organizations import public as organizations

from . import errors

if TYPE_CHECKING:
    from .stack_instances import Instance
    from .stack_sets import StackSet

Target = tuple[str, str, str]  # account, region, the unit by which it was named


def unique(names: list[str], what: str) -> list[str]:
    if len(set(names)) < len(names):
        raise errors.validation(f"{what} can not contain duplicates")
    return names


def targets(call: Call, one: StackSet, req: Any) -> list[Target]:
    """Every account and region that a request names."""
    regions = unique(req.get("Regions", []), "Regions")
    if not regions:
        raise errors.validation("Regions must be specified")
    return [(account, region, unit) for region in regions for account, unit in accounts(call, one, req).items()]


def accounts(call: Call, one: StackSet, req: Any) -> dict[str, str]:
    """Account to the unit by which it was named."""
    chosen = req.get("DeploymentTargets", {})
    if req.get("Accounts") and chosen:
        raise errors.validation("Cannot specify both Accounts and DeploymentTargets")
    if "AccountsUrl" in chosen:
        raise errors.unbuilt("DeploymentTargets.AccountsUrl")
    listed = unique(req.get("Accounts") or chosen.get("Accounts", []), "Accounts")
    units = chosen.get("OrganizationalUnitIds", [])
    if one.model == "SELF_MANAGED":
        if units:
            raise errors.validation("OrganizationalUnitIds are only valid for a stack set with the SERVICE_MANAGED permission model")
        if not listed:
            raise errors.validation("Accounts must be specified")
        return dict.fromkeys(listed, "")
    if not units:
        raise errors.validation("StackSets with SERVICE_MANAGED permission model can only have OrganizationalUnit as target")
    below = {account: unit for unit in units for account in members(call, unit)}
    how = chosen.get("AccountFilterType", "NONE" if not listed else "INTERSECTION")
    if how != "NONE" and not listed:
        raise errors.validation("Accounts must be specified with AccountFilterType")
    if how == "INTERSECTION":
        return {account: unit for account, unit in below.items() if account in listed}
    if how == "DIFFERENCE":
        return {account: unit for account, unit in below.items() if account not in listed}
    if how == "UNION":
        return below | {account: unit for account in listed if (unit := _unit(call, account)) and account not in below}
    return below


def members(call: Call, unit: str) -> list[str]:
    """The accounts in a unit and below it, but never the management account, which stack sets pass over."""
    there = organizations.members(call.cloud, call.account)
    wanted, queue = [], [unit]
    asking = call.as_root()
    while queue:
        parent = queue.pop()
        found = asking.do("organizations", "ListOrganizationalUnitsForParent", ParentId=parent)
        queue += [x["Id"] for x in found["OrganizationalUnits"]]
        wanted += [account for account, x in there.items() if x.parent == parent and account != call.account and x.state == "ACTIVE"]
    return sorted(wanted)


def _unit(call: Call, account: str) -> str:
    found = organizations.members(call.cloud, call.account).get(account)
    return found.parent if found is not None else ""


def narrow(call: Call, one: StackSet, req: Any, there: list[Instance]) -> list[Target]:
    """Those of the instances that an update of the set names; all of them if it names none."""
    if not (req.get("Accounts") or req.get("DeploymentTargets") or req.get("Regions")):
        return [(x.account, x.region, x.unit) for x in there]
    if not req.get("Regions") or not (req.get("Accounts") or req.get("DeploymentTargets")):
        raise errors.validation("Accounts and Regions must be specified together")
    wanted = targets(call, one, req)
    present(there, wanted)
    return wanted


def present(there: list[Instance], wanted: list[Target]) -> None:
    have = {(x.account, x.region) for x in there}
    for account, region, _ in wanted:
        if (account, region) not in have:
            raise errors.no_stack_instance(account, region)
