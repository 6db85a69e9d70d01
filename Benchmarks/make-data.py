#!/usr/bin/env python3
"""Makes three GeoPackages of N rows: base.gpkg, and left.gpkg and right.gpkg in which 1 % of the rows differ from
it (half updated, a quarter deleted, a quarter inserted), each side other rows. Seeded: the same N gives the same files.

    make-data.py DIRECTORY N
    make-data.py --edit FILE SEED N      only changes 1 % of the rows of a file
"""
import os
import random
import shutil
import sqlite3
import struct
import sys

GPKG = """
PRAGMA application_id = 0x47504B47;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
INSERT INTO gpkg_spatial_ref_sys VALUES
  ('Undefined cartesian SRS', -1, 'NONE', -1, 'undefined', NULL),
  ('Undefined geographic SRS', 0, 'NONE', 0, 'undefined', NULL),
  ('WGS 84', 4326, 'EPSG', 4326, 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]', NULL);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
  description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER);
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
  CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name));
CREATE TABLE gpkg_extensions (table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL,
  definition TEXT NOT NULL, scope TEXT NOT NULL,
  CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name));
CREATE TABLE things (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, name TEXT, city TEXT,
  status INTEGER, size REAL, changed DATETIME);
INSERT INTO gpkg_contents (table_name, data_type, identifier, min_x, min_y, max_x, max_y, srs_id)
  VALUES ('things', 'features', 'things', -180, -90, 180, 90, 4326);
INSERT INTO gpkg_geometry_columns VALUES ('things', 'geom', 'POINT', 4326, 0, 0);
INSERT INTO gpkg_extensions VALUES ('things', 'geom', 'gpkg_rtree_index',
  'http://www.geopackage.org/spec120/#extension_rtree', 'write-only');
CREATE VIRTUAL TABLE rtree_things_geom USING rtree(id, minx, maxx, miny, maxy);
"""

TRIGGERS = """
CREATE TRIGGER rtree_things_geom_insert AFTER INSERT ON things
  WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
  INSERT OR REPLACE INTO rtree_things_geom VALUES
    (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_things_geom_update1 AFTER UPDATE OF geom ON things
  WHEN OLD.fid = NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
  INSERT OR REPLACE INTO rtree_things_geom VALUES
    (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_things_geom_update2 AFTER UPDATE OF geom ON things
  WHEN OLD.fid = NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom)) BEGIN
  DELETE FROM rtree_things_geom WHERE id = OLD.fid; END;
CREATE TRIGGER rtree_things_geom_update3 AFTER UPDATE ON things
  WHEN OLD.fid != NEW.fid AND (NEW.geom NOTNULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
  DELETE FROM rtree_things_geom WHERE id = OLD.fid;
  INSERT OR REPLACE INTO rtree_things_geom VALUES
    (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
CREATE TRIGGER rtree_things_geom_update4 AFTER UPDATE ON things
  WHEN OLD.fid != NEW.fid AND (NEW.geom ISNULL OR ST_IsEmpty(NEW.geom)) BEGIN
  DELETE FROM rtree_things_geom WHERE id IN (OLD.fid, NEW.fid); END;
CREATE TRIGGER rtree_things_geom_delete AFTER DELETE ON things WHEN old.geom NOT NULL BEGIN
  DELETE FROM rtree_things_geom WHERE id = OLD.fid; END;
"""

WORDS = "north south east west old new lower upper great little stone mill church bridge water wood field hill".split()


def point(x, y):
    return b"GP\0\x01" + struct.pack("<i", 4326) + b"\x01\x01\0\0\0" + struct.pack("<dd", x, y)


def row(random_, fid):
    x, y = random_.uniform(-180, 180), random_.uniform(-90, 90)
    return (
        fid, point(x, y), " ".join(random_.choices(WORDS, k=4)) + " %d" % fid, random_.choice(WORDS).title(),
        random_.randrange(10), round(random_.uniform(0, 1000), 2),
        "2024-%02d-%02dT%02d:%02d:00.000Z" % (
            random_.randint(1, 12), random_.randint(1, 28), random_.randrange(24), random_.randrange(60)))


def with_functions(db):
    def ordinate(index):
        return lambda blob: struct.unpack_from("<dd", blob, 13)[index]
    db.create_function("ST_IsEmpty", 1, lambda blob: 0, deterministic=True)
    for name, index in (("ST_MinX", 0), ("ST_MaxX", 0), ("ST_MinY", 1), ("ST_MaxY", 1)):
        db.create_function(name, 1, ordinate(index), deterministic=True)


def edit(path, seed, count):
    """Changes 1 % of the rows: other rows for each seed."""
    random_ = random.Random(seed)
    db = sqlite3.connect(path)
    with_functions(db)
    changes = max(4, count // 100)
    # Sides change rows of different residue, so that nothing conflicts.
    ids = random_.sample(range(seed, count + 1, 2), changes * 3 // 4)
    updates, deletes = ids[: changes // 2], ids[changes // 2:]
    for number, fid in enumerate(updates):
        if number % 4 == 0:
            db.execute("UPDATE things SET geom = ? WHERE fid = ?", (point(random_.uniform(-180, 180), 1.5), fid))
        else:
            db.execute("UPDATE things SET name = ?, status = ? WHERE fid = ?", ("changed by %d" % seed, 99, fid))
    db.executemany("DELETE FROM things WHERE fid = ?", [(fid,) for fid in deletes])
    db.executemany(
        "INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?)",
        [row(random_, count + seed * 10_000_000 + n) for n in range(changes // 4)])
    db.commit()
    db.close()


def main():
    if sys.argv[1] == "--edit":
        return edit(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    directory, count = sys.argv[1], int(sys.argv[2])
    os.makedirs(directory, exist_ok=True)
    base = os.path.join(directory, "base.gpkg")
    for name in ("base", "left", "right"):
        path = os.path.join(directory, name + ".gpkg")
        if os.path.exists(path):
            os.remove(path)
    random_ = random.Random(1)
    db = sqlite3.connect(base)
    db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + GPKG)
    db.executemany("INSERT INTO things VALUES (?, ?, ?, ?, ?, ?, ?)", (row(random_, n + 1) for n in range(count)))
    with_functions(db)
    db.execute(
        "INSERT INTO rtree_things_geom SELECT fid, ST_MinX(geom), ST_MaxX(geom), ST_MinY(geom), ST_MaxY(geom) FROM things")
    db.executescript(TRIGGERS)
    db.commit()
    db.execute("PRAGMA journal_mode=DELETE")
    db.close()
    for seed, name in ((1, "left"), (2, "right")):
        path = os.path.join(directory, name + ".gpkg")
        shutil.copyfile(base, path)
        edit(path, seed, count)


main()
