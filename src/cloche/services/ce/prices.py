"""What things cost: AWS's public price list, on demand, US East (N. Virginia), as of 2025, without the free tier; every Region at that price.

Instances by the hour are in `services/ec2/prices.py`, from the same list.
"""
from __future__ import annotations

COMPUTE, OTHER, BALANCING = "Amazon Elastic Compute Cloud - Compute", "EC2 - Other", "Amazon Elastic Load Balancing"
LAMBDA, SQS, SNS, API, S3 = ("AWS Lambda", "Amazon Simple Queue Service", "Amazon Simple Notification Service", "Amazon API Gateway",
                                       "Amazon Simple Storage Service")
MONTH_HOURS = 730.0                                    # AWS's month, for what is priced by the GB-month
# usage type -> (dollars for one, what one is)
PRICES: dict[str, tuple[float, str]] = {
    "EBS:VolumeUsage.gp3": (0.08, "GB-Mo"), "EBS:VolumeUsage.gp2": (0.10, "GB-Mo"), "EBS:VolumeUsage.io1": (0.125, "GB-Mo"), "EBS:VolumeUsage.io2": (0.125, "GB-Mo"),
    "EBS:VolumeUsage.st1": (0.045, "GB-Mo"), "EBS:VolumeUsage.sc1": (0.015, "GB-Mo"), "EBS:VolumeUsage": (0.05, "GB-Mo"), "NatGateway-Hours": (0.045, "Hrs"),
    "LoadBalancerUsage": (0.0225, "Hrs"), "GatewayLoadBalancerUsage": (0.0125, "Hrs"), "ClassicLoadBalancerUsage": (0.025, "Hrs"),
    "Request": (0.0000002, "Requests"), "Lambda-GB-Second": (0.0000166667, "Lambda-GB-Second"), "Lambda-GB-Second-ARM": (0.0000133334, "Lambda-GB-Second"),
    "Requests-Tier1": (0.0000004, "Requests"),
    "Requests-FIFO-Tier1": (0.0000005, "Requests"), "DeliveryAttempts": (0.0000005, "Requests"), "ApiGatewayRequest": (0.0000035, "Requests"), "TimedStorage-ByteHrs": (0.023, "GB-Mo"),
}
# the letters that usage types of other Regions begin with
REGIONS = {"us-east-1": "", "us-east-2": "USE2-", "us-west-1": "USW1-", "us-west-2": "USW2-", "ca-central-1": "CAN1-", "eu-west-1": "EU-", "eu-west-2": "EUW2-", "eu-west-3": "EUW3-",
           "eu-central-1": "EUC1-", "eu-north-1": "EUN1-", "ap-northeast-1": "APN1-", "ap-northeast-2": "APN2-", "ap-southeast-1": "APS1-", "ap-southeast-2": "APS2-", "ap-south-1": "APS3-",
           "sa-east-1": "SAE1-"}


def usage(name: str, region: str) -> str:
    return REGIONS.get(region, f"{region.upper()}-") + name
