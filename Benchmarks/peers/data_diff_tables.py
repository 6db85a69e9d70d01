#!/usr/bin/env python3
"""Compares the table `things` of two databases with data-diff, and prints how many differences it names.

    data_diff_tables.py HOST PORT LEFT RIGHT

By its library: its command wants dbt, which is not needed here.
"""
import logging
import sys

from data_diff import connect_to_table, diff_tables

logging.disable(logging.WARNING)
COLUMNS = ("code", "name", "height", "price", "flag", "changed", "note")


def table(host, port, database):
    place = {"driver": "postgresql", "user": "dovetail", "password": "", "host": host, "port": port, "dbname": database}
    return connect_to_table(place, "things", "id", extra_columns=COLUMNS)


def main():
    host, port, left, right = sys.argv[1:]
    print(sum(1 for _ in diff_tables(table(host, port, left), table(host, port, right))))


if __name__ == "__main__":
    main()
