"""Environment variables under a customer's key: who sees them, who runs with them, what a lost key closes."""
import pytest
from botocore.exceptions import ClientError

from cloche.testing.people import Person, allow

CODE = "import os\ndef handler(event, context):\n    return os.environ.get('WORD')\n"


@pytest.fixture
def key(cloud):
    return cloud.client("kms").create_key()["KeyMetadata"]["Arn"]


def deploy(bench, key, **more):
    bench.deploy(code=CODE, Environment={"Variables": {"WORD": "kolibri"}}, KMSKeyArn=key, **more)


def test_a_function_runs_with_what_its_role_may_open_by_grant(bench, key, cloud):
    deploy(bench, key)
    assert bench.call() == "kolibri"
    [grant] = cloud.client("kms").list_grants(KeyId=key)["Grants"]
    assert grant["GranteePrincipal"].endswith(":role/f-role") and grant["Operations"] == ["Decrypt"]


def test_variables_are_shown_to_whoever_may_decrypt(bench, key, cloud):
    deploy(bench, key)
    assert bench.client.get_function_configuration(FunctionName="f")["Environment"] == {"Variables": {"WORD": "kolibri"}}
    poor = Person(cloud, "poor", allow("lambda:*")).client("lambda").get_function_configuration(FunctionName="f")
    assert "Variables" not in poor["Environment"] and poor["Environment"]["Error"]["ErrorCode"] == "AccessDeniedException" and "kolibri" not in str(poor)


def test_whoever_names_a_key_needs_it(bench, key, cloud):
    role = bench.role("mine")
    poor = Person(cloud, "poor", allow(["lambda:*", "iam:PassRole"])).client("lambda")
    with pytest.raises(ClientError) as error:
        from .conftest import zipped
        poor.create_function(FunctionName="f", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": zipped(CODE)}, Environment={"Variables": {"AA": "b"}}, KMSKeyArn=key)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException" and "KMS" in error.value.response["Error"]["Message"]


def test_a_disabled_key_keeps_a_cold_function_from_starting(bench, key, cloud):
    deploy(bench, key)
    cloud.client("kms").disable_key(KeyId=key)
    cloud.advance(minutes=6)
    with pytest.raises(ClientError) as error:
        bench.call()
    assert error.value.response["Error"]["Code"] == "KMSDisabledException" and error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
    cloud.client("kms").enable_key(KeyId=key)
    assert bench.call() == "kolibri"


def test_a_change_of_key_takes_the_variables_along(bench, key, cloud):
    deploy(bench, key)
    other = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    for new in (other, ""):
        bench.client.update_function_configuration(FunctionName="f", KMSKeyArn=new)
        bench.wait()
        assert bench.call() == "kolibri"
    cloud.client("kms").disable_key(KeyId=other)
    cloud.advance(minutes=6)
    assert bench.wait()["Environment"] == {"Variables": {"WORD": "kolibri"}}
