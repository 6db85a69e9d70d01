#!/usr/bin/env python3
"""Measures texts beside git in one run, and prints the table of docs/benchmarks.md.

    script/bench --text [--lines N ...] [--repeat N]

Figures are whole processes that read files and write their outcome to a file. Both take turns within one repetition, and
ratios are medians of the repetitions' own ratios.
"""
import argparse
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib

WORDS = ("the of and to in is on by it or be at as an we us if my do no he up so am me go river bench oak stone path "
         "gate field hedge north south east west bridge water line height survey marker old new near beside under above "
         "paint broken repaired missing measured again left right").split()

TEXTS = ("base", "left", "right", "other", "appended")


def make(random_, lines):
    """Made-up notes of about 67 bytes a line."""
    return ["%07d %s" % (i, " ".join(random_.choice(WORDS) for _ in range(12))) for i in range(lines)]


def edited(random_, lines, places):
    copy = list(lines)
    for place in places:
        copy[place] = "%07d %s" % (place, " ".join(random_.choice(WORDS) for _ in range(12)))
    return copy


def write(path, lines):
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")


def make_all(folder, count):
    """The texts, by the number of their lines."""
    seeded = random.Random(count)
    base = make(seeded, count)
    # Every third place, so that no edit of one side touches one of the other.
    places = [place * 3 + 1 for place in seeded.sample(range(count // 3 - 1), 200)]
    texts = (base, edited(seeded, base, places[:100]), edited(seeded, base, places[100:]), make(seeded, count),
             base + [" ".join(["appended"] * 8)[:67]])
    for name, text in zip(TEXTS, texts):
        write(os.path.join(folder, name), text)


def run(command, output, statuses=(0,)):
    """Seconds from start to exit, processor's seconds, and megabytes."""
    with open(output, "wb") as file:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) not in statuses:
        sys.exit("%s failed" % command)
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def beside(ours, theirs, outputs, repeat, statuses=(0,)):
    """Medians of ours, of theirs, and of the ratios of seconds and of the processor's seconds."""
    samples = []
    for _ in range(repeat):
        samples.append((run(ours, outputs[0]), run(theirs, outputs[1], statuses)))
    return {
        "ours": [statistics.median(s[0][i] for s in samples) for i in range(3)],
        "theirs": [statistics.median(s[1][i] for s in samples) for i in range(3)],
        "ratio": statistics.median(s[1][0] / s[0][0] for s in samples),
        "processor": statistics.median(s[1][1] / s[0][1] for s in samples)}


def content(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--built", required=True)
    parser.add_argument("--lines", type=int, nargs="+", default=[15000, 150000, 1500000])
    parser.add_argument("--repeat", type=int, default=11)
    options = parser.parse_args()
    program = os.path.join(options.built, "DovetailTextBenchmark")
    git = subprocess.run(["git", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    print("%s, medians of %d:\n" % (git, options.repeat))
    print("| lines, size | what | git | Dovetail | faster | by processor time | MB: git, Dovetail |")
    print("|---|---|---|---|---|---|---|")
    sizes = []
    with tempfile.TemporaryDirectory() as folder:
        def at(name):
            return os.path.join(folder, name)
        outputs = (at("ours.out"), at("theirs.out"))
        old, left, right, other, appended = map(at, TEXTS)
        for count in options.lines:
            # A process of its own, because the peak memory of a process counts what its parent had as it began.
            maker = multiprocessing.Process(target=make_all, args=(folder, count))
            maker.start()
            maker.join()

            def row(what, found):
                print("| {:,}, {:.1f} MB | {} | {:.3f} s | {:.4f} s | **{:.1f} ×** | {:.1f} × | {:.0f}, {:.0f} |".format(
                    count, os.path.getsize(old) / 1e6, what, found["theirs"][0], found["ours"][0], found["ratio"],
                    found["processor"], found["theirs"][2], found["ours"][2]))

            diff = [program, "diff"]
            git_diff = ["git", "diff", "--no-index", "--no-color", "-U0"]
            row("diff, 100 lines edited",
                beside(diff + [old, left], git_diff + [old, left], outputs, options.repeat, (0, 1)))
            assert (b"\n" + content(outputs[0])).count(b"\n@@") == content(outputs[1]).count(b"\n@@")
            row("merge, 100 lines edited on either side", beside(
                [program, "merge", old, left, right], ["git", "merge-file", "-p", left, old, right], outputs,
                options.repeat))
            assert content(outputs[0]) == content(outputs[1])
            row("diff, all lines different", beside(
                diff + [old, other], git_diff + [old, other], outputs, max(3, options.repeat // 3), (0, 1)))
            for what, new in (("a line of 68 bytes appended", appended), ("100 lines edited", left)):
                run([program, "delta", old, new], outputs[0])
                delta = content(outputs[0])
                sizes.append((count, what, len(delta), len(zlib.compress(delta, 9))))
    print("\n| lines | change | delta, bytes | compressed (zlib) |\n|---|---|---|---|")
    for size in sizes:
        print("| {:,} | {} | {:,} | {:,} |".format(*size))


if __name__ == "__main__":
    main()
