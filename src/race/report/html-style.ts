/** The look of the page that `html-report.ts` writes: follows the reader's choice of light or dark. */
export const HTML_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fdfdfc; --panel: #f4f4f1; --ink: #1d1f21; --faint: #6d7278; --line: #d9dad5;
  --box: #ffffff; --write: #9a5b00; --atomic: #6b3fa0; --lock: #00695c; --read: #1f5fa8;
  --bad: #b3261e; --bad-paper: #fdeceb; --related: #a86400; --related-paper: #fdf3e0;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181a; --panel: #1e2124; --ink: #e4e6e8; --faint: #969ca3; --line: #34383d;
    --box: #23272b; --write: #f0b45c; --atomic: #c5a3f5; --lock: #63cdbd; --read: #82b7f2;
    --bad: #ff8a80; --bad-paper: #3b1f1e; --related: #ffc061; --related-paper: #382c18;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 2rem clamp(1rem, 4vw, 3rem) 4rem; background: var(--paper); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
h1 { margin: 0; font-size: 1.35rem; font-weight: 600; overflow-wrap: anywhere; }
h1 .kind {
  display: inline-block; margin-right: .6rem; padding: 0 .5rem; border-radius: 4px;
  background: var(--bad); color: var(--paper);
}
h2 { margin: 2rem 0 .4rem; font-size: 1rem; font-weight: 600; }
p { margin: .5rem 0 1.5rem; color: var(--faint); }
pre, code, .op, .call, .place, .step { font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; }
pre {
  margin: 0; padding: .7rem 1rem; overflow-x: auto; background: var(--panel); border-radius: 6px;
  font-size: 13px; line-height: 1.5;
}
.trace { display: grid; min-width: 100%; padding-bottom: .5rem; font-size: 13px; }
.scroll { overflow: auto; max-height: 85vh; border: 1px solid var(--line); border-radius: 8px; }
.head { position: sticky; top: 0; z-index: 1; padding: .5rem .75rem; font-weight: 600; background: var(--panel); border-bottom: 1px solid var(--line); }
.lane { border-left: 1px solid var(--line); pointer-events: none; }
.step { padding: 3px .6rem; text-align: right; color: var(--faint); }
.place { padding: 3px .75rem; color: var(--faint); overflow-wrap: anywhere; }
.op, .call, .fold, .verdict { margin: 1px .5rem; padding: 2px .4rem; border-radius: 4px; overflow-wrap: anywhere; }
.op { cursor: default; background: var(--box); border: 1px solid var(--line); border-left: 3px solid var(--faint); }
.op.read { border-left-color: var(--read); }
.op.write { border-left-color: var(--write); }
.op.atomic { border-left-color: var(--atomic); }
.op.lock { border-left-color: var(--lock); }
.op.related { background: var(--related-paper); border-color: var(--related); }
.op.failure { background: var(--bad-paper); border-color: var(--bad); box-shadow: 0 0 0 1px var(--bad); }
.op:hover, .op:focus { outline: 2px solid var(--read); outline-offset: 1px; }
.call { color: var(--faint); }
.fold { color: var(--faint); font-style: italic; }
.verdict { color: var(--bad); font-weight: 600; }
.across { text-align: center; }
.switch { height: 15px; }
.switch span { position: relative; display: block; left: 1rem; height: 15px; }
.switch i { position: absolute; left: 0; right: 0; top: 7px; border-top: 1.5px dashed var(--faint); }
.switch b { position: absolute; top: 3.5px; width: 0; height: 0; border: 4px solid transparent; }
.switch u { position: absolute; top: 0; height: 8px; border-left: 1.5px dashed var(--faint); }
.switch.right b { right: -4px; border-left: 7px solid var(--faint); border-right: 0; }
.switch.left b { left: -4px; border-right: 7px solid var(--faint); border-left: 0; }
.switch.right u { left: 0; }
.switch.left u { right: 0; }
.tip {
  display: none; position: fixed; right: 1.5rem; bottom: 1.5rem; z-index: 3; max-width: min(48rem, 90vw);
  padding: .7rem 1rem; background: var(--paper); color: var(--ink); border: 1px solid var(--faint);
  border-radius: 6px; box-shadow: 0 4px 18px rgb(0 0 0 / .3); white-space: pre-wrap; pointer-events: none;
}
.late .tip { right: auto; left: 1.5rem; }
.op:hover .tip, .op:focus .tip { display: block; }
.tip em { color: var(--faint); font-style: normal; }
`;
