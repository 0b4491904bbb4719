// One trace, opened: a dialog with its waterfall. Escape closes it, arrows move between rows.

import { html, useEffect, useMemo, useRef, useState } from '../lib.js';
import { getTrace } from '../api.js';
import { clock, count, duration, percent } from '../format.js';
import { ROW_LIMIT, criticalShares, layout } from '../tree.js';
import { chooseSpan, closeTrace, route } from '../route.js';
import { SpanPanel } from './span.js';

const INDENT_LIMIT = 14; // deeper rows are not indented further

// Opens with the address and closes with it. The browser keeps the focus inside and gives it back.
export function TraceDialog() {
  const dialog = useRef(null);
  const traceId = route.value?.traceId ?? null;
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    if (!traceId) {
      dialog.current.close();
      return undefined;
    }
    if (!dialog.current.open) dialog.current.showModal();
    let wanted = true;
    setLoaded({});
    getTrace(traceId).then((trace) => wanted && setLoaded({ trace }), (error) => wanted && setLoaded({ error }));
    return () => (wanted = false);
  }, [traceId]);
  const { trace, error } = loaded;
  const outside = (event) => event.target === dialog.current && closeTrace();
  return html`<dialog class="trace" ref=${dialog} onClose=${closeTrace} onClick=${outside} aria-label="Trace">
    ${traceId && html`<div class="trace-sheet">
      ${error && html`<${Head} traceId=${traceId} title="This trace cannot be shown" />
        <p class="problem">${error.message}</p>
        ${error.code === 'TRACE_NOT_FOUND' && html`<p class="empty">The store keeps recent traces only; the place of
          this one may have been given to a newer one.</p>`}`}
      ${!error && !trace && html`<${Head} traceId=${traceId} title="Trace" /><p class="empty">Loading…</p>`}
      ${trace && html`<${Waterfall} trace=${trace} />`}
    </div>`}
  </dialog>`;
}

function Head({ title, traceId, children }) {
  return html`<header class="trace-head">
    <div><h2>${title}</h2>
      <p class="facts">${children}<span>Trace <code>${traceId}</code></span></p></div>
    <button type="button" class="button" onClick=${closeTrace}>Close <kbd>Esc</kbd></button>
  </header>`;
}

function Waterfall({ trace }) {
  const model = useMemo(() => layout(trace), [trace]);
  const [onlyCritical, setOnlyCritical] = useState(false);
  const { rows, start, length } = model;
  if (rows.length === 0) {
    return html`<${Head} traceId=${trace.traceId} title="Empty trace" /><p class="empty">No span of this trace is stored.</p>`;
  }
  const chosen = rows.find((row) => row.span.spanId === route.value?.spanId) ?? null;
  const visible = onlyCritical ? rows.filter((row) => row.span.onCriticalPath) : rows;
  const errors = rows.filter((row) => row.span.status === 'error').length;
  const root = rows[0].span;
  return html`
    <${Head} traceId=${trace.traceId} title=${root.name}>
      <span>${[...new Set(rows.map((row) => row.span.service))].join(', ')}</span>
      <span>${clock(start, { millis: true })}</span>
      <span><b>${duration(length)}</b></span>
      <span>${count(rows.length)} ${rows.length === 1 ? 'span' : 'spans'}</span>
      ${errors > 0 && html`<span class="pill bad">${count(errors)} ${errors === 1 ? 'error' : 'errors'}</span>`}
    <//>
    <${Critical} rows=${rows} />
    <div class=${`trace-body ${chosen ? 'with-span' : ''}`}>
      <div class="waterfall" onKeyDown=${moveFocus}>
        <div class="axis">
          <label class="only"><input type="checkbox" checked=${onlyCritical}
            onChange=${(event) => setOnlyCritical(event.currentTarget.checked)} /> critical path only</label>
          <div class="scale" aria-hidden="true">${[0, 0.25, 0.5, 0.75, 1].map((at) => html`<span
            style=${{ left: `${100 * at}%` }}>${duration(at * length)}</span>`)}</div>
        </div>
        <ol class="rows">${visible.slice(0, ROW_LIMIT).map((row) => html`<${Row} key=${row.span.spanId} row=${row}
          model=${model} traceId=${trace.traceId} chosen=${row === chosen} />`)}</ol>
        ${visible.length > ROW_LIMIT && html`<p class="empty">${count(visible.length - ROW_LIMIT)} more spans are
          not drawn. “Critical path only” shows what made the trace long.</p>`}
        <${Legend} />
      </div>
      ${chosen && html`<${SpanPanel} row=${chosen} start=${start} total=${length}
        onClose=${() => chooseSpan(trace.traceId, null)} />`}
    </div>`;
}

function Critical({ rows }) {
  const shares = useMemo(() => criticalShares(rows), [rows]);
  if (shares.length < 2) return null;
  return html`<div class="critical">
    <h3>Where the time went <span class="note">time on the critical path</span></h3>
    <div class="stack" aria-hidden="true">${shares.map((s) => html`<span class=${`hue-${s.hue}`}
      style=${{ width: `${100 * s.share}%` }}></span>`)}</div>
    <ul>${shares.map((s) => html`<li><span class=${`swatch hue-${s.hue}`} aria-hidden="true"></span>
      ${s.name} <b>${duration(s.ms)}</b> <span class="note">${percent(s.share)}</span></li>`)}</ul>
  </div>`;
}

function Row({ row, model, traceId, chosen }) {
  const { span, depth, orphan, hue, selfParts } = row;
  const failed = span.status === 'error';
  const place = (from, to) => ({
    left: `${(100 * (from - model.start)) / model.length}%`,
    width: `${(100 * (to - from)) / model.length}%`,
  });
  const end = span.startMs + span.durationMs;
  // The figure stands right of the bar, or left of it where there is no room.
  const late = (end - model.start) / model.length > 0.86;
  const beside = late
    ? { right: `${100 - (100 * (span.startMs - model.start)) / model.length}%` }
    : { left: `${(100 * (end - model.start)) / model.length}%` };
  const inside = late && (span.startMs - model.start) / model.length < 0.14;
  const classes = ['row', chosen && 'chosen', failed && 'failed', span.onCriticalPath && 'on-path'].filter(Boolean);
  return html`<li><button type="button" class=${classes.join(' ')} aria-pressed=${chosen}
    onClick=${() => chooseSpan(traceId, chosen ? null : span.spanId)}>
    <span class="label" style=${{ paddingLeft: `${Math.min(depth, INDENT_LIMIT) * 14 + 10}px` }}>
      <span class=${`swatch hue-${hue}`} aria-hidden="true"></span>
      ${failed && html`<span class="mark-error" title="error">!</span>`}
      <span class="name">${span.name}</span>
      ${orphan && html`<span class="note" title="Its parent is not in this trace">no parent</span>`}
      <span class="hidden">${failed ? ', error' : ''}${span.onCriticalPath ? ', on the critical path' : ''},</span>
    </span>
    <span class="track">
      <span class=${`bar hue-${hue}`} style=${place(span.startMs, end)}></span>
      ${selfParts.map(([from, to]) => html`<span class=${`self hue-${hue}`} style=${place(from, to)}></span>`)}
      ${span.onCriticalPath && html`<span class="path" style=${place(span.startMs, end)}></span>`}
      ${(span.events ?? []).map((event) => html`<span class="event" style=${place(event.timeMs, event.timeMs)}></span>`)}
      <span class=${`figure ${inside ? 'inside' : late ? 'left' : ''}`} style=${inside ? { right: 0 } : beside}>
        ${duration(span.durationMs)}</span>
    </span>
  </button></li>`;
}

function Legend() {
  return html`<p class="legend">
    <span><span class="key"><span class="self hue-0"></span></span> busy itself</span>
    <span><span class="key"><span class="bar hue-0"></span></span> waiting for children</span>
    <span><span class="key"><span class="path"></span></span> critical path</span>
    <span><span class="key narrow"><span class="event"></span></span> event</span>
    <span><span class="mark-error">!</span> error</span>
  </p>`;
}

function moveFocus(event) {
  const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  const step = steps[event.key];
  if (!step || event.target.type === 'checkbox') return;
  const buttons = [...event.currentTarget.querySelectorAll('.row')];
  const at = buttons.indexOf(event.target.closest('.row'));
  const to = Math.max(0, Math.min(buttons.length - 1, at + step));
  event.preventDefault();
  buttons[to]?.focus();
}
