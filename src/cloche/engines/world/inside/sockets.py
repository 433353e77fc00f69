"""Sockets made inside a namespace for the server outside: what kinds there are and what may be said about them."""
import socket

OPTIONS = {  # name in the order -> level, option
    "reuseport": (socket.SOL_SOCKET, socket.SO_REUSEPORT),
    "broadcast": (socket.SOL_SOCKET, socket.SO_BROADCAST),
    "mark": (socket.SOL_SOCKET, 36),
    "receive_buffer": (socket.SOL_SOCKET, socket.SO_RCVBUF),
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    "transparent": (socket.SOL_IP, 19),
    "freebind": (socket.SOL_IP, 15),
    "ttl": (socket.SOL_IP, socket.IP_TTL),
    "packet_info": (socket.SOL_IP, 8),
    "receive_ttl": (socket.SOL_IP, 12),
}


def make(order):
    """`kind`: tcp (bound and listening; with backlog 0 only bound, to connect with), udp, netlink (`protocol`; `say`: hex messages sent while
    this process still has the right to), raw (`protocol`). An address with a colon is IPv6, "" is none: not bound at all."""
    kind, address, port, options = order["kind"], order["address"], order["port"], order["options"]
    family = socket.AF_INET6 if ":" in address or options.pop("v6", False) else socket.AF_INET
    if kind == "netlink":
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, options.pop("protocol"))
        made.bind((0, options.pop("groups", 0)))
        for message in options.pop("say", []):
            made.send(bytes.fromhex(message))
    elif kind == "raw":
        made = socket.socket(family, socket.SOCK_RAW, options.pop("protocol"))
    else:
        made = socket.socket(family, {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}[kind])
    try:
        prepare(made, kind, family, address, port, options)
    except BaseException:
        made.close()
        raise
    return made


def prepare(made, kind, family, address, port, options):
    backlog, device = options.pop("backlog", 512), options.pop("device", "")
    if kind == "tcp":
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    if device:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0")
    for name, value in options.items():
        made.setsockopt(*OPTIONS[name], int(value))
    if address and kind != "netlink":
        made.bind((address, port))
        if kind == "tcp" and backlog:
            made.listen(backlog)
    made.setblocking(False)
