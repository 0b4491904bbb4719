// Where the time of the last minute went: operations by total self time, as a table with bars.

import { html } from '../lib.js';
import { tick } from '../live.js';
import { count, duration, percent } from '../format.js';
import { Card, Empty } from './card.js';

const SHOWN = 10;

const service = (op) => op.series.split('/', 1)[0];

export function Operations() {
  const all = tick.value?.operations ?? [];
  // The server sorts by total self time; the bar shows its estimate from the median.
  const total = (op) => (op.selfP50Ms ?? 0) * (op.count ?? 0);
  const most = Math.max(...all.map(total), 1e-9);
  const operation = (op) => op.series.slice(service(op).length).replace(/^\//, '') || op.series;
  const several = new Set(all.map(service)).size > 1; // one service alone need not be repeated in every row
  return html`<${Card} id="operations" title="Slowest operations" note="by self time, last 60 s">
    ${all.length === 0
      ? html`<${Empty}>No operation ended in the last minute. Each operation that does will be listed here by the
          time it spent itself, without its children.<//>`
      : html`<div class="scroll"><table class="operations">
          <thead><tr><th scope="col">Operation</th><th scope="col">Self time</th><th scope="col" class="num">self p50</th>
            <th scope="col" class="num">p50</th><th scope="col" class="num">p95</th><th scope="col" class="num">calls</th>
            <th scope="col" class="num">errors</th></tr></thead>
          <tbody>${all.slice(0, SHOWN).map((op) => html`<tr key=${`${op.series} ${op.kind}`}>
            <th scope="row"><span class="name">${several ? op.series : operation(op)}</span>${' '}<span class="note">${op.kind}</span></th>
            <td class="bar-cell"><span class="fill" style=${{ width: `${(100 * total(op)) / most}%` }}></span></td>
            <td class="num strong">${duration(op.selfP50Ms)}</td>
            <td class="num">${duration(op.p50Ms)}</td>
            <td class="num">${duration(op.p95Ms)}</td>
            <td class="num">${count(op.count)}</td>
            <td class=${`num ${op.errors > 0 ? 'bad-text' : ''}`}>${op.errors > 0
              ? `${count(op.errors)} (${percent(op.errors / op.count)})` : '0'}</td>
          </tr>`)}</tbody>
        </table></div>`}
  <//>`;
}
