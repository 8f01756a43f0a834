"""Every key of a benchmark's file with its meaning, and the file that `dagen benchmark new` writes.

:mod:`dagen.benchmarking.reading` accepts the keys of :data:`FILE` and no others.
"""

from __future__ import annotations

FILE = {
    "title": "title above the tables.",
    "note": "paragraph below the title.",
    "columns": (
        "heads of the columns of the LaTeX tables, in this order, as they stand in the other "
        "tables; all columns without it."
    ),
    "references": (
        "known teachers, as in ``references = ['u2netp']``, which are scored as they come and "
        "stand below the rows."
    ),
    "choose": (
        "the validator that chooses among the values that rows try (``search``), by the runs of "
        "the first seed; ``combined`` without it. It reads no label of the target."
    ),
    "deploy": (
        "smaller files of every cell's network, scored beside it, as a table ``[deploy]``: "
        "``precisions = ['float32', 'int8', 'fp16']`` (float32 and int8 without it), "
        "``prune = [0.6]`` for networks with so much of the MACs, and ``steps``, the training "
        "steps after pruning (a quarter of the run's without it)."
    ),
    "breakdown": (
        "``breakdown = true`` adds tables of what every score is made of: by size of the object, "
        "by scene tag, and which class is mistaken for which."
    ),
    "base": "settings of all cells; each is a setting of a run, or a table of them.",
    "grid": (
        "axes: a list of values for each; every row is run at every point. An axis is a setting "
        "(``lr = [0.001, 0.002]``), or one of a table (``model_options.width = [0.5, 1.0]``, "
        "``advent.weight = [0.001, 0.01]``)."
    ),
    "row": "rows, as ``[[row]]``, at least one: a name, and settings that differ.",
}
"""The keys of a file."""
ROW = {
    "name": "name of the row in the tables; needed, and different for each row.",
    "tgt = 'none'": (
        "the row never sees the target and is scored on it all the same; so are the rows "
        "``source-only`` and ``oracle``."
    ),
    "init = 'row:NAME'": (
        "starts from what that row has learned at the same point, which is run first; a strategy's "
        "parameter such as ``distill.teacher`` may name a row, too."
    ),
    "search.SETTING": (
        "values to try, as in ``search.advent.weight = [0.001, 0.01]``: every combination is run "
        "with the first seed, and the one that ``choose`` picks with the others; it alone stands "
        "in the table. It takes ``candidates = 2`` or more: validators judge no other runs."
    ),
    "an axis": (
        "a value of the axis, or a list of some: the row has cells at these points only, as in "
        "``model = ['enet']``."
    ),
    "any setting": "takes precedence over [base]; a table adds to that of [base].",
}
"""What a row may say."""
BUDGETS = (
    "A budget is ``steps``, ``batch`` and ``size``. Give it in [base]: the tables mark rows whose "
    "budget differs. Only runs that differ in nothing but ``seed`` are averaged, and every axis is "
    "shown."
)
"""How budgets and seeds are set."""

TEMPLATE = '''\
# A benchmark: every [[row]] at every point of [grid] is a run. `dagen list settings` says what each
# key means. Run it with `dagen benchmark {name}`; the same command resumes it, also within a run.
title = "Which strategy adapts the network?"
note = """
A paragraph that stands above the tables."""
# columns = ["waste IoU", "MB", "GMAC"]  # of the LaTeX tables, in this order; all without it
# references = ["u2netp"]     # known teachers, scored as they come, below the rows
# choose = "combined"         # the validator that chooses among the values of `search`

# breakdown = true            # tables by size of the object, by scene and by class

# [deploy]                    # smaller files of every network, scored beside it
# precisions = ["float32", "int8"]
# prune = [0.6]               # share of the MACs that stays

[base]                        # settings of all runs, as in a file for --config
src = "resortit-synth"        # labelled images; `dagen list datasets` names more
tgt = "taco-synth"            # images without labels; their labels are used for scoring only
task = "binary"               # or material, or classes: those of your own data set
size = [128, 128]             # height and width of training images in pixels
steps = 200                   # the budget: optimiser steps,
batch = 4                     # and images of each domain in a step
# model_options.dropout = 0.1 # the network's own keywords; `dagen list models`
# advent.weight = 0.001       # parameters of a strategy, for the rows that have it

[grid]                        # axes; any setting can be one
model = ["enet"]              # ["enet", "icnet", "bisenet"]
seed = [0, 1, 2]              # the only axis that is averaged: mean and 95 % interval
# lr = [0.001, 0.002]         # every other axis has its own lines or tables
# model_options.dropout = [0.0, 0.1]

[[row]]                       # a row of the tables: a name, and settings that differ
name = "source-only"
tgt = "none"                  # never sees the target, and is scored on it all the same

[[row]]
name = "adabn"
method = "adabn"              # `dagen list methods`

[[row]]
name = "source + strong augmentation"
method = "photometric"
tgt = "none"

[[row]]
name = "advent"
method = "advent"
# advent.weight = 0.01        # parameters of this row's strategy
# search.advent.weight = [0.001, 0.01]  # or values to try: `choose` picks; needs candidates = 2

[[row]]
name = "from source-only"
method = "advent"
init = "row:source-only"      # starts from the network of that row, which is run first
seed = [0]                    # only at this point of the axis

[[row]]
name = "oracle"               # the ceilings: the labels of the target alone,
src = "taco-synth"
tgt = "none"

[[row]]
name = "oracle+source"        # and those of both
target_labels = "all"
'''
"""What `dagen benchmark new` writes; ``{name}`` is the name of the file."""
