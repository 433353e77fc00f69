"""Deployments to EC2, in place: the agent in each machine fetches the revision, copies its files and runs its scripts."""
import pytest
from botocore.exceptions import ClientError

from cloche.engines.world import lacking
from tests.services.ssm.machines import send

from .machines import SPEC, STEPS, Machines, bundle, until

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())


@pytest.fixture(scope="module")
def one(cloche_server):
    """An account with one machine that has the agent."""
    it = Machines(cloche_server.other())
    (it.id,) = it.launch()
    it.group()
    yield it
    it.close()


def fresh(one, name):
    """A deployment group of its own for the machine: what other tests have left there is not its business."""
    one.group(name)
    one.run(one.id, "rm -rf /srv/web /var/log/events")
    return name


def test_a_revision_is_fetched_unpacked_copied_and_its_scripts_run_in_order(one):
    first = one.deploy(bundle("one"))
    told = one.over(first, "Succeeded")
    assert told["deploymentOverview"]["Succeeded"] == 1 and told["deploymentStyle"]["deploymentType"] == "IN_PLACE" and told["fileExistsBehavior"] == "DISALLOW"
    assert one.events(first, one.id) == [(event, "Succeeded") for event in ("ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart", "ValidateService")]
    group = told["deploymentGroupName"], one.api.get_deployment_group(applicationName="app", deploymentGroupName="dg")["deploymentGroupInfo"]["deploymentGroupId"]
    text = one.run(one.id, f"cat /var/log/events; cat /srv/web/index.html; echo; stat -c '%U %a' /srv/web/bin/run.sh; ls /opt/codedeploy-agent/deployment-root/{group[1]}/{first}; "
                           f"cat /opt/codedeploy-agent/deployment-root/{group[1]}/{first}/logs/scripts.log; service codedeploy-agent status")
    lines = text.split("\n")
    assert lines[:4] == [f"{event} one {first} app dg" for event in STEPS[1:]]     # there was nothing to stop yet
    assert lines[4:6] == ["one", "ec2-user 750"] and {"bundle.tar", "deployment-archive", "logs"} <= set(lines)
    assert "LifecycleEvent - AfterInstall" in lines and "[stdout]said AfterInstall" in lines and "The AWS CodeDeploy agent is running as PID" in text
    second = one.deploy(bundle("two", "tgz"), kind="tgz")
    one.over(second, "Succeeded")
    lines = one.run(one.id, "cat /var/log/events; cat /srv/web/index.html").split("\n")
    assert lines[4] == f"ApplicationStop one {second} app dg"                      # by the script of the revision before
    assert lines[5] == f"BeforeInstall two {second} app dg" and lines[-1] == "two"
    third = one.deploy(bundle("three", "tar"), kind="tar")
    one.over(third, "Succeeded")
    assert one.run(one.id, "cat /srv/web/index.html") == "three"
    assert [each["deploymentGroups"] for each in [one.api.get_application_revision(applicationName="app", revision=one.info(third)["revision"])["revisionInfo"]]] == [["dg"]]
    summary = one.api.get_deployment_instance(deploymentId=third, instanceId=one.id)["instanceSummary"]
    assert summary["status"] == "Succeeded" and summary["instanceId"].endswith(f"instance/{one.id}") and len(summary["lifecycleEvents"]) == 7
    assert one.api.list_deployment_instances(deploymentId=third, instanceStatusFilter=["Succeeded"])["instancesList"] == [one.id]
    assert one.api.batch_get_deployment_instances(deploymentId=third, instanceIds=[one.id, "i-00000000"])["errorMessage"]
    assert one.api.batch_get_deployment_targets(deploymentId=third, targetIds=[one.id])["deploymentTargets"][0]["deploymentTargetType"] == "InstanceTarget"


@pytest.mark.parametrize("behaviour, status, text", [("DISALLOW", "Failed", "mine"), ("OVERWRITE", "Succeeded", "new"), ("RETAIN", "Succeeded", "mine")])
def test_a_file_that_is_in_the_way_fails_the_deployment_or_is_replaced_or_stays(one, behaviour, status, text):
    name = fresh(one, behaviour)
    one.run(one.id, "mkdir -p /srv/web; printf mine > /srv/web/index.html")
    id_ = one.deploy(bundle("new"), name, fileExistsBehavior=behaviour)
    told = one.over(id_, status)
    assert one.run(one.id, "cat /srv/web/index.html") == text
    if status == "Failed":
        assert told["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
        failed = next(each for each in one.targets(id_)[one.id]["lifecycleEvents"] if each["status"] == "Failed")
        assert failed["lifecycleEventName"] == "Install" and failed["diagnostics"]["message"] == "The deployment failed because a specified file already exists at this location: /srv/web/index.html"
        assert dict(one.events(id_, one.id))["ApplicationStart"] == "Skipped"


@pytest.mark.parametrize("script, code", [("#!/bin/sh\necho it broke\nexit 3\n", "ScriptFailed"), ("#!/bin/sh\nsleep 600\n", "ScriptTimedOut"), (None, "ScriptMissing")])
def test_a_script_that_fails_says_how_and_the_last_good_revision_comes_back(one, script, code):
    name = fresh(one, code)
    one.over(one.deploy(bundle("good"), name, key=f"{code}-good"), "Succeeded")
    data = bundle("bad", AfterInstall=script) if script else bundle("bad", spec=SPEC + "  AfterInstall:\n    - location: scripts/none.sh\n", steps=())
    id_ = one.deploy(data, name, key=f"{code}-bad", autoRollbackConfiguration={"enabled": True, "events": ["DEPLOYMENT_FAILURE"]})
    if code == "ScriptTimedOut":
        until(lambda: one.info(id_)["status"] == "InProgress" and dict(one.events(id_, one.id)).get("AfterInstall") == "InProgress")
        until(lambda: one.run(one.id, "pgrep -f 'sleep 600' || true"))
        one.cloud.advance(61)                          # the clock of the cloud, not the machine's
    told = one.over(id_, "Failed")
    failed = next(each for each in one.targets(id_)[one.id]["lifecycleEvents"] if each["status"] == "Failed")
    said = failed["diagnostics"]
    assert failed["lifecycleEventName"] == "AfterInstall" and said["errorCode"] == code, said
    if code == "ScriptFailed":
        assert said["scriptName"] == "scripts/AfterInstall.sh" and "exit code 3" in said["message"] and "[stdout]it broke" in said["logTail"]
    back = one.over(told["rollbackInfo"]["rollbackDeploymentId"], "Succeeded")
    assert back["creator"] == "codeDeployRollback" and back["revision"]["s3Location"]["key"] == f"{code}-good" and one.run(one.id, "cat /srv/web/index.html") == "good"


def test_the_instance_needs_the_right_to_read_the_revision(one):
    name = fresh(one, "closed")
    one.iam.put_role_policy(RoleName="machine", PolicyName="no", PolicyDocument='{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::*/secret.zip"}]}')
    id_ = one.deploy(bundle("x"), name, key="secret.zip")
    one.over(id_, "Failed")
    failed = next(each for each in one.targets(id_)[one.id]["lifecycleEvents"] if each["status"] == "Failed")
    assert failed["lifecycleEventName"] == "DownloadBundle" and "AccessDenied" in failed["diagnostics"]["message"]


def test_a_bundle_without_an_appspec_file_fails(one):
    import io
    import zipfile
    name, data = fresh(one, "bare"), io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("readme", "nothing")
    id_ = one.deploy(data.getvalue(), name, key="bare.zip")
    one.over(id_, "Failed")
    failed = next(each for each in one.targets(id_)[one.id]["lifecycleEvents"] if each["status"] == "Failed")
    assert failed["lifecycleEventName"] == "DownloadBundle" and "did not find an AppSpec file" in failed["diagnostics"]["message"]


def test_a_failing_application_stop_may_be_overlooked(one):
    name = fresh(one, "stops")
    one.over(one.deploy(bundle("a", ApplicationStop="#!/bin/sh\nexit 1\n"), name, key="stop-a"), "Succeeded")
    id_ = one.deploy(bundle("b"), name, key="stop-b")
    one.over(id_, "Failed")
    assert one.events(id_, one.id)[0] == ("ApplicationStop", "Failed")
    id_ = one.deploy(bundle("b"), name, key="stop-b", ignoreApplicationStopFailures=True)
    one.over(id_, "Succeeded")
    assert one.events(id_, one.id)[0] == ("ApplicationStop", "Failed") and one.events(id_, one.id)[1] == ("DownloadBundle", "Succeeded")


def test_an_agent_that_is_silent_for_an_hour_fails_its_instance(one):
    name = fresh(one, "silent")
    one.run(one.id, "service codedeploy-agent stop")
    try:
        id_ = one.deploy(bundle("x"), name, key="silent.zip")
        until(lambda: one.info(id_)["status"] == "InProgress" and one.events(id_, one.id)[0] == ("ApplicationStop", "InProgress"))
        one.cloud.advance(3400)
        assert one.info(id_)["status"] == "InProgress"
        one.cloud.advance(300)
        assert one.over(id_, "Failed")["errorInformation"]["code"] == "HEALTH_CONSTRAINTS"
        assert "make sure the agent is running" in one.targets(id_)[one.id]["lifecycleEvents"][0]["diagnostics"]["message"]
    finally:
        one.run(one.id, "service codedeploy-agent start")


def test_no_machine_with_the_tags_is_a_failure(one):
    one.group("nobody", ec2TagFilters=[{"Key": "app", "Value": "y", "Type": "KEY_AND_VALUE"}])
    assert one.over(one.deploy(bundle("x"), "nobody"), "Failed")["errorInformation"]["code"] == "NO_INSTANCES"
    one.group("sets", ec2TagFilters=[], ec2TagSet={"ec2TagSetList": [[{"Key": "app", "Type": "KEY_ONLY"}], [{"Value": "none", "Type": "VALUE_ONLY"}]]})
    assert one.over(one.deploy(bundle("x"), "sets"), "Failed")["errorInformation"]["code"] == "NO_INSTANCES"


def test_the_agent_comes_back_when_its_machine_boots_again_and_goes_when_it_is_taken_away(one):
    name = fresh(one, "again")
    one.run(one.id, "touch /run/before")
    one.ec2.reboot_instances(InstanceIds=[one.id])

    def back():
        try:
            said = one.run(one.id, "ls /run; service codedeploy-agent status")
        except ClientError:                            # it is down just now
            return False
        return "before" not in said and "running as PID" in said

    until(back)
    one.over(one.deploy(bundle("x"), name, key="again.zip"), "Succeeded")
    command = send(one.cloud, [one.id], document="AWS-ConfigureAWSPackage", parameters={"action": ["Uninstall"], "name": ["AWSCodeDeployAgent"]})
    assert command["Status"] == "Success" and one.run(one.id, "ls /etc/init.d; pgrep -f codedeploy-agent.py[z]").strip() == ""
