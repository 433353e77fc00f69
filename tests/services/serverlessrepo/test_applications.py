"""The Serverless Application Repository: applications published in versions, shared, and deployed as stacks."""
import io
import json
import zipfile

import pytest

from cloche.testing.people import Person, allow, refused

ANSWER = "def handler(event, context): return {'said': 'from the repository'}"
INLINE = {"Transform": "AWS::Serverless-2016-10-31", "Parameters": {"Word": {"Type": "String", "Default": "x", "Description": "what", "AllowedValues": ["x", "y"], "MaxLength": 5}},
          "Resources": {"Fn": {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.11", "Handler": "index.handler", "InlineCode": ANSWER, "Environment": {"Variables": {"WORD": {"Ref": "Word"}}}}}},
          "Outputs": {"Fn": {"Value": {"Ref": "Fn"}}, "Word": {"Value": {"Ref": "Word"}}}}


def zipped(text=ANSWER):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("index.py", text)
    return out.getvalue()


def publish(cloud, name="hello", version="1.0.0", template=INLINE, **more):
    return cloud.client("serverlessrepo").create_application(Name=name, Author="somebody", Description="says hello", SemanticVersion=version, TemplateBody=json.dumps(template), **more)


def readable(cloud, bucket):
    """A bucket that the repository may read, as the documentation asks for."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "serverlessrepo.amazonaws.com"}, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*",
         "Condition": {"StringEquals": {"aws:SourceAccount": cloud.account}}}]}))


def execute(cloud, made):
    cfn = cloud.client("cloudformation")
    cfn.get_waiter("change_set_create_complete").wait(ChangeSetName=made["ChangeSetId"])
    cfn.execute_change_set(ChangeSetName=made["ChangeSetId"])
    shown = cfn.describe_stacks(StackName=made["StackId"])["Stacks"][0]
    return shown["StackStatus"], {x["OutputKey"]: x["OutputValue"] for x in shown.get("Outputs", [])}, shown


def test_an_application_is_published_described_and_listed(cloud):
    client = cloud.client("serverlessrepo")
    made = publish(cloud, Labels=["a", "b"], HomePageUrl="https://example.org", SpdxLicenseId="MIT", LicenseBody="do what you like", ReadmeBody="# hello", SourceCodeUrl="https://example.org/src")
    arn = f"arn:aws:serverlessrepo:us-east-1:{cloud.account}:applications/hello"
    assert made["ApplicationId"] == arn and made["Labels"] == ["a", "b"] and made["IsVerifiedAuthor"] is False
    version = made["Version"]
    assert (version["SemanticVersion"], version["RequiredCapabilities"], version["SourceCodeUrl"], version["ResourcesSupported"]) == ("1.0.0", ["CAPABILITY_IAM"], "https://example.org/src", True)
    assert version["ParameterDefinitions"] == [{"Name": "Word", "Type": "String", "DefaultValue": "x", "Description": "what", "AllowedValues": ["x", "y"], "MaxLength": 5, "ReferencedByResources": ["Fn"]}]
    shown = client.get_application(ApplicationId=arn)
    assert {k: v for k, v in shown.items() if k != "ResponseMetadata"} == {k: v for k, v in made.items() if k != "ResponseMetadata"}
    bucket, key = shown["ReadmeUrl"].removeprefix("https://").split("/", 1)
    assert cloud.client("s3").get_object(Bucket=bucket.split(".")[0], Key=key)["Body"].read() == b"# hello"
    publish(cloud, "another")
    assert [x["Name"] for x in client.list_applications()["Applications"]] == ["another", "hello"]
    page = client.list_applications(MaxItems=1)
    assert [x["Name"] for x in client.list_applications(MaxItems=1, NextToken=page["NextToken"])["Applications"]] == ["hello"]
    assert refused("ConflictException", publish, cloud) == f"Application with id {arn} already exists"
    changed = client.update_application(ApplicationId=arn, Description="new", Labels=["c"])
    assert (changed["Description"], changed["Labels"], changed["Author"]) == ("new", ["c"], "somebody")
    client.delete_application(ApplicationId=arn)
    refused("NotFoundException", client.get_application, ApplicationId=arn)
    refused("NotFoundException", client.delete_application, ApplicationId=arn)


def test_the_latest_version_is_the_latest_by_its_meaning(cloud):
    client = cloud.client("serverlessrepo")
    arn = publish(cloud, version="1.9.0")["ApplicationId"]
    for version in ("1.10.0-rc.2", "1.10.0-rc.10", "1.2.0"):
        made = client.create_application_version(ApplicationId=arn, SemanticVersion=version, TemplateBody=json.dumps(INLINE))
        assert made["SemanticVersion"] == version
    assert client.get_application(ApplicationId=arn)["Version"]["SemanticVersion"] == "1.10.0-rc.10"
    assert [x["SemanticVersion"] for x in client.list_application_versions(ApplicationId=arn)["Versions"]] == ["1.10.0-rc.10", "1.10.0-rc.2", "1.9.0", "1.2.0"]
    assert client.get_application(ApplicationId=arn, SemanticVersion="1.2.0")["Version"]["SemanticVersion"] == "1.2.0"
    refused("NotFoundException", client.get_application, ApplicationId=arn, SemanticVersion="3.0.0")
    refused("ConflictException", client.create_application_version, ApplicationId=arn, SemanticVersion="1.2.0", TemplateBody=json.dumps(INLINE))


@pytest.mark.parametrize("wrong", [{"Name": "no_underscore"}, {"Author": "Big"}, {"SemanticVersion": "1.0"}, {"SemanticVersion": "01.0.0"}, {"TemplateBody": "Resources: {"}, {"TemplateBody": "{}"},
                                   {"Labels": ["x"] * 11}, {"Labels": ["with space"]}, {"LicenseBody": "x", "LicenseUrl": "s3://b/k"}, {"TemplateUrl": "s3://b/k"},
                                   {"TemplateBody": json.dumps({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"Nonsense": 1}}}})}])
def test_what_cannot_be_published_is_a_bad_request(cloud, wrong):
    given = {"Name": "x", "Author": "somebody", "Description": "d", "SemanticVersion": "1.0.0", "TemplateBody": json.dumps(INLINE)} | wrong
    refused("BadRequestException", cloud.client("serverlessrepo").create_application, **given)
    assert cloud.client("serverlessrepo").list_applications()["Applications"] == []


def test_the_repository_copies_what_it_may_read(cloud):
    client, s3 = cloud.client("serverlessrepo"), cloud.client("s3")
    closed, bucket = f"closed-{cloud.account}", f"open-{cloud.account}"
    s3.create_bucket(Bucket=closed)
    s3.put_object(Bucket=closed, Key="code.zip", Body=zipped())
    readable(cloud, bucket)
    s3.put_object(Bucket=bucket, Key="code.zip", Body=zipped())

    def template(uri):
        return {"Transform": "AWS::Serverless-2016-10-31", "Outputs": {"Fn": {"Value": {"Ref": "Fn"}}}, "Resources": {"Fn": {"Type": "AWS::Serverless::Function", "Properties": {
            "Runtime": "python3.11", "Handler": "index.handler", "CodeUri": uri}}}}

    assert refused("BadRequestException", publish, cloud, template=template(f"s3://{closed}/code.zip")) == f"Failed to copy S3 object. Access denied: bucket={closed}, key=code.zip"
    assert "Invalid S3 URI" in refused("BadRequestException", publish, cloud, template=template("./src"))
    arn = publish(cloud, template=template(f"s3://{bucket}/code.zip"))["ApplicationId"]
    s3.delete_object(Bucket=bucket, Key="code.zip")  # the copy is the repository's
    made = client.create_cloud_formation_change_set(ApplicationId=arn, StackName="copied", Capabilities=["CAPABILITY_IAM"])
    state, outputs, _ = execute(cloud, made)
    assert state == "CREATE_COMPLETE"
    assert json.loads(cloud.client("lambda").invoke(FunctionName=outputs["Fn"])["Payload"].read()) == {"said": "from the repository"}


def test_a_change_set_deploys_an_application_as_a_stack_of_its_own_prefix(cloud):
    client = cloud.client("serverlessrepo")
    arn = publish(cloud)["ApplicationId"]
    asked = {"ApplicationId": arn, "StackName": "mine", "ParameterOverrides": [{"Name": "Word", "Value": "y"}]}
    assert refused("BadRequestException", client.create_cloud_formation_change_set, **asked) == "Requires capabilities : [CAPABILITY_IAM]"
    made = client.create_cloud_formation_change_set(**asked, Capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"], ChangeSetName="first")
    assert (made["ApplicationId"], made["SemanticVersion"]) == (arn, "1.0.0") and ":changeSet/first/" in made["ChangeSetId"]
    state, outputs, stack = execute(cloud, made)
    assert (state, stack["StackName"], outputs["Word"]) == ("CREATE_COMPLETE", "serverlessrepo-mine", "y")
    assert {(x["Key"], x["Value"]) for x in stack["Tags"]} == {("serverlessrepo:applicationId", arn), ("serverlessrepo:semanticVersion", "1.0.0")}
    client.create_application_version(ApplicationId=arn, SemanticVersion="1.1.0", TemplateBody=json.dumps(INLINE).replace("from the", "out of the"))
    again = client.create_cloud_formation_change_set(ApplicationId=arn, StackName="mine", Capabilities=["CAPABILITY_NAMED_IAM"])
    assert again["StackId"] == made["StackId"] and again["SemanticVersion"] == "1.1.0"
    assert execute(cloud, again)[0] == "UPDATE_COMPLETE"


def test_a_template_made_for_a_deployment_expires_after_an_hour(cloud):
    client = cloud.client("serverlessrepo")
    arn = publish(cloud)["ApplicationId"]
    made = client.create_cloud_formation_template(ApplicationId=arn)
    assert (made["Status"], made["SemanticVersion"]) == ("ACTIVE", "1.0.0") and made["TemplateUrl"].startswith("https://")
    cfn = cloud.client("cloudformation")
    assert cfn.get_template_summary(TemplateURL=made["TemplateUrl"])["DeclaredTransforms"] == ["AWS::Serverless-2016-10-31"]
    assert client.create_cloud_formation_change_set(ApplicationId=arn, StackName="t", TemplateId=made["TemplateId"], Capabilities=["CAPABILITY_IAM"])["SemanticVersion"] == "1.0.0"
    cloud.advance(minutes=61)
    assert client.get_cloud_formation_template(ApplicationId=arn, TemplateId=made["TemplateId"])["Status"] == "EXPIRED"
    refused("BadRequestException", client.create_cloud_formation_change_set, ApplicationId=arn, StackName="t", TemplateId=made["TemplateId"], Capabilities=["CAPABILITY_IAM"])
    refused("NotFoundException", client.get_cloud_formation_template, ApplicationId=arn, TemplateId="12345678-1234-1234-1234-123456789012")


def test_an_application_is_nobody_elses_until_it_is_shared(cloud):
    client, other = cloud.client("serverlessrepo"), cloud.other()
    theirs = other.client("serverlessrepo")
    arn = publish(cloud)["ApplicationId"]
    refused("AccessDeniedException", theirs.get_application, ApplicationId=arn)
    assert client.get_application_policy(ApplicationId=arn)["Statements"] == []
    put = client.put_application_policy(ApplicationId=arn, Statements=[{"StatementId": "one", "Actions": ["Deploy"], "Principals": [other.account]}])
    assert put["Statements"] == client.get_application_policy(ApplicationId=arn)["Statements"] == [{"StatementId": "one", "Actions": ["Deploy"], "Principals": [other.account]}]
    assert theirs.get_application(ApplicationId=arn)["Name"] == "hello" and len(theirs.list_application_versions(ApplicationId=arn)["Versions"]) == 1
    made = theirs.create_cloud_formation_change_set(ApplicationId=arn, StackName="theirs", Capabilities=["CAPABILITY_IAM"])
    assert f":{other.account}:" in made["StackId"] and execute(other, made)[0] == "CREATE_COMPLETE"
    refused("AccessDeniedException", theirs.update_application, ApplicationId=arn, Description="mine now")
    refused("AccessDeniedException", theirs.delete_application, ApplicationId=arn)
    public = [{"Actions": ["Deploy"], "Principals": ["*"]}]
    refused("BadRequestException", client.put_application_policy, ApplicationId=arn, Statements=public)  # no license
    refused("BadRequestException", client.put_application_policy, ApplicationId=arn, Statements=[{"Actions": ["Dance"], "Principals": [other.account]}])
    refused("BadRequestException", client.put_application_policy, ApplicationId=arn, Statements=[{"Actions": ["Deploy"], "Principals": ["me"]}])
    client.put_application_policy(ApplicationId=arn, Statements=[])
    refused("AccessDeniedException", theirs.get_application, ApplicationId=arn)
    free = publish(cloud, "free", SpdxLicenseId="MIT", LicenseBody="x")["ApplicationId"]
    client.put_application_policy(ApplicationId=free, Statements=public)
    assert theirs.get_application(ApplicationId=free)["Name"] == "free"


def test_an_organization_is_shared_with_and_unshared(cloud):
    client = cloud.client("serverlessrepo")
    arn = publish(cloud)["ApplicationId"]
    organization = cloud.client("organizations").create_organization()["Organization"]["Id"]
    client.put_application_policy(ApplicationId=arn, Statements=[{"StatementId": "org", "Actions": ["Deploy", "UnshareApplication"], "Principals": ["*"], "PrincipalOrgIDs": [organization]}])
    refused("AccessDeniedException", cloud.other().client("serverlessrepo").get_application, ApplicationId=arn)
    client.unshare_application(ApplicationId=arn, OrganizationId=organization)
    assert client.get_application_policy(ApplicationId=arn)["Statements"] == []
    refused("BadRequestException", client.unshare_application, ApplicationId=arn, OrganizationId=organization)


def test_an_application_may_be_a_resource_of_another(cloud):
    client, cfn = cloud.client("serverlessrepo"), cloud.client("cloudformation")
    arn = publish(cloud)["ApplicationId"]
    outer = {"Transform": "AWS::Serverless-2016-10-31", "Outputs": {"Fn": {"Value": {"Fn::GetAtt": ["App", "Outputs.Fn"]}}, "Word": {"Value": {"Fn::GetAtt": ["App", "Outputs.Word"]}}}, "Resources": {
        "App": {"Type": "AWS::Serverless::Application", "Properties": {"Location": {"ApplicationId": arn, "SemanticVersion": "1.0.0"}, "Parameters": {"Word": "y"}}}}}
    both = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    cfn.create_stack(StackName="outer", TemplateBody=json.dumps(outer), Capabilities=both)
    shown = cfn.describe_stacks(StackName="outer")["Stacks"][0]
    outputs = {x["OutputKey"]: x["OutputValue"] for x in shown["Outputs"]}
    assert shown["StackStatus"] == "CREATE_COMPLETE" and outputs["Word"] == "y"
    assert json.loads(cloud.client("lambda").invoke(FunctionName=outputs["Fn"])["Payload"].read()) == {"said": "from the repository"}
    nested = publish(cloud, "nesting", template=outer)
    assert "CAPABILITY_AUTO_EXPAND" in nested["Version"]["RequiredCapabilities"]
    assert client.list_application_dependencies(ApplicationId=nested["ApplicationId"])["Dependencies"] == [{"ApplicationId": arn, "SemanticVersion": "1.0.0"}]
    missing = json.dumps(outer).replace("1.0.0", "9.0.0")
    cfn.create_change_set(StackName="none", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=missing, Capabilities=both)
    said = cfn.describe_change_set(StackName="none", ChangeSetName="x")
    assert said["Status"] == "FAILED" and "No version 9.0.0 of application" in said["StatusReason"]


def test_what_may_be_asked_is_what_is_permitted(cloud):
    person = Person(cloud, "reader", allow("serverlessrepo:GetApplication", f"arn:aws:serverlessrepo:us-east-1:{cloud.account}:applications/hello"))
    arn = publish(cloud)["ApplicationId"]
    theirs = person.client("serverlessrepo")
    assert theirs.get_application(ApplicationId=arn)["Name"] == "hello"
    refused("AccessDeniedException", theirs.list_applications)
    refused("AccessDeniedException", theirs.create_cloud_formation_template, ApplicationId=arn)
