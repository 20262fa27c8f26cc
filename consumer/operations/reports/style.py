"""How a page looks. Colours are told apart with the common colour blindnesses, on light and on dark."""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f6f6f4; --card: #fff; --edge: #e3e2de; --ink: #16161a; --muted: #65645f; --grid: #e8e7e3;
  --bar: #cfe0f7; --failure: #d03b3b; --rest: #a3a19a;
  --s0: #2a78d6; --s1: #1baf7a; --s2: #eda100; --s3: #4a3aa7; --s4: #12a0b8; --s5: #e34948;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121214; --card: #1c1c1f; --edge: #313136; --ink: #f1f1ef; --muted: #a5a49d; --grid: #2d2d31;
    --bar: #26405f; --failure: #e0524f; --rest: #77766f;
    --s0: #3987e5; --s1: #199e70; --s2: #c98500; --s3: #9085e9; --s4: #2aa7bb; --s5: #e66767;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 1240px; padding: 32px 24px 48px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans CJK KR", "Noto Sans KR", sans-serif;
}
h1 { margin: 0; font-size: 26px; line-height: 1.25; }
h2 { margin: 0 0 12px; font-size: 16px; }
p { margin: 4px 0; }
.about, .note, .empty { color: var(--muted); }
.note { font-size: 13px; margin-top: 10px; }
.warning { border-left: 4px solid var(--failure); padding-left: 10px; font-weight: 600; }
.empty { padding: 24px 0; }
.tiles, .charts { display: grid; gap: 16px; margin: 20px 0; }
.tiles { grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 520px), 1fr)); }
.tile, section { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 16px 18px; }
section { overflow-x: auto; min-width: 0; }
.tile .name, .tile .more { color: var(--muted); font-size: 13px; }
.tile .value { font-size: 25px; font-weight: 600; line-height: 1.4; overflow-wrap: anywhere; }
.stack > section { margin: 16px 0; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.grid { stroke: var(--grid); } .base { stroke: var(--muted); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.part { opacity: .5; }
.tip { fill: transparent; } .tip:hover { fill: var(--ink); fill-opacity: .07; }
rect.s0, circle.s0 { fill: var(--s0); } .line.s0 { stroke: var(--s0); } .key.s0 { background: var(--s0); }
rect.s1, circle.s1 { fill: var(--s1); } .line.s1 { stroke: var(--s1); } .key.s1 { background: var(--s1); }
rect.s2, circle.s2 { fill: var(--s2); } .line.s2 { stroke: var(--s2); } .key.s2 { background: var(--s2); }
rect.s3, circle.s3 { fill: var(--s3); } .line.s3 { stroke: var(--s3); } .key.s3 { background: var(--s3); }
rect.s4, circle.s4 { fill: var(--s4); } .line.s4 { stroke: var(--s4); } .key.s4 { background: var(--s4); }
rect.s5, circle.s5 { fill: var(--s5); } .line.s5 { stroke: var(--s5); } .key.s5 { background: var(--s5); }
rect.rest { fill: var(--rest); } .key.rest { background: var(--rest); }
rect.failure { fill: var(--failure); } .key.failure { background: var(--failure); }
.interval line { stroke: var(--rest); } .interval circle { fill: var(--rest); }
.interval .wide { stroke-width: 2; } .interval .narrow { stroke-width: 7; stroke-opacity: .45; }
.interval.shown line { stroke: var(--s0); } .interval.shown circle { fill: var(--s0); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0 0; padding: 0; list-style: none; }
.legend li { font-size: 13px; overflow-wrap: anywhere; }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 3px; margin-right: 6px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { color: var(--muted); font-size: 13px; font-weight: 500; text-align: right; white-space: nowrap; }
th, td { padding: 6px 10px; border-bottom: 1px solid var(--grid); text-align: right; }
tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; min-width: 130px; }
td.bar { min-width: 150px; background: linear-gradient(var(--bar), var(--bar)) left / var(--share) 70% no-repeat; }
.failures td.bar { --bar: color-mix(in srgb, var(--failure) 35%, transparent); }
/* On a telephone charts and tables scroll within their section: labels stay legible, and no column is cut off. */
@media (max-width: 640px) {
  body { padding: 20px 12px 32px; }
  .tiles { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); }
  .tile, section { padding: 12px; }
  svg { width: 620px; }
  th:first-child, td:first-child { position: sticky; left: 0; background: var(--card); max-width: 45vw; }
}
@media print { body { background: none; } .tile, section { break-inside: avoid; } }
"""
