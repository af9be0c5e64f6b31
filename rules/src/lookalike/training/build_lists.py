"""Writes the ranked lists as plain text, one name a line, the most popular first.

    python3 build_lists.py OUT --npm PACKAGE_DIR --pypi GUARDDOG_DIR --maven TSV [--strip TSV]...

PACKAGE_DIR is the unpacked npm package `npm-high-impact` (folder `package`), GUARDDOG_DIR the
unpacked wheel of `guarddog`, TSV a table with the columns `rank` and `name`. Names in the column
`name` of a --strip table (known malware) are left out. `examples/lookalike.rs pack` then writes
the compact files. Needs nothing but the standard library.
"""

import argparse
import csv
import json
import pathlib
import re


def npm(folder):
    text = (pathlib.Path(folder) / "lib/top.js").read_text(encoding="utf-8")
    return re.findall(r"^  '([^']+)',?$", text, re.MULTILINE)


def pypi(folder):
    path = "guarddog/analyzer/metadata/resources/top_pypi_packages.json"
    names = json.loads((pathlib.Path(folder) / path).read_text(encoding="utf-8"))["packages"]
    return [re.sub(r"[-_.]+", "-", name.lower()) for name in names]


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def maven(path):
    rows = sorted(table(path), key=lambda row: int(row["rank"]))
    return [row["name"] for row in rows]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    for name in ("npm", "pypi", "maven"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--strip", action="append", default=[])
    arguments = parser.parse_args()
    strip = {(row["ecosystem"], row["name"]) for path in arguments.strip for row in table(path)}
    for name, read in (("npm", npm), ("pypi", pypi), ("maven", maven)):
        source = getattr(arguments, name)
        if source:
            names = list(dict.fromkeys(read(source)))
            kept = [entry for entry in names if (name, entry) not in strip]
            (arguments.out / f"{name}.txt").write_text("\n".join(kept) + "\n", encoding="utf-8")
            print(f"{name}: {len(kept)} names, {len(names) - len(kept)} left out")


if __name__ == "__main__":
    main()
