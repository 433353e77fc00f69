"""Faults on demand: what an SDK retries and what it does not is seen by who makes a service fail."""
import urllib.error

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cloche.testing import Cloche


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    with Cloche(tmp_path_factory.mktemp("faults") / "d") as cloud:
        yield cloud


@pytest.fixture
def cloud(glass):
    yield glass
    glass.control("faults", method="DELETE")


def patient(cloud, service, attempts=3):
    """A client that retries as the SDKs do by default; its waits are as short as chance makes them."""
    return cloud.client(service, config=Config(retries={"mode": "standard", "total_max_attempts": attempts}))


def attempts(answer):
    return answer["ResponseMetadata"]["RetryAttempts"]


def test_a_fault_of_the_server_is_retried_and_met_so_often(cloud):
    made = cloud.control("faults", {"service": "lambda", "operation": "ListFunctions", "code": "ServiceException", "times": 2})
    assert made["status"] == 500 and made["left"] == 2
    assert attempts(patient(cloud, "lambda").list_functions()) == 2
    assert cloud.control("faults") == {"faults": []}


def test_who_gives_up_sooner_sees_the_fault(cloud):
    cloud.control("faults", {"service": "lambda", "operation": "ListFunctions", "code": "ServiceException", "message": "Internal trouble", "times": 3})
    with pytest.raises(ClientError) as caught:
        patient(cloud, "lambda").list_functions()
    answer = caught.value.response
    assert answer["Error"] == {"Code": "ServiceException", "Message": "Internal trouble"} and attempts(answer) == 2
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500


@pytest.mark.parametrize(("service", "operation", "code", "status"), [
    ("lambda", "list_functions", "TooManyRequestsException", 429), ("dynamodb", "list_tables", "ThrottlingException", 400), ("s3", "list_buckets", "SlowDown", 503),
    ("sqs", "list_queues", "ServiceUnavailable", 503), ("ec2", "describe_vpcs", "RequestLimitExceeded", 503), ("iam", "list_users", "ServiceFailure", 500),
    ("kms", "list_keys", "KMSInternalException", 500),
])
def test_throttles_and_faults_are_retried_in_every_protocol(cloud, service, operation, code, status):
    cloud.control("faults", {"service": service, "code": code})
    assert attempts(getattr(patient(cloud, service), operation)()) == 1
    cloud.control("faults", {"service": service, "code": code})
    with pytest.raises(ClientError) as caught:
        getattr(cloud.client(service), operation)()
    assert caught.value.response["Error"]["Code"] == code and caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize(("code", "status"), [("InvalidParameterValueException", 400), ("AccessDeniedException", 403), ("ResourceNotFoundException", 404), ("ResourceConflictException", 409)])
def test_what_the_caller_did_wrong_is_not_retried(cloud, code, status):
    cloud.control("faults", {"service": "lambda", "code": code, "status": status})
    with pytest.raises(ClientError) as caught:
        patient(cloud, "lambda").list_functions()
    assert caught.value.response["Error"]["Code"] == code and attempts(caught.value.response) == 0


def test_a_fault_may_say_when_to_come_again_and_why(cloud):
    cloud.control("faults", {"service": "lambda", "code": "TooManyRequestsException", "retry_after": 7, "extra": {"Reason": "CallerRateLimitExceeded"}})
    with pytest.raises(ClientError) as caught:
        cloud.client("lambda").list_functions()
    assert caught.value.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "7" and caught.value.response["Reason"] == "CallerRateLimitExceeded"


def test_other_operations_accounts_and_services_are_spared_and_nothing_is_done(cloud):
    sqs, other = cloud.client("sqs"), cloud.other()
    rule = cloud.control("faults", {"service": "sqs", "operation": "CreateQueue", "account": cloud.account, "code": "InternalError", "times": None})
    for _ in range(2):
        with pytest.raises(ClientError):
            sqs.create_queue(QueueName="q")
    assert "QueueUrls" not in sqs.list_queues() and other.client("sqs").create_queue(QueueName="q") and cloud.client("sns").list_topics()["Topics"] == []
    [standing] = cloud.control("faults")["faults"]
    assert standing["struck"] == 2 and standing["left"] is None
    assert cloud.control(f"faults/{rule['id']}", method="DELETE") == {"deleted": 1}
    assert sqs.create_queue(QueueName="q")


def test_who_may_not_is_told_so_first(cloud):
    iam = cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    cloud.control("faults", {"service": "lambda", "code": "ServiceException"})
    with pytest.raises(ClientError) as caught:
        cloud.client("lambda", key=key["AccessKeyId"], secret=key["SecretAccessKey"]).list_functions()
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException" and cloud.control("faults")["faults"][0]["struck"] == 0


@pytest.mark.parametrize("wish", [{}, {"service": "lambda"}, {"service": "nimbus", "code": "X"}, {"service": "lambda", "operation": "Fly", "code": "X"}, {"service": "lambda", "code": "X", "times": 0},
                                  {"service": "lambda", "code": "X", "share": 2}, {"service": "lambda", "code": "X", "status": 200}, {"service": "lambda", "code": "X", "often": 1}])
def test_a_rule_that_makes_no_sense_is_refused(cloud, wish):
    with pytest.raises(urllib.error.HTTPError) as caught:
        cloud.control("faults", wish)
    assert caught.value.code == 400


def test_a_reset_ends_all_faults(tmp_path):
    with Cloche(tmp_path / "d") as cloud:
        cloud.control("faults", {"service": "sqs", "code": "InternalError", "times": None})
        cloud.control("reset", {})
        assert "QueueUrls" not in cloud.client("sqs").list_queues() and cloud.control("faults") == {"faults": []}
