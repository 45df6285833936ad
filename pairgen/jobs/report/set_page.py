"""The page of a dataset: its samples, what was drawn, how far it is, and how it was made."""

import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa

from pairgen.drawing.cells import PATH, Cell, picture_members
from pairgen.drawing.value_text import shape_text, value_text
from pairgen.execution.history.done import Done, Receipts
from pairgen.execution.history.rates import (
    NUM_INTERVALS,
    begin_of,
    intervals,
    rate_at_work,
    seconds_at_work,
    workers,
)
from pairgen.execution.progress import Progress, format_seconds, took_text
from pairgen.execution.say import Say
from pairgen.jobs.report.annotated import with_annotations
from pairgen.jobs.report.charted import ChartGroup, chart_groups, charted_text
from pairgen.jobs.report.drawn import (
    Drawn,
    charted_columns,
    draw_samples,
    read_cells,
)
from pairgen.jobs.report.options import ReportConfig
from pairgen.kinds.about import about_member
from pairgen.kinds.plan_description import describe_plan
from pairgen.pages.cards import Card, cell_pictures
from pairgen.pages.cells import cell
from pairgen.pages.charts import rate_chart
from pairgen.pages.columns import column_data
from pairgen.pages.command import set_command
from pairgen.pages.document import render
from pairgen.shards.format.plan_file import read_plan
from pairgen.shards.overlays.catching_up import catch_up_command
from pairgen.shards.overlays.overlay import Layer, added_by
from pairgen.shards.overlays.overlay_state import OF_ANOTHER
from pairgen.shards.storage.store import Store
from pairgen.types import Plan
from pairgen.wording import command_text, counted, size_text

MAX_WORKERS = 32
# Facts that stand below an image, if a set has them.
CHIPS = ("guidance_scale", "image", "label", "caption_number", "draw_applied")
# What a set of each kind holds, below its name.
HOLDS = {
    "ode": "Prompts, noises, and the latents that a teacher reached from them.",
    "degrade": "Crops of photographs, and what one draw of a degradation made of each.",
    "collect": "Images cut to one size, with their captions and classes.",
    "overlay": "Members added to the samples of another set.",
}
INPUT_HINT = (
    "Rebuilt from the plan, with the options that are not the default. A plan keeps the name and "
    "the hash of its inputs, not where they lie: put their folder in place of PATH."
)
GROWN_HINT = (
    "It has grown since this command began it: more images, or more samples of each, stand above."
)


def set_page(store: Store, options: ReportConfig, say: Say) -> str:
    """Return the page of a dataset, finished or not.

    Raises:
        ConfigError: The condition cannot be used, or no sample meets it.
        CorruptShardError: A shard or an index is missing or damaged.
        TeacherLoadError: The decoder of the teacher cannot be loaded.
    """
    plan = read_plan(store)
    drawn = draw_samples(store, options.num, options.where, options.seed)
    say(f"Showing {len(drawn.places):,} of {drawn.num_available:,} samples of {store.url}.")
    progress = Progress(len(drawn.places), 0, unit="samples drawn")
    try:
        cells = read_cells(store, plan, drawn, progress.reached)
        keys = drawn.table.column("key").to_pylist() if drawn.places else []
        cells = with_annotations(cells, keys, drawn.places, drawn.layers[1:])
    finally:
        progress.close()
    receipts = Receipts()
    receipts.read_new(store, plan)
    done = list(receipts.done.values())
    # All of a trajectory stand in the gallery, and what annotations add beside the sample's own.
    adds_images = any(picture_members(layer.plan) for layer in drawn.layers[1:])
    members = {name for layer in drawn.layers for name in layer.plan.members}
    cards = make_cards(drawn.table, cells, members, strip=PATH in plan.members or adds_images)
    whole = charted_columns(drawn.layers)
    groups = chart_groups(whole, [layer.plan for layer in drawn.layers])
    charts = [chart for group in groups for chart in group.charts]
    rate = _rate_charts(done)
    names = [name for name in drawn.table.column_names if name not in ("shard_index", "offset")]
    columns = [column_data(name, drawn.table.column(name)) for name in names]
    sortable = [each for each in columns if each["type"] != "other"]
    num_samples = sum(each.num_samples for each in done)
    command = set_command(plan, store.url)
    return render(
        "set.html.j2",
        store.url.rstrip("/").rpartition("/")[2] or store.url,
        {
            "charts": [*charts, *rate],
            "columns": columns,
            "cards": [card.data() for card in cards],
        },
        kind=f"{plan.kind} set",
        subtitle=HOLDS.get(plan.kind, ""),
        numbers=_numbers(plan, receipts, num_samples),
        problem=_problem(receipts, len(done), plan),
        left_out=[_left_out(drawn.layers[0], *each) for each in drawn.left_out],
        shown=_shown(drawn, options),
        cards=cards,
        sorts=[each["name"] for each in sortable],
        filters=[each["name"] for each in sortable],
        example=_example(names),
        num_charts=len(charts),
        groups=_placed(groups),
        charted=charted_text(whole, num_samples, len(charts)),
        has_rate=bool(rate),
        progress=_progress(receipts),
        failures=[
            [cell(receipts.examples[kind]), cell(num)]
            for kind, num in receipts.failed.most_common()
        ],
        workers=_workers(receipts),
        made=[(name, value_text(value)) for name, value in describe_plan(plan)],
        command=command or command_text("pairgen", "inspect", store.url),
        about_command=_about_command(plan, command),
        members=_members(plan),
        annotations=[_annotation(layer) for layer in drawn.layers[1:]],
    )


def _rate_charts(done: Sequence[Done]) -> list[dict[str, Any]]:
    """Return the chart of the rate over time; none of a single shard, whose rate is a number."""
    spans = intervals(done, min(NUM_INTERVALS, len(done)))
    data = [{"start": each.start, "stop": each.stop, "rate": each.rate} for each in spans]
    return [rate_chart(data)] if len(data) > 1 else []


def _about_command(plan: Plan, command: str) -> str:
    if not command:
        return "What it holds."
    return f"{INPUT_HINT} {GROWN_HINT}" if plan.additions else INPUT_HINT


def make_cards(
    table: pa.Table, cells: Sequence[Sequence[Cell]], members: Collection[str], strip: bool
) -> list[Card]:
    """Return a card for each sample; `strip` shows all its images in the gallery."""
    cards = []
    for row, shown in zip(table.to_pylist(), cells, strict=True):
        facts = {name: value for name, value in row.items() if value is not None}
        cards.append(
            Card(
                key=row["key"],
                text=str(row.get("prompt") or ""),
                chips=tuple(_chip(name, facts[name]) for name in CHIPS if name in facts),
                facts={
                    name: value_text(value)
                    for name, value in facts.items()
                    if name not in ("key", "prompt", "offset")
                },
                pictures=cell_pictures(shown, members),
                strip=strip,
            )
        )
    return cards


def _chip(name: str, value: Any) -> str:
    return f"guidance {value:g}" if name == "guidance_scale" else value_text(value)


def _placed(groups: Sequence[ChartGroup]) -> list[tuple[str, int, int]]:
    """Return the summary, the first chart and the number of charts of each group.

    The summary is empty for a group that stands open.
    """
    found, first = [], 0
    for group in groups:
        found.append((group.summary if group.title else "", first, len(group.charts)))
        first += len(group.charts)
    return found


def _numbers(plan: Plan, receipts: Receipts, num_samples: int) -> list[tuple[str, str]]:
    done = receipts.done.values()
    num_bytes = sum(each.num_bytes for each in done)
    rows = [
        (f"of {counted(plan.num_samples, 'sample')}", f"{num_samples:,}"),
        (f"of {counted(plan.num_shards, 'shard')}", f"{len(done):,}"),
        ("in tars", size_text(num_bytes)),
    ]
    if rate := rate_at_work(list(done)):
        rows.append(("samples/s while it was made", f"{rate:,.2f}"))
    rows.append(("failed", f"{receipts.failed.total():,}"))
    if receipts.num_skipped:
        rows.append(("left out by a threshold", f"{receipts.num_skipped:,}"))
    if num_rejected := plan.source.get("num_rejected", 0):
        rows.append(("inputs rejected", f"{num_rejected:,}"))
    return rows


def _problem(receipts: Receipts, num_done: int, plan: Plan) -> str:
    if receipts.foreign:
        return (
            f"{counted(len(receipts.foreign), 'receipt')} cannot be read or belong to another "
            "plan: run "
            "pairgen verify."
        )
    if num_done < plan.num_shards:
        left = plan.num_shards - num_done
        return f"Not finished: {left:,} of {plan.num_shards:,} shards are missing."
    return ""


def _shown(drawn: Drawn, options: ReportConfig) -> str:
    num, total = len(drawn.places), drawn.num_available
    met = f" that meet {options.where!r}" if options.where else ""
    if not num:
        return "There are no samples yet."
    if num == total:
        return f"All {counted(total, 'sample')}{met}."
    return (
        f"{num:,} of {total:,} samples{met} are shown: one drawn at random from each of {num:,} "
        f"equal parts, with seed {options.seed}."
    )


def _example(names: Sequence[str]) -> str:
    if "guidance_scale" in names:
        return "guidance_scale == 8 and len(prompt) < 60"
    return "sharpness > 300" if "sharpness" in names else "seed == 0"


def _progress(receipts: Receipts) -> list[tuple[str, str]]:
    done = list(receipts.done.values())
    begin = begin_of(done)
    rows = [("worker time", format_seconds(sum(each.seconds for each in done)))]
    if begin is not None:
        end = max(each.ended for each in done if each.ended is not None)
        rows = [
            ("begun", _clock(begin)),
            ("last shard done", _clock(end)),
            ("took", took_text(end - begin, seconds_at_work(done))),
            *rows,
        ]
    devices = sorted({each.device for each in done})
    return [*rows, ("devices", ", ".join(devices))] if devices else rows


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _workers(receipts: Receipts) -> list[list[Mapping[str, Any]]]:
    found = workers(list(receipts.done.values()), time.time())
    if len(found) < 2:
        return []
    return [
        [
            cell(each.name),
            cell(each.device),
            cell(each.num_shards),
            cell(each.rate, f"{each.rate:,.2f}"),
        ]
        for each in found[:MAX_WORKERS]
    ]


def _members(plan: Plan) -> list[list[Mapping[str, Any]]]:
    return [
        [
            cell(name),
            cell(spec.get("dtype", "utf-8")),
            cell(shape_text(spec.get("shape", []))),
            cell(about_member(plan.kind, name)),
        ]
        for name, spec in sorted(plan.members.items())
    ]


def _annotation(layer: Layer) -> tuple[str, str]:
    name = layer.store.url.rpartition("/")[2]
    return name, f"{', '.join(added_by(layer.plan))}; {layer.store.url}"


def _left_out(parent: Layer, layer: Layer, state: str) -> tuple[str, str]:
    """Return why an annotation is not shown, and the command that completes it, if there is one."""
    name = layer.store.url.rpartition("/")[2]
    if state == OF_ANOTHER:
        return f"The annotation {name} belongs to another dataset, and is left out.", ""
    told = f"The annotation {name} is left out, because it is not up to date: {state}."
    command = catch_up_command(parent, layer)
    how = "Complete it:" if command else "Run the command that made it again."
    return f"{told} {how}", command
