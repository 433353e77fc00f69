"""Prefix lists: a name for a set of ranges, in versions. AWS's own (S3, DynamoDB) are in every region and nobody changes them."""
from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.engines.net import topology
from cloche.kernel import AwsError, Call, Record

from . import addresses, describe, errors, idempotency, links, names, network, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST_LISTS, MOST_ENTRIES = 100, 1000
OWN = {"s3": topology.S3_RANGE, "dynamodb": topology.DYNAMODB_RANGE}
KNOWN = {("s3", "us-east-1"): "pl-63a5400a", ("dynamodb", "us-east-1"): "pl-02cd2c6b"}
AWS = "AWS"


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    cidr: str
    description: str = ""


class PrefixList(Record, frozen=True):
    """`versions[n - 1]` are the entries of version n; the last counts."""
    kind = "ec2.prefix-list"

    id: str
    name: str
    versions: list[list[Entry]]
    max_entries: int = 0
    family: str = "IPv4"
    owner: str = ""
    state: str = "create-complete"

    @property
    def key(self) -> str:
        return self.id

    @property
    def entries(self) -> list[Entry]:
        return self.versions[-1]

    @property
    def cidrs(self) -> list[str]:
        return [entry.cidr for entry in self.entries]


def own_id(region: str, service: str) -> str:
    """The id of AWS's list for a service."""
    return KNOWN.get((service, region)) or f"pl-{zlib.crc32(f'{region}/{service}'.encode()):08x}"


def own(call: Call) -> list[PrefixList]:
    return [PrefixList(own_id(call.region, service), f"com.amazonaws.{call.region}.{service}", [[Entry(cidr)]], owner=AWS) for service, cidr in OWN.items()]


def shared(call: Call) -> list[PrefixList]:
    """Those that other accounts share with this one: used as its own, and not changed."""
    from cloche.services.ram import public as ram
    found = [(arn.split(":")[4], arn.rpartition("/")[2]) for arn in ram.shared(call, "ec2:PrefixList")]
    return [one.but(owner=owner) for owner, id_ in found if (one := call.at(owner, call.region).get(PrefixList, id_))]


def _owner(call: Call, id_: str) -> str:
    return "" if call.get(PrefixList, id_) else next((one.owner for one in shared(call) if one.id == id_), "")


names.SHARED["prefix-list"] = _owner


def get(call: Call, id_: str) -> PrefixList | None:
    return call.get(PrefixList, id_) or next((one for one in (*own(call), *shared(call)) if one.id == id_), None)


def find(call: Call, id_: str) -> PrefixList:
    if not id_.startswith("pl-"):
        raise errors.malformed("InvalidPrefixListID.Malformed", id_)
    found = get(call, id_)
    if found is None:
        raise errors.not_found("InvalidPrefixListID.NotFound", "prefix list ID", id_)
    return found


tags.FINDERS["pl"] = find


def weight(call: Call, peer: str) -> int:
    """For how many rules a peer counts against a limit."""
    return found.max_entries or 1 if peer.startswith("pl-") and (found := get(call, peer)) else 1


def mine(call: Call, id_: str) -> PrefixList:
    """One that may be changed."""
    found = find(call, id_)
    if found.owner == AWS:
        raise errors.not_permitted(f"The prefix list {id_} is managed by AWS and cannot be changed")
    if found.owner:
        raise AwsError("UnauthorizedOperation", "You are not authorized to perform this operation.", 403)
    return found


def put(call: Call, one: PrefixList) -> PrefixList:
    network.changed(call)
    network.changed_beside(call)
    return call.put(one)


def arn(call: Call, one: PrefixList) -> str:
    return f"arn:aws:ec2:{call.region}:{'aws' if one.owner == AWS else one.owner or call.account}:prefix-list/{one.id}"


def shown(call: Call, one: PrefixList, state: str = "") -> t.ManagedPrefixList:
    out: t.ManagedPrefixList = {"PrefixListId": one.id, "PrefixListName": one.name, "PrefixListArn": arn(call, one), "AddressFamily": one.family, "State": state or one.state,  # type: ignore[typeddict-item]
                                "OwnerId": one.owner or call.account, "Tags": [] if one.owner else tags.shown(call, one.id)}
    if one.owner != AWS:
        out |= {"MaxEntries": one.max_entries, "Version": len(one.versions)}
    return out


def _checked(given: Any, family: str) -> list[Entry]:
    out: dict[str, Entry] = {}
    for each in given or ():
        try:
            net = addresses.network(each["Cidr"])
        except ValueError:
            raise errors.invalid(f"The CIDR {each['Cidr']} is invalid") from None
        if net.version != (4 if family == "IPv4" else 6):
            raise errors.invalid(f"The CIDR {each['Cidr']} is not of the address family {family}")
        if str(net) in out:
            raise errors.invalid(f"The CIDR {each['Cidr']} appears more than once")
        if len(each.get("Description") or "") > 255:
            raise errors.invalid("An entry's description has at most 255 characters")
        out[str(net)] = Entry(str(net), each.get("Description") or "")
    return list(out.values())


def _max_entries(value: int) -> int:
    if not 1 <= value <= MOST_ENTRIES:
        raise errors.invalid_value(value, "maxEntries", f"The value must be between 1 and {MOST_ENTRIES}.")
    return value


def _too_many(most: int) -> AwsError:
    return AwsError("PrefixListMaxEntriesExceeded", f"You have exceeded the maximum number of entries ({most}) of the prefix list")


# -- operations --------------------------------------------------------------------------------------------------------------------------

@ec2.op(**names.making("prefix-list"))
def create_managed_prefix_list(call: Call, req: t.CreateManagedPrefixListRequest) -> t.CreateManagedPrefixListResult:
    family, name, most = req["AddressFamily"], req["PrefixListName"], _max_entries(req["MaxEntries"])
    if family not in ("IPv4", "IPv6"):
        raise errors.invalid_value(family, "addressFamily", "It must be IPv4 or IPv6")
    if not name or len(name) > 255 or name.startswith("com.amazonaws"):
        raise errors.invalid_value(name, "prefixListName", "A name has up to 255 characters and does not start with com.amazonaws")
    entries = _checked(req.get("Entries"), family)
    if len(entries) > most:
        raise _too_many(most)
    if known := call.get(PrefixList, idempotency.made(call, req)):
        return {"PrefixList": shown(call, known)}
    if len(call.all(PrefixList)) >= MOST_LISTS:
        raise AwsError("PrefixListLimitExceeded", "You have reached the limit on the number of prefix lists that you can have")
    one = put(call, PrefixList(call.id("pl-"), name, [entries], most, family))
    tags.take(call, req, "prefix-list", one.id)
    idempotency.remember(call, req, one.id)
    return {"PrefixList": shown(call, one, "create-in-progress")}


FACETS: describe.Facets = {"owner-id": lambda call, p: p.owner or call.account, "prefix-list-id": lambda p: p.id, "prefix-list-name": lambda p: p.name}


def _several(call: Call, ids: Any) -> list[PrefixList]:
    if not ids:
        return [*own(call), *call.all(PrefixList), *shared(call)]
    return [find(call, id_) for id_ in dict.fromkeys(ids)]


@ec2.op(**names.LOOK)
def describe_managed_prefix_lists(call: Call, req: t.DescribeManagedPrefixListsRequest) -> t.DescribeManagedPrefixListsResult:
    ids = req.get("PrefixListIds")
    found = describe.matching(call, _several(call, ids), req.get("Filters"), FACETS)
    return describe.page(req, [shown(call, one) for one in found], "PrefixLists", least=1, most=100)


@ec2.op(**names.LOOK)
def describe_prefix_lists(call: Call, req: t.DescribePrefixListsRequest) -> t.DescribePrefixListsResult:
    """AWS's own, for gateway endpoints."""
    ids = req.get("PrefixListIds")
    found = [one for one in _several(call, ids) if one.owner == AWS]
    found = describe.matching(call, found, req.get("Filters"), {"prefix-list-id": lambda p: p.id, "prefix-list-name": lambda p: p.name})
    return describe.page(req, [{"PrefixListId": one.id, "PrefixListName": one.name, "Cidrs": one.cidrs} for one in found], "PrefixLists")


@ec2.op(**names.on("prefix-list", "PrefixListId"))
def get_managed_prefix_list_entries(call: Call, req: t.GetManagedPrefixListEntriesRequest) -> t.GetManagedPrefixListEntriesResult:
    one = find(call, req["PrefixListId"])
    version = req.get("TargetVersion") or len(one.versions)
    if not 1 <= version <= len(one.versions):
        raise errors.invalid_value(version, "targetVersion", "The prefix list has no such version")
    rows = [{"Cidr": e.cidr, **({"Description": e.description} if e.description else {})} for e in one.versions[version - 1]]
    return describe.page(req, rows, "Entries", least=1, most=100, default=100)


@ec2.op(**names.on("prefix-list", "PrefixListId"))
def get_managed_prefix_list_associations(call: Call, req: t.GetManagedPrefixListAssociationsRequest) -> t.GetManagedPrefixListAssociationsResult:
    one = mine(call, req["PrefixListId"])
    return describe.page(req, [{"ResourceId": user, "ResourceOwner": call.account} for user in links.users(call, one.id)], "PrefixListAssociations", least=5, most=255)


def _current(one: PrefixList, version: int | None) -> None:
    if version is not None and version != len(one.versions):
        raise AwsError("PrefixListVersionMismatch", f"The specified version {version} of prefix list {one.id} is not its current version, {len(one.versions)}")


@ec2.op(**names.on("prefix-list", "PrefixListId"))
def modify_managed_prefix_list(call: Call, req: t.ModifyManagedPrefixListRequest) -> t.ModifyManagedPrefixListResult:
    """Entries make a new version; the name does not. Entries and size are changed one at a time."""
    one = mine(call, req["PrefixListId"])
    _current(one, req.get("CurrentVersion"))
    adds, removes, most = req.get("AddEntries"), req.get("RemoveEntries"), req.get("MaxEntries")
    if (adds or removes) and most is not None:
        raise errors.combination("You cannot modify the entries of a prefix list and modify the size of a prefix list at the same time")
    if name := req.get("PrefixListName"):
        if name.startswith("com.amazonaws") or len(name) > 255:
            raise errors.invalid_value(name, "prefixListName", "A name has up to 255 characters and does not start with com.amazonaws")
        one = one.but(name=name)
    if most is not None:
        if _max_entries(most) < len(one.entries):
            raise _too_many(most)
        one = one.but(max_entries=most)
    if adds or removes:
        if req.get("CurrentVersion") is None:
            raise errors.missing("CurrentVersion")
        fresh = {e.cidr: e for e in one.entries}
        for gone in _checked(removes, one.family):
            if fresh.pop(gone.cidr, None) is None:
                raise errors.invalid(f"The entry {gone.cidr} does not exist in the prefix list {one.id}")
        for new in _checked(adds, one.family):
            fresh[new.cidr] = new  # an entry that is there gets the new description
        if len(fresh) > one.max_entries:
            raise _too_many(one.max_entries)
        one = one.but(versions=[*one.versions, list(fresh.values())])
    return {"PrefixList": shown(call, put(call, one.but(state="modify-complete")), "modify-in-progress")}


@ec2.op(**names.on("prefix-list", "PrefixListId"))
def restore_managed_prefix_list_version(call: Call, req: t.RestoreManagedPrefixListVersionRequest) -> t.RestoreManagedPrefixListVersionResult:
    one = mine(call, req["PrefixListId"])
    _current(one, req["CurrentVersion"])
    if not 1 <= req["PreviousVersion"] < len(one.versions):
        raise errors.invalid_value(req["PreviousVersion"], "previousVersion", "The prefix list has no such version")
    one = put(call, one.but(versions=[*one.versions, one.versions[req["PreviousVersion"] - 1]], state="restore-complete"))
    return {"PrefixList": shown(call, one, "restore-in-progress")}


@ec2.op(**names.on("prefix-list", "PrefixListId"))
def delete_managed_prefix_list(call: Call, req: t.DeleteManagedPrefixListRequest) -> t.DeleteManagedPrefixListResult:
    one = mine(call, req["PrefixListId"])
    if links.users(call, one.id):
        raise errors.dependency("prefix list", one.id)
    answer = shown(call, one, "delete-in-progress")
    call.delete(one)
    tags.drop(call, one.id)
    network.changed(call)
    return {"PrefixList": answer}
