#!/usr/bin/env python3
"""Measures what the built command writes to PostgreSQL beside hand-written SQL, Bucardo and ogr2ogr, in one run and on a
cluster of its own, and prints the table of docs/benchmarks.md.

    script/bench --postgres-writes [--rows N ...] [--repeat N] [--only apply sync copy] [--copy-rows N ...]

Every figure is the median of the repetitions; peers and Dovetail take turns within one repetition, on fresh copies of the
same databases, so a ratio holds when the machine's speed drifts.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))

TABLE = """
CREATE EXTENSION IF NOT EXISTS postgis;
CREATE TABLE things (id bigint PRIMARY KEY, code text NOT NULL UNIQUE, name text, status integer,
    changed {time}, amount {amount}, ratio double precision, geom geometry(Point, 25832));
CREATE INDEX things_geom_idx ON things USING gist (geom);
"""

# Seeded by the number of the row alone: the same N gives the same table.
ROWS = """
INSERT INTO things SELECT i, 'T-' || md5(i::text), 'thing number ' || i || ' of the town', i %% 7,
    timestamp '2020-01-01' + i * interval '7 minutes', (i::bigint * 7919 %% 10000000) / 100.0,
    (i::bigint * 104729 %% 1000003) / 1000003.0,
    ST_SetSRID(ST_MakePoint(450000 + (i::bigint * 48271 %% 100003), 6100000 + (i::bigint * 69621 %% 99991)), 25832)
FROM generate_series(1, %d) i;
"""

# Every tenth row, or every twentieth of one side's: three of the columns get other values.
EDIT = """
UPDATE things SET name = 'edited {word} ' || id, amount = amount + 1, changed = changed + interval '1 day'
WHERE id %% {every} = {rest};
"""

JOB = """job: writes
left: %s
right: %s
tables:
  things:
    match: [%s]
"""


class Cluster:
    """A private cluster that ends with this process."""

    def __init__(self):
        words = subprocess.check_output(
            [os.path.join(HERE, "..", "script", "postgres"), "start", str(os.getpid())], text=True)
        self.folder = re.search(r'FOLDER="([^"]+)"', words).group(1)
        settings = dict(part.split("=", 1) for part in re.search(r'POSTGRES="([^"]+)"', words).group(1).split())
        self.host, self.port = settings["host"], settings["port"]
        # Its own housekeeping would come and go; checkpoints are asked for between the measurements.
        for setting in ("autovacuum = off", "checkpoint_timeout = '1h'", "max_wal_size = '16GB'"):
            self.sql("postgres", "ALTER SYSTEM SET " + setting)
        self.sql("postgres", "SELECT pg_reload_conf()")

    def stop(self):
        subprocess.run([os.path.join(HERE, "..", "script", "postgres"), "stop", self.folder], check=True)

    def psql(self, database, *options):
        return ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", self.port, "-U", "dovetail",
                "-d", database, *options]

    def sql(self, database, text):
        return subprocess.run(
            self.psql(database), input=text, text=True, check=True, stdout=subprocess.PIPE).stdout.strip()

    def url(self, database):
        return "postgresql://dovetail@/%s?host=%s&port=%s" % (database, self.host, self.port)

    def gdal(self, database):
        return "PG:host=%s port=%s user=dovetail dbname=%s" % (self.host, self.port, database)

    def make(self, database, template=None):
        if self.sql("postgres", "SELECT 1 FROM pg_database WHERE datname = '%s'" % database):
            self.sql("postgres", 'DROP DATABASE "%s"' % database)
        self.sql("postgres", 'CREATE DATABASE "%s"%s' % (
            database, ' TEMPLATE "%s" STRATEGY file_copy' % template if template else ""))

    def settle(self):
        """What was made before is on the disk, so that what is measured does not wait for it."""
        self.sql("postgres", "CHECKPOINT")
        os.sync()


class Sample:
    def __init__(self, wall, memory=0.0, writing=0.0, cpu=0.0):
        self.wall, self.memory, self.writing, self.cpu = wall, memory, writing, cpu


def run(command, cwd=None, env=None, accept=(0,)):
    """One process: its wall seconds, peak MB, and the seconds from its plan ("… to write") to its end."""
    began = time.monotonic()
    planned = began
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    words = []
    for line in process.stderr:
        if line.rstrip().endswith(" to write"):
            planned = time.monotonic()
        words.append(line)
    _, status, usage = os.wait4(process.pid, 0)
    ended = time.monotonic()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accept:
        sys.exit("%s ended with %d: %s" % (command, process.returncode, "".join(words)[-2000:]))
    return Sample(ended - began, usage.ru_maxrss / 1024, ended - planned, usage.ru_utime + usage.ru_stime)


class Figures:
    def __init__(self):
        self.samples = {}

    def add(self, name, sample):
        self.samples.setdefault(name, []).append(sample)
        print("  %s: %.2f s, of it writing %.2f s, %.2f CPU s, %.0f MB" % (
            name, sample.wall, sample.writing, sample.cpu, sample.memory), file=sys.stderr)

    def median(self, name, what="wall"):
        return statistics.median(getattr(s, what) for s in self.samples[name])

    def ratio(self, a, b, what="wall"):
        """Median of the ratios of the pairs."""
        return statistics.median(
            getattr(x, what) / y.wall for x, y in zip(self.samples[a], self.samples[b]))


class Bench:
    def __init__(self, dovetail, cluster, folder, repeat, figures):
        self.dovetail, self.cluster, self.folder = dovetail, cluster, folder
        self.repeat, self.figures = repeat, figures

    def at(self, name):
        return os.path.join(self.folder, name)

    def sync(self, cwd):
        return run([self.dovetail, "sync", "job.yaml"], cwd=cwd)

    def seed(self, rows):
        """Two databases that agreed on `rows` rows, and the memory of that."""
        self.cluster.make("seed")
        self.cluster.sql("seed", TABLE.format(time="timestamp", amount="numeric(12, 2)"))
        self.cluster.sql("seed", ROWS % rows)
        self.cluster.sql("seed", "VACUUM ANALYZE things")
        for side in ("left", "right"):
            self.cluster.make(side, "seed")
        shutil.rmtree(self.at("ready"), ignore_errors=True)
        os.makedirs(self.at("ready"))
        with open(self.at("ready/job.yaml"), "w") as file:
            file.write(JOB % (self.cluster.url("left"), self.cluster.url("right"), "id"))
        self.sync(self.at("ready"))
        for side in ("left", "right"):
            self.cluster.make("ready_" + side, side)

    def fresh(self, **edits):
        """Left, right and memory as they were when they agreed, each side with its edits."""
        for side in ("left", "right"):
            self.cluster.make(side, "ready_" + side)
            if side in edits:
                self.cluster.sql(side, edits[side])
        shutil.rmtree(self.at("work"), ignore_errors=True)
        shutil.copytree(self.at("ready"), self.at("work"))

    # The writing part of a sync, beside SQL by hand.

    def apply(self, rows):
        edit = EDIT.format(word="left", every=10, rest=3).replace("%%", "%")
        self.fresh(left=edit)
        with open(self.at("changed.txt"), "w") as file:
            subprocess.run(self.cluster.psql(
                "left", "-c", "COPY (SELECT id, name, amount, changed FROM things WHERE id % 10 = 3 ORDER BY id) TO STDOUT"),
                stdout=file, check=True)
        script = self.at("by-hand.sql")
        with open(script, "w") as file:
            file.write("""BEGIN;
CREATE TEMPORARY TABLE changed (id bigint, name text, amount numeric(12, 2), changed timestamp) ON COMMIT DROP;
\\copy changed FROM '%s'
UPDATE things SET name = c.name, amount = c.amount, changed = c.changed FROM changed c WHERE things.id = c.id;
COMMIT;
""" % self.at("changed.txt"))
        for _ in range(self.repeat):
            self.fresh(left=edit)
            self.cluster.make("byhand", "ready_right")
            self.cluster.settle()
            self.figures.add("by hand %d" % rows, run(self.cluster.psql("byhand", "-f", script)))
            self.cluster.settle()
            self.figures.add("apply %d" % rows, self.sync(self.at("work")))
            self.same("left", "right")
        self.cluster.make("byhand")

    def same(self, a, b):
        """Nothing is a figure that is not a result."""
        def digest(database):
            return self.cluster.sql(
                database, "SELECT count(*), sum(hashtextextended(things::text, 0)) FROM things")
        if digest(a) != digest(b):
            sys.exit("%s and %s differ after the run" % (a, b))

    # The whole of a sync in both directions, beside Bucardo.

    def both_ways(self, rows, bucardo):
        sides = {"left": 3, "right": 13}
        edits = {side: EDIT.format(word=side, every=20, rest=rest).replace("%%", "%") for side, rest in sides.items()}
        if bucardo:
            bucardo.begin()
        for number in range(self.repeat):
            self.fresh(**edits)
            self.cluster.settle()
            self.figures.add("sync %d" % rows, self.sync(self.at("work")))
            self.same("left", "right")
            if bucardo:
                for side, rest in sides.items():
                    self.cluster.sql("bucardo_" + side, EDIT.format(
                        word="%s %d" % (side, number), every=20, rest=rest).replace("%%", "%"))
                self.cluster.settle()
                whole, own = bucardo.kick()
                self.figures.add("bucardo %d" % rows, Sample(whole))
                self.figures.add("bucardo's own %d" % rows, Sample(own))
                self.same("bucardo_left", "bucardo_right")
        if bucardo:
            bucardo.end()

    # A GeoPackage into an empty PostGIS table, beside ogr2ogr.

    def first_copy(self, rows):
        self.cluster.make("layer")
        self.cluster.sql("layer", TABLE.format(time="timestamptz", amount="double precision"))
        self.cluster.make("empty", "layer")
        self.cluster.sql("layer", ROWS % rows)
        source = self.at("things.gpkg")
        if os.path.exists(source):
            os.remove(source)
        subprocess.run(["ogr2ogr", "-f", "GPKG", source, self.cluster.gdal("layer"), "things", "-preserve_fid"], check=True)
        self.cluster.make("layer")
        environment = dict(os.environ, PG_USE_COPY="YES")
        for _ in range(self.repeat):
            self.cluster.make("right", "empty")
            self.cluster.settle()
            self.figures.add("ogr2ogr %d" % rows, run(
                ["ogr2ogr", "-f", "PostgreSQL", "-append", "-preserve_fid", self.cluster.gdal("right"), source, "things"],
                env=environment))
            self.cluster.make("right")
            self.cluster.sql("right", "CREATE EXTENSION postgis")
            self.cluster.settle()
            self.figures.add("ogr2ogr making %d" % rows, run(
                ["ogr2ogr", "-f", "PostgreSQL", "-lco", "FID=id", "-lco", "GEOMETRY_NAME=geom",
                 self.cluster.gdal("right"), source, "things"], env=environment))
            self.cluster.make("right", "empty")
            shutil.rmtree(self.at("work"), ignore_errors=True)
            os.makedirs(self.at("work"))
            with open(self.at("work/job.yaml"), "w") as file:
                file.write(JOB % ("gpkg:" + source, self.cluster.url("right"), "id"))
            self.cluster.settle()
            self.figures.add("copy %d" % rows, self.sync(self.at("work")))
            count = self.cluster.sql("right", "SELECT count(*) FROM things")
            if count != str(rows):
                sys.exit("%s of %d rows arrived" % (count, rows))


class Bucardo:
    """Its daemon, with a database of its own, between two databases that are both sources."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder

    def command(self, *words, check=True):
        return subprocess.run(
            ["bucardo", "--no-bucardorc", "--db-host=" + self.cluster.host, "--db-port=" + self.cluster.port,
             "--db-name=bucardo", "--db-user=bucardo", "--piddir=" + self.folder, "--log-destination=" + self.folder,
             "--quiet", "--batch", *words],
            check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.folder)

    def begin(self):
        cluster = self.cluster
        cluster.sql("postgres", "DROP ROLE IF EXISTS bucardo; CREATE ROLE bucardo SUPERUSER LOGIN")
        cluster.make("bucardo")
        cluster.sql("bucardo", "CREATE EXTENSION plperlu")
        subprocess.run(
            cluster.psql("bucardo", "-U", "bucardo", "-f", "/usr/share/bucardo/bucardo.schema"), check=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for setting, value in (("piddir", self.folder), ("log_level", "terse")):
            cluster.sql("bucardo", "UPDATE bucardo.bucardo_config SET setting = '%s' WHERE name = '%s'" % (value, setting))
        for side in ("left", "right"):
            cluster.make("bucardo_" + side, "ready_" + side)
            cluster.sql("bucardo_" + side, "DROP SCHEMA IF EXISTS dovetail CASCADE")
            self.command("add", "db", side, "dbname=bucardo_" + side, "host=" + cluster.host, "port=" + cluster.port,
                         "user=bucardo")
        self.command("add", "sync", "things", "dbs=left:source,right:source", "tables=public.things", "autokick=0",
                     "conflict_strategy=bucardo_source")
        self.command("start")
        for _ in range(100):
            if "Good" in self.command("status", check=False).stdout or os.path.exists(
                    os.path.join(self.folder, "bucardo.mcp.pid")):
                break
            time.sleep(0.1)
        # The first kick finds nothing, and leaves everything awake.
        self.kick(first=True)

    def kick(self, first=False):
        """Seconds from kick to done, and the seconds that Bucardo itself says the sync took."""
        began = time.monotonic()
        said = self.command("kick", "things", "0").stdout
        whole = time.monotonic() - began
        own = self.cluster.sql(
            "bucardo", "SELECT coalesce(extract(epoch FROM ended - started), 0), coalesce(status, '') FROM bucardo.syncrun"
            " WHERE ended IS NOT NULL ORDER BY ended DESC LIMIT 1")
        if not first and not own:
            sys.exit("Bucardo did nothing: " + said)
        return whole, float(own.split("|")[0]) if own else 0.0

    def end(self):
        self.command("stop", check=False)
        for _ in range(100):
            if not [name for name in os.listdir(self.folder) if name.endswith(".pid")]:
                break
            time.sleep(0.1)
        for name in ("bucardo", "bucardo_left", "bucardo_right"):
            self.cluster.sql("postgres", "DROP DATABASE IF EXISTS %s WITH (FORCE)" % name)


def report(f, rows, copies, only, bucardo):
    lines = []
    put = lines.append
    most, largest = max(rows), max(copies)
    put("| what | measured | bar | reach for |")
    put("|---|---|---|---|")
    name = lambda word, count: "%s %d" % (word, count)
    if "apply" in only:
        put("| apply %s changed rows of %s, against COPY and UPDATE … FROM by hand (%.2f s) | %.2f s, **%.2f ×** the time, %.0f MB | ≤ 1.5 × | ≤ 1.1 × |" % (
            format(most // 10, ","), format(most, ","), f.median(name("by hand", most)),
            f.median(name("apply", most), "writing"), f.ratio(name("apply", most), name("by hand", most), "writing"),
            f.median(name("apply", most), "memory")))
    if "sync" in only:
        if bucardo:
            put("| whole sync, %s changed of %s, half on each side, against Bucardo from kick to done (%.2f s) | %.2f s, **%.2f × faster**, %.0f MB | not slower | 1.5 × |" % (
                format(most // 10, ","), format(most, ","), f.median(name("bucardo", most)), f.median(name("sync", most)),
                1 / f.ratio(name("sync", most), name("bucardo", most)), f.median(name("sync", most), "memory")))
            put("| the same against the time that Bucardo itself notes (%.2f s) | **%.2f × faster** | | |" % (
                f.median(name("bucardo's own", most)), 1 / f.ratio(name("sync", most), name("bucardo's own", most))))
        else:
            put("| whole sync, %s changed of %s, half on each side | %.2f s, %.0f MB | | |" % (
                format(most // 10, ","), format(most, ","), f.median(name("sync", most)),
                f.median(name("sync", most), "memory")))
    if "copy" in only:
        put("| first copy of %s rows, GeoPackage → PostGIS, against ogr2ogr with COPY into the same empty table (%.2f s) | %.2f s, **%.2f × faster**, %.0f MB | 1.5 × | 3 × |" % (
            format(largest, ","), f.median(name("ogr2ogr", largest)), f.median(name("copy", largest)),
            1 / f.ratio(name("copy", largest), name("ogr2ogr", largest)), f.median(name("copy", largest), "memory")))
        put("| the same against ogr2ogr making a table without the unique text (%.2f s) | **%.2f × faster** | | |" % (
            f.median(name("ogr2ogr making", largest)), 1 / f.ratio(name("copy", largest), name("ogr2ogr making", largest))))
    put("")
    put("### Growth")
    put("")
    put("| rows | by hand s | apply s | Bucardo s | sync s | ogr2ogr s | first copy s | first copy µs a row | MB: sync, first copy |")
    put("|---|---|---|---|---|---|---|---|---|")
    for count in sorted(set(rows) | set(copies)):
        def cell(word, what="wall", form="%.2f"):
            key = name(word, count)
            return form % f.median(key, what) if key in f.samples else "–"
        each = "%.1f" % (f.median(name("copy", count)) * 1e6 / count) if name("copy", count) in f.samples else "–"
        put("| %s | %s | %s | %s | %s | %s | %s | %s | %s, %s |" % (
            format(count, ","), cell("by hand"), cell("apply", "writing"), cell("bucardo"), cell("sync"), cell("ogr2ogr"),
            cell("copy"), each, cell("sync", "memory", "%.0f"), cell("copy", "memory", "%.0f")))
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--copy-rows", type=int, nargs="+", help="sizes of the first copy (default: as --rows)")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=["apply", "sync", "copy"], default=["apply", "sync", "copy"])
    parser.add_argument("--no-bucardo", action="store_true", help="without the peer")
    parser.add_argument("--built", default=os.path.join(HERE, "..", ".build", "release"), help="where the binary is")
    options = parser.parse_args()
    dovetail = os.path.abspath(os.path.join(options.built, "dovetail"))
    copies = options.copy_rows or options.rows
    figures = Figures()
    folder = tempfile.mkdtemp(prefix="dovetail-bench-")
    cluster = Cluster()
    bucardo = None if options.no_bucardo or not shutil.which("bucardo") else Bucardo(cluster, folder)
    bench = Bench(dovetail, cluster, folder, options.repeat, figures)
    try:
        for rows in options.rows:
            if "apply" in options.only or "sync" in options.only:
                bench.seed(rows)
            if "apply" in options.only:
                bench.apply(rows)
            if "sync" in options.only:
                bench.both_ways(rows, bucardo)
        if "copy" in options.only:
            for rows in copies:
                bench.first_copy(rows)
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(report(figures, options.rows, copies, options.only, bucardo))


main()
