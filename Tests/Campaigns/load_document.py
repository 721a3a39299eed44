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


def merged(run):
    """Requests, failures and times of all judged stages, as the report has them."""
    stages = [stage for stage in run["stages"] if stage["isJudged"]]
    operations = [o for stage in stages for o in stage["operations"] if not o["isWhole"]]
    values = {}
    for operation in operations:
        latency = operation["latency"]
        for value, count in zip(latency["values"], latency["counts"]):
            values[value] = values.get(value, 0) + count
    total, seen, quantiles = sum(values.values()), 0, {}
    for value in sorted(values):
        seen += values[value]
        for share in (0.5, 0.95, 0.99):
            if share not in quantiles and seen >= share * total:
                quantiles[share] = value / 1e6
    requests = sum(o["requests"] for o in operations)
    failed = sum(sum(o["failures"].values()) for o in operations)
    seconds = sum(stage["seconds"] for stage in stages)
    return {"requests": requests, "failed": failed, "seconds": seconds,
            "rate": (requests - failed) / seconds if seconds else 0,
            "p50": quantiles.get(0.5, 0), "p95": quantiles.get(0.95, 0),
            "p99": quantiles.get(0.99, 0)}


def write(top):
    parts = [HEAD]
    for kind, title in (("1", "Host build"), ("board", "Emulated board")):
        runs = {}
        for path in sorted((top / f".build/campaigns/load-{kind}").glob("*/summary.json")):
            runs[path.parent.name] = json.loads(path.read_text())
        if runs:
            parts.append(section(title, runs))
    if len(parts) == 1:
        print("load: there is no run to be documented yet")
        return 1
    out = top / "Tests/Campaigns/Results/load.md"
    out.write_text("\n".join(parts))
    print(out.relative_to(top))
    return 0


def section(title, runs):
    lines = [f"## {title}", "", "| plan | users | requests | answers/s | p50 ms | p95 ms | p99 ms | "
             "failed | thresholds | valid |", "|---|---|---|---|---|---|---|---|---|---|"]
    for name, run in runs.items():
        figures = merged(run)
        broken = [t["quantity"] for t in run["thresholds"] if not t["holds"]]
        lines.append(
            f"| {name} | {max(s['users'] for s in run['stages'])} | {figures['requests']:,} | "
            f"{figures['rate']:,.1f} | {figures['p50']:.2f} | {figures['p95']:.2f} | "
            f"{figures['p99']:.2f} | {figures['failed']:,} | {', '.join(broken) or 'hold'} | "
            f"{'no' if run['tester']['invalidBecause'] else 'yes'} |")
    lines += ["", "| seed scenario | seed result | here |", "|---|---|---|"]
    for name, (scenario, told) in SEEDS.items():
        if name in runs:
            figures = merged(runs[name])
            failed = 100 * figures["failed"] / max(1, figures["requests"])
            lines.append(
                f"| {scenario} | {told} | {figures['requests']:,} requests, median "
                f"{figures['p50']:.1f} ms, p99 {figures['p99']:.1f} ms, {failed:.2f} % failed |")
    for name, run in runs.items():
        if ladder := run.get("ladder"):
            lines += ["", f"Ladder of `{name}`: {ladder.get('held')} users held, "
                      f"{ladder.get('broke', 'none')} broke it ({ladder.get('reason', '–')}); "
                      f"recovered in {run.get('recoverySeconds', '–')} s."]
    return "\n".join(lines) + "\n"
