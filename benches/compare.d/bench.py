"""What all cases share: the servers they start, how long they measure, what was measured."""

import load
from server import Failure, Server

# Where a server proves that it works; the others know the package of npm.
FIRST = {"devpi": ("/large/", {"Accept": "text/html"}),
         "proxpi": ("/large/", {"Accept": "text/html"})}


class Bench:
    def __init__(self, options, upstream, peers, folder, store):
        self.upstream, self.peers, self.folder, self.store = upstream, peers, folder, store
        self.is_quick = options.quick
        self.rounds = options.rounds or (3 if options.quick else 5)
        # Where a round takes many seconds, whatever a run's length.
        self.rounds_slow = min(self.rounds, 2) if options.quick else self.rounds
        self.seconds = options.seconds or (1 if options.quick else 2)
        self.wanted = options.peers
        self.runs, self.summary, self.curves = [], [], []

    def start(self, *names, **details):
        """Starts those that are wanted and there; `details` by a server's name."""
        found = []
        for name in names:
            if name != "gateway" and not (name in self.wanted and self.peers.has(name)):
                continue
            try:
                server = self.peers.start(name, **details.get(name, {}))
                server.await_answer(*FIRST.get(name, ("/small",)))
                found.append(server)
            except Failure as failure:
                if name == "gateway":
                    raise
                # The others are still worth comparing.
                self.peers.missing[name] = str(failure)
        return found

    def unless_quick(self, *names):
        """Of peers that a row has no target for, and what else a quick run leaves out."""
        return () if self.is_quick else names

    def alternate(self, servers, work, rounds=None, seconds=None):
        return load.alternate(servers, work, rounds or self.rounds, seconds or self.seconds)

    def note(self, runs, servers, body_bytes=None):
        """Keeps the runs, and their medians for the table."""
        self.runs += runs
        for server in servers:
            figures = {figure: load.middle(runs, server.name, figure) for figure in load.FIGURES}
            if body_bytes:
                figures["bytes_per_cpu_second"] = body_bytes * figures[load.PER_CPU]
            self.summary.append({
                "work": runs[0]["work"], "server": server.name, **figures,
                "peak_megabytes": server.memory_megabytes(),
            })

    def draw(self, name, title, x_label, y_label, curves):
        """`curves`: by a server's name, its points."""
        self.curves.append({"name": name, "title": title, "x_label": x_label, "y_label": y_label,
                            "curves": curves})

    def end_case(self):
        Server.stop_all()
