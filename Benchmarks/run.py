#!/usr/bin/env python3
"""Runs streambench for every subject, the subjects taking turns, and prints Markdown tables of medians and ratios.

Each measurement is a process of its own. Within a round the subjects follow one another directly, and a ratio is formed
of neighbours, so that whatever else slows the machine down hits both of its sides. Quote the ratios, not the figures.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Subject as shown -> subject and settings for streambench. In `nio-async-loop` NIO's threads run the tasks.
SUBJECTS = {
    "c": ["c"],
    "nio": ["nio"],
    "nio-async": ["nio-async"],
    "nio-async-loop": ["nio-async", "executor=loop"],
    "mactcp": ["mactcp"],
    "mactcp-async": ["mactcp-async"],
}

# Workload -> how often it is visited in a round, settings, and its figures: key, heading, decimals.
# Where scheduling makes a whole run fast or slow, as with round trips, many short runs tell more than one long one.
WORKLOADS = {
    "bulk": (1, [], [("gb_per_s", "GB/s", 2), ("cpu_ns_per_byte", "CPU ns/byte", 3)]),
    "pingpong": (
        4,
        ["rounds=25000", "batches=5"],
        [("ns", "ns per round trip", 0), ("cpu_ns", "CPU ns per round trip", 0)],
    ),
    "connections": (
        2,
        ["count=3000"],
        [("per_s", "connections/s", 0), ("cpu_ns", "CPU ns per connection", 0)],
    ),
    "idle": (
        1,
        ["rounds=20000"],
        [
            ("rss_per_stream", "resident bytes per stream", 0),
            ("private_dirty_per_stream", "private dirty bytes per stream", 0),
            ("ns_ratio", "round trip with / without idle streams", 2),
        ],
    ),
}

# The comparisons that matter: what is compared, workload, figure, measured subject, yardstick.
RATIOS = [
    ("bulk throughput, blocking", "bulk", "gb_per_s", "mactcp", "c"),
    ("bulk throughput, blocking", "bulk", "gb_per_s", "mactcp", "nio"),
    ("bulk throughput, async", "bulk", "gb_per_s", "mactcp-async", "nio-async"),
    ("bulk CPU per byte, blocking", "bulk", "cpu_ns_per_byte", "mactcp", "c"),
    ("round trip, blocking", "pingpong", "ns", "mactcp", "c"),
    ("round trip, async", "pingpong", "ns", "mactcp-async", "nio-async"),
    ("round trip, async", "pingpong", "ns", "mactcp-async", "nio-async-loop"),
    ("round trip, async / handlers", "pingpong", "ns", "mactcp-async", "nio"),
    ("connections per second, blocking", "connections", "per_s", "mactcp", "c"),
    ("connections per second, async", "connections", "per_s", "mactcp-async", "nio-async"),
    ("memory per idle stream", "idle", "rss_per_stream", "mactcp", "nio"),
    # How the yardsticks compare with each other, as a check on them.
    ("bulk throughput", "bulk", "gb_per_s", "nio", "c"),
    ("round trip", "pingpong", "ns", "nio", "c"),
    ("round trip", "pingpong", "ns", "nio-async", "c"),
    ("connections per second", "connections", "per_s", "nio", "c"),
]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times that every subject is measured (default 5)")
    parser.add_argument("--workloads", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    parser.add_argument("--subjects", nargs="+", choices=SUBJECTS, help="default: all that were built")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings, e.g. bytes=1000000")
    parser.add_argument("--cpus", help="keep each run on these processors, e.g. 0 or 0,1 (default: all)")
    parser.add_argument("--out", type=Path, help="append every measurement to this file, one JSON object per line")
    parser.add_argument("--no-build", action="store_true", help="use the last build")
    return parser.parse_args()


def prepare_child(cpus):
    # 8,000 streams are 8,000 descriptors: more than the usual soft limit.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in cpus.split(",")})


def build():
    subprocess.run(["swift", "build", "-c", "release"], cwd=HERE, check=True, stdout=sys.stderr)


def streambench(*arguments, cpus=None):
    """The output of one run; a run that fails or hangs ends everything, since a hole in the table would mislead."""
    command = [str(HERE / ".build/release/streambench"), *arguments]
    result = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, timeout=300, preexec_fn=lambda: prepare_child(cpus)
    )
    if result.returncode:
        sys.exit(f"streambench {' '.join(arguments)} failed with status {result.returncode}")
    return result.stdout


def machine():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        model = names[0] if names else platform.machine()
    except OSError:
        model = platform.machine()
    return f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}"


def measure(options, subjects):
    """Yields (round, workload, subject, figures), the subjects taking turns."""
    for round_number in range(options.rounds):
        for workload in options.workloads:
            visits, settings, _ = WORKLOADS[workload]
            for visit in range(visits):
                # Each turn begins with another subject: none always runs first, or always after the same one.
                shift = (round_number + visit) % len(subjects)
                for subject in subjects[shift:] + subjects[:shift]:
                    print(f"round {round_number + 1}: {workload} {subject}", file=sys.stderr)
                    output = streambench(workload, *SUBJECTS[subject], *settings, *options.set, cpus=options.cpus)
                    yield round_number, workload, subject, json.loads(output)


def spread(values, decimals):
    middle, low, high = (f"{v:,.{decimals}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} ({low}..{high})"


def print_figures(options, subjects, results):
    for workload in options.workloads:
        figures = WORKLOADS[workload][2]
        print(f"\n| {workload} | " + " | ".join(heading for _, heading, _ in figures) + " |")
        print("|---" * (len(figures) + 1) + "|")
        for subject in subjects:
            runs = results[workload, subject]
            cells = [spread([run[key] for run in runs], decimals) for key, _, decimals in figures]
            print(f"| {subject} | " + " | ".join(cells) + " |")


def print_ratios(results):
    print("\n| ratio | of | to | median (min..max) |\n|---|---|---|---|")
    for label, workload, key, subject, yardstick in RATIOS:
        pairs = zip(results.get((workload, subject), []), results.get((workload, yardstick), []))
        ratios = [measured[key] / base[key] for measured, base in pairs if base[key]]
        if ratios:
            print(f"| {label} | {subject} | {yardstick} | {spread(ratios, 2)} |")


def main():
    options = parse_arguments()
    if not options.no_build:
        build()
    built = streambench("subjects").split()
    subjects = options.subjects or [name for name, command in SUBJECTS.items() if command[0] in built]
    results = {}
    log = options.out.open("a") if options.out else None
    try:
        for round_number, workload, subject, figures in measure(options, subjects):
            results.setdefault((workload, subject), []).append(figures)
            if log:
                record = {"round": round_number, "machine": machine(), "cpus": options.cpus, "set": options.set}
                print(json.dumps({**record, **figures, "subject": subject}), file=log, flush=True)
    finally:
        if log:
            log.close()
    processors = f"; processors {options.cpus}" if options.cpus else ""
    print(f"{machine()}; {options.rounds} rounds, medians (min..max){processors}")
    print_figures(options, subjects, results)
    print_ratios(results)


if __name__ == "__main__":
    main()
