"""Bot control, account takeover, account creation and floods before a real stage; challenges and puzzles that a client solves."""
import re

import pytest

from cloche.languages.waf import token
from tests.services.cloudfront.conftest import origin  # noqa: F401 (a fixture)
from tests.services.cloudfront.edge import EVERY_METHOD, behaviour, custom, made, view

from .conftest import contains, locked, rule
from .test_enforcement import api, code, stage  # noqa: F401 (a fixture)

CHROME = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/126 Safari/537.36", "Accept": "text/html"}


def threat(name, config=None, **how):
    member = f"AWSManagedRules{name}RuleSet"
    return rule(name, {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": member, **({"ManagedRuleGroupConfigs": [{member: config}]} if config else {}), **how}}, None,
                OverrideAction={"None": {}})


LOGIN = {"LoginPath": "/dev/login", "RequestInspection": {"PayloadType": "JSON", "UsernameField": {"Identifier": "/user"}, "PasswordField": {"Identifier": "/password"}}}


def cookie(text):
    return {**CHROME, "Cookie": f"{token.COOKIE}={text}"}


def task(page):
    return re.search(r'"([\w-]+\.[0-9a-f]{32})"', page.body.decode())[1]


def test_a_stage_blocks_bots_and_asks_of_browsers_to_solve_a_challenge_once(waf, api):  # noqa: F811
    acl = waf.acl(threat("BotControl", {"InspectionLevel": "TARGETED"}))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert api.call(headers={"User-Agent": "curl/8.5.0"}).status == 403 == api.call().status
    said = [api.call(headers=CHROME) for _ in range(4)]
    page = next(one for one in said if one.status == 202)          # the two before had no token either
    assert page.headers["x-amzn-waf-action"] == "challenge" and [one.status for one in said] == [200, 200, 202, 202]
    assert api.call(headers={**CHROME, "Accept": "application/json"}).body == b""
    solved = token.solve(task(page))
    assert api.call(headers=cookie(solved)).status == 200 and api.call(headers=cookie(solved + "0")).status == 202
    waf.cloud.advance(200)
    assert api.call(headers=cookie(solved)).status == 200
    waf.cloud.advance(101)
    assert [api.call(headers=cookie(solved)).status for _ in range(5)][-1] == 202, "a token is good for five minutes"


def test_a_puzzle_is_a_sum_and_its_answer_opens_the_page(waf, api):  # noqa: F811
    acl = waf.acl(rule("people", contains("secret"), "Captcha", CaptchaConfig={"ImmunityTimeProperty": {"ImmunityTime": 60}}))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    page = api.call("/?secret", headers=CHROME)
    assert page.status == 405 and page.headers["x-amzn-waf-action"] == "captcha"
    one, other = map(int, re.search(r"How much is (\d+) \+ (\d+)\?", page.body.decode()).groups())
    answered = cookie(f"{task(page)}.{one + other}")
    assert api.call("/?secret", headers=answered).status == 200 and api.call("/?secret", headers=cookie(f"{task(page)}.{one + other + 1}")).status == 405
    waf.cloud.advance(61)
    assert api.call("/?secret", headers=answered).status == 405
    assert api.call("/?secret", headers={"User-Agent": "x"}).body == b""


def test_a_login_without_a_password_is_blocked_and_may_be_counted_instead(waf, api):  # noqa: F811
    api.mock("/login", "POST", template="in")
    api.deploy()
    acl = waf.acl(threat("ATP", LOGIN))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    ask = lambda body: api.call("/login", "POST", body=body, headers={"content-type": "application/json"}).status
    assert ask('{"user": "a", "password": "b"}') == 200 and ask('{"user": "a"}') == 403
    lenient = threat("ATP", LOGIN, RuleActionOverrides=[{"Name": "SignalMissingCredential", "ActionToUse": {"Count": {}}}])
    by_label = rule("mine", {"LabelMatchStatement": {"Scope": "LABEL", "Key": "awswaf:managed:aws:atp:signal:missing_credential"}}, "Block", 1, {"CustomResponse": {"ResponseCode": 422}})
    now = waf.client.get_web_acl(Name="acl", Scope="REGIONAL", Id=acl["Id"])
    waf.client.update_web_acl(**locked(acl | {"LockToken": now["LockToken"]}), DefaultAction={"Allow": {}}, VisibilityConfig=now["WebACL"]["VisibilityConfig"], Rules=[lenient, by_label])
    assert ask('{"user": "a"}') == 422


def test_a_flood_before_a_stage_is_blocked(waf, api):  # noqa: F811
    acl = waf.acl(threat("AntiDDoS", {"ClientSideActionConfig": {"Challenge": {"UsageOfAction": "DISABLED"}}}))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert [api.call().status for _ in range(202)][-2:] == [403, 403]
    waf.cloud.advance(61)
    assert api.call().status == 200


def test_failed_logins_before_a_distribution_are_counted_and_block_the_next(waf, cloud, origin):  # noqa: F811
    tries = iter([(200, {}, b'{"ok": true}')] + [(200, {}, b'{"ok": false}')] * 11 + [(200, {}, b"{}")])
    origin.answers["/login"] = lambda request: next(tries)
    config = {"LoginPath": "/login", "ResponseInspection": {"Json": {"Identifier": "/ok", "SuccessValues": ["true"], "FailureValues": ["false"]}}}
    arn = waf.acl(threat("ATP", config), scope="CLOUDFRONT")["ARN"]
    one = made(cloud, custom(origin.port), default=behaviour(AllowedMethods=EVERY_METHOD), WebACLId=arn)
    seen = [view(cloud, one, "/login", "POST", b"x=1") for _ in range(13)]
    assert [answer.status for answer in seen] == [200] * 12 + [403] and seen[1].body == b'{"ok": false}'
    cloud.advance(601)
    assert view(cloud, one, "/login", "POST", b"x=1").status == 200


def test_groups_against_threats_are_described_and_want_to_know_the_application(waf):
    one = waf.client.describe_managed_rule_group(VendorName="AWS", Name="AWSManagedRulesBotControlRuleSet", Scope="REGIONAL")
    assert one["Capacity"] == 50 and one["LabelNamespace"] == "awswaf:managed:aws:bot-control:" and {"Name": "CategoryHttpLibrary", "Action": {"Block": {}}} in one["Rules"]
    assert {"Name": "awswaf:managed:aws:bot-control:bot:name:googlebot"} in one["AvailableLabels"] and {"Name": "TGT_VolumetricIpTokenAbsent", "Action": {"Challenge": {}}} in one["Rules"]
    names = {one["Name"] for one in waf.client.list_available_managed_rule_groups(Scope="REGIONAL")["ManagedRuleGroups"]}
    assert {f"AWSManagedRules{name}RuleSet" for name in ("BotControl", "ATP", "ACFP", "AntiDDoS")} <= names
    assert waf.client.check_capacity(Scope="REGIONAL", Rules=[threat("BotControl")])["Capacity"] == 50
    wrong = {"VendorName": "AWS", "Name": "AWSManagedRulesATPRuleSet", "ManagedRuleGroupConfigs": [{"AWSManagedRulesBotControlRuleSet": {"InspectionLevel": "COMMON"}}]}
    failed = {**LOGIN, "ResponseInspection": {"StatusCode": {"SuccessCodes": [200], "FailureCodes": [401]}}}
    for bad in (threat("ATP"), threat("ACFP"), threat("AntiDDoS"), rule("x", {"ManagedRuleGroupStatement": wrong}, None, OverrideAction={"None": {}}), threat("ATP", failed),
                threat("ATP", {**LOGIN, "LoginPath": "(", "EnableRegexInPath": True})):
        assert code(waf.acl, bad) == "WAFInvalidParameterException"


@pytest.mark.parametrize("group, config", [("ATP", LOGIN), ("ACFP", {"RegistrationPagePath": "/a", "CreationPath": "/b", "RequestInspection": {"PayloadType": "JSON"}})])
def test_groups_against_fraud_do_not_stand_before_user_pools(waf, group, config):
    pool = waf.cloud.client("cognito-idp").create_user_pool(PoolName="p")["UserPool"]["Arn"]
    acl, plain = waf.acl(threat(group, config)), waf.acl(name="plain")
    assert code(waf.client.associate_web_acl, WebACLArn=acl["ARN"], ResourceArn=pool) == "WAFInvalidParameterException"
    waf.client.associate_web_acl(WebACLArn=plain["ARN"], ResourceArn=pool)
    now = waf.client.get_web_acl(Name="plain", Scope="REGIONAL", Id=plain["Id"])
    change = {**locked(plain | {"LockToken": now["LockToken"]}), "DefaultAction": {"Allow": {}}, "VisibilityConfig": now["WebACL"]["VisibilityConfig"]}
    assert code(waf.client.update_web_acl, **change, Rules=[threat(group, config)]) == "WAFInvalidParameterException"
