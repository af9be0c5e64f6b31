"""Memory, and the time from the start to the first answer."""

import selectors
import socket
import time

import entries
from documents import GIANT_BYTES, tarball_path
from hits import NPM_FIELDS
from rows import Row
from server import Failure

CLIENTS = 200
IDLE_SECONDS = 2
PIECE = 256 * 1024
IDLE_LIMIT, PEAK_LIMIT, START_LIMIT = 30, 150, 1.0
ENTRIES, ENTRIES_QUICK = 1_000_000, 10_000


def memory(bench):
    """Row 11: idle, and 200 clients that want the same cold packument of 40 MB at once."""
    bench.upstream.fetch("/huge")
    idle, peak = [], []
    for _ in range(1 if bench.is_quick else 3):
        server = bench.peers.start("gateway")
        server.await_answer("/-/ping")
        time.sleep(IDLE_SECONDS)
        idle.append(server.memory_megabytes("VmRSS"))
        sizes = crowd(server, "/huge", NPM_FIELDS)
        if len(set(sizes)) != 1 or sizes[0] < 1_000_000:
            raise Failure(f"bodies of {min(sizes)} to {max(sizes)} bytes")
        peak.append(server.memory_megabytes())
        server.stop()
    yield Row.of("memory", "idle", "resident", idle, unit=" MB", limit=IDLE_LIMIT,
                 at_least=False)
    yield Row.of("memory", f"{CLIENTS} clients on a cold 40 MB packument", "peak", peak,
                 unit=" MB", limit=PEAK_LIMIT, at_least=False, note=f"{sizes[0]} bytes to each")


def crowd(server, path, fields):
    """The sizes of the bodies that clients get who all ask at the same time."""
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    request = (f"GET {server.base}{path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{head}"
               "Connection: close\r\n\r\n").encode()
    waiting, heads, sizes = selectors.DefaultSelector(), {}, {}
    for _ in range(CLIENTS):
        client = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        client.setblocking(False)
        heads[client], sizes[client] = b"", 0
        waiting.register(client, selectors.EVENT_READ)
    for client in heads:
        client.send(request)
    end = time.monotonic() + 120
    while waiting.get_map():
        if time.monotonic() > end:
            raise Failure(f"{len(waiting.get_map())} clients still wait")
        for key, _ in waiting.select(1):
            read(waiting, key.fileobj, heads, sizes)
    for client, text in heads.items():
        if b" 200 " not in text.partition(b"\r\n")[0]:
            raise Failure(f"a client got {text[:80]!r}")
    return list(sizes.values())


def read(waiting, client, heads, sizes):
    piece = client.recv(PIECE)
    if not piece:
        waiting.unregister(client)
        client.close()
    elif b"\r\n\r\n" in heads[client]:
        sizes[client] += len(piece)
    else:
        heads[client] += piece
        sizes[client] = len(heads[client].partition(b"\r\n\r\n")[2])
        if sizes[client]:
            heads[client] = heads[client][:-sizes[client]]


def giant(bench):
    """An artifact of 2 GB, cold and warm: nobody may hold it in memory."""
    if bench.is_quick:
        yield Row("giant", "2 GB artifact", "peak", unit=" MB", limit=PEAK_LIMIT, at_least=False,
                  note="left out of --quick")
        return
    server = bench.start("gateway")[0]
    server.fetch("/giant")
    for state in ("cold", "warm"):
        start = time.monotonic()
        size = drain(server, tarball_path("giant", "1.0.0"))
        elapsed = time.monotonic() - start
        if size != GIANT_BYTES:
            raise Failure(f"the artifact has {size} bytes")
        yield Row.of("giant", f"2 GB artifact, {state}", "peak", [server.memory_megabytes()],
                     unit=" MB", limit=PEAK_LIMIT, at_least=False, note=f"{elapsed:.1f} s")


def drain(server, path):
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as client:
        client.sendall(f"GET {server.base}{path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                       "Connection: close\r\n\r\n".encode())
        text = b""
        while b"\r\n\r\n" not in text:
            more = client.recv(4096)
            if not more:
                raise Failure(f"no answer to {path}: {text[:200]!r}")
            text += more
        size, piece = len(text.partition(b"\r\n\r\n")[2]), bytearray(PIECE)
        while got := client.recv_into(piece):
            size += got
        return size


def start(bench):
    """Row 12: from the start of the process to an answer from a cache of a million entries."""
    count = ENTRIES_QUICK if bench.is_quick else ENTRIES
    data = entries.prepare(bench, count)
    times = []
    for _ in range(bench.rounds):
        server = bench.peers.start("gateway", data=data)
        before = bench.upstream.asked()
        path = entries.path(count // 2)
        _, taken = server.await_answer(path, pause=0.001)
        times.append(taken)
        asked = bench.upstream.asked() - before
        server.stop()
    note = f"upstream asked {asked} x"
    yield Row.of("start", f"start with {count:,} entries", "first answer", times, unit=" s",
                 limit=START_LIMIT, at_least=False, note=note)
