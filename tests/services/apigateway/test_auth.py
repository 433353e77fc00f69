"""Who may call a method."""
import json

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signed(cloud, url, method="GET", body=b"", key=None, secret="test", token=None, headers=None):
    request = AWSRequest(method, url, data=body, headers=headers or {})
    SigV4Auth(Credentials(key or cloud.account, secret, token), "execute-api", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def user(cloud, *statements):
    iam = cloud.client("iam")
    name = f"u{len(iam.list_users()['Users'])}"
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"key": made["AccessKeyId"], "secret": made["SecretAccessKey"]}


def url(api, path):
    return f"https://{api.id}.execute-api.us-east-1.amazonaws.com/dev{path}"


def test_aws_iam_wants_a_signature_and_a_permission(api):
    api.mock("/a", template="$context.identity.userArn|$context.identity.accountId", auth="AWS_IAM")
    api.deploy()
    got = api.call("/a")
    assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (403, {"message": "Missing Authentication Token"}, "MissingAuthenticationTokenException")
    assert api.call("/a", headers=signed(api.cloud, url(api, "/a"))).status == 200
    account = api.cloud.account
    arn = f"arn:aws:execute-api:us-east-1:{account}:{api.id}/dev/GET/a"
    allowed = user(api.cloud, {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": arn})
    got = api.call("/a", headers=signed(api.cloud, url(api, "/a"), **allowed))
    assert (got.status, got.body.decode()) == (200, f"arn:aws:iam::{account}:user/u0|{account}")
    got = api.call("/a", headers=signed(api.cloud, url(api, "/a"), **user(api.cloud)))
    assert got.status == 403 and got.headers["x-amzn-ErrorType"] == "AccessDeniedException"
    assert got.json["Message"].startswith(f"User: arn:aws:iam::{account}:user/u1 is not authorized to perform: execute-api:Invoke on resource: arn:aws:execute-api:us-east-1:********{account[-4:]}:{api.id}/dev/GET/a")
    got = api.call("/a", headers=signed(api.cloud, url(api, "/a"), key=allowed["key"], secret="wrong"))
    assert (got.status, got.headers["x-amzn-ErrorType"]) == (403, "InvalidSignatureException")


def test_a_resource_policy_decides_with_the_callers_own(cloud):
    from .conftest import Api

    deny = {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*/GET/closed"}
    allow = {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"}
    api = Api(cloud, policy=json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]}))
    api.mock("/open")
    api.mock("/closed")
    api.mock("/iam", auth="AWS_IAM")
    api.deploy()
    assert api.call("/open").status == 200
    got = api.call("/closed")
    assert got.status == 403 and "User: anonymous is not authorized to perform: execute-api:Invoke" in got.json["Message"] and "explicit deny" in got.json["Message"]
    assert api.call("/iam", headers=signed(cloud, url(api, "/iam"), **user(cloud))).status == 200, "in one account either may allow"
    assert api.call("/iam").status == 403
    only_others = Api(cloud, policy=json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Principal": {"AWS": "arn:aws:iam::999999999999:root"}}]}))
    only_others.mock("/a")
    only_others.deploy()
    assert only_others.call("/a").status == 403


def test_an_api_key_opens_the_stages_of_its_plan(api):
    gw, kw = api.gw, {"restApiId": api.id}
    api.mock("/a", template="$context.identity.apiKeyId", apiKeyRequired=True)
    api.deploy()
    key = gw.create_api_key(name="k", enabled=True)
    header = {"x-api-key": key["value"]}
    for headers in ({}, {"x-api-key": "x" * 20}, header):
        got = api.call("/a", headers=headers)
        assert (got.status, got.json, got.headers["x-amzn-ErrorType"]) == (403, {"message": "Forbidden"}, "ForbiddenException")
    plan = gw.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "dev"}])["id"]
    gw.create_usage_plan_key(usagePlanId=plan, keyId=key["id"], keyType="API_KEY")
    assert api.call("/a", headers=header).body.decode() == key["id"]
    gw.update_api_key(apiKey=key["id"], patchOperations=[{"op": "replace", "path": "/enabled", "value": "false"}])
    assert api.call("/a", headers=header).status == 403
    assert kw


def test_a_quota_ends_and_begins_again_on_the_virtual_clock(api):
    gw = api.gw
    api.mock("/a", apiKeyRequired=True)
    api.deploy()
    key = gw.create_api_key(name="k", enabled=True, value="v" * 20)["id"]
    plan = gw.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "dev"}], quota={"limit": 2, "period": "DAY"})["id"]
    gw.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    got = [api.call("/a", headers={"x-api-key": "v" * 20}) for _ in range(3)]
    assert [g.status for g in got] == [200, 200, 429]
    assert (got[2].json, got[2].headers["x-amzn-ErrorType"]) == ({"message": "Limit Exceeded"}, "LimitExceededException")
    import datetime

    today = datetime.datetime.fromtimestamp(api.cloud.now, datetime.UTC).date().isoformat()
    assert gw.get_usage(usagePlanId=plan, startDate=today, endDate=today)["items"] == {key: [[2, 0]]}
    assert gw.update_usage(usagePlanId=plan, keyId=key, patchOperations=[{"op": "replace", "path": "/remaining", "value": "1"}])["items"] == {key: [[2, 1]]}
    assert [api.call("/a", headers={"x-api-key": "v" * 20}).status for _ in range(2)] == [200, 429]
    api.cloud.advance(days=1)
    assert api.call("/a", headers={"x-api-key": "v" * 20}).status == 200


def test_a_plan_throttles_each_key(api):
    gw = api.gw
    api.mock("/a", apiKeyRequired=True)
    api.mock("/b", apiKeyRequired=True)
    api.deploy()
    plan = gw.create_usage_plan(name="p", throttle={"rateLimit": 0.01, "burstLimit": 1}, apiStages=[{"apiId": api.id, "stage": "dev", "throttle": {"/b/GET": {"rateLimit": 0.01, "burstLimit": 2}}}])["id"]
    for value in ("a" * 20, "b" * 20):
        key = gw.create_api_key(name=value, enabled=True, value=value)["id"]
        gw.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")

    def statuses(path, value, n):
        return [api.call(path, headers={"x-api-key": value}).status for _ in range(n)]

    assert statuses("/a", "a" * 20, 2) == [200, 429] == statuses("/a", "b" * 20, 2)
    assert statuses("/b", "a" * 20, 3) == [200, 200, 429]
