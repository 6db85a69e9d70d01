"""The sides that script/torture lets a sync work on: a GeoPackage, or a table of PostgreSQL with PostGIS.

Each is edited and read past Dovetail, as another program would: by SQLite's module of Python, and by libpq.
"""
import ctypes
import ctypes.util
import os
import random
import re
import sqlite3
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Wrong(Exception):
    """A side is not as it should be."""


class Refused(Exception):
    """A store did not do what a writer asked for; nothing of it stays."""


# GeoPackages


def connect(path):
    db = sqlite3.connect(path, timeout=30, isolation_level=None)
    for name, value in (("ST_IsEmpty", None), ("ST_MinX", 0), ("ST_MaxX", 0), ("ST_MinY", 1), ("ST_MaxY", 1)):
        if value is None:
            db.create_function(name, 1, lambda blob: 0, deterministic=True)
        else:
            db.create_function(
                name, 1, lambda blob, value=value: struct.unpack_from("<dd", blob, 13)[value], deterministic=True)
    return db


def point(x, y):
    return b"GP\0\x01" + struct.pack("<i", 4326) + b"\x01\x01\0\0\0" + struct.pack("<dd", x, y)


class GeoPackage:
    """A file with a layer of points and its spatial index."""

    def __init__(self, path):
        self.path = path
        self.source = "gpkg:" + os.path.basename(path)

    def edit(self, updates, inserts, deletes):
        """One transaction. Updates are (column, value, fid), inserts (fid, x, y, name, status)."""
        db = connect(self.path)
        db.execute("BEGIN IMMEDIATE")
        for column, value, fid in updates:
            db.execute("UPDATE things SET %s = ? WHERE fid = ?" % column, (value, fid))
        for fid, x, y, name, status in inserts:
            db.execute(
                "INSERT INTO things (fid, geom, name, status) VALUES (?, ?, ?, ?)", (fid, point(x, y), name, status))
        db.executemany("DELETE FROM things WHERE fid = ?", [(fid,) for fid in deletes])
        db.execute("COMMIT")
        db.close()

    def content(self):
        """[name, status] by fid, with a sound file and a sound spatial index."""
        db = connect(self.path)
        if db.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise Wrong("%s is damaged" % self.path)
        content = {row[0]: list(row[1:]) for row in db.execute("SELECT fid, name, status FROM things")}
        index = {row[0] for row in db.execute("SELECT id FROM rtree_things_geom")}
        db.close()
        if index != set(content):
            raise Wrong("%s: the spatial index has %d entries too many, %d too few" % (
                self.path, len(index - set(content)), len(set(content) - index)))
        return content

    def write(self, stop, side, world):
        """Edits single rows until it is told to stop. Returns the number of edits."""
        numbers, count = random.Random(side), 0
        db = connect(self.path)
        while not stop.is_set():
            column, value, fid = world.pick(side, numbers)
            try:
                if db.execute("UPDATE things SET %s = ? WHERE fid = ?" % column, (value, fid)).rowcount:
                    world.wrote(side, [(column, value, fid)])
                    count += 1
            except sqlite3.OperationalError:
                # It was locked for longer than this writer waits.
                pass
            finally:
                world.release(column, fid)
            time.sleep(0.001)
        db.close()
        return count

    def writers(self):
        return [self.write]

    def rest(self):
        """What is left of a sync that ended; nothing can be."""

    def report(self):
        return ""

    def close(self):
        pass


# PostgreSQL

class Library:
    """libpq, as far as it is needed."""

    loaded = None

    @classmethod
    def get(cls):
        if cls.loaded is None:
            name = ctypes.util.find_library("pq")
            if not name:
                raise SystemExit("libpq is missing; run: script/setup")
            library = cls.loaded = ctypes.CDLL(name)
            for function in ("PQconnectdb", "PQexec", "PQgetResult"):
                getattr(library, function).restype = ctypes.c_void_p
            for function in ("PQerrorMessage", "PQgetvalue", "PQresultErrorField", "PQcmdTuples"):
                getattr(library, function).restype = ctypes.c_char_p
            pointer, number = ctypes.c_void_p, ctypes.c_int
            for function, types in (
                ("PQexec", [pointer, ctypes.c_char_p]), ("PQstatus", [pointer]), ("PQfinish", [pointer]),
                ("PQerrorMessage", [pointer]), ("PQclear", [pointer]), ("PQresultStatus", [pointer]),
                ("PQntuples", [pointer]), ("PQnfields", [pointer]), ("PQgetvalue", [pointer, number, number]),
                ("PQgetisnull", [pointer, number, number]), ("PQresultErrorField", [pointer, number]),
                ("PQcmdTuples", [pointer]), ("PQputCopyData", [pointer, ctypes.c_char_p, number]),
                ("PQputCopyEnd", [pointer, ctypes.c_char_p]), ("PQgetResult", [pointer]),
            ):
                getattr(library, function).argtypes = types
        return cls.loaded


class Connection:
    """SQL in, texts out."""

    COMMAND, ROWS, COPY_IN = 1, 2, 4

    def __init__(self, conninfo):
        self.library = Library.get()
        self.pointer = self.library.PQconnectdb(conninfo.encode())
        if self.library.PQstatus(self.pointer) != 0:
            raise Refused(self.library.PQerrorMessage(self.pointer).decode())

    def run(self, sql):
        """The rows of the last statement, or the number of rows it changed."""
        return self.result(self.library.PQexec(self.pointer, sql.encode()))

    def value(self, sql):
        return self.run(sql)[0][0]

    def result(self, result):
        library = self.library
        try:
            status = library.PQresultStatus(result)
            if status == self.COMMAND:
                return int(library.PQcmdTuples(result) or 0)
            if status == self.COPY_IN:
                return 0
            if status != self.ROWS:
                state = library.PQresultErrorField(result, ord("C")) or b""
                raise Refused("%s %s" % (state.decode(), library.PQerrorMessage(self.pointer).decode().strip()))
            return [
                [None if library.PQgetisnull(result, row, column) else library.PQgetvalue(result, row, column).decode()
                 for column in range(library.PQnfields(result))]
                for row in range(library.PQntuples(result))]
        finally:
            library.PQclear(result)

    def copy(self, sql, lines):
        self.run(sql)
        for line in lines:
            data = line.encode()
            self.library.PQputCopyData(self.pointer, data, len(data))
        self.library.PQputCopyEnd(self.pointer, None)
        result = self.library.PQgetResult(self.pointer)
        while result:
            self.result(result)
            result = self.library.PQgetResult(self.pointer)

    def close(self):
        self.library.PQfinish(self.pointer)


class Server:
    """A private cluster of script/postgres, or one that is there."""

    def __init__(self, conninfo=None):
        self.folder = None
        self.conninfo = conninfo
        if conninfo is None:
            started = subprocess.run(
                [os.path.join(HERE, "postgres"), "start", str(os.getpid())], stdout=subprocess.PIPE, text=True, check=True)
            values = dict(re.findall(r'export (\w+)="(.*)"', started.stdout))
            self.conninfo = values["DOVETAIL_TEST_POSTGRES"]
            self.folder = values["DOVETAIL_TEST_POSTGRES_FOLDER"]

    def bounce(self):
        """Crashes it and starts it again, as pg_ctl restart -m immediate does."""
        for command in ("down", "up"):
            subprocess.run([os.path.join(HERE, "postgres"), command, self.folder], check=True)

    def close(self):
        if self.folder:
            subprocess.run([os.path.join(HERE, "postgres"), "stop", self.folder], check=True)


class Postgres:
    """A database with a table of points."""

    TABLE = """
        CREATE EXTENSION IF NOT EXISTS postgis;
        CREATE TABLE things (fid int8 PRIMARY KEY, geom geometry(Point, 4326), name text, city text, status int8,
            size float8, changed timestamptz);
        CREATE INDEX ON things USING gist (geom);
        """

    def __init__(self, server, name):
        self.server = server
        self.name = "dovetail_torture_%d_%s" % (os.getpid(), name)
        administrator = Connection(server.conninfo)
        administrator.run('CREATE DATABASE "%s" TEMPLATE template0 ENCODING \'UTF8\' LOCALE \'C\'' % self.name)
        administrator.close()
        self.conninfo = re.sub(r"dbname=\S+", "dbname=" + self.name, server.conninfo)
        parts = dict(part.split("=", 1) for part in server.conninfo.split())
        self.source = "postgresql:///%s?%s" % (
            self.name, "&".join("%s=%s" % (key, parts[key]) for key in ("host", "port", "user", "password") if key in parts))

    def fill(self, base, thinking):
        """With the rows of a GeoPackage. Deadlocks are looked for after a third of the time for which writers think: the
        server's own second, by default."""
        db = sqlite3.connect(base)
        session = self.connect()
        session.run(self.TABLE)
        session.run('ALTER DATABASE "%s" SET deadlock_timeout = \'%dms\'' % (self.name, thinking * 1000 / 3))

        def lines():
            for fid, geom, *rest in db.execute("SELECT fid, geom, name, city, status, size, changed FROM things"):
                point = "SRID=4326;POINT(%r %r)" % struct.unpack_from("<dd", geom, 13)
                yield "\t".join([str(fid), point] + [str(value) for value in rest]) + "\n"

        session.copy("COPY things FROM STDIN", lines())
        session.run("ANALYZE things")
        session.close()
        db.close()

    def connect(self):
        return Connection(self.conninfo)

    def edit(self, updates, inserts, deletes):
        """As of a GeoPackage."""
        session = self.connect()
        session.run("BEGIN")
        for column in ("name", "status"):
            rows = ["(%d, %s)" % (fid, literal(value)) for name, value, fid in updates if name == column]
            if rows:
                session.run("UPDATE things SET %s = v.value FROM (VALUES %s) AS v (fid, value) WHERE things.fid = v.fid" % (
                    column, ", ".join(rows)))
        rows = ["(%d, ST_SetSRID(ST_MakePoint(%r, %r), 4326), %s, %d)" % (fid, x, y, literal(name), status)
                for fid, x, y, name, status in inserts]
        if rows:
            session.run("INSERT INTO things (fid, geom, name, status) VALUES " + ", ".join(rows))
        if deletes:
            session.run("DELETE FROM things WHERE fid IN (%s)" % ", ".join(str(fid) for fid in deletes))
        session.run("COMMIT")
        session.close()

    def content(self):
        session = self.connect()
        text = session.value("SELECT string_agg(concat_ws(E'\\t', fid, name, status), E'\\n') FROM things")
        by_index = session.value(
            "SET enable_seqscan = off; SELECT count(*) FROM things WHERE geom && ST_MakeEnvelope(-180, -90, 180, 90, 4326)")
        session.close()
        rows = [line.split("\t") for line in (text or "").split("\n") if line]
        if int(by_index) != len(rows):
            raise Wrong("%s: the spatial index finds %s of %d rows" % (self.name, by_index, len(rows)))
        content = {int(fid): [name, int(status)] for fid, name, status in rows}
        if len(content) != len(rows):
            raise Wrong("%s: %d rows have the id of another one" % (self.name, len(rows) - len(content)))
        return content

    def rest(self):
        """Sessions of killed syncs must end, and leave no transaction open."""
        session = self.connect()
        for _ in range(100):
            left = session.run(
                "SELECT pid, state, left(query, 100) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'dovetail'")
            if not left:
                break
            time.sleep(0.1)
        session.close()
        if left:
            raise Wrong("%s: sessions are left: %s" % (self.name, left))

    # Writers, each in a session of its own at read committed.

    def writers(self):
        return [self.write, self.write_long, self.write_backwards]

    def write(self, stop, side, world):
        """Edits single rows, each in a transaction of its own."""
        numbers, count = random.Random(side), 0
        session = self.connect()
        while not stop.is_set():
            count += self.transact(session, side, world, [world.pick(side, numbers)])
            time.sleep(0.001)
        session.close()
        return count

    def write_long(self, stop, side, world):
        """Edits some rows, thinks about it for seconds, and then commits or not."""
        numbers, count = random.Random(10 + side), 0
        session = self.connect()
        while not stop.is_set():
            edits = [world.pick(side, numbers) for _ in range(numbers.randint(3, 20))]
            count += self.transact(
                session, side, world, edits, pause=numbers.uniform(1 / 3, 1) * world.thinking, commits=numbers.random() < 0.7)
            time.sleep(numbers.uniform(0, world.thinking / 3))
        session.close()
        return count

    def write_backwards(self, stop, side, world):
        """Locks rows that the other side has just edited, the last one first: a sync locks them the other way round.
        Then edits one of its own, which a deadlock takes back."""
        numbers, count = random.Random(20 + side), 0
        session = self.connect()
        while not stop.is_set():
            recent = world.recent(1 - side)
            if len(recent) < 2:
                time.sleep(0.05)
                continue
            locks = "SELECT 1 FROM things WHERE fid = %d FOR UPDATE"
            count += self.transact(
                session, side, world, [world.pick(side, numbers)], pause=numbers.uniform(0.2, 0.6),
                before=locks % max(recent), after=locks % min(recent))
        session.close()
        return count

    def transact(self, session, side, world, edits, pause=0.0, commits=True, before=None, after=None):
        """One transaction. Returns the number of edits that it left."""
        done = []
        try:
            session.run("BEGIN ISOLATION LEVEL READ COMMITTED")
            if before:
                session.run(before)
            for column, value, fid in edits:
                if session.run("UPDATE things SET %s = %s WHERE fid = %d" % (column, literal(value), fid)):
                    done.append((column, value, fid))
            if pause:
                time.sleep(pause)
            if after:
                session.run(after)
            if commits:
                session.run("COMMIT")
                world.wrote(side, done)
            else:
                session.run("ROLLBACK")
        except Refused as refused:
            # A deadlock is what one of the writers asks for.
            if not str(refused).startswith("40P01"):
                raise
            session.run("ROLLBACK")
            commits = False
        finally:
            for column, _, fid in edits:
                world.release(column, fid)
        return len(done) if commits else 0

    def deadlocks(self):
        session = self.connect()
        count = int(session.value("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
        session.close()
        return count

    def report(self):
        return "%d deadlocks" % self.deadlocks()

    def close(self):
        administrator = Connection(self.server.conninfo)
        administrator.run('DROP DATABASE IF EXISTS "%s" WITH (FORCE)' % self.name)
        administrator.close()


def literal(value):
    return str(value) if isinstance(value, int) else "'%s'" % value.replace("'", "''")
