"""Concurrency: reserved, provisioned, and the account's."""
import time
from concurrent.futures import ThreadPoolExecutor

from .conftest import refused

SLEEP = "import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'"


def test_reserved_concurrency_is_a_ceiling_and_leaves_the_pool(bench):
    bench.deploy(code=SLEEP, Timeout=10)
    assert bench.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1) == {"ReservedConcurrentExecutions": 1} | {"ResponseMetadata": pytest_any()}
    settings = bench.client.get_account_settings()
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 999 and settings["AccountUsage"]["FunctionCount"] == 1 and settings["AccountUsage"]["TotalCodeSize"] > 0
    assert bench.client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    with ThreadPoolExecutor(1) as other:
        running = other.submit(bench.call, "f", 1.2)
        time.sleep(0.5)
        error = caught(bench.client.invoke, FunctionName="f", Payload=b"0")
        assert error["Error"]["Code"] == "TooManyRequestsException" and error["Error"]["Message"] == "Rate Exceeded." and error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert running.result() == "done"
    assert bench.call("f", 0) == "done"
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    refused(bench.client.invoke, "TooManyRequestsException", FunctionName="f", Payload=b"0")
    bench.client.delete_function_concurrency(FunctionName="f")
    assert bench.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000
    assert "ReservedConcurrentExecutions" not in bench.client.get_function_concurrency(FunctionName="f") and bench.call("f", 0) == "done"


def pytest_any():
    class Anything:
        def __eq__(self, other):
            return True
    return Anything()


def caught(call, **req):
    from botocore.exceptions import ClientError
    try:
        call(**req)
    except ClientError as error:
        return error.response
    raise AssertionError("it was not refused")


def test_a_hundred_always_stay_unreserved(bench):
    arn = bench.deploy()["FunctionArn"]
    text = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    refused(bench.client.put_function_concurrency, "InvalidParameterValueException", text, FunctionName="f", ReservedConcurrentExecutions=901)
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=900)
    message = refused(bench.client.put_function_concurrency, "InvalidParameterValueException", FunctionName=arn + ":1", ReservedConcurrentExecutions=1)
    assert message.startswith("This operation is permitted on Lambda functions only")


def test_provisioned_environments_are_initialised_before_any_invocation(bench):
    code = "import os, time\nborn = time.time()\ndef handler(e, c): return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], born]"
    bench.deploy(code=code, Publish=True)
    client = bench.client
    refused(client.put_provisioned_concurrency_config, "InvalidParameterValueException", "Provisioned Concurrency Configs cannot be applied to unpublished function versions.", FunctionName="f", Qualifier="$LATEST", ProvisionedConcurrentExecutions=1)
    refused(client.get_provisioned_concurrency_config, "ProvisionedConcurrencyConfigNotFoundException", FunctionName="f", Qualifier="1")
    asked = client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    assert asked["Status"] == "IN_PROGRESS" and asked["RequestedProvisionedConcurrentExecutions"] == 2
    for _ in range(200):
        state = client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
        if state["Status"] != "IN_PROGRESS":
            break
        time.sleep(0.02)
    assert state["Status"] == "READY" and state["AllocatedProvisionedConcurrentExecutions"] == 2 and state["AvailableProvisionedConcurrentExecutions"] == 2
    now = time.time()
    kind, born = bench.call(Qualifier="1")
    assert kind == "provisioned-concurrency" and born < now
    assert client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"][0]["FunctionArn"].endswith(":f:1")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    refused(client.put_provisioned_concurrency_config, "InvalidParameterValueException", "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version", FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=1)
    refused(client.put_function_concurrency, "InvalidParameterValueException", " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned concurrency [2].", FunctionName="f", ReservedConcurrentExecutions=1)
    for ask in (client.get_provisioned_concurrency_config, client.delete_provisioned_concurrency_config):
        refused(ask, "InvalidParameterValueException", "The function resource provided must be an alias or a published version.", FunctionName="f", Qualifier="$LATEST")
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    client.delete_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
    assert bench.call(Qualifier="1")[0] == "on-demand"


def test_an_init_that_fails_fails_the_provisioning(bench):
    bench.deploy(code="1/0", Publish=True)
    bench.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    for _ in range(200):
        state = bench.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")
        if state["Status"] != "IN_PROGRESS":
            break
        time.sleep(0.02)
    assert state["Status"] == "FAILED" and state["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


def test_provisioned_may_not_exceed_reserved(bench):
    bench.deploy(Publish=True)
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    refused(bench.client.put_provisioned_concurrency_config, "InvalidParameterValueException", "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function",
            FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)


def test_the_concurrency_of_an_account_is_raised_by_service_quotas(bench):
    bench.deploy()
    bench.cloud.client("service-quotas").request_service_quota_increase(ServiceCode="lambda", QuotaCode="L-B99A9384", DesiredValue=2000)
    bench.cloud.advance(minutes=2)
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1900)
    text = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    refused(bench.client.put_function_concurrency, "InvalidParameterValueException", text, FunctionName="f", ReservedConcurrentExecutions=1901)


def limit(bench, quota, value):
    bench.cloud.control("quotas", {"account": bench.cloud.account, "service": "lambda", "quota": quota, "value": value})


HELD = """import boto3, time
def handler(e, c):
    boto3.client("sqs").send_message(QueueUrl=e["arrived"], MessageBody="here")
    while not boto3.client("ssm").get_parameters(Names=[e["go"]])["Parameters"]:
        time.sleep(0.05)
"""


class Held:
    """Invocations that are under way until they are let go: nothing here depends on how fast anything is."""

    def __init__(self, bench):
        self.bench, self.turn, self.pool, self.running = bench, 0, ThreadPoolExecutor(8), []
        self.queue = bench.cloud.client("sqs").create_queue(QueueName="arrived")["QueueUrl"]
        bench.deploy("f", HELD, {"Effect": "Allow", "Action": ["sqs:SendMessage", "ssm:GetParameters"], "Resource": "*"}, Timeout=60)

    def hold(self, count):
        sqs = self.bench.cloud.client("sqs")
        event = {"arrived": self.queue, "go": f"go-{self.turn}"}
        self.running += [self.pool.submit(self.bench.call, "f", event) for _ in range(count)]
        here, end = 0, time.monotonic() + 60
        while here < count:
            assert time.monotonic() < end, f"{here} of {count} came"
            for message in sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", []):
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
                here += 1
            time.sleep(0.02)

    def refused(self):
        return caught(self.bench.client.invoke, FunctionName="f", Payload=b"{}")["Reason"]

    def let_go(self):
        self.bench.cloud.client("ssm").put_parameter(Name=f"go-{self.turn}", Type="String", Value="go")
        assert [one.result(60) for one in self.running] == [None] * len(self.running)
        self.running, self.turn = [], self.turn + 1


def test_the_whole_account_is_throttled_at_its_limit(bench):
    held = Held(bench)
    limit(bench, "L-B99A9384", 2)
    held.hold(2)
    assert held.refused() == "ConcurrentInvocationLimitExceeded"
    held.let_go()


def test_a_function_gets_a_thousand_new_environments_in_ten_seconds(bench):
    """A thousand are too many for a test: a quota of Cloche's own says how many."""
    held = Held(bench)
    bench.cloud.control("clock", {"freeze": True})
    try:
        limit(bench, "concurrency-scaling-rate", 2)
        held.hold(2)
        assert held.refused() == "ConcurrentInvocationLimitExceeded"
        held.let_go()
        held.hold(2)  # they are warm
        assert held.refused() == "ConcurrentInvocationLimitExceeded"
        bench.cloud.advance(10)
        held.hold(2)
        assert held.refused() == "ConcurrentInvocationLimitExceeded"
        held.let_go()
    finally:
        bench.cloud.control("clock", {"freeze": False})


def test_who_waits_for_answers_may_ask_ten_times_a_second_for_each_reserved_environment(bench):
    bench.deploy()
    bench.client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    bench.cloud.control("clock", {"freeze": True})
    try:
        assert [bench.call("f", n) for n in range(10)] == list(range(10))
        assert caught(bench.client.invoke, FunctionName="f", Payload=b"0")["Reason"] == "ReservedFunctionInvocationRateLimitExceeded"
        bench.cloud.advance(1)
        assert bench.call("f", 11) == 11
    finally:
        bench.cloud.control("clock", {"freeze": False})
    bench.client.delete_function_concurrency(FunctionName="f")
    assert [bench.call("f", n) for n in range(30)] == list(range(30))


KIND = "import os, time\ndef handler(e, c):\n    time.sleep(e or 0)\n    return [os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], os.environ['AWS_LAMBDA_FUNCTION_VERSION']]"


def provisioned(bench, qualifier, count=1):
    """Until so many stand ready."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        state = bench.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier=qualifier)
        if state["Status"] != "IN_PROGRESS" and state["AllocatedProvisionedConcurrentExecutions"] == count:
            return state
        time.sleep(0.02)
    raise AssertionError(state)


def unreserved(bench):
    return bench.client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]


def test_beyond_the_provisioned_environments_calls_spill_over_to_others(bench):
    held = Held(bench)
    bench.client.publish_version(FunctionName="f")
    bench.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    assert provisioned(bench, "1")["Status"] == "READY" and unreserved(bench) == 999
    event = {"arrived": held.queue, "go": "go-0"}
    held.running = [held.pool.submit(bench.call, "f", event, Qualifier="1") for _ in range(2)]
    sqs, here, end = bench.cloud.client("sqs"), 0, time.monotonic() + 60
    while here < 2 and time.monotonic() < end:
        here += len(sqs.receive_message(QueueUrl=held.queue, MaxNumberOfMessages=10).get("Messages", []))
        time.sleep(0.02)
    assert here == 2 and bench.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="1")["AvailableProvisionedConcurrentExecutions"] == 0
    held.let_go()


def test_what_is_provisioned_of_an_alias_moves_with_it(bench):
    bench.deploy(code=KIND, Publish=True)
    client = bench.client
    client.update_function_configuration(FunctionName="f", Description="two")
    bench.wait()
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="live", ProvisionedConcurrentExecutions=1)
    provisioned(bench, "live")
    assert bench.call(Qualifier="live") == ["provisioned-concurrency", "1"]
    weights = "Alias with weights can not be used with Provisioned Concurrency"
    refused(client.update_alias, "InvalidParameterValueException", weights, FunctionName="f", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    provisioned(bench, "live")
    assert bench.call(Qualifier="live") == ["provisioned-concurrency", "2"] and bench.call(Qualifier="1") == ["on-demand", "1"]
    client.create_alias(FunctionName="f", Name="both", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}})
    refused(client.put_provisioned_concurrency_config, "InvalidParameterValueException", weights, FunctionName="f", Qualifier="both", ProvisionedConcurrentExecutions=1)
    client.delete_alias(FunctionName="f", Name="live")
    assert unreserved(bench) == 1000 and bench.call(Qualifier="2") == ["on-demand", "2"]


def test_what_a_deleted_function_had_goes_back_to_the_pool(bench):
    bench.deploy(code=KIND, Publish=True)
    bench.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=2)
    provisioned(bench, "1", 2)
    assert unreserved(bench) == 998
    text = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [900]."
    refused(bench.client.put_provisioned_concurrency_config, "InvalidParameterValueException", text, FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=901)
    bench.client.delete_function(FunctionName="f")
    assert unreserved(bench) == 1000


def test_a_provisioned_environment_that_ends_is_replaced(bench):
    bench.deploy(code=KIND, Publish=True, Timeout=1)
    bench.client.put_provisioned_concurrency_config(FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    provisioned(bench, "1")
    assert bench.call("f", 30, Qualifier="1")["errorType"] == "Sandbox.Timedout"
    provisioned(bench, "1")
    assert bench.call("f", Qualifier="1") == ["provisioned-concurrency", "1"]
    bench.cloud.advance(hours=13)  # its credentials have ended
    provisioned(bench, "1")
    assert bench.call("f", Qualifier="1")[1] == "1"


def test_what_is_provisioned_follows_its_use_by_application_auto_scaling(bench):
    bench.deploy(Publish=True)
    bench.client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    scaling = bench.cloud.client("application-autoscaling")
    target = {"ServiceNamespace": "lambda", "ResourceId": "function:f:live", "ScalableDimension": "lambda:function:ProvisionedConcurrency"}
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(**target, PolicyName="use", PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 0.6, "PredefinedMetricSpecification": {"PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"}})

    def wanted():
        config = bench.client.get_provisioned_concurrency_config(FunctionName="f", Qualifier="live")
        return config["RequestedProvisionedConcurrentExecutions"], config["Status"]
    for _ in range(30):
        bench.cloud.advance(60)
        if wanted() == (1, "READY"):
            break
    assert wanted() == (1, "READY")
    for _ in range(15):  # one of one is in use at a time: more than six tenths
        bench.call(event=1, Qualifier="live")
        bench.cloud.advance(60)
        if wanted()[0] > 1:
            break
    assert wanted()[0] == 2
    cloudwatch = bench.cloud.client("cloudwatch")
    found = {m["MetricName"] for m in cloudwatch.list_metrics(Namespace="AWS/Lambda", Dimensions=[{"Name": "Resource", "Value": "f:live"}])["Metrics"]}
    assert {"ProvisionedConcurrencyUtilization", "ProvisionedConcurrentExecutions", "ProvisionedConcurrencyInvocations"} <= found
