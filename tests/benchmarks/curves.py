"""Power curves as an SVG for the docs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from effects import Effect

STYLES = ("-o", "--s")


def draw(
    effects: Sequence[Effect], curves: Mapping[str, Mapping[str, Sequence[float]]], n: int, path: Path
) -> None:
    """Draw one panel an effect: the share of windows in which it was found, by its size."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    with mpl.rc_context({"svg.hashsalt": "amends", "font.size": 8}):
        figure, panels = plt.subplots(2, 4, figsize=(12, 5.5), sharey=True, layout="constrained")
        for effect, panel in zip(effects, panels.flat, strict=True):
            for style, (name, shares) in zip(STYLES, curves[effect.name].items(), strict=False):
                panel.plot(range(len(shares)), shares, style, color="black", label=name, markersize=3)
            panel.set_xticks(range(len(effect.sizes)), [f"{size:g}" for size in effect.sizes], rotation=45)
            panel.axvline(list(effect.sizes).index(effect.stated), color="0.7", linewidth=1, zorder=0)
            panel.axhline(0.9, color="0.7", linewidth=1, zorder=0)
            panel.set(title=effect.name, xlabel=effect.unit, ylim=(-0.03, 1.03))
        panels[0, 0].legend(frameon=False)
        figure.supylabel(f"share of {n} windows in which it is found")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None, "Creator": None})
        plt.close(figure)
