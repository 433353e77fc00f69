"""A data directory of an earlier Cloche opens, with what was planned in it."""
import sqlite3

from cloche.kernel import Store


def test_timers_from_before_there_were_looks_are_still_due(tmp_path):
    path = tmp_path / "cloud.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE timer (id INTEGER PRIMARY KEY, due REAL NOT NULL, fn TEXT NOT NULL, account TEXT NOT NULL, region TEXT NOT NULL, name TEXT, body BLOB NOT NULL)")
        db.execute("INSERT INTO timer VALUES (1, 5.0, 'sqs.f', 'a', 'r', NULL, x'80')")
    db.close()
    for _ in range(2):  # and once more, when it has the column
        store = Store(path)
        assert store.run("SELECT due, look FROM timer").fetchall() == [(5.0, None)]
        store.close()


def test_an_mfa_device_from_before_there_were_seals_keeps_its_seed():
    import msgspec

    from cloche.services.iam.mfa import Device
    old = msgspec.msgpack.encode({"serial": "arn:aws:iam::1:mfa/m", "seed": b"the seed", "created": 1.0})
    assert msgspec.msgpack.Decoder(Device).decode(old).seed == b"the seed"
