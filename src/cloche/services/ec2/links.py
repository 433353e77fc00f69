"""What refers to what: the one index behind every DependencyViolation, and behind "which interfaces are in this subnet?".

A thing says which others it uses when it is made or changed (`links.tie(call, eni, subnet, vpc, *groups)`) and unties itself at its end.
Questions cost what their answer holds, however many other things there are.
"""
from __future__ import annotations

from cloche.kernel import Call

from . import service as ec2

ec2.table("""CREATE TABLE IF NOT EXISTS ec2_link (
    account TEXT, region TEXT, what TEXT, uses TEXT, PRIMARY KEY (account, region, what, uses)) WITHOUT ROWID""")
ec2.table("CREATE INDEX IF NOT EXISTS ec2_link_uses ON ec2_link (account, region, uses, what)")


def tie(call: Call, what: str, *uses: str) -> None:
    """`what` uses exactly these, from now on."""
    wanted, had = {one for one in uses if one}, set(used(call, what))
    for one in sorted(wanted - had):
        call.sql("INSERT INTO ec2_link VALUES (?,?,?,?)", call.account, call.region, what, one)
    for one in sorted(had - wanted):
        call.sql("DELETE FROM ec2_link WHERE account=? AND region=? AND what=? AND uses=?", call.account, call.region, what, one)


def untie(call: Call, what: str) -> None:
    call.sql("DELETE FROM ec2_link WHERE account=? AND region=? AND what=?", call.account, call.region, what)


def used(call: Call, what: str, prefix: str = "") -> list[str]:
    """What `what` uses, of the ids that begin with the prefix ("subnet-")."""
    return [row[0] for row in call.sql("SELECT uses FROM ec2_link WHERE account=? AND region=? AND what=? AND uses>=? AND uses<?",
                                       call.account, call.region, what, prefix, prefix + "~")]


def users(call: Call, uses: str, prefix: str = "") -> list[str]:
    """What uses `uses`, of the ids that begin with the prefix ("eni-")."""
    return [row[0] for row in call.sql("SELECT what FROM ec2_link WHERE account=? AND region=? AND uses=? AND what>=? AND what<?",
                                       call.account, call.region, uses, prefix, prefix + "~")]


def count(call: Call, uses: str, prefix: str = "") -> int:
    return int(call.row("SELECT count(*) FROM ec2_link WHERE account=? AND region=? AND uses=? AND what>=? AND what<?",
                        call.account, call.region, uses, prefix, prefix + "~")[0])
