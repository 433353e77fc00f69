"""Deployments to EC2, in place: the agent in each machine fetches the revision, copies its files and runs its scripts."""
import pytest

from cloche.engines.world import lacking

from .machines import NOTE, STEPS, Machines, bundle, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture(scope="module")
def one(cloche_server):
    """An account with one machine that has the agent."""
    it = Machines(cloche_server.other())
    (it.id,) = it.launch()
    it.group()
    yield it
    it.close()


def test_a_revision_is_fetched_unpacked_copied_and_its_scripts_run_in_order(one):
    first = one.deploy(bundle("one"))
    told = one.over(first, "Succeeded")
    assert told["deploymentOverview"]["Succeeded"] == 1 and told["deploymentStyle"]["deploymentType"] == "IN_PLACE" and told["fileExistsBehavior"] == "DISALLOW"
    assert one.events(first, one.id) == [(event, "Succeeded") for event in ("ApplicationStop", "DownloadBundle", *STEPS[1:2], "Install", *STEPS[2:])]
    text = one.run(one.id, "cat /var/log/events; echo; cat /srv/web/index.html; echo; stat -c '%U %a' /srv/web/bin/run.sh")
    lines = text.split("\n")
    assert lines[:4] == [f"{event} one {first} app dg" for event in STEPS[1:]]     # there was nothing to stop yet
    assert "one" in lines and "ec2-user 750" in lines
