//! On which axis a feature is compared, and which differences are too small to matter.

/// The axis on which the spread of a feature is about the same at any level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Axis {
    /// The value itself.
    Linear,
    /// `ln(value + offset)`: ratios count. Values below 0 are taken as 0.
    Logarithmic {
        /// Keeps values near 0 from looking infinitely far apart; in the unit of the feature, above 0.
        offset: f64,
    },
}

/// How a feature is compared with its past.
///
/// [`FeatureScale::of`] picks one by the unit that ends the name:
///
/// | name ends in | axis | differences below this are one unit of spread at most |
/// |---|---|---|
/// | `_ms` | `ln(value + 0.1 ms)` | 0.1, which is about 10 % |
/// | `_percent` | linear | 1 percentage point |
/// | `_ratio` | linear | 0.01 |
/// | `_per_s` | linear | 10 % of the normal rate, at least 0.5/s |
/// | anything else | linear | none |
///
/// The floor keeps a feature that hardly varies from making an anomaly of every tremor. Without a floor, a feature
/// that has never varied says nothing of its own spread: its first departure counts as three spreads, whatever
/// its size, and that size is remembered as the floor for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureScale {
    /// The axis.
    pub axis: Axis,
    /// The least spread on the axis.
    pub absolute_floor: f64,
    /// The least spread as a share of the centre; 0.1 is 10 %. Meant for linear axes.
    pub relative_floor: f64,
    /// The smallest and the largest value that can occur; bands end there.
    pub range: (f64, f64),
}

impl FeatureScale {
    /// The value itself, no floor, any range.
    pub const LINEAR: Self = Self {
        axis: Axis::Linear,
        absolute_floor: 0.0,
        relative_floor: 0.0,
        range: (f64::NEG_INFINITY, f64::INFINITY),
    };

    /// Ratios of positive values such as latencies and sizes; `offset` as in [`Axis::Logarithmic`]. Differences
    /// below about 10 % do not matter.
    pub const fn logarithmic(offset: f64) -> Self {
        Self {
            axis: Axis::Logarithmic { offset },
            absolute_floor: 0.1,
            relative_floor: 0.0,
            range: (0.0, f64::INFINITY),
        }
    }

    /// The scale for a feature of this name, by the table above.
    pub fn of(name: &str) -> Self {
        let linear = |absolute_floor, relative_floor, high| Self {
            axis: Axis::Linear,
            absolute_floor,
            relative_floor,
            range: (0.0, high),
        };
        if name.ends_with("_ms") {
            Self::logarithmic(0.1)
        } else if name.ends_with("_percent") {
            linear(1.0, 0.0, 100.0)
        } else if name.ends_with("_ratio") {
            linear(0.01, 0.0, f64::INFINITY)
        } else if name.ends_with("_per_s") {
            linear(0.5, 0.1, f64::INFINITY)
        } else {
            Self::LINEAR
        }
    }

    /// The value on the axis; NaN if it is missing (NaN or infinite).
    pub(crate) fn forward(&self, value: f64) -> f64 {
        if !value.is_finite() {
            return f64::NAN;
        }
        match self.axis {
            Axis::Linear => value,
            Axis::Logarithmic { offset } => (value.max(0.0) + offset).ln(),
        }
    }

    /// The value at a place on the axis, within the range.
    pub(crate) fn backward(&self, place: f64) -> f64 {
        let value = match self.axis {
            Axis::Linear => place,
            Axis::Logarithmic { offset } => place.exp() - offset,
        };
        value.max(self.range.0).min(self.range.1)
    }

    /// The least spread around a centre on the axis.
    pub(crate) fn floor_at(&self, center: f64) -> f64 {
        self.absolute_floor.max(self.relative_floor * center.abs())
    }
}
