"""Load: wrk for plain HTTP, h2load for TLS, one client by hand for peers that answer in seconds.

A run gives requests, seconds, the server's processor time, p50 and p99. Runs of several servers
alternate, and who goes first alternates too, so that none always meets the cooler core.
"""

import http.client
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from peers import TLS_CIPHER
from server import Failure, ask

# Prints what the summary rounds away.
REPORT = """
done = function(summary, latency)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format("figures %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), bad))
end
"""


PER_CPU = "requests_per_cpu_second"
FIGURES = ("requests_per_second", PER_CPU, "cpu_microseconds_per_request", "p50_microseconds",
           "p99_microseconds")


@dataclass
class Work:
    """What is asked of the servers; `paths` where one of them has an address of its own."""

    name: str
    path: str
    headers: dict = field(default_factory=dict)
    connections: int = 16
    paths: dict = field(default_factory=dict)
    tls: str = ""       # "", "http/1.1" or "h2"
    script: str = ""    # Lua, which chooses paths

    def path_for(self, server):
        return self.paths.get(server.name, self.path)


def run(server, work, seconds):
    cpu = server.cpu_seconds()
    if server.is_slow:
        figures = by_hand(server, work, seconds)
    elif work.tls:
        figures = h2load(server, work, seconds)
    else:
        figures = wrk(server, work, seconds)
    cpu = server.cpu_seconds() - cpu
    requests, elapsed, p50, p99 = figures
    if requests == 0:
        raise Failure(f"{server.name}: nothing was answered to {work.name}\n{server.log_tail()}")
    # Below a tick of the processor's clock there is nothing to divide by.
    cpu = max(cpu, 0.005)
    return {
        "work": work.name, "server": server.name, "requests": requests,
        "requests_per_second": requests / elapsed, "requests_per_cpu_second": requests / cpu,
        "cpu_microseconds_per_request": 1e6 * cpu / requests,
        "p50_microseconds": p50, "p99_microseconds": p99,
    }


def wrk(server, work, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(work.script + REPORT)
        script.flush()
        command = ["wrk", "-t1", f"-c{work.connections}", f"-d{seconds}s", "--timeout", "30s",
                   "-s", script.name]
        for key, value in work.headers.items():
            command += ["-H", f"{key}: {value}"]
        text = output([*command, server.url(work.path_for(server))], seconds)
    found = re.search(r"figures (\d+) (\d+) (\d+) (\d+) (\d+)", text)
    if not found or int(found[5]):
        raise Failure(f"{server.name}: {work.name} failed under load:\n{text}\n"
                      + server.log_tail())
    requests, elapsed, p50, p99, _ = map(int, found.groups())
    return requests, elapsed / 1e6, p50, p99


def h2load(server, work, seconds):
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = ["h2load", "-t1", f"-c{work.connections}", "-m1", f"-D{seconds}",
                   f"--tls13-ciphers={TLS_CIPHER}", f"--log-file={log}"]
        if work.tls == "http/1.1":
            command.append("--h1")
        for key, value in work.headers.items():
            command += ["-H", f"{key}: {value}"]
        text = output([*command, server.url(work.path_for(server), is_tls=True)], seconds)
        lines = [line.split("\t") for line in log.read_text().splitlines()]
    if f"Cipher: {TLS_CIPHER}" not in text or f"Application protocol: {work.tls}" not in text:
        raise Failure(f"{server.name}: not {TLS_CIPHER} with {work.tls}:\n{text}")
    if any(status != "200" for _, status, _ in lines):
        raise Failure(f"{server.name}: {work.name} failed under load:\n{text}")
    times = sorted(int(line[2]) for line in lines)
    return len(times), seconds, *percentiles(times)


def output(command, seconds):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode:
        raise Failure(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def by_hand(server, work, seconds):
    """One request after the other, at least one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    path, times, start = server.base + work.path_for(server), [], time.monotonic()
    while not times or time.monotonic() < start + seconds:
        asked = time.monotonic()
        ask(connection, path, work.headers)
        response = connection.getresponse()
        response.read()
        if response.status != 200:
            raise Failure(f"{server.name}: {path} is {response.status}\n{server.log_tail()}")
        times.append(int(1e6 * (time.monotonic() - asked)))
    connection.close()
    return len(times), time.monotonic() - start, *percentiles(sorted(times))


def percentiles(times):
    return [times[min(len(times) - 1, int(len(times) * part))] for part in (0.5, 0.99)] \
        if times else [0, 0]


def warm(server, upstream, path, headers, check):
    """Asks until the upstream is no longer asked, and checks what comes."""
    for _ in range(30):
        before = upstream.asked()
        answer = server.fetch(path, headers)
        if answer.status != 200:
            raise Failure(f"{server.name}: {path} is {answer.status}; log:\n{server.log_tail()}")
        check(server, path, answer)
        if upstream.asked() == before:
            return answer
        time.sleep(0.1)
    raise Failure(f"{server.name}: {path} is not cached")


def alternate(servers, work, rounds, seconds):
    runs = []
    for turn in range(rounds):
        for server in servers if turn % 2 == 0 else list(reversed(servers)):
            runs.append({**run(server, work, seconds), "round": turn})
    return runs


def middle(runs, server, figure):
    return median(run[figure] for run in runs if run["server"] == server)


def ratios(runs, figure, one, other):
    """The ratio of each round, whose runs were neighbours."""
    values = {(run["server"], run["round"]): run[figure] for run in runs}
    rounds = sorted({run["round"] for run in runs})
    return [values[one, turn] / max(values[other, turn], 1e-9) for turn in rounds]
