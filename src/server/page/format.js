// Numbers, durations and times as people read them. Missing or odd values become an en dash, never "NaN".

const NONE = '–';
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

const isNumber = (x) => typeof x === 'number' && Number.isFinite(x);

function digits(x) {
  const size = Math.abs(x);
  return String(Number(x.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)));
}

// Integer with thousands separators; compact (12.3K) from 100,000 on.
export function count(n) {
  if (!isNumber(n)) return NONE;
  return Math.abs(n) >= 100000 ? short.format(n) : whole.format(n);
}

// Number with about three significant digits.
export function number(x) {
  if (!isNumber(x)) return NONE;
  if (Math.abs(x) >= 1000) return count(x);
  return Number.isInteger(x) ? String(x) : digits(x);
}

// Milliseconds in the unit that suits their size.
export function duration(ms) {
  if (!isNumber(ms)) return NONE;
  const size = Math.abs(ms);
  if (size === 0) return '0 ms';
  if (size < 1) return `${digits(ms * 1000)} µs`;
  if (size < 1000) return `${digits(ms)} ms`;
  if (size < 60000) return `${digits(ms / 1000)} s`;
  const minutes = Math.floor(size / 60000);
  return `${ms < 0 ? '-' : ''}${minutes} min ${Math.round((size % 60000) / 1000)} s`;
}

// Share between 0 and 1 as a percentage.
export function percent(share) {
  if (!isNumber(share)) return NONE;
  const value = share * 100;
  return `${Number(value.toFixed(Math.abs(value) >= 10 ? 0 : 1))} %`;
}

// Milliseconds since epoch from a number or an RFC 3339 text; null if it is neither.
export function toMs(time) {
  const ms = typeof time === 'number' ? time : Date.parse(time);
  return isNumber(ms) ? ms : null;
}

// Local time of day, 24 hours; with milliseconds if asked.
export function clock(time, { millis = false } = {}) {
  const ms = toMs(time);
  if (ms === null) return NONE;
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return millis ? `${text}.${String(date.getMilliseconds()).padStart(3, '0')}` : text;
}

// Distance to the past, as "12 s ago". `now` is the server's clock; before its first tick ours must do.
export function ago(time, now) {
  const ms = toMs(time);
  if (ms === null) return NONE;
  const seconds = Math.max(0, Math.round(((now ?? Date.now()) - ms) / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
}

// A measured value whose unit is the suffix of its name: self_time_ms, error_ratio, queue_bytes.
export function measured(name, value) {
  if (/_ms$/.test(name)) return duration(value);
  if (/_(s|seconds)$/.test(name)) return duration(value * 1000);
  if (/_(ratio|rate|share)$/.test(name) && Math.abs(value) <= 1) return percent(value);
  return number(value);
}

// Machine words as words: performance_degradation → performance degradation.
export function words(text) {
  return String(text ?? '').replace(/[_-]+/g, ' ');
}

// Name of a measured value without its unit suffix.
export function measureName(name) {
  return words(String(name ?? '').replace(/_(ms|s|seconds|bytes|total)$/, ''));
}
