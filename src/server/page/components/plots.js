// Request rate with errors, and latency, over the last five minutes. Shaded: an anomaly is or was open.

import { html, useEffect, useRef } from '../lib.js';
import uPlot from '../vendor/uplot.js';
import { anomalies, tick, ticks } from '../live.js';
import { clock, duration, number, toMs } from '../format.js';
import { Card, Empty } from './card.js';
import { isOpen } from './anomalies.js';

const WINDOW_S = 300;
const HEIGHT = 190;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dark = matchMedia('(prefers-color-scheme: dark)');

// Stretches of time [from, to] in seconds in which an anomaly was open; the end is null while it still is.
function anomalyBands() {
  return anomalies.value.map((anomaly) => {
    const from = toMs(anomaly.window?.[0]) ?? toMs(anomaly.detectedAt);
    const to = isOpen(anomaly) ? null : (toMs(anomaly.state?.at) ?? toMs(anomaly.window?.[1]));
    return from === null ? null : [from / 1000, to === null ? null : to / 1000];
  }).filter(Boolean);
}

function drawBands(u) {
  const { ctx, bbox } = u;
  const clamp = (x) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, x));
  ctx.save();
  for (const [from, to] of mergeBands(anomalyBands())) {
    const left = clamp(u.valToPos(from, 'x', true));
    const right = to === null ? bbox.left + bbox.width : clamp(u.valToPos(to, 'x', true));
    if (right <= left) continue;
    ctx.fillStyle = css('--band');
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = css('--warn');
    ctx.fillRect(left, bbox.top, right - left, 2 * devicePixelRatio);
  }
  ctx.restore();
}

// Overlapping bands as one, so that their shades do not add up.
function mergeBands(bands) {
  const merged = [];
  for (const [from, to] of bands.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && (last[1] === null || from <= last[1])) {
      last[1] = last[1] === null || to === null ? null : Math.max(last[1], to);
    } else {
      merged.push([from, to]);
    }
  }
  return merged;
}

function options(width, { series, format, floor, steps }) {
  const axis = { stroke: css('--muted'), grid: { stroke: css('--grid'), width: 1 }, ticks: { show: false }, font: '11px system-ui' };
  return {
    width,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    cursor: { sync: { key: 'live' }, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { live: true },
    scales: {
      x: { time: true, range: (u, from, to) => [(to ?? 0) - WINDOW_S, to ?? 0] },
      y: { range: (u, from, to) => [0, Math.max(to ?? 0, floor) * 1.12] },
    },
    axes: [
      { ...axis, space: 64, size: 26, values: (u, splits) => splits.map((s) => clock(s * 1000).slice(0, s % 60 ? 8 : 5)) },
      { ...axis, size: 56, space: 34, incrs: steps, values: (u, splits) => splits.map(format) },
    ],
    series: [
      { label: 'Time', value: (u, s) => (s === null ? 'now' : clock(s * 1000)) },
      ...series.map(({ label, color, fill, wide }) => ({
        label,
        stroke: css(color),
        fill: fill ? css(fill) : undefined,
        width: wide ? 1.75 : 1.25,
        points: { show: false },
        spanGaps: true,
        value: (u, value) => format(value ?? u._latest?.[label]),
      })),
    ],
    hooks: { drawClear: [drawBands] },
  };
}

function Chart({ label, plot: what }) {
  const { series } = what;
  const holder = useRef(null);
  useEffect(() => {
    let plot = null;
    const build = () => {
      plot?.destroy();
      plot = new uPlot(options(holder.current.clientWidth, what), [[], ...series.map(() => [])], holder.current);
      fill();
    };
    const fill = () => {
      const all = ticks.value;
      const columns = series.map(({ of }) => all.map((t) => of(t.requests ?? {}) ?? null));
      // Without a pointer over the plot the legend shows the latest value.
      plot._latest = Object.fromEntries(series.map((s, i) => [s.label, columns[i].findLast((v) => v !== null)]));
      plot.setData([all.map((t) => t.time / 1000), ...columns]);
    };
    build();
    const stops = [ticks.subscribe(fill), anomalies.subscribe(() => plot.redraw(false))];
    const resized = new ResizeObserver(() => plot.setSize({ width: holder.current.clientWidth, height: HEIGHT }));
    resized.observe(holder.current);
    dark.addEventListener('change', build);
    return () => {
      for (const stop of stops) stop();
      resized.disconnect();
      dark.removeEventListener('change', build);
      plot.destroy();
    };
  }, []);
  return html`<div class="plot" role="group" aria-label=${label} ref=${holder}></div>`;
}

// floor: the least height of the scale, so that quiet seconds do not look dramatic; steps: of the scale
const RATE = { format: number, floor: 4, steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6], series: [
  { label: 'Requests/s', color: '--accent', fill: '--accent-fill', wide: true, of: (r) => r.count },
  { label: 'Errors/s', color: '--bad', fill: '--bad-fill', wide: true, of: (r) => r.errors },
] };
const LATENCY = { format: duration, floor: 10, series: [
  { label: 'p99', color: '--line-3', of: (r) => r.p99Ms },
  { label: 'p95', color: '--line-2', of: (r) => r.p95Ms },
  { label: 'p50', color: '--line-1', wide: true, of: (r) => r.p50Ms },
] };

export function Plots() {
  const waiting = !tick.value && ticks.value.length === 0;
  const note = 'last 5 minutes';
  const empty = html`<${Empty}>Waiting for the first second of data. The server sends one point a second.<//>`;
  return html`<div class="pair">
    <${Card} id="rate" title="Requests and errors" note=${note}>
      ${waiting ? empty : html`<${Chart} label="Requests and errors a second" plot=${RATE} />`}
    <//>
    <${Card} id="latency" title="Latency" note=${note}>
      ${waiting ? empty : html`<${Chart} label="Latency p50, p95 and p99" plot=${LATENCY} />`}
    <//>
  </div>`;
}
