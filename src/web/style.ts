/** The style sheet of all pages: system fonts, light and dark, for phones and wider screens. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#17222d, #e9eef3);
  --quiet: light-dark(#51606f, #a9b6c4);
  --paper: light-dark(#f1f4f7, #10151b);
  --card: light-dark(#ffffff, #19212a);
  --raised: light-dark(#f7f9fb, #202a35);
  --line: light-dark(#d5dde5, #35424f);
  --edge: light-dark(#74838f, #7f8f9e);
  --accent: light-dark(#0a5a78, #7cc9e6);
  --on-accent: light-dark(#ffffff, #052430);
  --tint: light-dark(#e6f1f6, #16303c);
  --good: light-dark(#12643a, #82dba8);
  --good-tint: light-dark(#e2f4ea, #12301f);
  --bad: light-dark(#a11d2c, #ff9ea8);
  --bad-tint: light-dark(#fdeaec, #3a1519);
  --open: light-dark(#744c00, #f2c76f);
  --open-tint: light-dark(#fff1d0, #362806);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--accent); text-underline-offset: 0.15em; }
h1, h2, h3, p, dl, ul, ol, fieldset { margin: 0; padding: 0; }
h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.01em; }
h2 { font-size: 1.125rem; line-height: 1.3; }
h3 { font-size: 1rem; }
ul, ol.plain { list-style: none; }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: 0.9em; overflow-wrap: anywhere; }
small { font-size: 0.875rem; color: var(--quiet); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: 0.5rem; top: -4rem; padding: 0.5rem 0.75rem; background: var(--card); z-index: 1; }
.skip:focus { top: 0.5rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.banner { padding: 0.5rem 1rem; background: var(--open-tint); color: var(--open); border-bottom: 1px solid currentColor; text-align: center; font-size: 0.9375rem; }
.banner a { color: inherit; }
.quiet { color: var(--quiet); }
.stack > * + * { margin-top: 1rem; }
.card { padding: 1.5rem; border: 1px solid var(--line); border-radius: 0.875rem; background: var(--card); }
.control :is(main, [data-live]) > * + * { margin-top: 1.25rem; }
.tag { display: inline-block; padding: 0 0.4375rem; border: 1px solid var(--line); border-radius: 0.375rem; color: var(--quiet); font-size: 0.8125rem; white-space: nowrap; }
.status { display: inline-block; padding: 0.0625rem 0.5rem; border-radius: 1rem; font-size: 0.875rem; font-weight: 600; white-space: nowrap; }
.good { background: var(--good-tint); color: var(--good); }
.bad { background: var(--bad-tint); color: var(--bad); }
.open { background: var(--open-tint); color: var(--open); }
.notice { padding: 0.75rem 1rem; border-radius: 0.625rem; }
button, .button { display: inline-flex; align-items: center; justify-content: center; min-height: 2.75rem; padding: 0.375rem 1.125rem; border: 1px solid var(--edge); border-radius: 0.625rem; background: var(--card); color: var(--ink); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer; }
button:hover, .button:hover { background: var(--raised); border-color: var(--accent); }
button.primary, .button.primary { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
button.primary:hover, .button.primary:hover { filter: brightness(1.1); }
button.small { min-height: 2.25rem; padding: 0.125rem 0.75rem; font-size: 0.9375rem; }
input:not([type=radio], [type=checkbox]), select { width: 100%; min-height: 2.75rem; padding: 0.25rem 0.75rem; border: 1px solid var(--edge); border-radius: 0.5rem; background: var(--card); color: inherit; font: inherit; }
input[type=radio], input[type=checkbox] { width: 1.25rem; height: 1.25rem; margin: 0; flex: none; accent-color: var(--accent); }
fieldset { border: 0; min-width: 0; }
.actions { display: flex; flex-wrap: wrap; gap: 0.625rem; align-items: center; }

.payer .top { display: flex; justify-content: space-between; gap: 1rem; align-items: center; max-width: 58rem; margin: 0 auto; padding: 1.25rem 1rem 0; }
.brand { display: flex; gap: 0.625rem; align-items: center; font-weight: 700; }
.brand svg { width: 2rem; height: 2rem; flex: none; color: var(--accent); }
.payer main { display: grid; gap: 1.25rem; max-width: 58rem; margin: 0 auto; padding: 1.25rem 1rem 2rem; align-items: start; }
.bill .amount { font-size: 2rem; font-weight: 700; line-height: 1.15; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.375rem 1rem; font-size: 0.9375rem; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.bill .facts { padding-top: 1rem; border-top: 1px solid var(--line); }
legend { padding: 0; margin-bottom: 0.5rem; font-weight: 600; }
legend small { margin-left: 0.5rem; font-weight: 400; }
.choice { display: flex; gap: 0.875rem; align-items: center; padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.625rem; cursor: pointer; }
.choice + .choice { margin-top: 0.5rem; }
.choice:hover { border-color: var(--accent); }
.choice:has(:checked) { border-color: var(--accent); background: var(--tint); box-shadow: inset 0 0 0 1px var(--accent); }
.choice:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px; }
.choice :focus-visible { outline: none; }
.choice span { flex: 1; }
.choice .tag { flex: none; }
.outcomes { display: flex; flex-wrap: wrap; gap: 0.625rem; }
.outcomes button { flex: 1 1 9rem; }
.outcomes .primary { flex-basis: 100%; min-height: 3.25rem; font-size: 1.0625rem; }
.reference { padding: 1rem; border: 2px dashed var(--line); border-radius: 0.625rem; background: var(--raised); text-align: center; }
.reference b { display: block; font: 700 1.5rem/1.4 ui-monospace, SFMono-Regular, Menlo, monospace; letter-spacing: 0.06em; overflow-wrap: anywhere; }
ol.steps { padding-left: 1.375rem; }
ol.steps li + li { margin-top: 0.375rem; }
.payer footer { max-width: 58rem; margin: 0 auto; padding: 0 1rem 2rem; color: var(--quiet); font-size: 0.875rem; }
.ending { display: flex; gap: 1rem; align-items: center; }
.ending svg { width: 3.25rem; height: 3.25rem; padding: 0.75rem; border-radius: 50%; flex: none; }
@media (min-width: 52rem) {
  .payer main { grid-template-columns: minmax(0, 1fr) 20rem; }
  .bill { grid-column: 2; position: sticky; top: 1.25rem; }
  .bill + section { grid-column: 1; grid-row: 1; }
}

.control main { max-width: 66rem; margin: 0 auto; padding: 1.25rem 1rem 3rem; }
.control .top { border-bottom: 1px solid var(--line); background: var(--card); }
.control .top > div { display: flex; flex-wrap: wrap; gap: 0.5rem 2rem; align-items: center; max-width: 66rem; margin: 0 auto; padding: 0.625rem 1rem; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem; }
nav a { display: block; padding: 0.375rem 0.75rem; border-radius: 0.5rem; color: inherit; text-decoration: none; }
nav a:hover { background: var(--raised); }
nav a[aria-current] { background: var(--tint); color: var(--accent); font-weight: 600; }
.head { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; justify-content: space-between; }
.card > h2 { margin-bottom: 0.75rem; }
.rows > li { display: grid; grid-template-columns: minmax(0, 1fr) 10rem 9rem; gap: 0 1rem; align-items: center; padding: 0.625rem 0; border-top: 1px solid var(--line); }
.rows > li:first-child { border-top: 0; padding-top: 0; }
.rows > li:last-child { padding-bottom: 0; }
.rows a { font-weight: 600; overflow-wrap: anywhere; }
.rows small { display: block; }
.rows .status { justify-self: end; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.5rem 1rem 0.5rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { border-top: 0; padding-top: 0; color: var(--quiet); font-size: 0.875rem; font-weight: 600; }
tbody th { overflow-wrap: anywhere; }
td.mono { font-size: 0.875rem; }
tr > :last-child { padding-right: 0; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.fields th { width: 8rem; font-weight: 400; color: var(--quiet); }
.fields th, .fields td { padding-block: 0.25rem; }
.form { display: grid; gap: 0 1rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); align-items: start; }
.form > p:not(.actions, .notice) { display: grid; grid-row: span 3; grid-template-rows: subgrid; padding-bottom: 0.75rem; }
.form .error { color: var(--bad); font-weight: 600; }
.form [aria-invalid] { border-color: var(--bad); }
.form > :is(.actions, .checks, .notice) { grid-column: 1 / -1; }
.form > .notice { margin-bottom: 0.75rem; }
.form label { display: block; font-weight: 600; font-size: 0.9375rem; }
.form label { margin-bottom: 0.25rem; }
.form label small { display: block; font-weight: 400; }
.card > p + form { margin-top: 0.75rem; }
.form .checks { display: grid; gap: 0.75rem 1rem; grid-template-columns: repeat(auto-fit, minmax(14rem, 1fr)); padding-bottom: 0.5rem; }
.form .check { display: flex; gap: 0.75rem; align-items: flex-start; }
.check span { flex: 1; }
.log > li { border: 1px solid var(--line); border-radius: 0.75rem; background: var(--card); }
.log > li + li { margin-top: 0.625rem; }
.log details > summary { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr) auto; gap: 0.125rem 0.875rem; align-items: center; padding: 0.75rem 1rem; cursor: pointer; list-style: none; border-radius: 0.75rem; }
.log summary::-webkit-details-marker { display: none; }
.log summary > .status { justify-self: start; }
.log summary .where { grid-column: 2 / -1; color: var(--quiet); font-size: 0.875rem; overflow-wrap: anywhere; }
.log summary:hover { background: var(--raised); }
.log .inside { padding: 0.25rem 1rem 1rem; }
.log h3 { margin-bottom: 0.25rem; }
pre { margin: 0; padding: 0.75rem; border-radius: 0.5rem; background: var(--raised); white-space: pre-wrap; }
.empty { padding: 2rem 1rem; text-align: center; color: var(--quiet); border: 2px dashed var(--line); border-radius: 0.75rem; }
@media (max-width: 40rem) {
  .card { padding: 1.125rem; }
  nav ul { gap: 0; margin-left: -0.5rem; }
  nav a { padding-inline: 0.5rem; font-size: 0.875rem; }
  legend small { display: block; margin: 0; }
  .rows > li { grid-template-columns: minmax(0, 1fr) auto; }
  .rows li > div { grid-column: 1 / -1; }
  .rows .number { text-align: left; }
  .log details > summary { grid-template-columns: auto minmax(0, 1fr); }
  .log summary > :is(.result, .where) { grid-column: 1 / -1; justify-self: start; }
  .payer .button, .payer .actions button { width: 100%; }
  .outcomes button { flex-basis: 100%; }
}
@media (prefers-reduced-motion: no-preference) { button, .button, .choice { transition: background-color 0.12s, border-color 0.12s; } }
`;
