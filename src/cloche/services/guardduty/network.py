"""The network as GuardDuty reads it, of instances that really run: their flows every five minutes, and each name that they ask the VPC's resolver for.

Thresholds are Cloche's own, where AWS's are not told: ports of one host in a window for a scan, connections of one host for brute force.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloche.kernel import AwsError, Call

from . import ip_sets, sightings
from . import service as guardduty
from .types import HIGH

WINDOW_SECONDS = 300
SCANNED_PORTS, BRUTE_CONNECTIONS = 20, 10
TCP = 6
BRUTE = {22: ("UnauthorizedAccess:EC2/SSHBruteForce", "SSH"), 3389: ("UnauthorizedAccess:EC2/RDPBruteForce", "RDP")}
# names with which AWS's own guides let one try a type of finding
DOMAINS = {"guarddutyc2activityb.com": ("Backdoor:EC2/C&CActivity.B!DNS", "a Command & Control server"), "pool.minergate.com": ("CryptoCurrency:EC2/BitcoinTool.B!DNS", "cryptocurrency activity")}


def look(call: Call, on: bool) -> None:
    """The detector looks from now on, or no more."""
    from cloche.services.ec2 import public as ec2
    ec2.watch_flows(call, on)
    if on:
        ec2.hear_queries(asked)
        call.again(WINDOW_SECONDS, window, "flows")
    else:
        call.cancel(window, "flows")


@guardduty.boot
def listen(call: Call) -> None:
    from .detectors import Detector
    if call.cloud.store.scopes(Detector.kind):
        from cloche.services.ec2 import public as ec2
        ec2.hear_queries(asked)


@guardduty.timer
def window(call: Call) -> None:
    from cloche.services.ec2 import public as ec2
    if sightings.looking(call):
        call.again(WINDOW_SECONDS, window, "flows")
        if ec2.carries(call):
            call.wake(read, "")


@guardduty.worker
async def read(call: Call, key: str) -> None:
    from cloche.services.ec2 import public as ec2
    rows = await ec2.watched_flows(call)
    with call.step():
        for type_, interface, peer, port, count, role, evidence in judged(rows, ip_sets.of(call)):
            _note(call, type_, interface, peer, port, count, role, evidence)


# -- flows: pure ---------------------------------------------------------------------------------------------------------------

Seen = tuple[str, Any, str, int, int, str, list[str]]  # type, interface, the other side, port, how often, the instance's role, threat lists


def judged(rows: Iterable[tuple[Any, Any, Any]], lists: ip_sets.Lists) -> list[Seen]:
    """(interface, flow, count) of a window -> what is to be found. A connection is known by the port that its client took."""
    scans: dict[tuple[str, str], set[int]] = {}
    brute: dict[tuple[str, str, int, str], set[int]] = {}
    bad: dict[tuple[str, str], tuple[int, int, list[str]]] = {}
    at: dict[str, Any] = {}
    for interface, flow, many in rows:
        if not interface.instance:
            continue
        at[interface.id], out = interface, flow.way == "o"
        peer = flow.destination if out else flow.source
        if lists.trusted(peer):
            continue
        if named := lists.threats(peer):
            before = bad.get((interface.id, peer), (0, 0, named))
            bad[interface.id, peer] = (flow.port if out else flow.source_port, before[1] + many.packets, named)
        if flow.protocol == TCP:
            if out and flow.port < flow.source_port:          # towards a service, not an answer to a client
                scans.setdefault((interface.id, peer), set()).add(flow.port)
            for port in BRUTE:
                if flow.port == port:
                    brute.setdefault((interface.id, peer, port, "ACTOR" if out else "TARGET"), set()).add(flow.source_port)
    found: list[Seen] = []
    for (interface_id, peer), ports in scans.items():
        if len(ports) >= SCANNED_PORTS:
            found.append(("Recon:EC2/Portscan", at[interface_id], peer, max(ports), len(ports), "ACTOR", []))
    for (interface_id, peer, port, role), clients in brute.items():
        if len(clients) >= BRUTE_CONNECTIONS:
            found.append((BRUTE[port][0], at[interface_id], peer, port, len(clients), role, []))
    for (interface_id, peer), (port, packets, names) in bad.items():
        found.append(("UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", at[interface_id], peer, port, packets, "ACTOR", names))
    return found


TITLES = {
    "Recon:EC2/Portscan": "EC2 instance {id} is performing outbound port scans to remote host {peer}.",
    "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom": "EC2 instance {id} is communicating with a custom threat list IP address {peer}.",
}


def _note(call: Call, type_: str, interface: Any, peer: str, port: int, count: int, role: str, evidence: list[str]) -> None:
    id_ = interface.instance
    brute = next((word for kind, word in BRUTE.values() if kind == type_), "")
    title = TITLES[type_].format(id=id_, peer=peer) if type_ in TITLES else (f"{peer} is performing {brute} brute force attacks against {id_}." if role == "TARGET" else
                                                                           f"EC2 instance {id_} is performing {brute} brute force attacks against {peer}.")
    side = {"IpAddressV4": peer} if ":" not in peer else {"IpAddressV6": peer}
    action = {"ActionType": "NETWORK_CONNECTION", "NetworkConnectionAction": {
        "Blocked": False, "ConnectionDirection": "INBOUND" if role == "TARGET" else "OUTBOUND", "Protocol": "TCP", "RemoteIpDetails": side,
        **({"LocalPortDetails": {"Port": port, "PortName": brute}} if role == "TARGET" else {"RemotePortDetails": {"Port": port, "PortName": brute or "Unknown"}})}}
    sightings.note(call, type_, f"{id_}/{peer}/{role}", count, title=title, description=title, resource=resource(call, id_), action=action, role=role, evidence=evidence,
                   **({"severity": HIGH} if brute and role == "ACTOR" else {}))


# -- names -----------------------------------------------------------------------------------------------------------------------

def asked(call: Call, vpc: str, name: str, asker: str) -> None:
    """A query of a VPC's resolver; `call` stands in EC2, in the VPC's account."""
    bare = name.rstrip(".")
    known = next((DOMAINS[domain] for domain in DOMAINS if bare == domain or bare.endswith(f".{domain}")), None)
    if known is None:
        return
    here = call.of("guardduty")
    if not sightings.looking(here):
        return
    from cloche.services.ec2 import public as ec2
    if id_ := ec2.asker(here, vpc, asker):
        title = f"EC2 instance {id_} is querying a domain name associated with {known[1]}."
        with call.cloud.store:
            sightings.note(here, known[0], f"{id_}/{bare}", title=title, description=f"EC2 instance {id_} is querying the domain name {bare}, which is associated with {known[1]}.",
                           resource=resource(here, id_), role="ACTOR", action={"ActionType": "DNS_REQUEST", "DnsRequestAction": {"Domain": bare, "Protocol": "UDP", "Blocked": False}})


def resource(call: Call, id_: str) -> dict[str, Any]:
    """An instance as findings show it."""
    try:
        rows = call.as_root().do("ec2", "DescribeInstances", InstanceIds=[id_])["Reservations"]
    except AwsError:
        return {"ResourceType": "Instance", "InstanceDetails": {"InstanceId": id_}}
    one = rows[0]["Instances"][0]
    interfaces = [{"NetworkInterfaceId": each["NetworkInterfaceId"], "PrivateIpAddress": each["PrivateIpAddress"], "PrivateDnsName": each.get("PrivateDnsName", ""),
                   "PublicIp": each.get("Association", {}).get("PublicIp", ""), "SubnetId": each["SubnetId"], "VpcId": each["VpcId"],
                   "SecurityGroups": [{"GroupId": group["GroupId"], "GroupName": group["GroupName"]} for group in each["Groups"]]} for each in one.get("NetworkInterfaces") or ()]
    return {"ResourceType": "Instance", "InstanceDetails": {
        "InstanceId": id_, "InstanceType": one["InstanceType"], "ImageId": one["ImageId"], "InstanceState": one["State"]["Name"], "AvailabilityZone": one["Placement"]["AvailabilityZone"],
        "NetworkInterfaces": interfaces, "Tags": [{"Key": tag["Key"], "Value": tag["Value"]} for tag in one.get("Tags") or ()]}}
