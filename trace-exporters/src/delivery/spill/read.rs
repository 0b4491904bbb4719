//! Reading the log, oldest first.

use std::io;

use super::cursor::Cursor;
use super::disk::{Disk, LogFile as _};
use super::frame::{HEADER, Header};
use super::log::{InFlight, Log, Segment};
use super::scan::{Scan, Stretch};

/// A frame from the log.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

impl<D: Disk> Log<D> {
    /// The oldest frame that has not been delivered, or `None` if there is none. Only those taken
    /// along with it are under way at the same time: [`Log::settle`] or [`Log::give_back`] comes before the next.
    ///
    /// # Errors
    /// If the disk fails to read. What is there but damaged is passed over and counted.
    pub(super) fn take(&mut self) -> io::Result<Option<Taken>> {
        if self.in_flight.is_some() {
            return Ok(None);
        }
        while let Some((number, bytes)) = self.seek() {
            let offset = self.next.offset;
            let taken = match self.frame_at(number, offset, bytes) {
                Ok(found) => found,
                // Somebody removed the file.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    self.next.offset = bytes;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let Some(taken) = taken else {
                self.step_over(number, bytes)?;
                continue;
            };
            let header = taken.header;
            self.lose_up_to(header.before);
            let start = self.next;
            self.next = Cursor {
                segment: number,
                offset: offset + header.frame_len(),
                records: self.next.records.max(header.after()),
            };
            // Less than the frame has, if the place of reading is ahead of the log, as after a loss of power.
            let records = self.next.records - start.records;
            self.in_flight = Some(InFlight { start, records, evicted: false });
            return Ok(Some(taken));
        }
        Ok(None)
    }

    /// The frame behind those under way, if it is small enough to travel with them and nothing lies between.
    ///
    /// # Errors
    /// If the disk fails to read.
    pub(super) fn take_along(&mut self, records: u64, bytes: u64) -> io::Result<Option<Taken>> {
        let Some(in_flight) = self.in_flight.filter(|f| !f.evicted) else { return Ok(None) };
        let next = self.next;
        let segment = self.segments.iter().find(|s| s.number == next.segment).map(|s| s.bytes);
        let Some(end) = segment.filter(|end| next.offset < *end) else { return Ok(None) };
        let fits = |t: &Taken| {
            let h = t.header;
            h.before == next.records && u64::from(h.records) <= records && h.frame_len() <= bytes
        };
        let Some(taken) = self.frame_at(next.segment, next.offset, end)?.filter(fits) else {
            return Ok(None);
        };
        self.next.offset += taken.header.frame_len();
        self.next.records = taken.header.after();
        let records = in_flight.records + u64::from(taken.header.records);
        self.in_flight = Some(InFlight { records, ..in_flight });
        Ok(Some(taken))
    }

    /// The segment of the next frame, and its length; `None` if everything has been read.
    fn seek(&mut self) -> Option<(u64, u64)> {
        loop {
            let at = self.segments.partition_point(|s| s.number < self.next.segment);
            let Some(segment) = self.segments.get(at) else {
                self.lose_up_to(self.written);
                return None;
            };
            if segment.number > self.next.segment {
                self.next = Cursor { segment: segment.number, offset: 0, ..self.next };
            }
            let (number, bytes) = (segment.number, segment.bytes);
            if self.next.offset < bytes {
                return Some((number, bytes));
            }
            let Some(following) = self.segments.get(at + 1) else {
                self.lose_up_to(self.written);
                return None;
            };
            self.next = Cursor { segment: following.number, offset: 0, ..self.next };
        }
    }

    /// Counts what lies between the place of reading and here, which cannot be read.
    fn lose_up_to(&mut self, records: u64) {
        self.losses.corrupt += records.saturating_sub(self.next.records);
        self.next.records = self.next.records.max(records);
    }

    /// The frame there, or `None` if there is no whole one.
    fn frame_at(&mut self, number: u64, offset: u64, end: u64) -> io::Result<Option<Taken>> {
        let file = self.file(number)?;
        let mut head = [0; HEADER];
        if end.saturating_sub(offset) < HEADER as u64 {
            return Ok(None);
        }
        file.read_at(offset, &mut head).or_else(short)?;
        let Some(header) = Header::read(&head).filter(|h| offset.saturating_add(h.frame_len()) <= end) else {
            return Ok(None);
        };
        let mut payload = vec![0; header.length as usize];
        file.read_at(offset + HEADER as u64, &mut payload).or_else(short)?;
        Ok(header.fits(&payload).then_some(Taken { header, payload }))
    }

    fn file(&mut self, number: u64) -> io::Result<&mut D::File> {
        let open = self.reader.take().filter(|(of, _)| *of == number);
        let file = match open {
            Some((_, file)) => file,
            None => self.disk.open(&Segment::file_name(number))?,
        };
        Ok(&mut self.reader.insert((number, file)).1)
    }

    /// Goes to the next whole frame of the segment, or to its end.
    fn step_over(&mut self, number: u64, end: u64) -> io::Result<()> {
        let from = self.next.offset;
        let mut rest = vec![0; usize::try_from(end - from).unwrap_or(0)];
        self.file(number)?.read_at(from, &mut rest).or_else(short)?;
        let whole = Scan::new(&rest, 0).find(|(_, _, s)| matches!(s, Stretch::Frame(_)));
        self.next.offset = whole.map_or(end, |(at, _, _)| from + at as u64);
        if let Some(segment) = self.segments.iter_mut().find(|s| s.number == number) {
            segment.damaged = true;
        }
        Ok(())
    }

    /// The frame under way is delivered, or lost for good: writes that down, and drops segments that are done with.
    pub(super) fn settle(&mut self) {
        self.in_flight = None;
        self.seek();
        self.persist();
        while self.segments.front().is_some_and(|s| s.number < self.next.segment) {
            if let Some(done) = self.segments.pop_front() {
                self.drop_file(&done);
            }
        }
    }

    /// The frame under way is not delivered: it is the next one again, unless its room was needed.
    pub(super) fn give_back(&mut self) {
        if let Some(f) = self.in_flight.take() {
            if f.evicted {
                self.losses.full += f.records;
            } else {
                self.next = f.start;
            }
        }
    }
}

/// A file that is shorter than it was counts as damaged, not as a failure of the disk.
fn short(e: io::Error) -> io::Result<()> {
    if e.kind() == io::ErrorKind::UnexpectedEof { Ok(()) } else { Err(e) }
}
