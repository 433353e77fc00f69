"""What tests of machines share: instances with the agent in them, bundles in a bucket, and a group that they belong to."""
import io
import json
import tarfile
import zipfile

from cloche.testing.people import allow, document, trusting
from tests.services.ssm.machines import AL2023, result, send

from .shifting import until

SPEC = """version: 0.0
os: linux
files:
  - source: /web
    destination: /srv/web
permissions:
  - object: /srv/web
    pattern: "*.sh"
    owner: ec2-user
    mode: "750"
    type: [file]
hooks:
"""
STEPS = ("ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
NOTE = "#!/bin/sh\necho $LIFECYCLE_EVENT {word} $DEPLOYMENT_ID $APPLICATION_NAME $DEPLOYMENT_GROUP_NAME >> /var/log/events\necho said $LIFECYCLE_EVENT\n"


def bundle(word, kind="zip", spec=SPEC, steps=STEPS, more=(), **scripts):
    """A revision whose scripts write down that they ran; `scripts` replaces some by text of their own."""
    hooks = "".join(f"  {event}:\n    - location: scripts/{event}.sh\n      timeout: 60\n      runas: root\n" for event in steps)
    files = {"appspec.yml": spec + hooks, "web/index.html": word, "web/bin/run.sh": "#!/bin/sh\n", **dict(more)} | {
        f"scripts/{event}.sh": scripts.get(event) or NOTE.format(word=word) for event in steps}
    data = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(data, "w") as archive:
            for path, text in files.items():
                archive.writestr(zipfile.ZipInfo(path), text)   # of no date: the same revision is the same bundle
    else:
        with tarfile.open(fileobj=data, mode="w:gz" if kind == "tgz" else "w") as archive:
            for path, text in files.items():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(text.encode()), 0o755
                archive.addfile(entry, io.BytesIO(text.encode()))
    return data.getvalue()


class Machines:
    def __init__(self, cloud, role="AWSCodeDeployRole", s3=("s3:GetObject", "s3:GetObjectVersion")):
        self.cloud, self.api, self.ec2, self.s3, self.iam = cloud, cloud.client("codedeploy"), cloud.client("ec2"), cloud.client("s3"), cloud.client("iam")
        self.iam.create_role(RoleName="machine", AssumeRolePolicyDocument=trusting({"Service": "ec2.amazonaws.com"}))
        self.iam.put_role_policy(RoleName="machine", PolicyName="p", PolicyDocument=document(allow(list(s3))))
        self.iam.create_instance_profile(InstanceProfileName="machine")
        self.iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
        self.role = self.iam.create_role(RoleName="deploys", AssumeRolePolicyDocument=trusting({"Service": "codedeploy.amazonaws.com"}))["Role"]["Arn"]
        self.iam.attach_role_policy(RoleName="deploys", PolicyArn=f"arn:aws:iam::aws:policy/service-role/{role}")
        self.s3.create_bucket(Bucket=f"revisions-{cloud.account}")
        self.api.create_application(applicationName="app")
        self.ids = []

    def launch(self, count=1, agent=True, **more):
        made = self.ec2.run_instances(ImageId=AL2023, InstanceType="t3.micro", MinCount=count, MaxCount=count, IamInstanceProfile={"Name": "machine"},
                                      TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "app", "Value": "x"}]}], **more)["Instances"]
        ids = [one["InstanceId"] for one in made]
        self.ids += ids
        until(lambda: all(one["State"]["Name"] == "running" for r in self.ec2.describe_instances(InstanceIds=ids)["Reservations"] for one in r["Instances"]))
        if agent:
            command = send(self.cloud, ids, document="AWS-ConfigureAWSPackage", parameters={"action": ["Install"], "name": ["AWSCodeDeployAgent"]})
            assert command["Status"] == "Success", result(self.cloud, command, ids[0])
        return ids

    def group(self, name="dg", config="CodeDeployDefault.AllAtOnce", **more):
        return self.api.create_deployment_group(**{"applicationName": "app", "deploymentGroupName": name, "serviceRoleArn": self.role, "deploymentConfigName": config,
                                                   "ec2TagFilters": [{"Key": "app", "Value": "x", "Type": "KEY_AND_VALUE"}], **more})["deploymentGroupId"]

    def revision(self, data, kind="zip", key=None):
        key = key or f"app.{kind}"
        tag = self.s3.put_object(Bucket=f"revisions-{self.cloud.account}", Key=key, Body=data)["ETag"]
        return {"revisionType": "S3", "s3Location": {"bucket": f"revisions-{self.cloud.account}", "key": key, "bundleType": kind, "eTag": tag.strip('"')}}

    def deploy(self, data, group="dg", kind="zip", key=None, **more):
        return self.api.create_deployment(applicationName="app", deploymentGroupName=group, revision=self.revision(data, kind, key), **more)["deploymentId"]

    def info(self, id_):
        return self.api.get_deployment(deploymentId=id_)["deploymentInfo"]

    def over(self, id_, status=None, seconds=60):
        found = until(lambda: (now := self.info(id_))["status"] in ("Succeeded", "Failed", "Stopped") and now, seconds)
        assert status in (None, found["status"]), (found, self.targets(id_))
        return found

    def targets(self, id_):
        return {name: self.api.get_deployment_target(deploymentId=id_, targetId=name)["deploymentTarget"]["instanceTarget"] for name in self.api.list_deployment_targets(deploymentId=id_)["targetIds"]}

    def events(self, id_, target):
        return [(one["lifecycleEventName"], one["status"]) for one in self.targets(id_)[target]["lifecycleEvents"]]

    def run(self, id_, command):
        return result(self.cloud, send(self.cloud, [id_], command), id_)["StandardOutputContent"]

    def close(self):
        if self.ids:
            self.ec2.terminate_instances(InstanceIds=self.ids)


__all__ = ["NOTE", "SPEC", "STEPS", "Machines", "bundle", "json", "until"]
