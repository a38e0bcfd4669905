#!/usr/bin/env python3
"""./dev bench repository: how long the SMKI Repository takes to come back, beside what bounds it (docs/benchmarks.md).

Every round runs everything once, one after the other, so that a slow minute of the machine is everybody's; the median
of the rounds counts. What cannot be run is named, the rest is still measured, and the exit code is 1.
"""
import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MILLION = 1_000_000
CERTIFICATES = "certificates/s"


class Failed(Exception):
    pass


class Ended:
    """A program that ran to its end: seconds by the wall and of the processors, peak of its anonymous memory in octets,
    what it printed."""

    def __init__(self, seconds, cpu_seconds, peak_anon, output):
        self.seconds, self.cpu_seconds, self.peak_anon, self.output = seconds, cpu_seconds, peak_anon, output

    def json(self):
        try:
            return json.loads(self.output)
        except ValueError:
            raise Failed("printed no JSON: " + self.output[:120].strip()) from None


def watch_memory(process, peak, ended):
    """The largest RssAnon, looked at every 50 ms: what the program needs, without the files it has mapped."""
    while not ended.is_set():
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii", errors="replace") as status:
                found = re.search(r"^RssAnon:\s+(\d+) kB", status.read(), re.M)
        except OSError:
            return
        if found:
            peak[0] = max(peak[0], int(found.group(1)) * 1024)
        ended.wait(0.05)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command, keep_output=True):
    peak, ended = [0], threading.Event()
    start, cpu = time.monotonic(), cpu_of_children()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    watcher = threading.Thread(target=watch_memory, args=(process, peak, ended))
    watcher.start()
    try:
        output, errors = process.communicate()
        seconds = time.monotonic() - start
    finally:
        ended.set()
        watcher.join()
    if process.returncode != 0:
        said = (errors.strip() or (output or "").strip() or "no reason given").splitlines()
        raise Failed(f"{os.path.basename(command[0])} ended with {process.returncode}: {said[0][:160]}")
    return Ended(seconds, cpu_of_children() - cpu, peak[0], output or "")


def forget_cached(path):
    """The next reader of the file finds it on the disk only."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def remove(path):
    for name in os.listdir(os.path.dirname(path)):
        if name == os.path.basename(path) or name.startswith(os.path.basename(path) + "."):
            found = os.path.join(os.path.dirname(path), name)
            shutil.rmtree(found) if os.path.isdir(found) else os.remove(found)


def octets_of(path):
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)


class Extract:
    """A folder made by smki-make-extract, made now if it is not there."""

    def __init__(self, arguments, devices):
        self.folder = os.path.join(arguments.folder, f"extract-{devices}")
        if not os.path.exists(os.path.join(self.folder, "extract.json")):
            if os.path.isdir(self.folder):
                shutil.rmtree(self.folder)  # half made
            say(f"making {self.folder}")
            run([f"{arguments.build}/bin/smki-make-extract", "--out", self.folder, "--devices", str(devices)])
        with open(os.path.join(self.folder, "extract.json"), encoding="ascii") as file:
            self.manifest = json.load(file)
        self.full = os.path.join(self.folder, f"SMKIKR_FULL_{self.manifest['date']}.xml.gz")
        self.full_records = self.manifest["full_records"]
        self.records = self.full_records + self.manifest["delta_records"]
        counted = subprocess.run(["bash", "-c", 'set -o pipefail; gzip -dc "$0" | wc -c', self.full],
                                 stdout=subprocess.PIPE, text=True, check=True)
        self.full_octets = int(counted.stdout)  # of XML
        self.octets = self.full_octets * self.records / self.full_records

    def roots(self):
        return ["--organisation-root", f"{self.folder}/root-oca.pem", "--device-root", f"{self.folder}/root-dca.pem"]


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


class Measured:
    """One line of the table: a figure for each round, or why there is none."""

    def __init__(self, name, unit, octets_each=0.0):
        self.name, self.unit, self.octets_each = name, unit, octets_each
        self.figures, self.cpu, self.anon, self.told_anon, self.fault = [], [], 0, 0, None

    def take(self, ended, certificates):
        """The rate of a program that dealt with so many."""
        self.anon = max(self.anon, ended.peak_anon)
        self.cpu.append(ended.cpu_seconds / certificates * 1e6)
        return certificates / ended.seconds

    @property
    def figure(self):
        return statistics.median(self.figures) if self.figures and not self.fault else None

    def json(self):
        return {"name": self.name, "unit": self.unit, "median": self.figure, "rounds": self.figures,
                "xml_mb_per_s": self.figure and self.octets_each and self.figure * self.octets_each / 1e6,
                "cpu_us_each": statistics.median(self.cpu) if self.cpu else None, "peak_anon_octets": self.anon, "peak_anon_reported": self.told_anon, "failed": self.fault}


class Bench:
    """Everything that is measured on one size."""

    def __init__(self, arguments, devices):
        self.arguments, self.devices = arguments, devices
        self.extract = Extract(arguments, devices)
        self.store = os.path.join(arguments.folder, f"store-{devices}")
        self.lines, self.facts = {}, {}
        self.cores = len(os.sched_getaffinity(0))

    def measure(self, name, part, unit=CERTIFICATES):
        octets_each = self.extract.full_octets / self.extract.full_records if unit == CERTIFICATES else 0
        line = self.lines.setdefault(name, Measured(name, unit, octets_each))
        if line.fault:
            return
        say(f"{self.devices}: {name}")
        try:
            line.figures.append(part(line))
        except (Failed, KeyError, OSError) as error:
            line.fault = f"no {error} in what it printed" if isinstance(error, KeyError) else str(error)
            say(f"{self.devices}: {name}: {line.fault}")

    def same(self, name, found):
        """A fact that every round and every way must agree on."""
        if self.facts.setdefault(name, found) != found:
            raise Failed(f"{name} {found}, but {self.facts[name]} before")

    def inflate(self, program, cold=False):
        def part(line):
            if cold:
                forget_cached(self.extract.full)
            return line.take(run([program, "-dc", self.extract.full], keep_output=False), self.extract.full_records)
        return part

    def verifications(self, processes):
        def part(_):
            multi = ["-multi", str(processes)] if processes > 1 else []
            output = run(["openssl", "speed", "-elapsed", "-seconds", "3", *multi, "ecdsap256"]).output
            found = re.search(r"\(nistp256\).*\s([\d.]+)\s*$", output, re.M)
            if not found:
                raise Failed("openssl speed: no verifications a second in what it printed")
            return float(found.group(1))
        return part

    def rebuild(self, verify):
        def part(line):
            remove(self.store)
            ended = run([f"{self.arguments.build}/bin/smkictl", "repository", "rebuild", "--from", self.extract.folder,
                         "--store", self.store, *self.extract.roots(), "--verify", verify, "--output", "json"])
            told = ended.json()
            read, rejected = told["records"]["read"], told["records"]["rejected"]
            if read != self.extract.records or rejected != 0:
                raise Failed(f"read {read} records and rejected {rejected}; the files hold {self.extract.records}")
            self.same("digest", told["digest"])
            self.same("certificates", told["certificates"]["total"])
            self.facts["store_octets"] = octets_of(self.store)
            line.told_anon = max(line.told_anon, told["peak_anon_bytes"])
            return line.take(ended, read)
        return part

    def publish(self, line):
        if not os.path.exists(self.store):
            raise Failed("there is no store to publish from, as the rebuild failed")
        to = os.path.join(self.arguments.folder, f"published-{self.devices}")
        remove(to)
        os.mkdir(to)
        try:
            ended = run([f"{self.arguments.build}/bin/smkictl", "repository", "publish", "--store", self.store,
                         "--date", self.extract.manifest["last_date"], "--to", to, "--output", "json"])
        finally:
            remove(to)
        return line.take(ended, self.facts["certificates"])

    def python(self, line):
        database = os.path.join(self.arguments.folder, f"baseline-{self.devices}.sqlite")
        try:
            ended = run([sys.executable, f"{HERE}/baseline.py", self.extract.folder, database])
        finally:
            remove(database)
        told = ended.json()
        if told["records"] != self.extract.records:
            raise Failed(f"read {told['records']} records, the files hold {self.extract.records}")
        self.same("certificates", told["certificates"])
        self.facts["python_octets"] = told["octets"]
        return line.take(ended, told["records"])

    def round(self, first):
        self.measure("igzip -dc, cold", self.inflate("igzip", cold=True))
        self.measure("igzip -dc, warm", self.inflate("igzip"))
        self.measure("zcat", self.inflate("zcat"))
        self.measure("rebuild, structure", self.rebuild("structure"))
        self.measure("rebuild, full", self.rebuild("full"))
        self.measure("publish", self.publish)
        self.measure("openssl verify, 1 core", self.verifications(1), "verifications/s")
        if self.cores > 1:
            self.measure(f"openssl verify, {self.cores} cores", self.verifications(self.cores), "verifications/s")
        if first and (self.devices <= MILLION or self.arguments.all):
            self.measure("Python baseline", self.python)

    def run(self):
        try:
            for number in range(self.arguments.rounds):
                say(f"{self.devices}: round {number + 1} of {self.arguments.rounds}")
                self.round(number == 0)
        finally:
            remove(self.store)
        return self

    def figure(self, name):
        line = self.lines.get(name)
        return line.figure if line else None

    def ratios(self):
        def ratio(above, below, times=1):
            return self.figure(above) / (self.figure(below) * times) if self.figure(above) and self.figure(below) else None
        structure, full = "rebuild, structure", "rebuild, full"
        many = f"openssl verify, {self.cores} cores"
        return {"structure / igzip warm": ratio(structure, "igzip -dc, warm"),
                "structure / Python": ratio(structure, "Python baseline"),
                f"full / ({self.cores} x openssl verify, 1 core)": ratio(full, "openssl verify, 1 core", self.cores),
                f"full / {many}": ratio(full, many),
                "publish / structure": ratio("publish", structure)}

    def disk_per_million(self):
        """MB of the store for a million certificates."""
        if "store_octets" not in self.facts:
            return None
        return self.facts["store_octets"] / self.facts["certificates"]

    def json(self):
        return {"devices": self.devices, "records": self.extract.records, "xml_octets": round(self.extract.octets),
                "cores": self.cores, "lines": [line.json() for line in self.lines.values()], "ratios": self.ratios(),
                "disk_mb_per_million": self.disk_per_million(), **self.facts}


def growth(small, large):
    """What a certificate costs in the large one, by what it costs in the small one."""
    out = {}
    for name in ("rebuild, structure", "rebuild, full", "publish"):
        if small.figure(name) and large.figure(name):
            out["seconds a certificate, " + name] = small.figure(name) / large.figure(name)
            if small.lines[name].anon:
                out["peak RssAnon, " + name] = large.lines[name].anon / small.lines[name].anon
    if small.disk_per_million() and large.disk_per_million():
        out["disk a certificate"] = large.disk_per_million() / small.disk_per_million()
    return out


def show(bench):
    print(f"\n{bench.extract.full_records:,} certificates in the FULL, {bench.extract.manifest['delta_records']:,} in the"
          f" deltas; {bench.extract.octets / 1e6:,.0f} MB of XML; {bench.cores} cores")
    print(f"  {'':26} {'rate':>12}  {'':15} {'XML':>9} {'CPU each':>9} {'RssAnon':>9} {'it says':>9}  rounds")
    for line in bench.lines.values():
        if line.figure is None:
            print(f"  {line.name:26} failed: {line.fault}")
            continue
        told = line.json()
        xml = f"{told['xml_mb_per_s']:.0f} MB/s" if told["xml_mb_per_s"] else ""
        cpu = f"{told['cpu_us_each']:.1f} us" if told["cpu_us_each"] else ""
        anon, says = (f"{octets / 1e6:.0f} MB" if octets else "" for octets in (line.anon, line.told_anon))
        rounds = " ".join(f"{figure:,.0f}" for figure in line.figures)
        print(f"  {line.name:26} {line.figure:12,.0f}  {line.unit:15} {xml:>9} {cpu:>9} {anon:>9} {says:>9}  {rounds}")
    for name, ratio in bench.ratios().items():
        print(f"  {name:44} {ratio:.2f}" if ratio is not None else f"  {name:44} -")
    if bench.disk_per_million() is not None:
        print(f"  {'store, MB a million certificates':44} {bench.disk_per_million():.0f}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench repository", description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--devices", type=int, default=MILLION, help="Device Certificates in the FULL (1000000)")
    parser.add_argument("--all", action="store_true", help="also 10 million, the Python baseline too, and the growth")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", choices=("text", "json"), default="text")
    parser.add_argument("--build", default="build", help="build folder")
    arguments = parser.parse_args()
    arguments.folder = os.path.abspath(os.environ.get("SMKI_BENCH_DIR") or f"{arguments.build}/bench")
    os.makedirs(arguments.folder, exist_ok=True)
    sizes = [arguments.devices] + ([10 * arguments.devices] if arguments.all else [])
    try:
        done = [Bench(arguments, devices).run() for devices in sizes]
    except (Failed, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"bench: {error}")
    grown = growth(*done) if len(done) == 2 else {}
    if arguments.output == "json":
        print(json.dumps({"sizes": [bench.json() for bench in done], "growth": grown}, indent=2))
    else:
        for bench in done:
            show(bench)
        for name, factor in grown.items():
            print(f"  {'growth 1 to 10: ' + name:60} {factor:.2f}")
    return 1 if any(line.fault for bench in done for line in bench.lines.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
