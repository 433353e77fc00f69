"""Organizational units, and the tree: who is above and below whom."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call

from . import errors, pages, tags
from . import service as organizations
from .records import LETTERS, Account, Organization, Root, Unit, about, arn, managing, node, parent, path, reading, unit
from .types import default_policies, let_go

if TYPE_CHECKING:
    from cloche.shapes import organizations as t

MOST, DEEPEST = 2000, 5


def view(there: Call, organization: Organization, one: Unit) -> t.OrganizationalUnit:
    return {"Id": one.id, "Arn": arn(organization, one.id), "Name": one.name, "Path": path(there, organization, one)}


def below(there: Call, id_: str) -> list[Unit]:
    return [one for one in there.all(Unit) if one.parent == id_]


@organizations.op(needs=about("ParentId"))
def create_organizational_unit(call: Call, req: t.CreateOrganizationalUnitRequest) -> t.CreateOrganizationalUnitResponse:
    there, organization = managing(call)
    above = parent(there, req["ParentId"])
    depth, one = 1, above
    while one.parent:
        depth, one = depth + 1, parent(there, one.parent)
    if depth > DEEPEST:
        raise errors.too_deep()
    if len(there.all(Unit)) >= MOST:
        raise errors.constraint("OU_NUMBER_LIMIT_EXCEEDED", "You have exceeded the maximum number of organizational units in the organization.")
    if any(other.name == req["Name"] for other in below(there, above.id)):
        raise errors.duplicate_unit()
    id_ = f"ou-{organization.root[2:]}-{call.pick(LETTERS, 8)}"
    made = there.put(Unit(id_, req["Name"], above.id, default_policies(there, organization), tags.given(call, req)))
    return {"OrganizationalUnit": view(there, organization, made)}


@organizations.op(needs=about("OrganizationalUnitId"))
def describe_organizational_unit(call: Call, req: t.DescribeOrganizationalUnitRequest) -> t.DescribeOrganizationalUnitResponse:
    there, organization = reading(call)
    return {"OrganizationalUnit": view(there, organization, unit(there, req["OrganizationalUnitId"]))}


@organizations.op(needs=about("OrganizationalUnitId"))
def update_organizational_unit(call: Call, req: t.UpdateOrganizationalUnitRequest) -> t.UpdateOrganizationalUnitResponse:
    there, organization = managing(call)
    found = unit(there, req["OrganizationalUnitId"])
    name = req.get("Name", found.name)
    if any(other.name == name and other.id != found.id for other in below(there, found.parent)):
        raise errors.duplicate_unit()
    return {"OrganizationalUnit": view(there, organization, there.put(found.but(name=name)))}


@organizations.op(needs=about("OrganizationalUnitId"))
def delete_organizational_unit(call: Call, req: t.DeleteOrganizationalUnitRequest) -> None:
    there, _ = managing(call)
    found = unit(there, req["OrganizationalUnitId"])
    if below(there, found.id) or any(one.parent == found.id for one in there.all(Account)):
        raise errors.unit_not_empty()
    let_go(there, found)
    there.delete(found)


@organizations.op(needs=about("ParentId"))
def list_organizational_units_for_parent(call: Call, req: t.ListOrganizationalUnitsForParentRequest) -> t.ListOrganizationalUnitsForParentResponse:
    there, organization = reading(call)
    above = parent(there, req["ParentId"])
    shown, more = pages.page(req, below(there, above.id), key=lambda one: one.id)
    return {"OrganizationalUnits": [view(there, organization, one) for one in shown], **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("ParentId"))
def list_children(call: Call, req: t.ListChildrenRequest) -> t.ListChildrenResponse:
    there, _ = reading(call)
    above = parent(there, req["ParentId"])
    kind: Any = Account if req["ChildType"] == "ACCOUNT" else Unit
    shown, more = pages.page(req, (one.id for one in there.all(kind) if one.parent == above.id), key=str)
    return {"Children": [{"Id": id_, "Type": req["ChildType"]} for id_ in shown], **more}  # type: ignore[typeddict-item]


@organizations.op(needs=about("ChildId"))
def list_parents(call: Call, req: t.ListParentsRequest) -> t.ListParentsResponse:
    there, _ = reading(call)
    found = node(there, req["ChildId"])
    if found is None or isinstance(found, Root):
        raise errors.no_child()
    return {"Parents": [{"Id": found.parent, "Type": "ROOT" if found.parent.startswith("r-") else "ORGANIZATIONAL_UNIT"}]}
