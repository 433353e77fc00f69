"""Signing in: passwords, SRP, new passwords, second factors, tokens and their end."""
import base64
import hmac
import http.client
import json

from cloche.languages import jwt
from cloche.services.cognito_idp import totp
from cloche.services.cognito_idp.srp import G, N
from cloche.testing.people import refused, trusting

from .conftest import WORD, Bench, claims, srp_proof


def test_a_password_gives_tokens_that_the_pools_keys_verify(bench):
    sub = bench.person()
    made = bench.tokens()
    assert made["TokenType"] == "Bearer" and made["ExpiresIn"] == 3600
    keys = bench.document(f"/{bench.pool}/.well-known/jwks.json")["keys"]
    assert len(keys) == 2
    for name in ("IdToken", "AccessToken"):
        token = jwt.read(made[name])
        jwt.verify(token, jwt.key_for(token, keys))
    id_, access = claims(made["IdToken"]), claims(made["AccessToken"])
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{bench.pool}"
    assert id_["iss"] == access["iss"] == issuer and id_["sub"] == access["sub"] == sub
    assert (id_["aud"], id_["token_use"], id_["cognito:username"], id_["email"], id_["email_verified"]) == (bench.client, "id", "ann", "ann@x.example", True)
    assert (access["client_id"], access["token_use"], access["username"], access["scope"]) == (bench.client, "access", "ann", "aws.cognito.signin.user.admin")
    assert access["exp"] - access["iat"] == 3600 and id_["origin_jti"] == access["origin_jti"]
    assert bench.document(f"/{bench.pool}/.well-known/openid-configuration")["jwks_uri"] == issuer + "/.well-known/jwks.json"


def test_srp_proves_a_password_without_sending_it(bench):
    bench.person()
    a = 0x1234567890ABCDEF << 200
    ask = lambda: bench.anonymous.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=bench.client, AuthParameters={"USERNAME": "ann", "SRP_A": f"{pow(G, a, N):x}"})
    short = bench.pool.split("_")[1]
    answer = ask()
    assert answer["ChallengeName"] == "PASSWORD_VERIFIER"
    respond = {"ClientId": bench.client, "ChallengeName": "PASSWORD_VERIFIER"}
    made = bench.anonymous.respond_to_auth_challenge(**respond, ChallengeResponses=srp_proof(short, "ann", WORD, a, answer))
    assert claims(made["AuthenticationResult"]["IdToken"])["cognito:username"] == "ann"
    said = refused("NotAuthorizedException", bench.anonymous.respond_to_auth_challenge, **respond, ChallengeResponses=srp_proof(short, "ann", "wrong", a, ask()))
    assert said == "Incorrect username or password."


def test_a_wrong_password_and_an_unknown_name_are_refused(bench):
    bench.person()
    assert refused("NotAuthorizedException", bench.sign_in, word="Wrong0ne!") == "Incorrect username or password."
    refused("UserNotFoundException", bench.sign_in, "nobody")
    client = bench.new_client(PreventUserExistenceErrors="ENABLED")
    assert refused("NotAuthorizedException", bench.sign_in, "nobody", client=client) == "Incorrect username or password."
    bench.idp.admin_disable_user(UserPoolId=bench.pool, Username="ann")
    assert refused("NotAuthorizedException", bench.sign_in) == "User is disabled."
    bench.idp.admin_enable_user(UserPoolId=bench.pool, Username="ann")
    assert bench.tokens()


def test_five_wrong_passwords_lock_a_user_out_for_a_while(bench):
    bench.person()
    for _ in range(8):
        refused("NotAuthorizedException", bench.sign_in, word="Wrong0ne!")
        bench.cloud.advance(10)
    for _ in range(2):
        said = refused("NotAuthorizedException", bench.sign_in, word="Wrong0ne!")
    assert said == "Password attempts exceeded" == refused("NotAuthorizedException", bench.sign_in)
    bench.cloud.advance(minutes=16)
    assert bench.tokens()


def test_a_flow_must_be_enabled_for_the_client(bench):
    bench.person()
    client = bench.new_client(ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
    assert refused("InvalidParameterException", bench.sign_in, client=client) == "USER_PASSWORD_AUTH flow not enabled for this client"


def test_a_client_with_a_secret_wants_its_hash(bench):
    bench.person()
    made = bench.idp.create_user_pool_client(UserPoolId=bench.pool, ClientName="s", GenerateSecret=True, ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])["UserPoolClient"]
    id_, secret = made["ClientId"], made["ClientSecret"]
    assert refused("NotAuthorizedException", bench.sign_in, client=id_) == f"Client {id_} is configured with secret but SECRET_HASH was not received"
    ask = {"USERNAME": "ann", "PASSWORD": WORD}
    said = refused("NotAuthorizedException", bench.anonymous.initiate_auth, AuthFlow="USER_PASSWORD_AUTH", ClientId=id_, AuthParameters=ask | {"SECRET_HASH": "bad="})
    assert said == f"Unable to verify secret hash for client {id_}"
    right = base64.b64encode(hmac.digest(secret.encode(), f"ann{id_}".encode(), "sha256")).decode()
    assert bench.anonymous.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=id_, AuthParameters=ask | {"SECRET_HASH": right})["AuthenticationResult"]
    second = bench.idp.add_user_pool_client_secret(UserPoolId=bench.pool, ClientId=id_)["ClientSecretDescriptor"]
    listed = bench.idp.list_user_pool_client_secrets(UserPoolId=bench.pool, ClientId=id_)["ClientSecrets"]
    assert len(listed) == 2
    bench.idp.delete_user_pool_client_secret(UserPoolId=bench.pool, ClientId=id_, ClientSecretId=second["ClientSecretId"])


def test_a_temporary_password_must_be_changed_and_runs_out(bench):
    bench.idp.admin_create_user(UserPoolId=bench.pool, Username="bob", TemporaryPassword="Temp0rary!", UserAttributes=[{"Name": "email", "Value": "bob@x.example"}],
                                DesiredDeliveryMediums=["EMAIL"])
    assert "Temp0rary!" in bench.cloud.control(f"mail?account={bench.cloud.account}&to=bob@x.example")["mail"][0]["body"]
    ask = {"UserPoolId": bench.pool, "ClientId": bench.client}
    answer = bench.idp.admin_initiate_auth(**ask, AuthFlow="ADMIN_USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "bob", "PASSWORD": "Temp0rary!"})
    assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    given = {**ask, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": answer["Session"]}
    refused("InvalidPasswordException", bench.idp.admin_respond_to_auth_challenge, **given, ChallengeResponses={"USERNAME": "bob", "NEW_PASSWORD": "short"})
    made = bench.idp.admin_respond_to_auth_challenge(**given, ChallengeResponses={"USERNAME": "bob", "NEW_PASSWORD": WORD})
    assert made["AuthenticationResult"]["IdToken"]
    bench.idp.admin_set_user_password(UserPoolId=bench.pool, Username="bob", Password="Temp0rary!", Permanent=False)
    bench.cloud.advance(days=8)
    assert "expired" in refused("NotAuthorizedException", bench.sign_in, "bob", "Temp0rary!")


def test_a_session_lasts_three_minutes(bench):
    bench.idp.admin_create_user(UserPoolId=bench.pool, Username="bob", TemporaryPassword="Temp0rary!", MessageAction="SUPPRESS")
    session = bench.sign_in("bob", "Temp0rary!")["Session"]
    bench.cloud.advance(181)
    said = refused("NotAuthorizedException", bench.anonymous.respond_to_auth_challenge, ClientId=bench.client, ChallengeName="NEW_PASSWORD_REQUIRED", Session=session,
                   ChallengeResponses={"USERNAME": "bob", "NEW_PASSWORD": WORD})
    assert said == "Invalid session for the user, session is expired."


def test_refresh_tokens_give_new_tokens_until_they_are_revoked(bench):
    bench.person()
    made = bench.tokens()
    ask = {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": bench.client, "AuthParameters": {"REFRESH_TOKEN": made["RefreshToken"]}}
    again = bench.anonymous.initiate_auth(**ask)["AuthenticationResult"]
    assert "RefreshToken" not in again and claims(again["AccessToken"])["origin_jti"] == claims(made["AccessToken"])["origin_jti"]
    bench.anonymous.revoke_token(Token=made["RefreshToken"], ClientId=bench.client)
    assert refused("NotAuthorizedException", bench.anonymous.initiate_auth, **ask) == "Refresh Token has been revoked"
    assert refused("NotAuthorizedException", bench.anonymous.get_user, AccessToken=again["AccessToken"]) == "Access Token has been revoked"


def test_rotating_refresh_tokens_are_used_once(bench):
    bench.person()
    client = bench.new_client(ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"], RefreshTokenRotation={"Feature": "ENABLED", "RetryGracePeriodSeconds": 0})
    first = bench.tokens(client=client)["RefreshToken"]
    made = bench.anonymous.get_tokens_from_refresh_token(RefreshToken=first, ClientId=client)["AuthenticationResult"]
    assert made["RefreshToken"] != first
    refused("NotAuthorizedException", bench.anonymous.get_tokens_from_refresh_token, RefreshToken=first, ClientId=client)


def test_access_tokens_end_by_time_and_by_signing_out_everywhere(bench):
    bench.person()
    one, two = bench.tokens()["AccessToken"], bench.tokens()["AccessToken"]
    bench.anonymous.global_sign_out(AccessToken=one)
    assert refused("NotAuthorizedException", bench.anonymous.get_user, AccessToken=two) == "Access Token has been revoked"
    three = bench.tokens()["AccessToken"]
    bench.idp.admin_user_global_sign_out(UserPoolId=bench.pool, Username="ann")
    refused("NotAuthorizedException", bench.anonymous.get_user, AccessToken=three)
    four = bench.tokens()["AccessToken"]
    bench.cloud.advance(3601)
    assert refused("NotAuthorizedException", bench.anonymous.get_user, AccessToken=four) == "Access Token has expired"
    head, body, _ = four.split(".")
    assert refused("NotAuthorizedException", bench.anonymous.get_user, AccessToken=f"{head}.{body}.AAAA") == "Invalid Access Token"


def test_a_software_token_is_the_second_factor(cloud):
    bench = Bench(cloud)
    on = bench.idp.set_user_pool_mfa_config(UserPoolId=bench.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True})
    assert bench.idp.get_user_pool_mfa_config(UserPoolId=bench.pool)["MfaConfiguration"] == on["MfaConfiguration"] == "OPTIONAL"
    bench.person()
    access = bench.tokens()["AccessToken"]
    secret = bench.anonymous.associate_software_token(AccessToken=access)["SecretCode"]
    code = lambda: totp.code(secret, int(cloud.now) // 30)
    refused("EnableSoftwareTokenMFAException", bench.anonymous.verify_software_token, AccessToken=access, UserCode="000000" if code() != "000000" else "000001")
    assert bench.anonymous.verify_software_token(AccessToken=access, UserCode=code())["Status"] == "SUCCESS"
    bench.anonymous.set_user_mfa_preference(AccessToken=access, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    cloud.advance(60)
    answer = bench.sign_in()
    assert answer["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    ask = {"ClientId": bench.client, "ChallengeName": "SOFTWARE_TOKEN_MFA", "Session": answer["Session"]}
    wrong = f"{(int(code()) + 1) % 1000000:06d}"
    refused("CodeMismatchException", bench.anonymous.respond_to_auth_challenge, **ask, ChallengeResponses={"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": wrong})
    assert bench.anonymous.respond_to_auth_challenge(**ask, ChallengeResponses={"USERNAME": "ann", "SOFTWARE_TOKEN_MFA_CODE": code()})["AuthenticationResult"]
    bench.idp.admin_set_user_mfa_preference(UserPoolId=bench.pool, Username="ann", SoftwareTokenMfaSettings={"Enabled": False})
    assert bench.tokens()


def test_a_pool_that_insists_on_mfa_sets_it_up_at_sign_in(bench):
    bench.idp.set_user_pool_mfa_config(UserPoolId=bench.pool, MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": True})
    bench.person()
    answer = bench.sign_in()
    assert answer["ChallengeName"] == "MFA_SETUP"
    begun = bench.anonymous.associate_software_token(Session=answer["Session"])
    code = totp.code(begun["SecretCode"], int(bench.cloud.now) // 30)
    done = bench.anonymous.verify_software_token(Session=begun["Session"], UserCode=code)
    assert bench.anonymous.respond_to_auth_challenge(ClientId=bench.client, ChallengeName="MFA_SETUP", Session=done["Session"], ChallengeResponses={"USERNAME": "ann"})["AuthenticationResult"]


def test_what_does_not_fit_is_said_without_the_password(bench):
    said = refused("InvalidParameterException", bench.anonymous.sign_up, ClientId=bench.client, Username="ann", Password="has a space")
    assert said == r"1 validation error detected: Value at 'password' failed to satisfy constraint: Member must satisfy regular expression pattern: [\S]+"


def test_a_code_by_text_message_is_the_second_factor(cloud):
    role = cloud.client("iam").create_role(RoleName="sms", AssumeRolePolicyDocument=trusting({"Service": "cognito-idp.amazonaws.com"}))["Role"]["Arn"]
    bench = Bench(cloud)
    bench.idp.set_user_pool_mfa_config(UserPoolId=bench.pool, MfaConfiguration="OPTIONAL", SmsMfaConfiguration={"SmsConfiguration": {"SnsCallerArn": role, "ExternalId": "x"}})
    bench.person(phone_number="+15550100123", phone_number_verified="true")
    bench.anonymous.set_user_mfa_preference(AccessToken=bench.tokens()["AccessToken"], SMSMfaSettings={"Enabled": True, "PreferredMfa": True})
    answer = bench.sign_in()
    assert answer["ChallengeName"] == "SMS_MFA" and answer["ChallengeParameters"]["CODE_DELIVERY_DELIVERY_MEDIUM"] == "SMS"
    assert answer["ChallengeParameters"]["CODE_DELIVERY_DESTINATION"] == "+*******0123"
    given = {"ClientId": bench.client, "ChallengeName": "SMS_MFA", "Session": answer["Session"]}
    code = bench.code("+15550100123")
    wrong = f"{(int(code) + 1) % 1000000:06d}"
    refused("CodeMismatchException", bench.anonymous.respond_to_auth_challenge, **given, ChallengeResponses={"USERNAME": "ann", "SMS_MFA_CODE": wrong})
    assert bench.anonymous.respond_to_auth_challenge(**given, ChallengeResponses={"USERNAME": "ann", "SMS_MFA_CODE": code})["AuthenticationResult"]["IdToken"]


def test_srp_with_a_secret_and_for_nobody(bench):
    """A client with a secret sends its hash at both steps; of an unknown name a client that hides people gets a challenge all the same."""
    bench.person()
    made = bench.idp.create_user_pool_client(UserPoolId=bench.pool, ClientName="s", GenerateSecret=True, ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"], PreventUserExistenceErrors="ENABLED")["UserPoolClient"]
    id_, short, a = made["ClientId"], bench.pool.split("_")[1], 0xABCDEF1234567 << 190
    hash_ = lambda name: base64.b64encode(hmac.digest(made["ClientSecret"].encode(), f"{name}{id_}".encode(), "sha256")).decode()
    begin = lambda name: bench.anonymous.initiate_auth(AuthFlow="USER_SRP_AUTH", ClientId=id_, AuthParameters={"USERNAME": name, "SRP_A": f"{pow(G, a, N):x}", "SECRET_HASH": hash_(name)})
    respond = lambda name, answer, **more: bench.anonymous.respond_to_auth_challenge(
        ClientId=id_, ChallengeName="PASSWORD_VERIFIER", ChallengeResponses=srp_proof(short, name, WORD, a, answer) | {"SECRET_HASH": hash_(name)} | more)
    assert respond("ann", begin("ann"))["AuthenticationResult"]["AccessToken"]
    assert refused("NotAuthorizedException", respond, "nobody", begin("nobody")) == "Incorrect username or password."
    refused("NotAuthorizedException", respond, "ann", begin("ann"), SECRET_HASH="bad=")
    refused("InvalidParameterException", respond, "ann", begin("ann"), TIMESTAMP="2025-11-04T10:11:12Z")


def test_a_pools_keys_are_at_its_issuers_address(bench):
    place = http.client.HTTPConnection("127.0.0.1", bench.cloud.port, timeout=10)
    told = {}
    for name in ("jwks.json", "openid-configuration"):
        place.request("GET", f"/{bench.pool}/.well-known/{name}", headers={"host": "cognito-idp.us-east-1.amazonaws.com"})
        told[name] = json.loads(place.getresponse().read())
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{bench.pool}"
    assert [(k["alg"], k["kty"], k["use"]) for k in told["jwks.json"]["keys"]] == [("RS256", "RSA", "sig")] * 2
    assert (told["openid-configuration"]["issuer"], told["openid-configuration"]["jwks_uri"]) == (issuer, f"{issuer}/.well-known/jwks.json")
    bench.person()
    made = bench.tokens()
    kids = {jwt.read(made[name]).head["kid"] for name in ("IdToken", "AccessToken")}
    assert kids == {k["kid"] for k in told["jwks.json"]["keys"]} and {jwt.read(made[n]).head["alg"] for n in ("IdToken", "AccessToken")} == {"RS256"}


def test_tokens_live_an_hour_and_from_five_minutes_to_a_day(bench):
    bench.person()
    made = bench.tokens()
    for name in ("IdToken", "AccessToken"):
        told = claims(made[name])
        assert told["exp"] - told["iat"] == 3600 and told["auth_time"] <= told["iat"] <= bench.cloud.now + 1
    for minutes in (4, 1441):
        said = refused("InvalidParameterException", bench.new_client, AccessTokenValidity=minutes, TokenValidityUnits={"AccessToken": "minutes"})
        assert said == "Invalid range for AccessToken validity."
    short = bench.new_client(AccessTokenValidity=5, IdTokenValidity=1, TokenValidityUnits={"AccessToken": "minutes", "IdToken": "days"})
    made = bench.tokens(client=short)
    assert [claims(made[n])["exp"] - claims(made[n])["iat"] for n in ("AccessToken", "IdToken")] == [300, 86400]
    refresh = {"AuthFlow": "REFRESH_TOKEN_AUTH", "ClientId": bench.client, "AuthParameters": {"REFRESH_TOKEN": bench.tokens()["RefreshToken"]}}
    bench.cloud.advance(days=29)
    again = claims(bench.anonymous.initiate_auth(**refresh)["AuthenticationResult"]["AccessToken"])
    assert abs(again["iat"] - bench.cloud.now) < 5                    # by the virtual clock
    bench.cloud.advance(days=2)
    assert refused("NotAuthorizedException", bench.anonymous.initiate_auth, **refresh) == "Refresh Token has expired"


def test_a_client_may_do_without_revocation(bench):
    bench.person()
    plain = bench.new_client(EnableTokenRevocation=False)
    made = bench.tokens(client=plain)
    assert "origin_jti" not in claims(made["AccessToken"])
    refused("UnsupportedOperationException", bench.anonymous.revoke_token, Token=made["RefreshToken"], ClientId=plain)


def test_people_are_in_one_of_the_documented_states(bench):
    state = lambda name: bench.idp.admin_get_user(UserPoolId=bench.pool, Username=name)["UserStatus"]
    mail = [{"Name": "email", "Value": "x@x.example"}, {"Name": "email_verified", "Value": "true"}]
    bench.anonymous.sign_up(ClientId=bench.client, Username="new", Password=WORD, UserAttributes=mail[:1])
    assert state("new") == "UNCONFIRMED"
    bench.idp.admin_confirm_sign_up(UserPoolId=bench.pool, Username="new")
    assert state("new") == "CONFIRMED"
    bench.idp.admin_create_user(UserPoolId=bench.pool, Username="made", MessageAction="SUPPRESS", UserAttributes=mail)
    assert state("made") == "FORCE_CHANGE_PASSWORD"
    bench.person("old")
    bench.idp.admin_reset_user_password(UserPoolId=bench.pool, Username="old")
    assert state("old") == "RESET_REQUIRED"
