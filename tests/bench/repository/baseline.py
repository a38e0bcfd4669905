#!/usr/bin/env python3
"""What a careful user would write instead: a FULL and its deltas into SQLite, with the standard library only.

Nothing is verified. The table is filled without an index, which is built once, sorted, and only then the deltas are
applied as upserts by issuer and serial. The result is on the disk and can be queried by serial and by EUI-64 when the
clock stops. Prints one JSON object.

    baseline.py EXTRACTS DATABASE
"""
import binascii
import gzip
import json
import os
import sqlite3
import sys
import time
import xml.etree.ElementTree as ElementTree

BATCH = 20_000
INSERT = ("INSERT INTO certificate (issuer, serial, eui, subject, role, usage, status, manufacturing, der)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
UPSERT = INSERT + " ON CONFLICT (issuer, serial) DO UPDATE SET status = excluded.status"


def value(der, at):
    """Start and end of the content of the DER value at `at`."""
    size = der[at + 1]
    at += 2
    if size >= 0x80:
        octets = size & 0x7F
        size = int.from_bytes(der[at:at + octets], "big")
        at += octets
    return at, at + size


def issuer_of(der):
    at, _ = value(der, value(der, 0)[0])    # into the certificate, into its tbs
    for _ in range(3):                      # version, serial, signature
        _, at = value(der, at)
    return der[at:value(der, at)[1]]


class Rows:
    """The records of one extract file, as rows."""

    def __init__(self, issuers):
        self.issuers = issuers  # Name -> a small number

    def read(self, path):
        with gzip.open(path, "rb") as file:
            events = ElementTree.iterparse(file, events=("start", "end"))
            _, root = next(events)
            for event, element in events:
                if event == "end" and element.tag == "CertificateResponse":
                    yield self.row({child.tag: child.text for child in element})
                    root.clear()

    def row(self, fields):
        der = binascii.a2b_base64(fields["CertificateBody"])
        issuer = self.issuers.setdefault(issuer_of(der), len(self.issuers))
        subject = fields.get("CertificateSubjectAltName") or fields["CertificateSubjectName"]
        usage = fields["CertificateUsage"]
        eui = None if usage == "CA" else binascii.a2b_hex(subject.replace("-", ""))
        return (issuer, binascii.a2b_hex(fields["CertificateSerial"]), eui, subject if eui is None else None,
                fields.get("CertificateRole"), usage, fields["CertificateStatus"],
                fields.get("ManufacturingFlag") == "true", der)


def batches(rows):
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def load(database, statement, rows):
    count = 0
    database.execute("BEGIN")
    for batch in batches(rows):
        database.executemany(statement, batch)
        count += len(batch)
    database.execute("COMMIT")
    return count


def main(extracts, path):
    if os.path.exists(path):
        os.remove(path)
    files = sorted(os.listdir(extracts))
    full = max(name for name in files if name.startswith("SMKIKR_FULL_"))
    deltas = [name for name in files if name.startswith("SMKIKR_DELT_") and name[12:22] > full[12:22]]
    start = time.monotonic()
    database = sqlite3.connect(path, isolation_level=None)
    # A file that is not whole is thrown away, so nothing need be undone; one fsync at the end makes it durable.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "locking_mode=EXCLUSIVE", "cache_size=-262144", "threads=2"):
        database.execute("PRAGMA " + pragma)
    database.execute("CREATE TABLE certificate (issuer INTEGER, serial BLOB, eui BLOB, subject TEXT, role TEXT,"
                     " usage TEXT, status TEXT, manufacturing INTEGER, der BLOB)")
    database.execute("CREATE TABLE issuer (number INTEGER PRIMARY KEY, name BLOB)")
    issuers = {}
    records = load(database, INSERT, Rows(issuers).read(os.path.join(extracts, full)))
    database.execute("CREATE UNIQUE INDEX by_serial ON certificate (serial, issuer)")
    for delta in deltas:
        records += load(database, UPSERT, Rows(issuers).read(os.path.join(extracts, delta)))
    database.execute("CREATE INDEX by_eui ON certificate (eui)")
    database.executemany("INSERT INTO issuer VALUES (?, ?)", [(number, name) for name, number in issuers.items()])
    held = database.execute("SELECT count(*) FROM certificate").fetchone()[0]
    database.close()
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
    seconds = time.monotonic() - start
    print(json.dumps({"records": records, "certificates": held, "seconds": round(seconds, 3),
                      "rate": round(records / seconds), "octets": os.path.getsize(path)}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
