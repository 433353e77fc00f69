"""DNS on the wire: queries and answers as bytes, and a real server on loopback."""
import asyncio
import ipaddress
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloche.engines.net import dns


def query(name, type_="A", id_=7, edns=0, flags=0x0100):
    body = struct.pack(">HHHHHH", id_, flags, 1, 0, 0, 1 if edns else 0)
    body += b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0" + struct.pack(">HH", dns.TYPES.get(type_, type_), 1)
    return body + (b"\0" + struct.pack(">HHIH", 41, edns, 0, 0) if edns else b"")


def name_at(data, at):
    """(name, where it ends): written against RFC 1035, not with the code under test."""
    labels, end = [], None
    while data[at]:
        if data[at] >= 0xC0:
            end = end or at + 2
            at = struct.unpack(">H", data[at:at + 2])[0] & 0x3FFF
            continue
        labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
        at += 1 + data[at]
    return ".".join(labels) + ".", end or at + 1


def parse(data):
    """(id, flags, [(name, type, ttl, rdata)], authority's count)."""
    id_, flags, _, answers, authority, extra = struct.unpack(">HHHHHH", data[:12])
    _, at = name_at(data, 12)
    at, rows = at + 4, []
    for _ in range(answers + authority + extra):
        name, at = name_at(data, at) if data[at] else ("", at + 1)
        type_, _, ttl, size = struct.unpack(">HHIH", data[at:at + 10])
        rows.append((name, type_, ttl, data[at + 10:at + 10 + size]))
        at += 10 + size
    assert at == len(data)
    return id_, flags, rows[:answers], authority


def test_a_query_is_read():
    assert dns.read(query("WWW.Example.com", "AAAA", 9, edns=1232)) == dns.Query(9, "www.example.com.", "AAAA", 0x0100, 1232, True)
    assert dns.read(query("example.com", 4711)).type == "TYPE4711" and dns.read(query("*.example.com")).name == "\\052.example.com."


@pytest.mark.parametrize("bad", [b"", b"\0" * 11, query("a")[:-3], b"\0\1\x81\0" + query("a")[4:], query("a")[:12] + b"\xc0\x0c\0\1\0\1", query("a")[:12] + b"\x3fa"])
def test_nonsense_is_malformed(bad):
    with pytest.raises(dns.Malformed):
        dns.read(bad)


@given(st.binary(max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader(message):
    try:
        dns.read(message)
    except dns.Malformed:
        pass


VALUES = [
    ("A", "192.0.2.1", bytes([192, 0, 2, 1])), ("AAAA", "2001:db8::1", ipaddress.ip_address("2001:db8::1").packed), ("CNAME", "a.b", b"\1a\1b\0"), ("MX", "10 m.x.", b"\0\x0a\1m\1x\0"),
    ("TXT", '"hello" "a\\"b"', b"\5hello\3a\"b"), ("SRV", "1 2 80 h.", b"\0\1\0\2\0\x50\1h\0"), ("CAA", '0 issue "amazon.com"', b"\0\5issueamazon.com"),
    ("SOA", "ns. host. 1 2 3 4 5", b"\2ns\0\4host\0" + struct.pack(">IIIII", 1, 2, 3, 4, 5)), ("DS", "1 2 3 abcd", b"\0\1\2\3\xab\xcd"), ("SSHFP", "1 2 ff", b"\1\2\xff"),
    ("TLSA", "3 1 1 00ff", b"\3\1\1\0\xff"), ("NAPTR", '1 2 "u" "s" "!x!" .', b"\0\1\0\2\1u\1s\3!x!\0"), ("HTTPS", '1 . alpn="h2,h3" port=443', b"\0\1\0" + b"\0\1\0\6\2h2\2h3" + b"\0\3\0\2\1\xbb"),
    ("SPF", '"v=spf1"', b"\6v=spf1"), ("PTR", "x.", b"\1x\0"),
]


@pytest.mark.parametrize(("type_", "value", "wire"), VALUES, ids=[x[0] for x in VALUES])
def test_values_in_wire_form(type_, value, wire):
    assert dns.data(type_, value) == wire


def test_an_answer_is_written_with_names_said_once():
    asked = dns.read(query("www.example.com", id_=77))
    out = dns.write(asked, dns.Reply("NOERROR", (("www.example.com.", "CNAME", 60, "a.example.com"), ("a.example.com.", "A", 60, "192.0.2.1"))))
    id_, flags, rows, _ = parse(out)
    assert (id_, flags & 0x8000, flags & 0x0080, flags & 15) == (77, 0x8000, 0x0080, 0)
    assert [(r[0], r[1], r[2]) for r in rows] == [("www.example.com.", 5, 60), ("a.example.com.", 1, 60)] and rows[1][3] == bytes([192, 0, 2, 1])
    assert out.count(b"\7example") == 2      # the question, and within the CNAME's value


def test_what_does_not_fit_is_cut_off_and_said_to_be():
    rows = tuple(("big.example.com.", "A", 60, f"192.0.2.{n}") for n in range(100))
    small = dns.write(dns.read(query("big.example.com")), dns.Reply("NOERROR", rows), 512)
    assert len(small) <= 512 and parse(small)[1] & 0x0200 and 20 < len(parse(small)[2]) < 100
    whole = dns.write(dns.read(query("big.example.com", edns=4096)), dns.Reply("NOERROR", rows), 4096)
    assert not parse(whole)[1] & 0x0200 and len(parse(whole)[2]) == 100


def test_nothing_is_said_with_its_zone():
    out = dns.write(dns.read(query("x.example.com")), dns.Reply("NXDOMAIN", (), (("example.com.", "SOA", 60, "ns. h. 1 2 3 4 5"),)))
    _, flags, rows, authority = parse(out)
    assert flags & 15 == 3 and rows == [] and authority == 1


def test_a_server_answers_over_udp_and_tcp():
    def resolve(asked, asker):
        assert asker == "127.0.0.1"
        if asked.name == "boom.":
            raise RuntimeError("a fault of ours")
        return dns.Reply("NOERROR", ((asked.name, "A", 60, "192.0.2.1"),)) if asked.type == "A" else dns.Reply("NXDOMAIN")

    async def talk():
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        udp.bind(tcp.getsockname())
        for sock in (udp, tcp):
            sock.setblocking(False)
        address = tcp.getsockname()
        server = await dns.Server().serve(resolve, udp, tcp)
        loop = asyncio.get_running_loop()
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.setblocking(False)
        got = []
        for message in (query("a.b", id_=1), query("a.b", "MX", 2), query("boom", id_=3), query("a.b", id_=4, flags=0x2000), query("a")[:-2]):
            await loop.sock_sendto(client, message, address)
            got.append(await asyncio.wait_for(loop.sock_recv(client, 4096), 5))
        reader, writer = await asyncio.open_connection(*address)
        for number in (5, 6):
            message = query("a.b", id_=number)
            writer.write(len(message).to_bytes(2) + message)
        streamed = [await reader.readexactly(int.from_bytes(await reader.readexactly(2))) for _ in range(2)]
        writer.close()
        client.close()
        server.close()
        return got, streamed
    got, streamed = asyncio.run(talk())
    assert [parse(x)[1] & 15 for x in got[:3]] == [0, 3, 2] and parse(got[0])[2][0][3] == bytes([192, 0, 2, 1])
    assert [int.from_bytes(x[2:4]) & 15 for x in got[3:]] == [4, 1]      # another opcode; a message that is cut off
    assert [parse(x)[0] for x in streamed] == [5, 6]
