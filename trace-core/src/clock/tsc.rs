//! The processor's time stamp counter, read by one instruction.
//!
//! `quanta` reads the same counter, but decides at every call which of its sources to use; the code of the others
//! around each read costs a span more than the read's own share of instructions (`cargo xtask bench spans`).
#![allow(unsafe_code, reason = "one instruction, proven harmless below")]

/// Whether [`read`] is the counter that `clock` reads.
pub(super) fn is_source_of(clock: &quanta::Clock) -> bool {
    // The counter only grows, so that only a read of it lies between two others; other sources count nanoseconds
    // since another moment.
    cfg!(all(target_arch = "x86_64", not(miri)))
        && (0..8).all(|_| {
            let before = read();
            let between = clock.raw();
            (before..=read()).contains(&between)
        })
}

/// The counter now.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub(super) fn read() -> u64 {
    // SAFETY: RDTSC writes registers and touches no memory, and every x86-64 processor has it. Where the operating
    // system forbids it to a process (CR4.TSD), it ends in a signal, which is not undefined behaviour; and it is only
    // called where `quanta` has read the counter before.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// There is none: never called, for `is_source_of` says no.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
pub(super) fn read() -> u64 {
    0
}
