"""The one upstream of the bench: a registry of npm and PyPI on loopback, a process of its own.

It counts what it is asked (`GET /-/asked`), and keeps what the bench puts (`PUT /-/kept/NAME`), so
that caches of plain HTTP can be given the very bytes that the gateway sends.
"""

import gzip
import http.server
import json
import re
import sys
import threading
import time
from functools import cache

import documents
from documents import Body

JSON = "application/json"
SIMPLE_JSON = "application/vnd.pypi.simple.v1+json"
# A gigabit per second, less what the packets' heads take.
PACE_BYTES_PER_SECOND = 117_000_000
PACE_STEP = 256 * 1024


class Upstream(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.asked, self.kept = 0, {}
        self.counting, self.making = threading.Lock(), threading.RLock()

    def find(self, path, accept):
        """Body and content type, or nothing."""
        if path in self.kept:
            return self.kept[path]
        with self.making:
            if path.startswith("/simple/"):
                return self.simple(path, accept)
            if found := re.fullmatch(r"/([\w-]+)", path):
                return self.packument(found[1])
            if found := re.fullmatch(r"/([\w-]+)/-/\1-([\d.]+)\.tgz", path):
                body = (self.bodies(found[1]) or {}).get(found[2])
                return body and (body, "application/octet-stream", {})
        return None

    @cache
    def packument(self, name):
        if name in ("large", "huge"):
            size = 13_000_000 if name == "large" else 40_000_000
            content = documents.large_packument(self.base, name, size)
        elif bodies := self.bodies(name):
            content = documents.packument(self.base, name, bodies)
        else:
            return None
        return self.compressible(content, JSON)

    @cache
    def bodies(self, name):
        """The versions of a package and their artifacts."""
        if name == "small":
            return {"1.0.0": self.tarball(name, "1.0.0", 2 * documents.KB)}
        if name in ("sizes", "sizes-large"):
            return {version: self.tarball(name, version, size)
                    for size, (package, version) in documents.SIZES.items() if package == name}
        if name in ("miss", "miss-paced"):
            # The version stands at the end, so that no two bodies share a digest.
            whole = self.tarball("miss", "1.0.0", documents.MISS_BYTES)
            return {f"1.0.{n}": whole.followed_by(f"{name} {n:016}".encode()) for n in range(60)}
        if name == "giant":
            return {"1.0.0": documents.giant()}
        if re.fullmatch(r"cold-\d+-\d+", name):
            return {"1.0.0": self.tarball(name, "1.0.0", 100 * documents.KB)}
        if re.fullmatch(r"entry-\d+", name):
            # All entries share one body: what grows is the number of entries.
            body = self.tarball("entry", "1.0.0", 2 * documents.KB)
            return {f"1.0.{n}": body for n in range(documents.ENTRY_VERSIONS)}
        return None

    @cache
    def tarball(self, name, version, size):
        return Body.of(documents.tarball(name, version, size))

    @cache
    def files(self):
        return documents.simple_files(self.base, 1_200_000)

    def simple(self, path, accept):
        wants_json = SIMPLE_JSON in accept
        return self.page(path, wants_json)

    @cache
    def page(self, path, wants_json):
        kind = SIMPLE_JSON if wants_json else "text/html"
        if path == "/simple/" and wants_json:
            projects = {"meta": {"api-version": "1.1"}, "projects": [{"name": "large"}]}
            return self.compressible(documents.encode(projects), kind)
        if path == "/simple/":
            return self.compressible(b'<!DOCTYPE html><a href="/simple/large/">large</a>', kind)
        if path == "/simple/large/":
            form = documents.simple_json if wants_json else documents.simple_html
            return self.compressible(form(self.files()), kind)
        return None

    @staticmethod
    def compressible(content, kind):
        compressed = Body.of(gzip.compress(content, 6, mtime=0))
        return Body.of(content), kind, {"compressed": compressed}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/-/asked":
            return self.answer(200, Body.of(str(self.server.asked).encode()), "text/plain", {})
        with self.server.counting:
            self.server.asked += 1
        found = self.server.find(path, self.headers.get("Accept", ""))
        if not found:
            return self.answer(404, Body.of(b'{"error":"not found"}'), JSON, {})
        body, kind, more = found
        fields = dict(more)
        compressed = fields.pop("compressed", None)
        if compressed and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = compressed
            fields["Content-Encoding"] = "gzip"
        fields |= {"ETag": f'"{body.sha1.hexdigest()}"', "Cache-Control": "public, max-age=3600"}
        if compressed:
            fields["Vary"] = "Accept, Accept-Encoding"
        if self.headers.get("If-None-Match") == fields["ETag"]:
            return self.answer(304, Body.of(b""), kind, fields)
        return self.answer(200, body, kind, fields)

    do_HEAD = do_GET

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        fields = {}
        if encoding := self.headers.get("Content-Encoding"):
            fields["Content-Encoding"] = encoding
        self.server.kept[self.path] = (Body.of(content), self.headers["Content-Type"], fields)
        self.answer(200, Body.of(b""), "text/plain", {})

    def answer(self, status, body, kind, fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status != 304:
            self.send_header("Content-Length", str(body.size))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or status == 304:
            return
        write = self.write_paced if self.path.startswith("/miss-paced/-/") else self.wfile.write
        try:
            for piece in body.pieces:
                write(piece)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def write_paced(self, piece):
        piece, start = memoryview(piece), time.monotonic()
        for at in range(0, len(piece), PACE_STEP):
            early = start + at / PACE_BYTES_PER_SECOND - time.monotonic()
            if early > 0:
                time.sleep(early)
            self.wfile.write(piece[at:at + PACE_STEP])

    def log_message(self, *_):
        pass


def main():
    server = Upstream()
    print(json.dumps({"port": server.server_port}), flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # Ends with the bench, whose end closes the pipe.
    sys.stdin.read()


if __name__ == "__main__":
    main()
