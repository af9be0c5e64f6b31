"""A cache with many entries, without fetching each.

The gateway itself writes the first one; the others are copies of its file under names of their
own. An entry's file is two lines, the SHA-256 of the second and JSON, and is named by the SHA-256
of its key (cache/src/entry.rs and layout.rs). Whether copies are taken for entries is not believed
but asked: the gateway must answer the first, the middle and the last as hits.
"""

import hashlib
import json
import shutil

from documents import ENTRY_VERSIONS, tarball_path
from server import Failure

PACKAGES_ASKED = 20


def coordinates(number):
    return f"entry-{number // ENTRY_VERSIONS}", f"1.0.{number % ENTRY_VERSIONS}"


def path(number):
    return tarball_path(*coordinates(number))


def prepare(bench, count):
    """A data folder with this many entries; it is kept for the next time."""
    folder = bench.store / f"entries-{count}"
    if (folder / "whole").exists() and not wrong(bench, folder, count):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    multiply(folder / "cache" / "entries", sample(bench, folder), count)
    (folder / "whole").touch()
    if said := wrong(bench, folder, count):
        raise Failure(f"copies of an entry are not taken for entries: {said}")
    return folder


def wrong(bench, folder, count):
    """What the gateway answers that is no hit."""
    server = bench.peers.start("gateway", data=folder)
    try:
        for number in (0, count // 2, count - 1):
            answer, _ = server.await_answer(path(number))
            status = answer.fields.get("cache-status", "")
            if "hit" not in status:
                return f"{path(number)} is {status!r}"
        return None
    finally:
        server.stop()


def sample(bench, folder):
    """The entry that the gateway writes, as JSON."""
    server = bench.peers.start("gateway", data=folder)
    server.await_answer(path(0))
    server.stop()
    for file in folder.glob("cache/entries/*/*"):
        entry = json.loads(file.read_bytes().partition(b"\n")[2])
        if path(0).rpartition("/")[2] in entry["key"]:
            return entry
    raise Failure("the gateway wrote no entry for an artifact")


def multiply(folder, entry, count):
    package, version = coordinates(0)
    key = entry["key"]
    marked = key.replace(package, "\0").replace(version, "\1")
    before, after = json.dumps(entry, separators=(",", ":")).split(json.dumps(key))
    for number in range(1, count):
        package, version = coordinates(number)
        key = marked.replace("\0", package).replace("\1", version)
        name = hashlib.sha256(key.encode()).hexdigest()
        text = (before + json.dumps(key) + after).encode()
        check = hashlib.sha256(text).hexdigest().encode()
        with open(folder / name[:2] / name, "wb") as file:
            file.write(check + b"\n" + text)


def asked_numbers(count):
    """Entries of 20 packages, evenly spread, and all versions of each."""
    packages = max(1, count // ENTRY_VERSIONS)
    chosen = range(0, packages, max(1, packages // PACKAGES_ASKED))
    return [package * ENTRY_VERSIONS + version for package in chosen
            for version in range(min(count, ENTRY_VERSIONS))]


def script(base, count):
    """For wrk, whose own `init` calls this one: one entry after the other, with a jump."""
    paths = [base + path(number) for number in asked_numbers(count)]
    listed = ",\n".join(f'"{one}"' for one in paths)
    return f"""
local paths, requests, at = {{{listed}}}, {{}}, 0
function init(args)
  for number, path in ipairs(paths) do requests[number] = wrk.format("GET", path) end
end
function request()
  at = (at + 7919) % #requests
  return requests[at + 1]
end
"""
