"""Web ACLs, rule groups, sets: their lives, locks and refusals."""
import json

import pytest
from botocore.exceptions import ClientError

from .conftest import NONE, SEEN, contains, locked, named, rule


def code(f, *args, **more):
    with pytest.raises(ClientError) as refused:
        f(*args, **more)
    return refused.value.response["Error"]["Code"]


def test_an_ip_set_lives_and_every_change_renews_its_lock_token(waf):
    one = waf.addresses("10.0.0.0/8", "192.0.2.44/32")
    assert one["ARN"] == f"arn:aws:wafv2:us-east-1:{waf.cloud.account}:regional/ipset/ips/{one['Id']}"
    told = waf.client.get_ip_set(**named(one))
    assert told["IPSet"]["Addresses"] == ["10.0.0.0/8", "192.0.2.44/32"] and told["LockToken"] == one["LockToken"]
    token = waf.client.update_ip_set(**locked(one), Addresses=["10.1.0.0/16"], Description="changed")["NextLockToken"]
    assert token != one["LockToken"] and waf.client.get_ip_set(**named(one))["IPSet"]["Description"] == "changed"
    assert code(waf.client.update_ip_set, **locked(one), Addresses=[]) == "WAFOptimisticLockException"
    assert code(waf.client.delete_ip_set, **locked(one)) == "WAFOptimisticLockException"
    assert [x["Name"] for x in waf.client.list_ip_sets(Scope="REGIONAL")["IPSets"]] == ["ips"] and waf.client.list_ip_sets(Scope="CLOUDFRONT")["IPSets"] == []
    waf.client.delete_ip_set(**named(one), LockToken=token)
    assert code(waf.client.get_ip_set, **named(one)) == "WAFNonexistentItemException"


def test_a_name_is_taken_once_a_scope(waf):
    waf.addresses()
    assert code(waf.addresses) == "WAFDuplicateItemException"
    waf.client.create_ip_set(Name="ips", Scope="CLOUDFRONT", IPAddressVersion="IPV4", Addresses=[])


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "::1/128", "x/8"])
def test_an_ip_set_takes_ranges_of_its_version_only(waf, address):
    assert code(waf.addresses, address) == "WAFInvalidParameterException"


def test_the_cloudfront_scope_is_of_n_virginia_only(waf):
    there = waf.cloud.client("wafv2", region="eu-west-1")
    assert code(there.create_ip_set, Name="x", Scope="CLOUDFRONT", IPAddressVersion="IPV4", Addresses=[]) == "WAFInvalidParameterException"
    assert code(there.list_web_acls, Scope="CLOUDFRONT") == "WAFInvalidParameterException"
    one = waf.acl(scope="CLOUDFRONT")
    assert one["ARN"].startswith(f"arn:aws:wafv2:us-east-1:{waf.cloud.account}:global/webacl/acl/")


def test_a_regex_pattern_set_lives(waf):
    one = waf.patterns("^a+$", "b")
    assert waf.client.get_regex_pattern_set(**named(one))["RegexPatternSet"]["RegularExpressionList"] == [{"RegexString": "^a+$"}, {"RegexString": "b"}]
    token = waf.client.update_regex_pattern_set(**locked(one), RegularExpressionList=[{"RegexString": "c"}])["NextLockToken"]
    assert code(waf.patterns, "(", name="bad") == "WAFInvalidParameterException" and code(waf.patterns, *"abcdefghijk", name="many") == "WAFLimitsExceededException"
    assert [x["Name"] for x in waf.client.list_regex_pattern_sets(Scope="REGIONAL")["RegexPatternSets"]] == ["patterns"]
    waf.client.delete_regex_pattern_set(**named(one), LockToken=token)


def test_a_rule_group_stays_within_its_capacity_and_is_kept_while_it_is_used(waf):
    ips = waf.addresses("10.0.0.0/8")
    inside = rule("one", {"IPSetReferenceStatement": {"ARN": ips["ARN"]}}, RuleLabels=[{"Name": "seen"}])
    assert code(waf.group, rule("sql", {"SqliMatchStatement": {"FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}), capacity=19) == "WAFLimitsExceededException"
    group = waf.group(inside, capacity=20)
    told = waf.client.get_rule_group(ARN=group["ARN"])["RuleGroup"]
    assert told["Capacity"] == 20 and told["AvailableLabels"] == [{"Name": f"awswaf:{waf.cloud.account}:rulegroup:group:seen"}] and told["LabelNamespace"].endswith(":rulegroup:group:")
    acl = waf.acl(rule("g", {"RuleGroupReferenceStatement": {"ARN": group["ARN"]}}, None, OverrideAction={"None": {}}))
    assert waf.client.get_web_acl(**named(acl))["WebACL"]["Capacity"] == 20
    assert code(waf.client.delete_rule_group, **locked(group)) == "WAFAssociatedItemException" and code(waf.client.delete_ip_set, **locked(ips)) == "WAFAssociatedItemException"
    waf.client.delete_web_acl(**locked(acl))
    group["LockToken"] = waf.client.update_rule_group(**locked(group), Rules=[], VisibilityConfig=SEEN)["NextLockToken"]
    waf.client.delete_ip_set(**locked(ips))
    waf.client.delete_rule_group(**locked(group))
    assert waf.client.list_rule_groups(Scope="REGIONAL")["RuleGroups"] == []



def test_a_web_acl_lives(waf):
    acl = waf.acl(rule("a", contains("evil")), Description="first", Tags=[{"Key": "k", "Value": "v"}])
    told = waf.client.get_web_acl(**named(acl))
    assert told["WebACL"]["Rules"][0]["Statement"]["ByteMatchStatement"]["SearchString"] == b"evil" and told["WebACL"]["Capacity"] == 10 and told["WebACL"]["DefaultAction"] == {"Allow": {}}
    assert waf.client.list_web_acls(Scope="REGIONAL")["WebACLs"][0]["Description"] == "first"
    token = waf.client.update_web_acl(**locked(acl), DefaultAction={"Block": {}}, VisibilityConfig=SEEN)["NextLockToken"]
    again = waf.client.get_web_acl(ARN=acl["ARN"])
    assert again["LockToken"] == token and again["WebACL"]["Rules"] == [] and again["WebACL"]["DefaultAction"] == {"Block": {}}
    waf.client.tag_resource(ResourceARN=acl["ARN"], Tags=[{"Key": "x", "Value": "y"}])
    waf.client.untag_resource(ResourceARN=acl["ARN"], TagKeys=["k"])
    assert waf.client.list_tags_for_resource(ResourceARN=acl["ARN"])["TagInfoForResource"]["TagList"] == [{"Key": "x", "Value": "y"}]
    waf.client.delete_web_acl(**named(acl), LockToken=token)
    assert code(waf.client.list_tags_for_resource, ResourceARN=acl["ARN"]) == "WAFNonexistentItemException"


MISSING = "arn:aws:wafv2:us-east-1:{account}:regional/{type}/x/11111111-1111-1111-1111-111111111111"


@pytest.mark.parametrize("one, wanted", [
    (rule("a", contains("x"), None), "WAFInvalidParameterException"), (rule("a", contains("x"), OverrideAction={"None": {}}), "WAFInvalidParameterException"),
    (rule("a", {**contains("x"), "GeoMatchStatement": {"CountryCodes": ["DE"]}}), "WAFInvalidParameterException"), (rule("a", contains("x", {"Body": {}, "Method": {}})), "WAFInvalidParameterException"),
    (rule("a", {"RegexMatchStatement": {"RegexString": "(", "FieldToMatch": {"Body": {}}, "TextTransformations": NONE}}), "WAFInvalidParameterException"),
    (rule("a", {"IPSetReferenceStatement": {"ARN": MISSING.format(account="111111111111", type="ipset")}}), "WAFNonexistentItemException"),
    (rule("a", {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "None"}}, None, OverrideAction={"None": {}}), "WAFNonexistentItemException"),
    (rule("a", {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesSQLiRuleSet"}}), "WAFInvalidParameterException"),
    (rule("a", {"NotStatement": {"Statement": {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}}}), "WAFInvalidParameterException"),
    (rule("a", contains("x"), settings={"CustomResponse": {"ResponseCode": 418, "CustomResponseBodyKey": "none"}}), "WAFInvalidParameterException"),
    (rule("a", {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP", "EvaluationWindowSec": 61}}), "WAFInvalidParameterException"),
])
def test_rules_that_cannot_be_are_refused(waf, one, wanted):
    assert code(waf.acl, one) == wanted


def test_two_rules_share_neither_name_nor_priority(waf):
    assert code(waf.acl, rule("a", contains("x")), rule("a", contains("x"), priority=1)) == code(waf.acl, rule("a", contains("x")), rule("b", contains("x"))) == "WAFInvalidParameterException"


def test_capacity_is_told_beforehand_and_an_acl_has_5000(waf):
    def capacity(*rules):
        return waf.client.check_capacity(Scope="REGIONAL", Rules=list(rules))["Capacity"]
    assert capacity(rule("a", contains("x", {"UriPath": {}}, "STARTS_WITH")), rule("b", {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}, priority=1)) == 4
    many = [rule(f"r{i}", {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}, None, i, OverrideAction={"None": {}}) for i in range(8)]
    assert capacity(*many[:7]) == 4900 and code(capacity, *many) == "WAFLimitsExceededException"


def test_managed_groups_are_listed_and_described(waf):
    names = [one["Name"] for one in waf.client.list_available_managed_rule_groups(Scope="REGIONAL")["ManagedRuleGroups"]]
    assert {"AWSManagedRulesCommonRuleSet", "AWSManagedRulesSQLiRuleSet", "AWSManagedRulesKnownBadInputsRuleSet"} <= set(names)
    one = waf.client.describe_managed_rule_group(VendorName="AWS", Name="AWSManagedRulesSQLiRuleSet", Scope="REGIONAL")
    assert one["Capacity"] == 200 and {"Name": "SQLi_BODY", "Action": {"Block": {}}} in one["Rules"] and one["LabelNamespace"] == "awswaf:managed:aws:sql-database:"
    assert code(waf.client.describe_managed_rule_group, VendorName="AWS", Name="nothing", Scope="REGIONAL") == "WAFNonexistentItemException"


def test_who_may_read_an_acl_may_not_change_it(waf):
    acl = waf.acl()
    who = waf.cloud.client("iam")
    who.create_user(UserName="reader")
    who.put_user_policy(UserName="reader", PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "wafv2:GetWebACL", "Resource": acl["ARN"]}]}))
    key = who.create_access_key(UserName="reader")["AccessKey"]
    reader = waf.cloud.client("wafv2", key=key["AccessKeyId"], secret=key["SecretAccessKey"])
    assert reader.get_web_acl(**named(acl))["WebACL"]["Name"] == "acl"
    assert code(reader.delete_web_acl, **locked(acl)) == "AccessDeniedException"
