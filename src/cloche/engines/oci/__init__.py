"""Container images: names, manifests and configurations read (pure), layers unpacked into a root directory that all who run the image share.

    wanted = references.parse("123456789012.dkr.ecr.us-east-1.amazonaws.com/web:1")
    digest = manifests.chosen(index, "amd64"); layers = manifests.layers(manifest); config = configs.read(blob)
    rooms = Rooms(place, shift); root = await rooms.root(blobs)      # never written again: a lower layer for overlays
"""
from .configs import Config
from .rooms import Rooms
from .unpack import Broken

__all__ = ["Broken", "Config", "Rooms"]
