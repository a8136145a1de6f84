"""The figures of a period as one page that needs nothing else: HTML, its timeline in SVG."""

import html

from fim.period_text import TITLES, cell, headline
from fim.presence import seconds_of
from fim.report import printable

__all__ = ["as_html"]

WIDTH, LEFT = 1000, 110
LANES = ("sight", "gaps", "comparisons", "changes", "alerts")
HEIGHTS = {"sight": 22, "gaps": 14, "comparisons": 14, "changes": 60, "alerts": 30}
SPACE, AXIS = 10, 22
LABELS = {"sight": "seen", "gaps": "gaps", "comparisons": "compared", "changes": "changes",
          "alerts": "alerts"}
TICKS = 6
NUMBERS = ("hours", "lost", "checked", "changed", "undecided", "new", "removed", "moved",
           "unreadable", "names", "alerts", "held", "changes", "check", "id")

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>%(title)s</title>
<style>
:root { --text: #1c2329; --soft: #5d6a75; --line: #d8dee3; --paper: #fff; --seen: #2f7d5b;
	--unseen: #c0392b; --gap: #d98200; --bar: #3b6ea8; --alert: #a02c74; }
@media (prefers-color-scheme: dark) { :root { --text: #dde3e8; --soft: #94a1ad; --line: #37424c;
	--paper: #171c21; --seen: #4fae83; --unseen: #e0665a; --gap: #e8a33d; --bar: #6b9bd2;
	--alert: #d46cab; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--paper);
	max-width: 1100px; margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 1.5em; margin: 0; } h2 { font-size: 1.1em; margin: 2em 0 .4em; }
.soft { color: var(--soft); } .small { font-size: .85em; margin-top: 0; } .said { list-style: none; padding: 0; }
table { border-collapse: collapse; min-width: 45%%; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); white-space: nowrap; }
th, td { padding: .25em 1.5em .25em 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; min-width: 3em; }
td:last-child, th:last-child { padding-right: 0; } .number { text-align: right; } .wide { overflow-x: auto; }
svg { width: 100%%; height: auto; font-size: 12px; } svg text { fill: var(--soft); }
.seen { fill: var(--seen); } .unseen { fill: var(--unseen); } .gap { fill: var(--gap); }
.bar { fill: var(--bar); } .alert { fill: var(--alert); } .lane { fill: var(--line); opacity: .4; }
</style>
<h1>%(title)s</h1>
<p class="soft">%(time)s</p>
<ul class="said">%(said)s</ul>
%(timeline)s
<p class="soft small">Green is seen, red is not; a mark says more under the pointer.</p>
%(tables)s
</html>
"""


def text(value):
    """Nothing in it is markup, nor a control character."""
    return html.escape(printable(str(value)))


class Timeline:
    """The drawing."""

    def __init__(self, period, utc):
        self.period, self.utc = period, utc
        self.tops, top = {}, 0
        for lane in LANES:
            self.tops[lane] = top
            top += HEIGHTS[lane] + SPACE
        self.height = top + AXIS

    def x(self, at):
        """Where a time is."""
        part = (at - self.period.since) / (self.period.until - self.period.since)
        return LEFT + (WIDTH - LEFT) * min(max(part, 0), 1)

    def stretch(self, lane, kind, since, until, title):
        """A bar over a stretch of time, wide enough to be seen."""
        left = self.x(since)
        return ('<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>'
                % (kind, min(left, WIDTH - 2), self.tops[lane], max(self.x(until) - left, 2),
                   HEIGHTS[lane], text(title)))

    def moment(self, value):
        """In words."""
        return cell("time", value, self.utc)

    def frame(self):
        """Lanes, their names, the axis."""
        for lane in LANES:
            yield ('<rect class="lane" x="%d" y="%d" width="%d" height="%d"/><text x="0" y="%d">%s'
                   '</text>' % (LEFT, self.tops[lane], WIDTH - LEFT, HEIGHTS[lane],
                                self.tops[lane] + HEIGHTS[lane] / 2 + 4, LABELS[lane]))
        for tick in range(TICKS + 1):
            at = self.period.since + (self.period.until - self.period.since) * tick / TICKS
            anchor = "end" if tick == TICKS else "start" if tick == 0 else "middle"
            yield ('<text x="%.1f" y="%d" text-anchor="%s">%s</text>'
                   % (self.x(at), self.height - 4, anchor, self.moment(at)[5:16]))

    def sight(self):
        """Seen, and not."""
        seen, unseen = self.period.presence.periods(self.period.since, self.period.until)
        for since, until in seen:
            yield self.stretch("sight", "seen", since, until, "seen from %s to %s"
                               % (self.moment(since), self.moment(until)))
        for one in unseen:
            yield self.stretch("sight", "unseen", one.since, one.until, "not seen from %s to %s: %s"
                               % (self.moment(one.since), self.moment(one.until), one.reason))

    def marks(self):
        """Gaps and comparisons."""
        for gap in self.period.gaps.values():
            until = seconds_of(gap["until"]) or self.period.until
            yield self.stretch("gaps", "gap", seconds_of(gap["since"]) or until, until,
                               "%s records lost: %s" % (gap["lost"], gap["reason"]))
        for check in self.period.checks.values():
            yield self.stretch("comparisons", "bar", seconds_of(check["started"]),
                               seconds_of(check["ended"]), "check %s: %s names compared"
                               % (check["id"], check["checked"]))

    def course(self, lane, kind):
        """How many, as bars."""
        counts = self.period.course[lane]
        most, width = max(counts), (WIDTH - LEFT) / len(counts)
        bottom = self.tops[lane] + HEIGHTS[lane]
        for number, count in enumerate(counts):
            if count:
                height = max(HEIGHTS[lane] * count / most, 2)
                yield ('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%d %s'
                       '</title></rect>' % (kind, LEFT + number * width, bottom - height,
                                            width - 1, height, count, lane))

    def drawing(self):
        """All of it."""
        parts = list(self.frame()) + list(self.sight()) + list(self.marks())
        parts += list(self.course("changes", "bar")) + list(self.course("alerts", "alert"))
        return ('<div class="wide"><svg viewBox="0 0 %d %d" role="img" aria-label="timeline">%s'
                '</svg></div>' % (WIDTH, self.height, "\n".join(parts)))


def table(name, rows, utc):
    """One, with its title; nothing for none."""
    if not rows:
        return ""
    names = list(rows[0])
    kinds = {key: ' class="number"' if key in NUMBERS else "" for key in names}
    head = "".join("<th%s>%s</th>" % (kinds[key], text(key)) for key in names)
    body = "".join("<tr>%s</tr>\n" % "".join(
        "<td%s>%s</td>" % (kinds[key], text(cell(key, row[key], utc))) for key in names)
                   for row in rows)
    return ('<h2>%s</h2>\n<div class="wide"><table><thead><tr>%s</tr></thead><tbody>\n%s</tbody>'
            '</table></div>\n' % (text(TITLES[name]), head, body))


def as_html(period, top, utc):
    """The page."""
    summary = period.summary()
    return PAGE % {
        "title": text("File integrity of %s" % (summary["host"] or "(no records)")),
        "time": text("%s to %s" % (cell("since", period.since, utc),
                                   cell("until", period.until, utc))),
        "said": "".join("<li>%s</li>" % text(line) for line in headline(summary)),
        "timeline": Timeline(period, utc).drawing(),
        "tables": "".join(table(name, rows, utc) for name, rows in period.tables(top).items())}
