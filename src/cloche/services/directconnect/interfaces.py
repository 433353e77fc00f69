"""Virtual interfaces: a VLAN on a connection with a BGP session, private (to a VPC), public (to AWS's public addresses) or transit.

The session needs a router at the other end of a cable; there is none, so it is down, and so is the interface.
"""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import msgspec

from cloche.kernel import AwsError, Call, Record
from cloche.services.ec2 import public as ec2

from . import connections, errors, gateways, lags, tags
from . import service as directconnect

if TYPE_CHECKING:
    from cloche.shapes import directconnect as t

MOST = 50                                              # private and public ones of a dedicated connection
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
PUBLIC_ASN = 7224
SECONDS_PENDING, SHOWN_SECONDS = 5, 3600
MTUS = {"private": (1500, 9001), "transit": (1500, 8500), "public": (1500,)}

directconnect.table("CREATE TABLE IF NOT EXISTS directconnect_interface (id TEXT PRIMARY KEY, account TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")
directconnect.table("CREATE INDEX IF NOT EXISTS directconnect_interface_account ON directconnect_interface (account)")


class Peer(msgspec.Struct, frozen=True):
    id: str
    asn: int
    key: str
    family: str
    amazon: str
    customer: str


class Interface(Record, frozen=True):
    kind = "directconnect.interface"

    id: str
    type: str                                          # private | public | transit
    connection: str
    name: str
    vlan: int
    made: float
    peers: tuple[Peer, ...]
    mtu: int = 1500
    virtual: str = ""                                  # vgw-...
    gateway: str = ""                                  # Direct Connect gateway
    prefixes: tuple[str, ...] = ()
    location: str = ""
    site_link: bool = False
    parent_account: str = ""                           # who allocated it for this account
    confirmed: bool = True
    ended: bool = False

    @property
    def key(self) -> str:
        return self.id

    def state(self, now: float) -> str:
        if self.ended:
            return "deleted"
        if not self.confirmed:
            return "confirming"
        if self.type == "public":
            return "verifying"
        return "down" if now >= self.made + SECONDS_PENDING else "pending"


def arn(call: Call, id_: str) -> str:
    return call.arn(f"dxvif/{id_}")


def by_id(call: Call, req: Any) -> str:
    return arn(call, req.get("virtualInterfaceId") or "*")


def by_connection(call: Call, req: Any) -> str:
    id_ = req.get("connectionId") or "*"
    return lags.arn(call, id_) if id_.startswith("dxlag-") else connections.arn(call, id_)


def look(call: Call, id_: str) -> Interface | None:
    found = call.get(Interface, id_)
    return found if found and not found.ended else None


def find(call: Call, id_: str) -> Interface:
    found = look(call, id_)
    if found is None:
        raise errors.no_interface(id_)
    return found


def everywhere(call: Call) -> list[tuple[Call, Interface]]:
    """Those of the account, in all regions."""
    out = []
    for id_, region in call.sql("SELECT id, region FROM directconnect_interface WHERE account=?", call.account):
        there = call.at(call.account, region)
        if one := look(there, id_):
            out.append((there, one))
    return out


def on(call: Call, connection: str) -> list[Interface]:
    """Those on a connection, whoever has them; also of accounts for which they were allocated."""
    mine = [one for one in call.all(Interface) if one.connection == connection and not one.ended]
    return mine + [one for _, one in allocated(call, connection)]


directconnect.table("CREATE TABLE IF NOT EXISTS directconnect_allocated (id TEXT PRIMARY KEY, connection TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL) WITHOUT ROWID")


def allocated(call: Call, connection: str) -> list[tuple[Call, Interface]]:
    out = []
    for id_, account, region in call.sql("SELECT id, account, region FROM directconnect_allocated WHERE connection=?", connection):
        there = call.at(account, region)
        if one := look(there, id_):
            out.append((there, one))
    return out


def amazon_asn(call: Call, one: Interface) -> int:
    if one.type == "public":
        return PUBLIC_ASN
    if one.gateway and (found := call.get(gateways.Gateway, one.gateway)):
        return found.asn
    return ec2.vpn_gateway_asn(call, one.virtual) if one.virtual else gateways.DEFAULT_ASN


def shown_peer(peer: Peer) -> dict[str, Any]:
    return {"bgpPeerId": peer.id, "asn": peer.asn, "asnLong": peer.asn, "authKey": peer.key, "addressFamily": peer.family, "amazonAddress": peer.amazon, "customerAddress": peer.customer,
            "bgpPeerState": "available", "bgpStatus": "down"}


def shown(call: Call, one: Interface, state: str = "") -> Any:
    first = one.peers[0] if one.peers else None
    out: dict[str, Any] = {
        "ownerAccount": call.account, "virtualInterfaceId": one.id, "location": one.location, "connectionId": one.connection, "virtualInterfaceType": one.type, "virtualInterfaceName": one.name,
        "vlan": one.vlan, "amazonSideAsn": amazon_asn(call, one), "virtualInterfaceState": state or one.state(call.now), "mtu": one.mtu, "jumboFrameCapable": True, "region": call.region,
        "routeFilterPrefixes": [{"cidr": x} for x in one.prefixes], "bgpPeers": [shown_peer(x) for x in one.peers], "siteLinkEnabled": one.site_link, "tags": tags.shown(call, arn(call, one.id))}
    if first:
        out |= {"asn": first.asn, "asnLong": first.asn, "authKey": first.key, "amazonAddress": first.amazon, "customerAddress": first.customer, "addressFamily": first.family,
                "customerRouterConfig": router_config(one, first, out["amazonSideAsn"])}
    return out | {k: v for k, v in {"virtualGatewayId": one.virtual, "directConnectGatewayId": one.gateway}.items() if v}


def router_config(one: Interface, peer: Peer, amazon: int) -> str:
    """What a router is set up from."""
    parts = {"vlan": one.vlan, "customer_address": peer.customer, "amazon_address": peer.amazon, "bgp_asn": peer.asn, "bgp_auth_key": peer.key, "amazon_bgp_asn": amazon, "connection_type": one.type}
    inner = "".join(f"  <{name}>{value}</{name}>\n" for name, value in parts.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<logical_connection id="{one.id}">\n{inner}</logical_connection>\n'


# -- making ---------------------------------------------------------------------------------------------------------------------------------

def peer(call: Call, given: Any, public: bool = False) -> Peer:
    asn, family = given.get("asn") or given.get("asnLong") or 0, given.get("addressFamily", "ipv4")
    if not 1 <= asn <= 4_294_967_294:
        raise errors.bad_asn(asn)
    amazon, customer = given.get("amazonAddress", ""), given.get("customerAddress", "")
    if public and not (amazon and customer) and family == "ipv4":
        raise errors.unsupported("A public virtual interface needs the customer's and Amazon's public addresses.")
    for text in (amazon, customer):
        try:
            ipaddress.ip_interface(text or "0.0.0.0")
        except ValueError:
            raise errors.unsupported(f"{text} is not a valid address.") from None
    if not amazon or not customer:
        if family == "ipv4":
            base = int(ipaddress.ip_address("169.254.0.0")) + ((int(call.id(digits=4), 16) % 0x3F00 + 0x40) << 2)
            amazon, customer = (f"{ipaddress.ip_address(base + n)}/30" for n in (1, 2))
        else:
            base = int(ipaddress.ip_address("2001:db8:dc::")) + (int(call.id(digits=8), 16) << 16)
            amazon, customer = (f"{ipaddress.ip_address(base + n)}/125" for n in (1, 2))
    return Peer(call.id("dxpeer-", 8), asn, given.get("authKey") or call.pick(LETTERS, 24), family, amazon, customer)


def enter(call: Call, connection: str, type_: str, given: Any, there: Call | None = None) -> Interface:
    """On a connection or LAG of this account; for another account where `there` stands in one."""
    held: Any = lags.find(call, connection) if connection.startswith("dxlag-") else connections.find(call, connection)
    vlan = given.get("vlan") or 0
    if not 1 <= vlan <= 4094:
        raise errors.bad_vlan(vlan)
    if getattr(held, "vlan", 0) and vlan != held.vlan:
        raise errors.unsupported(f"The VLAN of the hosted connection {held.id} is {held.vlan}.")
    every = on(call, connection)
    if any(one.vlan == vlan for one in every):
        raise errors.vlan_taken(vlan, connection)
    if len(every) >= MOST:
        raise errors.limit(f"virtual interfaces on {connection}")
    mtu = given.get("mtu") or 1500
    if mtu not in MTUS[type_]:
        raise errors.bad_mtu(mtu)
    at = there or call
    one = Interface(at.id("dxvif-", 8), type_, connection, given.get("virtualInterfaceName", ""), vlan, at.now, (peer(at, given, type_ == "public"),), mtu, location=held.location,
                    prefixes=tuple(x["cidr"] for x in given.get("routeFilterPrefixes") or () if x.get("cidr")), site_link=bool(given.get("enableSiteLink")))
    if there is None:
        one = leads(call, one, given)
    else:
        one = one.but(confirmed=False, parent_account=call.account)
        call.sql("INSERT INTO directconnect_allocated VALUES (?,?,?,?)", one.id, connection, at.account, at.region)
    call.sql("INSERT INTO directconnect_interface VALUES (?,?,?)", one.id, at.account, at.region)
    at.put(one)
    tags.put(at, arn(at, one.id), given.get("tags"))
    return one


def leads(call: Call, one: Interface, given: Any) -> Interface:
    """Where it leads to, if it is not a public one."""
    virtual, gateway = given.get("virtualGatewayId") or "", given.get("directConnectGatewayId") or ""
    if one.type == "public":
        return one
    if bool(virtual) == bool(gateway) or (one.type == "transit" and not gateway):
        raise errors.one_gateway()
    if gateway:
        gateways.find(call, gateway)
    else:
        try:
            ec2.hybrid_gateway(call, virtual)
        except AwsError:
            raise errors.no_virtual_gateway(virtual) from None
        ec2.tie(call, f"dxgw-{one.id}", virtual)
    return one.but(virtual=virtual, gateway=gateway)


@directconnect.op(resource=by_connection, context=tags.facts, partly="no router is at the other end: BGP is down")
def create_private_virtual_interface(call: Call, req: t.CreatePrivateVirtualInterfaceRequest) -> t.VirtualInterface:
    return shown(call, enter(call, req["connectionId"], "private", req["newPrivateVirtualInterface"]))  # type: ignore[no-any-return]


@directconnect.op(resource=by_connection, context=tags.facts, partly="no router is at the other end: BGP is down")
def create_public_virtual_interface(call: Call, req: t.CreatePublicVirtualInterfaceRequest) -> t.VirtualInterface:
    return shown(call, enter(call, req["connectionId"], "public", req["newPublicVirtualInterface"]))  # type: ignore[no-any-return]


@directconnect.op(resource=by_connection, context=tags.facts, partly="no router is at the other end: BGP is down")
def create_transit_virtual_interface(call: Call, req: t.CreateTransitVirtualInterfaceRequest) -> t.CreateTransitVirtualInterfaceResult:
    return {"virtualInterface": shown(call, enter(call, req["connectionId"], "transit", req["newTransitVirtualInterface"]))}


@directconnect.op(resource=by_connection, context=tags.facts)
def allocate_private_virtual_interface(call: Call, req: t.AllocatePrivateVirtualInterfaceRequest) -> t.VirtualInterface:
    there = call.at(req["ownerAccount"], call.region)
    return shown(there, enter(call, req["connectionId"], "private", req["newPrivateVirtualInterfaceAllocation"], there))  # type: ignore[no-any-return]


@directconnect.op(resource=by_connection, context=tags.facts)
def allocate_public_virtual_interface(call: Call, req: t.AllocatePublicVirtualInterfaceRequest) -> t.VirtualInterface:
    there = call.at(req["ownerAccount"], call.region)
    return shown(there, enter(call, req["connectionId"], "public", req["newPublicVirtualInterfaceAllocation"], there))  # type: ignore[no-any-return]


@directconnect.op(resource=by_connection, context=tags.facts)
def allocate_transit_virtual_interface(call: Call, req: t.AllocateTransitVirtualInterfaceRequest) -> t.AllocateTransitVirtualInterfaceResult:
    there = call.at(req["ownerAccount"], call.region)
    return {"virtualInterface": shown(there, enter(call, req["connectionId"], "transit", req["newTransitVirtualInterfaceAllocation"], there))}


def confirm(call: Call, req: Any) -> Any:
    one = find(call, req["virtualInterfaceId"])
    if one.confirmed:
        raise errors.wrong_state(f"Virtual interface {one.id}", one.state(call.now))
    one = call.put(leads(call, one, req).but(confirmed=True, made=call.now))
    return {"virtualInterfaceState": one.state(call.now)}


@directconnect.op(resource=by_id)
def confirm_private_virtual_interface(call: Call, req: t.ConfirmPrivateVirtualInterfaceRequest) -> t.ConfirmPrivateVirtualInterfaceResponse:
    return confirm(call, req)  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def confirm_public_virtual_interface(call: Call, req: t.ConfirmPublicVirtualInterfaceRequest) -> t.ConfirmPublicVirtualInterfaceResponse:
    return confirm(call, req)  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def confirm_transit_virtual_interface(call: Call, req: t.ConfirmTransitVirtualInterfaceRequest) -> t.ConfirmTransitVirtualInterfaceResponse:
    return confirm(call, req)  # type: ignore[no-any-return]


# -- told, changed, ended -----------------------------------------------------------------------------------------------------------------------

@directconnect.op(resource=by_id)
def describe_virtual_interfaces(call: Call, req: t.DescribeVirtualInterfacesRequest) -> t.VirtualInterfaces:
    rows = [(call, one) for one in call.all(Interface)]
    if connection := req.get("connectionId"):
        rows = [row for row in rows if row[1].connection == connection] + allocated(call, connection)
    if id_ := req.get("virtualInterfaceId"):
        rows = [row for row in rows if row[1].id == id_]
        if not rows:
            raise errors.no_interface(id_)
    return {"virtualInterfaces": [shown(there, one) for there, one in rows]}


@directconnect.op(resource=by_id)
def update_virtual_interface_attributes(call: Call, req: t.UpdateVirtualInterfaceAttributesRequest) -> t.VirtualInterface:
    one = find(call, req["virtualInterfaceId"])
    mtu = req.get("mtu") or one.mtu
    if mtu not in MTUS[one.type]:
        raise errors.bad_mtu(mtu)
    return shown(call, call.put(one.but(mtu=mtu, name=req.get("virtualInterfaceName") or one.name, site_link=bool(req.get("enableSiteLink", one.site_link)))))  # type: ignore[no-any-return]


@directconnect.op(resource=by_id)
def create_bgp_peer(call: Call, req: t.CreateBGPPeerRequest) -> t.CreateBGPPeerResponse:
    """A second session, of the other address family."""
    one, given = find(call, req.get("virtualInterfaceId") or ""), req.get("newBGPPeer") or {}
    if any(x.family == given.get("addressFamily", "ipv4") for x in one.peers):
        raise errors.unsupported(f"The virtual interface {one.id} already has a BGP peer of that address family.")
    return {"virtualInterface": shown(call, call.put(one.but(peers=(*one.peers, peer(call, given, one.type == "public")))))}


@directconnect.op(resource=by_id)
def delete_bgp_peer(call: Call, req: t.DeleteBGPPeerRequest) -> t.DeleteBGPPeerResponse:
    one = find(call, req.get("virtualInterfaceId") or "")
    gone = next((x for x in one.peers if x.id == req.get("bgpPeerId") or (x.asn == req.get("asn") and x.customer == req.get("customerAddress"))), None)
    if gone is None:
        raise errors.unsupported(f"The virtual interface {one.id} has no such BGP peer.")
    if len(one.peers) == 1:
        raise errors.unsupported(f"The last BGP peer of the virtual interface {one.id} cannot be deleted.")
    return {"virtualInterface": shown(call, call.put(one.but(peers=tuple(x for x in one.peers if x is not gone))))}


@directconnect.op(resource=by_id)
def delete_virtual_interface(call: Call, req: t.DeleteVirtualInterfaceRequest) -> t.DeleteVirtualInterfaceResponse:
    one = find(call, req["virtualInterfaceId"])
    ec2.untie(call, f"dxgw-{one.id}")
    call.sql("DELETE FROM directconnect_allocated WHERE id=?", one.id)
    call.sql("DELETE FROM directconnect_interface WHERE id=?", one.id)
    call.put(one.but(ended=True))
    call.after(SHOWN_SECONDS, forget_interface, one.id, interface=one.id)
    return {"virtualInterfaceState": "deleting"}


@directconnect.timer
def forget_interface(call: Call, interface: str) -> None:
    if one := call.get(Interface, interface):
        call.delete(one)
        tags.drop(call, arn(call, interface))
