"""What every account finds in every region from the first word on: the default DHCP options and the default VPC, made when it is first needed."""
from __future__ import annotations

from cloche.kernel import Call, Record


class Settled(Record, frozen=True):
    """This account has been in this region before."""
    kind = "ec2.settled"

    @property
    def key(self) -> str:
        return ""


def settle(call: Call) -> None:
    """At EC2's first word from an account in a region (and at the doors that other services come through)."""
    if call.get(Settled, "") is None:
        call.put(Settled())
        from . import dhcp_options, vpcs
        dhcp_options.make_default(call)
        vpcs.make_default(call)
