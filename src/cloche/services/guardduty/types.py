"""The finding types (GuardDuty User Guide, "GuardDuty finding types"): type -> severity, and the resource it is about.

EC2 finding types, IAM finding types, S3 protection, RDS protection, Lambda protection and EC2 malware types; EKS, ECS and runtime types are not here.
"""
from __future__ import annotations

LOW, MEDIUM, HIGH = 2.0, 5.0, 8.0

TYPES: dict[str, tuple[float, str]] = {}


def _of(resource: str, severity: float, *names: str) -> None:
    TYPES.update(dict.fromkeys(names, (severity, resource)))


_of("Instance", HIGH, "Backdoor:EC2/C&CActivity.B", "Backdoor:EC2/C&CActivity.B!DNS", "Backdoor:EC2/DenialOfService.Dns", "Backdoor:EC2/DenialOfService.Tcp",
    "Backdoor:EC2/DenialOfService.Udp", "Backdoor:EC2/DenialOfService.UdpOnTcpPorts", "Backdoor:EC2/DenialOfService.UnusualProtocol", "CryptoCurrency:EC2/BitcoinTool.B",
    "CryptoCurrency:EC2/BitcoinTool.B!DNS", "DefenseEvasion:EC2/UnusualDNSResolver", "Impact:EC2/AbusedDomainRequest.Reputation", "Impact:EC2/BitcoinDomainRequest.Reputation",
    "Impact:EC2/MaliciousDomainRequest.Reputation", "Impact:EC2/PortSweep", "Impact:EC2/WinRMBruteForce", "Trojan:EC2/DGADomainRequest.B", "Trojan:EC2/DGADomainRequest.C!DNS",
    "Trojan:EC2/DNSDataExfiltration", "Trojan:EC2/DriveBySourceTraffic!DNS", "Trojan:EC2/PhishingDomainRequest!DNS", "UnauthorizedAccess:EC2/MetadataDNSRebind",
    "UnauthorizedAccess:EC2/TorClient", "UnauthorizedAccess:EC2/TorRelay", "Execution:EC2/MaliciousFile")
_of("Instance", MEDIUM, "Backdoor:EC2/Spambot", "Behavior:EC2/NetworkPortUnusual", "Behavior:EC2/TrafficVolumeUnusual", "DefenseEvasion:EC2/UnusualDoHActivity", "DefenseEvasion:EC2/UnusualDoTActivity",
    "Recon:EC2/Portscan", "Trojan:EC2/BlackholeTraffic", "Trojan:EC2/BlackholeTraffic!DNS", "Trojan:EC2/DropPoint", "Trojan:EC2/DropPoint!DNS", "UnauthorizedAccess:EC2/MaliciousIPCaller.Custom")
_of("Instance", LOW, "Impact:EC2/SuspiciousDomainRequest.Reputation", "Recon:EC2/PortProbeEMRUnprotectedPort", "Recon:EC2/PortProbeUnprotectedPort", "UnauthorizedAccess:EC2/RDPBruteForce",
    "UnauthorizedAccess:EC2/SSHBruteForce")
_of("AccessKey", HIGH, "CredentialAccess:IAMUser/CompromisedCredentials", "Exfiltration:IAMUser/AnomalousBehavior", "Impact:IAMUser/AnomalousBehavior", "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS",
    "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS")
_of("AccessKey", MEDIUM, "CredentialAccess:IAMUser/AnomalousBehavior", "DefenseEvasion:IAMUser/AnomalousBehavior", "InitialAccess:IAMUser/AnomalousBehavior", "PenTest:IAMUser/KaliLinux", "PenTest:IAMUser/ParrotLinux",
    "PenTest:IAMUser/PentooLinux", "Persistence:IAMUser/AnomalousBehavior", "PrivilegeEscalation:IAMUser/AnomalousBehavior", "Recon:IAMUser/MaliciousIPCaller", "Recon:IAMUser/MaliciousIPCaller.Custom",
    "Recon:IAMUser/TorIPCaller", "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", "UnauthorizedAccess:IAMUser/MaliciousIPCaller", "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
    "UnauthorizedAccess:IAMUser/TorIPCaller")
_of("AccessKey", LOW, "Discovery:IAMUser/AnomalousBehavior", "Policy:IAMUser/RootCredentialUsage", "Policy:IAMUser/ShortTermRootCredentialUsage", "Stealth:IAMUser/CloudTrailLoggingDisabled",
    "Stealth:IAMUser/PasswordPolicyChange")
_of("S3Bucket", HIGH, "Discovery:S3/MaliciousIPCaller", "Discovery:S3/MaliciousIPCaller.Custom", "Exfiltration:S3/AnomalousBehavior", "Exfiltration:S3/MaliciousIPCaller", "Impact:S3/AnomalousBehavior.Delete",
    "Impact:S3/AnomalousBehavior.Permission", "Impact:S3/AnomalousBehavior.Write", "Impact:S3/MaliciousIPCaller", "Policy:S3/BucketAnonymousAccessGranted", "Policy:S3/BucketPublicAccessGranted",
    "UnauthorizedAccess:S3/MaliciousIPCaller.Custom", "UnauthorizedAccess:S3/TorIPCaller")
_of("S3Bucket", MEDIUM, "Discovery:S3/TorIPCaller", "PenTest:S3/KaliLinux", "PenTest:S3/ParrotLinux", "PenTest:S3/PentooLinux")
_of("S3Bucket", LOW, "Discovery:S3/AnomalousBehavior", "Policy:S3/AccountBlockPublicAccessDisabled", "Policy:S3/BucketBlockPublicAccessDisabled", "Stealth:S3/ServerAccessLoggingDisabled")
_of("RDSDBInstance", HIGH, "CredentialAccess:RDS/AnomalousBehavior.SuccessfulBruteForce", "CredentialAccess:RDS/MaliciousIPCaller.SuccessfulLogin", "CredentialAccess:RDS/TorIPCaller.SuccessfulLogin")
_of("RDSDBInstance", MEDIUM, "CredentialAccess:RDS/MaliciousIPCaller.FailedLogin", "CredentialAccess:RDS/TorIPCaller.FailedLogin", "Discovery:RDS/MaliciousIPCaller", "Discovery:RDS/TorIPCaller")
_of("RDSDBInstance", LOW, "CredentialAccess:RDS/AnomalousBehavior.FailedLogin", "CredentialAccess:RDS/AnomalousBehavior.SuccessfulLogin")
_of("Lambda", HIGH, "Backdoor:Lambda/C&CActivity.B", "CryptoCurrency:Lambda/BitcoinTool.B", "UnauthorizedAccess:Lambda/TorClient", "UnauthorizedAccess:Lambda/TorRelay")
_of("Lambda", MEDIUM, "Trojan:Lambda/BlackholeTraffic", "Trojan:Lambda/DropPoint", "UnauthorizedAccess:Lambda/MaliciousIPCaller.Custom")
