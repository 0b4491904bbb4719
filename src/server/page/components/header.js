// Name, service, connection and health; below it the numbers of the moment.

import { html } from '../lib.js';
import { alerts, anomalies, connection, tick, ticks } from '../live.js';
import { clock, count, duration, number, percent } from '../format.js';
import { isOpen } from './anomalies.js';

const STATES = { connecting: 'connecting', live: 'live', lost: 'connection lost' };
const HEALTH = { healthy: 'good', degraded: 'warn', unhealthy: 'bad' };

function Mark() {
  return html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
    <rect width="32" height="32" rx="7" class="mark-ground" />
    <rect x="6" y="8" width="20" height="4" rx="2" class="mark-bar" />
    <rect x="10" y="14" width="11" height="4" rx="2" class="mark-bar pale" />
    <rect x="15" y="20" width="9" height="4" rx="2" class="mark-spot" />
  </svg>`;
}

export function Header() {
  const { state } = connection.value;
  const latest = tick.value;
  const health = latest?.health;
  return html`<header class="top">
    <${Mark} />
    <h1>MPLP Trace</h1>
    ${latest && html`<span class="service">${latest.service}</span>`}
    <span class="grow"></span>
    ${health && html`<span class=${`pill ${HEALTH[health.overall] ?? 'info'}`} title="Health of the tracing itself">
      ${health.overall} · ${number(health.score)}</span>`}
    <span class=${`live ${state}`} role="status">
      <span class="dot" aria-hidden="true"></span>${STATES[state]}</span>
    <time class="clock">${latest ? clock(latest.time) : ''}</time>
  </header>`;
}

// Sums over the last `seconds` of history, up to the latest tick.
function recent(seconds) {
  const all = ticks.value;
  const since = (all.at(-1)?.time ?? 0) - seconds * 1000;
  const sum = { count: 0, errors: 0, seconds: 0 };
  for (const { time, requests } of all) {
    if (time <= since) continue;
    sum.count += requests?.count ?? 0;
    sum.errors += requests?.errors ?? 0;
    sum.seconds += 1;
  }
  return sum;
}

// The latest second in which requests ended has a latency; older than a minute it says nothing about now.
function latestP95() {
  const all = ticks.value;
  const since = (all.at(-1)?.time ?? 0) - 60000;
  const found = all.findLast((t) => typeof t.requests?.p95Ms === 'number');
  return found && found.time > since ? found.requests.p95Ms : null;
}

function Tile({ label, value, hint, tone }) {
  return html`<div class=${`tile ${tone ?? ''}`}>
    <dt>${label}</dt><dd>${value}</dd><dd class="hint">${hint}</dd>
  </div>`;
}

export function Tiles() {
  const latest = tick.value;
  const known = connection.value.state !== 'connecting';
  const last10 = recent(10);
  const last60 = recent(60);
  const errorShare = last60.count > 0 ? last60.errors / last60.count : null;
  const open = anomalies.value.filter(isOpen).length;
  const firing = alerts.value.filter((record) => record.alert.status === 'firing').length;
  return html`<dl class="tiles" aria-label="At this moment">
    <${Tile} label="Requests" value=${last10.seconds ? `${number(last10.count / last10.seconds)}/s` : '–'}
      hint="mean of the last 10 s" />
    <${Tile} label="Errors" value=${percent(errorShare)} tone=${last60.errors > 0 ? 'bad' : ''}
      hint=${`${count(last60.errors)} of ${count(last60.count)} in 60 s`} />
    <${Tile} label="Latency p95" value=${duration(latestP95())} hint="latest second" />
    <${Tile} label="Spans recorded" value=${latest ? count(latest.pipeline?.recorded) : '–'}
      hint=${latest?.spanRate == null ? 'since the start' : `${count(latest.spanRate)}/s now`} />
    <${Tile} label="Anomalies open" value=${known ? count(open) : '–'} tone=${open ? 'warn' : ''}
      hint=${open ? 'see the reason below' : 'behaviour as expected'} />
    <${Tile} label="Alerts firing" value=${known ? count(firing) : '–'} tone=${firing ? 'bad' : ''}
      hint=${firing ? 'see the delivery below' : 'none'} />
  </dl>`;
}
