"""The parameter store through boto3."""
from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def ssm(cloud):
    return cloud.client("ssm")


def code_of(function, *args, **kw):
    with pytest.raises(ClientError) as error:
        function(*args, **kw)
    return error.value.response["Error"]["Code"]


def put(ssm, name, value="v", type_="String", **more):
    return ssm.put_parameter(Name=name, Value=value, Type=type_, **more)


def value(ssm, name, **more):
    return ssm.get_parameter(Name=name, **more)["Parameter"]["Value"]


class TestPut:
    def test_a_parameter_is_put_once_and_overwritten_on_demand(self, ssm, cloud):
        assert put(ssm, "/a/b")["Version"] == 1
        with pytest.raises(ClientError) as error:
            put(ssm, "/a/b")
        assert error.value.response["Error"]["Message"] == "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
        again = ssm.put_parameter(Name="/a/b", Value="w", Overwrite=True)
        assert (again["Version"], again["Tier"]) == (2, "Standard")
        found = ssm.get_parameter(Name="/a/b")["Parameter"]
        assert (found["Value"], found["Type"], found["DataType"]) == ("w", "String", "text") and found["Version"] == 2
        assert found["ARN"] == f"arn:aws:ssm:us-east-1:{cloud.account}:parameter/a/b"

    @pytest.mark.parametrize(("name", "code"), [
        ("aws/x", "AccessDeniedException"), ("/aws/x", "AccessDeniedException"), ("ssm-x", "ValidationException"), ("a/b", "ValidationException"), ("/a b", "ValidationException"),
        ("/" + "/".join("abcdefghijklmnop"), "HierarchyLevelLimitExceededException"),
    ])
    def test_names_that_are_refused(self, ssm, name, code):
        assert code_of(put, ssm, name) == code

    def test_a_new_parameter_needs_a_type_and_keeps_it(self, ssm):
        assert code_of(ssm.put_parameter, Name="p", Value="v") == "ValidationException"
        put(ssm, "p")
        assert code_of(put, ssm, "p", type_="StringList", Overwrite=True) == "HierarchyTypeMismatchException"

    def test_standard_values_end_at_4096_and_advanced_at_8192(self, ssm):
        assert code_of(put, ssm, "p", "x" * 4097) == "ValidationException"
        assert put(ssm, "p", "x" * 8192, Tier="Advanced")["Tier"] == "Advanced"
        assert code_of(put, ssm, "p", "x" * 8193, Overwrite=True) == "ValidationException"
        assert code_of(put, ssm, "p", "x", Overwrite=True, Tier="Standard") == "ValidationException"
        assert put(ssm, "q", "x" * 4097, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
        assert put(ssm, "r", "x", Tier="Intelligent-Tiering")["Tier"] == "Standard"

    def test_a_value_must_match_the_allowed_pattern(self, ssm):
        assert code_of(put, ssm, "p", "abc", AllowedPattern=r"^\d+$") == "ParameterPatternMismatchException"
        put(ssm, "p", "123", AllowedPattern=r"^\d+$")
        assert code_of(put, ssm, "p", "abc", Overwrite=True) == "ParameterPatternMismatchException"

    def test_tags_and_overwrite_exclude_each_other(self, ssm):
        assert code_of(put, ssm, "p", Overwrite=True, Tags=[{"Key": "a", "Value": "b"}]) == "ValidationException"

    def test_the_oldest_of_a_hundred_versions_goes_unless_it_has_a_label(self, ssm):
        put(ssm, "p")
        for _ in range(100):
            put(ssm, "p", Overwrite=True)
        assert code_of(ssm.get_parameter, Name="p:1") == "ParameterVersionNotFound"
        ssm.label_parameter_version(Name="p", ParameterVersion=2, Labels=["keep"])
        assert code_of(put, ssm, "p", Overwrite=True) == "ParameterMaxVersionLimitExceeded"

    def test_an_expiration_policy_deletes_on_the_clock(self, ssm, cloud):
        policy = json.dumps([{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": _iso(cloud.now + 3600)}}])
        assert code_of(put, ssm, "p", Policies=policy) == "ValidationException"
        put(ssm, "p", Policies=policy, Tier="Advanced")
        cloud.advance(hours=2)
        assert code_of(ssm.get_parameter, Name="p") == "ParameterNotFound"

    def test_policies_tell_of_an_end_that_comes_and_of_a_value_that_stays(self, ssm, cloud):
        events, sqs = cloud.client("events"), cloud.client("sqs")
        url = sqs.create_queue(QueueName="told", Attributes={"Policy": json.dumps({"Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": "*"}]})})["QueueUrl"]
        events.put_rule(Name="r", EventPattern=json.dumps({"source": ["aws.ssm"], "detail-type": ["Parameter Store Policy Action"]}))
        events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:told"}])

        def told():
            return [json.loads(m["Body"])["detail"] for m in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])]
        policies = [{"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": _iso(cloud.now + 10 * 86400)}},
                    {"Type": "ExpirationNotification", "Version": "1.0", "Attributes": {"Before": "2", "Unit": "Days"}},
                    {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "12", "Unit": "Hours"}}]
        put(ssm, "p", Policies=json.dumps(policies), Tier="Advanced")
        cloud.advance(hours=11)
        assert told() == []
        cloud.advance(hours=2)
        [stays] = told()
        assert stays["policy-type"] == "NoChangeNotification" and stays["parameter-name"] == "p" and stays["action-status"] == "Success"
        cloud.advance(days=8)
        assert [one["policy-type"] for one in told()] == ["ExpirationNotification"]
        bad = [{"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "x", "Unit": "Days"}}]
        assert code_of(put, ssm, "p", Overwrite=True, Policies=json.dumps(bad), Tier="Advanced") == "InvalidPolicyAttributeException"


def _iso(moment):
    from datetime import UTC, datetime

    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class TestGet:
    def test_a_version_is_chosen_by_number_or_label(self, ssm):
        put(ssm, "p", "one")
        put(ssm, "p", "two", Overwrite=True)
        assert value(ssm, "p:1") == "one"
        ssm.label_parameter_version(Name="p", ParameterVersion=1, Labels=["prod"])
        found = ssm.get_parameter(Name="p:prod")["Parameter"]
        assert (found["Value"], found["Selector"], found["Name"]) == ("one", ":prod", "p")
        ssm.label_parameter_version(Name="p", Labels=["prod"])
        assert value(ssm, "p:prod") == "two"
        assert code_of(ssm.get_parameter, Name="p:none") == "ParameterVersionNotFound"

    def test_the_arn_names_a_parameter_too(self, ssm, cloud):
        put(ssm, "/a/b")
        assert value(ssm, f"arn:aws:ssm:us-east-1:{cloud.account}:parameter/a/b") == "v"

    def test_several_at_once_say_which_are_not_there(self, ssm):
        put(ssm, "p")
        answer = ssm.get_parameters(Names=["p", "q", "p:9"])
        assert [x["Name"] for x in answer["Parameters"]] == ["p"] and answer["InvalidParameters"] == ["q", "p:9"]

    def test_a_path_is_one_level_or_all_of_them_in_pages(self, ssm):
        for name in ("/a/b", "/a/c", "/a/d/e", "/ab", "/a/d/f"):
            put(ssm, name)
        names = lambda **k: [[x["Name"] for x in p["Parameters"]] for p in ssm.get_paginator("get_parameters_by_path").paginate(**k)]
        assert names(Path="/a") == [["/a/b", "/a/c"]]
        assert names(Path="/a", Recursive=True, PaginationConfig={"PageSize": 3}) == [["/a/b", "/a/c", "/a/d/e"], ["/a/d/f"]]
        assert code_of(ssm.get_parameters_by_path, Path="a") == "ValidationException"

    def test_public_parameters_name_two_images(self, ssm):
        base = "/aws/service/ami-amazon-linux-latest/al2023-ami-"
        found = ssm.get_parameter(Name=f"{base}kernel-default-x86_64")["Parameter"]
        assert found["Value"].startswith("ami-") and found["Value"] != value(ssm, f"{base}minimal-kernel-default-x86_64")
        assert found["ARN"] == f"arn:aws:ssm:us-east-1::parameter{base}kernel-default-x86_64"
        assert len(ssm.get_parameters_by_path(Path="/aws/service/ami-amazon-linux-latest", MaxResults=5)["Parameters"]) == 5

    def test_history_shows_every_version(self, ssm):
        put(ssm, "p", "one", Description="d")
        put(ssm, "p", "two", Overwrite=True)
        ssm.label_parameter_version(Name="p", ParameterVersion=1, Labels=["a", "1bad"])
        pages = ssm.get_paginator("get_parameter_history").paginate(Name="p", PaginationConfig={"PageSize": 1})
        found = [v for p in pages for v in p["Parameters"]]
        assert [(v["Version"], v["Value"], v["Labels"], v["Description"]) for v in found] == [(1, "one", ["a"], "d"), (2, "two", [], "d")]
        assert ssm.unlabel_parameter_version(Name="p", ParameterVersion=1, Labels=["a", "b"])["InvalidLabels"] == ["b"]


class TestSecureStrings:
    def test_the_value_is_sealed_unless_decryption_is_asked(self, ssm):
        put(ssm, "p", "secret", "SecureString")
        assert "secret" not in value(ssm, "p")
        assert value(ssm, "p", WithDecryption=True) == "secret"
        assert ssm.describe_parameters()["Parameters"][0]["KeyId"] == "alias/aws/ssm"

    def test_its_key_decides_who_reads_it(self, ssm, cloud):
        kms = cloud.client("kms")
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        put(ssm, "p", "secret", "SecureString", KeyId=key)
        assert value(ssm, "p", WithDecryption=True) == "secret"
        kms.disable_key(KeyId=key)
        assert code_of(ssm.get_parameter, Name="p", WithDecryption=True) == "InvalidKeyId"
        assert code_of(put, ssm, "q", "x", "SecureString", KeyId="alias/none") == "InvalidKeyId"
        assert code_of(put, ssm, "q", "x", "String", KeyId=key) == "ValidationException"

    def test_a_user_needs_permission_for_parameter_and_key(self, ssm, cloud):
        key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
        put(ssm, "/app/p", "secret", "SecureString", KeyId=key)
        iam = cloud.client("iam")
        iam.create_user(UserName="u")
        allow = lambda *s: iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in s]}))
        allow(("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{cloud.account}:parameter/app/*"))
        made = iam.create_access_key(UserName="u")["AccessKey"]
        mine = cloud.client("ssm", key=made["AccessKeyId"], secret=made["SecretAccessKey"])
        value(mine, "/app/p")
        assert code_of(value, mine, "/other") == "AccessDeniedException"
        assert code_of(value, mine, "/app/p", WithDecryption=True) == "AccessDeniedException"
        allow(("ssm:GetParameter", f"arn:aws:ssm:us-east-1:{cloud.account}:parameter/app/*"), ("kms:Decrypt", key))
        assert value(mine, "/app/p", WithDecryption=True) == "secret"


class TestListing:
    @pytest.mark.parametrize(("filters", "names"), [
        ([], ["/x/a", "/x/y/b", "c"]),
        ([{"Key": "Name", "Option": "BeginsWith", "Values": ["/x"]}], ["/x/a", "/x/y/b"]),
        ([{"Key": "Name", "Option": "Contains", "Values": ["b"]}], ["/x/y/b"]),
        ([{"Key": "Path", "Values": ["/x"]}], ["/x/a"]),
        ([{"Key": "Path", "Option": "Recursive", "Values": ["/x"]}], ["/x/a", "/x/y/b"]),
        ([{"Key": "Type", "Values": ["StringList"]}], ["c"]),
        ([{"Key": "tag:t", "Values": ["1"]}], ["/x/a"]),
    ])
    def test_parameters_are_found_by_filters(self, ssm, filters, names):
        put(ssm, "/x/a", Tags=[{"Key": "t", "Value": "1"}])
        put(ssm, "/x/y/b")
        put(ssm, "c", type_="StringList")
        assert [p["Name"] for p in ssm.describe_parameters(ParameterFilters=filters)["Parameters"]] == names
        paged = ssm.get_paginator("describe_parameters").paginate(ParameterFilters=filters, PaginationConfig={"PageSize": 1})
        assert [p["Name"] for page in paged for p in page["Parameters"]] == names

    def test_a_wrong_option_is_refused(self, ssm):
        assert code_of(ssm.describe_parameters, ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["x"]}]) == "InvalidFilterOption"


class TestLife:
    def test_deleted_parameters_are_gone(self, ssm):
        for name in "abc":
            put(ssm, name)
        ssm.delete_parameter(Name="a")
        assert code_of(ssm.delete_parameter, Name="a") == "ParameterNotFound"
        assert ssm.delete_parameters(Names=["a", "b"])["DeletedParameters"] == ["b"]
        assert [p["Name"] for p in ssm.describe_parameters()["Parameters"]] == ["c"]

    def test_tags(self, ssm):
        put(ssm, "p")
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId="p", Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        ssm.remove_tags_from_resource(ResourceType="Parameter", ResourceId="p", TagKeys=["a"])
        assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="p")["TagList"] == [{"Key": "b", "Value": "2"}]
        assert code_of(ssm.list_tags_for_resource, ResourceType="Parameter", ResourceId="q") == "InvalidResourceId"
