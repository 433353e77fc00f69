"""API Gateway takes a pool's tokens: REST by pool, HTTP by issuer."""
from ..apigateway.conftest import Api, call
from .conftest import Bench


def test_a_rest_method_takes_an_id_token_of_its_pool(cloud):
    people, api = Bench(cloud), Api(cloud)
    people.person()
    arn = f"arn:aws:cognito-idp:us-east-1:{cloud.account}:userpool/{people.pool}"
    auth = api.gw.create_authorizer(restApiId=api.id, name="a", type="COGNITO_USER_POOLS", providerARNs=[arn], identitySource="method.request.header.Authorization")["id"]
    api.method("/a", auth="COGNITO_USER_POOLS", authorizerId=auth, responses={"200": {"responseTemplates": {"application/json": "$context.authorizer.claims.email"}}})
    api.method("/s", auth="COGNITO_USER_POOLS", authorizerId=auth, authorizationScopes=["aws.cognito.signin.user.admin"])
    api.gw.create_deployment(restApiId=api.id, stageName="v")
    made = people.tokens()
    ask = lambda path, token: call(cloud, api.id, f"/v{path}", headers={"Authorization": token} if token else None)
    got = ask("/a", made["IdToken"])
    assert (got.status, got.body) == (200, b"ann@x.example")
    assert [ask("/a", t).status for t in (None, "nonsense", made["AccessToken"], made["IdToken"][:-4] + "AAAA")] == [401] * 4
    assert ask("/s", made["AccessToken"]).status == 200 and ask("/s", made["IdToken"]).status == 401
    cloud.advance(3601)
    assert ask("/a", made["IdToken"]).status == 401


def test_an_http_api_takes_a_pool_as_its_issuer(cloud):
    people, gw = Bench(cloud), cloud.client("apigatewayv2")
    people.person()
    api = gw.create_api(Name="h", ProtocolType="HTTP")["ApiId"]
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{people.pool}"
    auth = gw.create_authorizer(ApiId=api, Name="j", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
                                JwtConfiguration={"Issuer": issuer, "Audience": [people.client]})["AuthorizerId"]
    to = gw.create_integration(ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="GET", IntegrationUri=f"{cloud.url}/_cloche/health", PayloadFormatVersion="1.0")["IntegrationId"]
    gw.create_route(ApiId=api, RouteKey="GET /a", Target=f"integrations/{to}", AuthorizationType="JWT", AuthorizerId=auth)
    gw.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    made = people.tokens()
    for name in ("IdToken", "AccessToken"):
        assert call(cloud, api, "/a", headers={"Authorization": f"Bearer {made[name]}"}).status not in (401, 403)
    assert call(cloud, api, "/a").status == 401
    assert call(cloud, api, "/a", headers={"Authorization": f"Bearer {made['IdToken'][:-4]}AAAA"}).status == 401
