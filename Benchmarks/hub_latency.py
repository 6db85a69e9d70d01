#!/usr/bin/env python3
"""From a save to the other client's file: a hub and two clients as processes on this machine (script/bench --hub).

    Benchmarks/hub_latency.py DOVETAIL [TIMES]
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def main():
    binary, times = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 30
    root = tempfile.mkdtemp(prefix="dovetail-latency.")
    os.chdir(root)
    for name in "ab":
        os.mkdir(name)
        token = subprocess.run([binary, "serve", "token", "add", name], text=True, capture_output=True, check=True)
        with open(name + ".token", "w") as file:
            file.write(token.stdout)
    hub = subprocess.Popen([binary, "serve", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    port = json.loads(hub.stdout.readline())["port"]
    clients = [
        subprocess.Popen(
            [binary, "doc", "watch", name, "--hub", "http://127.0.0.1:%d/notes" % port, "--token-file", name + ".token"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in "ab"]
    time.sleep(2)
    text, waits = "".join("line %d\n" % i for i in range(200)), []
    for i in range(times):
        text += "more %d\n" % i
        with open("a/x.txt", "w") as file:
            file.write(text)
        begin = time.time()
        while not os.path.exists("b/x.txt") or open("b/x.txt").read() != text:
            time.sleep(0.001)
        waits.append((time.time() - begin) * 1000)
        time.sleep(0.3)
    for process in clients + [hub]:
        process.terminate()
        process.wait()
    print("from a save to the other client's file: median %.0f ms, longest %.0f ms; 250 ms of it are the debounce" % (
        statistics.median(waits), max(waits)))
    shutil.rmtree(root)


if __name__ == "__main__":
    main()
