"""Misses: what is not in the cache yet, beside fetching the same from the upstream itself."""

import http.client
import random
import threading
import time

from documents import MISS_BYTES, tarball_path
from rows import Row
from server import Failure

PIECE = 1024 * 1024
CLIENTS, PACKAGES = 50, 20
LINK = {"miss": "loopback", "miss-paced": "1 Gbit/s"}


def large(bench):
    """Row 10: a cold artifact of 100 MB: time to the first byte, and to the last."""
    servers = bench.start("gateway", "nginx")
    number = 0
    for name in ("miss", "miss-paced"):
        taken = {}
        for server in servers:
            # The document is another miss.
            server.fetch(f"/{name}")
        for turn in range(bench.rounds_slow):
            targets = [("direct", bench.upstream.port, "")]
            targets += [(server.name, server.port, server.base) for server in servers]
            for label, port, base in targets if turn % 2 == 0 else reversed(targets):
                path = base + tarball_path(name, f"1.0.{number}")
                taken.setdefault(label, []).append(download(port, path))
                number += 1
        number = 0
        yield from compare(bench, name, taken)


def compare(bench, name, taken):
    direct = taken.pop("direct")
    for label, times in taken.items():
        own = label == "gateway"
        added = [1e3 * (mine[0] - its[0]) for mine, its in zip(times, direct)]
        whole = [mine[1] / its[1] for mine, its in zip(times, direct)]
        title = f"100 MB miss at {LINK[name]}, {label} - direct"
        yield Row.of("miss", title, "first byte", added, unit=" ms", limit=1.0 if own else None,
                     at_least=False)
        yield Row.of("miss", title.replace(" - ", " / "), "whole", whole, unit="x",
                     limit=1.05 if own else None, at_least=False,
                     note=f"direct {middle(direct):.3f} s")


def middle(times):
    return sorted(whole for _, whole in times)[len(times) // 2]


def download(port, path):
    """Seconds to the first byte of the body and to the last."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    piece = bytearray(PIECE)
    connection.connect()
    start = time.monotonic()
    connection.request("GET", path)
    response = connection.getresponse()
    if response.status != 200:
        raise Failure(f"{path} is {response.status}: {response.read()[:200]}")
    size = len(response.read(1))
    first = time.monotonic() - start
    while got := response.readinto(piece):
        size += got
    whole = time.monotonic() - start
    connection.close()
    if size < MISS_BYTES:
        raise Failure(f"{path} has {size} bytes")
    return first, whole


def clients(bench):
    """50 cold clients, each of which wants the same 20 packages in an order of its own."""
    servers = bench.start("gateway", "nginx")
    for turn in range(bench.rounds):
        times = {}
        for server in servers:
            # Packages of its own, because an upstream makes a body when it is first asked.
            names = [f"cold-{turn}-{number}" for number in range(PACKAGES)]
            for name in names:
                bench.upstream.fetch(tarball_path(name, "1.0.0"))
            before = bench.upstream.asked()
            times[server.name] = crowd(server.port, server.base, names)
            asked = bench.upstream.asked() - before
            bench.runs.append({"work": "cold clients", "server": server.name, "round": turn,
                               "seconds": times[server.name], "upstream_requests": asked})
    runs = [run for run in bench.runs if run["work"] == "cold clients"]
    for server in servers:
        mine = [run for run in runs if run["server"] == server.name]
        is_ours = server.name == "gateway"
        yield Row.of("cold-clients", f"{CLIENTS} cold clients, {PACKAGES} packages, {server.name}",
                     "upstream requests", [run["upstream_requests"] for run in mine],
                     limit=2 * PACKAGES if is_ours else None, at_least=False)
        yield Row.of("cold-clients", f"{CLIENTS} cold clients, {PACKAGES} packages, {server.name}",
                     "whole", [run["seconds"] for run in mine], unit=" s")


def crowd(port, base, names):
    failures, start = [], threading.Barrier(CLIENTS + 1)

    def install(seed):
        order = random.Random(seed).sample(names, len(names))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.connect()
        start.wait()
        try:
            for name in order:
                for path in (f"/{name}", tarball_path(name, "1.0.0")):
                    connection.request("GET", base + path)
                    response = connection.getresponse()
                    if response.status != 200 or not response.read():
                        failures.append(f"{path} is {response.status}")
        except (OSError, http.client.HTTPException) as error:
            failures.append(str(error) or type(error).__name__)

    threads = [threading.Thread(target=install, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.monotonic()
    for thread in threads:
        thread.join()
    if failures:
        raise Failure(f"{len(failures)} of the cold clients' requests failed: {failures[0]}")
    return time.monotonic() - began
