"""What EC2 says when it refuses something about instances, images, disks, keys and capacity."""
from __future__ import annotations

from cloche.kernel import AwsError

from .errors import not_found

# -- instances ------------------------------------------------------------------------------------------------------------------

def no_instance(ids: str | list[str]) -> AwsError:
    return not_found("InvalidInstanceID.NotFound", "instance ID", ids)


def instance_malformed(id_: str) -> AwsError:
    return AwsError("InvalidInstanceID.Malformed", f'Invalid id: "{id_}"')


def wrong_state(id_: str, verb: str = "") -> AwsError:
    return AwsError("IncorrectInstanceState", f"The instance '{id_}' is not in a state from which it can be {verb}.")


def must_be_stopped(id_: str, what: str) -> AwsError:
    return AwsError("IncorrectInstanceState", f"The instance '{id_}' is not in the 'stopped' state. {what}")


def instance_state(id_: str, wanted: str = "running") -> AwsError:
    return AwsError("IncorrectState", f"Instance '{id_}' is not '{wanted}'.")


def terminated_instance(id_: str) -> AwsError:
    return AwsError("IncorrectInstanceState", f"The instance '{id_}' is not in a state from which it can be modified.")


def termination_protected(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"The instance '{id_}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.")


def stop_protected(id_: str) -> AwsError:
    return AwsError("OperationNotPermitted", f"The instance '{id_}' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.")


def user_data_limit() -> AwsError:
    return AwsError("InvalidParameterValue", "User data is limited to 16384 bytes")


def user_data_base64() -> AwsError:
    return AwsError("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")


def no_capacity(type_: str, zone: str) -> AwsError:
    return AwsError("InsufficientInstanceCapacity", f"We currently do not have sufficient {type_} capacity in the Availability Zone you requested ({zone}). Our system will be working on "
                    "provisioning additional capacity.", 500)


def vcpu_limit(limit: int) -> AwsError:
    return AwsError("VcpuLimitExceeded", f"You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance bucket that the specified instance type "
                    "belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.")


def architecture(type_: str, image: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"The architecture '{type_}' of the specified instance type does not match the architecture '{image}' of the specified AMI. Specify an instance "
                    "type and an AMI that have matching architectures, and try again.")


def image_missing() -> AwsError:
    return AwsError("MissingParameter", "The request must contain the parameter ImageId")


def no_default_subnet(zone: str) -> AwsError:
    return AwsError("MissingInput", f"No subnets found for the default VPC in '{zone}'. Please specify a subnet." if zone else "No subnets found for the default VPC. Please specify a subnet.")


def no_default_vpc() -> AwsError:
    return AwsError("VPCIdNotSpecified", "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.")


def interfaces_and_groups() -> AwsError:
    return AwsError("InvalidParameterCombination", "Network interfaces and an instance-level security groups may not be specified on the same request")


def interfaces_and_subnet() -> AwsError:
    return AwsError("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not be specified on the same request")


def no_compute(what: str) -> AwsError:
    """This machine cannot hold instances. AWS's code for what it cannot do; the text says what to install."""
    return AwsError("Unsupported", what)


# -- images ---------------------------------------------------------------------------------------------------------------------

def no_image(ids: str | list[str]) -> AwsError:
    several = [ids] if isinstance(ids, str) else ids
    if len(several) == 1:
        return AwsError("InvalidAMIID.NotFound", f"The image id '[{several[0]}]' does not exist")
    return AwsError("InvalidAMIID.NotFound", f"The image ids '[{', '.join(several)}]' do not exist")


def image_malformed(id_: str) -> AwsError:
    return AwsError("InvalidAMIID.Malformed", f'Invalid id: "{id_}" (expecting "ami-...")')


def image_unavailable(id_: str) -> AwsError:
    return AwsError("InvalidAMIID.Unavailable", f"The image ID '{id_}' is no longer available")


def not_authorized_image(id_: str) -> AwsError:
    return AwsError("AuthFailure", f"Not authorized for image:{id_}")


def image_name_taken(name: str, id_: str) -> AwsError:
    return AwsError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {id_}")


def image_name_malformed() -> AwsError:
    return AwsError("InvalidAMIName.Malformed", "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'")


# -- keys -----------------------------------------------------------------------------------------------------------------------

def no_key(name: str) -> AwsError:
    return AwsError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")


def key_exists(name: str) -> AwsError:
    return AwsError("InvalidKeyPair.Duplicate", f"The keypair already exists: '{name}'")


def bad_key() -> AwsError:
    return AwsError("InvalidKey.Format", "Key is not in valid OpenSSH public key format")


# -- instance profiles --------------------------------------------------------------------------------------------------------------

def no_profile_named(name: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name")


def no_profile_arn(arn: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN")


def profile_without_role(name: str) -> AwsError:
    return AwsError("InvalidParameterValue", f"IAM Instance Profile \"{name}\" has no associated IAM Roles")


def profile_there(id_: str) -> AwsError:
    return AwsError("IncorrectState", f"There is an existing association for instance {id_}")


def no_association(id_: str) -> AwsError:
    return AwsError("NoSuchAssociation", f"An invalid association-id of '{id_}' was given")
