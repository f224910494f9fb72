"""The page that an Evidently report is shown on: nothing that came from data can run there.

Evidently writes its data into a script, where a value such as ``</script><script>...`` becomes code. Here the
data stand in a JSON block, which browsers never run, without any character that could end it; and the content
security policy names the page's own scripts by their hash, so that nothing else runs even if it got in. No
address outside the page can be loaded.
"""

import base64
import hashlib
import html
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from amends.domain.canonical import strict

LONGEST = 80
SHIELD = str.maketrans({"<": "\u2039", ">": "\u203a", "&": "+", "{": "(", "}": ")"})
"""What chart titles and templates would read as markup becomes a look-alike."""
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
DRAW = """
const report = JSON.parse(document.getElementById("report").textContent);
window.drawDashboard(report.dashboard, new Map(Object.entries(report.graphs)), "root");
"""


def plain(text: object) -> str:
    """Show data as text: no markup, no control or direction characters, of bounded length."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in str(text)[: 4 * LONGEST])
    flat = " ".join(kept.split()).translate(SHIELD) or "(blank)"
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"


def plain_names(names: Sequence[str]) -> dict[str, str]:
    """Map each name to its own plain text; names that would look alike are numbered."""
    shown: dict[str, str] = {}
    for name in names:
        text, number = plain(name), 2
        while text in shown.values():
            text, number = f"{plain(name)} ({number})", number + 1
        shown[name] = text
    return shown


def page(title: str, widgets: Sequence[Any]) -> str:
    """Write Evidently widgets as one self-contained page.

    :param widgets: ``BaseWidgetInfo`` objects; equal widgets give equal pages.
    """
    library, font = _assets()
    data = _embedded(_document(widgets))
    scripts = ("var global = globalThis;", library, DRAW)
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; font-src data:; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    start, middle, end = (f"<script>{script}</script>" for script in scripts)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1.0">
<title>{html.escape(plain(title))}</title>
<style>
@font-face {{ font-family: "Material Icons"; src: url(data:font/ttf;base64,{font}) format("woff2"); }}
.material-icons {{ font-family: "Material Icons"; font-size: 24px; line-height: 1; text-transform: none;
  display: inline-block; white-space: nowrap; direction: ltr; }}
</style>
</head>
<body>
<div id="root"></div>
<script type="application/json" id="report">{data}</script>
{start}
{middle}
{end}
</body>
</html>
"""


@lru_cache(maxsize=1)
def _assets() -> tuple[str, str]:
    """Evidently's drawing library and icon font, as they were installed."""
    from evidently.legacy.utils.dashboard import STATIC_PATH

    static = Path(STATIC_PATH)
    library = (static / "index.js").read_text(encoding="utf-8")
    return library, base64.b64encode((static / "material-ui-icons.woff2").read_bytes()).decode()


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _document(widgets: Sequence[Any]) -> dict[str, Any]:
    graphs: dict[str, Any] = {}
    for widget in widgets:
        for graph in widget.get_additional_graphs():
            graphs[graph.id] = graph.params if type(graph).__name__ == "AdditionalGraphInfo" else graph.dict()
    shown = [widget.dict() for widget in widgets]
    for one in shown:
        one.pop("additionalGraphs", None)
    document = {"dashboard": {"name": "Report", "widgets": shown}, "graphs": graphs}
    numbered = {name: f"w{i}" for i, name in enumerate(dict.fromkeys(_ids(document)))}
    renamed: dict[str, Any] = _renamed(document, numbered)
    return renamed


def _ids(document: Any) -> Iterator[str]:
    """Random ids of the widgets, in order."""
    if isinstance(document, Mapping):
        if isinstance(document.get("id"), str):
            yield document["id"]
        for value in document.values():
            yield from _ids(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _ids(value)


def _renamed(document: Any, names: Mapping[str, str]) -> Any:
    if isinstance(document, Mapping):
        return {_renamed(key, names): _renamed(value, names) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_renamed(value, names) for value in document]
    return names.get(document, document) if isinstance(document, str) else document


def _embedded(document: Any) -> str:
    from evidently.legacy.utils import NumpyEncoder

    exact = strict(json.loads(json.dumps(document, cls=NumpyEncoder)))
    text = json.dumps(exact, allow_nan=False)
    for character, escape in ESCAPES.items():
        text = text.replace(character, escape)
    return text
