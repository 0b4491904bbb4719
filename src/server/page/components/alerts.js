// Alerts, and what became of each on every channel.

import { html } from '../lib.js';
import { alerts, tick } from '../live.js';
import { ago, clock, count, words } from '../format.js';
import { openTrace } from '../route.js';
import { Card, Empty, Severity } from './card.js';
import { knowsAnomaly, showAnomaly } from './anomalies.js';

const SHOWN = 6;
const OUTCOMES = {
  delivered: { sign: '✓', tone: 'good' },
  pending: { sign: '…', tone: 'info' },
  failed: { sign: '✕', tone: 'bad' },
  suppressed: { sign: '–', tone: 'info' },
};

export function Alerts() {
  const all = alerts.value;
  const isFiring = (record) => record.alert.status === 'firing';
  const ordered = [...all.filter(isFiring), ...all.filter((record) => !isFiring(record))];
  const firing = all.filter(isFiring).length;
  return html`<${Card} id="alerts" title="Alerts" note=${all.length ? `${firing} firing, ${all.length - firing} resolved` : null}>
    ${all.length === 0 && html`<${Empty}>No alert so far. When one is raised, it will be here with every channel it was
      sent to and whether it arrived.<//>`}
    <ol class="items">${ordered.slice(0, SHOWN).map((r) => html`<${Item} key=${r.alert.id} record=${r} />`)}</ol>
    ${ordered.length > SHOWN && html`<p class="more">and ${ordered.length - SHOWN} earlier</p>`}
  <//>`;
}

function Item({ record }) {
  const { alert, state, occurrences, deliveries } = record;
  const labels = Object.entries(alert.labels ?? {});
  const when = record.lastRaisedAt ?? alert.raisedAt;
  return html`<li class=${`item ${alert.status}`}>
    <p class="item-head">
      <${Severity} level=${alert.severity} />
      <span class=${`state ${alert.status}`}>${alert.status}</span>
      ${state && state !== 'active' && state !== alert.status && html`<span class="state">${state}</span>`}
      <time class="note" title=${clock(when)}>${ago(when, tick.value?.time)}</time>
      ${occurrences > 1 && html`<span class="note">× ${count(occurrences)}</span>`}
      <span class="actions">
        ${alert.anomaly && knowsAnomaly(alert.anomaly) && html`<button type="button" class="button small"
          title="Show the anomaly behind this alert" onClick=${() => showAnomaly(alert.anomaly)}>Why</button>`}
        ${alert.trace?.traceId && html`<button type="button" class="button small"
          title="Open the trace of this alert" onClick=${() => openTrace(alert.trace.traceId)}>Trace</button>`}
      </span>
    </p>
    <p class="message">${alert.message}</p>
    ${alert.error && html`<p class="problem">${alert.error}</p>`}
    <p class="note">${[words(alert.type), alert.workflowId && `workflow ${alert.workflowId}`,
      ...labels.map(([key, value]) => `${key}=${value}`)].filter(Boolean).join(' · ')}</p>
    <ul class="deliveries" aria-label="Delivery">
      ${(deliveries ?? []).length === 0 && html`<li class="note">not sent to any channel yet</li>`}
      ${(deliveries ?? []).map((d) => html`<${Delivery} key=${d.channel} delivery=${d} />`)}
    </ul>
  </li>`;
}

function Delivery({ delivery }) {
  const { channel, outcome, at, attempts, error, last_error: lastError, reason } = delivery;
  const { sign, tone } = OUTCOMES[outcome] ?? { sign: '?', tone: 'info' };
  const told = [
    at && clock(at),
    attempts > 1 && `${attempts} attempts`,
    error ?? lastError ?? reason,
  ].filter(Boolean).join(', ');
  return html`<li><span class=${`delivery ${tone}`}><span aria-hidden="true">${sign}</span> <b>${channel}</b> ${outcome}</span>
    ${told && html`${' '}<span class="note">${told}</span>`}</li>`;
}
