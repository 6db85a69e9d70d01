#!/usr/bin/env python3
"""Measures datasets in code beside DiffSync in one run, and prints the table of docs/benchmarks.md.

    script/bench --models [--sites N ...] [--repeat N]

Seconds are the processor's. Both take turns within one repetition, in processes of their own. A sync is what a user calls, with
its diff; where one was made before, DiffSync is given it, and ours still makes its plan anew.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def run(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    figures = json.loads(process.stdout.read())
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit("%s failed" % command)
    figures["MB"] = usage.ru_maxrss / 1024
    return figures


def measure(commands, arguments, repeat):
    """By command, the median of each figure."""
    samples = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            samples[name].append(run(command + arguments))
    return {name: {key: statistics.median(s[key] for s in found) for key in found[0]} for name, found in samples.items()}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--built", required=True)
    parser.add_argument("--python", required=True, help="a Python that has DiffSync")
    parser.add_argument("--sites", type=int, nargs="+", default=[10, 100, 1000], help="of 1,001 objects each")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    commands = {
        "ours": [os.path.join(options.built, "DovetailModelsBenchmark")],
        "theirs": [options.python, os.path.join(HERE, "peers/diffsync_objects.py")]}

    found = measure(commands, ["100"], options.repeat)
    ours, theirs = found["ours"], found["theirs"]
    assert ours["differences"] == theirs["differences"]
    compared = measure(commands, ["100", "compare"], options.repeat)
    synced = measure(commands, ["100", "sync"], options.repeat)
    wide = measure(commands, ["wide", "100000"], 1)
    row = "| %s | %s | %s | **%.0f ×** | %s | %s |"
    print("| 100,100 objects a side | DiffSync | Dovetail | faster | bar | reach for |\n|---|---|---|---|---|---|")
    for what, a, b, bar, reach in (
            ("load one side", ours["load"], theirs["load"], "", ""),
            ("diff", ours["diff"], theirs["diff"], "≥ 25 ×", "100 ×"),
            ("diff again", ours["diff again"], theirs["diff"], "", ""),
            ("sync with hooks that do nothing", synced["ours"]["sync"], synced["theirs"]["sync"], "≥ 50 ×", "200 ×"),
            ("the same, after a diff", ours["sync"], theirs["sync"], "", ""),
            ("load 100,000 children of one parent", wide["ours"]["load"], wide["theirs"]["load"], "≥ 200 ×", "")):
        print(row % (what, "%.2f s" % b, "%.3f s" % a, b / a, bar, reach))
    print("| peak memory, loaded and compared | %.0f MB | %.0f MB | 1/%.1f | ≤ 1/4 | 1/10 |" % (
        compared["theirs"]["MB"], compared["ours"]["MB"], compared["theirs"]["MB"] / compared["ours"]["MB"]))
    print("\n| objects a side | load s | diff s | diff again s | sync s | MB |\n|---|---|---|---|---|---|")
    for sites in options.sites:
        grown = measure({"ours": commands["ours"]}, [str(sites)], options.repeat)["ours"]
        print("| {:,} | {:.3f} | {:.3f} | {:.3f} | {:.3f} | {:.0f} |".format(
            sites * 1001, grown["load"], grown["diff"], grown["diff again"], grown["sync"], grown["MB"]))


if __name__ == "__main__":
    main()
