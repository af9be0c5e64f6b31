"""How cost grows: with connections, with body size, with package groups, with cached entries."""

import entries
from documents import KB, MB, SIZES
from hits import artifact, same_bytes
from load import PER_CPU, Work, middle, warm
from rows import Row

CONNECTIONS = (1, 4, 16, 64, 256, 1000)
GROUPS = (0, 10, 100, 1_000, 10_000)
ENTRIES = (100, 1_000, 10_000, 100_000, 1_000_000)
ROUNDS = 2


def connections(bench):
    servers = bench.start("gateway", "nginx", "varnish")
    for server in servers:
        warm(server, bench.upstream, artifact(2 * KB), {}, same_bytes(bench))
    curves = {server.name: [] for server in servers}
    for count in CONNECTIONS:
        work = Work(f"2 KB artifact, {count} connections", artifact(2 * KB), connections=count)
        runs = measure(bench, servers, work)
        for server in servers:
            rate = middle(runs, server.name, "requests_per_second")
            curves[server.name].append((count, rate))
    bench.draw("connections", "A 2 KB hit over connections", "connections", "requests per second",
               curves)
    yield ends("growth-connections", "1,000 connections / 16", curves, CONNECTIONS.index(16), -1)


def bodies(bench):
    servers = bench.start("gateway", "nginx", "varnish")
    check = same_bytes(bench)
    curves = {server.name: [] for server in servers}
    for size in SIZES:
        path = artifact(size)
        for server in servers:
            warm(server, bench.upstream, path, {}, check)
        work = Work(f"artifact of {size // KB} KB", path, connections=4 if size >= MB else 16)
        runs = measure(bench, servers, work)
        for server in servers:
            rate = middle(runs, server.name, PER_CPU)
            curves[server.name].append((size, rate * size / 1e6))
    bench.draw("bodies", "Hits over body size", "bytes of the body", "MB per CPU second", curves)
    yield ends("growth-bodies", "MB per CPU s, 100 MB / 2 KB", curves, 0, -1)


def groups(bench):
    curves = {"gateway": []}
    for count in GROUPS:
        rules = bench.peers.policy(count) if count else ""
        server = bench.start("gateway", gateway={"policy": False, "more": rules})[0]
        warm(server, bench.upstream, artifact(2 * KB), {}, same_bytes(bench))
        work = Work(f"2 KB artifact, {count} groups", artifact(2 * KB))
        runs = measure(bench, [server], work)
        curves["gateway"].append((count, middle(runs, server.name, PER_CPU)))
        server.stop()
    bench.draw("groups", "A 2 KB hit over package groups", "package groups",
               "requests per CPU second", curves)
    yield ends("growth-groups", "10,000 groups / none", curves, 0, -1)


def cached(bench):
    curves, counts = {"gateway": []}, ENTRIES[:3] if bench.is_quick else ENTRIES
    for count in counts:
        data = entries.prepare(bench, count)
        server = bench.start("gateway", gateway={"data": data})[0]
        for number in entries.asked_numbers(count):
            server.fetch(entries.path(number))
        server.settle()
        work = Work(f"2 KB artifact, {count} entries", entries.path(0),
                    script=entries.script(server.base, count))
        runs = measure(bench, [server], work)
        curves["gateway"].append((count, middle(runs, server.name, PER_CPU)))
        server.stop()
    bench.draw("entries", "A 2 KB hit over cached entries", "cached entries",
               "requests per CPU second", curves)
    yield ends("growth-entries", f"{counts[-1]:,} entries / {counts[0]}", curves, 0, -1)


def measure(bench, servers, work):
    runs = bench.alternate(servers, work, rounds=min(bench.rounds, ROUNDS))
    bench.note(runs, servers)
    return runs


def ends(case, title, curves, one, other):
    """How the gateway's curve ends, by how it begins; there is no target."""
    points = curves["gateway"]
    return Row.of(case, title, "throughput", [points[other][1] / points[one][1]], unit="x")
