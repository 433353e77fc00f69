"""Caches for tests, asked by the real redis-cli and by a socket."""
import shutil
import socket
import ssl
import subprocess

import pytest

MISSING = [name for name in ("redis-server", "memcached") if not shutil.which(name)]


class Caches:
    def __init__(self, cloud):
        self.cloud, self.api = cloud, cloud.client("elasticache")

    def create(self, name, engine="redis", **more):
        self.api.create_cache_cluster(CacheClusterId=name, Engine=engine, CacheNodeType="cache.t3.micro", **more)
        return self.available(name)

    def one(self, name):
        return self.api.describe_cache_clusters(CacheClusterId=name, ShowCacheNodeInfo=True)["CacheClusters"][0]

    def group(self, name):
        return self.api.describe_replication_groups(ReplicationGroupId=name)["ReplicationGroups"][0]

    def available(self, name):
        return self._until(lambda: self.one(name), "CacheClusterStatus")

    def group_available(self, name):
        return self._until(lambda: self.group(name), "Status")

    def snapshot(self, name):
        return self._until(lambda: self.api.describe_snapshots(SnapshotName=name)["Snapshots"][0], "SnapshotStatus")

    def _until(self, look, member):
        for _ in range(30):
            told = look()
            if told[member] == "available":
                return told
            self.cloud.advance(1)
        raise AssertionError(told)

    def endpoint(self, name):
        return self.one(name)["CacheNodes"][0]["Endpoint"]

    def redis(self, place, *command, more=()):
        done = subprocess.run(["redis-cli", "-h", place["Address"], "-p", str(place["Port"]), *more, *command], capture_output=True, text=True, timeout=20, check=False)
        return done.stdout.strip() or done.stderr.strip()


def say(place, data, tls=False):
    """What a server answers to these bytes, until it is silent."""
    with socket.create_connection((place["Address"], place["Port"]), timeout=10) as sock:
        if tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            sock = context.wrap_socket(sock)
        sock.sendall(data)
        sock.settimeout(0.5)
        out = b""
        try:
            while part := sock.recv(65536):
                out += part
        except TimeoutError:
            pass
        return out


@pytest.fixture(scope="module")
def caches(cloche_server):
    if MISSING:
        pytest.skip(f"this machine has no {' and no '.join(MISSING)}")
    return Caches(cloche_server.other())
