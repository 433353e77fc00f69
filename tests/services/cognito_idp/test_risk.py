"""Threat protection's records of sign-ins, where they are logged, and addresses that are never let in."""
import json

from cloche.testing.people import allow, document, refused

from .conftest import Bench


def test_sign_ins_are_remembered_and_logged(cloud):
    plain = Bench(cloud)
    plain.person()
    refused("UserPoolAddOnNotEnabledException", plain.idp.admin_list_user_auth_events, UserPoolId=plain.pool, Username="ann")
    bench = Bench(cloud, UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"})
    bench.person()
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/users")
    group = f"arn:aws:logs:us-east-1:{cloud.account}:log-group:/users"
    logs.put_resource_policy(policyName="p", policyDocument=document(allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{group}:*", Principal={"Service": "delivery.logs.amazonaws.com"})))
    config = [{"LogLevel": "INFO", "EventSource": "userAuthEvents", "CloudWatchLogsConfiguration": {"LogGroupArn": group}}]
    refused("InvalidParameterException", bench.idp.set_log_delivery_configuration, UserPoolId=bench.pool, LogConfigurations=[config[0] | {"LogLevel": "ERROR"}])
    refused("FeatureUnavailableInTierException", plain.idp.set_log_delivery_configuration, UserPoolId=plain.pool, LogConfigurations=config)
    bench.idp.set_log_delivery_configuration(UserPoolId=bench.pool, LogConfigurations=config)
    assert bench.idp.get_log_delivery_configuration(UserPoolId=bench.pool)["LogDeliveryConfiguration"]["LogConfigurations"] == config
    refused("NotAuthorizedException", bench.sign_in, word="Wrong0ne!")
    cloud.advance(1)
    bench.tokens()
    ask = {"UserPoolId": bench.pool, "Username": "ann"}
    first = bench.idp.admin_list_user_auth_events(**ask, MaxResults=1)
    rest = bench.idp.admin_list_user_auth_events(**ask, MaxResults=1, NextToken=first["NextToken"])
    events = first["AuthEvents"] + rest["AuthEvents"]
    assert [(e["EventType"], e["EventResponse"]) for e in events] == [("SignIn", "Pass"), ("SignIn", "Fail")] and "NextToken" not in rest
    assert events[0]["EventContextData"]["IpAddress"] == "127.0.0.1"
    bench.idp.admin_update_auth_event_feedback(**ask, EventId=events[1]["EventId"], FeedbackValue="Invalid")
    assert bench.idp.admin_list_user_auth_events(**ask)["AuthEvents"][1]["EventFeedback"]["FeedbackValue"] == "Invalid"
    lines = [json.loads(e["message"])["message"] for e in logs.filter_log_events(logGroupName="/users")["events"]]
    assert [(one["eventType"], one["userName"], one["challenges"]) for one in lines] == [("SIGN_IN", "ann", ["Password:Failure"]), ("SIGN_IN", "ann", ["Password:Success"])]


def test_a_blocked_range_is_not_let_in(cloud):
    bench = Bench(cloud, UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"})
    bench.person()
    refused("InvalidParameterException", bench.idp.set_risk_configuration, UserPoolId=bench.pool, RiskExceptionConfiguration={"BlockedIPRangeList": ["nonsense"]})
    bench.idp.set_risk_configuration(UserPoolId=bench.pool, RiskExceptionConfiguration={"BlockedIPRangeList": ["127.0.0.0/8"]})
    assert refused("NotAuthorizedException", bench.sign_in) == "Unable to login because of security reasons."
    bench.idp.set_risk_configuration(UserPoolId=bench.pool, ClientId=bench.client, RiskExceptionConfiguration={"BlockedIPRangeList": ["10.0.0.0/8"]})
    assert bench.tokens()
    assert bench.idp.describe_risk_configuration(UserPoolId=bench.pool)["RiskConfiguration"]["RiskExceptionConfiguration"]["BlockedIPRangeList"] == ["127.0.0.0/8"]
