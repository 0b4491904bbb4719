// Recent traces, each with a small waterfall. The list rests while a person points at it or has the focus in it.

import { html, useEffect, useMemo, useRef, useState } from '../lib.js';
import { listTraces, previewTrace } from '../api.js';
import { tick, traces } from '../live.js';
import { clock, count, duration } from '../format.js';
import { layout } from '../tree.js';
import { openTrace, route } from '../route.js';
import { Card, Empty } from './card.js';

const ROWS = 10;
const REFRESH_MS = 1500; // a list that moves more often cannot be read
const ERRORS_REFRESH_MS = 3000;
const LANES = 14; // spans drawn in a small waterfall: the longest ones
const LANE = 3;
const WIDE = 1000;

// The shape of a trace as an SVG (pale: waiting for children), stretched to its share of the longest trace in the list.
function Preview({ summary, longest }) {
  const [trace, setTrace] = useState(null);
  useEffect(() => {
    let wanted = true;
    previewTrace(summary.traceId).then((t) => wanted && setTrace(t), () => {}); // without it, a plain bar stays
    return () => (wanted = false);
  }, [summary.traceId]);
  const shape = useMemo(() => trace && lanes(trace), [trace]);
  const width = `${Math.max(2, (100 * summary.durationMs) / longest)}%`;
  if (!shape) {
    return html`<span class="preview"><span class=${`plain ${summary.errorCount ? 'bad' : ''}`} style=${{ width }}></span></span>`;
  }
  const height = Math.max(LANES, shape.length) * LANE;
  return html`<span class="preview"><svg style=${{ width }} viewBox=${`0 0 ${WIDE} ${height}`} preserveAspectRatio="none">
    ${shape.map((lane, i) => html`<g key=${i} class=${lane.hue}>
      <${Piece} at=${lane.whole} lane=${i} pale />
      ${lane.own.map((part) => html`<${Piece} at=${part} lane=${i} />`)}
    </g>`)}
  </svg></span>`;
}

function lanes(trace) {
  const { rows, start, length } = layout(trace);
  const kept = new Set([...rows].sort((a, b) => b.span.durationMs - a.span.durationMs).slice(0, LANES));
  const place = ([from, to]) => [(WIDE * (from - start)) / length, Math.max(4, (WIDE * (to - from)) / length)];
  return rows.filter((row) => kept.has(row)).map(({ span, hue, selfParts }) => ({
    whole: place([span.startMs, span.startMs + span.durationMs]),
    own: selfParts.map(place),
    hue: span.status === 'error' ? 'hue-error' : `hue-${hue}`,
  }));
}

function Piece({ at: [x, width], lane, pale }) {
  return html`<rect x=${x} width=${width} y=${lane * LANE} height=${LANE - 0.6} class=${pale ? 'pale' : ''} />`;
}

function Row({ summary, longest }) {
  const { traceId, rootName, service, startMs, durationMs, spanCount, errorCount } = summary;
  const open = route.value?.traceId === traceId;
  return html`<li><button type="button" class=${`trace-row ${open ? 'open' : ''}`} onClick=${() => openTrace(traceId)}>
    <time class="when">${clock(startMs + durationMs)}</time>
    <span class="what"><span class="name" title=${rootName}>${rootName}</span><span class="note">${service}</span></span>
    <${Preview} summary=${summary} longest=${longest} />
    <span class="long">${duration(durationMs)}</span>
    <span class="size"><span>${count(spanCount)} ${spanCount === 1 ? 'span' : 'spans'}</span>
      ${errorCount > 0 && html`<span class="pill bad">${count(errorCount)} ${errorCount === 1 ? 'error' : 'errors'}</span>`}
    </span>
  </button></li>`;
}

export function Traces() {
  const [shown, setShown] = useState([]);
  const [errorOnly, setErrorOnly] = useState(false);
  const [problem, setProblem] = useState(null);
  const [resting, setResting] = useState(false);
  const held = useRef(false);

  useEffect(() => {
    let current = true;
    setProblem(null);
    // Also while a trace is open, so that its row is still there to take the focus back.
    const rests = () => held.current || document.hidden || route.peek() !== null;
    const show = (list) => current && setShown(list.slice(0, ROWS));
    if (errorOnly) {
      const load = () => listTraces({ limit: ROWS, errorOnly: true })
        .then((list) => (show(list), current && setProblem(null)), (error) => current && setProblem(error.message));
      load();
      const timer = setInterval(() => rests() || load(), ERRORS_REFRESH_MS);
      return () => { current = false; clearInterval(timer); };
    }
    let size = 0;
    // The first rows appear at once, later ones in steps.
    const stop = traces.subscribe((list) => {
      if (size < ROWS) show(list);
      size = Math.max(size, list.length);
    });
    const timer = setInterval(() => {
      size = traces.peek().length;
      if (!rests()) show(traces.peek());
    }, REFRESH_MS);
    return () => { current = false; stop(); clearInterval(timer); };
  }, [errorOnly]);

  const hold = (value) => () => {
    held.current = value;
    setResting(value);
  };
  const longest = Math.max(...shown.map((t) => t.durationMs), 1e-6);
  const filter = (value, label) => html`<button type="button" class="button small" aria-pressed=${errorOnly === value}
    onClick=${() => setErrorOnly(value)}>${label}</button>`;
  return html`<${Card} id="traces" title="Recent traces" note=${resting && shown.length ? 'paused while you look' : 'newest first'}
    tools=${html`${filter(false, 'All')}${filter(true, 'With errors')}`}>
    ${problem && html`<p class="problem">${problem}</p>`}
    ${shown.length === 0 && !problem && (errorOnly
      ? html`<${Empty}>No stored trace has an error. One that does will be listed here.<//>`
      : html`<${Empty}>${tick.value ? 'No trace yet. ' : ''}Each request will appear here as soon as it is complete,
          as a small waterfall; open it to see every span.<//>`)}
    <ol class="trace-list" onPointerEnter=${hold(true)} onPointerLeave=${hold(false)}
      onFocusIn=${(event) => event.target.matches(':focus-visible') && hold(true)()} onFocusOut=${hold(false)}>
      ${shown.map((t) => html`<${Row} key=${t.traceId} summary=${t} longest=${longest} />`)}
    </ol>
  <//>`;
}
