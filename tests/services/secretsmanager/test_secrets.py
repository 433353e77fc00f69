"""Secrets through boto3: their life, versions, lists, policies, keys and replicas."""
from __future__ import annotations

import json
import re
import string
import uuid

import pytest

from cloche.testing.people import Person, allow, document, refused


@pytest.fixture
def api(cloud):
    return cloud.client("secretsmanager")


def make(api, name="s", value="one", **more):
    return api.create_secret(Name=name, SecretString=value, **more)


def value(api, name="s", **more):
    return api.get_secret_value(SecretId=name, **more)["SecretString"]


class TestLife:
    def test_a_secret_is_made_and_read(self, api, cloud):
        made = make(api, Description="d", Tags=[{"Key": "k", "Value": "v"}])
        assert re.fullmatch(rf"arn:aws:secretsmanager:us-east-1:{cloud.account}:secret:s-[A-Za-z0-9]{{6}}", made["ARN"])
        found = api.get_secret_value(SecretId="s")
        assert (found["SecretString"], found["VersionId"], found["VersionStages"]) == ("one", made["VersionId"], ["AWSCURRENT"])
        told = api.describe_secret(SecretId="s")
        assert (told["Description"], told["Tags"], told["VersionIdsToStages"]) == ("d", [{"Key": "k", "Value": "v"}], {made["VersionId"]: ["AWSCURRENT"]})
        assert "KmsKeyId" not in told and "RotationEnabled" not in told and "DeletedDate" not in told and told["LastAccessedDate"] <= told["CreatedDate"]

    def test_a_secret_may_be_bytes(self, api):
        api.create_secret(Name="b", SecretBinary=b"\x00\xff")
        found = api.get_secret_value(SecretId="b")
        assert found["SecretBinary"] == b"\x00\xff" and "SecretString" not in found
        assert refused("InvalidParameterException", api.create_secret, Name="c", SecretBinary=b"x", SecretString="x").startswith("You can't specify both")

    def test_a_secret_is_found_by_name_by_arn_and_by_arn_without_its_letters(self, api):
        arn = make(api, "a/b-c")["ARN"]
        assert value(api, "a/b-c") == value(api, arn) == value(api, arn[:-7]) == "one"
        assert refused("ResourceNotFoundException", value, api, "a/b") == "Secrets Manager can't find the specified secret."
        refused("ResourceNotFoundException", value, api, arn[:-6] + "AAAAAA")

    def test_a_secret_without_a_value_has_none(self, api):
        made = api.create_secret(Name="s")
        assert "VersionId" not in made
        assert refused("ResourceNotFoundException", value, api) == "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT"

    def test_names_are_unique_and_the_same_request_is_the_same_secret(self, api):
        token = str(uuid.uuid4())
        made = make(api, ClientRequestToken=token)
        assert make(api, ClientRequestToken=token)["ARN"] == made["ARN"]
        assert refused("ResourceExistsException", make, api) == "The operation failed because the secret s already exists."
        refused("ResourceExistsException", make, api, value="two", ClientRequestToken=token)
        assert refused("ValidationException", make, api, "a b").startswith("Invalid name.")

    def test_a_deleted_secret_waits_and_may_be_restored(self, api, cloud):
        made = make(api)
        gone = api.delete_secret(SecretId="s", RecoveryWindowInDays=7)
        assert api.describe_secret(SecretId="s")["DeletedDate"] == gone["DeletionDate"]
        for ask in (value, lambda api: api.put_secret_value(SecretId="s", SecretString="x"), lambda api: api.delete_secret(SecretId="s")):
            assert refused("InvalidRequestException", ask, api) == "You can't perform this operation on the secret because it was marked for deletion."
        assert refused("InvalidRequestException", make, api) == "You can't create this secret because a secret with this name is already scheduled for deletion."
        assert api.list_secrets()["SecretList"] == [] and len(api.list_secrets(IncludePlannedDeletion=True)["SecretList"]) == 1
        api.restore_secret(SecretId="s")
        cloud.advance(days=8)
        assert value(api) == "one"
        api.delete_secret(SecretId="s")
        cloud.advance(days=29)
        assert api.describe_secret(SecretId="s")["ARN"] == made["ARN"]
        cloud.advance(days=1, seconds=1)
        refused("ResourceNotFoundException", api.describe_secret, SecretId="s")
        make(api)

    def test_the_window_is_a_week_to_a_month_or_none(self, api):
        make(api)
        assert refused("InvalidParameterException", api.delete_secret, SecretId="s", RecoveryWindowInDays=6) == "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
        refused("InvalidParameterException", api.delete_secret, SecretId="s", RecoveryWindowInDays=31)
        refused("InvalidParameterException", api.delete_secret, SecretId="s", RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
        api.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        refused("ResourceNotFoundException", api.restore_secret, SecretId="s")
        api.delete_secret(SecretId="s", ForceDeleteWithoutRecovery=True)
        refused("ResourceNotFoundException", api.delete_secret, SecretId="s")
        make(api)

    def test_tags_are_put_and_taken(self, api):
        make(api)
        api.tag_resource(SecretId="s", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        api.untag_resource(SecretId="s", TagKeys=["a"])
        assert api.describe_secret(SecretId="s")["Tags"] == [{"Key": "b", "Value": "2"}]
        refused("InvalidParameterException", api.tag_resource, SecretId="s", Tags=[{"Key": "aws:x", "Value": ""}])


class TestVersions:
    def test_a_new_value_is_current_and_the_old_one_previous(self, api):
        first, second = make(api)["VersionId"], api.put_secret_value(SecretId="s", SecretString="two")
        assert second["VersionStages"] == ["AWSCURRENT"]
        assert (value(api), value(api, VersionStage="AWSPREVIOUS"), value(api, VersionId=first)) == ("two", "one", "one")
        third = api.update_secret(SecretId="s", SecretString="three", Description="now")["VersionId"]
        assert api.describe_secret(SecretId="s")["VersionIdsToStages"] == {third: ["AWSCURRENT"], second["VersionId"]: ["AWSPREVIOUS"]}
        assert [x["VersionId"] for x in api.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"]] == sorted([first, second["VersionId"], third])
        assert first not in [x["VersionId"] for x in api.list_secret_version_ids(SecretId="s")["Versions"]]
        assert value(api, VersionId=first) == "one"
        assert refused("InvalidRequestException", value, api, VersionId=first, VersionStage="AWSCURRENT") == "You provided a VersionStage that is not associated to the provided VersionId."
        absent = str(uuid.uuid4())
        assert absent in refused("ResourceNotFoundException", value, api, VersionId=absent)

    def test_a_token_names_the_version_once(self, api):
        make(api)
        token = str(uuid.uuid4())
        for _ in range(2):
            assert api.put_secret_value(SecretId="s", SecretString="two", ClientRequestToken=token)["VersionId"] == token
        assert token in refused("ResourceExistsException", api.put_secret_value, SecretId="s", SecretString="three", ClientRequestToken=token)
        refused("InvalidRequestException", api.put_secret_value, SecretId="s")

    def test_labels_are_moved(self, api):
        first = make(api)["VersionId"]
        second = api.put_secret_value(SecretId="s", SecretString="two", VersionStages=["next"])["VersionId"]
        assert value(api) == "one" and value(api, VersionStage="next") == "two"
        move = {"SecretId": "s", "VersionStage": "AWSCURRENT", "MoveToVersionId": second}
        assert f"currently attached to version {first}" in refused("InvalidParameterException", api.update_secret_version_stage, **move)
        api.update_secret_version_stage(**move, RemoveFromVersionId=first)
        assert api.describe_secret(SecretId="s")["VersionIdsToStages"] == {first: ["AWSPREVIOUS"], second: ["next", "AWSCURRENT"]}
        api.update_secret_version_stage(SecretId="s", VersionStage="next", RemoveFromVersionId=second)
        refused("ResourceNotFoundException", value, api, VersionStage="next")
        refused("InvalidParameterException", api.update_secret_version_stage, SecretId="s", VersionStage="AWSCURRENT", RemoveFromVersionId=second)

    def test_old_versions_without_labels_are_dropped_beyond_a_hundred(self, api, cloud):
        make(api)
        for i in range(60):
            api.put_secret_value(SecretId="s", SecretString=str(i))
        cloud.advance(days=2)
        for i in range(60):
            api.put_secret_value(SecretId="s", SecretString=str(i))
        found, more = [], {}
        while True:
            page = api.list_secret_version_ids(SecretId="s", IncludeDeprecated=True, MaxResults=40, **more)
            found += page["Versions"]
            if "NextToken" not in page:
                break
            more = {"NextToken": page["NextToken"]}
        assert len(found) == 100 and value(api) == "59"


class TestLists:
    def test_filters_compare_beginnings(self, api):
        make(api, "dev/db", Description="The Database", Tags=[{"Key": "Team", "Value": "Blue"}])
        make(api, "dev/api")
        make(api, "prod/db")

        def names(*filters):
            return sorted(x["Name"] for x in api.list_secrets(Filters=[{"Key": k, "Values": v} for k, *v in filters])["SecretList"])
        assert names(("name", "dev/")) == ["dev/api", "dev/db"] and names(("name", "dev/", "prod")) == ["dev/api", "dev/db", "prod/db"]
        assert names(("name", "!dev/")) == ["prod/db"] and names(("name", "DEV/")) == []
        assert names(("description", "the data")) == ["dev/db"] and names(("tag-key", "Team")) == names(("tag-value", "Blue")) == ["dev/db"]
        assert names(("name", "dev/"), ("tag-key", "team")) == [] and names(("all", "blue")) == ["dev/db"]

    def test_lists_come_in_order_and_pages(self, api):
        for name in "bca":
            make(api, name)
        assert [x["Name"] for x in api.list_secrets(SortBy="name", SortOrder="asc")["SecretList"]] == ["a", "b", "c"]
        page = api.list_secrets(MaxResults=2)
        rest = api.list_secrets(MaxResults=2, NextToken=page["NextToken"])
        assert len(page["SecretList"]) == 2 and len(rest["SecretList"]) == 1 and "NextToken" not in rest
        refused("InvalidNextTokenException", api.list_secrets, NextToken="?")

    def test_many_are_read_at_once(self, api):
        make(api, "a")
        make(api, "b", "two")
        found = api.batch_get_secret_value(SecretIdList=["a", "b", "c"])
        assert [x["SecretString"] for x in found["SecretValues"]] == ["one", "two"]
        assert [(x["SecretId"], x["ErrorCode"]) for x in found["Errors"]] == [("c", "ResourceNotFoundException")]
        assert [x["Name"] for x in api.batch_get_secret_value(Filters=[{"Key": "name", "Values": ["b"]}])["SecretValues"]] == ["b"]
        refused("InvalidParameterException", api.batch_get_secret_value)


class TestPermissions:
    def test_who_may_read_is_up_to_iam(self, api, cloud):
        arn = make(api)["ARN"]
        make(api, "other")
        bob = Person(cloud, "bob", allow("secretsmanager:GetSecretValue", arn)).client("secretsmanager")
        assert value(bob) == "one"
        assert "secretsmanager:GetSecretValue" in refused("AccessDeniedException", value, bob, "other")
        assert "secretsmanager:PutSecretValue" in refused("AccessDeniedException", bob.put_secret_value, SecretId="s", SecretString="x")

    def test_the_right_to_make_secrets_may_end_in_six_letters_nobody_knows(self, cloud):
        bob = Person(cloud, "bob", allow("secretsmanager:*", f"arn:aws:secretsmanager:us-east-1:{cloud.account}:secret:dev/*-??????")).client("secretsmanager")
        make(bob, "dev/x")
        refused("AccessDeniedException", make, bob, "prod/x")

    def test_tags_decide(self, api, cloud):
        make(api, Tags=[{"Key": "team", "Value": "blue"}])
        make(api, "t")
        bob = Person(cloud, "bob", allow("secretsmanager:GetSecretValue", Condition={"StringEquals": {"aws:ResourceTag/team": "blue"}})).client("secretsmanager")
        assert value(bob) == "one"
        refused("AccessDeniedException", value, bob, "t")

    def test_a_batch_tells_what_may_not_be_read(self, api, cloud):
        arn = make(api, "a")["ARN"]
        make(api, "b")
        bob = Person(cloud, "bob", allow("secretsmanager:BatchGetSecretValue"), allow("secretsmanager:GetSecretValue", arn)).client("secretsmanager")
        found = bob.batch_get_secret_value(SecretIdList=["a", "b"])
        assert len(found["SecretValues"]) == 1 and found["Errors"][0]["ErrorCode"] == "AccessDeniedException"

    def test_a_resource_policy_lets_another_account_in_if_the_key_does(self, api, cloud):
        other = cloud.other()
        eve = Person(other, "eve", allow(["secretsmanager:*", "kms:Decrypt"]))
        default = make(api)["ARN"]
        statement = {**allow("secretsmanager:GetSecretValue"), "Principal": {"AWS": eve.arn}}
        refused("AccessDeniedException", value, eve.client("secretsmanager"), default)
        api.put_resource_policy(SecretId="s", ResourcePolicy=document(statement))
        assert "different AWS account" in refused("InvalidRequestException", value, eve.client("secretsmanager"), default)
        root = {**allow("kms:*"), "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}}
        key = cloud.client("kms").create_key(Policy=document(root, {**allow("kms:Decrypt"), "Principal": {"AWS": eve.arn}}))["KeyMetadata"]["Arn"]
        shared = make(api, "shared", "two", KmsKeyId=key)["ARN"]
        api.put_resource_policy(SecretId="shared", ResourcePolicy=document(statement))
        assert value(eve.client("secretsmanager"), shared) == "two"

    def test_policies_are_put_read_validated_and_taken_away(self, api):
        make(api)
        assert "ResourcePolicy" not in api.get_resource_policy(SecretId="s")
        everybody = document({**allow("secretsmanager:*"), "Principal": "*"})
        refused("PublicPolicyException", api.put_resource_policy, SecretId="s", ResourcePolicy=everybody, BlockPublicPolicy=True)
        assert api.validate_resource_policy(ResourcePolicy=everybody)["PolicyValidationPassed"] is False
        some = document({**allow("secretsmanager:GetSecretValue"), "Principal": {"AWS": "123456789012"}})
        assert api.validate_resource_policy(SecretId="s", ResourcePolicy=some)["PolicyValidationPassed"] is True
        api.put_resource_policy(SecretId="s", ResourcePolicy=some)
        assert json.loads(api.get_resource_policy(SecretId="s")["ResourcePolicy"]) == json.loads(some)
        refused("MalformedPolicyDocumentException", api.put_resource_policy, SecretId="s", ResourcePolicy="{")
        refused("MalformedPolicyDocumentException", api.put_resource_policy, SecretId="s", ResourcePolicy=document(allow("secretsmanager:*")))
        api.delete_resource_policy(SecretId="s")
        assert "ResourcePolicy" not in api.get_resource_policy(SecretId="s")

    def test_a_denial_on_the_secret_counts_in_its_own_account(self, api, cloud):
        make(api)
        bob = Person(cloud, "bob", allow("secretsmanager:*"))
        api.put_resource_policy(SecretId="s", ResourcePolicy=document({"Effect": "Deny", "Principal": {"AWS": bob.arn}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}))
        assert "resource-based policy" in refused("AccessDeniedException", value, bob.client("secretsmanager"))


class TestKeys:
    def test_a_key_of_ones_own_is_asked_too(self, api, cloud):
        kms = cloud.client("kms")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        make(api, KmsKeyId=key)
        assert api.describe_secret(SecretId="s")["KmsKeyId"] == key
        bob = Person(cloud, "bob", allow("secretsmanager:*")).client("secretsmanager")
        assert refused("AccessDeniedException", value, bob) == "Access to KMS is not allowed"
        via = {"StringEquals": {"kms:ViaService": "secretsmanager.us-east-1.amazonaws.com"}, "StringLike": {"kms:EncryptionContext:SecretARN": "*:secret:s-??????"}}
        carl = Person(cloud, "carl", allow("secretsmanager:*"), allow("kms:Decrypt", key, Condition=via)).client("secretsmanager")
        assert value(carl) == "one"
        assert refused("AccessDeniedException", carl.put_secret_value, SecretId="s", SecretString="x") == "Access to KMS is not allowed"
        kms.disable_key(KeyId=key)
        refused("DecryptionFailure", value, api)
        refused("EncryptionFailure", api.put_secret_value, SecretId="s", SecretString="x")

    def test_the_service_s_key_opens_for_whoever_may_use_secrets(self, api, cloud):
        make(api)
        assert value(Person(cloud, "bob", allow("secretsmanager:*")).client("secretsmanager")) == "one"
        assert api.list_secret_version_ids(SecretId="s")["Versions"][0]["KmsKeyIds"] == ["DefaultEncryptionKey"]

    def test_another_key_seals_the_labelled_versions_anew(self, api, cloud):
        kms = cloud.client("kms")
        old, new = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
        make(api, KmsKeyId=old)
        api.update_secret(SecretId="s", KmsKeyId=new)
        kms.disable_key(KeyId=old)
        assert value(api) == "one"
        assert api.list_secret_version_ids(SecretId="s")["Versions"][0]["KmsKeyIds"] == [new]


class TestPasswords:
    def test_a_password_has_something_of_everything(self, api):
        made = api.get_random_password(PasswordLength=4)["RandomPassword"]
        assert len(made) == 4 and all(any(x in kind for x in made) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation))
        assert len(api.get_random_password()["RandomPassword"]) == 32

    def test_what_is_excluded_does_not_occur(self, api):
        made = api.get_random_password(PasswordLength=500, ExcludePunctuation=True, ExcludeUppercase=True, ExcludeCharacters="0aeiou", IncludeSpace=True)["RandomPassword"]
        assert not set(made) & set(string.punctuation + string.ascii_uppercase + "0aeiou") and " " in made
        refused("InvalidParameterException", api.get_random_password, PasswordLength=3)
        refused("InvalidParameterException", api.get_random_password, ExcludeLowercase=True, ExcludeUppercase=True, ExcludePunctuation=True, ExcludeNumbers=True)


class TestReplicas:
    def test_a_replica_follows_its_primary(self, api, cloud):
        there = cloud.client("secretsmanager", region="eu-west-1")
        made = make(api, AddReplicaRegions=[{"Region": "eu-west-1"}])
        assert [(x["Region"], x["Status"]) for x in made["ReplicationStatus"]] == [("eu-west-1", "InSync")]
        assert value(there) == "one" and there.describe_secret(SecretId="s")["ARN"] == made["ARN"].replace("us-east-1", "eu-west-1")
        api.put_secret_value(SecretId="s", SecretString="two")
        assert value(there) == "two" and value(there, VersionStage="AWSPREVIOUS") == "one"
        assert there.describe_secret(SecretId="s")["PrimaryRegion"] == "us-east-1"
        assert refused("InvalidRequestException", there.put_secret_value, SecretId="s", SecretString="x").startswith("Operation not permitted on a replica secret")
        refused("InvalidRequestException", api.delete_secret, SecretId="s")
        api.remove_regions_from_replication(SecretId="s", RemoveReplicaRegions=["eu-west-1"])
        refused("ResourceNotFoundException", value, there)
        api.delete_secret(SecretId="s")

    def test_a_replica_may_become_a_secret_of_its_own(self, api, cloud):
        there = cloud.client("secretsmanager", region="eu-west-1")
        make(api)
        make(there, value="mine")
        taken = api.replicate_secret_to_regions(SecretId="s", AddReplicaRegions=[{"Region": "eu-west-1"}])["ReplicationStatus"][0]
        assert taken["Status"] == "Failed" and value(there) == "mine"
        api.remove_regions_from_replication(SecretId="s", RemoveReplicaRegions=["eu-west-1"])
        api.replicate_secret_to_regions(SecretId="s", AddReplicaRegions=[{"Region": "eu-west-1"}], ForceOverwriteReplicaSecret=True)
        assert value(there) == "one"
        there.stop_replication_to_replica(SecretId="s")
        there.put_secret_value(SecretId="s", SecretString="free")
        assert value(api) == "one" and "ReplicationStatus" not in api.describe_secret(SecretId="s")
        refused("InvalidRequestException", there.stop_replication_to_replica, SecretId="s")
        refused("InvalidParameterException", api.replicate_secret_to_regions, SecretId="s", AddReplicaRegions=[{"Region": "us-east-1"}])


class TestNeighbours:
    def test_the_parameter_store_refers_to_secrets(self, api, cloud):
        ssm, name = cloud.client("ssm"), "/aws/reference/secretsmanager/s"
        first = make(api)
        api.put_secret_value(SecretId="s", SecretString="two")
        found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        assert (found["Value"], found["Type"], found["Version"], found["ARN"]) == ("two", "SecureString", 0, first["ARN"])
        assert json.loads(found["SourceResult"])["Name"] == "s"
        assert ssm.get_parameter(Name=f"{name}:AWSPREVIOUS", WithDecryption=True)["Parameter"]["Value"] == "one"
        assert ssm.get_parameter(Name=f"{name}:{first['VersionId']}", WithDecryption=True)["Parameter"]["Value"] == "one"
        assert "WithDecryption" in refused("ValidationException", ssm.get_parameter, Name=name)
        refused("ParameterNotFound", ssm.get_parameter, Name=name + "x", WithDecryption=True)

    def test_a_service_control_policy_for_resources_closes_secrets(self, api, cloud):
        organizations = cloud.client("organizations")
        organizations.create_organization()
        root = organizations.list_roots()["Roots"][0]["Id"]
        organizations.enable_policy_type(RootId=root, PolicyType="RESOURCE_CONTROL_POLICY")
        other = cloud.other()
        asked = organizations.invite_account_to_organization(Target={"Id": other.account, "Type": "ACCOUNT"})["Handshake"]["Id"]
        theirs = other.client("secretsmanager")
        make(theirs)
        other.client("organizations").accept_handshake(HandshakeId=asked)
        assert value(theirs) == "one"
        content = document({"Effect": "Deny", "Principal": "*", "Action": "secretsmanager:GetSecretValue", "Resource": "*"})
        id_ = organizations.create_policy(Name="p", Description="", Type="RESOURCE_CONTROL_POLICY", Content=content)["Policy"]["PolicySummary"]["Id"]
        organizations.attach_policy(PolicyId=id_, TargetId=root)
        assert "resource control policy" in refused("AccessDeniedException", value, theirs)
