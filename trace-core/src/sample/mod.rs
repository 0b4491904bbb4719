//! temporary until merge
use crate::signal::*;
/// t
#[derive(Default)]
pub struct ParentBased;
impl Sampler for ParentBased {
    fn sample(&self, i: &SamplingInput<'_>) -> Decision {
        match i.parent {
            Some(p) if !p.is_sampled() => Decision::DROP,
            _ => Decision::SAMPLE,
        }
    }
    fn description(&self) -> String {
        "t".into()
    }
}
