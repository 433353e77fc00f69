"""Customer gateways: the customer's end of a VPN, as AWS knows it: an address and an ASN."""
from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from cloche.kernel import Call, Record

from . import describe, errors, errors_hybrid, links, names, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

MOST = 50
SHOWN_SECONDS = 3600                                   # how long a deleted one is told of
DEFAULT_ASN = "65000"


class CustomerGateway(Record, frozen=True):
    kind = "ec2.customer-gateway"

    id: str
    address: str
    asn: str
    certificate: str = ""
    device: str = ""
    state: str = "available"

    @property
    def key(self) -> str:
        return self.id


def find(call: Call, id_: str) -> CustomerGateway:
    found = call.get(CustomerGateway, id_)
    if found is None or found.state == "deleted":
        raise errors.not_found("InvalidCustomerGatewayID.NotFound", "customerGateway ID", id_)
    return found


tags.FINDERS["cgw"] = find


def shown(call: Call, one: CustomerGateway, state: str = "") -> t.CustomerGateway:
    out: Any = {"CustomerGatewayId": one.id, "State": state or one.state, "Type": "ipsec.1", "BgpAsn": one.asn, "Tags": tags.shown(call, one.id)}
    extra = {"IpAddress": one.address, "CertificateArn": one.certificate, "DeviceName": one.device}
    return out | {k: v for k, v in extra.items() if v}  # type: ignore[no-any-return]


@ec2.op(**names.making("customer-gateway"))
def create_customer_gateway(call: Call, req: t.CreateCustomerGatewayRequest) -> t.CreateCustomerGatewayResult:
    """The same address, ASN and device again is the same gateway."""
    address, certificate = req.get("IpAddress") or req.get("PublicIp") or "", req.get("CertificateArn") or ""
    if req.get("BgpAsn") and req.get("BgpAsnExtended"):
        raise errors.combination("The parameters BgpAsn and BgpAsnExtended cannot be used together")
    asn = str(req.get("BgpAsn") or req.get("BgpAsnExtended") or DEFAULT_ASN)
    if not address and not certificate:
        raise errors.missing("IpAddress")
    if address:
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise errors.invalid_value(address, "IpAddress", "The IP address is not valid.") from None
    if not 1 <= int(asn) <= 4_294_967_294:
        raise errors.invalid_value(asn, "BgpAsn", "The ASN must be from 1 to 4294967294.")
    if certificate:
        from cloche.services.acm import public as acm
        if not acm.status(call, certificate):
            raise errors_hybrid.certificate_not_found(certificate)
    live = [one for one in call.all(CustomerGateway) if one.state == "available"]
    for one in live:
        if (one.address, one.asn, one.certificate, one.device) == (address, asn, certificate, req.get("DeviceName") or ""):
            return {"CustomerGateway": shown(call, one)}
    if len(live) >= MOST:
        raise errors_hybrid.customer_gateway_limit()
    made = call.put(CustomerGateway(call.id("cgw-"), address, asn, certificate, req.get("DeviceName") or ""))
    tags.take(call, req, "customer-gateway", made.id)
    return {"CustomerGateway": shown(call, made, "pending")}


FACETS: describe.Facets = {"customer-gateway-id": lambda g: g.id, "ip-address": lambda g: g.address, "bgp-asn": lambda g: g.asn, "state": lambda g: g.state, "type": lambda g: "ipsec.1"}


@ec2.op(**names.LOOK)
def describe_customer_gateways(call: Call, req: t.DescribeCustomerGatewaysRequest) -> t.DescribeCustomerGatewaysResult:
    found = describe.several(call, CustomerGateway, req.get("CustomerGatewayIds"), "InvalidCustomerGatewayID.NotFound", "customerGateway ID")
    return {"CustomerGateways": [shown(call, one) for one in describe.matching(call, found, req.get("Filters"), FACETS)]}


@ec2.op(**names.on("customer-gateway", "CustomerGatewayId"))
def delete_customer_gateway(call: Call, req: t.DeleteCustomerGatewayRequest) -> None:
    one = find(call, req["CustomerGatewayId"])
    if links.users(call, one.id, "vpn-"):
        raise errors.incorrect_state("The customer gateway is in use.")
    call.put(one.but(state="deleted"))
    call.after(SHOWN_SECONDS, forget_customer_gateway, one.id, gateway=one.id)


@ec2.timer
def forget_customer_gateway(call: Call, gateway: str) -> None:
    if one := call.get(CustomerGateway, gateway):
        call.delete(one)
        tags.drop(call, gateway)
