"""A process under load: started on one core, asked over HTTP, measured from /proc, stopped."""

import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS_MAX = 60
SETTLE_SECONDS_MAX = 120


class Failure(Exception):
    """What cannot be measured, and why."""


class Upstream:
    """The scripted upstream, beside the load generator on its core."""

    def __init__(self, folder):
        self.log = folder / "upstream.log"
        script = Path(__file__).with_name("upstream.py")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-B", str(script)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.base = f"http://127.0.0.1:{self.port}"

    def fetch(self, path):
        return fetch(self.port, path)

    def asked(self):
        return int(fetch(self.port, "/-/asked").body)

    def keep(self, path, answer):
        """Serves an answer of a server's again, byte for byte."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        fields = {"Content-Type": answer.fields["content-type"]}
        if "content-encoding" in answer.fields:
            fields["Content-Encoding"] = answer.fields["content-encoding"]
        connection.request("PUT", path, body=answer.body, headers=fields)
        connection.getresponse().read()
        connection.close()

    def stop(self):
        self.process.stdin.close()
        stop(self.process)


class Server:
    """A server under load, alone on its core."""

    running = []

    def __init__(self, name, command, folder, port, base="", environment=None):
        self.name, self.port, self.base, self.folder = name, port, base, folder
        self.tls_port, self.speaks_plain, self.is_slow = None, True, False
        self.log = folder / "log"
        # The registry addresses and proxies of whoever runs this must play no part.
        keep = ("PATH", "LANG", "RUST_LOG")
        own = {key: os.environ[key] for key in keep if key in os.environ}
        own |= {"HOME": str(folder), **(environment or {})}
        self.started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", str(SERVER_CORE), *map(str, command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own, cwd=folder,
            )
        Server.running.append(self)

    def await_answer(self, path, headers=None, pause=0.05):
        """The first answer with status 200, and the seconds from the start to it."""
        while time.monotonic() < self.started + START_SECONDS_MAX:
            if self.process.poll() is not None:
                break
            try:
                answer = self.fetch(path, headers)
                if answer.status == 200:
                    return answer, time.monotonic() - self.started
                pause = max(pause, 0.05)
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(pause)
        ended = self.process.poll()
        state = "does not answer" if ended is None else f"ended with status {ended}"
        raise Failure(f"{self.name} {state}; its log ends:\n{self.log_tail()}")

    def fetch(self, path, headers=None):
        return fetch(self.port, self.base + path, headers, is_tls=not self.speaks_plain)

    def url(self, path, is_tls=False):
        scheme, port = ("https", self.tls_port) if is_tls else ("http", self.port)
        return f"{scheme}://127.0.0.1:{port}{self.base}{path}"

    def processes(self):
        """The process and its children (the workers of nginx and Varnish are some)."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    found += map(int, children.read_text().split())
                except OSError:
                    pass
        return found

    def cpu_seconds(self):
        def ticks(pid):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            return int(fields[11]) + int(fields[12])  # utime, stime
        return sum(map(ticks, self.processes())) / TICKS

    def settle(self):
        """Waits until it has nothing to do of its own, such as counting what is on disk."""
        end = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < end:
            before = self.cpu_seconds()
            time.sleep(1)
            if self.cpu_seconds() - before < 0.05:
                return
        raise Failure(f"{self.name} is still busy after {SETTLE_SECONDS_MAX} s without a request")

    def memory_megabytes(self, field="VmHWM"):
        """Peak (VmHWM) or present (VmRSS) resident memory of all its processes."""
        total = 0
        for pid in self.processes():
            found = re.search(field + r":\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
            total += int(found[1]) if found else 0
        return total / 1024

    def log_tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])

    def stop(self):
        stop(self.process)
        Server.running.remove(self)

    @classmethod
    def stop_all(cls):
        for server in list(cls.running):
            server.stop()


class Answer:
    """A status, header fields in small letters, and a body as it was sent."""

    def __init__(self, response):
        self.status = response.status
        self.fields = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()


def fetch(port, path, headers=None, timeout=60, is_tls=False):
    if is_tls:
        # The certificate is one of a minute ago, made by this bench.
        trusting = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=timeout, context=trusting)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        ask(connection, path, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def ask(connection, path, fields):
    """Sends these fields and no others: caches of plain HTTP vary on what a library adds."""
    connection.putrequest("GET", path, skip_accept_encoding=True)
    for name, value in fields.items():
        connection.putheader(name, value)
    connection.endheaders()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def stop(process):
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
