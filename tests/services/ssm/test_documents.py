"""Documents: versions, one of which is the default; Amazon's own; shared ones."""
import json

import pytest
import yaml

from cloche.testing.people import refused

CONTENT = {"schemaVersion": "2.2", "description": "says it", "parameters": {"word": {"type": "String", "default": "a", "description": "what"}},
           "mainSteps": [{"name": "say", "action": "aws:runShellScript", "inputs": {"runCommand": ["echo {{ word }}"]}}]}


def content(**more):
    return json.dumps({**CONTENT, **more})


def test_a_document_is_made_described_and_read(cloud):
    ssm = cloud.client("ssm")
    made = ssm.create_document(Name="Say", Content=content(), DocumentType="Command", VersionName="one", Tags=[{"Key": "a", "Value": "b"}])["DocumentDescription"]
    assert made["Status"] == "Creating" and made["DocumentVersion"] == made["DefaultVersion"] == made["LatestVersion"] == "1" and made["HashType"] == "Sha256"
    about = ssm.describe_document(Name="Say")["Document"]
    assert about["Status"] == "Active" and about["Owner"] == cloud.account and about["SchemaVersion"] == "2.2" and about["Description"] == "says it"
    assert about["Parameters"] == [{"Name": "word", "Type": "String", "Description": "what", "DefaultValue": "a"}]
    got = ssm.get_document(Name="Say")
    assert json.loads(got["Content"]) == CONTENT and got["VersionName"] == "one" and got["DocumentFormat"] == "JSON"
    assert yaml.safe_load(ssm.get_document(Name="Say", DocumentFormat="YAML")["Content"]) == CONTENT
    refused("DocumentAlreadyExists", ssm.create_document, Name="Say", Content=content())


def test_an_update_is_a_version_and_the_default_stays(cloud):
    ssm = cloud.client("ssm")
    ssm.create_document(Name="Say", Content=content())
    refused("DuplicateDocumentContent", ssm.update_document, Name="Say", Content=content(), DocumentVersion="$LATEST")
    refused("InvalidDocumentVersion", ssm.update_document, Name="Say", Content=content(description="x"), DocumentVersion="5")
    second = ssm.update_document(Name="Say", Content=content(description="second"), DocumentVersion="$LATEST", VersionName="two")["DocumentDescription"]
    assert (second["DocumentVersion"], second["DefaultVersion"], second["LatestVersion"]) == ("2", "1", "2")
    refused("DuplicateDocumentVersionName", ssm.update_document, Name="Say", Content=content(description="third"), VersionName="two")
    assert ssm.describe_document(Name="Say")["Document"]["Description"] == "says it"
    assert ssm.describe_document(Name="Say", DocumentVersion="$LATEST")["Document"]["Description"] == ssm.describe_document(Name="Say", VersionName="two")["Document"]["Description"] == "second"
    changed = ssm.update_document_default_version(Name="Say", DocumentVersion="2")["Description"]
    assert changed == {"Name": "Say", "DefaultVersion": "2", "DefaultVersionName": "two"}
    rows = ssm.list_document_versions(Name="Say")["DocumentVersions"]
    assert [(row["DocumentVersion"], row["IsDefaultVersion"]) for row in rows] == [("2", True), ("1", False)]
    refused("InvalidDocumentOperation", ssm.delete_document, Name="Say", DocumentVersion="2")
    ssm.delete_document(Name="Say", DocumentVersion="1")
    refused("InvalidDocumentVersion", ssm.get_document, Name="Say", DocumentVersion="1")
    ssm.delete_document(Name="Say")
    refused("InvalidDocument", ssm.get_document, Name="Say")


@pytest.mark.parametrize("text, code", [
    ("{", "InvalidDocumentContent"), ("[]", "InvalidDocumentContent"), (content(schemaVersion="9"), "InvalidDocumentSchemaVersion"), (content(mainSteps=[]), "InvalidDocumentContent"),
    (content(mainSteps=CONTENT["mainSteps"] * 2), "InvalidDocumentContent"), (content(parameters={}), "InvalidDocumentContent"),
    (content(mainSteps=[{"name": "a b", "action": "aws:runShellScript"}]), "InvalidDocumentContent"), (content(mainSteps=[{"name": "a", "action": "run"}]), "InvalidDocumentContent"),
    (content(parameters={"word": {"type": "Text"}}), "InvalidDocumentContent"), (content(description="x" * 70000), "MaxDocumentSizeExceeded"),
])
def test_content_that_is_no_document_is_refused(cloud, text, code):
    refused(code, cloud.client("ssm").create_document, Name="Bad", Content=text)


def test_yaml_is_understood(cloud):
    ssm = cloud.client("ssm")
    ssm.create_document(Name="Say", Content=yaml.safe_dump(CONTENT), DocumentFormat="YAML")
    assert ssm.describe_document(Name="Say")["Document"]["Parameters"][0]["Name"] == "word"
    refused("InvalidDocumentContent", ssm.create_document, Name="Bad", Content="a: [", DocumentFormat="YAML")


def test_names_that_are_amazons_are_refused_and_its_documents_cannot_be_changed(cloud):
    ssm = cloud.client("ssm")
    refused("ValidationException", ssm.create_document, Name="AWS-Mine", Content=content())
    assert ssm.describe_document(Name="AWS-RunShellScript")["Document"]["Owner"] == "Amazon"
    refused("InvalidDocument", ssm.update_document, Name="AWS-RunShellScript", Content=content())
    refused("InvalidDocument", ssm.delete_document, Name="AWS-RunShellScript")


def test_documents_are_listed_by_owner_name_and_type(cloud):
    ssm = cloud.client("ssm")
    ssm.create_document(Name="Say", Content=content(), Tags=[{"Key": "a", "Value": "b"}])
    session = {"schemaVersion": "1.0", "sessionType": "InteractiveCommands", "properties": {"linux": {"commands": "top"}}}
    ssm.create_document(Name="Top", Content=json.dumps(session), DocumentType="Session")

    def names(*filters):
        return [one["Name"] for one in ssm.list_documents(Filters=[{"Key": k, "Values": v} for k, v in filters])["DocumentIdentifiers"]]
    assert names(("Owner", ["Self"])) == ["Say", "Top"] and names(("Owner", ["Self"]), ("DocumentType", ["Session"])) == ["Top"]
    assert names(("Name", ["AWS-RunSh"])) == ["AWS-RunShellScript"] and names(("tag:a", ["b"])) == ["Say"] and "AWS-RunShellScript" in names(("Owner", ["Amazon"]))
    first = ssm.list_documents(MaxResults=1)
    assert first["DocumentIdentifiers"] != ssm.list_documents(MaxResults=1, NextToken=first["NextToken"])["DocumentIdentifiers"]
    refused("InvalidDocumentSchemaVersion", ssm.create_document, Name="Bad", Content=json.dumps({**session, "schemaVersion": "2.2"}), DocumentType="Session")


def test_a_document_is_shared_with_an_account(cloud):
    ssm, other = cloud.client("ssm"), cloud.other()
    ssm.create_document(Name="Say", Content=content())
    arn = f"arn:aws:ssm:us-east-1:{cloud.account}:document/Say"
    refused("AccessDeniedException", other.client("ssm").get_document, Name=arn)
    ssm.modify_document_permission(Name="Say", PermissionType="Share", AccountIdsToAdd=[other.account])
    assert ssm.describe_document_permission(Name="Say", PermissionType="Share")["AccountIds"] == [other.account]
    assert json.loads(other.client("ssm").get_document(Name=arn)["Content"]) == CONTENT
    refused("InvalidDocumentOperation", ssm.delete_document, Name="Say")
    ssm.modify_document_permission(Name="Say", PermissionType="Share", AccountIdsToRemove=[other.account])
    refused("AccessDeniedException", other.client("ssm").get_document, Name=arn)
    ssm.delete_document(Name="Say")


def test_documents_have_tags(cloud):
    ssm = cloud.client("ssm")
    ssm.create_document(Name="Say", Content=content())
    ssm.add_tags_to_resource(ResourceType="Document", ResourceId="Say", Tags=[{"Key": "a", "Value": "b"}])
    assert ssm.list_tags_for_resource(ResourceType="Document", ResourceId="Say")["TagList"] == [{"Key": "a", "Value": "b"}]
    ssm.remove_tags_from_resource(ResourceType="Document", ResourceId="Say", TagKeys=["a"])
    assert ssm.list_tags_for_resource(ResourceType="Document", ResourceId="Say")["TagList"] == []
