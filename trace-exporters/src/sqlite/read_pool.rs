//! The threads that read.

use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;
use trace_core::store::ReadError;

use super::readers::Readers;

/// Questions that wait; further ones are answered with "busy".
const WAITING: usize = 256;

/// Whether nobody waits for the answer any more.
pub(super) type Cancelled<'a> = dyn Fn() -> bool + 'a;

type Question = Box<dyn FnOnce(&mut Readers) + Send>;

/// The threads that read. They end when the pool is dropped, each with its question.
#[derive(Debug)]
pub(super) struct ReadPool {
    questions: Option<SyncSender<Question>>,
    threads: Vec<JoinHandle<()>>,
}

impl ReadPool {
    /// Starts a thread for each of these.
    pub(super) fn start(readers: Vec<Readers>) -> std::io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel::<Question>(WAITING);
        let asked = Arc::new(Mutex::new(asked));
        let mut pool = Self { questions: Some(questions), threads: Vec::new() };
        for readers in readers {
            let asked = asked.clone();
            let thread = std::thread::Builder::new().name("trace-sqlite-read".to_owned());
            pool.threads.push(thread.spawn(move || work(&asked, readers))?);
        }
        Ok(pool)
    }

    /// Has one of the threads answer. Dropping the future tells it to stop.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Readers, &Cancelled<'_>) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let unavailable =
            |message: &str| ReadError::Unavailable { message: format!("sqlite: {message}"), source: None };
        let (answer, answered) = oneshot::channel();
        let question: Question = Box::new(move |readers| {
            if !answer.is_closed() {
                let result = question(readers, &|| answer.is_closed());
                let _ = answer.send(result);
            }
        });
        match self.questions.as_ref().map(|q| q.try_send(question)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => return Err(unavailable("256 questions wait already")),
            Some(Err(TrySendError::Disconnected(_))) | None => {
                return Err(unavailable("the store is closed"));
            }
        }
        answered.await.unwrap_or_else(|_| Err(unavailable("the question could not be answered")))
    }
}

fn work(asked: &Mutex<Receiver<Question>>, mut readers: Readers) {
    loop {
        let question = asked.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(question) = question else { break };
        // A panic of one question must not take the thread from the others.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| question(&mut readers)));
        readers.end();
    }
}

impl Drop for ReadPool {
    fn drop(&mut self) {
        self.questions = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
