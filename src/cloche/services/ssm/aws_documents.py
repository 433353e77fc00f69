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
DOCUMENTS["AWS-StartSSHSession"] = ("Session", {
    "schemaVersion": "1.0", "description": "Document to start SSH session", "sessionType": "Port",
    "parameters": {"portNumber": {"type": "String", "description": "(Optional) Port number of SSH server on the instance.", "allowedPattern": "^[0-9]{1,5}$", "default": "22"}},
    "properties": {"portNumber": "{{ portNumber }}"},
})
PLATFORMS = {"AWS-RunPowerShellScript": ["Windows", "Linux", "MacOS"]}
SINCE = 1_504_000_000.0
