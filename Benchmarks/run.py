#!/usr/bin/env python3
"""Measures the built command beside its peers in one run, and prints the table of docs/benchmarks.md.

    script/bench [--rows N ...] [--repeat N] [--markdown FILE]

Peers: sqldiff (sqlite3-tools) and pygeodiff (PyPI). Every figure is the median of the repetitions; peers and Dovetail
take turns within one repetition, so a ratio holds when the machine's speed drifts.
"""
import argparse
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Set from --built.
DOVETAIL = CORE = ""

JOB = """left: gpkg:left.gpkg
right: gpkg:right.gpkg
tables:
  things:
    match: [fid]
{feed}
"""


def run(command, cwd=None, accept=(0,), env=None):
    """Wall seconds, CPU seconds, peak MB of one process."""
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
    err = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        sys.exit("%s ended with %d: %s" % (command, process.returncode, err.decode()[-2000:]))
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


class Figures:
    def __init__(self):
        self.samples = {}

    def add(self, name, sample):
        self.samples.setdefault(name, []).append(sample)

    def wall(self, name):
        return statistics.median(s[0] for s in self.samples[name])

    def cpu(self, name):
        return statistics.median(s[1] for s in self.samples[name])

    def memory(self, name):
        return statistics.median(s[2] for s in self.samples[name])

    def ratio(self, a, b):
        """Median of the ratios of the pairs."""
        pairs = zip(self.samples[a], self.samples[b])
        return statistics.median(x[0] / y[0] for x, y in pairs)


GEODIFF_CREATE = "import pygeodiff,sys; pygeodiff.GeoDiff().create_changeset(sys.argv[1], sys.argv[2], sys.argv[3])"
GEODIFF_REBASE = "import pygeodiff,sys; pygeodiff.GeoDiff().rebase(*sys.argv[1:5])"


def prepare(folder, rows):
    """base, left and right, and a folder `ready` in which both sides agreed on base and were edited since."""
    subprocess.run([sys.executable, os.path.join(HERE, "make-data.py"), folder, str(rows)], check=True)
    for name, feed in (("ready", ""), ("fed", "change_feed: true")):
        ready = os.path.join(folder, name)
        os.makedirs(ready)
        for side in ("left", "right"):
            shutil.copyfile(os.path.join(folder, "base.gpkg"), os.path.join(ready, side + ".gpkg"))
        with open(os.path.join(ready, "job.yaml"), "w") as file:
            file.write(JOB.format(feed=feed))
        runs = 3 if feed else 1
        for _ in range(runs):
            run([DOVETAIL, "sync", "job.yaml", "--quiet"], cwd=ready)
    for seed, side in ((1, "left"), (2, "right")):
        subprocess.run(
            [sys.executable, os.path.join(HERE, "make-data.py"), "--edit",
             os.path.join(folder, "ready", side + ".gpkg"), str(seed), str(rows)], check=True)


def without_index(source, target):
    """A copy of a folder whose layers have no spatial index."""
    shutil.copytree(source, target)
    for side in ("left", "right"):
        db = sqlite3.connect(os.path.join(target, side + ".gpkg"))
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute('DROP TRIGGER "%s"' % name)
        db.execute("DROP TABLE rtree_things_geom")
        db.execute("DELETE FROM gpkg_extensions WHERE extension_name = 'gpkg_rtree_index'")
        db.commit()
        db.close()


def measure(rows, repeat, python):
    figures = Figures()
    folder = tempfile.mkdtemp(prefix="dovetail-bench-")
    try:
        prepare(folder, rows)
        without_index(os.path.join(folder, "ready"), os.path.join(folder, "plain"))
        at = lambda name: os.path.join(folder, name)
        diff = [DOVETAIL, "diff", at("base.gpkg"), at("left.gpkg"), "--match", "fid", "--limit", "0", "--quiet"]
        for _ in range(repeat):
            figures.add("sqldiff", run(["sqldiff", "--table", "things", at("base.gpkg"), at("left.gpkg")]))
            figures.add("compare", run(diff, accept=(3,)))
            if python:
                figures.add("geodiff", run(
                    [python, "-c", GEODIFF_CREATE, at("base.gpkg"), at("left.gpkg"), at("changes")]))
                shutil.copyfile(at("right.gpkg"), at("mine.gpkg"))
                figures.add("rebase", run(
                    [python, "-c", GEODIFF_REBASE, at("base.gpkg"), at("left.gpkg"), at("mine.gpkg"), at("conflicts")]))
            figures.add("plan", run([DOVETAIL, "plan", "job.yaml", "--limit", "0", "--quiet"], cwd=at("ready")))
            for ready, name in (("plain", "sync without index"), ("ready", "sync")):
                shutil.rmtree(at("work"), ignore_errors=True)
                shutil.copytree(at(ready), at("work"))
                # Otherwise the sync would wait for the disk to take the copies.
                os.sync()
                figures.add(name, run([DOVETAIL, "sync", "job.yaml", "--quiet"], cwd=at("work")))
            figures.add("again", run([DOVETAIL, "sync", "job.yaml", "--quiet"], cwd=at("work")))
            figures.add("verify", run([DOVETAIL, "verify", "job.yaml", "--quiet"], cwd=at("work")))
            figures.add("fed", run([DOVETAIL, "sync", "job.yaml", "--quiet"], cwd=at("fed")))
        figures.core = json.loads(subprocess.check_output([CORE, str(rows)]))
        return figures
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(all_figures, python):
    lines = []
    put = lines.append
    rows = max(all_figures)
    f = all_figures[rows]
    put("### %s rows a side, 1 %% changed on each" % format(rows, ","))
    put("")
    put("| what | measured | bar | reach for |")
    put("|---|---|---|---|")
    put("| reconcile in memory, one core | %.1f M records/s, %.1f bytes kept per unchanged record | 3 M/s, ≤ 64 | 10 M/s |" % (
        f.core["millionRecordsPerSecond"], f.core["addedBytesPerRecord"]))
    fastest, name = f.wall("sqldiff"), "sqldiff"
    if python and f.wall("geodiff") < fastest:
        fastest, name = f.wall("geodiff"), "geodiff"
    put("| compare: `dovetail diff` against %s (%.2f s) | %.2f s, **%.2f × faster**, %.0f MB | 1.5 ×, ≤ 30 MB | 2.5 × |" % (
        name, fastest, f.wall("compare"), 1 / f.ratio("compare", name), f.memory("compare")))
    if python:
        put("| compare against pygeodiff create_changeset (%.2f s) | **%.2f × faster** | | |" % (
            f.wall("geodiff"), 1 / f.ratio("compare", "geodiff")))
        put("| three-way plan: `dovetail plan` against pygeodiff rebase (%.2f s) | %.2f s, **%.2f × faster** | 1.5 × | 3 × |" % (
            f.wall("rebase"), f.wall("plan"), 1 / f.ratio("plan", "rebase")))
    put("| whole sync: `dovetail sync` against the compare, layers with a spatial index | %.2f s, **%.2f ×** the compare | ≤ 4 × | 2.5 × |" % (
        f.wall("sync"), f.ratio("sync", "compare")))
    put("| the same, layers without a spatial index | %.2f s, **%.2f ×** the compare | ≤ 4 × | 2.5 × |" % (
        f.wall("sync without index"), f.ratio("sync without index", "compare")))
    put("| a sync in which nothing changed, change feed on | %.0f ms | < 50 ms | 20 ms |" % (f.wall("fed") * 1000))
    put("| the same without a change feed | %.2f s | | |" % f.wall("again"))
    put("| `dovetail verify` | %.2f s | | |" % f.wall("verify"))
    put("| peak memory of the whole sync | %.0f MB | ≤ 150 MB | ≤ 60 MB |" % f.memory("sync"))
    put("")
    put("### Growth")
    put("")
    put("| rows a side | reconcile M/s | compare s | plan s | sync s | nothing changed, feed on, ms | verify s | sync MB |")
    put("|---|---|---|---|---|---|---|---|")
    for rows in sorted(all_figures):
        f = all_figures[rows]
        put("| %s | %.1f | %.3f | %.3f | %.3f | %.0f | %.3f | %.0f |" % (
            format(rows, ","), f.core["millionRecordsPerSecond"], f.wall("compare"), f.wall("plan"), f.wall("sync"),
            f.wall("fed") * 1000, f.wall("verify"), f.memory("sync")))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--python", help="a python with pygeodiff")
    parser.add_argument("--built", default=os.path.join(HERE, "..", ".build", "release"), help="where the binaries are")
    options = parser.parse_args()
    global DOVETAIL, CORE
    DOVETAIL = os.path.abspath(os.path.join(options.built, "dovetail"))
    CORE = os.path.abspath(os.path.join(options.built, "DovetailBenchmarks"))
    figures = {rows: measure(rows, options.repeat, options.python) for rows in options.rows}
    print(report(figures, options.python))


main()
