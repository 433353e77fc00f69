"""Runs Ceph's s3-tests (https://github.com/ceph/s3-tests) against a Cloche of its own and counts what passed, failed, and why.

    CLOCHE_S3_TESTS=/path/to/s3-tests make s3tests           # a checkout with its requirements in CLOCHE_S3_TESTS/.venv (or CLOCHE_S3_TESTS_PYTHON)
    python tools/s3_tests.py -k multipart                    # what follows goes to pytest

The tests want buckets as AWS made them before April 2023: with ACLs, without Block Public Access, and with SSE-C. A plugin of ours makes each new bucket so.
Nothing of theirs is kept here. Tests that wait for lifecycle "days" run by themselves, while a thread moves the cloud's clock on a day at a time.
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from cloche.iam.principal import canonical_id
from cloche.testing import Cloche

ACCOUNTS = {"s3 main": "111111111111", "s3 alt": "222222222222", "s3 tenant": "333333333333", "iam": "111111111111", "iam root": "444444444444", "iam alt root": "555555555555"}
DAY_SECONDS = 2  # of real time, for tests of lifecycle
CHUNK, CHUNK_SECONDS = 25, 300
CLOCKED = "lifecycle_expiration or lifecycle_transition"
ELSEWHERE = "cloud_transition or cloud_restore or webidentity_test or fails_on_aws or test_of_sts or sns or s3select or appendobject or bucket_logging_cleanup"
GUIDE, API, IAM = "https://docs.aws.amazon.com/AmazonS3/latest/userguide/", "https://docs.aws.amazon.com/AmazonS3/latest/API/", "https://docs.aws.amazon.com/IAM/latest/"
AWS, CEPH, TEST, OURS = "AWS answers otherwise", "only Ceph has it", "the test, or our script, cannot do what is meant", "ours"
# every failure that was read, by a pattern on the test's name: whose it is, what the matter is, and where AWS says so
REASONS: list[tuple[str, str, str, str]] = [
    ("bad_authorization|contentlength_none|date_none_aws2", TEST, "the header is taken away before botocore signs and is back when the request leaves (marked fails_on_rgw for that)", ""),
    ("bad_expect_mismatch", TEST, "a header that is a number, which the client's library refuses to sign", ""),
    ("object_read_unreadable", TEST, "the name is valid UTF-8 since the test was moved to Python 3", ""),
    ("post_object_invalid_access_key", TEST, "it turns the access key round, and 111111111111 turned round is itself", ""),
    ("account_managed_group_policy_allow", TEST, "the user of the test before is still in its group, and IAM deletes no such user: alone it passes", IAM + "APIReference/API_DeleteUser.html"),
    ("listv?2?_encoding_basic", AWS, "a space in an encoded listing is +, and AWS's SDKs decode it so", API + "API_ListObjectsV2.html"),
    ("chunked_transfer_encoding", AWS, "501 NotImplemented: no Transfer-Encoding without a length", API + "ErrorResponses.html"),
    ("unicode_metadata", AWS, "metadata beyond ASCII comes back as RFC 2047 has it", GUIDE + "UsingMetadata.html"),
    ("x_amz_expires_out|put_authenticated_expired", AWS, "400 for an X-Amz-Expires that is negative or over a week", API + "sigv4-query-string-auth.html"),
    ("bucket_recreate_", AWS, "in us-east-1 the owner may make a bucket again: 200, and its ACL is reset", API + "API_CreateBucket.html"),
    ("multipart_copy_invalid_range", AWS, "InvalidArgument for a range that the source does not have", API + "API_UploadPartCopy.html"),
    ("multipart_(sse_c_)?get_part|single_get_part|multipart_single_get_part", AWS, "416 InvalidPartNumber for a part that is not there; 400 InvalidRequest where the customer's key is missing", API + "API_GetObject.html"),
    ("resend_first_finishes_last", AWS, "one part listed twice is no ascending order: InvalidPartOrder", API + "API_CompleteMultipartUpload.html"),
    (r"sse_c_other_key|sse_c_multipart_(invalid_chunks_1|bad_download)|copy_part_enc\[.*sse-c-", AWS, "403 AccessDenied with another customer's key than the object's", GUIDE + "ServerSideEncryptionCustomerKeys.html"),
    ("sse_kms_no_key", AWS, "without a key it is AWS's own, alias/aws/s3", GUIDE + "UsingKMSEncryption.html"),
    ("deny_self_denied_policy_confirm", AWS, "the owner's root user always reaches the bucket's policy", API + "API_PutBucketPolicy.html"),
    ("different_tenant|tenanted_bucket", CEPH, "tenants", ""),
    ("policy_another_bucket", AWS, "MalformedPolicy: a policy's resource must be of its own bucket", GUIDE + "example-bucket-policies.html"),
    ("end_with_IfExists", AWS, "the refusal is expected of the owner's root user, whom only a Deny stops", GUIDE + "access-policy-language-overview.html"),
    ("put_excess_tags", AWS, "BadRequest for the eleventh tag", API + "API_PutObjectTagging.html"),
    ("upload_return_version_id", AWS, "where versioning is suspended the answer says x-amz-version-id: null", GUIDE + "AddingObjectstoVersionSuspendedBuckets.html"),
    ("put_obj_grant|put_obj_request_obj_tag", AWS, "a bucket policy must allow s3:PutObjectAcl and s3:PutObjectTagging too where these headers come along", API + "API_PutObject.html"),
    ("incorrect_algo_sse_s3", AWS, "an algorithm that does not exist is 400 InvalidArgument before any policy is asked", API + "API_PutObject.html"),
    ("_policy_status$", AWS, "404 NoSuchBucketPolicy where there is no policy", API + "API_GetBucketPolicyStatus.html"),
    ("bucket_encryption_(s3|kms)", AWS, "every bucket has a default encryption since January 2023", GUIDE + "default-encryption-faq.html"),
    ("get_object_torrent", AWS, "BitTorrent ended in April 2022; here the operation answers 501 NotImplemented", API + "API_GetObjectTorrent.html"),
    ("object_checksum_(sha256|crc64nvme)|test_multipart_checksum_sha256", AWS, "400 InvalidRequest for a value that is no checksum; BadDigest is for one of other bytes", GUIDE + "checking-object-integrity-upload.html"),
    ("cksum_helper_(sha256|sha1|crc32|crc32c)$", AWS, "a composite checksum has no -PARTS in GetObjectAttributes; checksums of parts are kept for composite checksums alone", API + "API_GetObjectAttributes.html"),
    ("cksum_helper_crc64nvme", AWS, "checksums of parts are kept for composite checksums alone", API + "API_ObjectPart.html"),
    ("post_object_upload_checksum", AWS, "every field of a form must be in its policy: 403", API + "sigv4-HTTPPOSTConstructPolicy.html"),
    ("post_object_tags_anonymous", AWS, "a bucket's WRITE grant does not cover tags", GUIDE + "acl-overview.html"),
    ("get_multipart_checksum_object_attributes", AWS, "where a composite checksum was asked for, completing must say each part's", API + "API_CompleteMultipartUpload.html"),
    ("multipart_object_attributes", AWS, "without checksums of parts only their number is answered", API + "API_GetObjectAttributes.html"),
    ("test_put_bucket_logging$", CEPH, "TargetObjectKeyFormat that nobody set, and no target grants", ""),
    ("put_bucket_logging_errors", AWS, "InvalidTargetBucketForLogging", API + "API_PutBucketLogging.html"),
    ("bucket_logging_owner", AWS, "a statement without a resource is MalformedPolicy", GUIDE + "example-bucket-policies.html"),
    ("put_bucket_logging_permissions", CEPH, "the target's policy is asked when logging is switched on; S3 asks when it delivers", ""),
    ("put_bucket_logging_policy_wildcard", AWS, "the target belongs to the same account as the source", GUIDE + "enable-server-access-logging.html"),
    ("delete_marker_(nonversioned|expiration|versioned|suspended)", AWS, "x-amz-delete-marker is never said to be false", API + "API_GetObject.html"),
    ("if_match|if_none_match", AWS, "a write's If-None-Match takes * alone: 501 NotImplemented", GUIDE + "conditional-writes.html"),
    ("noncurrent_transition|null_version_current_transition", AWS, "thirty days at least before STANDARD_IA", GUIDE + "lifecycle-transition-general-considerations.html"),
    ("role_policy_allow", AWS, "a user of another account needs sts:AssumeRole of the user's own account too", IAM + "UserGuide/reference_policies_evaluation-logic-cross-account.html"),
    ("oidc", AWS, "a provider's URL begins with https://", IAM + "APIReference/API_CreateOpenIDConnectProvider.html"),
    ("account_email|grant_email_not_exist", AWS, "grants to e-mail addresses ended in October 2025: 405", GUIDE + "acl-overview.html"),
    ("verify_allow_iam_actions", AWS, "a resource without an account, arn:aws:iam:::user/..., is nobody", IAM + "UserGuide/reference_identifiers.html"),
    ("deny_(bucket|object|multipart|tagging)_actions_in_user_policy", AWS, "a user who made a bucket may not therefore write to it or delete it: it is the account's", GUIDE + "access-policy-language-overview.html"),
    ("current_user_access_key", OURS, "root users have no access keys of IAM's here: twelve digits open an account", ""),
]
UNJUDGED = "not judged"
ABOUT = """# Ceph's s3-tests against Cloche

Generated: `CLOCHE_S3_TESTS=/path/to/s3-tests python tools/s3_tests.py --write`. `make s3tests` starts a Cloche of its own, writes the configuration (its accounts are 12-digit access
keys), runs test_headers, test_s3 and test_iam, and then what waits for lifecycle "days" while the clock moves on a day every two seconds. Left out unless `--all`: cloud tiers, web
identity, STS, SNS, S3 Select, append, and what is marked as failing on AWS. Each failure is in the script's list `REASONS`; one that is not makes the run fail.

The tests want buckets as AWS made them before April 2023 (ACLs on, nothing blocked, SSE-C allowed), owners with display names, which S3 answered until 2025, and grants to groups first.
A plugin that the script writes makes each new bucket so and does the rest on the client's side. Tests run 25 at a time; a chunk that hangs for five minutes is given up and named.
"""
OLDER_BUCKETS = '''
"""Each new bucket gets what a bucket had before April 2023, and names are shown as they were before 2025."""
import boto3

creators = {}


def asked(params, request_signer, **_):
    params["headers"].setdefault("x-amz-object-ownership", "ObjectWriter")
    creators[params["url"].split("?")[0]] = (request_signer._credentials, params["url"])


def made(http_response, parsed, context, **_):
    if http_response.status_code != 200 or not parsed.get("Location"):
        return
    name = parsed["Location"].removeprefix("http://").split(".")[0].strip("/")
    url, (credentials, _) = next(((url, who) for url, who in creators.items() if url.rstrip("/").endswith(name) or f"//{name}." in url), (None, (None, None)))
    if url is None or credentials is None:
        return
    end = "/".join(url.split("/")[:3]).replace(f"//{name}.", "//")
    client = boto3.Session().client("s3", endpoint_url=end, region_name="us-east-1", aws_access_key_id=credentials.access_key, aws_secret_access_key=credentials.secret_key,
                                    aws_session_token=credentials.token)
    client.delete_public_access_block(Bucket=name)
    client.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [{"BlockedEncryptionTypes": {"EncryptionType": ["NONE"]}}]})


def named(value):
    """Owners and grantees have the display name that S3 answered until 2025: here the account, with which our canonical ids end. Grants to groups come first,
    as the tests count on: AWS promises no order."""
    if isinstance(value, dict):
        if isinstance(value.get("Grants"), list):
            value["Grants"].sort(key=lambda grant: "URI" not in grant["Grantee"])
        if len(str(value.get("ID", ""))) == 64:
            value.setdefault("DisplayName", value["ID"][-12:])
        value = list(value.values())
    for one in value if isinstance(value, list) else ():
        named(one)


def pytest_configure(config):
    boto3.setup_default_session()
    usual = boto3.DEFAULT_SESSION.client
    # clients of IAM are made for the region "", for which nobody can sign on AWS
    boto3.DEFAULT_SESSION.client = lambda *names, **more: usual(*names, **more | ({"region_name": "us-east-1"} if more.get("region_name") == "" else {}))
    session = boto3.DEFAULT_SESSION._session
    session.register("before-call.s3.CreateBucket", asked)
    session.register("after-call.s3.CreateBucket", made)
    session.register("after-call.s3", lambda parsed, **_: named(parsed))
'''


def settings(cloud: Cloche, keys: list[str], user: bool = False) -> str:
    """Their configuration. For tests of users' policies the other user is one of IAM's, in the same account, by whose name IAM knows it."""
    host, port = cloud.url.removeprefix("http://").split(":")
    lines = ["[DEFAULT]", f"host = {host}", f"port = {port}", "is_secure = False", "ssl_verify = False", "[fixtures]", "bucket prefix = s3t-{random}-",
             "iam name prefix = s3-tests-", "iam path prefix = /s3-tests/"]
    for section, account in ACCOUNTS.items():
        lines += [f"[{section}]", f"display_name = {account}", f"user_id = {canonical_id(account)}", f"email = {account}@example.com",
                  f"access_key = {account}", "secret_key = test"]
        if section == "s3 alt" and user:
            iam = cloud.client("iam", key=ACCOUNTS["iam"], secret="test")
            iam.create_user(UserName="other")
            made = iam.create_access_key(UserName="other")["AccessKey"]
            # before each test the user's buckets are looked for, and some make one; a managed policy is in no list of the user's own
            making = ["s3:ListAllMyBuckets", "s3:CreateBucket", "s3:PutBucketOwnershipControls", "s3:PutBucketPublicAccessBlock", "s3:PutEncryptionConfiguration"]
            listing = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": making, "Resource": "*"}}
            iam.attach_user_policy(UserName="other", PolicyArn=iam.create_policy(PolicyName="listing", PolicyDocument=json.dumps(listing))["Policy"]["Arn"])
            lines[-5:] = [f"display_name = {account}", "user_id = other", "email = other@example.com", f"access_key = {made['AccessKeyId']}", f"secret_key = {made['SecretAccessKey']}"]
        if section == "s3 main":
            lines += ["api_name = ", f"kms_keyid = {keys[0]}", f"kms_keyid2 = {keys[1]}", f"lc_debug_interval = {DAY_SECONDS}", "storage_classes = STANDARD_IA, GLACIER_IR"]
        if section == "s3 tenant":
            lines.append("tenant = ")
    return "\n".join(lines) + "\n"


def collected(checkout: Path, python: str, config: Path, args: list[str]) -> list[str]:
    done = subprocess.run([python, "-m", "pytest", "-q", "--collect-only", "-p", "no:cacheprovider", *args], cwd=checkout, env=environment(config), check=False, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def environment(config: Path) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "S3TEST_CONF": str(config), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(config.parent)}


def run(cloud: Cloche, checkout: Path, python: str, config: Path, args: list[str], name: str) -> list[Path]:
    """The tests, some at a time: what hangs costs its chunk. The reports."""
    names = collected(checkout, python, config, args)
    over = threading.Event()

    def pass_days() -> None:
        while not over.wait(DAY_SECONDS):
            cloud.advance(days=1)

    ticking = threading.Thread(target=pass_days, daemon=True)
    if name == "nights":
        ticking.start()
    reports = []
    for at in range(0, len(names), CHUNK):
        report = config.parent / f"{name}-{at:04d}.xml"
        reports.append(report)
        try:
            subprocess.run([python, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "-p", "cloche_older_buckets", f"--junitxml={report}", *names[at:at + CHUNK]], cwd=checkout,
                           env=environment(config), check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=CHUNK_SECONDS)
        except subprocess.TimeoutExpired:
            print(f"nothing came of {names[at:at + CHUNK]} in {CHUNK_SECONDS} seconds", flush=True)
        print(f"{min(at + CHUNK, len(names))} of {len(names)}: {dict(count(reports)[0])}", flush=True)
    over.set()
    return reports


def count(reports: list[Path]) -> tuple[Counter[str], dict[str, str]]:
    counted: Counter[str] = Counter()
    failed: dict[str, str] = {}
    for report in reports:
        for case in ET.parse(report).iter("testcase") if report.exists() else ():
            wrong = case.find("failure") if case.find("failure") is not None else case.find("error")
            if wrong is not None:
                counted["failed"] += 1
                failed[case.get("name", "")] = next((line for line in (wrong.get("message") or "").splitlines() if line), "")[:200]
            else:
                counted["skipped" if case.find("skipped") is not None else "passed"] += 1
    return counted, failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", default="", help="as pytest has it")
    parser.add_argument("--all", action="store_true", help=f"also those marked: {ELSEWHERE}")
    parser.add_argument("--write", action="store_true", help="write what came of it into docs/s3-tests.md")
    chosen = parser.parse_args()
    if "CLOCHE_S3_TESTS" not in os.environ:
        parser.error("CLOCHE_S3_TESTS names no checkout of https://github.com/ceph/s3-tests")
    checkout = Path(os.environ["CLOCHE_S3_TESTS"])
    python = os.environ.get("CLOCHE_S3_TESTS_PYTHON", str(checkout / ".venv" / "bin" / "python"))
    with tempfile.TemporaryDirectory() as folder, Cloche(compute="none") as cloud:
        kms = cloud.client("kms", key=ACCOUNTS["s3 main"], secret="test")
        keys = [kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2)]
        config, users = Path(folder) / "s3tests.conf", Path(folder) / "users.conf"
        config.write_text(settings(cloud, keys))
        users.write_text(settings(cloud, keys, user=True))
        (Path(folder) / "cloche_older_buckets.py").write_text(OLDER_BUCKETS)
        more = ["-k", chosen.k] if chosen.k else []
        files = [f"s3tests/functional/{name}.py" for name in ("test_headers", "test_s3", "test_iam")]
        left = CLOCKED if chosen.all else f"{CLOCKED} or {ELSEWHERE}"
        reports = run(cloud, checkout, python, config, [*files, "-m", f"not ({left} or user_policy)", *more], "all")
        reports += run(cloud, checkout, python, users, [files[2], "-m", f"user_policy and not ({ELSEWHERE})", *more], "users")
        # what compares dates with the client's clock runs before ours moves on
        reports += run(cloud, checkout, python, config, [files[1], "-m", f"({CLOCKED}) and not ({ELSEWHERE})", "-k", "expiration_header"], "dates")
        reports += run(cloud, checkout, python, config, [files[1], "-m", f"({CLOCKED}) and not ({ELSEWHERE})", "-k", "not expiration_header"], "nights")
        counted, failed = count(reports)
    why = judged(failed)
    print(f"passed {counted['passed']}, failed {counted['failed']}, skipped {counted['skipped']}")
    for (whose, reason, _), names in why.items():
        print(f"\n{whose}: {reason} ({len(names)})")
        print("\n".join(f"  {name}: {failed[name]}" if whose == UNJUDGED else f"  {name}" for name in names))
    if chosen.write:
        version = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()
        (Path(__file__).parent.parent / "docs" / "s3-tests.md").write_text(written(counted, why, version))
    return 1 if any(whose == UNJUDGED for whose, _, _ in why) else 0


def judged(failed: dict[str, str]) -> dict[tuple[str, str, str], list[str]]:
    """The failures under their reasons, in the order of the list."""
    why: dict[tuple[str, str, str], list[str]] = {reason[1:]: [] for reason in REASONS} | {(UNJUDGED, "", ""): []}
    for name in sorted(failed):
        why[next((reason[1:] for reason in REASONS if re.search(reason[0], name)), (UNJUDGED, "", ""))].append(name)
    return {reason: names for reason, names in why.items() if names}


def written(counted: Counter[str], why: dict[tuple[str, str, str], list[str]], version: str) -> str:
    lines = [ABOUT, f"One whole run, s3-tests at {version}:\n", "| | |", "|---|---|"]
    lines += [f"| {word} | {counted[word]} |" for word in ("passed", "failed", "skipped")]
    lines.append("\n## What failed, and why\n")
    for whose in (OURS, AWS, CEPH, TEST, UNJUDGED):
        rows = [(reason, page, names) for (who, reason, page), names in why.items() if who == whose]
        if rows:
            lines += [f"### {whose[0].upper()}{whose[1:]}: {sum(len(names) for _, _, names in rows)}\n", "| tests | what | AWS's page |", "|---|---|---|"]
            lines += [f"| {', '.join('`' + name.removeprefix('test_') + '`' for name in names)} | {reason} | {f'[{page.rpartition(chr(47))[2]}]({page})' if page else ''} |" for reason, page, names in rows]
            lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
