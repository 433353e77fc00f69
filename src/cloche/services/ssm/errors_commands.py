"""What Systems Manager says when it refuses: documents, commands, sessions. One function per sentence."""
from __future__ import annotations

from cloche.kernel import AwsError

# -- documents -----------------------------------------------------------------------------------------------------------------------


def document_exists(name: str) -> AwsError:
    return AwsError("DocumentAlreadyExists", f"Document with name {name} already exists.")


def no_document(name: str) -> AwsError:
    return AwsError("InvalidDocument", f"Document with name {name} does not exist.")


def no_document_version(name: str, version: str) -> AwsError:
    return AwsError("InvalidDocumentVersion", f"The document version is not valid or does not exist: {name} has no version {version}.")


def bad_content(why: str) -> AwsError:
    return AwsError("InvalidDocumentContent", why)


def bad_schema(version: str) -> AwsError:
    return AwsError("InvalidDocumentSchemaVersion", f"The version of the document schema isn't supported: {version}.")


def too_large() -> AwsError:
    return AwsError("MaxDocumentSizeExceeded", "The size limit of a document is 64 KB.")


def reserved_name(name: str) -> AwsError:
    return AwsError("ValidationException", f"Document name {name} is not valid: it can't begin with aws, amazon, amzn, AWSEC2, AWSConfigRemediation or AWSSupport, which are reserved.")


def same_content() -> AwsError:
    return AwsError("DuplicateDocumentContent", "The content of the association document matches another document. Change the content of the document and try again.")


def same_version_name(name: str) -> AwsError:
    return AwsError("DuplicateDocumentVersionName", f"The version name {name} has already been used in this document. Specify a different version name, and then try again.")


def too_many_versions() -> AwsError:
    return AwsError("DocumentVersionLimitExceeded", "The document has too many versions. Delete one or more document versions and try again.")


def default_version(name: str) -> AwsError:
    return AwsError("InvalidDocumentOperation", f"The default version of document {name} can't be deleted.")


def not_yours(name: str) -> AwsError:
    return AwsError("InvalidDocument", f"Document {name} is owned by another account and can't be changed.")


def wrong_permission() -> AwsError:
    return AwsError("InvalidPermissionType", "The permission type is not supported. Share is the only supported permission type.")


def shared_document(name: str) -> AwsError:
    return AwsError("InvalidDocumentOperation", f"You attempted to delete a document while it is still shared. You must stop sharing the document before you can delete it: {name}.")


# -- commands ------------------------------------------------------------------------------------------------------------------------

def not_managed(ids: list[str], account: str) -> AwsError:
    return AwsError("InvalidInstanceId", f"Instances [[{', '.join(ids)}]] not in a valid state for account {account}")


def no_targets() -> AwsError:
    return AwsError("ValidationException", "InstanceIds or Targets must be specified.")


def both_targets() -> AwsError:
    return AwsError("ValidationException", "Only one of InstanceIds and Targets can be specified.")


def bad_target(key: str) -> AwsError:
    return AwsError("ValidationException", f"The target key {key} is not valid. Valid keys are: InstanceIds, tag:TAG-KEY, tag-key, resource-groups:Name.")


def duplicate_instance() -> AwsError:
    return AwsError("DuplicateInstanceId", "You can't specify a managed node ID in more than one association.")


def not_a_command(name: str, kind: str) -> AwsError:
    return AwsError("InvalidDocument", f"Document {name} is of type {kind}; Run Command needs a document of type Command.")


def bad_parameters(why: str) -> AwsError:
    return AwsError("InvalidParameters", why)


def wrong_hash() -> AwsError:
    return AwsError("InvalidDocument", "The document hash does not match the content of the document.")


def no_command(id_: str) -> AwsError:
    return AwsError("InvalidCommandId", f"The specified command ID isn't valid. Verify the ID and try again: {id_}")


def no_invocation() -> AwsError:
    return AwsError("InvocationDoesNotExist", "")


def no_plugin(name: str) -> AwsError:
    return AwsError("InvalidPluginName", f"The plugin name isn't valid: {name}.")


def bad_filter(key: str) -> AwsError:
    return AwsError("InvalidFilterKey", f"The specified key isn't valid: {key}.")


def bad_value(key: str) -> AwsError:
    return AwsError("InvalidInstanceInformationFilterValue", f"The specified filter value isn't valid for {key}.")


def pending_instance() -> AwsError:
    return AwsError("ValidationException", "A managed node ID can't be specified together with Status=Pending.")


# -- sessions --------------------------------------------------------------------------------------------------------------------------

def not_connected(target: str) -> AwsError:
    return AwsError("TargetNotConnected", f"{target} is not connected.")


def no_session(id_: str) -> AwsError:
    return AwsError("DoesNotExistException", f"Session {id_} does not exist.")


def not_a_session_document(name: str) -> AwsError:
    return AwsError("InvalidDocument", f"Document {name} is not of type Session.")
