"""Hits: every answer comes from the server's cache, and the upstream is not asked."""

import gzip
import hashlib
import json

from documents import KB, MB, LARGE_VERSIONS, YOUNG_VERSIONS, SIZES, tarball_path
from load import PER_CPU, Work, ratios, warm
from rows import Row
from server import Failure

ABBREVIATED = "application/vnd.npm.install-v1+json"
NPM_ACCEPT = f"{ABBREVIATED}; q=1.0, application/json; q=0.8, */*"
NPM_FIELDS = {"Accept": NPM_ACCEPT, "Accept-Encoding": "gzip"}
SIMPLE_FORMS = {"JSON": "application/vnd.pypi.simple.v1+json", "HTML": "text/html"}


def artifact(size):
    return tarball_path(*SIZES[size])


def small(bench):
    """Row 1: 2 KB, an artifact and a document."""
    servers = bench.start("gateway", "nginx", *bench.unless_quick("varnish"))
    works = [(Work("2 KB artifact", artifact(2 * KB)), same_bytes(bench)),
             (Work("2 KB document", "/small", {"Accept": ABBREVIATED}), is_small_document)]
    for work, check in works:
        yield from beside(bench, "small", servers, work, check, {"nginx": 1.5})


def artifacts(bench):
    """Rows 2 and 3: 100 KB and 10 MB; bytes per CPU second compare as requests do."""
    servers = bench.start("gateway", "nginx", *bench.unless_quick("varnish"))
    for label, size, limit, connections in (("100 KB", 100 * KB, 1.1, 16),
                                            ("10 MB", 10 * MB, 1.2, 4)):
        work = Work(f"{label} artifact", artifact(size), connections=connections)
        yield from beside(bench, "artifacts", servers, work, same_bytes(bench), {"nginx": limit},
                          size=size)


def tls(bench):
    """Row 4: the same over TLS 1.3 with the same cipher, by HTTP/1.1 and HTTP/2."""
    works = [Work(f"{label} TLS {form}", artifact(size), connections=connections, tls=form)
             for label, size, connections in (("2 KB", 2 * KB, 16), ("100 KB", 100 * KB, 16),
                                              ("10 MB", 10 * MB, 4))
             for form in ("http/1.1", *bench.unless_quick("h2"))]
    limits = {"2 KB": 1.05, "100 KB": 1.6, "10 MB": 1.6}
    table = bench.peers.tls_table()
    servers = bench.start("gateway", "nginx", gateway={"more": table})
    for work in works:
        limit = limits[" ".join(work.name.split()[:2])]
        yield from beside(bench, "tls", servers, work, same_bytes(bench), {"nginx": limit})


def packument(bench):
    """Row 5: the abbreviated gzip packument of 13 MB; plain caches get the gateway's own bytes."""
    gateway, *rivals = bench.start("gateway", "verdaccio")
    answer = warm(gateway, bench.upstream, "/large", NPM_FIELDS, is_large_packument)
    if answer.fields.get("content-encoding") != "gzip":
        raise Failure("gateway: the packument is not compressed")
    for rival in rivals:
        warm(rival, bench.upstream, "/large", NPM_FIELDS, is_large_packument)
    kept = "/-/kept/packument"
    bench.upstream.keep(kept, answer)
    caches = bench.start("varnish", *bench.unless_quick("nginx"))
    for cache in caches:
        warm(cache, bench.upstream, kept, NPM_FIELDS, same_as(answer.body))
    work = Work("13 MB packument", "/large", NPM_FIELDS, paths={"varnish": kept, "nginx": kept})
    yield from beside(bench, "packument", [gateway, *rivals, *caches], work, None,
                      {"varnish": 0.8, "verdaccio": 1000})


def simple(bench):
    """Row 6: the simple page of 1.2 MB, in both forms."""
    servers = bench.start("gateway", "devpi", "proxpi")
    for form, accept in SIMPLE_FORMS.items():
        fields = {"Accept": accept, "Accept-Encoding": "gzip"}
        # The gateway's address for npm becomes its address for PyPI.
        servers[0].base = "/pypi/public/simple"
        work = Work(f"1.2 MB simple page, {form}", "/large/", fields)
        check = is_json_page if form == "JSON" else is_html_page
        yield from beside(bench, "simple", servers, work, check, {"devpi": 1000, "proxpi": 100})


def policy(bench):
    """Row 7: the same hit with rules and without; many runs, because the difference is small."""
    with_rules = bench.peers.start("gateway", name="policy on")
    without = bench.peers.start("gateway", name="policy off", policy=False)
    servers = [with_rules, without]
    for server in servers:
        server.await_answer("/small")
    rounds = max(bench.rounds, 4 if bench.is_quick else 20)
    for name, path, fields, check in (
            ("artifact", artifact(2 * KB), {}, same_bytes(bench)),
            ("packument", "/large", NPM_FIELDS, is_large_packument)):
        for server in servers:
            warm(server, bench.upstream, path, fields, check)
        work = Work(f"{name}, policy", path, fields)
        runs = bench.alternate(servers, work, rounds if name == "artifact" else rounds // 2, 1)
        bench.note(runs, servers)
        for figure, limit in (("p50_microseconds", 1.02), ("cpu_microseconds_per_request", None)):
            values = ratios(runs, figure, "policy on", "policy off")
            yield Row.of("policy", f"{name}, policy on / off",
                         figure.replace("_microseconds", "").replace("_", " "), values,
                         limit=limit, at_least=False)


def beside(bench, case, servers, work, check, limits, size=None):
    """Warms, measures, and compares the first server with each of the others."""
    gateway, *others = servers
    for server in servers if check else ():
        warm(server, bench.upstream, work.path_for(server), work.headers, check)
    asked = bench.upstream.asked()
    is_slow = any(server.is_slow for server in servers)
    runs = bench.alternate(servers, work, bench.rounds_slow if is_slow else bench.rounds)
    bench.note(runs, servers, size)
    if bench.upstream.asked() != asked:
        raise Failure(f"{work.name}: the upstream was asked during the runs")
    for other in others:
        values = ratios(runs, PER_CPU, gateway.name, other.name)
        yield Row.of(case, f"{work.name}, gateway / {other.name}",
                     "bytes per CPU s" if size and size >= MB else "per CPU s", values,
                     unit="x", limit=limits.get(other.name))
    for name in limits:
        if not bench.peers.has(name):
            yield Row(case, f"{work.name}, gateway / {name}", "per CPU s", unit="x",
                      limit=limits[name], note=f"{name} is missing: {bench.peers.missing[name]}")


def same_bytes(bench):
    """Bodies are the upstream's, which is asked for each once."""
    digests = {}

    def compare(server, path, answer):
        if path not in digests:
            digests[path] = hashlib.sha256(bench.upstream.fetch(path).body).digest()
        if hashlib.sha256(answer.body).digest() != digests[path]:
            raise Failure(f"{server.name}: {path} has other bytes than the upstream's")
    return compare


def same_as(body):
    def compare(server, path, answer):
        if answer.body != body:
            raise Failure(f"{server.name}: {path} differs from what the gateway sends")
    return compare


def is_small_document(server, _path, answer):
    if list(json.loads(answer.body)["versions"]) != ["1.0.0"]:
        raise Failure(f"{server.name}: not the packument of the package")


def plain(answer):
    is_gzip = answer.fields.get("content-encoding") == "gzip"
    return gzip.decompress(answer.body) if is_gzip else answer.body


def is_large_packument(server, _path, answer):
    """All versions, or all but the young ones that a minimum age holds."""
    versions = json.loads(plain(answer))["versions"]
    if len(versions) not in (LARGE_VERSIONS, LARGE_VERSIONS - YOUNG_VERSIONS):
        raise Failure(f"{server.name}: {len(versions)} versions in the packument")
    own = f"http://127.0.0.1:{server.port}{server.base}/"
    if not versions["1.0.0"]["dist"]["tarball"].startswith(own):
        raise Failure(f"{server.name}: artifacts do not lead to itself")


def is_json_page(server, _path, answer):
    files = json.loads(plain(answer))["files"]
    if len(files) < 2_000 or not files[0]["filename"].startswith("large-0.0.0"):
        raise Failure(f"{server.name}: {len(files)} files on the page")


def is_html_page(server, _path, answer):
    count = plain(answer).count(b"<a ")
    if count < 2_000:
        raise Failure(f"{server.name}: {count} files on the page")
