// Health of the tracing itself: what was recorded, and for each destination what became of it.

import { html } from '../lib.js';
import { tick } from '../live.js';
import { count, words } from '../format.js';
import { Card, Empty } from './card.js';

const CHECKS = { pass: { sign: '✓', tone: 'good' }, warn: { sign: '!', tone: 'warn' }, fail: { sign: '✕', tone: 'bad' } };
const STATUSES = { healthy: 'good', degraded: 'warn', unhealthy: 'bad' };

const sum = (byReason) => Object.values(byReason ?? {}).reduce((total, n) => total + (n || 0), 0);

export function Pipeline() {
  const pipeline = tick.value?.pipeline;
  const components = Object.entries(tick.value?.health?.components ?? {});
  const destinations = pipeline?.destinations ?? [];
  return html`<${Card} id="pipeline" title="Pipeline" note="every span is accounted for">
    ${!pipeline && html`<${Empty}>The counts of spans received, delivered, pending and dropped will be here, one line
      for each destination.<//>`}
    ${pipeline && html`<dl class="recorded">
      <div><dt>recorded</dt><dd>${count(pipeline.recorded)}</dd></div>
      <div><dt>still open</dt><dd>${count(pipeline.open)}</dd></div>
      <div class=${sum(pipeline.dropped) ? 'bad-text' : ''}><dt>dropped</dt><dd>${count(sum(pipeline.dropped))}</dd></div>
    </dl>
    <${Reasons} of=${pipeline.dropped} />
    ${destinations.length === 0 && html`<${Empty}>No destination is set up; spans are recorded and let go.<//>`}
    <ul class="destinations">${destinations.map((d) => html`<${Destination} key=${d.name} destination=${d} />`)}</ul>`}
    ${components.length > 0 && html`<h3 class="sub">Health</h3>
      <ul class="components">${components.map(([name, c]) => html`<${Component} key=${name} name=${name} component=${c} />`)}</ul>`}
  <//>`;
}

function Destination({ destination }) {
  const { name, received, delivered, pending, dropped } = destination;
  const lost = sum(dropped);
  const adds = received === delivered + pending + lost;
  const share = (n) => ({ width: `${received > 0 ? (100 * n) / received : 0}%` });
  return html`<li>
    <p class="destination-head"><b>${name}</b> <span class="note">${count(received)} received</span>
      <span class=${`balance ${adds ? '' : 'bad-text'}`}>${adds ? '✓ adds up' : '✕ does not add up'}</span></p>
    <div class="stack" aria-hidden="true">
      <span class="delivered" style=${share(delivered)}></span><span class="pending" style=${share(pending)}></span>
      <span class="dropped" style=${share(lost)}></span>
    </div>
    <p class="ledger"><span><span class="swatch delivered" aria-hidden="true"></span>${count(delivered)} delivered</span>
      <span><span class="swatch pending" aria-hidden="true"></span>${count(pending)} pending</span>
      <span class=${lost ? 'bad-text' : ''}><span class="swatch dropped" aria-hidden="true"></span>${count(lost)} dropped</span></p>
    <${Reasons} of=${dropped} />
  </li>`;
}

function Reasons({ of }) {
  const lost = Object.entries(of ?? {}).filter(([, n]) => n > 0);
  if (lost.length === 0) return null;
  return html`<p class="note">dropped: ${lost.map(([reason, n]) => `${count(n)} ${words(reason)}`).join(', ')}</p>`;
}

function Component({ name, component }) {
  const { status, checks, dropped, lastError } = component;
  return html`<li>
    <p><span class=${`pill ${STATUSES[status] ?? 'info'}`}>${status}</span> <b>${words(name)}</b>
      ${dropped > 0 && html` <span class="note">${count(dropped)} dropped</span>`}</p>
    <ul class="checks">${(checks ?? []).map((check) => {
      const { sign, tone } = CHECKS[check.status] ?? { sign: '?', tone: 'info' };
      return html`<li key=${check.name}><span class=${`${tone}-text`} title=${check.status}>${sign}</span>${' '}
        <span class="hidden">${check.status}: </span>${words(check.name)}${check.message && html` <span class="note">${check.message}</span>`}</li>`;
    })}</ul>
    ${lastError && html`<p class="problem">${lastError}</p>`}
  </li>`;
}
