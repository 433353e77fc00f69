"""TestDNSAnswer: what a zone's name server would say."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import Call

from . import answers, errors, names, zones
from . import service as route53

if TYPE_CHECKING:
    from cloche.shapes import route53 as t


@route53.op(resource=zones.by_id, partly="the resolver's address is not looked up on a map: latency and geolocation routing go by the request's region")
def test_dns_answer(call: Call, req: t.TestDNSAnswerRequest) -> t.TestDNSAnswerResponse:
    zone = zones.find(call, req["HostedZoneId"])
    if zone.private:
        raise errors.invalid_input("TestDNSAnswer supports only public hosted zones.")
    if "EDNS0ClientSubnetIP" in req and "ResolverIP" not in req:
        raise errors.invalid_input("If you specify a value for EDNS0ClientSubnetIP, ResolverIP is needed too.")
    try:
        name = names.full(req["RecordName"])
    except names.Bad as bad:
        raise errors.invalid_input(str(bad)) from None
    if not names.within(name, zone.name):
        said = answers.Answer("REFUSED", [])
    else:
        said = answers.answer(call, zone, call.account, name, req["RecordType"], answers.Asker(call.region))
    data = [value for _, type_, _, value in said.records]
    return {"Nameserver": zone.servers[0], "RecordName": name, "RecordType": req["RecordType"], "RecordData": data, "ResponseCode": said.code, "Protocol": "UDP"}
