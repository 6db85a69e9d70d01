#!/usr/bin/env python3
"""Measures the comparison of two PostgreSQL databases by digests beside two COPYs of the same tables, and prints the table
of docs/benchmarks.md.

    script/bench --postgres [--rows N ...] [--repeat N]

The cluster is a private one (script/postgres). The yardstick are two `COPY … TO STDOUT (FORMAT binary)` at once, by psql into
/dev/null: the least that any comparison on the client has to wait for. Both take turns within one repetition, and the ratio is the
median of the ratios of the repetitions. Where other programs share the machine, four processes get a larger share than two, so the
time of the processors is told as well: of the server's processes and the client's together. Bytes are counted by a relay between the command and the server's socket, in a
run of its own.
"""
import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GROWTH = [10_000, 100_000, 1_000_000, 5_000_000]

JOB = """left: postgresql://dovetail@/%s_left?host=%s&port=%s
right: postgresql://dovetail@/%s_right?host=%s&port=%s
tables:
  things:
    match: [id]
"""

# Two nullable columns of eight, texts of about 6, 35 and 32 bytes.
TABLE = """
CREATE TABLE things (id bigint PRIMARY KEY, code varchar(20) NOT NULL, name text NOT NULL, height numeric(10,2),
    price double precision NOT NULL, flag boolean NOT NULL, changed timestamptz NOT NULL, note text);
INSERT INTO things SELECT i, 'C' || (i * 7919 %% 1000003), 'bench number ' || i || ' in the park', (i %% 100000) / 100.0,
    i * 0.37, i %% 3 = 0, timestamptz '2020-01-01Z' + i * interval '17 seconds', CASE WHEN i %% 4 > 0 THEN md5(i::text) END
    FROM generate_series(1::bigint, %d) i;
VACUUM (FREEZE, ANALYZE) things;
"""


class Cluster:
    """A private server that ends with this process."""

    def __init__(self):
        said = subprocess.run([os.path.join(ROOT, "script/postgres"), "start", str(os.getpid())], check=True,
                              stdout=subprocess.PIPE, text=True).stdout
        self.folder = re.search(r'FOLDER="(.*)"', said).group(1)
        self.host, self.port = re.search(r"host=(\S+) port=(\d+)", said).groups()

    def conninfo(self, database):
        return "host=%s port=%s user=dovetail dbname=%s" % (self.host, self.port, database)

    def sql(self, text, database="postgres"):
        return subprocess.run(["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", self.conninfo(database)], check=True, input=text,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    def fill(self, name, rows, differing):
        """Two databases: alike, but for evenly spread updates and deletes on the right."""
        self.sql("CREATE DATABASE %s_left" % name)
        self.sql(TABLE % rows, name + "_left")
        self.sql("CREATE DATABASE %s_right TEMPLATE %s_left" % (name, name))
        if differing:
            every = rows // differing
            self.sql("""
                UPDATE things SET price = price + 1 WHERE id %% %d = 7 AND id %% %d <> 7;
                DELETE FROM things WHERE id %% %d = 7; VACUUM ANALYZE things;
                """ % (every, 10 * every, 10 * every), name + "_right")

    def drop(self, name):
        for side in ("left", "right"):
            self.sql("DROP DATABASE %s_%s WITH (FORCE)" % (name, side))

    def processor_seconds(self):
        """Of all connections that have ended."""
        with open(os.path.join(self.folder, "data/postmaster.pid")) as file:
            server = int(file.readline())
        with open("/proc/%d/stat" % server) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        subprocess.run([os.path.join(ROOT, "script/postgres"), "stop", self.folder], check=True)


class Relay:
    """Passes on what comes to a socket of PostgreSQL's name, and counts what the server says."""

    def __init__(self, cluster):
        self.folder = tempfile.mkdtemp(prefix="relay", dir="/tmp")
        self.port = cluster.port
        self.target = os.path.join(cluster.host, ".s.PGSQL." + cluster.port)
        self.path = os.path.join(self.folder, ".s.PGSQL." + cluster.port)
        self.bytes = 0
        self.lock = threading.Lock()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.target)
            for source, sink, counts in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pump, args=(source, sink, counts), daemon=True).start()

    def pump(self, source, sink, counts):
        try:
            while data := source.recv(1 << 16):
                if counts:
                    with self.lock:
                        self.bytes += len(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()
        os.unlink(self.path)
        os.rmdir(self.folder)


class Bench:
    def __init__(self, cluster, dovetail, folder):
        self.cluster, self.dovetail, self.folder = cluster, dovetail, folder

    def timed(self, commands, expected=(0,), cwd=None):
        """Wall seconds, processor seconds with the server's, and peak megabytes of processes that run at once."""
        servers = self.cluster.processor_seconds()
        began = time.monotonic()
        running = [subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                   for command in commands]
        used, peak = 0, 0
        for process in running:
            errors = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in expected:
                sys.exit("%s ended with %d: %s" % (process.args, process.returncode, errors.decode()))
            used += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss / 1024)
        wall = time.monotonic() - began
        # A connection's process ends a moment after its client.
        time.sleep(0.3)
        return wall, used + self.cluster.processor_seconds() - servers, peak

    def copies(self, name):
        """Both tables at once, thrown away."""
        return self.timed([["psql", "-qAtX", self.cluster.conninfo("%s_%s" % (name, side)),
                            "-c", "COPY things TO STDOUT (FORMAT binary)"] for side in ("left", "right")])

    def verify(self, name, expected, host=None):
        place = os.path.join(self.folder, name)
        os.makedirs(place, exist_ok=True)
        host = host or self.cluster.host
        with open(os.path.join(place, "job.yaml"), "w") as file:
            file.write(JOB % (name, host, self.cluster.port, name, host, self.cluster.port))
        return self.timed([[self.dovetail, "verify", "--quiet", "job.yaml"]], (3,) if expected else (0,), place)

    def measure(self, name, expected, repeat):
        self.copies(name)
        self.verify(name, expected)
        pairs = []
        for turn in range(repeat):
            # Whoever comes second finds the machine as the first left it, so they change places.
            first = self.verify(name, expected) if turn % 2 else None
            copies = self.copies(name)
            pairs.append((copies, first or self.verify(name, expected)))
        median = statistics.median
        return {
            "copies": median(c[0] for c, _ in pairs), "verify": median(v[0] for _, v in pairs),
            "ratio": median(v[0] / c[0] for c, v in pairs), "processor": median(v[1] / c[1] for c, v in pairs),
            "peak": max(v[2] for _, v in pairs)}

    def data_diff(self, python, name):
        """Wall seconds of data-diff, which takes long enough to be measured once."""
        command = [python, os.path.join(ROOT, "Benchmarks/peers/data_diff_tables.py"), self.cluster.host,
                   self.cluster.port, name + "_left", name + "_right"]
        return self.timed([command])[0]

    def traffic(self, name, expected):
        relay = Relay(self.cluster)
        try:
            self.verify(name, expected, host=relay.folder)
        finally:
            relay.close()
        return relay.bytes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--built", required=True)
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the table of growth (default: 10k to 5M)")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--data-diff", metavar="PYTHON", help="a Python that has data-diff, to be measured too")
    options = parser.parse_args()
    cluster = Cluster()
    try:
        with tempfile.TemporaryDirectory() as folder:
            report(Bench(cluster, os.path.abspath(os.path.join(options.built, "dovetail")), folder), options)
    finally:
        cluster.stop()


def report(bench, options):
    version = bench.cluster.sql("SHOW server_version").split()[0]
    print("PostgreSQL %s, medians of %d\n" % (version, options.repeat))
    print("| 1,000,000 rows a side | two COPYs | `verify` | ratio | processor time | bar | reach for |")
    print("|---|---|---|---|---|---|---|")
    rows, memory, traffic, peers = 1_000_000, 0, {}, []
    for name, differing, bar in (("same", 0, "≤ 0.9 × | 0.6 ×"), ("other", 1000, "≤ 1.5 × | 1.0 ×")):
        bench.cluster.fill(name, rows, differing)
        found = bench.measure(name, differing, options.repeat)
        memory = max(memory, found["peak"])
        traffic[name] = bench.traffic(name, differing) / 1e6
        what = "nothing different" if not differing else "%.1f %% different" % (100 * differing / rows)
        print("| %s | %.2f s | %.2f s | **%.2f ×** | %.2f × | %s |" % (
            what, found["copies"], found["verify"], found["ratio"], found["processor"], bar), flush=True)
        if options.data_diff:
            seconds = bench.data_diff(options.data_diff, name)
            bar = "≥ 15 × faster | 40 ×" if differing else "|"
            peers.append("| %s, against data-diff (%.1f s) | | %.2f s | **%.0f × faster** | | %s |" % (
                what, seconds, found["verify"], seconds / found["verify"], bar))
        bench.cluster.drop(name)
    for line in peers:
        print(line)
    print("| bytes from the servers, nothing different | | %.2f MB | | | | |" % traffic["same"])
    print("| bytes from the servers, 1,000 rows different | | **%.2f MB** | | | ≤ 1.4 MB | 0.6 MB |" % traffic["other"])
    print("| peak memory of the command | | %.0f MB | | | | |\n" % memory)
    print("| rows a side | two COPYs s | `verify` s | ratio | µs a row | peak MB |\n|---|---|---|---|---|---|")
    for rows in options.rows or GROWTH:
        bench.cluster.fill("grown", rows, 0)
        found = bench.measure("grown", 0, max(1, options.repeat - 2))
        print("| {:,} | {:.3f} | {:.3f} | {:.2f} | {:.2f} | {:.0f} |".format(
            rows, found["copies"], found["verify"], found["ratio"], found["verify"] / rows * 1e6, found["peak"]),
            flush=True)
        bench.cluster.drop("grown")


if __name__ == "__main__":
    main()
