"""State machines, their versions and aliases."""
import json

import pytest

from cloche.testing import people

from .test_executions import PASS, refused


def text(result):
    return json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": result, "End": True}}})


def test_a_machine_is_made_once_described_and_deleted(states):
    client, arn = states.client, states.machine(PASS, name="one")
    found = client.describe_state_machine(stateMachineArn=arn)
    assert (found["name"], found["status"], found["type"], found["roleArn"]) == ("one", "ACTIVE", "STANDARD", states.role) and json.loads(found["definition"])["StartAt"] == "P"
    assert states.machine(PASS, name="one") == arn
    assert refused(client.create_state_machine, name="one", roleArn=states.role, definition=text(1)) == "StateMachineAlreadyExists"
    assert [one["stateMachineArn"] for one in client.list_state_machines()["stateMachines"]] == [arn]
    client.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}, {"key": "c", "value": "d"}])
    client.untag_resource(resourceArn=arn, tagKeys=["c"])
    assert client.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    client.delete_state_machine(stateMachineArn=arn)
    client.delete_state_machine(stateMachineArn=arn)
    assert refused(client.describe_state_machine, stateMachineArn=arn) == "StateMachineDoesNotExist"
    assert refused(client.describe_state_machine, stateMachineArn="nonsense") == "InvalidArn"


@pytest.mark.parametrize("definition", [
    "{", "[]", "{}", '{"StartAt": "X", "States": {"P": {"Type": "Pass", "End": true}}}', '{"StartAt": "P", "States": {"P": {"Type": "Pass"}}}', '{"StartAt": "P", "States": {"P": {"Type": "Nothing", "End": true}}}',
    '{"StartAt": "P", "States": {"P": {"Type": "Pass", "Next": "Q"}}}', '{"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}, "Lost": {"Type": "Succeed"}}}',
    '{"StartAt": "T", "States": {"T": {"Type": "Task", "End": true}}}', '{"StartAt": "C", "States": {"C": {"Type": "Choice", "Choices": []}}}',
    '{"StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"a.$": "nonsense"}, "End": true}}}', '{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Timestamp": "x", "End": true}}}',
    '{"StartAt": "P", "QueryLanguage": "JSONata", "States": {"P": {"Type": "Pass", "ResultPath": "$.a", "End": true}}}',
])
def test_a_definition_that_means_nothing_is_refused(states, definition):
    assert refused(states.client.create_state_machine, name="bad", roleArn=states.role, definition=definition) == "InvalidDefinition"
    found = states.client.validate_state_machine_definition(definition=definition)
    assert found["result"] == "FAIL" and found["diagnostics"][0]["severity"] == "ERROR"


def test_a_good_definition_is_ok(states):
    assert states.client.validate_state_machine_definition(definition=text(1)) ["result"] == "OK"


def test_who_hands_over_a_role_must_be_allowed_to(cloud, states):
    someone = people.Person(cloud, "someone", people.allow("states:*"))
    assert refused(someone.client("stepfunctions").create_state_machine, name="m", roleArn=states.role, definition=text(1)) == "AccessDeniedException"
    assert refused(states.client.update_state_machine, stateMachineArn=states.machine(PASS)) == "MissingRequiredParameter"
    other = cloud.client("iam").create_role(RoleName="other", AssumeRolePolicyDocument=people.trusting({"Service": "ec2.amazonaws.com"}))["Role"]["Arn"]
    assert refused(states.client.create_state_machine, name="m", roleArn=other, definition=text(1)) == "AccessDeniedException"


def test_versions_are_numbered_and_stay_as_they_were(states):
    client, arn = states.client, states.machine(PASS)
    client.update_state_machine(stateMachineArn=arn, definition=text("one"))
    first = client.publish_state_machine_version(stateMachineArn=arn, description="d")["stateMachineVersionArn"]
    assert first == arn + ":1" and client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == first
    second = client.update_state_machine(stateMachineArn=arn, definition=text("two"), publish=True)["stateMachineVersionArn"]
    assert [one["stateMachineVersionArn"] for one in client.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]] == [second, first]
    assert client.describe_state_machine(stateMachineArn=first)["definition"] == text("one") and client.describe_state_machine(stateMachineArn=first)["description"] == "d"
    assert json.loads(states.end(states.start(first))["output"]) == "one" and json.loads(states.end(states.start(second))["output"]) == "two"
    client.delete_state_machine_version(stateMachineVersionArn=first)
    assert refused(client.start_execution, stateMachineArn=first) == "StateMachineDoesNotExist"


def test_an_alias_sends_executions_to_its_versions(states):
    client, arn = states.client, states.machine(PASS)
    first = client.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    second = client.update_state_machine(stateMachineArn=arn, definition=text("two"), publish=True)["stateMachineVersionArn"]
    alias = client.create_state_machine_alias(name="live", routingConfiguration=[{"stateMachineVersionArn": second, "weight": 100}])["stateMachineAliasArn"]
    assert alias == arn + ":live"
    found = states.end(states.start(alias))
    assert (json.loads(found["output"]), found["stateMachineVersionArn"], found["stateMachineAliasArn"]) == ("two", second, alias)
    assert refused(client.delete_state_machine_version, stateMachineVersionArn=second) == "ConflictException"
    assert refused(client.update_state_machine_alias, stateMachineAliasArn=alias, routingConfiguration=[{"stateMachineVersionArn": first, "weight": 50}]) == "ValidationException"
    client.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=[{"stateMachineVersionArn": first, "weight": 100}])
    assert client.describe_state_machine_alias(stateMachineAliasArn=alias)["routingConfiguration"] == [{"stateMachineVersionArn": first, "weight": 100}]
    assert len(client.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"]) == 1
    client.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert refused(client.describe_state_machine_alias, stateMachineAliasArn=alias) == "ResourceNotFound"
