-- sqlite3 network.sqlite < network.sql
CREATE TABLE site (name TEXT PRIMARY KEY, region TEXT);
CREATE TABLE device (
    site TEXT NOT NULL REFERENCES site, name TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (site, name));
CREATE TABLE interface (
    site TEXT NOT NULL, device TEXT NOT NULL, name TEXT NOT NULL, mtu INTEGER CHECK (mtu <= 9216),
    enabled BOOLEAN NOT NULL, PRIMARY KEY (site, device, name), FOREIGN KEY (site, device) REFERENCES device);
INSERT INTO site VALUES ('nyc', 'america'), ('sfo', 'america');
INSERT INTO device VALUES ('nyc', 'sw1', 'leaf'), ('nyc', 'sw2', 'leaf'), ('sfo', 'old', 'leaf');
INSERT INTO interface VALUES ('nyc', 'sw1', 'eth0', 1500, 1), ('nyc', 'sw2', 'eth0', NULL, 0);
