"""Lists of addresses that an account brings: trusted ones, of which nothing is found, and threats, of which everything is. Read from S3 when a set is activated."""
from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cloche.kernel import AwsError, Call, Record, pages

from . import errors
from . import service as guardduty
from .detectors import by_id, find

if TYPE_CHECKING:
    from cloche.shapes import guardduty as t

TRUSTED, THREAT = "ipset", "threatintelset"
MOST = {TRUSTED: 1, THREAT: 6}
MOST_LINES = {TRUSTED: 2000, THREAT: 250_000}
SETTLES_SECONDS = 300  # "may take up to 5 minutes" to become active or inactive
LOCATION = re.compile(r"(?:https://s3\.amazonaws\.com/|https://s3[.-][\w-]+\.amazonaws\.com/|s3://)([^/]+)/(.+)|https://([^/]+?)\.s3(?:[.-][\w-]+)?\.amazonaws\.com/(.+)")
ADDRESS = re.compile(r"(?<![\w.:])(\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?)(?![\w.])")


class IpSet(Record, frozen=True):
    kind = "guardduty.ip-set"

    id: str
    of: str                          # ipset or threatintelset
    name: str
    format: str
    location: str
    status: str
    networks: tuple[str, ...] = ()
    owner: str = ""
    tags: dict[str, str] = {}
    token: str = ""

    @property
    def key(self) -> str:
        return self.id


class Lists:
    """The active sets of an account and region, ready to be asked."""

    def __init__(self, sets: list[IpSet]) -> None:
        active = [one for one in sets if one.status in ("ACTIVE", "DEACTIVATING")]
        self.good = [net for one in active if one.of == TRUSTED for net in nets(one.networks)]
        self.bad = [(one.name, nets(one.networks)) for one in active if one.of == THREAT]

    def trusted(self, address: str) -> bool:
        return bool(self.good) and any(ipaddress.ip_address(address) in net for net in self.good)

    def threats(self, address: str) -> list[str]:
        """The names of the threat lists that the address is on."""
        if not self.bad:
            return []
        ip = ipaddress.ip_address(address)
        return [name for name, networks in self.bad if any(ip in net for net in networks)]


@lru_cache(maxsize=32)
def nets(texts: tuple[str, ...]) -> list[Any]:
    return [ipaddress.ip_network(text, strict=False) for text in texts]


def of(call: Call) -> Lists:
    memo = call.cloud.memory.setdefault("guardduty.lists", {})
    place, sets = (call.account, call.region), call.all(IpSet)
    found = memo.get(place)
    if found is None or len(found[0]) != len(sets) or any(a is not b for a, b in zip(found[0], sets, strict=True)):
        found = memo[place] = (sets, Lists(sets))
    return found[1]  # type: ignore[no-any-return]


def arn(call: Call, detector: str, kind: str, id_: str) -> str:
    return call.arn(f"detector/{detector}/{kind}/{id_}")


def _by(kind: str, member: str) -> Callable[[Call, Any], str]:
    return lambda call, req: arn(call, req["DetectorId"], kind, req[member])


async def _read(call: Call, location: str, kind: str) -> tuple[str, ...]:
    """The addresses in the file, under the caller's rights, as on AWS where the list's user needs s3:GetObject."""
    match = LOCATION.fullmatch(location)
    if not match:
        raise errors.bad_location()
    bucket, key = (match[1], match[2]) if match[1] else (match[3], match[4])
    try:
        answer: Any = call.do("s3", "GetObject", Bucket=bucket, Key=key)
        answer = await answer if hasattr(answer, "__await__") else answer
    except AwsError:
        raise errors.bad("The request is rejected because the bucket or object of the parameter location cannot be read.") from None
    from cloche.services.cloudformation.public import whole
    text = (await whole(answer["Body"], 35 << 20) or b"").decode("utf-8", "replace")
    found = []
    for each in ADDRESS.findall(text):
        try:
            found.append(str(ipaddress.ip_network(each, strict=False)))
        except ValueError:
            continue
    if not found or len(found) > MOST_LINES[kind]:
        raise errors.bad("The request is rejected because the file of the parameter location has no addresses, or too many.")
    return tuple(dict.fromkeys(found))


async def _create(call: Call, req: Any, kind: str) -> str:
    find(call, req["DetectorId"])
    mine = [one for one in call.all(IpSet) if one.of == kind]
    if (token := req.get("ClientToken")) and (there := next((one for one in mine if one.token == token), None)):
        return there.id
    if any(one.name == req["Name"] for one in mine):
        raise errors.set_exists("IPSet" if kind == TRUSTED else "ThreatIntelSet")
    if len(mine) >= MOST[kind]:
        raise errors.too_many_sets()
    if call.reserves(req.get("Tags") or ()):
        raise errors.reserved()
    networks = await _read(call, req["Location"], kind)
    with call.step():
        one = call.put(IpSet(call.id(digits=32), kind, req["Name"], req["Format"], req["Location"], "INACTIVE", networks, req.get("ExpectedBucketOwner", ""), req.get("Tags") or {}, token or ""))
        if req["Activate"]:
            _turn(call, one, True)
    return one.id


def _turn(call: Call, one: IpSet, on: bool) -> None:
    call.put(one.but(status="ACTIVATING" if on else "DEACTIVATING"))
    call.after(SETTLES_SECONDS, settled, one.id, id=one.id)


@guardduty.timer
def settled(call: Call, id: str) -> None:
    one = call.get(IpSet, id)
    if one and one.status in ("ACTIVATING", "DEACTIVATING"):
        call.put(one.but(status="ACTIVE" if one.status == "ACTIVATING" else "INACTIVE"))


def _find(call: Call, req: Any, id_: str, kind: str) -> IpSet:
    find(call, req["DetectorId"])
    found = call.get(IpSet, id_)
    if found is None or found.of != kind:
        raise errors.no_filter()
    return found


def _shown(one: IpSet) -> dict[str, Any]:
    return {"Name": one.name, "Format": one.format, "Location": one.location, "Status": one.status, "Tags": one.tags} | ({"ExpectedBucketOwner": one.owner} if one.owner else {})


async def _update(call: Call, req: Any, id_: str, kind: str) -> None:
    one = _find(call, req, id_, kind)
    if "Name" in req and any(other.name == req["Name"] and other.id != one.id and other.of == kind for other in call.all(IpSet)):
        raise errors.set_exists("IPSet" if kind == TRUSTED else "ThreatIntelSet")
    location = req.get("Location", one.location)
    networks = await _read(call, location, kind) if "Location" in req or req.get("Activate") else one.networks  # a changed file counts when the set is activated again
    with call.step():
        one = call.put(one.but(name=req.get("Name", one.name), location=location, networks=networks, owner=req.get("ExpectedBucketOwner", one.owner)))
        if "Activate" in req and req["Activate"] != (one.status in ("ACTIVE", "ACTIVATING")):
            _turn(call, one, req["Activate"])


def _list(call: Call, req: Any, kind: str) -> tuple[list[str], dict[str, Any]]:
    find(call, req["DetectorId"])
    found, more = pages.page([one for one in call.all(IpSet) if one.of == kind], req, lambda one: one.id, 50, errors.bad_token)
    return [one.id for one in found], more


@guardduty.op(by_id)
async def create_ip_set(call: Call, req: t.CreateIPSetRequest) -> t.CreateIPSetResponse:
    return {"IpSetId": await _create(call, req, TRUSTED)}


@guardduty.op(_by(TRUSTED, "IpSetId"))
def get_ip_set(call: Call, req: t.GetIPSetRequest) -> t.GetIPSetResponse:
    return _shown(_find(call, req, req["IpSetId"], TRUSTED))  # type: ignore[return-value]


@guardduty.op(by_id)
def list_ip_sets(call: Call, req: t.ListIPSetsRequest) -> t.ListIPSetsResponse:
    found, more = _list(call, req, TRUSTED)
    return {"IpSetIds": found, **more}  # type: ignore[typeddict-item]


@guardduty.op(_by(TRUSTED, "IpSetId"))
async def update_ip_set(call: Call, req: t.UpdateIPSetRequest) -> None:
    await _update(call, req, req["IpSetId"], TRUSTED)


@guardduty.op(_by(TRUSTED, "IpSetId"))
def delete_ip_set(call: Call, req: t.DeleteIPSetRequest) -> None:
    call.delete(_find(call, req, req["IpSetId"], TRUSTED))


@guardduty.op(by_id)
async def create_threat_intel_set(call: Call, req: t.CreateThreatIntelSetRequest) -> t.CreateThreatIntelSetResponse:
    return {"ThreatIntelSetId": await _create(call, req, THREAT)}


@guardduty.op(_by(THREAT, "ThreatIntelSetId"))
def get_threat_intel_set(call: Call, req: t.GetThreatIntelSetRequest) -> t.GetThreatIntelSetResponse:
    return _shown(_find(call, req, req["ThreatIntelSetId"], THREAT))  # type: ignore[return-value]


@guardduty.op(by_id)
def list_threat_intel_sets(call: Call, req: t.ListThreatIntelSetsRequest) -> t.ListThreatIntelSetsResponse:
    found, more = _list(call, req, THREAT)
    return {"ThreatIntelSetIds": found, **more}  # type: ignore[typeddict-item]


@guardduty.op(_by(THREAT, "ThreatIntelSetId"))
async def update_threat_intel_set(call: Call, req: t.UpdateThreatIntelSetRequest) -> None:
    await _update(call, req, req["ThreatIntelSetId"], THREAT)


@guardduty.op(_by(THREAT, "ThreatIntelSetId"))
def delete_threat_intel_set(call: Call, req: t.DeleteThreatIntelSetRequest) -> None:
    call.delete(_find(call, req, req["ThreatIntelSetId"], THREAT))
