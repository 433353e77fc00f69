"""Tags of EC2's resources: one record per tagged resource, whatever it is; nouns ask `of`, give with `take`, forget with `drop`."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Need, Record

from . import describe, errors, names
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 50


class Tags(Record, frozen=True):
    kind = "ec2.tags"

    id: str
    tags: dict[str, str] = {}

    @property
    def key(self) -> str:
        return self.id


def of(call: Call, id_: str) -> dict[str, str]:
    found = call.get(Tags, id_)
    return found.tags if found else {}


def shown(call: Call, id_: str) -> list[t.Tag]:
    """The `Tags` member of an answer."""
    return [{"Key": k, "Value": v} for k, v in of(call, id_).items()]


def put(call: Call, id_: str, tags: dict[str, str]) -> None:
    merged = of(call, id_) | tags
    if sum(not key.startswith("aws:") for key in merged) > MOST:
        raise errors.too_many_tags()
    if merged:
        call.put(Tags(id_, merged))


def drop(call: Call, id_: str) -> None:
    """The resource is gone."""
    if found := call.get(Tags, id_):
        call.delete(found)


def checked(call: Call, pairs: Any) -> dict[str, str]:
    out: dict[str, str] = {}
    for one in pairs or ():
        key, value = one.get("Key"), one.get("Value") or ""
        if not key:
            raise errors.bad_tag("Tag key cannot be empty")
        if key in out:
            raise errors.duplicate_tag(key)
        if len(key) > 127:  # the API's limit; the guide says 128
            raise errors.bad_tag(f"Tag key exceeds the maximum length of 127 characters: '{key}'")
        if len(value) > 255:
            raise errors.bad_tag(f"Tag value exceeds the maximum length of 255 characters: '{value}'")
        out[key] = value
    if call.reserves(out):
        raise errors.reserved_tag()
    if len(out) > MOST:
        raise errors.too_many_tags()
    return out


def take(call: Call, req: Any, kind: str, id_: str, *also: str) -> None:
    """Give a new resource the tags that the request has for its kind. `also`: kinds that the operation makes besides."""
    for each in req.get("TagSpecifications") or ():
        given = each.get("ResourceType")
        if not given:
            raise errors.missing("ResourceType")
        if given != kind and given not in also:
            raise errors.wrong_tag_type(given)
        tags = checked(call, each.get("Tags"))
        if given == kind and tags:
            put(call, id_, tags)


# -- operations -------------------------------------------------------------------------------------------------------------

def _needs(call: Call, req: Any) -> list[Need]:
    keys = [one.get("Key", "") for one in req.get("Tags") or ()]
    context: dict[str, Any] = {"aws:TagKeys": keys}
    if call.op == "CreateTags":
        context |= {f"aws:RequestTag/{one.get('Key', '')}": one.get("Value", "") for one in req.get("Tags") or ()}
    return [Need(f"ec2:{call.op}", names.arn(call, names.kind(id_) or "*", id_),
                 context | {"ec2:Region": call.region} | {f"aws:ResourceTag/{k}": v for k, v in of(call, id_).items()}) for id_ in req["Resources"]]


@ec2.op(needs=_needs)
def create_tags(call: Call, req: t.CreateTagsRequest) -> None:
    given = checked(call, req["Tags"])
    if not given:
        raise errors.missing("tagSet")
    for id_ in req["Resources"]:
        _exists(call, id_)
        put(call, id_, given)


@ec2.op(needs=_needs)
def delete_tags(call: Call, req: t.DeleteTagsRequest) -> None:
    wanted = req.get("Tags")
    for id_ in req["Resources"]:
        _exists(call, id_)
        old = of(call, id_)
        if wanted is None:  # all but AWS's own
            left = {k: v for k, v in old.items() if k.startswith("aws:")}
        else:
            if call.reserves([one.get("Key", "") for one in wanted]):
                raise errors.reserved_tag()
            gone = {one.get("Key"): one.get("Value") for one in wanted}
            left = {k: v for k, v in old.items() if k not in gone or gone[k] not in (None, v)}
        if left:
            call.put(Tags(id_, left))
        else:
            drop(call, id_)


FACETS: describe.Facets = {"key": lambda row: row["Key"], "value": lambda row: row["Value"], "resource-id": lambda row: row["ResourceId"], "resource-type": lambda row: row["ResourceType"]}


def _valued(key: str) -> Any:
    """`tag:KEY`: the value, of the rows with that key."""
    return lambda row: row["Value"] if row["Key"] == key else None


@ec2.op(**names.LOOK)
def describe_tags(call: Call, req: t.DescribeTagsRequest) -> t.DescribeTagsResult:
    rows: list[Any] = [{"Key": k, "Value": v, "ResourceId": one.id, "ResourceType": names.kind(one.id)} for one in call.all(Tags) for k, v in one.tags.items()]
    own = {name: _valued(name[4:]) for rule in req.get("Filters") or () if (name := rule.get("Name") or "").startswith("tag:")}
    rows = describe.matching(call, rows, req.get("Filters"), FACETS | own)
    return describe.page(req, rows, "Tags", least=5)


# -- existence: each noun tells which ids are its own --------------------------------------------------------------------------

FINDERS: dict[str, Any] = {}  # prefix -> f(call, id) that raises if there is no such thing; filled by the nouns' modules


def _exists(call: Call, id_: str) -> None:
    prefix = names.prefix(id_)
    if prefix not in names.KINDS:
        raise errors.bad_id(id_)
    if finder := FINDERS.get(prefix):
        finder(call, id_)
    else:
        raise errors.bad_id(id_)
