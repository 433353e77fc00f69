"""Remembered devices: a device proves itself by SRP, and no second factor is asked of it."""
import base64
import hashlib

from cloche.services.cognito_idp import totp
from cloche.services.cognito_idp.srp import G, N
from cloche.testing.people import refused

from .conftest import WORD, Bench, claims, pad, sha, srp_proof


def test_a_remembered_device_needs_no_second_factor(cloud):
    bench = Bench(cloud, DeviceConfiguration={"ChallengeRequiredOnNewDevice": True, "DeviceOnlyRememberedOnUserPrompt": True})
    bench.idp.set_user_pool_mfa_config(UserPoolId=bench.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True})
    bench.person()
    made = bench.tokens()
    access, told = made["AccessToken"], made["NewDeviceMetadata"]
    assert claims(access)["device_key"] == told["DeviceKey"] and told["DeviceKey"].startswith("us-east-1_")
    secret = bench.anonymous.associate_software_token(AccessToken=access)["SecretCode"]
    bench.anonymous.verify_software_token(AccessToken=access, UserCode=totp.code(secret, int(cloud.now) // 30))
    bench.anonymous.set_user_mfa_preference(AccessToken=access, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
    key, group, salt = told["DeviceKey"], told["DeviceGroupKey"], "1f" * 16
    x = int(sha(pad(salt) + hashlib.sha256(f"{group}{key}:device-secret".encode()).hexdigest()), 16)
    proof = {"Salt": base64.b64encode(bytes.fromhex(salt)).decode(), "PasswordVerifier": base64.b64encode(bytes.fromhex(pad(f"{pow(G, x, N):x}"))).decode()}
    assert bench.anonymous.confirm_device(AccessToken=access, DeviceKey=key, DeviceSecretVerifierConfig=proof, DeviceName="phone")["UserConfirmationNecessary"] is True
    begin = lambda: bench.anonymous.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=bench.client, AuthParameters={"USERNAME": "ann", "PASSWORD": WORD, "DEVICE_KEY": key})
    assert begin()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"                   # confirmed, but not remembered yet
    bench.anonymous.update_device_status(AccessToken=access, DeviceKey=key, DeviceRememberedStatus="remembered")
    a = 0xABCDEF << 220

    def prove(word):
        asked = begin()
        assert asked["ChallengeName"] == "DEVICE_SRP_AUTH"
        answer = bench.anonymous.respond_to_auth_challenge(ClientId=bench.client, ChallengeName="DEVICE_SRP_AUTH", Session=asked["Session"], ChallengeResponses={
            "USERNAME": "ann", "DEVICE_KEY": key, "SRP_A": f"{pow(G, a, N):x}"})
        assert answer["ChallengeName"] == "DEVICE_PASSWORD_VERIFIER"
        answer["ChallengeParameters"]["USER_ID_FOR_SRP"] = key
        given = srp_proof(group, key, word, a, answer)
        return bench.anonymous.respond_to_auth_challenge(ClientId=bench.client, ChallengeName="DEVICE_PASSWORD_VERIFIER", ChallengeResponses=given | {"USERNAME": "ann", "DEVICE_KEY": key})
    result = prove("device-secret")["AuthenticationResult"]
    assert "NewDeviceMetadata" not in result and claims(result["AccessToken"])["device_key"] == key
    refused("NotAuthorizedException", prove, "another")
    assert bench.sign_in()["ChallengeName"] == "SOFTWARE_TOKEN_MFA"           # another device


def test_devices_are_seen_and_forgotten(cloud):
    bench = Bench(cloud, DeviceConfiguration={"ChallengeRequiredOnNewDevice": False, "DeviceOnlyRememberedOnUserPrompt": False})
    bench.person()
    made = bench.tokens()
    access, key = made["AccessToken"], made["NewDeviceMetadata"]["DeviceKey"]
    proof = {"Salt": "c2FsdA==", "PasswordVerifier": "dmVyaWZpZXI="}
    refused("InvalidParameterException", bench.anonymous.confirm_device, AccessToken=access, DeviceKey=key)
    assert bench.anonymous.confirm_device(AccessToken=access, DeviceKey=key, DeviceSecretVerifierConfig=proof)["UserConfirmationNecessary"] is False
    status = lambda device: {a["Name"]: a["Value"] for a in device["DeviceAttributes"]}["dev:device_remembered_status"]
    assert status(bench.anonymous.get_device(AccessToken=access, DeviceKey=key)["Device"]) == "remembered"
    who = {"UserPoolId": bench.pool, "Username": "ann"}
    bench.idp.admin_update_device_status(**who, DeviceKey=key, DeviceRememberedStatus="not_remembered")
    assert status(bench.idp.admin_get_device(**who, DeviceKey=key)["Device"]) == "not_remembered"
    second = bench.tokens()["NewDeviceMetadata"]["DeviceKey"]
    first = bench.anonymous.list_devices(AccessToken=access, Limit=1)
    rest = bench.idp.admin_list_devices(**who, Limit=1, PaginationToken=first["PaginationToken"])
    assert sorted(d["DeviceKey"] for d in first["Devices"] + rest["Devices"]) == sorted([key, second])
    bench.anonymous.forget_device(AccessToken=access, DeviceKey=key)
    bench.idp.admin_forget_device(**who, DeviceKey=second)
    assert bench.anonymous.list_devices(AccessToken=access)["Devices"] == []
    refused("ResourceNotFoundException", bench.idp.admin_get_device, **who, DeviceKey=key)
