"""Findings from packets and names of instances that really run."""
import time

import pytest

from cloche.engines.world import lacking

pytestmark = pytest.mark.skipif(bool(lacking()), reason="no machines here: " + lacking())

SCAN = """python3 - <<'P'
import socket
for port in list(range(1000, 1030)) + [22] * 12:
    s = socket.socket(); s.settimeout(0.05)
    try: s.connect(("{0}", port))
    except OSError: pass
    s.close()
P
getent hosts guarddutyc2activityb.com || true"""


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.02)
    return found


def test_scans_brute_force_threat_lists_and_names_are_found(cloud):
    ec2, ssm, guard, s3 = (cloud.client(one) for one in ("ec2", "ssm", "guardduty", "s3"))
    detector = guard.create_detector(Enable=True)["DetectorId"]
    made = ec2.run_instances(ImageId="resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", InstanceType="t3.micro", MinCount=2, MaxCount=2)["Instances"]
    one, two = (each["InstanceId"] for each in made)
    address = {each["InstanceId"]: each["PrivateIpAddress"] for each in made}
    bucket = f"lists-{cloud.account}"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="bad.txt", Body=address[two].encode() + b"\n")
    guard.create_threat_intel_set(DetectorId=detector, Name="bad", Format="TXT", Location=f"s3://{bucket}/bad.txt", Activate=True)
    cloud.advance(minutes=6)
    until(lambda: {each["State"]["Name"] for row in ec2.describe_instances(InstanceIds=[one, two])["Reservations"] for each in row["Instances"]} == {"running"})
    command = ssm.send_command(InstanceIds=[one], DocumentName="AWS-RunShellScript", Parameters={"commands": [SCAN.format(address[two])]})["Command"]["CommandId"]
    got = until(lambda: (said := ssm.get_command_invocation(CommandId=command, InstanceId=one))["Status"] not in ("Pending", "InProgress") and said)
    assert got["Status"] == "Success", got
    cloud.advance(minutes=6)
    cloud.advance(minutes=6)
    found = {}
    for each in guard.get_findings(DetectorId=detector, FindingIds=guard.list_findings(DetectorId=detector)["FindingIds"])["Findings"]:
        if each["Resource"]["ResourceType"] == "Instance":
            found[each["Type"], each["Resource"]["InstanceDetails"]["InstanceId"]] = each
    scan = found["Recon:EC2/Portscan", one]
    assert scan["Severity"] == 5.0 and scan["Service"]["Action"]["NetworkConnectionAction"]["RemoteIpDetails"]["IpAddressV4"] == address[two]
    assert scan["Service"]["ResourceRole"] == "ACTOR" and scan["Resource"]["InstanceDetails"]["NetworkInterfaces"][0]["PrivateIpAddress"] == address[one]
    actor = found["UnauthorizedAccess:EC2/SSHBruteForce", one]
    assert (actor["Severity"], actor["Service"]["ResourceRole"]) == (8.0, "ACTOR")
    listed = found["UnauthorizedAccess:EC2/MaliciousIPCaller.Custom", one]
    assert listed["Service"]["Evidence"]["ThreatIntelligenceDetails"][0]["ThreatListName"] == "bad"
    name = found["Backdoor:EC2/C&CActivity.B!DNS", one]
    assert name["Service"]["Action"]["DnsRequestAction"]["Domain"] == "guarddutyc2activityb.com"
    guard.delete_detector(DetectorId=detector)
    ec2.terminate_instances(InstanceIds=[one, two])


def test_thresholds_of_a_window():
    from types import SimpleNamespace as Of

    from cloche.engines.net.flows import Count, Flow
    from cloche.services.guardduty.ip_sets import Lists
    from cloche.services.guardduty.network import judged
    interface = Of(id="eni-1", instance="i-1")

    def flows(*given):
        return [(interface, Flow("eni-1", "ACCEPT", way, source, destination, 6, from_, to), Count(3, 180, 2)) for way, source, destination, from_, to in given]

    def kinds(rows):
        return [(each[0], each[5]) for each in judged(rows, Lists([]))]
    assert kinds(flows(*(("o", "10.0.0.1", "10.0.0.2", 50000, port) for port in range(19)))) == []
    assert kinds(flows(*(("o", "10.0.0.1", "10.0.0.2", 50000, port) for port in range(1000, 1020)))) == [("Recon:EC2/Portscan", "ACTOR")]
    assert kinds(flows(*(("i", "203.0.113.9", "10.0.0.1", port, 22) for port in range(40000, 40010)))) == [("UnauthorizedAccess:EC2/SSHBruteForce", "TARGET")]
    assert kinds(flows(*(("i", "203.0.113.9", "10.0.0.1", port, 3389) for port in range(40000, 40010)))) == [("UnauthorizedAccess:EC2/RDPBruteForce", "TARGET")]
    answers = flows(*(("o", "10.0.0.1", "203.0.113.9", 443, port) for port in range(40000, 40100)))
    assert kinds(answers) == [], "a server that answers many clients does not scan them"
