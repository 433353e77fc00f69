"""Choice-based sign-in, and what somebody has to begin with."""
from cloche.testing.people import refused

from .conftest import WORD, Bench


def test_the_pool_offers_what_a_person_may_begin_with(cloud):
    bench = Bench(cloud, Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"]}})
    bench.person()
    client = bench.new_client(ExplicitAuthFlows=["ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    begin = lambda **more: bench.anonymous.initiate_auth(AuthFlow="USER_AUTH", ClientId=client, AuthParameters={"USERNAME": "ann"} | more)
    refused("InvalidParameterException", bench.anonymous.initiate_auth, AuthFlow="USER_AUTH", ClientId=bench.client, AuthParameters={"USERNAME": "ann"})
    asked = begin()
    assert asked["ChallengeName"] == "SELECT_CHALLENGE" and asked["AvailableChallenges"] == ["PASSWORD_SRP", "PASSWORD", "EMAIL_OTP"]
    respond = lambda answer, **given: bench.anonymous.respond_to_auth_challenge(
        ClientId=client, ChallengeName=answer["ChallengeName"], Session=answer["Session"], ChallengeResponses={"USERNAME": "ann"} | given)
    refused("InvalidParameterException", respond, asked, ANSWER="SMS_OTP")
    sent = respond(asked, ANSWER="EMAIL_OTP")
    assert (sent["ChallengeName"], sent["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"]) == ("EMAIL_OTP", "a***@x***")
    code = bench.code()
    refused("CodeMismatchException", respond, sent, EMAIL_OTP_CODE=f"{(int(code) + 1) % 1000000:06d}")
    access = respond(sent, EMAIL_OTP_CODE=code)["AuthenticationResult"]["AccessToken"]
    assert respond(begin(), ANSWER="PASSWORD", PASSWORD=WORD)["AuthenticationResult"]
    assert begin(PREFERRED_CHALLENGE="PASSWORD", PASSWORD=WORD)["AuthenticationResult"]
    assert refused("NotAuthorizedException", begin, PREFERRED_CHALLENGE="PASSWORD", PASSWORD="Wrong0ne!") == "Incorrect username or password."
    assert respond(begin(PREFERRED_CHALLENGE="PASSWORD"), PASSWORD=WORD)["AuthenticationResult"]
    assert begin(PREFERRED_CHALLENGE="EMAIL_OTP")["ChallengeName"] == "EMAIL_OTP"
    assert bench.anonymous.get_user_auth_factors(AccessToken=access)["ConfiguredUserAuthFactors"] == ["PASSWORD", "EMAIL_OTP"]
    assert bench.idp.admin_get_user_auth_factors(UserPoolId=bench.pool, Username="ann")["Username"] == "ann"


def test_old_mfa_settings_are_text_messages_and_a_software_token_can_be_taken_away(bench):
    bench.person(phone_number="+15550100123")
    access = bench.tokens()["AccessToken"]
    sms = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
    bench.anonymous.set_user_settings(AccessToken=access, MFAOptions=sms)
    assert bench.anonymous.get_user(AccessToken=access)["MFAOptions"] == sms
    refused("InvalidParameterException", bench.anonymous.set_user_settings, AccessToken=access, MFAOptions=[{"DeliveryMedium": "EMAIL", "AttributeName": "email"}])
    bench.idp.admin_set_user_settings(UserPoolId=bench.pool, Username="ann", MFAOptions=[])
    assert "MFAOptions" not in bench.anonymous.get_user(AccessToken=access)
    bench.idp.admin_delete_software_token(UserPoolId=bench.pool, Username="ann")
    assert "UserMFASettingList" not in bench.idp.admin_get_user(UserPoolId=bench.pool, Username="ann")
