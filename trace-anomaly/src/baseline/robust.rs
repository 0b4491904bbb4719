//! A streaming median and median absolute deviation that forget slowly and cannot be dragged away.

use super::FeatureScale;

/// The spread is the median absolute deviation times this, which makes it the standard deviation of normal data.
const MAD_TO_SIGMA: f64 = 1.4826;
/// The median absolute deviation of the standard normal distribution.
const NORMAL_MAD: f64 = 0.6745;
/// The step of the median per spread: `1 / (2 f(0))` of the standard normal density.
const CENTER_STEP: f64 = 1.2533;
/// The step of `ln(spread)`: `1/2` over the slope of `P(|r| < MAD)` by `ln(spread)`, again for normal data.
const SPREAD_STEP: f64 = 1.166;
/// How much slower a baseline learns while its series is anomalous.
const ANOMALOUS_PACE: f64 = 0.1;
/// A feature that never varied: its first departure counts as this many spreads.
const FIRST_DEPARTURE: f64 = 2.5;
/// Below this share of the centre a difference is rounding.
const ROUNDING: f64 = 1e-9;

/// How fast to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// The series behaves like itself.
    Normal,
    /// The series is anomalous: learn ten times slower, so that an incident does not become the norm, while a
    /// lasting change is still accepted in the end.
    Anomalous,
}

/// The normal level of one feature and its spread, on the axis of its [`FeatureScale`].
///
/// The first `warm_up` values are kept, and their exact median and median absolute deviation (MAD) are the start.
/// After that every value moves both by one clipped step of stochastic approximation (Robbins and Monro, 1951):
/// only the sign of a difference counts, never its size, so one value moves the centre by no more than
/// `1.25 / min(seen, memory)` spreads. Memory: `warm_up` numbers at first, five afterwards.
#[derive(Clone, Debug)]
pub struct RobustBaseline {
    scale: FeatureScale,
    warm_up: usize,
    memory: f64,
    first: Vec<f64>,
    center: f64,
    spread: f64,
    /// The floor that the first departure of a constant feature has set; fades with the memory.
    departure_floor: f64,
    seen: f64,
}

impl RobustBaseline {
    /// A baseline that is ready after `warm_up` values (at least 1) and forgets over `memory` values.
    pub fn new(scale: FeatureScale, warm_up: usize, memory: usize) -> Self {
        let warm_up = warm_up.max(1);
        Self {
            scale,
            warm_up,
            memory: memory.max(warm_up) as f64,
            first: Vec::new(),
            center: 0.0,
            spread: 0.0,
            departure_floor: 0.0,
            seen: 0.0,
        }
    }

    /// Whether the warm-up is over.
    pub fn is_ready(&self) -> bool {
        self.seen > 0.0
    }

    /// How many spreads a value is above (or, negative, below) the centre; NaN if it is missing or the baseline is
    /// not ready. Always finite otherwise.
    pub fn residual(&self, value: f64) -> f64 {
        let place = self.scale.forward(value);
        if !self.is_ready() || place.is_nan() {
            return f64::NAN;
        }
        let difference = place - self.center;
        if difference.abs() <= self.rounding() {
            return 0.0;
        }
        let spread = self.effective_spread();
        if spread <= self.rounding() {
            return FIRST_DEPARTURE.copysign(difference);
        }
        (difference / spread).clamp(-1e100, 1e100)
    }

    /// The normal value, once ready.
    pub fn expected(&self) -> Option<f64> {
        self.is_ready().then(|| self.scale.backward(self.center))
    }

    /// The values `width` spreads below and above the normal one, once ready.
    pub fn band(&self, width: f64) -> Option<(f64, f64)> {
        let reach = width * self.effective_spread();
        self.is_ready()
            .then(|| (self.scale.backward(self.center - reach), self.scale.backward(self.center + reach)))
    }

    /// Learns a value; a missing one (NaN or infinite) changes nothing. The value that ends the warm-up gets back
    /// all values of the warm-up, so that whatever depends on residuals can catch up.
    pub fn learn(&mut self, value: f64, pace: Pace) -> Option<Vec<f64>> {
        let place = self.scale.forward(value);
        if place.is_nan() {
            return None;
        }
        if self.is_ready() {
            self.step(place, pace);
            return None;
        }
        self.first.push(value);
        (self.first.len() >= self.warm_up).then(|| self.start())
    }

    fn start(&mut self) -> Vec<f64> {
        let first = std::mem::take(&mut self.first);
        let mut places: Vec<f64> = first.iter().map(|v| self.scale.forward(*v)).collect();
        self.center = median(&mut places);
        for place in &mut places {
            *place = (*place - self.center).abs();
        }
        let farthest = places.iter().copied().fold(0.0, f64::max);
        self.spread = MAD_TO_SIGMA * median(&mut places);
        self.seen = first.len() as f64;
        if !self.has_floor() && self.spread <= self.rounding() && farthest > self.rounding() {
            self.departure_floor = farthest / FIRST_DEPARTURE;
        }
        first
    }

    fn step(&mut self, place: f64, pace: Pace) {
        let slowness = if pace == Pace::Anomalous { ANOMALOUS_PACE } else { 1.0 };
        let gain = slowness / self.seen.min(self.memory);
        self.seen += slowness;
        let difference = place - self.center;
        let distance = difference.abs();
        let spread = self.effective_spread();
        if spread <= self.rounding() {
            // Never varied so far.
            if distance > self.rounding() {
                self.departure_floor = distance / FIRST_DEPARTURE;
            }
            return;
        }
        self.departure_floor *= 1.0 - slowness / self.memory;
        if distance <= self.rounding() {
            self.shrink(gain);
            return;
        }
        self.center += (gain * CENTER_STEP * spread).min(distance).copysign(difference);
        if distance > NORMAL_MAD * self.spread {
            // From a spread of almost nothing growth by factors would take for ever.
            self.spread = self.spread.max(gain * spread) * (gain * SPREAD_STEP).exp();
        } else {
            self.shrink(gain);
        }
    }

    fn shrink(&mut self, gain: f64) {
        self.spread *= (-gain * SPREAD_STEP).exp();
    }

    fn has_floor(&self) -> bool {
        self.scale.absolute_floor > 0.0 || self.scale.relative_floor > 0.0
    }

    fn effective_spread(&self) -> f64 {
        self.spread.max(self.scale.floor_at(self.center)).max(self.departure_floor)
    }

    fn rounding(&self) -> f64 {
        (ROUNDING * self.center.abs()).max(f64::MIN_POSITIVE)
    }
}

/// The median; 0 of nothing. Reorders the values.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[half],
        _ => values[half - 1] / 2.0 + values[half] / 2.0,
    }
}
