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
