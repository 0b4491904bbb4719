// What is open, kept in the address: #/trace/<traceId> or #/trace/<traceId>/<spanId>.

import { signal } from './lib.js';

const PATTERN = /^#\/trace\/([\w-]{1,64})(?:\/([\w-]{1,64}))?$/;

function read() {
  const match = PATTERN.exec(location.hash);
  return match ? { traceId: match[1], spanId: match[2] ?? null } : null;
}

export const route = signal(read());

addEventListener('hashchange', () => (route.value = read()));

export function openTrace(traceId, spanId) {
  location.hash = spanId ? `#/trace/${traceId}/${spanId}` : `#/trace/${traceId}`;
}

// Remembers the chosen span in the address without a new step in the history.
export function chooseSpan(traceId, spanId) {
  history.replaceState(null, '', spanId ? `#/trace/${traceId}/${spanId}` : `#/trace/${traceId}`);
  route.value = read();
}

export function closeTrace() {
  if (!route.value) return;
  history.pushState(null, '', location.pathname + location.search);
  route.value = null;
}
