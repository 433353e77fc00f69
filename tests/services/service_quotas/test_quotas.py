"""Service Quotas: what one may have, more of it on request, and that the services keep to it."""
import urllib.error

import pytest
from botocore.exceptions import ClientError

CONCURRENCY = {"ServiceCode": "lambda", "QuotaCode": "L-B99A9384"}


def code(call, **req):
    with pytest.raises(ClientError) as caught:
        call(**req)
    return caught.value.response["Error"]["Code"]


def test_quotas_are_listed_with_their_values(cloud):
    client = cloud.client("service-quotas")
    services = {one["ServiceCode"] for one in client.list_services()["Services"]}
    assert {"lambda", "ec2", "vpc"} <= services
    of_lambda = {one["QuotaCode"]: one for one in client.list_service_quotas(ServiceCode="lambda")["Quotas"]}
    assert of_lambda["L-B99A9384"]["Value"] == 1000 and of_lambda["L-B99A9384"]["QuotaName"] == "Concurrent executions" and of_lambda["L-B99A9384"]["Adjustable"]
    assert of_lambda["L-B99A9384"]["QuotaArn"] == f"arn:aws:servicequotas:us-east-1:{cloud.account}:lambda/L-B99A9384"
    assert of_lambda["L-2ACBD22F"]["Value"] == 75 and of_lambda["L-2ACBD22F"]["Unit"] == "Gigabytes"
    assert client.list_aws_default_service_quotas(ServiceCode="lambda")["Quotas"] == list(of_lambda.values())
    assert client.get_service_quota(**CONCURRENCY)["Quota"] == client.get_aws_default_service_quota(**CONCURRENCY)["Quota"] == of_lambda["L-B99A9384"]
    first = client.list_service_quotas(ServiceCode="lambda", MaxResults=1)
    assert [one["QuotaCode"] for one in first["Quotas"] + client.list_service_quotas(ServiceCode="lambda", NextToken=first["NextToken"])["Quotas"]] == list(of_lambda)
    assert code(client.get_service_quota, ServiceCode="lambda", QuotaCode="L-00000000") == code(client.list_service_quotas, ServiceCode="nimbus") == "NoSuchResourceException"


def test_an_increase_is_pending_then_approved_and_counts(cloud):
    client, functions = cloud.client("service-quotas"), cloud.client("lambda")
    assert code(client.request_service_quota_increase, **CONCURRENCY, DesiredValue=1000) == "IllegalArgumentException"
    asked = client.request_service_quota_increase(**CONCURRENCY, DesiredValue=3000)["RequestedQuota"]
    assert asked["Status"] == "PENDING" and asked["DesiredValue"] == 3000
    assert code(client.request_service_quota_increase, **CONCURRENCY, DesiredValue=4000) == "ResourceAlreadyExistsException"
    assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
    cloud.advance(minutes=2)
    assert client.get_requested_service_quota_change(RequestId=asked["Id"])["RequestedQuota"]["Status"] == "APPROVED"
    assert client.get_service_quota(**CONCURRENCY)["Quota"]["Value"] == 3000 and client.get_aws_default_service_quota(**CONCURRENCY)["Quota"]["Value"] == 1000
    assert functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 3000
    assert cloud.client("lambda", region="eu-west-1").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
    history = client.list_requested_service_quota_change_history(Status="APPROVED")["RequestedQuotas"]
    assert [one["Id"] for one in history] == [asked["Id"]]
    assert client.list_requested_service_quota_change_history_by_quota(**CONCURRENCY)["RequestedQuotas"] == history
    assert client.list_requested_service_quota_change_history(Status="PENDING")["RequestedQuotas"] == []
    assert code(client.get_requested_service_quota_change, RequestId="0" * 32) == "NoSuchResourceException"


def test_more_vpcs_and_addresses_come_with_their_quotas(cloud):
    ec2, client = cloud.client("ec2"), cloud.client("service-quotas")
    for _ in range(4):
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert code(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "VpcLimitExceeded"
    client.request_service_quota_increase(ServiceCode="vpc", QuotaCode="L-F678F1CE", DesiredValue=6)
    cloud.advance(minutes=2)
    ec2.create_vpc(CidrBlock="10.0.0.0/16")
    assert code(ec2.create_vpc, CidrBlock="10.0.0.0/16") == "VpcLimitExceeded"
    cloud.control("quotas", {"account": cloud.account, "service": "ec2", "quota": "L-0263D0A3", "value": 1})
    ec2.allocate_address()
    assert code(ec2.allocate_address) == "AddressLimitExceeded"


def test_the_owner_of_the_cloud_sets_any_quota_at_once(cloud):
    cloud.control("quotas", {"account": cloud.account, "service": "lambda", "quota": "L-B99A9384", "value": 10})  # as new accounts begin
    assert cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 10
    assert cloud.other().client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
    [shown] = [one for one in cloud.control(f"quotas?account={cloud.account}")["quotas"] if one["quota"] == "L-B99A9384"]
    assert shown["value"] == 10 and shown["default"] == 1000
    cloud.control("quotas", {"account": cloud.account, "service": "lambda", "quota": "L-B99A9384", "value": None})
    assert cloud.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 1000
    for wrong in ({"service": "lambda", "quota": "L-0", "value": 1}, {"service": "lambda", "quota": "L-B99A9384", "value": -1}, {"service": "lambda"}):
        with pytest.raises(urllib.error.HTTPError):
            cloud.control("quotas", wrong)
