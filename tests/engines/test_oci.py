"""Images: names, manifests and configurations read, layers laid over each other."""
import asyncio
import gzip
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile

import pytest

from cloche.engines.oci import Broken, Rooms, configs, manifests, people, references
from cloche.engines.oci.unpack import unpack


def layer(path, *entries, pack=lambda raw: raw):
    """Entries: (name, text), (name, None) a directory, (name, {tarinfo attributes})."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in entries:
            info = tarfile.TarInfo(name)
            if what is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            elif isinstance(what, dict):
                for key, value in what.items():
                    setattr(info, key, value)
                tar.addfile(info)
            else:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what.encode()))
    path.write_bytes(pack(out.getvalue()))
    return path


def tree(root):
    return sorted(os.path.relpath(os.path.join(where, name), root) for where, folders, files in os.walk(root) for name in [*folders, *files])


@pytest.fixture
def lay(tmp_path):
    root = tmp_path / "root"
    root.mkdir()

    def lay(*layers, **how):
        unpack([layer(tmp_path / f"{i}.tar", *entries) for i, entries in enumerate(layers)], root, **how)
        return root
    return lay


@pytest.mark.parametrize(("text", "found"), [
    ("busybox", ("docker.io", "library/busybox", "latest", "", "")),
    ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web:1.2", ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "team/web", "1.2", "", "123456789012")),
    ("123456789012.dkr.ecr.us-east-1.localhost:4566/web@sha256:" + "a" * 64, ("123456789012.dkr.ecr.us-east-1.localhost:4566", "web", "", "sha256:" + "a" * 64, "123456789012")),
    ("public.ecr.aws/docker/library/nginx:alpine", ("public.ecr.aws", "docker/library/nginx", "alpine", "", "")),
])
def test_a_name_of_an_image_is_read_as_docker_reads_it(text, found):
    one = references.parse(text)
    assert (one.registry, one.repository, one.tag, one.digest, one.account) == found


@pytest.mark.parametrize("text", ["", "UPPER", "a b", "web:", "web@sha256:1", "web:a/b", "-web"])
def test_what_is_no_name_is_not_read(text):
    assert references.parse(text) is None


def test_the_image_of_this_architecture_is_taken_from_a_list():
    index = {"schemaVersion": 2, "manifests": [{"digest": "sha256:a", "platform": {"os": "linux", "architecture": "arm64"}}, {"digest": "sha256:b", "platform": {"os": "linux", "architecture": "amd64"}}]}
    assert [manifests.chosen(index, kind) for kind in ("amd64", "arm64", "s390x")] == ["sha256:b", "sha256:a", None]
    assert manifests.chosen({"schemaVersion": 2, "layers": []}, "amd64") == ""


def test_a_configuration_says_how_an_image_is_run():
    said = {"architecture": "amd64", "config": {"Env": ["A=1", "B=x=y"], "Entrypoint": ["/run"], "Cmd": ["-v"], "WorkingDir": "/srv", "User": "9:9", "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
                                                "StopSignal": "SIGQUIT"}}
    one = configs.read(json.dumps(said).encode())
    assert (one.env, one.directory, one.user, one.ports, one.stop_signal) == ({"A": "1", "B": "x=y"}, "/srv", "9:9", ((80, "tcp"), (53, "udp")), "SIGQUIT")
    assert configs.argv(one, None, None) == ["/run", "-v"] and configs.argv(one, None, ["x"]) == ["/run", "x"]
    assert configs.argv(one, ["/bin/a"], None) == ["/bin/a"], "an entry point of the task's drops the image's command"
    with pytest.raises(Broken):
        configs.read(b"[]")


def test_later_layers_replace_and_take_away(lay):
    root = lay([("a", None), ("a/old", "1"), ("a/kept", "2"), ("b", None), ("b/under", "3"), ("c", "file")],
               [("a/.wh.old", ""), ("b/new", "4"), ("b/.wh..wh..opq", ""), ("c", None), ("c/inside", "5")])
    assert tree(root) == ["a", "a/kept", "b", "b/new", "c", "c/inside"]


@pytest.mark.parametrize("pack", ["gzip", "zstd"])
def test_layers_come_packed(tmp_path, pack):
    if pack == "zstd" and shutil.which("zstd") is None:
        pytest.skip("this machine has no zstd")
    packed = layer(tmp_path / "l", ("hello", "world"), pack=gzip.compress if pack == "gzip" else lambda raw: subprocess.run(["zstd", "-q"], input=raw, capture_output=True, check=True).stdout)
    (tmp_path / "root").mkdir()
    unpack([packed], tmp_path / "root")
    assert (tmp_path / "root/hello").read_text() == "world"


def test_nothing_is_written_outside(lay, tmp_path):
    (tmp_path / "outside").mkdir()
    root = lay([("out", {"type": tarfile.SYMTYPE, "linkname": str(tmp_path / "outside")}), ("up", {"type": tarfile.SYMTYPE, "linkname": "../../../.."}), ("up/x", "1"), ("out/y", "2"), ("/abs", "3")])
    assert list((tmp_path / "outside").iterdir()) == []
    assert (root / "x").read_text() == "1" and (root / "abs").read_text() == "3"
    assert (root / str(tmp_path / "outside")[1:] / "y").read_text() == "2", "an absolute link leads below the image's own root"


@pytest.mark.parametrize("entry", [("../x", "1"), ("a/../../x", "1"), (".wh...", ""), ("l", {"type": tarfile.LNKTYPE, "linkname": "../../etc/passwd"}), ("l", {"type": tarfile.LNKTYPE, "linkname": "nothing"})])
def test_names_that_lead_outside_are_refused(lay, entry):
    with pytest.raises(Broken):
        lay([entry])


def test_hard_links_are_links_and_devices_are_not_made(lay):
    root = lay([("one", "text"), ("two", {"type": tarfile.LNKTYPE, "linkname": "one"}), ("disk", {"type": tarfile.BLKTYPE, "devmajor": 8}), ("suid", {"mode": 0o4755})])
    assert (root / "one").stat().st_ino == (root / "two").stat().st_ino and not (root / "disk").exists()
    assert not (root / "suid").stat().st_mode & stat.S_ISUID, "on the host's disk without a shift of ids nothing is set-uid"


def test_a_layer_larger_than_its_room_and_one_that_is_torn_are_refused(lay, tmp_path):
    with pytest.raises(Broken, match="no space left"):
        lay([("big", "x" * 5000)], room=4000)
    torn = tmp_path / "torn"
    torn.write_bytes(layer(tmp_path / "whole", ("big", "x" * 5000)).read_bytes()[:2000])
    with pytest.raises(Broken):
        unpack([torn], tmp_path / "root")


def test_a_user_is_who_the_image_says(lay):
    root = lay([("etc", None), ("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv:/bin/sh\n"), ("etc/group", "staff:x:50:\n")])
    assert [people.who(root, text) for text in ("", "web", "web:staff", "33:7", "77")] == [(0, 0, "/root"), (33, 34, "/srv"), (33, 50, "/srv"), (33, 7, "/srv"), (77, 0, "/")]
    with pytest.raises(Broken, match="unable to find user nobody"):
        people.who(root, "nobody")


def test_a_root_is_made_once_for_all(tmp_path):
    blobs = [("sha256:1", layer(tmp_path / "1", ("a", "1")))]

    async def both():
        rooms = Rooms(tmp_path / "rooms")
        first, second = await asyncio.gather(rooms.root(blobs), rooms.root(blobs))
        assert first == second == await rooms.root(blobs)
        rooms.keep(set())
        assert not first.exists()
    asyncio.run(both())
