//! Any order of writing, reading, killing, power loss, full disks and damage, against a list.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::broken_disk::BrokenDisk;
use super::log::{append, open, take};
use crate::delivery::spill::log::Log;

#[derive(Clone, Debug)]
enum Op {
    Append {
        records: u32,
        padding: usize,
    },
    Deliver,
    GiveBack,
    /// The process ends; the next one opens the log.
    Kill,
    /// The machine dies within so many changes of the disk, in the middle of a write.
    DieIn(usize),
    LosePower {
        keep: usize,
        zeros: usize,
        lose_state: bool,
    },
    /// The disk has this much room.
    Room(Option<usize>),
    Damage {
        file: prop::sample::Index,
        at: prop::sample::Index,
        with: u8,
    },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (1u32..20, 0usize..300).prop_map(|(records, padding)| Op::Append { records, padding }),
        5 => Just(Op::Deliver),
        1 => Just(Op::GiveBack),
        1 => Just(Op::Kill),
        1 => (0usize..6).prop_map(Op::DieIn),
        1 => (0usize..400, 0usize..50, any::<bool>())
            .prop_map(|(keep, zeros, lose_state)| Op::LosePower { keep, zeros, lose_state }),
        1 => prop::option::of(0usize..500).prop_map(Op::Room),
        1 => any::<(prop::sample::Index, prop::sample::Index, u8)>()
            .prop_map(|(file, at, with)| Op::Damage { file, at, with }),
    ]
}

/// What must hold, beside the log.
struct Model {
    disk: BrokenDisk,
    log: Log<BrokenDisk>,
    next_id: u64,
    /// What `append` answered with `Ok`: id and records.
    taken: Vec<(u64, u64)>,
    delivered: BTreeSet<u64>,
    /// The last id that this run delivered.
    last: Option<u64>,
    /// Of this run: records found, accepted and delivered.
    counts: (u64, u64, u64),
    /// Of the runs before.
    lost: u64,
    damaged: bool,
}

impl Model {
    fn new() -> Self {
        let disk = BrokenDisk::default();
        let (log, _) = open(&disk);
        Self {
            disk,
            log,
            next_id: 0,
            taken: Vec::new(),
            delivered: BTreeSet::new(),
            last: None,
            counts: (0, 0, 0),
            lost: 0,
            damaged: false,
        }
    }

    fn reopen(&mut self) {
        self.lost += self.log.losses.full + self.log.losses.corrupt;
        let (log, found) = open(&self.disk);
        (self.log, self.last, self.counts) = (log, None, (found.records, 0, 0));
    }

    fn deliver(&mut self) -> bool {
        let Some(id) = take(&mut self.log) else { return false };
        assert!(self.last.is_none_or(|last| last < id), "{id} after {:?}", self.last);
        assert!(id < self.next_id, "never written: {id}");
        self.last = Some(id);
        self.delivered.insert(id);
        while let Ok(Some(along)) = self.log.take_along(20, 1000) {
            let id = u64::from_le_bytes(*along.payload.first_chunk().unwrap());
            assert!(self.last.is_none_or(|last| last < id) && id < self.next_id, "{id}");
            self.last = Some(id);
            self.delivered.insert(id);
        }
        self.counts.2 += self.log.in_flight.unwrap().records;
        self.log.settle();
        true
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Append { records, padding } => {
                if append(&mut self.log, self.next_id, records, padding).is_ok() {
                    self.taken.push((self.next_id, records.into()));
                    self.counts.1 += u64::from(records);
                }
                self.next_id += 1;
            }
            Op::Deliver => drop(self.deliver()),
            Op::GiveBack => {
                take(&mut self.log);
                let _ = self.log.take_along(20, 1000);
                self.log.give_back();
            }
            Op::Kill => {
                self.disk.restart();
                self.reopen();
            }
            Op::DieIn(changes) => self.disk.lock().lives_for = Some(changes),
            Op::LosePower { keep, zeros, lose_state } => {
                self.disk.lose_power(keep, zeros, lose_state);
                self.reopen();
            }
            Op::Room(room) => self.disk.lock().room = room,
            Op::Damage { file, at, with } => {
                let mut inside = self.disk.lock();
                let mut files: Vec<_> = inside.files.values_mut().filter(|c| !c.bytes.is_empty()).collect();
                if !files.is_empty() && with != 0 {
                    let chosen = file.index(files.len());
                    let bytes = &mut files[chosen].bytes;
                    let at = at.index(bytes.len());
                    bytes[at] ^= with;
                    self.damaged = true;
                }
            }
        }
    }

    fn check(&self) {
        let (found, accepted, delivered) = self.counts;
        let losses = self.log.losses.full + self.log.losses.corrupt;
        assert_eq!(found + accepted, delivered + self.log.held() + losses, "{:?}", self.log);
    }

    fn finish(mut self) {
        self.disk.restart();
        self.reopen();
        while self.deliver() {
            self.check();
        }
        assert_eq!(self.log.held(), 0);
        self.lost += self.log.losses.full + self.log.losses.corrupt;
        let missing = self.taken.iter().filter(|(id, _)| !self.delivered.contains(id));
        let missing: u64 = missing.map(|(_, records)| records).sum();
        // A damaged end of the log cannot be told from a write that was broken off.
        assert!(missing <= self.lost || self.damaged, "{missing} are missing, {} are counted", self.lost);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn what_was_taken_arrives_in_order_or_is_counted(ops in prop::collection::vec(op(), 0..60)) {
        let mut model = Model::new();
        for op in ops {
            model.apply(op);
            model.check();
        }
        model.finish();
    }
}
