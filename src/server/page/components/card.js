// The frame of a section: heading, a note beside it, content.

import { html } from '../lib.js';

export function Card({ id, title, note, tools, children }) {
  return html`<section class="card" id=${id} aria-labelledby=${`${id}-title`}>
    <header class="card-head">
      <h2 id=${`${id}-title`}>${title}</h2>
      ${note && html`<span class="note">${note}</span>`}
      ${tools && html`<span class="tools">${tools}</span>`}
    </header>
    ${children}
  </section>`;
}

// What will appear here, while there is nothing yet.
export function Empty({ children }) {
  return html`<p class="empty">${children}</p>`;
}

const SEVERITIES = { critical: 'bad', high: 'bad', medium: 'warn', low: 'info', info: 'info' };

// A severity as a coloured word; unknown ones are shown plainly.
export function Severity({ level }) {
  return html`<span class=${`pill ${SEVERITIES[level] ?? 'info'}`}>${level ?? 'unknown'}</span>`;
}
