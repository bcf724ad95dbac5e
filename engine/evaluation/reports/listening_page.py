"""The listening page on disk: one HTML file, and a folder of sounds and pictures beside it.

It needs no script from elsewhere and no server; without any script a picture is a link to its
sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import soundfile

from engine.api import EngineError
from engine.clip import Clip
from engine.evaluation.reports.pictures import spectrogram_png
from engine.evaluation.runs.listening import Chapter, ListeningRow, Tile

PAGE, FOLDER = "index.html", "sounds"
PICTURE_COLUMNS = 240
OPUS_RATE_HZ, COMPRESSION = 48_000, 0.9
"""About 70 kbit/s: as good as the model's own codec, and the page stays small."""

STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf8; --ink: #1d1b22; --soft: #6d6876;
  --line: #e2dfe6; --accent: #b8562f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14131a; --ink: #eceaf0; --soft: #9a95a5;
  --line: #2c2a35; --accent: #f0a35e; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .6rem; }
h2 { font-size: 1.25rem; margin: 3.2rem 0 .3rem; }
h3 { font-size: 1rem; margin: 0; overflow-wrap: anywhere; }
p { max-width: 46rem; margin: .35rem 0; }
.quiet, .facts { color: var(--soft); }
.facts { font-size: 13px; font-variant-numeric: tabular-nums; margin: 0 0 .55rem; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1rem 0 0; }
article { border-top: 1px solid var(--line); padding: 1rem 0 1.2rem; }
.tiles { display: grid; gap: .9rem .7rem; grid-template-columns: repeat(var(--count), 1fr); }
figure { margin: 0; min-width: 0; }
@media (max-width: 48rem) { .tiles { grid-template-columns: repeat(2, 1fr); }
  .odd .real { grid-column: 1 / -1; } }
figcaption { font-size: 13px; line-height: 1.3; margin-top: .35rem; overflow-wrap: anywhere; }
figcaption span { color: var(--soft); white-space: nowrap; }
.play { position: relative; display: block; border-radius: 6px; overflow: hidden;
  background: #0d0c18; outline-offset: 2px; }
.play img { display: block; width: 100%; height: 104px; image-rendering: auto; }
.play::before { content: ""; position: absolute; left: 8px; bottom: 8px; border-style: solid;
  border-width: 6px 0 6px 10px; border-color: transparent transparent transparent #fffc;
  filter: drop-shadow(0 0 2px #000); }
.play.on::before { border-width: 0 3px; border-color: #fffc; width: 10px; height: 12px; }
.play i { position: absolute; top: 0; bottom: 0; left: 0; width: 2px; margin-left: -1px;
  background: #fff; box-shadow: 0 0 4px #000; display: none; }
.play.on i { display: block; }
.play:focus-visible { outline: 2px solid var(--accent); }
.real .play { box-shadow: 0 0 0 2px var(--accent); }
"""

SCRIPT = """
const audio = new Audio();
let on = null;
function stop() {
  audio.pause();
  if (on) { on.classList.remove("on"); on.setAttribute("aria-pressed", "false"); }
  on = null;
}
function follow() {
  if (!on) return;
  const share = audio.currentTime / Number(on.dataset.seconds);
  on.querySelector("i").style.left = Math.min(100, 100 * share) + "%";
  requestAnimationFrame(follow);
}
audio.addEventListener("ended", stop);
for (const link of document.querySelectorAll(".play")) {
  link.setAttribute("role", "button");
  link.setAttribute("aria-pressed", "false");
  const toggle = (event) => {
    event.preventDefault();
    const again = on === link;
    stop();
    if (again) return;
    on = link;
    audio.src = link.href;
    audio.play().then(() => {
      link.classList.add("on");
      link.setAttribute("aria-pressed", "true");
      follow();
    }, () => { if (on === link) { on = null; location.href = link.href; } });
  };
  link.addEventListener("click", toggle);
  link.addEventListener("keydown", (event) => { if (event.key === " ") toggle(event); });
}
"""


@dataclass(frozen=True, slots=True)
class PageInfo:
    """What the page says of itself: the date, the machine, and the command that made it."""

    made: str
    place: str
    command: str


def write_listening(chapters: Sequence[Chapter], about: PageInfo, folder: Path) -> Path:
    """Write the page, its sounds and its pictures; raises EngineError where it cannot be done."""
    try:
        _remove_earlier(folder)
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        parts = [
            _section(number, chapter, folder) for number, chapter in enumerate(chapters, start=1)
        ]
        (folder / PAGE).write_text(_page(chapters, about, parts), encoding="utf-8")
    except (OSError, soundfile.LibsndfileError) as error:
        raise EngineError(
            f"The page could not be written to {folder} ({error}): name another one with --out."
        ) from error
    return folder / PAGE


def _remove_earlier(folder: Path) -> None:
    """Remove what the page that lies there plays and shows, and nothing else."""
    page = folder / PAGE
    if page.is_file():
        named = re.findall(rf'(?:href|src)="({FOLDER}/[\w-]+\.(?:opus|png))"', page.read_text())
        for name in set(named):
            (folder / name).unlink(missing_ok=True)


def _page(chapters: Sequence[Chapter], about: PageInfo, parts: Sequence[str]) -> str:
    links = "".join(
        f'<a href="#chapter-{number}">{escape(chapter.title)}</a>'
        for number, chapter in enumerate(chapters, start=1)
    )
    has_references = any(
        tile.is_reference for chapter in chapters for row in chapter.rows for tile in row.tiles
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pingpad: sounds to listen to</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Pingpad: sounds to listen to</h1>
<p>{LEGEND}{REFERENCES if has_references else ""}</p>
<p class="quiet">Nothing was picked by ear. Any sound comes again with
<code>python main.py generate "PROMPT" --seconds S --seed N --steps K</code> and, for a recording,
<code>--init FILE --strength X</code>. Made {escape(about.made)} on {escape(about.place)} by
<code>{escape(about.command)}</code>.</p>
<nav>{links}</nav>
{"".join(parts)}</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


LEGEND = (
    "Click a picture to hear it, click it again to stop. A picture is a spectrogram: as wide as "
    "the asked length, low notes at the bottom, 80 dB from black to white."
)
REFERENCES = " What has a apply_colour_map frame is what the others are compared with."


def _section(number: int, chapter: Chapter, folder: Path) -> str:
    rows = "".join(
        _article(f"{number}-{place:02}", row, folder)
        for place, row in enumerate(chapter.rows, start=1)
    )
    return (
        f'<section id="chapter-{number}">\n<h2>{escape(chapter.title)}</h2>\n'
        f'<p class="quiet">{escape(chapter.text)}</p>\n{rows}</section>\n'
    )


def _article(name: str, row: ListeningRow, folder: Path) -> str:
    figures = "".join(
        _figure(f"{name}-{place}", tile, row, folder) for place, tile in enumerate(row.tiles, 1)
    )
    count = len(row.tiles)
    return (
        f'<article>\n<h3>{escape(row.prompt)}</h3>\n<p class="facts">{escape(row.facts)}</p>\n'
        f'<div class="tiles{" odd" if count % 2 else ""}" style="--count: {count}">\n{figures}'
        "</div>\n</article>\n"
    )


def _figure(name: str, tile: Tile, row: ListeningRow, folder: Path) -> str:
    sound, picture = f"{FOLDER}/{name}.opus", f"{FOLDER}/{name}.png"
    _write_opus(folder / sound, tile.clip)
    (folder / picture).write_bytes(spectrogram_png(tile.clip, PICTURE_COLUMNS, row.seconds))
    label = escape(f"{row.prompt}: {tile.label}", quote=True)
    facts = f" <span>{escape(tile.facts)}</span>" if tile.facts else ""
    kind = ' class="real"' if tile.is_reference else ""
    return (
        f'<figure{kind}><a class="play" href="{sound}" data-seconds="{row.seconds:.3f}" '
        f'aria-label="Play {label}"><img src="{picture}" alt="" loading="lazy"><i></i></a>'
        f"<figcaption>{escape(tile.label)}{facts}</figcaption></figure>\n"
    )


def _write_opus(path: Path, clip: Clip) -> None:
    """Write Ogg Opus, which knows no other rate than 48 kHz for full bandwidth."""
    samples = clip.at_rate(OPUS_RATE_HZ).samples.clip(-1, 1)
    soundfile.write(
        path, samples, OPUS_RATE_HZ, format="OGG", subtype="OPUS", compression_level=COMPRESSION
    )
