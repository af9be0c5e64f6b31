"""Trains the look-alike model and writes model.txt.

    python3 train.py --tool EXAMPLE --tables DIR --lists DIR --out model.txt

EXAMPLE is the built `examples/lookalike`: it computes the numbers of every pair of names, so that
training and checking cannot differ. --tables holds positives.tsv and negatives.tsv (columns as
`examples/lookalike score` reads them), --lists npm.txt and pypi.txt as build_lists.py writes them.
Deterministic. Needs numpy and scikit-learn (1.9.1 was used).

What is learnt from:
- malicious names with the name they imitate; the weight of a target is the root of its count;
- slips of the finger made up for the first 5,000 names, of low weight: they teach what an edit
  looks like at targets of which no squat is known;
- benign names that are not listed;
- listed names beyond the first 1,000 as if they were unknown: six lists without a sixth each.

Thresholds are read off scores of models that never saw the target (8 folds, grouped by target;
benign names by name). `block` is given by hand, `suspicious` is the score that a given share of
unknown benign names reaches.
"""

import argparse
import collections
import csv
import hashlib
import math
import pathlib
import random
import subprocess
import tempfile

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

ECOSYSTEMS = ("npm", "pypi")
CORE = {"typo_1edit", "typo_multi", "separator", "homoglyph", "version_digit", "word_order",
        "scope_confusion"}
FOLDS = 8
KNOWN_RANKS = 5_000
WEIGHTS = {"benign": 2.0, "listed": 0.5, "combosquat": 0.3}
SLIP_WEIGHTS = {"npm": 0.08, "pypi": 0.03}
# A number that may only speak for (1) or against (-1) an imitation, whatever the rest.
MONOTONIC = {"target_length": 1, "rank": -1, "token_length": 1, "token_known": -1, "coverage": -1,
             "oddness": 1, "oddness_rise": 1, "oddness_worst": 1, "swapped": 1, "plural": -1}
KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Pair = collections.namedtuple("Pair", "ecosystem kind name target numbers")


def squash(name):
    return "".join(letter for letter in name.lower() if letter.isalnum())


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


class Samples:
    """Pairs of names with their numbers, as the tool computes them."""

    def __init__(self, tool):
        self.tool, self.pairs, self.columns = tool, [], None

    def add(self, ecosystem, kind, names, listed=None, targets=None):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "names").write_text("\n".join(names) + "\n", encoding="utf-8")
            (folder / "list").write_text("\n".join(listed or []) + "\n", encoding="utf-8")
            listed = folder / "list" if listed else "-"
            command = [self.tool, "samples", ecosystem, listed, folder / "names"]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        rows = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
        self.columns = next(rows)[3:]
        for name, target, _, *numbers in rows:
            if targets is None or targets[name] == target:
                numbers = [float(number) for number in numbers]
                self.pairs.append(Pair(ecosystem, kind, name, target, numbers))


def neighbours(key):
    for line, row in enumerate(KEYS):
        if key in row:
            at = row.index(key)
            places = [(line, at - 1), (line, at + 1), (line - 1, at), (line - 1, at + 1),
                      (line + 1, at - 1), (line + 1, at)]
            return [KEYS[row][place] for row, place in places
                    if 0 <= row < 4 and 0 <= place < len(KEYS[row])]
    return ["x"]


def slip(name, rng):
    """One slip of the finger somewhere in the name."""
    for _ in range(20):
        kind = rng.choices("todkri", (25, 25, 15, 15, 8, 12))[0]
        at = rng.randrange(len(name))
        letter, before, behind = name[at], name[:at], name[at + 1:]
        if not letter.isalnum():
            continue
        if kind == "t" and behind and behind[0] != letter:
            changed = before + behind[0] + letter + behind[1:]
        elif kind == "o":
            changed = before + behind
        elif kind == "d":
            changed = before + letter + letter + behind
        elif kind == "k":
            changed = before + rng.choice(neighbours(letter)) + behind
        elif kind == "r":
            changed = before + rng.choice(LETTERS) + behind
        elif kind == "i":
            changed = before + rng.choice(LETTERS) + letter + behind
        else:
            continue
        if changed != name:
            return changed
    return name


def slips(ecosystem, listed):
    rng = random.Random(f"slips {ecosystem}")
    known, made = set(listed), {}
    targets = [name for name in listed[:KNOWN_RANKS] if name[0] != "@" and len(name) >= 4]
    for target in targets * 2:
        name = slip(target, rng)
        if len(target) >= 8 and rng.random() < 0.15:
            name = slip(name, rng)
        if ecosystem == "npm" and rng.random() < 0.25:
            name = name.replace("-", "").replace(".", "")
        if name not in known and name[:1].isalnum():
            made[name] = target
    return made


def collect(arguments):
    samples = Samples(arguments.tool)
    positives = table(arguments.tables / "positives.tsv")
    negatives = table(arguments.tables / "negatives.tsv")
    for ecosystem in ECOSYSTEMS:
        listed = (arguments.lists / f"{ecosystem}.txt").read_text(encoding="utf-8").split()

        def own(rows):
            return [row["name"] for row in rows if row["ecosystem"] == ecosystem]

        samples.add(ecosystem, "malicious", own(positives))
        samples.add(ecosystem, "benign", own(negatives))
        made = slips(ecosystem, listed)
        samples.add(ecosystem, "slip", list(made), targets=made)
        rng = random.Random(f"listed {ecosystem}")
        sixth = {name: rng.randrange(6) for name in listed[1000:]}
        for part in range(6):
            rest = [name for name in listed if sixth.get(name) != part]
            samples.add(ecosystem, "listed", [n for n in listed if sixth.get(n) == part], rest)
    return samples, {(row["ecosystem"], row["name"]): row for row in positives}, negatives


def label(pairs, columns, positives):
    """Labels, weights, which pairs are learnt from, and the groups of the folds."""
    distance = columns.index("distance")
    nearest = collections.defaultdict(lambda: math.inf)
    for pair in pairs:
        key = pair.ecosystem, pair.kind, pair.name
        nearest[key] = min(nearest[key], pair.numbers[distance])
    labels, weights, used, groups = [], [], [], []
    for pair in pairs:
        row = positives.get((pair.ecosystem, pair.name), {})
        category, target = row.get("category"), squash(row.get("target", ""))
        use, weight = True, WEIGHTS.get(pair.kind, 1.0)
        if pair.kind == "malicious":
            key = pair.ecosystem, pair.kind, pair.name
            is_nearest = pair.numbers[distance] <= nearest[key]
            is_meant = is_nearest or squash(pair.target) == target
            use = category in CORE | {"combosquat"} and is_meant
            weight = WEIGHTS.get(category, 1.0)
        elif pair.kind == "slip":
            weight, target = SLIP_WEIGHTS[pair.ecosystem], squash(pair.target)
        labels.append(pair.kind in ("malicious", "slip"))
        weights.append(weight)
        used.append(use)
        groups.append(("target", pair.ecosystem, target) if labels[-1] else pair[:3:2])
    counts = collections.Counter(
        (pair.ecosystem, pair.target) for pair, use in zip(pairs, used)
        if use and pair.kind == "malicious")
    for at, pair in enumerate(pairs):
        if pair.kind == "malicious" and used[at]:
            weights[at] /= math.sqrt(counts[pair.ecosystem, pair.target])
    return np.array(labels), np.array(weights), np.array(used), groups


def fit(numbers, labels, weights, columns):
    model = HistGradientBoostingClassifier(
        max_iter=160, max_depth=4, learning_rate=0.05, max_features=0.4,
        l2_regularization=5, min_samples_leaf=15,
        monotonic_cst=[MONOTONIC.get(column, 0) for column in columns],
        random_state=0, early_stopping=False)
    return model.fit(numbers, labels, sample_weight=weights)


def unseen_scores(numbers, labels, weights, used, groups, columns):
    folds = np.array([int(hashlib.md5(repr(group).encode()).hexdigest(), 16) % FOLDS
                      for group in groups])
    scores = np.zeros(len(labels))
    for fold in range(FOLDS):
        learnt = (folds != fold) & used
        model = fit(numbers[learnt], labels[learnt], weights[learnt], columns)
        scores[folds == fold] = model.decision_function(numbers[folds == fold])
    return scores


def report(pairs, columns, scores, positives, negatives, ecosystem):
    """Prints what thresholds would do, and returns the scores of unknown benign names."""
    distance, scoped = columns.index("distance"), columns.index("scoped_target")
    rank = columns.index("rank")
    best = collections.defaultdict(lambda: -math.inf)
    blocks = collections.defaultdict(lambda: -math.inf)
    for pair, score in zip(pairs, scores):
        key = pair.kind, pair.name
        if pair.ecosystem == ecosystem:
            best[key] = max(best[key], score)
            # As judge.rs has it: other separators alone do not block, rare targets hardly.
            if pair.numbers[distance] or pair.numbers[scoped]:
                margin = 1.0 if pair.numbers[rank] > math.log10(KNOWN_RANKS + 0.5) else 0.0
                blocks[key] = max(blocks[key], score - margin)
    rows = [row for (other, _), row in positives.items() if other == ecosystem
            and row["category"] in CORE and 0 < int(row["target_rank"] or 0) <= KNOWN_RANKS]
    benign = sorted((score for (kind, _), score in blocks.items() if kind == "benign"))[::-1]
    listed = [score for (kind, _), score in blocks.items() if kind == "listed"]
    print(ecosystem, "highest benign:", [round(score, 2) for score in benign[:8]])
    for threshold in np.arange(-1.0, 2.6, 0.2):
        shares = collections.defaultdict(list)
        for row in rows:
            shares[row["target"]].append(blocks["malicious", row["name"]] >= threshold)
        micro = np.mean([hit for hits in shares.values() for hit in hits])
        macro = np.mean([np.mean(hits) for hits in shares.values()])
        print(f"  block from {threshold:4.1f}: {micro:6.1%} of names, {macro:6.1%} macro, "
              f"{sum(score >= threshold for score in benign):3} benign, "
              f"{sum(score >= threshold for score in listed):3} listed as if unknown")
    unknown = sum(row["ecosystem"] == ecosystem and row["stratum"] != "midrank"
                  for row in negatives)
    return sorted((score for (kind, _), score in best.items() if kind == "benign"))[::-1], unknown


def tree_line(nodes):
    """A tree in the order of its nodes; scikit-learn puts children behind their parents."""
    words = []
    for node in nodes:
        if node["is_leaf"]:
            words.append(f"{node['value']:.5g}")
        else:
            threshold = f"{node['num_threshold']:.7g}"
            words.append(f"{node['feature_idx']}<{threshold}:{node['left']}:{node['right']}")
    return "tree " + " ".join(words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", type=pathlib.Path, required=True)
    parser.add_argument("--tables", type=pathlib.Path, required=True)
    parser.add_argument("--lists", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--date", default="2026-11-22")
    parser.add_argument("--block", type=float, nargs=2, default=(1.65, 0.7), metavar=ECOSYSTEMS)
    parser.add_argument("--suspicious-share", type=float, default=0.02)
    parser.add_argument("--suspicious", type=float, nargs=2, metavar=ECOSYSTEMS,
                        help="scores by hand, without the folds")
    arguments = parser.parse_args()
    samples, positives, negatives = collect(arguments)
    pairs, columns = samples.pairs, samples.columns
    print(collections.Counter((pair.ecosystem, pair.kind) for pair in pairs))
    numbers = np.array([pair.numbers for pair in pairs])
    labels, weights, used, groups = label(pairs, columns, positives)
    suspicious = arguments.suspicious
    if suspicious is None:
        scores = unseen_scores(numbers, labels, weights, used, groups, columns)
        suspicious = []
        for ecosystem in ECOSYSTEMS:
            benign, unknown = report(pairs, columns, scores, positives, negatives, ecosystem)
            suspicious.append(benign[int(unknown * arguments.suspicious_share)])
    model = fit(numbers[used], labels[used], weights[used], columns)
    lines = [f"lookalike-model 1 {arguments.date}", "features " + " ".join(columns),
             f"base {model._baseline_prediction.item():.6g}"]
    for at, ecosystem in enumerate(ECOSYSTEMS):
        lines.append(f"threshold {ecosystem} {arguments.block[at]:g} {suspicious[at]:.3f}")
    lines += [tree_line(predictor.nodes) for [predictor] in model._predictors]
    arguments.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines[2:5]))


if __name__ == "__main__":
    main()
