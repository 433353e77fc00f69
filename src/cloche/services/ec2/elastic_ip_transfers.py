"""Elastic IPs that go to another account: offered for a week, taken by whoever they were offered to."""
from __future__ import annotations

from typing import TYPE_CHECKING

from cloche.kernel import ANY, AwsError, Call, Record
from cloche.services.service_quotas import public as quotas

from . import addresses, describe, elastic_ips, errors, errors_vpc, names, tags
from . import service as ec2

if TYPE_CHECKING:
    from cloche.shapes import ec2 as t

OFFERED_SECONDS = 7 * 86400
SHOWN_SECONDS = 14 * 86400  # an accepted one is still listed by who gave it


class Transfer(Record, frozen=True):
    kind = "ec2.address-transfer"
    scope = "cloud"

    public: str
    allocation: str
    account: str  # who offers
    region: str
    to: str
    until: float
    accepted: float = 0

    @property
    def key(self) -> str:
        return self.public


def shown(call: Call, one: Transfer, status: str = "") -> t.AddressTransfer:
    out: t.AddressTransfer = {"PublicIp": one.public, "AllocationId": one.allocation, "TransferAccountId": one.to, "TransferOfferExpirationTimestamp": one.until,  # type: ignore[typeddict-item]
                              "AddressTransferStatus": status or ("accepted" if one.accepted else "pending")}
    if one.accepted:
        out["TransferOfferAcceptedTimestamp"] = one.accepted  # type: ignore[typeddict-item]
    return out


def open_(call: Call, one: Transfer) -> bool:
    return call.now < (one.accepted + SHOWN_SECONDS if one.accepted else one.until)


@ec2.op(**names.on("elastic-ip", "AllocationId"))
def enable_address_transfer(call: Call, req: t.EnableAddressTransferRequest) -> t.EnableAddressTransferResult:
    one, to = elastic_ips.find(call, req["AllocationId"]), req["TransferAccountId"]
    if not (to.isdigit() and len(to) == 12) or to == call.account:
        raise errors.invalid_value(to, "transferAccountId", "It must be another account's id of 12 digits")
    return {"AddressTransfer": shown(call, call.put(Transfer(one.public, one.id, call.account, call.region, to, call.now + OFFERED_SECONDS)))}


@ec2.op(**names.on("elastic-ip", "AllocationId"))
def disable_address_transfer(call: Call, req: t.DisableAddressTransferRequest) -> t.DisableAddressTransferResult:
    one = elastic_ips.find(call, req["AllocationId"])
    offer = call.get(Transfer, one.public)
    if offer is None or offer.account != call.account or offer.accepted or not open_(call, offer):
        raise AwsError("InvalidTransfer.AddressNotEnabled", f"The Elastic IP address {one.public} is not enabled for transfer")
    call.delete(offer)
    return {"AddressTransfer": shown(call, offer, "disabled")}


@ec2.op(**names.LOOK)
def describe_address_transfers(call: Call, req: t.DescribeAddressTransfersRequest) -> t.DescribeAddressTransfersResult:
    wanted = req.get("AllocationIds")
    found = [one for one in call.all(Transfer) if (one.account, one.region) == (call.account, call.region) and open_(call, one) and (not wanted or one.allocation in wanted)]
    return describe.page(req, [shown(call, one) for one in found], "AddressTransfers")  # type: ignore[no-any-return]


@ec2.op(resource=ANY)
def accept_address_transfer(call: Call, req: t.AcceptAddressTransferRequest) -> t.AcceptAddressTransferResult:
    """The address changes hands with its id; the tags stay behind."""
    offer = call.get(Transfer, req["Address"])
    if offer is None or offer.to != call.account or offer.region != call.region or offer.accepted or not open_(call, offer):
        raise AwsError("InvalidTransfer.AddressNotEnabled", f"There is no transfer of the address {req['Address']} to accept")
    there = call.at(offer.account, offer.region)
    one = elastic_ips.find(there, offer.allocation)
    if one.interface:
        raise AwsError("InvalidTransfer.AddressAssociated", f"The Elastic IP address {one.public} cannot be transferred: it is associated")
    if one.name:
        raise AwsError("InvalidTransfer.AddressCustomPtrSet", f"The Elastic IP address {one.public} cannot be transferred: it has a reverse DNS record")
    if len(call.all(elastic_ips.ElasticIp)) >= quotas.value(call, elastic_ips.QUOTA):
        raise errors_vpc.address_limit()
    elastic_ips.forget(there, one)
    addresses.pass_public(call, one.public, one.id, call.account)
    elastic_ips.put(call, one)
    tags.take(call, req, "elastic-ip", one.id)
    offer = call.put(offer.but(accepted=call.now))
    return {"AddressTransfer": shown(call, offer)}

