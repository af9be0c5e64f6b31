"""What the upstream serves: packages as large as real ones, the same bytes at every run.

Nothing here knows HTTP. Sizes follow popular packages: 13 MB and 3,000 versions, 40 MB, a project
page of 1.2 MB. The last versions of a packument are young, so that a minimum age has work to do.
"""

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
from datetime import datetime, timedelta, timezone

KB, MB = 1024, 1024 * 1024
SIZES = {2 * KB: ("sizes", "1.0.0"), 16 * KB: ("sizes", "2.0.0"), 100 * KB: ("sizes", "3.0.0"),
         MB: ("sizes", "4.0.0"), 10 * MB: ("sizes", "5.0.0"), 100 * MB: ("sizes-large", "1.0.0")}
MISS_BYTES = 100 * MB
GIANT_BYTES = 2048 * MB
LARGE_VERSIONS = 3_000
YOUNG_VERSIONS = 10
ENTRY_VERSIONS = 100
OLD = datetime(2020, 1, 1, tzinfo=timezone.utc)
WORDS = ("async buffer cache client codec core cursor digest driver engine event filter graph "
         "hash index json kernel lexer loader matrix node object parser plugin query router "
         "schema socket stream table token tree vector worker").split()


class Body:
    """A body that is never in one piece: its pieces, and digests made in one pass."""

    def __init__(self, pieces, size):
        self.pieces, self.size = pieces, size
        self.sha512, self.sha1 = hashlib.sha512(), hashlib.sha1()

    @classmethod
    def of(cls, content):
        return cls([content], len(content)).hashed()

    def hashed(self):
        for piece in self.pieces:
            self.sha512.update(piece)
            self.sha1.update(piece)
        return self

    def followed_by(self, tail):
        """The same with a tail, without reading the rest again."""
        longer = Body([*self.pieces, tail], self.size + len(tail))
        longer.sha512, longer.sha1 = self.sha512.copy(), self.sha1.copy()
        longer.sha512.update(tail)
        longer.sha1.update(tail)
        return longer

    def dist(self, address):
        integrity = base64.b64encode(self.sha512.digest()).decode()
        return {"integrity": "sha512-" + integrity, "shasum": self.sha1.hexdigest(),
                "tarball": address, "fileCount": 2, "unpackedSize": self.size}


def tarball(name, version, size):
    """A package of about `size` bytes, packed; random filling does not shrink."""
    filling = random.Random(f"{name} {version}").randbytes(size)

    def pack(kept):
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as compressed:
            with tarfile.open(fileobj=compressed, mode="w") as archive:
                manifest = json.dumps({"name": name, "version": version}).encode()
                for path, content in (("package.json", manifest), ("filling", filling[:kept])):
                    entry = tarfile.TarInfo("package/" + path)
                    entry.size = len(content)
                    archive.addfile(entry, io.BytesIO(content))
        return packed.getvalue()

    whole = pack(size)
    return whole if size > MB else pack(max(0, size - (len(whole) - size)))


def giant():
    """Two gigabytes out of one megabyte that repeats; held once."""
    block = random.Random("giant").randbytes(MB)
    return Body([block] * (GIANT_BYTES // MB), GIANT_BYTES).hashed()


def tarball_path(name, version):
    return f"/{name}/-/{name}-{version}.tgz"


def packument(base, name, bodies):
    """A packument of plain versions with these bodies."""
    versions = {
        version: {"_id": f"{name}@{version}", "name": name, "version": version,
                  "description": "A package of the bench", "license": "MIT",
                  "dist": body.dist(base + tarball_path(name, version))}
        for version, body in bodies.items()
    }
    date = stamp(OLD)
    return encode({
        "_id": name, "_rev": "1-0", "name": name, "dist-tags": {"latest": list(bodies)[-1]},
        "versions": versions, "description": "A package of the bench", "license": "MIT",
        "time": {"created": date, "modified": date, **dict.fromkeys(bodies, date)},
    })


def large_packument(base, name, size):
    """A packument of `size` bytes and 3,000 versions, with the fields that popular ones have."""
    seed = random.Random(name)
    each = size // LARGE_VERSIONS - 2 * len("100.10.10") - 40
    now = datetime.now(timezone.utc)
    versions, time = {}, {"created": stamp(OLD), "modified": stamp(now)}
    for number in range(LARGE_VERSIONS):
        version = f"{number // 100}.{number // 10 % 10}.{number % 10}"
        versions[version] = manifest(seed, base, name, version, each)
        young = number >= LARGE_VERSIONS - YOUNG_VERSIONS
        # An hour of slack, so that no version comes of age while the bench runs.
        time[version] = stamp(now - timedelta(hours=1) if young else OLD + timedelta(hours=number))
    return encode({
        "_id": name, "_rev": "3000-0", "name": name, "dist-tags": {"latest": version},
        "versions": versions, "time": time, "description": f"A package \u2014 {name}",
        "maintainers": [person(seed) for _ in range(5)], "license": "MIT",
        "readme": "# Large\n\nSome \"text\".\n" * 400, "readmeFilename": "README.md",
    })


def manifest(seed, base, name, version, size):
    digest = seed.randbytes(64)
    made = {
        "name": name, "version": version, "description": f"A package \u2014 {name}",
        "license": "MIT", "main": "./dist/index.js", "types": "./dist/index.d.ts",
        "homepage": "http://upstream.test/", "bin": {name: "bin/run.js"},
        "repository": {"type": "git", "url": "git+http://upstream.test/large.git"},
        "author": person(seed), "engines": {"node": ">=18.17.0"},
        "dependencies": dependencies(seed, 12),
        "peerDependencies": dependencies(seed, 4),
        "optionalDependencies": dependencies(seed, 8),
        "scripts": {word: f"node scripts/{word}.js --quiet" for word in seed.sample(WORDS, 8)},
        "_id": f"{name}@{version}", "_nodeVersion": "20.9.0", "_npmVersion": "10.1.0",
        "gitHead": digest[:20].hex(), "_npmUser": person(seed), "_hasShrinkwrap": False,
        "dist": {
            "integrity": "sha512-" + base64.b64encode(digest).decode(),
            "shasum": digest[:20].hex(), "tarball": base + tarball_path(name, version),
            "fileCount": 7_000, "unpackedSize": 92_000_000,
            "signatures": [{"keyid": "SHA256:" + digest[:32].hex(),
                            "sig": base64.b64encode(digest + digest[:8]).decode()}],
        },
        "devDependencies": {},
    }
    lacking = size - len(encode(made))
    # What makes real packuments large is what the abbreviated form leaves out.
    while lacking > 0:
        more = dependencies(seed, 20)
        made["devDependencies"] |= more
        lacking -= len(encode(more))
    return made


def dependencies(seed, count):
    def name():
        return f"@{seed.choice(WORDS)}/{seed.choice(WORDS)}-{seed.choice(WORDS)}"
    return {name(): f"^{seed.randrange(20)}.{seed.randrange(20)}.0" for _ in range(count)}


def person(seed):
    name = seed.choice(WORDS)
    return {"name": name, "email": f"{name}@upstream.test"}


def simple_files(base, size):
    """The files of a project whose page in HTML has about `size` bytes."""
    seed, files, written = random.Random("simple"), [], 0
    number = 0
    while written < size:
        version = f"{number // 100}.{number // 10 % 10}.{number % 10}"
        for tag in ("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-macosx_11_0_arm64"):
            name = f"large-{version}-{tag}.whl"
            digest = seed.randbytes(32).hex()
            files.append({
                "filename": name, "url": f"{base}/files/{digest[:2]}/{digest[2:]}/{name}",
                "hashes": {"sha256": digest}, "requires-python": ">=3.9",
                "core-metadata": {"sha256": digest[::-1]}, "yanked": False,
                "size": 1_000_000 + number, "upload-time": stamp(OLD + timedelta(hours=number)),
            })
            written += len(anchor(files[-1]))
        number += 1
    return files


def simple_json(files):
    versions = sorted({file["filename"].split("-")[1] for file in files})
    return encode({"meta": {"api-version": "1.1"}, "name": "large", "versions": versions,
                   "files": files})


def simple_html(files):
    head = ('<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.1">'
            "<title>Links for large</title></head><body><h1>Links for large</h1>\n")
    return (head + "".join(map(anchor, files)) + "</body></html>\n").encode()


def anchor(file):
    digest, metadata = file["hashes"]["sha256"], file["core-metadata"]["sha256"]
    return (f'<a href="{file["url"]}#sha256={digest}" data-requires-python="&gt;=3.9" '
            f'data-dist-info-metadata="sha256={metadata}" '
            f'data-core-metadata="sha256={metadata}">{file["filename"]}</a><br />\n')


def stamp(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def encode(value):
    return json.dumps(value, separators=(",", ":")).encode()
