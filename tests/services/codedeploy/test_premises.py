"""A machine of one's own: registered, tagged, and deployed to by the same agent, which signs as a user."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloche import engines
from cloche.testing.people import Person, allow, document, refused, trusting
from cloche.wire.codec import cbor

from .machines import bundle
from .shifting import until

AGENT = Path(engines.__file__).parent / "world/inside/codedeploy_agent.py"


@pytest.fixture
def box(cloud, tmp_path):
    """An agent outside of any cloud, on a machine that is registered as `box`."""
    user = Person(cloud, "box", allow(["s3:GetObject", "s3:GetObjectVersion"]))
    api, iam = cloud.client("codedeploy"), cloud.client("iam")
    api.register_on_premises_instance(instanceName="box", iamUserArn=user.arn)
    api.add_tags_to_on_premises_instances(instanceNames=["box"], tags=[{"Key": "site", "Value": "here"}])
    role = iam.create_role(RoleName="deploys", AssumeRolePolicyDocument=trusting({"Service": "codedeploy.amazonaws.com"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="deploys", PolicyName="p", PolicyDocument=document(allow("ec2:DescribeInstances")))
    api.create_application(applicationName="app")
    api.create_deployment_group(applicationName="app", deploymentGroupName="dg", serviceRoleArn=role, onPremisesInstanceTagFilters=[{"Key": "site", "Value": "here", "Type": "KEY_AND_VALUE"}])
    (tmp_path / "premises.yml").write_text(json.dumps({"region": "us-east-1", "iam_user_arn": user.arn, "aws_access_key_id": user.key, "aws_secret_access_key": user.secret}))
    (tmp_path / "agent.yml").write_text(f":root_dir: {tmp_path}/root\n:on_premises_config_file: {tmp_path}/premises.yml\n:deploy_control_endpoint: {cloud.url}\n:s3_endpoint_override: {cloud.url}\n")
    process = subprocess.Popen([sys.executable, str(AGENT), "run", "--config-file", str(tmp_path / "agent.yml")], stdout=(tmp_path / "log").open("w"), stderr=subprocess.STDOUT,
                               env={"PATH": os.environ["PATH"]})
    yield api, user
    process.kill()
    process.wait()


def test_a_registered_machine_is_deployed_to_by_its_tags(cloud, box, tmp_path):
    api, _ = box
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=f"revisions-{cloud.account}")
    spec = f"version: 0.0\nos: linux\nfiles:\n  - source: web/index.html\n    destination: {tmp_path}/web\nhooks:\n"
    s3.put_object(Bucket=f"revisions-{cloud.account}", Key="app.tgz", Body=bundle("here", "tgz", spec=spec, steps=("ValidateService",), ValidateService=f"#!/bin/sh\necho $BUNDLE_KEY > {tmp_path}/ran\n"))
    place = {"revisionType": "S3", "s3Location": {"bucket": f"revisions-{cloud.account}", "key": "app.tgz", "bundleType": "tgz"}}
    id_ = api.create_deployment(applicationName="app", deploymentGroupName="dg", revision=place)["deploymentId"]
    told = until(lambda: (now := api.get_deployment(deploymentId=id_)["deploymentInfo"])["status"] in ("Succeeded", "Failed") and now)
    assert told["status"] == "Succeeded", ((tmp_path / "log").read_text(), told)
    assert (tmp_path / "web/index.html").read_text() == "here" and (tmp_path / "ran").read_text() == "app.tgz\n"
    assert api.get_deployment_target(deploymentId=id_, targetId="box")["deploymentTarget"]["instanceTarget"]["targetArn"].startswith(f"arn:aws:codedeploy:us-east-1:{cloud.account}:instance:box_")


def ask(cloud, operation, person=None, **members):
    """The command service, asked by hand."""
    import urllib.error
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    name = "codedeploy-commands-secure.us-east-1.amazonaws.com"
    asked = AWSRequest("POST", f"https://{name}/", data=json.dumps(members).encode(), headers={"X-Amz-Target": f"CodeDeployCommandService_v20141006.{operation}", "Host": name})
    if person is not None:
        SigV4Auth(Credentials(person.key, person.secret), "codedeploy-commands-secure", "us-east-1").add_auth(asked)
    try:
        with urllib.request.urlopen(urllib.request.Request(cloud.url, data=asked.data, headers=dict(asked.headers), method="POST")) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_only_agents_of_registered_machines_and_instances_are_served(cloud, box):
    _, user = box
    stranger = Person(cloud, "stranger", allow("*"))
    assert ask(cloud, "PollHostCommand", stranger)[1]["__type"] == "AccessDeniedException"
    assert ask(cloud, "PollHostCommand")[1]["__type"] == "AccessDeniedException"
    assert ask(cloud, "Dance", user)[1]["__type"] == "UnknownOperationException"
    assert ask(cloud, "PutHostCommandComplete", user, HostCommandIdentifier="none", CommandStatus="Succeeded")[1]["__type"] == "HostCommandNotFoundException"
    assert ask(cloud, "GetDeploymentSpecification", user, DeploymentExecutionId="d-AAAAAAAAA")[1]["__type"] == "DeploymentExecutionNotFoundException"


def test_the_service_speaks_cbor_as_well_as_json(cloud):
    import urllib.request

    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    url = f"{cloud.url}/service/CodeDeploy_20141006/operation/CreateApplication"
    asked = AWSRequest("POST", url, data=cbor.dumps({"applicationName": "spoken"}), headers={"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor", "accept": "application/cbor"})
    SigV4Auth(Credentials(cloud.account, "test"), "codedeploy", "us-east-1").add_auth(asked)
    with urllib.request.urlopen(urllib.request.Request(url, data=asked.data, headers=dict(asked.headers), method="POST")) as answer:
        made = cbor.loads(answer.read())["applicationId"]
    assert cloud.client("codedeploy").get_application(applicationName="spoken")["application"]["applicationId"] == made
    refused("ApplicationAlreadyExistsException", cloud.client("codedeploy").create_application, applicationName="spoken")
