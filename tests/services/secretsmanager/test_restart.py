"""Secrets outlive crashes, and so does what is planned for them."""
from __future__ import annotations

from cloche.testing.people import refused


def test_values_and_deletions_survive_a_crash(process):
    cloud = process()
    api = cloud.client("secretsmanager")
    api.create_secret(Name="kept", SecretString="one")
    api.put_secret_value(SecretId="kept", SecretString="two")
    api.create_secret(Name="doomed", SecretString="x")
    api.delete_secret(SecretId="doomed", RecoveryWindowInDays=7)
    cloud.kill()
    cloud.start()
    api = cloud.client("secretsmanager")
    assert api.get_secret_value(SecretId="kept")["SecretString"] == "two"
    assert api.get_secret_value(SecretId="kept", VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    cloud.advance(days=7, seconds=1)
    refused("ResourceNotFoundException", api.describe_secret, SecretId="doomed")
