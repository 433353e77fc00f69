"""OpsItems, made by people and by alarms."""
import json

import pytest
from botocore.exceptions import ClientError


def refused(function, **more):
    with pytest.raises(ClientError) as error:
        function(**more)
    return error.value.response["Error"]["Code"]


def test_an_ops_item_is_made_changed_found_and_deleted(cloud):
    ssm = cloud.client("ssm")
    data = {"/aws/dedup": {"Value": '{"dedupString": "d"}', "Type": "SearchableString"}, "cause": {"Value": "disk", "Type": "SearchableString"}}
    made = ssm.create_ops_item(Title="Disk full", Description="d", Source="me", Severity="2", Category="Availability", Priority=3, OperationalData=data, Tags=[{"Key": "a", "Value": "b"}])
    id_ = made["OpsItemId"]
    assert id_.startswith("oi-") and len(id_) == 15 and made["OpsItemArn"] == f"arn:aws:ssm:us-east-1:{cloud.account}:opsitem/{id_}"
    found = ssm.get_ops_item(OpsItemId=id_)["OpsItem"]
    assert (found["Status"], found["Title"], found["OpsItemType"], found["Version"], found["OperationalData"]["cause"]["Value"]) == ("Open", "Disk full", "/aws/issue", "1", "disk")
    assert refused(ssm.create_ops_item, Title="Again", Description="d", Source="me", OperationalData=data) == "OpsItemAlreadyExistsException"
    assert refused(ssm.create_ops_item, Title="T", Description="d", Source="me", Severity="9") == "OpsItemInvalidParameterException"
    assert refused(ssm.get_ops_item, OpsItemId="oi-000000000000") == "OpsItemNotFoundException"
    ssm.update_ops_item(OpsItemId=id_, Status="Resolved", OperationalData={"fix": {"Value": "rm"}}, OperationalDataToDelete=["cause"])
    found = ssm.get_ops_item(OpsItemId=id_)["OpsItem"]
    assert (found["Status"], found["Version"], sorted(found["OperationalData"])) == ("Resolved", "2", ["/aws/dedup", "fix"])
    other = ssm.create_ops_item(Title="Again", Description="d", Source="me", OperationalData=data)["OpsItemId"]  # the first is resolved
    find = lambda *filters: [one["OpsItemId"] for one in ssm.describe_ops_items(OpsItemFilters=[{"Key": k, "Values": [v], "Operator": o} for k, v, o in filters])["OpsItemSummaries"]]
    assert find(("Status", "Open", "Equal")) == [other] and find(("Title", "Disk", "Contains")) == [id_] and find(("OperationalDataValue", "disk", "Equal")) == [other]
    assert [e["DetailType"] for e in ssm.list_ops_item_events(Filters=[{"Key": "OpsItemId", "Values": [id_], "Operator": "Equal"}])["Summaries"]] == ["OpsItem Update", "OpsItem Create"]
    link = {"OpsItemId": id_, "AssociationType": "RelatesTo", "ResourceType": "AWS::SSMIncidents::IncidentRecord", "ResourceUri": "arn:aws:x"}
    association = ssm.associate_ops_item_related_item(**link)["AssociationId"]
    assert refused(ssm.associate_ops_item_related_item, **link) == "OpsItemRelatedItemAlreadyExistsException"
    assert [it["ResourceUri"] for it in ssm.list_ops_item_related_items(OpsItemId=id_)["Summaries"]] == ["arn:aws:x"]
    ssm.disassociate_ops_item_related_item(OpsItemId=id_, AssociationId=association)
    assert refused(ssm.disassociate_ops_item_related_item, OpsItemId=id_, AssociationId=association) == "OpsItemRelatedItemAssociationNotFoundException"
    ssm.delete_ops_item(OpsItemId=id_)
    assert refused(ssm.get_ops_item, OpsItemId=id_) == "OpsItemNotFoundException"


def test_an_alarm_opens_an_ops_item_and_no_second_while_it_is_open(cloud):
    ssm, cw = cloud.client("ssm"), cloud.client("cloudwatch")
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Threshold": 1, "Statistic": "Sum", "ComparisonOperator": "GreaterThanThreshold"}
    action = f"arn:aws:ssm:us-east-1:{cloud.account}:opsitem:3#CATEGORY=Security"
    assert refused(cw.put_metric_alarm, AlarmName="bad", **alarm, AlarmActions=[action.replace(":3#", ":9#")]) == "ValidationError"
    cw.put_metric_alarm(AlarmName="loud", **alarm, AlarmActions=[action])
    for state in ("ALARM", "OK", "ALARM"):
        cw.set_alarm_state(AlarmName="loud", StateValue=state, StateReason="r")
    [item] = ssm.describe_ops_items()["OpsItemSummaries"]
    assert (item["Title"], item["Severity"], item["Category"], item["Status"]) == ("CloudWatch alarm - 'loud' is in 'ALARM' state", "3", "Security", "Open")
    assert json.loads(item["OperationalData"]["/aws/resources"]["Value"])[0]["arn"].endswith(":alarm:loud")
    assert any(r["RoleName"] == "AWSServiceRoleForCloudWatchAlarms_ActionSSM" for r in cloud.client("iam").list_roles()["Roles"])
    history = cw.describe_alarm_history(AlarmName="loud", HistoryItemType="Action")["AlarmHistoryItems"]
    assert "Successfully executed action" in history[0]["HistorySummary"]
