//! The log, step by step.

use super::broken_disk::BrokenDisk;
use crate::delivery::spill::frame::HEADER;
use crate::delivery::spill::log::{Limits, Log};
use crate::delivery::spill::recover::Recovered;

pub(super) const LIMITS: Limits =
    Limits { segment_bytes: 400, max_bytes: 1600, sync_each: true, sync_segments: true };

pub(super) fn open(disk: &BrokenDisk) -> (Log<BrokenDisk>, Recovered) {
    Log::open(disk.clone(), LIMITS).unwrap()
}

/// A batch whose payload is its id, and some bytes.
pub(super) fn append(
    log: &mut Log<BrokenDisk>,
    id: u64,
    records: u32,
    padding: usize,
) -> std::io::Result<()> {
    let mut frame = vec![0; HEADER];
    frame.extend(id.to_le_bytes());
    frame.resize(frame.len() + padding, 7);
    log.append(1, records, id, &mut frame)
}

pub(super) fn take(log: &mut Log<BrokenDisk>) -> Option<u64> {
    log.take().unwrap().map(|t| u64::from_le_bytes(*t.payload.first_chunk().unwrap()))
}

fn drain(log: &mut Log<BrokenDisk>) -> Vec<u64> {
    std::iter::from_fn(|| {
        let id = take(log);
        log.settle();
        id
    })
    .collect()
}

/// Frames of 152 bytes: two in a segment.
fn filled(disk: &BrokenDisk, ids: std::ops::Range<u64>) -> Log<BrokenDisk> {
    let (mut log, _) = open(disk);
    ids.for_each(|id| append(&mut log, id, 10, 100).unwrap());
    log
}

#[test]
fn what_was_not_settled_comes_again_after_a_restart_in_order() {
    let disk = BrokenDisk::default();
    let mut log = filled(&disk, 0..5);
    assert_eq!((log.held(), log.segments.len()), (50, 3));
    assert_eq!(take(&mut log), Some(0));
    log.settle();
    assert_eq!((take(&mut log), log.held()), (Some(1), 40));
    drop(log);
    let (mut log, found) = open(&disk);
    assert_eq!(found, Recovered { records: 40, torn_bytes: 0 });
    append(&mut log, 5, 10, 0).unwrap();
    assert_eq!(drain(&mut log), [1, 2, 3, 4, 5]);
    assert_eq!((log.held(), log.losses), (0, Default::default()));
    assert!(log.segments.len() <= 1, "what is delivered is removed");
}

#[test]
fn the_oldest_segment_goes_first_and_is_counted() {
    let disk = BrokenDisk::default();
    let mut log = filled(&disk, 0..20);
    assert!(log.bytes() <= LIMITS.max_bytes);
    let lost = log.losses.full;
    assert_eq!(lost + log.held(), 200);
    let left = drain(&mut log);
    assert_eq!(left, (lost / 10..20).collect::<Vec<_>>());
    assert!(append(&mut log, 21, 1, 2000).is_err(), "what never fits drops nothing");
}

#[test]
fn a_frame_under_way_whose_segment_goes_is_lost_only_if_it_is_not_delivered() {
    for delivered in [true, false] {
        let disk = BrokenDisk::default();
        let mut log = filled(&disk, 0..2);
        assert_eq!(take(&mut log), Some(0));
        (2..12).for_each(|id| append(&mut log, id, 10, 100).unwrap());
        if delivered {
            log.settle()
        } else {
            log.give_back()
        }
        let gone = 12 - drain(&mut log).len() as u64;
        assert_eq!(log.losses.full, (gone - u64::from(delivered)) * 10);
    }
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let disk = BrokenDisk::default();
    let (mut log, _) = open(&disk);
    // Forward by centuries, back before 1970, and standing still.
    for (id, time) in [5, u64::MAX, 0, 0, 7, 1].into_iter().enumerate() {
        let mut frame = vec![0; HEADER];
        frame.extend((id as u64).to_le_bytes());
        frame.resize(frame.len() + 100, 7);
        log.append(1, 10, time, &mut frame).unwrap();
    }
    assert_eq!(take(&mut log), Some(0));
    log.settle();
    drop(log);
    let (mut log, found) = open(&disk);
    assert_eq!((found.records, drain(&mut log)), (50, vec![1, 2, 3, 4, 5]));
    assert_eq!(log.losses, Default::default());
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    let disk = BrokenDisk::default();
    let mut log = filled(&disk, 0..3);
    disk.lock().room = Some(60);
    assert!(append(&mut log, 99, 10, 100).is_err());
    assert!(append(&mut log, 99, 10, 100).is_err());
    assert!((log.failures, log.held()) >= (2, 30));
    disk.lock().room = None;
    append(&mut log, 3, 10, 100).unwrap();
    assert_eq!(drain(&mut log), [0, 1, 2, 3]);
}

#[test]
fn a_disk_that_became_read_only_can_still_be_read() {
    let disk = BrokenDisk::default();
    let mut log = filled(&disk, 0..5);
    disk.lock().lives_for = Some(0);
    assert!(append(&mut log, 99, 10, 100).is_err());
    assert_eq!(drain(&mut log), [0, 1, 2, 3, 4]);
    assert!(log.failures > 0 && log.held() == 0);
}

#[test]
fn damage_costs_a_frame_which_is_counted_and_its_segment_is_set_aside() {
    let disk = BrokenDisk::default();
    drop(filled(&disk, 0..6));
    // The payload of frame 2, and the header of frame 5, the last.
    let name = |n: u64| crate::delivery::spill::log::Segment::file_name(n);
    disk.lock().files.get_mut(&name(2)).unwrap().bytes[HEADER + 50] ^= 1;
    disk.lock().files.get_mut(&name(3)).unwrap().bytes[152 + 9] ^= 1;
    let (mut log, found) = open(&disk);
    assert_eq!(found.torn_bytes, 152, "the last frame looks like one that was being written");
    append(&mut log, 6, 10, 100).unwrap();
    assert_eq!(drain(&mut log), [0, 1, 3, 4, 6]);
    assert_eq!((log.losses.corrupt, log.held()), (10, 0));
    assert!(disk.lock().files.contains_key(&format!("{}.corrupt", name(2))));
    // Its room is wanted at last.
    (7..40).for_each(|id| append(&mut log, id, 10, 100).unwrap());
    assert!(!disk.lock().files.keys().any(|name| name.ends_with(".corrupt")));
    assert!(log.bytes() <= LIMITS.max_bytes);
}

#[test]
fn a_last_segment_that_is_all_damage_does_not_turn_the_counts_back() {
    let name = |n: u64| crate::delivery::spill::log::Segment::file_name(n);
    // Behind the damage a write was broken off: in the middle of its header, or right behind that.
    for torn in [HEADER - 1, HEADER] {
        let disk = BrokenDisk::default();
        drop(filled(&disk, 0..6));
        let mut inside = disk.lock();
        let last = &mut inside.files.get_mut(&name(3)).unwrap().bytes;
        last[0] ^= 1;
        last.truncate(152 + torn);
        drop(inside);
        let (mut log, found) = open(&disk);
        // With a whole header behind it, it is known how much the damaged frame held.
        assert_eq!(found.records, if torn == HEADER { 50 } else { 40 });
        append(&mut log, 6, 10, 100).unwrap();
        assert_eq!((drain(&mut log), log.held()), (vec![0, 1, 2, 3, 6], 0));
    }
}

#[test]
fn a_lost_state_delivers_again_what_is_there() {
    let disk = BrokenDisk::default();
    let mut log = filled(&disk, 0..3);
    take(&mut log);
    log.settle();
    drop(log);
    disk.lock().files.remove("state");
    let (mut log, found) = open(&disk);
    assert_eq!(found.records, 30);
    assert_eq!(drain(&mut log), [0, 1, 2]);
}
