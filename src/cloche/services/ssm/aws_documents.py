"""Documents that AWS owns, written from what its documentation says they do. Every account may use them, none may change them."""
from __future__ import annotations

from typing import Any

OWNER = "Amazon"
_COMMON: dict[str, Any] = {
    "workingDirectory": {"type": "String", "default": "", "description": "(Optional) The path to the working directory on your instance.", "maxChars": 4096},
    "executionTimeout": {"type": "String", "default": "3600", "allowedPattern": "([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)",
                         "description": "(Optional) The time in seconds for a command to complete before it is considered to have failed. Default is 3600 (1 hour). Maximum is 172800 (48 hours)."},
}
DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "AWS-RunShellScript": ("Command", {
        "schemaVersion": "1.2", "description": "Run a shell script or specify the commands to run.",
        "parameters": {"commands": {"type": "StringList", "description": "(Required) Specify a shell script or a command to run.", "minItems": 1, "displayType": "textarea"}, **_COMMON},
        "runtimeConfig": {"aws:runShellScript": {"properties": [
            {"id": "0.aws:runShellScript", "runCommand": "{{ commands }}", "workingDirectory": "{{ workingDirectory }}", "timeoutSeconds": "{{ executionTimeout }}"}]}},
    }),
    "AWS-RunPowerShellScript": ("Command", {
        "schemaVersion": "1.2", "description": "Run a PowerShell script or specify the paths to scripts to run.",
        "parameters": {"commands": {"type": "StringList", "description": "(Required) Specify the commands to run or the paths to existing scripts on the instance.", "minItems": 1, "displayType": "textarea"},
                       **_COMMON},
        "runtimeConfig": {"aws:runPowerShellScript": {"properties": [
            {"id": "0.aws:runPowerShellScript", "runCommand": "{{ commands }}", "workingDirectory": "{{ workingDirectory }}", "timeoutSeconds": "{{ executionTimeout }}"}]}},
    }),
    "SSM-SessionManagerRunShell": ("Session", {"schemaVersion": "1.0", "description": "Document to hold regional settings for Session Manager", "sessionType": "Standard_Stream", "inputs": {}}),
    "AWS-StartInteractiveCommand": ("Session", {
        "schemaVersion": "1.0", "description": "Document to run single interactive command on an instance", "sessionType": "InteractiveCommands",
        "parameters": {"command": {"type": "String", "description": "The command to run on the instance", "allowedPattern": "^.+$"}},
        "properties": {"linux": {"commands": "{{ command }}", "runAsElevated": False}},
    }),
    "AWS-StartNonInteractiveCommand": ("Session", {
        "schemaVersion": "1.0", "description": "Document to run single non-interactive command on an instance", "sessionType": "NonInteractiveCommands",
        "parameters": {"command": {"type": "String", "description": "The command to run on the instance", "allowedPattern": "^.+$"}},
        "properties": {"linux": {"commands": "{{ command }}", "runAsElevated": False}},
    }),
}
DOCUMENTS["AWS-ConfigureAWSPackage"] = ("Command", {
    "schemaVersion": "2.2", "description": "Install or uninstall a Distributor package.",
    "parameters": {
        "action": {"type": "String", "description": "(Required) Specify whether or not to install or uninstall the package.", "allowedValues": ["Install", "Uninstall"]},
        "installationType": {"type": "String", "description": "(Optional) Specify the type of installation.", "allowedValues": ["Uninstall and reinstall", "In-place update"], "default": "Uninstall and reinstall"},
        "name": {"type": "String", "description": "(Required) The package to install/uninstall.", "allowedPattern": "^arn:[a-z0-9][-.a-z0-9]{0,62}:ssm:.*$|^[a-zA-Z][a-zA-Z0-9\\-_]{0,39}$"},
        "version": {"type": "String", "description": "(Optional) The version of the package.", "default": ""},
        "additionalArguments": {"type": "String", "description": "(Optional) The additional parameters to provide to your install, uninstall, or update scripts.", "default": "{}"},
    },
    "mainSteps": [{"action": "aws:configurePackage", "name": "configurePackage", "inputs": {
        "name": "{{ name }}", "action": "{{ action }}", "installationType": "{{ installationType }}", "version": "{{ version }}", "additionalArguments": "{{ additionalArguments }}"}}],
})
_AGENT = """#!/bin/bash
ctl=/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl
if [ ! -x $ctl ]; then
  echo "The CloudWatch agent is not installed: run AWS-ConfigureAWSPackage with AmazonCloudWatchAgent first" >&2
  exit 1
fi
case "{{ optionalConfigurationSource }}" in ssm) from="ssm:{{ optionalConfigurationLocation }}";; *) from="{{ optionalConfigurationSource }}";; esac
[ "{{ optionalRestart }}" = yes ] && restart=-s
case "{{ action }}" in
  configure) $ctl -a fetch-config -m "{{ mode }}" -c "$from" $restart;;
  "configure (append)") $ctl -a append-config -m "{{ mode }}" -c "$from" $restart;;
  "configure (remove)") $ctl -a remove-config -m "{{ mode }}" -c "$from" $restart;;
  *) $ctl -a "{{ action }}" -m "{{ mode }}";;
esac"""
DOCUMENTS["AmazonCloudWatch-ManageAgent"] = ("Command", {
    "schemaVersion": "2.2", "description": "Send commands to Amazon CloudWatch Agent",
    "parameters": {
        "action": {"type": "String", "description": "The action CloudWatch Agent should take.", "default": "configure",
                   "allowedValues": ["configure", "configure (append)", "configure (remove)", "start", "status", "stop"]},
        "mode": {"type": "String", "description": "Controls platform-specific default behavior such as whether to include EC2 Metadata in metrics.", "default": "ec2", "allowedValues": ["ec2", "onPremise", "auto"]},
        "optionalConfigurationSource": {"type": "String", "description": "Only for 'configure' related actions. Use 'ssm' to apply a ssm parameter as config. Use 'default' to apply default config for amazon-cloudwatch-agent. Use 'all' with 'configure (remove)' to clean all configs for amazon-cloudwatch-agent.",
                                        "default": "ssm", "allowedValues": ["ssm", "default", "all"]},
        "optionalConfigurationLocation": {"type": "String", "description": "Only for 'configure' related actions. Required if Optional Configuration Source is set to 'ssm'. The value should be a ssm parameter name.", "default": "",
                                          "allowedPattern": "[a-zA-Z0-9-\"~:_@./^(*)!<>?=+]*$"},
        "optionalRestart": {"type": "String", "description": "Only for 'configure' related actions. If 'yes', restarts the agent to use the new configuration.", "default": "yes", "allowedValues": ["yes", "no"]},
    },
    "mainSteps": [{"action": "aws:runShellScript", "name": "ControlCloudWatchAgentLinux", "precondition": {"StringEquals": ["platformType", "Linux"]}, "inputs": {"runCommand": [_AGENT], "timeoutSeconds": "60"}}],
})
DOCUMENTS["AWS-StartSSHSession"] = ("Session", {
    "schemaVersion": "1.0", "description": "Document to start SSH session", "sessionType": "Port",
    "parameters": {"portNumber": {"type": "String", "description": "(Optional) Port number of SSH server on the instance.", "allowedPattern": "^[0-9]{1,5}$", "default": "22"}},
    "properties": {"portNumber": "{{ portNumber }}"},
})
PLATFORMS = {"AWS-RunPowerShellScript": ["Windows", "Linux", "MacOS"]}
SINCE = 1_504_000_000.0
