"""Lambda triggers: one function for all of them, which says what it saw in what it answers."""
from cloche.testing.people import refused

from ..lambda_.conftest import Bench as Functions
from .conftest import WORD, Bench, claims

CODE = """
def handler(event, context):
    source, request, response = event["triggerSource"], event["request"], event["response"]
    if source == "PreSignUp_SignUp":
        if event["userName"] == "bad":
            raise Exception("no bad people")
        response["autoConfirmUser"] = response["autoVerifyEmail"] = event["userName"] == "auto"
    elif source.startswith("CustomMessage"):
        response["emailSubject"], response["emailMessage"] = source, "Hello, " + request["codeParameter"]
    elif source == "PreAuthentication_Authentication":
        if request["userAttributes"].get("nickname") == "barred":
            raise Exception("barred")
    elif source.startswith("TokenGeneration"):
        response["claimsOverrideDetails"] = {"claimsToAddOrOverride": {"source": source, "sub": "x"}, "claimsToSuppress": ["email"], "groupOverrideDetails": {"groupsToOverride": ["made"]}}
    elif source == "UserMigration_Authentication":
        if request["password"] == "Old0ne!word":
            response["userAttributes"], response["finalUserStatus"] = {"email": "old@x.example", "email_verified": "true"}, "CONFIRMED"
    elif source == "DefineAuthChallenge_Authentication":
        past = request["session"]
        response["issueTokens"] = bool(past and past[-1]["challengeResult"])
        response["failAuthentication"] = len(past) > 1 and not response["issueTokens"]
        response["challengeName"] = "CUSTOM_CHALLENGE"
    elif source == "CreateAuthChallenge_Authentication":
        response["publicChallengeParameters"], response["privateChallengeParameters"] = {"question": "1+1"}, {"answer": "2"}
    elif source == "VerifyAuthChallengeResponse_Authentication":
        response["answerCorrect"] = request["challengeAnswer"] == request["privateChallengeParameters"]["answer"]
    return event
"""
NAMES = ("PreSignUp", "CustomMessage", "PostConfirmation", "PreAuthentication", "PostAuthentication", "PreTokenGeneration", "UserMigration", "DefineAuthChallenge", "CreateAuthChallenge",
         "VerifyAuthChallengeResponse")


def test_functions_are_asked_at_every_turn_of_a_sign_in(cloud):
    functions = Functions(cloud)
    arn = functions.deploy("t", CODE)["FunctionArn"]
    bench = Bench(cloud, LambdaConfig=dict.fromkeys(NAMES, arn))
    up = {"ClientId": bench.client, "Password": WORD}
    mail = [{"Name": "email", "Value": "ann@x.example"}]
    assert "AccessDenied" in refused("UnexpectedLambdaException", bench.anonymous.sign_up, Username="ann", **up)
    pool = f"arn:aws:cognito-idp:us-east-1:{cloud.account}:userpool/{bench.pool}"
    functions.client.add_permission(FunctionName="t", StatementId="s", Action="lambda:InvokeFunction", Principal="cognito-idp.amazonaws.com", SourceArn=pool)
    assert refused("UserLambdaValidationException", bench.anonymous.sign_up, Username="bad", **up) == "PreSignUp failed with error no bad people."
    bench.anonymous.sign_up(Username="ann", UserAttributes=mail, **up)
    sent = cloud.control(f"mail?account={cloud.account}&to=ann@x.example")["mail"][0]
    assert sent["subject"] == "CustomMessage_SignUp" and sent["body"] == f"Hello, {bench.code()}"
    assert bench.anonymous.sign_up(Username="auto", UserAttributes=[{"Name": "email", "Value": "auto@x.example"}], **up)["UserConfirmed"] is True
    made = claims(bench.tokens("auto")["IdToken"])
    assert made["source"] == "TokenGeneration_Authentication" and made["cognito:groups"] == ["made"] and "email" not in made and made["sub"] != "x"
    bench.idp.admin_update_user_attributes(UserPoolId=bench.pool, Username="auto", UserAttributes=[{"Name": "nickname", "Value": "barred"}])
    assert refused("UserLambdaValidationException", bench.sign_in, "auto") == "PreAuthentication failed with error barred."
    refused("UserNotFoundException", bench.sign_in, "old", "Wrong0ne!")
    assert bench.tokens("old", "Old0ne!word")
    assert bench.idp.admin_get_user(UserPoolId=bench.pool, Username="old")["UserStatus"] == "CONFIRMED"
    ask = {"AuthFlow": "CUSTOM_AUTH", "ClientId": bench.client, "AuthParameters": {"USERNAME": "old"}}
    answer = bench.anonymous.initiate_auth(**ask)
    assert answer["ChallengeName"] == "CUSTOM_CHALLENGE" and answer["ChallengeParameters"]["question"] == "1+1"
    respond = {"ClientId": bench.client, "ChallengeName": "CUSTOM_CHALLENGE"}
    again = bench.anonymous.respond_to_auth_challenge(**respond, Session=answer["Session"], ChallengeResponses={"USERNAME": "old", "ANSWER": "3"})
    assert again["ChallengeName"] == "CUSTOM_CHALLENGE"
    assert bench.anonymous.respond_to_auth_challenge(**respond, Session=again["Session"], ChallengeResponses={"USERNAME": "old", "ANSWER": "2"})["AuthenticationResult"]["AccessToken"]


def test_confirmation_is_told_to_the_pools_function(cloud):
    functions = Functions(cloud)
    code = "import json\ndef handler(event, context):\n    print(json.dumps([event['triggerSource'], event['userName'], event['request']['userAttributes']['email']]))\n    return event\n"
    arn = functions.deploy("c", code)["FunctionArn"]
    bench = Bench(cloud, LambdaConfig={"PostConfirmation": arn, "PostAuthentication": arn})
    functions.client.add_permission(FunctionName="c", StatementId="s", Action="lambda:InvokeFunction", Principal="cognito-idp.amazonaws.com")
    bench.anonymous.sign_up(ClientId=bench.client, Username="ann", Password=WORD, UserAttributes=[{"Name": "email", "Value": "ann@x.example"}])
    bench.anonymous.confirm_sign_up(ClientId=bench.client, Username="ann", ConfirmationCode=bench.code())
    bench.tokens()
    cloud.advance(5)
    lines = [e["message"].strip() for e in cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/c")["events"]]
    for source in ("PostConfirmation_ConfirmSignUp", "PostAuthentication_Authentication"):
        assert f'["{source}", "ann", "ann@x.example"]' in lines
