// Anomalies with their reasons: what was expected, what was seen, and a trace that shows it.

import { html } from '../lib.js';
import { anomalies, tick } from '../live.js';
import { ago, clock, measured, measureName, number, percent, toMs, words } from '../format.js';
import { openTrace } from '../route.js';
import { Card, Empty, Severity } from './card.js';

const SHOWN = 6;
const MEASURES = 3; // affected values shown for one anomaly

export function isOpen(anomaly) {
  return anomaly.state?.status !== 'resolved';
}

export function Anomalies() {
  const all = anomalies.value;
  const open = all.filter(isOpen);
  const ordered = [...open, ...all.filter((a) => !isOpen(a))];
  const note = all.length === 0 ? null : `${open.length} open, ${all.length - open.length} resolved`;
  return html`<${Card} id="anomalies" title="Anomalies" note=${note}>
    ${all.length === 0 && html`<${Empty}>Nothing unusual so far. When an operation leaves its own normal range, it will
      be named here with what was expected, what was seen, and a trace to look at.<//>`}
    <ol class="items">${ordered.slice(0, SHOWN).map((a) => html`<${Item} key=${a.id} anomaly=${a} />`)}</ol>
    ${ordered.length > SHOWN && html`<p class="more">and ${ordered.length - SHOWN} earlier</p>`}
  <//>`;
}

function Item({ anomaly }) {
  const status = anomaly.state?.status ?? 'open';
  const affected = [...(anomaly.affected ?? [])].sort((a, b) => (b.contribution ?? 0) - (a.contribution ?? 0));
  return html`<li id=${`anomaly-${anomaly.id}`} class=${`item ${status}`} tabindex="-1">
    <p class="item-head">
      <${Severity} level=${anomaly.severity} />
      <span class=${`state ${status}`}>${status}</span>
      <time class="note" title=${clock(anomaly.detectedAt)}>${ago(anomaly.detectedAt, tick.value?.time)}</time>
      <span class="actions">${anomaly.exemplar?.traceId && html`<button type="button" class="button small"
        title="Open a trace that shows this anomaly"
        onClick=${() => openTrace(anomaly.exemplar.traceId, anomaly.exemplar.spanId)}>Trace</button>`}</span>
    </p>
    <h3>${anomaly.series}</h3>
    <p class="reason">${anomaly.reason}</p>
    ${affected.slice(0, MEASURES).map((m) => html`<${Measure} key=${m.name} measure=${m} />`)}
    <p class="note">${[
      words(anomaly.kind),
      `${percent(anomaly.confidence)} confident`,
      words(anomaly.detector),
      `${clock(anomaly.window?.[0])} to ${clock(anomaly.window?.[1])}`,
      status === 'resolved' && anomaly.state?.at && `resolved ${clock(anomaly.state.at)}`,
    ].filter(Boolean).join(' · ')}</p>
  </li>`;
}

// The expected band and the observed value on one scale that begins at zero.
function Measure({ measure }) {
  const { name, expected, band, observed, deviationPercent } = measure;
  const [low, high] = band ?? [expected, expected];
  const most = Math.max(low, high, observed, expected, 1e-9) * 1.08;
  const at = (value) => `${Math.max(0, Math.min(100, (100 * value) / most))}%`;
  const sign = deviationPercent > 0 ? '+' : '−';
  const deviation = Number.isFinite(deviationPercent)
    ? `, ${sign}${number(Math.round(Math.abs(deviationPercent)))}\u00a0%` : '';
  return html`<div class="measure">
    <p><span>${measureName(name)}</span> <b>${measured(name, observed)}</b>${' '}
      <span class="note">expected ${measured(name, low)} to ${measured(name, high)}${deviation}</span></p>
    <div class="range" aria-hidden="true">
      <span class="band" style=${{ left: at(low), width: `calc(${at(high)} - ${at(low)})` }}></span>
      <span class="seen" style=${{ left: at(observed) }}></span>
    </div>
  </div>`;
}

// Brings an anomaly into view and gives it the focus; true if it is on the page.
export function showAnomaly(id) {
  const item = document.getElementById(`anomaly-${id}`);
  item?.scrollIntoView({ block: 'center' });
  item?.focus({ preventScroll: true });
  return Boolean(item);
}

export function knowsAnomaly(id) {
  return anomalies.value.some((a) => a.id === id && toMs(a.detectedAt) !== null);
}
