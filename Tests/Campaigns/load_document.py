"""Results/load.md: what the built-in plans of wpload have found, from the runs that are there."""
import json

# The scenarios of the load-test campaign that these repeat, as they went there.
SEEDS = {
    "deployments": ("concurrent deployments", "100 users: 68,902 requests, median 5 ms, p99 34 ms"),
    "approvals": ("approvals", "50 users: median 13 ms, p99 46 ms; throttling hit the users"),
    "connectors": ("connector scaling", "200 users: median 13 ms, p99 250 ms"),
    "burst": ("burst", "1000 users: median 19,000 ms, 100 % failures"),
}
HEAD = """# What the built-in plans have found

Made by `Tests/campaign load --document` from the runs of `Tests/campaign load` (host build) and
`Tests/campaign load --board HOST:PORT` that were there. A run in which the tester was the limit says
so; its figures are no device's.
"""
KINDS = {
    "1": ("Host build", "The tester and the device share one machine."),
    "board": ("Emulated board", "The board is emulated instruction by instruction beside the tester: "
              "its times are the emulator's.\nWhat it holds, refuses and keeps is its own."),
}
NONE = "–"


def quantiles(operations, shares):
    """Times in ms by which so large a share of all the answers was there."""
    values = {}
    for operation in operations:
        latency = operation["latency"]
        for value, count in zip(latency["values"], latency["counts"]):
            values[value] = values.get(value, 0) + count
    total, seen, found = sum(values.values()), 0, {}
    for value in sorted(values):
        seen += values[value]
        for share in shares:
            if share not in found and seen >= share * total:
                found[share] = value / 1e6
    return [found.get(share) for share in shares]


def merged(run):
    """Requests, failures and times of all judged stages, as the report has them."""
    stages = [stage for stage in run["stages"] if stage["isJudged"]]
    operations = [o for stage in stages for o in stage["operations"] if not o["isWhole"]]
    p50, p95, p99 = quantiles(operations, (0.5, 0.95, 0.99))
    requests = sum(o["requests"] for o in operations)
    failed = sum(sum(o["failures"].values()) for o in operations)
    seconds = sum(stage["seconds"] for stage in stages)
    return {"requests": requests, "failed": failed, "seconds": seconds,
            "held": sum(o["heldBack"] for o in operations),
            "rate": (requests - failed) / seconds if seconds else 0,
            "p50": p50 or 0, "p95": p95 or 0, "p99": p99 or 0}


def write(top):
    parts = [HEAD]
    for kind, (title, remark) in KINDS.items():
        runs = {}
        for path in sorted((top / f".build/campaigns/load-{kind}").glob("*/summary.json")):
            run = json.loads(path.read_text())
            # One that was broken off says nothing.
            if not run.get("ended"):
                runs[path.parent.name] = run
        if runs:
            parts.append("\n".join(section(title, remark, runs)) + "\n")
    if len(parts) == 1:
        print("load: there is no run to be documented yet")
        return 1
    out = top / "Tests/Campaigns/Results/load.md"
    out.write_text("\n".join(parts))
    print(out.relative_to(top))
    return 0


def section(title, remark, runs):
    lines = [f"## {title}", "", remark, "", *plans(runs), "", *ladders(runs)]
    for head, rows in (("requirement", requirements(runs)), ("seed scenario", scenarios(runs)),
                       ("broadcast", broadcasts(runs))):
        wanted = "seed result" if head == "seed scenario" else "wanted"
        lines += ["", f"| {head} | {wanted} | here |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in rows]
    return lines


def plans(runs):
    yield ("| plan | users | requests | answers/s | p50 ms | p95 ms | p99 ms | failed | thresholds | "
           "valid |")
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for name, run in runs.items():
        figures = merged(run)
        broken = [t["quantity"] for t in run["thresholds"] if not t["holds"]]
        isValid = not run["tester"]["invalidBecause"]
        judged = (", ".join(broken) or "hold") if isValid else "not judged"
        yield (
            f"| {name} | {max(s['users'] for s in run['stages'])} | {figures['requests']:,} | "
            f"{figures['rate']:,.1f} | {figures['p50']:.2f} | {figures['p95']:.2f} | "
            f"{figures['p99']:.2f} | {figures['failed']:,} | {judged} | {'yes' if isValid else 'no'} |")


def ladders(runs):
    for name, run in runs.items():
        if ladder := run.get("ladder"):
            recovery = run.get("recoverySeconds")
            yield (f"- Ladder of `{name}`: {ladder.get('held')} users held, "
                   f"{ladder.get('broke', 'none')} broke it ({ladder.get('reason', NONE)})"
                   + (f"; recovered in {recovery:.1f} s." if recovery is not None else "."))


def scenarios(runs):
    for name, (scenario, told) in SEEDS.items():
        figures = merged(runs[name]) if name in runs else {"requests": 0}
        yield scenario, told, (
            f"{figures['requests']:,} requests, median {figures['p50']:.1f} ms, "
            f"p99 {figures['p99']:.1f} ms, {100 * figures['failed'] / figures['requests']:.2f} % "
            + ("failed" if not figures["held"] else f"failed; {figures['held']:,} told to wait")
            if figures["requests"] else NONE)


def threshold(runs, plan, quantity):
    """What was measured of it; None: nothing."""
    for each in runs.get(plan, {}).get("thresholds", []):
        if each["quantity"] == quantity:
            return each.get("measured")
    return None


def told(form, *values):
    return NONE if None in values else form.format(*values)


def requirements(runs):
    """REQ-PERF, as far as a tester sees it from outside."""
    alone, together = (threshold(runs, plan, "p95_ms") for plan in ("baseline", "sustained"))
    yield "001 an answer, p95", "100 ms; a status 50 ms", told("{:.2f} ms", alone)
    yield ("001 under load", "at most twice as long", told(
        "{:.2f} ms at 1,000/s from 75 users: {:.1f} times", together,
        together / alone if alone and together else None))
    yield "001 files, p95", "1,000 ms", told("{:.2f} ms", threshold(runs, "jobs", "p95_ms"))
    ladder = runs.get("slots", {}).get("ladder", {})
    yield ("003 connections", "more than 1,000, then a refusal", told(
        "{:,}; the next one is told {}", ladder.get("held"), ladder.get("reason")))
    yield ("003 to connect, p99", "1,000 ms", told(
        "{:.2f} ms, 1,000 users in 10 s", threshold(runs, "burst", "connect_p99_ms")))
    yield ("004 processor", "less than 50 %", told(
        "{:.1f} % at 1,000/s", threshold(runs, "sustained", "cpu_percent")))
    memory = threshold(runs, "sustained", "memory_kib")
    yield "004 memory", "less than 60 MB", told(
        "{:.1f} MiB", memory / 1024 if memory is not None else None)
    yield ("004 memory's growth", "less than 5 MB in 8 h", told(
        "{:.0f} KiB in as many requests", threshold(runs, "endurance", "memory_growth_kib")))
    rate = merged(runs["throughput"])["rate"] if "throughput" in runs else None
    yield "005 requests a second", "1,000", told("{:,.0f}", rate)
    jobs = threshold(runs, "jobs", "answers_per_second")
    yield "005 file operations a second", "10 to 20", told("{:.1f} of 20 and 30 users", jobs)


def messages(runs, plan, name, share):
    """The time in ms by which so many of a stage's listeners had a message."""
    for stage in runs.get(plan, {}).get("stages", []):
        if stage["name"] == name:
            return quantiles([o for o in stage["operations"] if o["operation"] == "message"],
                             [share])[0]
    return None


def broadcasts(runs):
    yield ("100 connections, 99 % of the listeners", "50 ms", told(
        "{:.2f} ms", messages(runs, "broadcast", "listeners-100", 0.99)))
    yield ("1 MiB to 50 connections, 99 %", "500 ms", told(
        "{:.1f} ms", messages(runs, "volume", "volume", 0.99)))
    growth = [threshold(runs, plan, "memory_growth_kib") for plan in ("broadcast", "volume")]
    yield "memory's growth", "the payload and 256 KiB", told("{:.0f} KiB; {:.0f} KiB", *growth)
    few, many = (messages(runs, "broadcast", f"listeners-{n}", 0.99) for n in (10, 200))
    yield ("200 listeners to 10", "at most 25 times as long", told(
        "{:.2f} to {:.2f} ms: {:.1f} times", many, few, many / few if few and many else None))
    yield ("1,000 listeners", NONE, told(
        "{:.2f} ms", messages(runs, "broadcast", "listeners-1000", 0.99)))
