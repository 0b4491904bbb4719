// One span in words: times, status, attributes, events.

import { html, useEffect, useRef } from '../lib.js';
import { clock, duration, percent } from '../format.js';

export function SpanPanel({ row, start, total, onClose }) {
  const { span } = row;
  const panel = useRef(null);
  useEffect(() => {
    panel.current.scrollTop = 0;
    // On a narrow screen the panel is below the rows.
    if (matchMedia('(max-width: 900px)').matches) panel.current.scrollIntoView({ block: 'nearest' });
  }, [span.spanId]);
  return html`<aside class="span-panel" ref=${panel} aria-label=${`Span ${span.name}`}>
    <header><h3><span class=${`swatch hue-${row.hue}`} aria-hidden="true"></span>${span.name}</h3>
      <button type="button" class="button small" onClick=${onClose} aria-label="Close span">✕</button></header>
    ${span.status === 'error' && html`<p class="problem">${span.statusMessage || 'Ended with an error; no message was given.'}</p>`}
    <${Pairs} of=${[
      ['Starts at', `+${duration(span.startMs - start)}`],
      ['Duration', `${duration(span.durationMs)} (${percent(span.durationMs / total)} of the trace)`],
      ['Self time', `${duration(span.selfTimeMs)}${span.onCriticalPath ? ', on the critical path' : ''}`],
      ['Status', span.status],
      ['Kind', span.kind],
      ['Service', span.service],
      ['Scope', span.scope],
      ['Began', clock(span.startMs, { millis: true })],
      ['Span id', span.spanId],
    ]} />
    <h4>Attributes</h4>
    <${Attributes} of=${span.attributes} none="This span has no attributes." />
    <h4>Events</h4>
    ${(span.events ?? []).length === 0
      ? html`<p class="empty">No events were recorded in this span.</p>`
      : html`<ol class="events">${span.events.map((event) => html`<li>
          <p><span class="note">+${duration(event.timeMs - span.startMs)}</span> <b>${event.name}</b></p>
          <${Attributes} of=${event.attributes} />
        </li>`)}</ol>`}
  </aside>`;
}

function Attributes({ of, none }) {
  const entries = Object.entries(of ?? {}).map(([key, value]) => [key, asText(value)]);
  if (entries.length === 0) return none ? html`<p class="empty">${none}</p>` : null;
  return html`<${Pairs} of=${entries} code />`;
}

function Pairs({ of, code }) {
  const shown = of.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return html`<dl class=${`pairs ${code ? 'code' : ''}`}>${shown.map(([key, value]) => html`<div>
    <dt>${key}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function asText(value) {
  return typeof value === 'string' ? value || '""' : JSON.stringify(value);
}
