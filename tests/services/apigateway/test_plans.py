"""Usage plans, API keys and throttles: which limit is met first, and when a quota begins again."""
import datetime

from .conftest import Api
from .test_apis import refused
from .test_functions import AUTHORIZER, Functions, uri


def day(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)


def keyed(api, value="k" * 20, **plan):
    key = api.gw.create_api_key(name=value[:3], enabled=True, value=value)["id"]
    plan = api.gw.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "dev"}], **plan)["id"]
    api.gw.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    return plan, key, {"x-api-key": value}


def test_a_key_has_20_to_128_characters(cloud):
    gw = cloud.client("apigateway")
    for good in (20, 128):
        assert gw.create_api_key(name="k", value="v" * good, enabled=True)["value"] == "v" * good
    for bad in (19, 129):
        refused(gw.create_api_key, "BadRequestException", None, name="k", value="v" * bad)
    assert len(gw.create_api_key(name="k")["value"]) == 40 and gw.create_api_key(name="k")["enabled"] is False


def test_the_narrowest_limit_is_met_first(api):
    """Method in the plan, plan, method in the stage, stage, account."""
    api.mock("/a", apiKeyRequired=True)
    api.mock("/b", apiKeyRequired=True)
    api.mock("/open")
    api.deploy()
    plan, _, key = keyed(api, throttle={"rateLimit": 0.001, "burstLimit": 3})

    def statuses(path, n, **more):
        return [api.call(path, **more).status for _ in range(n)]

    def stage(*ops):
        api.gw.update_stage(restApiId=api.id, stageName="dev", patchOperations=[{"op": "replace", "path": p, "value": v} for p, v in ops])

    api.gw.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "replace", "path": f"/apiStages/{api.id}:dev/throttle/~1a/GET/{n}", "value": v} for n, v in (("rateLimit", "0.001"), ("burstLimit", "1"))])
    assert statuses("/a", 2, headers=key) == [200, 429], "the plan's own limit for the method"
    assert statuses("/b", 4, headers=key) == [200, 200, 200, 429], "the plan's"
    stage(("/*/*/throttling/rateLimit", "0.001"), ("/*/*/throttling/burstLimit", "2"), ("/~1open/GET/throttling/rateLimit", "0.001"), ("/~1open/GET/throttling/burstLimit", "1"))
    assert statuses("/open", 2) == [200, 429], "the stage's own limit for the method"
    api.cloud.advance(hours=1)
    api.gw.update_usage_plan(usagePlanId=plan, patchOperations=[{"op": "replace", "path": "/throttle/burstLimit", "value": "50"}])
    assert statuses("/b", 3, headers=key) == [200, 200, 429], "a plan does not lift the stage's limit"
    assert api.gw.get_account()["throttleSettings"] == {"rateLimit": 10000.0, "burstLimit": 5000}


def test_a_weeks_quota_begins_again_on_its_day(api):
    api.mock("/a", apiKeyRequired=True)
    api.deploy()
    api.cloud.advance(86400 - api.cloud.now % 86400 + 60)        # a minute after midnight
    today = day(api.cloud.now).isoweekday() % 7                  # 0 is Sunday
    offset = (today + 2) % 7                                     # the day after tomorrow
    plan, key, header = keyed(api, quota={"limit": 1, "period": "WEEK", "offset": offset})
    assert [api.call("/a", headers=header).status for _ in range(2)] == [200, 429]
    api.cloud.advance(86400)
    assert api.call("/a", headers=header).status == 429, "tomorrow is still the same week"
    api.cloud.advance(86400)
    assert [api.call("/a", headers=header).status for _ in range(2)] == [200, 429]
    today = day(api.cloud.now).date()
    two = today - datetime.timedelta(days=2)
    told = api.gw.get_usage(usagePlanId=plan, keyId=key, startDate=two.isoformat(), endDate=today.isoformat())["items"][key]
    assert [used for used, _ in told] == [1, 0, 1] and told[-1][1] == 0


def test_a_months_quota_begins_again_on_the_first(api):
    for bad in ({"period": "MONTH", "offset": 28}, {"period": "WEEK", "offset": 7}, {"period": "DAY", "offset": 1}, {"period": "DAY", "limit": 0}):
        refused(api.gw.create_usage_plan, "BadRequestException", None, name="p", quota={"limit": 1, **bad})
    api.mock("/a", apiKeyRequired=True)
    api.deploy()
    _, _, header = keyed(api, quota={"limit": 1, "period": "MONTH"})
    assert [api.call("/a", headers=header).status for _ in range(2)] == [200, 429]
    here = day(api.cloud.now)
    first = datetime.datetime(here.year + here.month // 12, here.month % 12 + 1, 1, tzinfo=datetime.UTC)
    api.cloud.advance(first.timestamp() - 60 - api.cloud.now)
    assert api.call("/a", headers=header).status == 429
    api.cloud.advance(61)
    assert api.call("/a", headers=header).status == 200


def test_an_authorizer_may_name_the_key(cloud):
    api, functions = Api(cloud, apiKeySource="AUTHORIZER"), Functions(cloud)
    code = AUTHORIZER.replace('"context":', '"usageIdentifierKey": token * 20, "context":')
    arn = functions.make("auth", code)
    functions.bench.client.add_permission(FunctionName="auth", StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="TOKEN", authorizerUri=uri(arn), identitySource="method.request.header.Auth")["id"]
    api.mock("/a", template="$context.identity.apiKeyId", auth="CUSTOM", authorizerId=auth, apiKeyRequired=True)
    api.deploy()
    _, key, _ = keyed(api, "z" * 20)
    assert api.call("/a", headers={"Auth": "z"}).body.decode() == key
    assert api.call("/a", headers={"Auth": "y", "x-api-key": "z" * 20}).status == 403, "the header counts no more"
