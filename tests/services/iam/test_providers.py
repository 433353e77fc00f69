"""Identity providers of an account: SAML and OpenID Connect."""
import pytest

from cloche.testing.people import refused


@pytest.fixture
def iam(cloud):
    return cloud.client("iam")


def test_an_oidc_provider_is_known_by_its_url(cloud, iam):
    made = iam.create_open_id_connect_provider(Url="https://token.example.com/x", ClientIDList=["a"], ThumbprintList=["0" * 40], Tags=[{"Key": "a", "Value": "b"}])
    arn = made["OpenIDConnectProviderArn"]
    assert arn == f"arn:aws:iam::{cloud.account}:oidc-provider/token.example.com/x"
    refused("EntityAlreadyExists", iam.create_open_id_connect_provider, Url="https://token.example.com/x")
    refused("ValidationError", iam.create_open_id_connect_provider, Url="http://token.example.com/y")
    iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="b")
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="a")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=arn, ThumbprintList=["1" * 40])
    got = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert got["Url"] == "token.example.com/x" and got["ClientIDList"] == ["b"] and got["ThumbprintList"] == ["1" * 40]
    iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    iam.untag_open_id_connect_provider(OpenIDConnectProviderArn=arn, TagKeys=["a"])
    assert iam.list_open_id_connect_provider_tags(OpenIDConnectProviderArn=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    assert [p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]] == [arn]
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    refused("NoSuchEntity", iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn)
