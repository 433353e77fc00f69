"""Login profiles (console passwords) and the account's password policy. Only a salted hash of a password is kept."""
from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from cloche.kernel import ANY, Call, Record

from . import errors, users
from . import service as iam
from .names import moment
from .root_access import RootLogin, nameless
from .users import User

if TYPE_CHECKING:
    from cloche.shapes import iam as t

SYMBOLS = set("!@#$%^&*()_+-=[]{}|'")
# What holds in an account without a policy of its own: three kinds of characters of four, eight of them.
DEFAULTS = {
    "MinimumPasswordLength": 6, "RequireSymbols": False, "RequireNumbers": False, "RequireUppercaseCharacters": False, "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False, "ExpirePasswords": False,
}


class Login(Record, frozen=True):
    kind = "iam.login"
    scope = "account"

    user: str
    created: float
    salt: str
    hash: str
    reset: bool = False
    changed: float = 0.0
    earlier: list[tuple[str, str]] = []                # (salt, hash) of former passwords, the latest first

    @property
    def key(self) -> str:
        return self.user.lower()


class PasswordPolicy(Record, frozen=True):
    kind = "iam.password-policy"
    scope = "account"

    rules: dict[str, Any]

    @property
    def key(self) -> str:
        return "policy"


def find(call: Call, name: str) -> Login:
    users.find(call, name)
    found = call.get(Login, name.lower())
    if found is None:
        raise errors.no_such_login(name)
    return found


def roots(call: Call) -> RootLogin:
    found = call.get(RootLogin, "root")
    if found is None:
        raise errors.no_such_login("root")
    return found


def rename(call: Call, user: User, name: str) -> None:
    if found := call.get(Login, user.key):
        call.delete(found)
        call.put(found.but(user=name))


def hashed(password: str, salt: str) -> str:
    return hashlib.scrypt(password.encode(), salt=salt.encode(), n=1024, r=8, p=1).hex()


def is_password(login: Login, password: str) -> bool:
    return hmac.compare_digest(hashed(password, login.salt), login.hash)


def checked(call: Call, password: str, earlier: list[tuple[str, str]]) -> None:
    """Refuse a password that breaks the account's policy."""
    policy = call.get(PasswordPolicy, "policy")
    upper, lower, digit, symbol = (any(test(c) for c in password) for test in (str.isupper, str.islower, str.isdigit, SYMBOLS.__contains__))
    if policy is None:
        if len(password) < 8 or upper + lower + digit + symbol < 3:
            raise errors.weak_password("Password should have a minimum length of 8 and contain at least three of: uppercase, lowercase, numbers, symbols")
        return
    rules = policy.rules
    if len(password) < rules["MinimumPasswordLength"]:
        raise errors.weak_password(f"Password should have a minimum length of {rules['MinimumPasswordLength']}")
    for rule, has, what in (("RequireUppercaseCharacters", upper, "uppercase letter"), ("RequireLowercaseCharacters", lower, "lowercase letter"),
                            ("RequireNumbers", digit, "number"), ("RequireSymbols", symbol, "symbol")):
        if rules[rule] and not has:
            raise errors.weak_password(f"Password should have at least one {what}")
    for salt, hash in earlier[:rules.get("PasswordReusePrevention", 0)]:
        if hmac.compare_digest(hashed(password, salt), hash):
            raise errors.weak_password("Policy constraint violation with password reuse")


def view(login: Login) -> t.LoginProfile:
    return {"UserName": login.user, "CreateDate": login.created, "PasswordResetRequired": login.reset}


@iam.op(resource=users.by_name)
def create_login_profile(call: Call, req: t.CreateLoginProfileRequest) -> t.CreateLoginProfileResponse:
    if nameless(call, req) and call.principal.temporary:
        if call.get(RootLogin, "root"):
            raise errors.login_exists("root")
        made = call.put(RootLogin(moment(call)))
        return {"LoginProfile": {"UserName": "root", "CreateDate": made.created}}
    user = users.find(call, users.name_of(call, req))
    if call.get(Login, user.key):
        raise errors.login_exists(user.name)
    if "Password" not in req:
        raise errors.validation("Value at 'password' failed to satisfy constraint: Member must not be null")
    checked(call, req["Password"], [])
    salt = call.secret(12)
    return {"LoginProfile": view(call.put(Login(user.name, moment(call), salt, hashed(req["Password"], salt), req.get("PasswordResetRequired", False), moment(call))))}


@iam.op(resource=users.by_name)
def get_login_profile(call: Call, req: t.GetLoginProfileRequest) -> t.GetLoginProfileResponse:
    if nameless(call, req):
        return {"LoginProfile": {"UserName": "root", "CreateDate": roots(call).created}}
    return {"LoginProfile": view(find(call, users.name_of(call, req)))}


@iam.op(resource=users.by_name)
def update_login_profile(call: Call, req: t.UpdateLoginProfileRequest) -> None:
    login = find(call, req["UserName"])
    if "Password" in req:
        login = renewed(call, login, req["Password"])
    call.put(login.but(reset=req.get("PasswordResetRequired", login.reset)))


def renewed(call: Call, login: Login, password: str) -> Login:
    earlier = [(login.salt, login.hash), *login.earlier]
    checked(call, password, earlier)
    salt = call.secret(12)
    return login.but(salt=salt, hash=hashed(password, salt), earlier=earlier[:24], reset=False, changed=moment(call))


@iam.op(resource=users.by_name)
def delete_login_profile(call: Call, req: t.DeleteLoginProfileRequest) -> None:
    call.delete(roots(call) if nameless(call, req) else find(call, users.name_of(call, req)))


@iam.op(resource=users.by_name)
def change_password(call: Call, req: t.ChangePasswordRequest) -> None:
    if call.principal.kind != "user":
        raise errors.not_a_user()
    login = find(call, call.principal.name)
    if not is_password(login, req["OldPassword"]):
        raise errors.wrong_password()
    call.put(renewed(call, login, req["NewPassword"]))


@iam.op(resource=ANY)
def update_account_password_policy(call: Call, req: t.UpdateAccountPasswordPolicyRequest) -> None:
    rules = DEFAULTS | dict(req)
    rules["ExpirePasswords"] = rules.get("MaxPasswordAge", 0) > 0
    call.put(PasswordPolicy(rules))


@iam.op(resource=ANY)
def get_account_password_policy(call: Call, req: t.Nothing) -> t.GetAccountPasswordPolicyResponse:
    policy = call.get(PasswordPolicy, "policy")
    if policy is None:
        raise errors.no_password_policy(call.account)
    return {"PasswordPolicy": policy.rules}


@iam.op(resource=ANY)
def delete_account_password_policy(call: Call, req: t.Nothing) -> None:
    policy = call.get(PasswordPolicy, "policy")
    if policy is None:
        raise errors.no_password_policy(call.account)
    call.delete(policy)
