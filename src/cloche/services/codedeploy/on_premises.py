"""On-premises instances: names that stand for machines of one's own, with tags, and whose agent signs as an IAM user or in a session of a role."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record, pages

from . import errors, names
from . import service as codedeploy

if TYPE_CHECKING:
    from cloche.shapes import codedeploy as t

PAGE, BATCH, MOST_TAGS, LONGEST_NAME = 100, 100, 10, 100


class Instance(Record, frozen=True):
    kind = "codedeploy.instance"

    name: str
    arn: str
    registered: float
    user: str = ""
    session: str = ""
    tags: dict[str, str] = {}
    deregistered: float = 0.0

    @property
    def key(self) -> str:
        return self.name


def find(call: Call, name: str) -> Instance:
    found = call.get(Instance, name)
    if found is None:
        raise errors.not_registered(name)
    return found


def present(call: Call) -> list[Instance]:
    return [one for one in call.all(Instance) if not one.deregistered]


def of_principal(call: Call, arn: str, session: str) -> Instance | None:
    """The registered instance whose agent signs like this."""
    return next((one for one in present(call) if (arn and arn in (one.user, one.session)) or (session and one.session == session)), None)


def tags_of(pairs: Any) -> dict[str, str]:
    """Of a request; tag groups have each tag once."""
    if not pairs:
        raise errors.tag_required()
    found = {one.get("Key", ""): one.get("Value", "") for one in pairs}
    if "" in found:
        raise errors.bad_tag("A tag needs a key")
    return found


def named(call: Call, req: Any) -> list[Instance]:
    if not req["instanceNames"]:
        raise errors.instance_name_required()
    if len(req["instanceNames"]) > BATCH:
        raise errors.too_many_instances()
    found = [find(call, name) for name in req["instanceNames"]]
    if gone := [one.name for one in found if one.deregistered]:
        raise errors.not_registered(gone[0])
    return found


def info(one: Instance) -> dict[str, Any]:
    out: dict[str, Any] = {"instanceName": one.name, "instanceArn": one.arn, "registerTime": one.registered, "tags": [{"Key": key, "Value": value} for key, value in sorted(one.tags.items())]}
    for member, value in (("iamUserArn", one.user), ("iamSessionArn", one.session), ("deregisterTime", one.deregistered)):
        if value:
            out[member] = value
    return out


@codedeploy.op(names.instance)
def register_on_premises_instance(call: Call, req: t.RegisterOnPremisesInstanceInput) -> None:
    name, user, session = req["instanceName"], req.get("iamUserArn") or "", req.get("iamSessionArn") or ""
    if not name:
        raise errors.instance_name_required()
    if len(name) > LONGEST_NAME or name.startswith("i-"):
        raise errors.bad_instance_name(name)
    if not user and not session:
        raise errors.iam_arn_required()
    if user and session:
        raise errors.two_iam_arns()
    if user and (user.split(":")[2:3] != ["iam"] or ":user/" not in user):
        raise errors.bad_user_arn(user)
    if session and (session.split(":")[2:3] != ["sts"] or ":assumed-role/" not in session or session.count("/") != 2):
        raise errors.bad_session_arn(session)
    if (old := call.get(Instance, name)) is not None and not old.deregistered:
        raise errors.already_registered(name)
    for other in present(call):
        if user and other.user == user:
            raise errors.user_arn_taken(user)
        if session and other.session == session:
            raise errors.session_arn_taken(session)
    call.put(Instance(name, call.arn(f"instance:{name}_{call.pick(names.LETTERS, 10)}", service="codedeploy"), call.now, user, session))


@codedeploy.op(names.instance)
def deregister_on_premises_instance(call: Call, req: t.DeregisterOnPremisesInstanceInput) -> None:
    """It is remembered as one that was; its tags are gone."""
    one = call.get(Instance, req["instanceName"])
    if one is None or one.deregistered:
        raise errors.not_registered(req["instanceName"])
    call.put(one.but(deregistered=call.now, tags={}))


@codedeploy.op(names.instance)
def get_on_premises_instance(call: Call, req: t.GetOnPremisesInstanceInput) -> t.GetOnPremisesInstanceOutput:
    return {"instanceInfo": info(find(call, req["instanceName"]))}  # type: ignore[typeddict-item]


@codedeploy.op(names.instance)
def batch_get_on_premises_instances(call: Call, req: t.BatchGetOnPremisesInstancesInput) -> t.BatchGetOnPremisesInstancesOutput:
    if len(req["instanceNames"]) > BATCH:
        raise errors.batch_too_large(BATCH)
    return {"instanceInfos": [info(one) for name in req["instanceNames"] if (one := call.get(Instance, name)) is not None]}  # type: ignore[typeddict-item]


@codedeploy.op(ANY)
def list_on_premises_instances(call: Call, req: t.ListOnPremisesInstancesInput) -> t.ListOnPremisesInstancesOutput:
    found = call.all(Instance)
    if status := req.get("registrationStatus"):
        found = [one for one in found if bool(one.deregistered) == (status == "Deregistered")]
    if filters := req.get("tagFilters"):
        found = [one for one in found if matches(one.tags, filters)]
    shown, token = pages.page(sorted(one.name for one in found), req, lambda name: name, PAGE, errors.bad_token, token="nextToken")
    return {"instanceNames": shown, **token}  # type: ignore[typeddict-item]


@codedeploy.op(names.instance)
def add_tags_to_on_premises_instances(call: Call, req: t.AddTagsToOnPremisesInstancesInput) -> None:
    fresh = tags_of(req["tags"])
    for one in named(call, req):
        whole = one.tags | fresh
        if len(whole) > MOST_TAGS:
            raise errors.too_many_tags()
        call.put(one.but(tags=whole))


@codedeploy.op(names.instance)
def remove_tags_from_on_premises_instances(call: Call, req: t.RemoveTagsFromOnPremisesInstancesInput) -> None:
    gone = tags_of(req["tags"])
    for one in named(call, req):
        call.put(one.but(tags={key: value for key, value in one.tags.items() if not (key in gone and gone[key] in ("", value))}))


def matches(tags: dict[str, str], filters: Any) -> bool:
    """Any of the filters: by key, by value, or by both."""
    for one in filters:
        key, value = one.get("Key"), one.get("Value")
        kind = one.get("Type") or ("KEY_AND_VALUE" if key is not None and value is not None else "VALUE_ONLY" if value is not None else "KEY_ONLY")
        if (kind == "KEY_ONLY" and key in tags) or (kind == "VALUE_ONLY" and value in tags.values()) or (kind == "KEY_AND_VALUE" and key in tags and tags[key] == value):
            return True
    return False
