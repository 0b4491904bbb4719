//! Merges in steps, given up at any of them.

use rusqlite::Connection;

use super::SqliteConfig;
use super::chunk::FoundBy;
use super::merge::{FAN_IN, Merge, delete_garbage, is_due};
use super::run::{Run, Zone};
use super::segment::{self, Segment};
use super::term::Term;

const CHUNKS: u32 = 40;

/// A file with as many segments as are merged; each chunk has terms of its own, and some that many have.
fn file(directory: &std::path::Path, segments: u32) -> Connection {
    let config = SqliteConfig::new(directory);
    let db = super::schema::open_to_write(&directory.join("spans.sqlite"), &config).unwrap();
    write(&db, 0, segments);
    db
}

fn write(db: &Connection, from: u32, to: u32) {
    for segment in from..to {
        let mut run = Run::new(segment * CHUNKS + 1);
        for chunk in run.first_chunk..run.first_chunk + CHUNKS {
            let terms = (0..50).map(|n| own(chunk, n)).chain([u64::from(chunk % 7)]).collect();
            let found_by = FoundBy { terms, ..FoundBy::default() };
            run.push(Zone { first: chunk, last: chunk + 1 }, 3, &found_by);
        }
        run.sort();
        segment::write(db, &[run.into()]).unwrap();
    }
}

fn own(chunk: u32, n: u64) -> Term {
    (u64::from(chunk) * 1000 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn chunks(db: &Connection, term: Term) -> Vec<u32> {
    let mut found = Vec::new();
    Segment::load(db).unwrap().iter().for_each(|s| s.chunks(db, term, &mut found).unwrap());
    found
}

/// Everything is found, and there are no more blocks than segments have.
fn check(db: &Connection, segments: u32, is_tidy: bool) {
    for common in 0..7 {
        let expected: Vec<u32> = (1..=segments * CHUNKS).filter(|c| c % 7 == common).collect();
        assert_eq!(chunks(db, common.into()), expected);
    }
    for chunk in (1..=segments * CHUNKS).step_by(13) {
        assert_eq!(chunks(db, own(chunk, 49)), [chunk]);
    }
    let zones: Vec<Zone> = Segment::load(db).unwrap().iter().flat_map(|s| s.zones(db).unwrap()).collect();
    assert_eq!(zones.len() as u32, segments * CHUNKS);
    assert!(zones.iter().zip(1..).all(|(zone, chunk)| zone.first == chunk));
    if is_tidy {
        let count = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        let blocks: i64 = Segment::load(db).unwrap().iter().map(Segment::blocks).sum();
        assert_eq!(count("SELECT (SELECT count(*) FROM blocks) + (SELECT count(*) FROM merged)"), blocks);
        assert_eq!(count("SELECT count(*) FROM garbage"), 0);
    }
}

#[test]
fn a_merge_in_steps_is_unseen_until_it_ends_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let db = file(directory.path(), FAN_IN as u32);
    assert!(is_due(&db).unwrap());
    let mut merge = Merge::begin(&db).unwrap().unwrap();
    assert!(merge.blocks() > 90, "{}", merge.blocks());
    let mut steps = 0;
    while !merge.step(&db, 7).unwrap() {
        check(&db, FAN_IN as u32, false);
        steps += 1;
    }
    assert!(steps > 10, "{steps}");
    assert_eq!(Segment::load(&db).unwrap().len(), 1);
    let mut deletions = 0;
    while delete_garbage(&db, 5).unwrap() {
        deletions += 1;
    }
    assert!(deletions > 20, "{deletions}");
    check(&db, FAN_IN as u32, true);
    assert!(!is_due(&db).unwrap());
}

#[test]
fn a_merge_that_is_given_up_at_any_step_is_made_anew_beside_new_segments() {
    for given_up in [0, 1, 5, 11] {
        let directory = tempfile::tempdir().unwrap();
        let db = file(directory.path(), FAN_IN as u32);
        let mut merge = Merge::begin(&db).unwrap().unwrap();
        for _ in 0..given_up {
            assert!(!merge.step(&db, 7).unwrap());
        }
        drop(merge);
        // As the next process finds it.
        drop(db);
        let config = SqliteConfig::new(directory.path());
        let db = super::schema::open_to_write(&directory.path().join("spans.sqlite"), &config).unwrap();
        assert!(is_due(&db).unwrap());
        write(&db, FAN_IN as u32, FAN_IN as u32 + 3);
        while delete_garbage(&db, 4).unwrap() {}
        check(&db, FAN_IN as u32 + 3, true);
        let mut merge = Merge::begin(&db).unwrap().unwrap();
        while !merge.step(&db, 9).unwrap() {}
        while delete_garbage(&db, 9).unwrap() {}
        check(&db, FAN_IN as u32 + 3, true);
        assert_eq!(Segment::load(&db).unwrap().len(), 4);
    }
}
