"""Resources that are there already, taken into a stack."""
import pytest
from botocore.exceptions import ClientError

from .templates import events, outputs, queue, resources, status, template


def kept(**properties):
    return {**queue(**properties), "DeletionPolicy": "Retain"}


def change_set(cfn, name, body, *wanted, **more):
    to_import = [{"ResourceType": "AWS::SQS::Queue", "LogicalResourceId": logical, "ResourceIdentifier": {"QueueUrl": url}} for logical, url in wanted]
    arguments = {"StackName": name, "ChangeSetName": "import", "ChangeSetType": "IMPORT", "TemplateBody": body, "ResourcesToImport": to_import, **more}
    return cfn.create_change_set(**arguments)["Id"]


def test_a_queue_that_is_there_becomes_a_resource_of_a_new_stack(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    url = sqs.create_queue(QueueName="mine", Attributes={"VisibilityTimeout": "10"})["QueueUrl"]
    body = template({"Q": kept(QueueName="mine", VisibilityTimeout=10)}, Outputs={"Arn": {"Value": {"Fn::GetAtt": ["Q", "Arn"]}}})
    id_ = change_set(cfn, "imp", body, ("Q", url))
    assert status(cfn, "imp") == "REVIEW_IN_PROGRESS"
    [change] = cfn.describe_change_set(ChangeSetName=id_)["Changes"]
    assert change["ResourceChange"]["Action"] == "Import" and change["ResourceChange"]["PhysicalResourceId"] == url
    cfn.execute_change_set(ChangeSetName=id_)
    assert status(cfn, "imp") == "IMPORT_COMPLETE" and resources(cfn, "imp")["Q"]["PhysicalResourceId"] == url
    assert outputs(cfn, "imp")["Arn"].endswith(":mine")
    assert [x for x in events(cfn, "imp") if x[0] == "Q"] == [("Q", "IMPORT_IN_PROGRESS"), ("Q", "IMPORT_COMPLETE")]
    assert [x for x in events(cfn, "imp") if x[0] == "imp"][1:] == [("imp", "IMPORT_IN_PROGRESS"), ("imp", "IMPORT_COMPLETE")]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"]["aws:cloudformation:stack-name"] == "imp"
    # from now on it is the stack's
    cfn.update_stack(StackName="imp", TemplateBody=body.replace("10", "20"))
    assert status(cfn, "imp") == "UPDATE_COMPLETE"
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "20"


def test_an_import_into_a_stack_changes_nothing_else_and_fails_if_nothing_is_there(cloud):
    cfn, sqs = cloud.client("cloudformation"), cloud.client("sqs")
    cfn.create_stack(StackName="imp", TemplateBody=template({"A": queue()}))
    assert status(cfn, "imp") == "CREATE_COMPLETE"
    url = sqs.create_queue(QueueName="mine")["QueueUrl"]
    both = template({"A": queue(), "Q": kept(QueueName="mine")})

    def says(body, *wanted):
        with pytest.raises(ClientError) as error:
            change_set(cfn, "imp", body, *wanted)
        return error.value.response["Error"]["Message"]

    assert says(template({"A": queue(), "Q": queue(QueueName="mine")}), ("Q", url)) == "The following resources to import [Q] must have DeletionPolicy attribute specified in the template"
    assert says(template({"A": queue(), "B": queue(), "Q": kept(QueueName="mine")}), ("Q", url)) == "Resources [B] is missing from ResourceToImport list"
    assert "You have modified resources [A]" in says(template({"A": queue(DelaySeconds=1), "Q": kept(QueueName="mine")}), ("Q", url))
    assert "do not exist in the template" in says(both, ("Z", url))
    id_ = change_set(cfn, "imp", both, ("Q", url + "x"), ChangeSetName="bad")
    cfn.execute_change_set(ChangeSetName=id_)
    assert status(cfn, "imp") == "IMPORT_ROLLBACK_COMPLETE"
    assert ("Q", "IMPORT_FAILED") in events(cfn, "imp") and set(resources(cfn, "imp")) == {"A"}
    cfn.execute_change_set(ChangeSetName=change_set(cfn, "imp", both, ("Q", url)))
    assert status(cfn, "imp") == "IMPORT_COMPLETE" and set(resources(cfn, "imp")) == {"A", "Q"}


def test_a_change_set_may_import_what_bears_its_custom_names(cloud):
    cfn = cloud.client("cloudformation")
    cloud.client("dynamodb").create_table(TableName="mine", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
                                          AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])
    table = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain", "Properties": {
        "TableName": "mine", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]}}
    id_ = cfn.create_change_set(StackName="ex", ChangeSetName="c", ChangeSetType="CREATE", ImportExistingResources=True, TemplateBody=template({"T": table, "Q": queue()}))["Id"]
    actions = {x["ResourceChange"]["LogicalResourceId"]: x["ResourceChange"]["Action"] for x in cfn.describe_change_set(ChangeSetName=id_)["Changes"]}
    assert actions == {"T": "Import", "Q": "Add"}
    cfn.execute_change_set(ChangeSetName=id_)
    assert status(cfn, "ex") == "CREATE_COMPLETE" and resources(cfn, "ex")["T"]["PhysicalResourceId"] == "mine"
