"""Functions that keep their tenants apart: an environment belongs to one tenant for ever."""
import json

from .conftest import refused

CODE = "seen = []\ndef handler(event, context):\n    seen.append(event)\n    print('for', context.tenant_id)\n    return [context.tenant_id, seen]\n"
INVALID = "InvalidParameterValueException"


def test_tenants_never_share_an_environment(bench):
    made = bench.deploy(code=CODE, TenancyConfig={"TenantIsolationMode": "PER_TENANT"})
    assert made["TenancyConfig"] == {"TenantIsolationMode": "PER_TENANT"}
    assert bench.call(event=1, TenantId="blue") == ["blue", [1]]
    assert bench.call(event=2, TenantId="green") == ["green", [2]]
    assert bench.call(event=3, TenantId="blue") == ["blue", [1, 3]]
    bench.client.invoke(FunctionName="f", InvocationType="Event", TenantId="green", Payload=json.dumps(4))
    bench.cloud.advance(1)
    assert bench.call(event=5, TenantId="green") == ["green", [2, 4, 5]]


def test_who_invokes_says_for_whom_and_only_directly(bench):
    bench.deploy(code=CODE, TenancyConfig={"TenantIsolationMode": "PER_TENANT"}, Publish=True)
    refused(bench.client.invoke, INVALID, FunctionName="f", Payload=b"1")
    refused(bench.client.create_function_url_config, INVALID, FunctionName="f", AuthType="NONE")
    refused(bench.client.put_provisioned_concurrency_config, INVALID, FunctionName="f", Qualifier="1", ProvisionedConcurrentExecutions=1)
    bench.deploy("g")
    refused(bench.client.invoke, INVALID, FunctionName="g", TenantId="blue", Payload=b"1")
