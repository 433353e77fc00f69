"""Connections: a dedicated port, or a piece of one that is hosted for somebody else.

`requested`, then (72 hours later) `pending`, when the letter can be had that lets a data centre lay the cable. It stays so: nobody lays one to Cloche.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, locations, tags
from . import service as directconnect

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

REVIEW_SECONDS = 72 * 3600
SHOWN_SECONDS = 3600
MOST = 10                                              # active ones, per region


class Connection(Record, frozen=True):
    kind = "directconnect.connection"

    id: str
    name: str
    location: str
    bandwidth: str
    made: float
    lag: str = ""
    provider: str = ""
    macsec: bool = False
    encryption: str = ""
    vlan: int = 0                                      # of a hosted one
    parent: str = ""
    parent_account: str = ""
    ended: str = ""                                    # deleted | rejected
    confirmed: bool = False

    @property
    def key(self) -> str:
        return self.id

    def state(self, now: float) -> str:
        if self.ended:
            return self.ended
        if self.parent:
            return "pending" if self.confirmed else "ordering"
        return "pending" if now >= self.made + REVIEW_SECONDS else "requested"


def arn(call: Call, id_: str) -> str:
    return call.arn(f"dxcon/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req.get("connectionId") or "*")


def look(call: Call, id_: str) -> Connection | None:
    found = call.get(Connection, id_)
    return found if found and not found.ended else None


def find(call: Call, id_: str) -> Connection:
    found = look(call, id_)
    if found is None:
        raise errors.no_connection(id_)
    return found


def shown(call: Call, one: Connection, state: str = "") -> Any:
    out: dict[str, Any] = {
        "ownerAccount": call.account, "connectionId": one.id, "connectionName": one.name, "connectionState": state or one.state(call.now), "region": call.region, "location": one.location,
        "bandwidth": one.bandwidth, "jumboFrameCapable": True, "hasLogicalRedundancy": "unknown", "macSecCapable": one.macsec, "portEncryptionStatus": "Encryption Down", "macSecKeys": [],
        "tags": tags.shown(call, arn(call, one.id)), "encryptionMode": one.encryption or ("should_encrypt" if one.macsec else "no_encrypt")}
    extra = {"lagId": one.lag, "providerName": one.provider, "vlan": one.vlan, "partnerName": one.parent_account}
    if one.state(call.now) == "pending" and not one.parent:
        out |= {"loaIssueTime": one.made + REVIEW_SECONDS, "awsDevice": f"{one.location}-cloche", "awsDeviceV2": f"{one.location}-cloche", "awsLogicalDeviceId": f"{one.location}-cloche"}
    return out | {k: v for k, v in extra.items() if v}


def place(call: Call, location: str, bandwidth: str, speeds: tuple[str, ...] = locations.SPEEDS) -> None:
    if location not in locations.of(call.region):
        raise errors.bad_location(location)
    if bandwidth not in speeds:
        raise errors.bad_bandwidth(bandwidth, location)


def enter(call: Call, **fields: Any) -> Connection:
    return call.put(Connection(call.id("dxcon-", 8), made=call.now, **fields))


@directconnect.op(ANY, context=tags.facts, partly="no cable is ever laid: a connection stays pending")
def create_connection(call: Call, req: t.CreateConnectionRequest) -> t.Connection:
    place(call, req["location"], req["bandwidth"])
    macsec = bool(req.get("requestMACSec"))
    if macsec and req["bandwidth"] not in locations.MACSEC:
        raise errors.unsupported(f"MACsec is not available for connections of {req['bandwidth']}.")
    if sum(not one.ended for one in call.all(Connection)) >= MOST:
        raise errors.limit("connections")
    if lag := req.get("lagId"):
        from . import lags
        lags.joins(call, lags.find(call, lag), req["location"], req["bandwidth"])
    made = enter(call, name=req["connectionName"], location=req["location"], bandwidth=req["bandwidth"], lag=req.get("lagId", ""), provider=req.get("providerName", ""), macsec=macsec)
    tags.put(call, arn(call, made.id), req.get("tags"))
    return shown(call, made)  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def describe_connections(call: Call, req: t.DescribeConnectionsRequest) -> t.Connections:
    if id_ := req.get("connectionId"):
        found = call.get(Connection, id_)
        if found is None:
            raise errors.no_connection(id_)
        return {"connections": [shown(call, found)]}
    return {"connections": [shown(call, one) for one in call.all(Connection)]}


@directconnect.op(resource=by_id)
def update_connection(call: Call, req: t.UpdateConnectionRequest) -> t.Connection:
    one = find(call, req["connectionId"])
    mode = req.get("encryptionMode") or one.encryption
    if mode and mode != "no_encrypt" and not one.macsec:
        raise errors.unsupported(f"The connection {one.id} is not MACsec capable.")
    return shown(call, call.put(one.but(name=req.get("connectionName") or one.name, encryption=mode)))  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def delete_connection(call: Call, req: t.DeleteConnectionRequest) -> t.Connection:
    from . import interfaces
    one = find(call, req["connectionId"])
    if interfaces.on(call, one.id):
        raise errors.in_use(f"Connection {one.id}", "virtual interfaces")
    if hosted(call, one.id):
        raise errors.in_use(f"Connection {one.id}", "hosted connections")
    gone = call.put(one.but(ended="deleted", lag=""))
    call.after(SHOWN_SECONDS, forget, one.id, connection=one.id)
    return shown(call, gone, "deleting")  # type: ignore[no-any-return]


@directconnect.timer
def forget(call: Call, connection: str) -> None:
    if one := call.get(Connection, connection):
        call.delete(one)
        tags.drop(call, arn(call, connection))


# -- the letter ---------------------------------------------------------------------------------------------------------------------------

@directconnect.op(resource=by_id, partly="a letter that says what it is: no data centre takes it")
def describe_loa(call: Call, req: t.DescribeLoaRequest) -> t.Loa:
    from . import lags
    id_ = req["connectionId"]
    one: Any = lags.find(call, id_) if id_.startswith("dxlag-") else find(call, id_)
    if one.state(call.now) != "pending" or getattr(one, "parent", ""):
        raise errors.loa_not_ready(id_)
    return {"loaContent": letter(["Letter of Authorization - Connecting Facility Assignment", f"Connection {id_} ({one.name}) at {one.location}, account {call.account}.",
                                  "Issued by Cloche, which is not AWS and has no port in that place:", "this letter shows when AWS would give one, and lets nobody lay a cable."]),
            "loaContentType": "application/pdf"}


def letter(lines: list[str]) -> bytes:
    """A page of text as PDF."""
    shown_lines = " ".join(f"({line.replace(chr(92), '').replace('(', '[').replace(')', ']')}) Tj 0 -20 Td" for line in lines)
    text = f"BT /F1 12 Tf 60 760 Td {shown_lines} ET"
    objects = ["<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>", "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
               f"<</Length {len(text)}>>stream\n{text}\nendstream", "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    out, places = "%PDF-1.4\n", []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj{each}endobj\n"
    table = "".join(f"{at:010d} 00000 n \n" for at in places)
    return f"{out}xref\n0 6\n0000000000 65535 f \n{table}trailer<</Size 6/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF\n".encode("latin-1", "replace")


# -- hosted ones --------------------------------------------------------------------------------------------------------------------------

directconnect.table("CREATE TABLE IF NOT EXISTS directconnect_hosted (id TEXT PRIMARY KEY, parent TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")
directconnect.table("CREATE INDEX IF NOT EXISTS directconnect_hosted_parent ON directconnect_hosted (parent)")


def hosted(call: Call, parent: str) -> list[tuple[Call, Connection]]:
    found = []
    for id_, account, region in call.sql("SELECT id, account, region FROM directconnect_hosted WHERE parent=?", parent):
        there = call.at(account, region)
        if one := look(there, id_):
            found.append((there, one))
    return found


@directconnect.op(resource=by_id, context=tags.facts)
def allocate_hosted_connection(call: Call, req: t.AllocateHostedConnectionRequest) -> t.Connection:
    """A piece of one's own connection, for another account, which confirms it."""
    parent = find(call, req["connectionId"])
    if req["bandwidth"] not in locations.HOSTED:
        raise errors.bad_bandwidth(req["bandwidth"], parent.location)
    if not 1 <= req["vlan"] <= 4094:
        raise errors.bad_vlan(req["vlan"])
    if any(one.vlan == req["vlan"] for _, one in hosted(call, parent.id)):
        raise errors.vlan_taken(req["vlan"], parent.id)
    there = call.at(req["ownerAccount"], call.region)
    made = enter(there, name=req["connectionName"], location=parent.location, bandwidth=req["bandwidth"], vlan=req["vlan"], parent=parent.id, parent_account=call.account)
    call.sql("INSERT INTO directconnect_hosted VALUES (?,?,?,?)", made.id, parent.id, there.account, there.region)
    tags.put(there, arn(there, made.id), req.get("tags"))
    return shown(there, made)  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def describe_hosted_connections(call: Call, req: t.DescribeHostedConnectionsRequest) -> t.Connections:
    return {"connections": [shown(there, one) for there, one in hosted(call, find(call, req["connectionId"]).id)]}


@directconnect.op(resource=by_id)
def confirm_connection(call: Call, req: t.ConfirmConnectionRequest) -> t.ConfirmConnectionResponse:
    one = find(call, req["connectionId"])
    if not one.parent or one.confirmed:
        raise errors.wrong_state(f"Connection {one.id}", one.state(call.now))
    return {"connectionState": call.put(one.but(confirmed=True)).state(call.now)}  # type: ignore[typeddict-item]
