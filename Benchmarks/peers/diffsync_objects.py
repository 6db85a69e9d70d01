#!/usr/bin/env python3
"""The same datasets as DovetailModelsBenchmark, in DiffSync. Prints one JSON object: seconds of the processor for each step.

    diffsync_objects.py [SITES [compare] | wide CHILDREN]
"""
import json
import logging
import sys
import time
from typing import List

import structlog
from diffsync import Adapter, DiffSyncModel

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


class Site(DiffSyncModel):
    _modelname = "site"
    _identifiers = ("name",)
    _attributes = ("region", "contact")
    _children = {"device": "devices"}
    name: str
    region: str = ""
    contact: str = ""
    devices: List = []


class Device(DiffSyncModel):
    _modelname = "device"
    _identifiers = ("site", "name")
    _attributes = ("role", "serial", "os")
    _children = {"interface": "interfaces"}
    site: str
    name: str
    role: str = ""
    serial: str = ""
    os: str = ""
    interfaces: List = []


class Interface(DiffSyncModel):
    _modelname = "interface"
    _identifiers = ("site", "device", "name")
    _attributes = ("kind", "description", "mtu", "enabled")
    site: str
    device: str
    name: str
    kind: str = ""
    description: str = ""
    mtu: int = 0
    enabled: bool = True


class Network(Adapter):
    site, device, interface = Site, Device, Interface
    top_level = ["site"]

    def fill(self, sites, is_source):
        count = 0
        for s in range(sites):
            site = Site(name="site-%d" % s, region="region %d" % (s % 7), contact="noc@site-%d.example" % s)
            self.add(site)
            for d in range(20):
                device = Device(site=site.name, name="switch-%d" % d, role="spine" if d % 5 == 0 else "leaf",
                                serial="SN%d" % (s * 20 + d), os="4.28")
                self.add(device)
                site.add_child(device)
                for i in range(49):
                    count += 1
                    if count % 200 == (50 if is_source else 150):
                        continue
                    changed = is_source and count % 100 == 7
                    interface = Interface(
                        site=site.name, device=device.name, name="Ethernet%d" % i, kind="1000base-t",
                        description="changed" if changed else "to port %d of the rack" % i, mtu=1500, enabled=i % 9 != 0)
                    self.add(interface)
                    device.add_child(interface)

    def fill_wide(self, children):
        site, device = Site(name="site"), Device(site="site", name="switch")
        self.add(site)
        self.add(device)
        site.add_child(device)
        for i in range(children):
            interface = Interface(site="site", device="switch", name="Ethernet%d" % i, mtu=1500)
            self.add(interface)
            device.add_child(interface)


def main():
    figures, last = {}, time.process_time()

    def lap(name):
        nonlocal last
        figures[name] = time.process_time() - last
        last = time.process_time()

    a, b = Network(), Network()
    last = time.process_time()
    if sys.argv[1:2] == ["wide"]:
        a.fill_wide(int(sys.argv[2]))
        lap("load")
    else:
        sites = int(sys.argv[1]) if len(sys.argv) > 1 else 100
        a.fill(sites, False)
        lap("load")
        b.fill(sites, True)
        lap("load the other")
        mode = sys.argv[2] if len(sys.argv) > 2 else ""
        diff = None
        if mode != "sync":
            diff = a.diff_from(b)
            lap("diff")
            summary = diff.summary()
            figures["differences"] = summary["create"] + summary["update"] + summary["delete"]
        if mode != "compare":
            last = time.process_time()
            a.sync_from(b, diff=diff)
            lap("sync")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
