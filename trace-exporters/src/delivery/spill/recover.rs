//! Opening a log, whatever the last run left.

use std::collections::VecDeque;
use std::io;

use super::cursor::Cursor;
use super::disk::{Disk, LogFile as _};
use super::frame::{HEADER, Header};
use super::log::{Limits, Log, Losses, STATE, Segment};
use super::scan::{Scan, Stretch};

/// What an earlier run left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recovered {
    /// Records that are held.
    pub(super) records: u64,
    /// Bytes of a frame that was being written.
    pub(super) torn_bytes: u64,
}

impl<D: Disk> Log<D> {
    /// The log in a folder: empty, or as it was left. Writing begins a new segment.
    ///
    /// # Errors
    /// If the disk fails to list or read.
    pub(super) fn open(disk: D, limits: Limits) -> io::Result<(Self, Recovered)> {
        let state = disk.read(STATE).ok().and_then(|text| Cursor::parse(&text));
        let mut files = disk.list()?;
        files.sort();
        let mut segments = VecDeque::new();
        let mut aside = VecDeque::new();
        for (name, bytes) in files {
            if let Some(number) = Segment::number_of(&name) {
                segments.push_back(Segment { number, bytes, first: 0, damaged: false });
            } else if name.ends_with(".seg.corrupt") {
                aside.push_back((name, bytes));
            }
        }
        let newest = segments.back().map_or(0, |s| s.number);
        let mut log = Self {
            disk,
            limits,
            segments,
            aside,
            writer: None,
            reader: None,
            next_number: newest.max(state.map_or(0, |s| s.segment)) + 1,
            written: state.map_or(0, |s| s.records),
            next: Cursor::default(),
            in_flight: None,
            unsynced: false,
            losses: Losses::default(),
            failures: 0,
        };
        let torn_bytes = log.mend()?;
        log.resume(state);
        let records = log.held();
        Ok((log, Recovered { records, torn_bytes }))
    }

    /// Cuts off what was being written, and finds where the running counts are.
    fn mend(&mut self) -> io::Result<u64> {
        let (mut torn_bytes, mut counted) = (0, false);
        while let Some(last) = self.segments.back_mut() {
            let name = Segment::file_name(last.number);
            let bytes = self.disk.read(&name)?;
            let mut whole = 0;
            for (start, end, stretch) in Scan::new(&bytes, 0) {
                match stretch {
                    Stretch::Frame(header) | Stretch::Damaged(header) => {
                        self.written = self.written.max(header.after());
                        counted = true;
                    }
                    Stretch::Garbage => {}
                    Stretch::Torn => {
                        // Its header may be whole, and says what was before it.
                        if let Some(header) = bytes.get(start..).and_then(Header::read) {
                            self.written = self.written.max(header.before);
                            counted = true;
                        }
                        break;
                    }
                }
                whole = end as u64;
            }
            let torn = bytes.len() as u64 - whole;
            last.bytes = whole;
            torn_bytes += torn;
            if whole > 0 {
                if torn > 0 {
                    // Where that fails, readers know where the last whole frame ends.
                    let cut = self.disk.open(&name).and_then(|mut file| file.truncate(whole));
                    self.note(cut);
                }
                break;
            }
            // It was begun and holds nothing: the running counts are in the one before.
            let removed = self.disk.remove(&name);
            self.note(removed);
            self.segments.pop_back();
        }
        if !counted {
            self.count_from_others()?;
        }
        let mut following = self.written;
        for at in (0..self.segments.len()).rev() {
            let number = self.segments.get(at).map_or(0, |s| s.number);
            let first = self.first_of(number)?.unwrap_or(following).min(following);
            if let Some(segment) = self.segments.get_mut(at) {
                segment.first = first;
            }
            following = first;
        }
        Ok(torn_bytes)
    }

    /// Finds the running count when the last segment is all damage.
    fn count_from_others(&mut self) -> io::Result<()> {
        for segment in self.segments.iter().rev().skip(1) {
            let bytes = self.disk.read(&Segment::file_name(segment.number))?;
            let after = Scan::new(&bytes, 0).filter_map(|(_, _, stretch)| match stretch {
                Stretch::Frame(header) | Stretch::Damaged(header) => Some(header.after()),
                Stretch::Garbage | Stretch::Torn => None,
            });
            if let Some(after) = after.max() {
                self.written = self.written.max(after);
                break;
            }
        }
        Ok(())
    }

    /// Records before the first whole frame of a segment.
    fn first_of(&self, number: u64) -> io::Result<Option<u64>> {
        let name = Segment::file_name(number);
        let mut head = [0; HEADER];
        match self.disk.open(&name)?.read_at(0, &mut head) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        if let Some(header) = Header::read(&head) {
            return Ok(Some(header.before));
        }
        let bytes = self.disk.read(&name)?;
        Ok(Scan::new(&bytes, 0).find_map(|(_, _, s)| match s {
            Stretch::Frame(header) => Some(header.before),
            _ => None,
        }))
    }

    /// Goes to where the destination had come, and removes what is before.
    fn resume(&mut self, state: Option<Cursor>) {
        let start = self.segments.front().map(|s| Cursor { segment: s.number, offset: 0, records: s.first });
        self.next = match (state, start) {
            (Some(state), Some(start)) if state >= start => state,
            // Segments before it are gone: the running counts say what that costs.
            (Some(state), Some(start)) => Cursor { records: state.records.min(start.records), ..start },
            (None, Some(start)) => start,
            (state, None) => Cursor { records: self.written, ..state.unwrap_or_default() },
        };
        let next = self.next.segment;
        while self.segments.front().is_some_and(|s| s.number < next) {
            if let Some(done) = self.segments.pop_front() {
                self.drop_file(&done);
            }
        }
        if let Some(segment) = self.segments.iter().find(|s| s.number == next) {
            self.next.offset = self.next.offset.min(segment.bytes);
        }
    }
}
