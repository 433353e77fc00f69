"""`cloche why --from --to`: a packet's way and what stops it, from the records of whoever owns them."""
import pytest

from cloche.cli import main

from .test_network_insights import Net


def why(cloud, capsys, *words):
    code = main.main(["why", "--url", cloud.url, *words])
    return code, capsys.readouterr().out


def test_a_packet_that_is_dropped_has_an_obituary(cloud, capsys):
    net = Net(cloud)
    code, said = why(cloud, capsys, "--from", net.plugs[0], "--to", net.plugs[1], "--port", "443")
    assert code == 1 and "dropped in silence" in said
    assert f"SG_HAS_NO_RULES: {net.groups[1]} of {net.plugs[1]}: no ingress rules at all" in said
    assert f"{net.groups[0]} egress: all 0.0.0.0/0" in said and f"{net.table}: 10.0.0.0/16 -> local" in said and f"{net.acl} ingress of {net.subnets[1]}: rule 100 allows all 0.0.0.0/0" in said
    net.open()
    assert "SG_HAS_NO_RULES" not in why(cloud, capsys, "--from", net.plugs[0], "--to", net.plugs[1], "--port", "443")[1]


def test_nothing_arrives_where_nothing_runs(cloud, capsys):
    net = Net(cloud)
    net.open()
    code, said = why(cloud, capsys, "--from", net.plugs[0], "--to", net.plugs[1], "--port", "443")
    assert code == 1 and f"BAD_STATE: {net.plugs[1]} does not run" in said


def test_a_packet_between_interfaces_that_run_arrives(capsys, plugged):
    cloud = plugged.cloud
    net = Net(cloud)
    net.lead()
    (one, _, public), (two, private, _) = plugged.plug(net.subnets[0], [net.groups[0]], public_address=True), plugged.plug(net.subnets[1], [net.groups[1]])
    net.open()
    code, said = why(cloud, capsys, "--from", one, "--to", private, "--port", "443")
    assert code == 0 and "it arrives, and so does the answer" in said and f"{net.groups[1]} egress: the connection is known" in said
    plugged.listen(two, 443)
    plugged.settled()
    assert plugged.ask(one, private, 443) != ""
    code, said = why(cloud, capsys, "--from", two, "--to", public, "--port", "443")
    assert code == 1 and f"IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS: {net.igw}: {private} has no public address" in said
    assert plugged.ask(two, public, 443, patience=0.2) == ""


def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(cloud, capsys):
    with pytest.raises(SystemExit):
        main.main(["why", "--url", cloud.url, "--from", "i-00000000000000000", "--to", "10.0.0.5"])
    assert "there is no interface of i-00000000000000000" in capsys.readouterr().err
