// From the spans of a trace to the rows of a waterfall.

const HUES = 8; // classes hue-0 … hue-7 in style.css
export const ROW_LIMIT = 500;

// Rows in depth-first order, children by start: {span, depth, orphan, hue, selfParts}, and the trace's extent.
// Spans whose parent is not in the trace become roots (orphan); a cycle of parents cannot loop.
export function layout(trace) {
  const spans = (trace?.spans ?? []).filter((span) => span && span.spanId);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const children = new Map();
  const roots = [];
  for (const span of spans) {
    if (span.parentSpanId && byId.has(span.parentSpanId) && span.parentSpanId !== span.spanId) {
      const list = children.get(span.parentSpanId) ?? [];
      list.push(span);
      children.set(span.parentSpanId, list);
    } else {
      roots.push(span);
    }
  }
  const byStart = (a, b) => a.startMs - b.startMs || b.durationMs - a.durationMs;
  const hueOf = hues(spans);
  const rows = [];
  const seen = new Set();
  const visit = (first) => {
    const stack = first.sort(byStart).reverse().map((span) => ({ span, depth: 0 }));
    while (stack.length > 0) {
      const { span, depth } = stack.pop();
      if (seen.has(span.spanId)) continue;
      seen.add(span.spanId);
      const below = (children.get(span.spanId) ?? []).sort(byStart);
      const orphan = Boolean(span.parentSpanId) && !byId.has(span.parentSpanId);
      rows.push({ span, depth, orphan, hue: hueOf(span), selfParts: selfParts(span, below) });
      for (const child of [...below].reverse()) stack.push({ span: child, depth: depth + 1 });
    }
  };
  visit(roots);
  visit(spans.filter((span) => !seen.has(span.spanId))); // parents in a circle: shown all the same
  return { rows, ...extent(rows) };
}

function extent(rows) {
  let start = rows[0]?.span.startMs ?? 0;
  let end = start;
  for (const { span } of rows) {
    start = Math.min(start, span.startMs);
    end = Math.max(end, span.startMs + span.durationMs);
  }
  return { start, end, length: Math.max(end - start, 1e-6) };
}

// The stretches of a span in which none of its children ran, as [from, to] in absolute milliseconds.
export function selfParts(span, sortedChildren) {
  const end = span.startMs + span.durationMs;
  const parts = [];
  let at = span.startMs;
  for (const child of sortedChildren) {
    const from = Math.min(child.startMs, end);
    if (from > at) parts.push([at, from]);
    at = Math.max(at, Math.min(child.startMs + child.durationMs, end));
  }
  if (end > at) parts.push([at, end]);
  return parts;
}

const given = new Map(); // colour key → hue, in the order first seen, so that a colour means the same in every trace
const GIVEN_LIMIT = 500;

// Colour by service when there are several, else by the first word of the name: agent.research, tool.search, …
// Requests are one family: "GET /a" and "POST /b" differ in their first word only by chance.
function hues(spans) {
  const services = new Set(spans.map((span) => span.service));
  const keyOf = services.size > 1 ? (span) => `service ${span.service}` : (span) => (span.kind === 'server' ? 'server' : family(span.name));
  return (span) => {
    const key = keyOf(span);
    if (!given.has(key) && given.size < GIVEN_LIMIT) given.set(key, given.size % HUES);
    return given.get(key) ?? HUES - 1;
  };
}

export function family(name) {
  return /^[^\s./:_-]*/.exec(String(name ?? ''))[0];
}

// Time on the critical path, summed by span name, largest first; the rest beyond `most` names is one entry.
export function criticalShares(rows, most = 4) {
  const sums = new Map();
  for (const { span, hue } of rows) {
    if (!(span.criticalMs > 0)) continue;
    const entry = sums.get(span.name) ?? { name: span.name, ms: 0, hue };
    entry.ms += span.criticalMs;
    sums.set(span.name, entry);
  }
  const sorted = [...sums.values()].sort((a, b) => b.ms - a.ms);
  const total = sorted.reduce((sum, entry) => sum + entry.ms, 0);
  const rest = sorted.slice(most).reduce((sum, entry) => sum + entry.ms, 0);
  const shown = sorted.slice(0, most);
  if (rest > 0) shown.push({ name: 'other', ms: rest, hue: 'rest' });
  return shown.map((entry) => ({ ...entry, share: entry.ms / total }));
}
