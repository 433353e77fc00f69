"""What a web ACL does before a load balancer and before a stage of a REST API, by real HTTP."""
import datetime

import pytest
from botocore.exceptions import ClientError

from tests.services.apigateway.conftest import Api
from tests.services.elbv2.conftest import lb  # noqa: F401 (a fixture)

from .conftest import contains, locked, rule


def stage(api, name="dev"):
    return f"arn:aws:apigateway:us-east-1::/restapis/{api.id}/stages/{name}"


@pytest.fixture
def api(cloud):
    made = Api(cloud)
    made.mock("/", template="mine")
    made.mock("/", "POST", template="mine")
    made.deploy()
    return made


def code(f, *args, **more):
    with pytest.raises(ClientError) as refused:
        f(*args, **more)
    return refused.value.response["Error"]["Code"]


def test_a_stage_behind_an_acl_answers_403_forbidden_to_what_it_blocks(waf, api):
    acl = waf.acl(rule("sql", {"SqliMatchStatement": {"FieldToMatch": {"AllQueryArguments": {}}, "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]}}))
    bad = "/?id=1%27%20OR%20%271%27%3D%271"
    assert api.call(bad).body == b"mine"
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    blocked = api.call(bad)
    assert blocked.status == 403 and blocked.json == {"message": "Forbidden"} and blocked.headers["x-amzn-ErrorType"] == "ForbiddenException"
    assert api.call("/?id=1").body == b"mine"
    waf.client.disassociate_web_acl(ResourceArn=stage(api))
    assert api.call(bad).body == b"mine"


def test_a_resource_has_one_acl_and_an_acl_that_stands_somewhere_is_kept(waf, api):
    one, two = waf.acl(), waf.acl(name="two", default="Block")
    for acl in (one, two):
        waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert waf.client.get_web_acl_for_resource(ResourceArn=stage(api))["WebACL"]["Name"] == "two" and api.call().status == 403
    assert waf.client.list_resources_for_web_acl(WebACLArn=two["ARN"], ResourceType="API_GATEWAY")["ResourceArns"] == [stage(api)]
    assert waf.client.list_resources_for_web_acl(WebACLArn=two["ARN"])["ResourceArns"] == [] == waf.client.list_resources_for_web_acl(WebACLArn=one["ARN"], ResourceType="API_GATEWAY")["ResourceArns"]
    assert code(waf.client.delete_web_acl, **locked(two)) == "WAFAssociatedItemException"
    waf.client.delete_web_acl(**locked(one))
    api.gw.delete_stage(restApiId=api.id, stageName="dev")
    waf.client.delete_web_acl(**locked(two))


def test_only_balancers_and_stages_of_rest_apis_take_an_acl(waf, api):
    acl = waf.acl()
    http = waf.cloud.client("apigatewayv2").create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    for arn in (f"arn:aws:apigateway:us-east-1::/apis/{http}/stages/$default", f"arn:aws:s3:::{'b' * 20}", stage(api).replace("us-east-1", "eu-west-1")):
        assert code(waf.client.associate_web_acl, WebACLArn=acl["ARN"], ResourceArn=arn) == "WAFInvalidParameterException"
    assert code(waf.client.associate_web_acl, WebACLArn=acl["ARN"], ResourceArn=stage(api, "none")) == "WAFNonexistentItemException"
    assert waf.client.get_web_acl_for_resource(ResourceArn=stage(api)).get("WebACL") is None


def test_rules_count_label_and_answer_in_their_own_words(waf, api):
    acl = waf.acl(
        rule("label", contains("a=1"), "Count", 0, {"CustomRequestHandling": {"InsertHeaders": [{"Name": "seen", "Value": "yes"}]}}, RuleLabels=[{"Name": "one"}]),
        rule("block", {"AndStatement": {"Statements": [{"LabelMatchStatement": {"Scope": "LABEL", "Key": "one"}}, contains("b=1")]}}, "Block", 1,
             {"CustomResponse": {"ResponseCode": 418, "CustomResponseBodyKey": "tea", "ResponseHeaders": [{"Name": "x-why", "Value": "tea"}]}}),
        CustomResponseBodies={"tea": {"ContentType": "APPLICATION_JSON", "Content": '{"tea": "pot"}'}})
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert api.call("/?b=1").status == 200
    said = api.call("/?a=1&b=1")
    assert said.status == 418 and said.json == {"tea": "pot"} and said.headers["x-why"] == "tea" and said.headers["content-type"] == "application/json"
    api.mock("/echo", template="$input.params('x-amzn-waf-seen')")
    api.deploy()
    assert api.call("/echo?a=1").body == b"yes" and api.call("/echo").body == b""
    assert api.call("/echo?a=1", headers={"X-Amzn-Waf-Seen": "mine"}).body == b"yes"


def test_a_gateway_response_may_say_what_waf_blocked(waf, api):
    api.gw.put_gateway_response(restApiId=api.id, responseType="WAF_FILTERED", statusCode="406", responseTemplates={"application/json": '{"why": "waf"}'})
    api.deploy()
    waf.client.associate_web_acl(WebACLArn=waf.acl(default="Block")["ARN"], ResourceArn=stage(api))
    assert (api.call().status, api.call().json) == (406, {"why": "waf"})


def test_a_rate_rule_holds_an_address_back_until_its_window_has_passed(waf, api):
    acl = waf.acl(rule("rate", {"RateBasedStatement": {"Limit": 10, "AggregateKeyType": "IP", "EvaluationWindowSec": 60}}))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert [api.call().status for _ in range(12)] == [200] * 10 + [403] * 2
    held = waf.client.get_rate_based_statement_managed_keys(Scope="REGIONAL", WebACLName="acl", WebACLId=acl["Id"], RuleName="rate")
    assert held["ManagedKeysIPV4"]["Addresses"] == ["127.0.0.1/32"]
    waf.cloud.advance(61)
    assert api.call().status == 200


def test_an_ip_set_and_a_body_are_looked_at(waf, api):
    ips = waf.addresses("127.0.0.0/8")
    acl = waf.acl(rule("from", {"AndStatement": {"Statements": [{"IPSetReferenceStatement": {"ARN": ips["ARN"]}}, contains("from")]}}), rule("body", contains("evil", {"JsonBody": {
        "MatchPattern": {"IncludedPaths": ["/a"]}, "MatchScope": "VALUE", "InvalidFallbackBehavior": "MATCH", "OversizeHandling": "MATCH"}}), priority=1))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    json = {"content-type": "application/json"}
    assert api.call("/?from").status == 403
    waf.client.update_ip_set(**locked(ips), Addresses=["10.0.0.0/8"])
    assert api.call("/?from").status == 200
    assert [api.call("/", "POST", body=body, headers=json).status for body in ('{"a": "evil"}', '{"b": "evil"}', "{", '{"b": "' + "x" * 16400 + '"}')] == [403, 200, 403, 403]


def test_what_was_blocked_is_counted_and_sampled(waf, api):
    acl = waf.acl(rule("bad", contains("evil")))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=stage(api))
    assert [api.call(path).status for path in ("/?evil", "/?evil", "/")] == [403, 403, 200]
    now = datetime.datetime.fromtimestamp(waf.cloud.now, datetime.UTC)
    window = {"StartTime": now - datetime.timedelta(hours=1), "EndTime": now + datetime.timedelta(hours=1)}
    found = waf.client.get_sampled_requests(WebAclArn=acl["ARN"], RuleMetricName="bad", Scope="REGIONAL", TimeWindow=window, MaxItems=10)
    assert found["PopulationSize"] == 2 and found["SampledRequests"][0]["Action"] == "BLOCK" and found["SampledRequests"][0]["ResponseCodeSent"] == 403
    waf.cloud.advance(60)
    told = waf.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/WAFV2", MetricName="BlockedRequests", Period=3600, Statistics=["Sum"], StartTime=window["StartTime"], EndTime=window["EndTime"],
        Dimensions=[{"Name": "WebACL", "Value": "acl"}, {"Name": "Region", "Value": "us-east-1"}, {"Name": "Rule", "Value": "bad"}])
    assert sum(one["Sum"] for one in told["Datapoints"]) == 2


def test_a_load_balancer_answers_403_and_the_target_never_sees_it(waf, lb):  # noqa: F811
    target = lb.machine()
    front = lb.behind(target)
    group = waf.group(rule("xss", {"XssMatchStatement": {"FieldToMatch": {"QueryString": {}}, "TextTransformations": [{"Priority": 0, "Type": "URL_DECODE"}]}}))
    acl = waf.acl(
        rule("group", {"RuleGroupReferenceStatement": {"ARN": group["ARN"]}}, None, 0, OverrideAction={"None": {}}),
        rule("common", {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}, None, 1, OverrideAction={"None": {}}))
    agent = {"User-Agent": "Mozilla/5.0"}
    assert lb.ask(front, "/?q=%3Cscript%3E", headers=agent).status == 200
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=front["LoadBalancerArn"])
    assert waf.client.list_resources_for_web_acl(WebACLArn=acl["ARN"])["ResourceArns"] == [front["LoadBalancerArn"]]
    blocked = lb.ask(front, "/?q=%3Cscript%3E", headers=agent)
    assert blocked.status == 403 and "<center><h1>403 Forbidden</h1></center>" in blocked.text and blocked.headers["content-type"] == "text/html"
    assert lb.ask(front, "/").status == 403 and lb.ask(front, "/fine", headers=agent).status == 200
    big = lb.ask(front, "/", "POST", headers=agent, body="x" * 9000)
    assert big.status == 403 and [one[1] for one in target.asked] == ["/?q=%3Cscript%3E", "/fine"]
    lb.client.delete_load_balancer(LoadBalancerArn=front["LoadBalancerArn"])
    waf.client.delete_web_acl(**locked(acl))


def test_a_balancer_shows_8_kb_of_a_body_and_passes_all_of_it_on(waf, lb):  # noqa: F811
    import hashlib

    def behave(method, target, headers, body):
        seen = [value for name, value in headers if name.lower() == "x-amzn-waf-seen"]
        return 200, [("x-seen", ",".join(seen))], f"{len(body)} {hashlib.sha256(body).hexdigest()}".encode()
    front = lb.behind(lb.machine(behave))
    acl = waf.acl(rule("late", contains("evil", {"Body": {"OversizeHandling": "CONTINUE"}})),
                  rule("mark", contains("abc", {"Body": {"OversizeHandling": "CONTINUE"}}), "Count", 1, {"CustomRequestHandling": {"InsertHeaders": [{"Name": "seen", "Value": "yes"}]}}))
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=front["LoadBalancerArn"])
    for size in (9000, 2 << 20):
        body = b"abc" + b"x" * size + b"evil"
        said = lb.ask(front, "/", "POST", body=body, headers={"x-amzn-waf-seen": "mine"})
        assert (said.status, said.text, said.headers["x-seen"]) == (200, f"{len(body)} {hashlib.sha256(body).hexdigest()}", "yes")
        assert lb.ask(front, "/", "POST", body=b"evil" + body).status == 403
