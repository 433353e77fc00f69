"""The text that a customer's device is set up from: AWS's XML for one VPN connection, two tunnels. Pure."""
from __future__ import annotations

from typing import NamedTuple
from xml.sax.saxutils import escape


class Tunnel(NamedTuple):
    outside: str                                       # Amazon's address
    inside: str                                        # 169.254.x.y/30
    key: str

    @property
    def amazon(self) -> str:
        return self._host(1)

    @property
    def customer(self) -> str:
        return self._host(2)

    def _host(self, number: int) -> str:
        start, _, last = self.inside.split("/")[0].rpartition(".")
        return f"{start}.{int(last) + number}"


def element(name: str, *inner: str) -> str:
    return f"<{name}>{''.join(inner)}</{name}>"


def text(name: str, value: object) -> str:
    return element(name, escape(str(value)))


def end(name: str, outside: str, inside: str, asn: object, static: bool) -> str:
    bgp = () if static else (element("bgp", text("asn", asn), text("hold_time", 30)),)
    return element(name, element("tunnel_outside_address", text("ip_address", outside)),
                   element("tunnel_inside_address", text("ip_address", inside), text("network_mask", "255.255.255.252"), text("network_cidr", 30)), *bgp)


def tunnel(one: Tunnel, customer: str, customer_asn: str, amazon_asn: int, static: bool) -> str:
    return element(
        "ipsec_tunnel", end("customer_gateway", customer, one.customer, customer_asn, static), end("vpn_gateway", one.outside, one.amazon, amazon_asn, static),
        element("ike", text("authentication_protocol", "sha1"), text("encryption_protocol", "aes-128-cbc"), text("lifetime", 28800), text("perfect_forward_secrecy", "group2"),
                text("mode", "main"), text("pre_shared_key", one.key)),
        element("ipsec", text("protocol", "esp"), text("authentication_protocol", "hmac-sha1-96"), text("encryption_protocol", "aes-128-cbc"), text("lifetime", 3600),
                text("perfect_forward_secrecy", "group2"), text("mode", "tunnel"), text("clear_df_bit", "true"), text("fragmentation_before_encryption", "true"),
                text("tcp_mss_adjustment", 1379), element("dead_peer_detection", text("interval", 10), text("retries", 3))))


def document(id_: str, gateway: str, far: str, customer: str, customer_asn: str, amazon_asn: int, static: bool, tunnels: list[Tunnel]) -> str:
    """`gateway`: the customer gateway's id, `customer` its address; `far`: the id of Amazon's side."""
    side = "transit_gateway_id" if far.startswith("tgw-") else "vpn_gateway_id"
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + f'<vpn_connection id="{id_}">' + text("customer_gateway_id", gateway) + text(side, far) + text("vpn_connection_type", "ipsec.1")
            + (text("vpn_connection_attributes", "NoBGPVPNConnection") if static else "") + "".join(tunnel(one, customer, customer_asn, amazon_asn, static) for one in tunnels) + "</vpn_connection>")
