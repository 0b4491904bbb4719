//! A folder in memory that fills up, becomes read-only, tears writes and loses power.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::delivery::spill::disk::{Disk, LogFile};

#[derive(Debug, Default)]
pub(super) struct Inside {
    pub(super) files: BTreeMap<String, Content>,
    /// Bytes that may still be written, if that is limited.
    pub(super) room: Option<usize>,
    /// Changes that still work; then the machine is dead, until it is started again.
    pub(super) lives_for: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) synced: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct BrokenDisk(pub(super) Arc<Mutex<Inside>>);

#[derive(Debug)]
pub(super) struct BrokenFile(BrokenDisk, String);

impl BrokenDisk {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap()
    }

    /// The state of the machine for a change.
    fn change(&self) -> io::Result<MutexGuard<'_, Inside>> {
        let mut inside = self.lock();
        match &mut inside.lives_for {
            Some(0) => Err(io::Error::other("dead")),
            Some(n) => {
                *n -= 1;
                Ok(inside)
            }
            None => Ok(inside),
        }
    }

    /// Starts again after a kill.
    pub(super) fn restart(&self) {
        let mut inside = self.lock();
        (inside.room, inside.lives_for) = (None, None);
    }

    /// Starts again after a loss of power: of what was not forced to the disk, a part is there, or zeros are.
    pub(super) fn lose_power(&self, keep: usize, zeros: usize, lose_state: bool) {
        self.restart();
        let mut inside = self.lock();
        if lose_state {
            inside.files.remove("state");
        }
        for (_, file) in inside.files.iter_mut().filter(|(name, _)| name.ends_with(".seg")) {
            let unsynced = file.bytes.len() - file.synced;
            file.bytes.truncate(file.synced + keep.min(unsynced));
            let room = unsynced - keep.min(unsynced);
            file.bytes.resize(file.bytes.len() + zeros.min(room), 0);
        }
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for BrokenDisk {
    type File = BrokenFile;

    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        Ok(self.lock().files.iter().map(|(name, c)| (name.clone(), c.bytes.len() as u64)).collect())
    }

    fn create(&self, name: &str) -> io::Result<BrokenFile> {
        self.change()?.files.entry(name.to_owned()).or_default();
        Ok(BrokenFile(self.clone(), name.to_owned()))
    }

    fn open(&self, name: &str) -> io::Result<BrokenFile> {
        self.read(name).map(|_| BrokenFile(self.clone(), name.to_owned()))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.lock().files.get(name).map(|c| c.bytes.clone()).ok_or_else(missing)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inside = self.change()?;
        let content = inside.files.remove(from).ok_or_else(missing)?;
        inside.files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change()?.files.remove(name).map(drop).ok_or_else(missing)
    }

    fn replace(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let content = Content { bytes: content.to_vec(), synced: 0 };
        self.change()?.files.insert(name.to_owned(), content);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.change().map(drop)
    }
}

impl LogFile for BrokenFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inside = self.0.lock();
        let room = inside.room.unwrap_or(usize::MAX).min(bytes.len());
        // The last write of a machine that dies is torn.
        let (written, result) = match &mut inside.lives_for {
            Some(0) => return Err(io::Error::other("dead")),
            Some(n) => {
                *n -= 1;
                let torn = *n == 0;
                (if torn { room / 2 } else { room }, !torn)
            }
            None => (room, true),
        };
        inside.room = inside.room.map(|r| r - written);
        let file = inside.files.get_mut(&self.1).ok_or_else(missing)?;
        file.bytes.extend_from_slice(&bytes[..written]);
        if written == bytes.len() && result { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let inside = self.0.lock();
        let file = inside.files.get(&self.1).ok_or_else(missing)?;
        let offset = usize::try_from(offset).unwrap();
        let found = file.bytes.get(offset..offset + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut inside = self.0.change()?;
        let file = inside.files.get_mut(&self.1).ok_or_else(missing)?;
        file.bytes.truncate(usize::try_from(length).unwrap());
        file.synced = file.synced.min(file.bytes.len());
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inside = self.0.change()?;
        let file = inside.files.get_mut(&self.1).ok_or_else(missing)?;
        file.synced = file.bytes.len();
        Ok(())
    }
}
