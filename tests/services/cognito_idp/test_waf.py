"""A web ACL before a user pool: its pages and its public operations are behind it, administrators are not."""
from cloche.testing.people import refused

from ..wafv2.conftest import Waf, contains, rule
from .conftest import Bench
from .test_domains import ask


def test_a_web_acl_stands_before_a_pools_public_side(cloud):
    bench, waf = Bench(cloud), Waf(cloud)
    bench.person()
    bench.person("evil")
    domain = f"w{cloud.account}"
    bench.idp.create_user_pool_domain(Domain=domain, UserPoolId=bench.pool)
    arn = f"arn:aws:cognito-idp:us-east-1:{cloud.account}:userpool/{bench.pool}"
    acl = waf.acl(rule("evil", contains("evil", {"Body": {}})), rule("query", contains("evil"), priority=1))
    refused("WAFNonexistentItemException", waf.client.associate_web_acl, WebACLArn=acl["ARN"], ResourceArn=arn[:-3] + "xyz")
    assert bench.tokens("evil")
    waf.client.associate_web_acl(WebACLArn=acl["ARN"], ResourceArn=arn)
    assert waf.client.list_resources_for_web_acl(WebACLArn=acl["ARN"], ResourceType="COGNITO_USER_POOL")["ResourceArns"] == [arn]
    assert refused("ForbiddenException", bench.sign_in, "evil") == "Request not allowed due to WAF block."
    refused("ForbiddenException", bench.anonymous.sign_up, ClientId=bench.client, Username="evil2", Password="Passw0rd!")
    assert bench.tokens()
    assert bench.idp.admin_get_user(UserPoolId=bench.pool, Username="evil")["Enabled"] is True
    assert (ask(cloud, domain, "GET", "/login?x=evil")[0], ask(cloud, domain, "GET", "/login?x=fine")[0]) == (403, 400)
    waf.client.disassociate_web_acl(ResourceArn=arn)
    assert bench.tokens("evil")
