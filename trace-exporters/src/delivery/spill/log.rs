//! The log: segments, the place of writing, the place of reading, and what has been lost.

use std::collections::VecDeque;
use std::io;

use super::cursor::Cursor;
use super::disk::{Disk, LogFile as _};
use super::frame::{HEADER, Header};

/// How much a log may hold, and how sure it must be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) segment_bytes: u64,
    pub(super) max_bytes: u64,
    /// Every frame is forced to the disk.
    pub(super) sync_each: bool,
    /// Names and full segments are.
    pub(super) sync_segments: bool,
}

/// A file of frames.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u64,
    /// In whole frames.
    pub(super) bytes: u64,
    /// Records before its first frame.
    pub(super) first: u64,
    /// Something in it could not be read: it is set aside in the end.
    pub(super) damaged: bool,
}

impl Segment {
    pub(super) fn file_name(number: u64) -> String {
        format!("{number:020}.seg")
    }

    /// The number of the segment of this name.
    pub(super) fn number_of(name: &str) -> Option<u64> {
        let digits = name.strip_suffix(".seg").filter(|d| d.len() == 20)?;
        digits.parse().ok()
    }
}

/// Frames that have been read and are neither delivered nor given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlight {
    pub(super) start: Cursor,
    pub(super) records: u64,
    /// Its segment has been dropped; only the reader has it.
    pub(super) evicted: bool,
}

/// Records lost since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// To make room.
    pub(super) full: u64,
    /// In frames that could not be read.
    pub(super) corrupt: u64,
}

/// A log in a folder. One thread appends, one reads; a mutex is around it.
#[derive(Debug)]
pub(super) struct Log<D: Disk> {
    pub(super) disk: D,
    pub(super) limits: Limits,
    /// Oldest first.
    pub(super) segments: VecDeque<Segment>,
    /// Names and sizes of damaged segments, oldest first.
    pub(super) aside: VecDeque<(String, u64)>,
    /// Of the last segment; `None` if the next frame begins a new one.
    pub(super) writer: Option<D::File>,
    pub(super) reader: Option<(u64, D::File)>,
    pub(super) next_number: u64,
    /// Records written since the log began.
    pub(super) written: u64,
    /// The next frame to read.
    pub(super) next: Cursor,
    pub(super) in_flight: Option<InFlight>,
    pub(super) unsynced: bool,
    pub(super) losses: Losses,
    /// Files that could not be written, replaced, renamed or removed.
    pub(super) failures: u64,
}

/// Name of the file with the place of reading.
pub(super) const STATE: &str = "state";

impl<D: Disk> Log<D> {
    /// Writes a frame: `frame` has room for a header, and then the payload.
    ///
    /// # Errors
    /// If it cannot be written; then nothing of it counts. `InvalidInput` if the log can never hold it.
    pub(super) fn append(&mut self, kind: u8, records: u32, time: u64, frame: &mut [u8]) -> io::Result<()> {
        let too_large = || io::Error::new(io::ErrorKind::InvalidInput, "the batch is larger than the log");
        let (head, payload) = frame.split_at_mut_checked(HEADER).ok_or_else(too_large)?;
        let header = Header::new(kind, records, self.written, time, payload).ok_or_else(too_large)?;
        if header.frame_len() > self.limits.max_bytes {
            return Err(too_large());
        }
        head.copy_from_slice(&header.to_bytes());
        self.make_room(header.frame_len());
        if let Err(e) = self.write(header.frame_len(), frame) {
            self.failures += 1;
            return Err(e);
        }
        self.written = header.after();
        Ok(())
    }

    fn write(&mut self, length: u64, frame: &[u8]) -> io::Result<()> {
        let full = |s: &Segment| s.bytes > 0 && s.bytes + length > self.limits.segment_bytes;
        if self.writer.is_none() || self.segments.back().is_none_or(full) {
            self.begin_segment()?;
        }
        let (Some(file), Some(segment)) = (&mut self.writer, self.segments.back_mut()) else {
            return Err(io::Error::other("no segment"));
        };
        let mut result = file.append(frame);
        if result.is_ok() && self.limits.sync_each {
            result = file.sync();
        }
        if result.is_err() {
            // A part of it may be there. Readers pass over it if it cannot be cut off.
            if file.truncate(segment.bytes).is_err() {
                self.writer = None;
            }
            return result;
        }
        segment.bytes += length;
        self.unsynced = !self.limits.sync_each;
        Ok(())
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        if self.limits.sync_segments {
            self.sync()?;
        }
        let number = self.next_number;
        let file = self.disk.create(&Segment::file_name(number))?;
        if self.limits.sync_segments {
            self.disk.sync_names()?;
        }
        self.next_number += 1;
        self.writer = Some(file);
        self.segments.push_back(Segment { number, bytes: 0, first: self.written, damaged: false });
        Ok(())
    }

    /// Forces to the disk what has been written.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if let (true, Some(file)) = (self.unsynced, &mut self.writer) {
            file.sync()?;
        }
        self.unsynced = false;
        Ok(())
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        self.segments.iter().map(|s| s.bytes).sum::<u64>() + self.aside.iter().map(|(_, n)| n).sum::<u64>()
    }

    /// Records that are neither delivered nor lost.
    pub(super) fn held(&self) -> u64 {
        self.written.saturating_sub(self.next.records) + self.in_flight.map_or(0, |f| f.records)
    }

    /// Drops the oldest until there is room: first what was set aside, then what was not read.
    fn make_room(&mut self, length: u64) {
        while self.bytes().saturating_add(length) > self.limits.max_bytes {
            if let Some((name, _)) = self.aside.pop_front() {
                let removed = self.disk.remove(&name);
                self.note(removed);
            } else if !self.evict() {
                return;
            }
        }
    }

    fn evict(&mut self) -> bool {
        let Some(oldest) = self.segments.pop_front() else { return false };
        let (number, records) = match self.segments.front() {
            Some(following) => (following.number, following.first),
            None => {
                self.writer = None;
                (self.next_number, self.written)
            }
        };
        if self.next.segment <= oldest.number {
            self.losses.full += records.saturating_sub(self.next.records);
            self.next = Cursor { segment: number, offset: 0, records: records.max(self.next.records) };
        }
        if let Some(f) = self.in_flight.as_mut().filter(|f| f.start.segment <= oldest.number) {
            f.evicted = true;
        }
        self.persist();
        self.drop_file(&oldest);
        true
    }

    pub(super) fn drop_file(&mut self, segment: &Segment) {
        self.reader.take_if(|(number, _)| *number == segment.number);
        let name = Segment::file_name(segment.number);
        let done = if segment.damaged {
            let aside = format!("{name}.corrupt");
            let renamed = self.disk.rename(&name, &aside);
            self.aside.push_back((aside, segment.bytes));
            renamed
        } else {
            self.disk.remove(&name)
        };
        self.note(done);
    }

    pub(super) fn note(&mut self, result: io::Result<()>) {
        self.failures += u64::from(result.is_err());
    }

    /// Writes down how far the destination has come.
    pub(super) fn persist(&mut self) {
        let unsettled = self.in_flight.filter(|f| !f.evicted).map(|f| f.start);
        let text = unsettled.unwrap_or(self.next).to_text();
        let replaced = self.disk.replace(STATE, text.as_bytes());
        self.note(replaced);
    }
}
