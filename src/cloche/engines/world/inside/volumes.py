"""Volumes: sparse files behind loop devices, which free themselves when the last descriptor is closed; the holder's death closes all."""
import fcntl
import os
import struct

LOOP_CTL_GET_FREE, LOOP_CONFIGURE, LOOP_CLR_FD, LOOP_SET_CAPACITY = 0x4C82, 0x4C0A, 0x4C01, 0x4C07
READ_ONLY, AUTOCLEAR = 1, 4


class Volumes:
    def __init__(self):
        self.open = {}  # volume id -> (descriptor of its loop device, device number)
        self.left = {}  # volume id -> the device that it had when it was detached, while that is in use

    def attach(self, volume, path, read_only=False):
        """The device number of a loop device over the file."""
        if volume not in self.open:
            backing = os.open(path, os.O_RDONLY if read_only else os.O_RDWR)
            try:
                fd = loop(backing, read_only)
            finally:
                os.close(backing)
            self.open[volume] = fd, os.fstat(fd).st_rdev
        return self.open[volume][1]

    def grow(self, volume):
        """The file has become larger."""
        if volume in self.open:
            fcntl.ioctl(self.open[volume][0], LOOP_SET_CAPACITY)

    def detach(self, volume):
        """Whether the device lives on, because it is mounted somewhere."""
        if volume not in self.open:
            return False
        fd, device = self.open.pop(volume)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self.left[volume] = device
        return self.busy(volume)

    def busy(self, volume):
        if volume in self.left and not os.path.exists(f"/sys/block/loop{os.minor(self.left[volume])}/loop/backing_file"):
            del self.left[volume]
        return volume in self.left


def loop(backing, read_only):
    """A free loop device with the file behind it. Another may take the same free number: then the next."""
    with open("/dev/loop-control", "rb+", buffering=0) as control:
        while True:
            number = fcntl.ioctl(control, LOOP_CTL_GET_FREE)
            path = f"/dev/loop{number}"
            if not os.path.exists(path):  # a /dev that the kernel does not fill, as in a container
                path = f"/run/loop{number}"
                if not os.path.exists(path):
                    os.mknod(path, 0o660 | 0o060000, os.makedev(7, number))
            fd = os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)
            info = struct.pack("QQQQQIIII64s64s32s2Q", 0, 0, 0, 0, 0, 0, 0, 0, AUTOCLEAR | (READ_ONLY if read_only else 0), b"cloche", b"", b"", 0, 0)
            try:
                fcntl.ioctl(fd, LOOP_CONFIGURE, struct.pack("II", backing, 0) + info + bytes(64))
                return fd
            except OSError as error:
                os.close(fd)
                if error.errno != 16:
                    raise
