//! From a thread that reads the log to an answer that is sent meanwhile, with a bound between them.

use std::io::{self, BufWriter, Write};

use axum::body::Body;
use futures::stream::unfold;
use tokio::sync::mpsc;

use super::ExportError;

/// Bytes handed over at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that may wait for whoever reads the answer; then the reading of the log waits.
const PIECES_MAX: usize = 16;

type Piece = Result<Vec<u8>, io::Error>;

/// The end that is written to.
pub(in crate::city) struct Pipe(mpsc::Sender<Piece>);

/// A pipe: what is written to it, and the body that carries it.
pub(in crate::city) fn pipe() -> (Pipe, Body) {
    let (pieces, waiting) = mpsc::channel::<Piece>(PIECES_MAX);
    let stream = unfold(waiting, |mut waiting| async move { Some((waiting.recv().await?, waiting)) });
    (Pipe(pieces), Body::from_stream(stream))
}

impl Pipe {
    /// Lets `write` fill it, on a thread that may wait. An error breaks the answer off.
    pub(in crate::city) fn fill(self, write: impl FnOnce(&mut dyn Write) -> Result<u64, ExportError>) {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, self);
        let written = write(&mut out).and_then(|count| out.flush().map(|()| count).map_err(ExportError::from));
        if let Err(error) = written {
            tracing::warn!(%error, "an export broke off");
            // Without this the answer would end as if it were whole. Whoever went away needs no telling.
            let _ = out.get_ref().0.blocking_send(Err(io::Error::other(error)));
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(bytes.to_vec())).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_export_that_fails_never_looks_whole() {
        let (whole, body) = pipe();
        std::thread::spawn(move || whole.fill(|out| Ok(out.write_all(&[7; 200_000]).map(|()| 1)?)));
        assert_eq!(axum::body::to_bytes(body, 1 << 20).await.unwrap().len(), 200_000);

        let (broken, body) = pipe();
        std::thread::spawn(move || {
            broken.fill(|out| {
                out.write_all(&[7; 100_000])?;
                Err(io::Error::other("the disk").into())
            });
        });
        assert!(axum::body::to_bytes(body, 1 << 20).await.is_err());
    }
}
