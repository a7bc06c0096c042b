"""A chart of each contest, ours beside the rival, from the JSON that bench.py writes."""

import json
import os

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plot  # noqa: E402

OURS, RIVAL = "#2563eb", "#9ca3af"


def draw(row, directory):
    figure, axes = plot.subplots(figsize=(6.4, 1.7), layout="constrained")
    bars = axes.barh([row["rival_name"], "libdialogs"], [row["rival"], row["ours"]], color=[RIVAL, OURS], height=0.6)
    axes.bar_label(bars, labels=[f"{value:,.4g}" if value < 100 else f"{value:,.0f}" for value in (row["rival"], row["ours"])],
                   padding=4)
    axes.set_title(f"{row['name']}: {row['ratio']:.2f} x", loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(row["unit"], fontsize=9)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.savefig(os.path.join(directory, row["name"] + ".svg"), metadata={"Date": None})
    plot.close(figure)


def draw_all(results, directory):
    os.makedirs(directory, exist_ok=True)
    plot.rcParams["svg.hashsalt"] = "libdialogs"  # the same file for the same figures
    plot.rcParams["svg.fonttype"] = "none"
    with open(results, encoding="ascii") as file:
        for row in json.load(file):
            draw(row, directory)
