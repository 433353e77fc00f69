"""Sampling rules, groups, and what else an account sets."""
import json

from cloche.testing.people import Person, allow, refused


def rule(name="orders", **more):
    return {"RuleName": name, "ResourceARN": "*", "Priority": 10, "FixedRate": 0.5, "ReservoirSize": 7, "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "/orders/*",
            "Version": 1, **more}


def test_there_is_a_default_rule_that_is_changed_and_not_deleted(xray):
    [one] = xray.api.get_sampling_rules()["SamplingRuleRecords"]
    assert one["SamplingRule"] == {"RuleName": "Default", "RuleARN": f"arn:aws:xray:us-east-1:{xray.cloud.account}:sampling-rule/Default", "ResourceARN": "*", "Priority": 10000, "FixedRate": 0.05,
                                   "ReservoirSize": 1, "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1, "Attributes": {}}
    refused("InvalidRequestException", xray.api.delete_sampling_rule, RuleName="Default")
    refused("InvalidRequestException", xray.api.update_sampling_rule, SamplingRuleUpdate={"RuleName": "Default", "URLPath": "/x"})
    changed = xray.api.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "FixedRate": 0.2})["SamplingRuleRecord"]
    assert (changed["SamplingRule"]["FixedRate"], changed["SamplingRule"]["Priority"]) == (0.2, 10000)


def test_rules_of_ones_own(cloud, xray):
    api = xray.api
    made = api.create_sampling_rule(SamplingRule=rule(), Tags=[{"Key": "team", "Value": "a"}])["SamplingRuleRecord"]
    arn = made["SamplingRule"]["RuleARN"]
    assert arn == f"arn:aws:xray:us-east-1:{cloud.account}:sampling-rule/orders" and made["CreatedAt"] == made["ModifiedAt"]
    refused("InvalidRequestException", api.create_sampling_rule, SamplingRule=rule())
    for wrong in ({"Priority": 9999, "Version": 2}, {"RuleName": "sp ace"}, {"RuleName": "Default"}):
        refused("InvalidRequestException", api.create_sampling_rule, SamplingRule=rule(**{"RuleName": "other", **wrong}))
    refused("InvalidRequestException", api.update_sampling_rule, SamplingRuleUpdate={"RuleName": "none", "FixedRate": 1})
    refused("InvalidRequestException", api.update_sampling_rule, SamplingRuleUpdate={"RuleName": "orders", "RuleARN": arn})
    cloud.advance(5)
    changed = api.update_sampling_rule(SamplingRuleUpdate={"RuleARN": arn, "Priority": 20})["SamplingRuleRecord"]
    assert changed["SamplingRule"]["Priority"] == 20 and changed["ModifiedAt"] > changed["CreatedAt"]
    api.create_sampling_rule(SamplingRule=rule("first", Priority=1))
    assert [one["SamplingRule"]["RuleName"] for one in api.get_sampling_rules()["SamplingRuleRecords"]] == ["first", "orders", "Default"]
    api.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "c"}])
    api.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert api.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "c"}]
    refused("ResourceNotFoundException", api.list_tags_for_resource, ResourceARN=arn + "x")
    refused("TooManyTagsException", api.tag_resource, ResourceARN=arn, Tags=[{"Key": f"k{n}", "Value": ""} for n in range(51)])
    person = Person(cloud, "p", allow("xray:DeleteSamplingRule", [arn]))
    refused("AccessDeniedException", person.client("xray").delete_sampling_rule, RuleName="first")
    assert person.client("xray").delete_sampling_rule(RuleName="orders")["SamplingRuleRecord"]["SamplingRule"]["RuleName"] == "orders"
    for n in range(24):
        api.create_sampling_rule(SamplingRule=rule(f"r{n}"))
    refused("RuleLimitExceededException", api.create_sampling_rule, SamplingRule=rule("over"))


def test_clients_share_a_rules_reservoir_and_say_what_they_did(cloud, xray):
    api = xray.api
    api.create_sampling_rule(SamplingRule=rule())

    def targets(client, name="orders"):
        return api.get_sampling_targets(SamplingStatisticsDocuments=[{"RuleName": name, "ClientID": client * 24, "Timestamp": cloud.now, "RequestCount": 10, "SampledCount": 4, "BorrowCount": 1}])
    first = targets("a")
    [one] = first["SamplingTargetDocuments"]
    assert (one["RuleName"], one["FixedRate"], one["ReservoirQuota"], one["Interval"]) == ("orders", 0.5, 7, 10)
    assert 250 < one["ReservoirQuotaTTL"].timestamp() - cloud.now <= 300 and first["LastRuleModification"]
    assert targets("b")["SamplingTargetDocuments"][0]["ReservoirQuota"] == 3 and targets("a")["SamplingTargetDocuments"][0]["ReservoirQuota"] == 4
    cloud.advance(301)
    assert targets("b")["SamplingTargetDocuments"][0]["ReservoirQuota"] == 7, "who is heard of no more has no share"
    lost = targets("a", "none")
    assert lost["SamplingTargetDocuments"] == [] and lost["UnprocessedStatistics"][0]["RuleName"] == "none"
    told = api.get_sampling_statistic_summaries()["SamplingStatisticSummaries"]
    assert {one["RuleName"] for one in told} == {"orders"} and sum(one["RequestCount"] for one in told) == 40 and sum(one["SampledCount"] for one in told) == 16


def test_groups_hold_what_comes_after_them(cloud, xray):
    api, before = xray.api, xray.segment("slow", end=9.0)
    xray.put(before)
    [default] = api.get_groups()["Groups"]
    assert default["GroupName"] == "Default" and default["GroupARN"].endswith("group/Default")
    cloud.advance(5)
    made = api.create_group(GroupName="slow", FilterExpression="responsetime > 5", InsightsConfiguration={"InsightsEnabled": True}, Tags=[{"Key": "a", "Value": "b"}])["Group"]
    assert made["GroupARN"].startswith(f"arn:aws:xray:us-east-1:{cloud.account}:group/slow/") and made["InsightsConfiguration"] == {"InsightsEnabled": True, "NotificationsEnabled": False}
    assert api.list_tags_for_resource(ResourceARN=made["GroupARN"])["Tags"] == [{"Key": "a", "Value": "b"}]
    for wrong in ({"GroupName": "slow"}, {"GroupName": "Default"}, {"GroupName": "x", "FilterExpression": "no"}, {"GroupName": "x", "InsightsConfiguration": {"NotificationsEnabled": True}}):
        refused("InvalidRequestException", api.create_group, **wrong)
    slow, quick = xray.segment("slow", end=8.0), xray.segment("quick")
    xray.put(slow, quick)
    assert xray.found('group.name = "slow"') == {slow["trace_id"]} == xray.found(f'group.arn = "{made["GroupARN"]}"')
    assert xray.found('group.name = "none"') == set() and len(xray.found('group.name = "Default"')) == 3
    cloud.advance(90)
    metric = {"Namespace": "AWS/X-Ray", "MetricName": "ApproximateTraceCount", "Dimensions": [{"Name": "GroupName", "Value": "slow"}]}
    told = cloud.client("cloudwatch").get_metric_statistics(**metric, StartTime=cloud.now - 600, EndTime=cloud.now + 60, Period=60, Statistics=["Sum"])["Datapoints"]
    assert [one["Sum"] for one in told] == [1.0]
    graph = api.get_service_graph(StartTime=xray.at - 10, EndTime=xray.at + 10, GroupName="slow")["Services"]
    assert {one["Name"] for one in graph} == {"slow"} and next(one for one in graph if one.get("Root"))["SummaryStatistics"]["TotalCount"] == 1
    refused("InvalidRequestException", api.get_service_graph, StartTime=0, EndTime=1, GroupName="none")
    assert api.update_group(GroupARN=made["GroupARN"], FilterExpression="fault")["Group"]["FilterExpression"] == "fault"
    assert api.get_group(GroupName="slow")["Group"]["FilterExpression"] == "fault" and xray.found('group.name = "slow"') == set()
    refused("InvalidRequestException", api.get_group)
    api.delete_group(GroupName="slow")
    refused("InvalidRequestException", api.get_group, GroupName="slow")
    refused("InvalidRequestException", api.delete_group, GroupName="Default")
    assert api.get_insight_summaries(StartTime=xray.at, EndTime=xray.at + 10)["InsightSummaries"] == []


def test_encryption_names_a_key_that_is_there(cloud, xray):
    api = xray.api
    assert api.get_encryption_config()["EncryptionConfig"] == {"Type": "NONE", "Status": "ACTIVE"}
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    assert api.put_encryption_config(Type="KMS", KeyId=key)["EncryptionConfig"] == {"Type": "KMS", "Status": "UPDATING", "KeyId": key}
    cloud.advance(61)
    assert api.get_encryption_config()["EncryptionConfig"]["Status"] == "ACTIVE"
    for wrong in ({"Type": "KMS"}, {"Type": "NONE", "KeyId": key}, {"Type": "KMS", "KeyId": "alias/none"}):
        refused("InvalidRequestException", api.put_encryption_config, **wrong)
    assert api.get_trace_segment_destination()["Destination"] == "XRay"
    refused("InvalidRequestException", api.update_trace_segment_destination, Destination="CloudWatchLogs")


def test_resource_policies_have_revisions(cloud, xray):
    api = xray.api

    def policy(**more):
        return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:PutTraceSegments", "Resource": "*", **more}]})
    first = api.put_resource_policy(PolicyName="sns", PolicyDocument=policy())["ResourcePolicy"]
    second = api.put_resource_policy(PolicyName="sns", PolicyDocument=policy(), PolicyRevisionId=first["PolicyRevisionId"])["ResourcePolicy"]
    refused("InvalidPolicyRevisionIdException", api.put_resource_policy, PolicyName="sns", PolicyDocument=policy(), PolicyRevisionId=first["PolicyRevisionId"])
    refused("MalformedPolicyDocumentException", api.put_resource_policy, PolicyName="x", PolicyDocument="{}")
    refused("LockoutPreventionException", api.put_resource_policy, PolicyName="x", PolicyDocument=policy(Effect="Deny", Principal="*", Action="xray:*"))
    refused("PolicySizeLimitExceededException", api.put_resource_policy, PolicyName="x", PolicyDocument=policy(Sid="a" * 6000))
    assert api.list_resource_policies()["ResourcePolicies"] == [second]
    for n in range(4):
        api.put_resource_policy(PolicyName=f"p{n}", PolicyDocument=policy())
    refused("PolicyCountLimitExceededException", api.put_resource_policy, PolicyName="x", PolicyDocument=policy())
    refused("InvalidPolicyRevisionIdException", api.delete_resource_policy, PolicyName="sns", PolicyRevisionId="no")
    api.delete_resource_policy(PolicyName="sns", PolicyRevisionId=second["PolicyRevisionId"])
    refused("InvalidRequestException", api.delete_resource_policy, PolicyName="sns")


def test_groups_rules_and_policies_by_cloudformation(cloud, xray):
    cfn = cloud.client("cloudformation")
    given = {key: value for key, value in rule("stacked").items()}
    template = {"Resources": {
        "G": {"Type": "AWS::XRay::Group", "Properties": {"GroupName": "g", "FilterExpression": "fault", "Tags": [{"Key": "a", "Value": "b"}]}},
        "R": {"Type": "AWS::XRay::SamplingRule", "Properties": {"SamplingRule": given}},
        "P": {"Type": "AWS::XRay::ResourcePolicy", "Properties": {"PolicyName": "p", "PolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:PutTraceSegments", "Resource": "*"}]})}}},
        "Outputs": {"G": {"Value": {"Fn::GetAtt": ["G", "GroupARN"]}}, "R": {"Value": {"Ref": "R"}}}}
    cfn.create_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    out = {one["OutputKey"]: one["OutputValue"] for one in cfn.describe_stacks(StackName="s")["Stacks"][0]["Outputs"]}
    assert out["G"] == xray.api.get_group(GroupName="g")["Group"]["GroupARN"] and out["R"].endswith("sampling-rule/stacked")
    template["Resources"]["G"]["Properties"]["FilterExpression"] = "error"
    template["Resources"]["R"]["Properties"]["SamplingRule"] = {**given, "FixedRate": 0.25}
    cfn.update_stack(StackName="s", TemplateBody=json.dumps(template))
    cfn.get_waiter("stack_update_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert xray.api.get_group(GroupName="g")["Group"]["FilterExpression"] == "error"
    assert {one["SamplingRule"]["RuleName"]: one["SamplingRule"]["FixedRate"] for one in xray.api.get_sampling_rules()["SamplingRuleRecords"]}["stacked"] == 0.25
    cfn.delete_stack(StackName="s")
    cfn.get_waiter("stack_delete_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    assert len(xray.api.get_groups()["Groups"]) == 1 and xray.api.list_resource_policies()["ResourcePolicies"] == []
