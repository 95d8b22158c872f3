//! Frames on a stream: a big-endian `u32` length, then that many bytes. Length zero is a heartbeat.

use std::io;
use std::time::Duration;

use futures::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use tokio::time::timeout;

/// Bytes of a length.
const LENGTH_BYTES: usize = 4;

/// Bytes handed to the stream at once with the length: what yamux puts into one of its own frames.
const PIECE_BYTES: usize = 16 * 1024;

/// Bytes set aside for a frame before any of them has arrived; doubles as they do.
///
/// A length costs its sender four bytes; without this, announcing 1 MiB on every link would cost the receiver a gigabyte per thousand peers.
const AHEAD_BYTES: usize = 64 * 1024;

const _: () = assert!(FRAME_BYTES_MAX <= u32::MAX as usize, "a frame's length fits its field");

/// Why no frame was read or written. The stream is unusable afterwards.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    /// The peer closed its side, between frames or within one.
    #[error("the stream ended")]
    Ended,
    /// The transport failed.
    #[error("the stream failed")]
    Lost(#[source] io::Error),
    /// Not one byte moved within the time allowed.
    #[error("no byte moved in time")]
    Stalled,
    /// The length is above the bound; nothing was allocated. The peer is at fault.
    #[error("a frame of {bytes} bytes was announced")]
    Oversize {
        /// As announced.
        bytes: u32,
    },
}

/// Reads one frame; empty for a heartbeat.
///
/// `stall_max` bounds the wait for the next byte, not for the whole frame: 1 MiB over 256 kbit/s takes half a minute of steady progress.
/// `bytes_max` is asked once the length is known.
pub(super) async fn read_frame<R: AsyncRead + Unpin>(
    stream: &mut R,
    bytes_max: impl Fn() -> usize,
    stall_max: Duration,
) -> Result<Vec<u8>, FrameError> {
    let mut length = [0; LENGTH_BYTES];
    fill(stream, &mut length, stall_max).await?;
    let announced = u32::from_be_bytes(length);
    let oversize = FrameError::Oversize { bytes: announced };
    let bytes = usize::try_from(announced).ok().filter(|&bytes| bytes <= bytes_max()).ok_or(oversize)?;
    let mut frame = Vec::new();
    while frame.len() < bytes {
        let filled = frame.len();
        let ahead = bytes.min(filled + filled.max(AHEAD_BYTES));
        frame.resize(ahead, 0);
        fill(stream, frame.get_mut(filled..).unwrap_or_default(), stall_max).await?;
    }
    Ok(frame)
}

/// Writes one frame; `stall_max` bounds the wait for the next byte to be taken.
pub(super) async fn write_frame<W: AsyncWrite + Unpin>(
    stream: &mut W,
    frame: &[u8],
    stall_max: Duration,
) -> Result<(), FrameError> {
    let length = u32::try_from(frame.len()).map_err(|_| FrameError::Oversize { bytes: u32::MAX })?;
    // Length and first bytes leave together: alone, the length would be a yamux frame, a noise message and a TCP segment.
    let (first, rest) = frame.split_at(frame.len().min(PIECE_BYTES - LENGTH_BYTES));
    let mut piece = Vec::with_capacity(LENGTH_BYTES + first.len());
    piece.extend_from_slice(&length.to_be_bytes());
    piece.extend_from_slice(first);
    drain(stream, &piece, stall_max).await?;
    drain(stream, rest, stall_max).await
}

async fn fill<R: AsyncRead + Unpin>(
    stream: &mut R,
    mut space: &mut [u8],
    stall_max: Duration,
) -> Result<(), FrameError> {
    while !space.is_empty() {
        match timeout(stall_max, stream.read(space)).await {
            Err(_) => return Err(FrameError::Stalled),
            Ok(Err(error)) => return Err(FrameError::Lost(error)),
            Ok(Ok(0)) => return Err(FrameError::Ended),
            Ok(Ok(taken)) => space = space.get_mut(taken..).unwrap_or_default(),
        }
    }
    Ok(())
}

async fn drain<W: AsyncWrite + Unpin>(stream: &mut W, mut bytes: &[u8], stall_max: Duration) -> Result<(), FrameError> {
    while !bytes.is_empty() {
        match timeout(stall_max, stream.write(bytes)).await {
            Err(_) => return Err(FrameError::Stalled),
            Ok(Err(error)) => return Err(FrameError::Lost(error)),
            Ok(Ok(0)) => return Err(FrameError::Ended),
            Ok(Ok(taken)) => bytes = bytes.get(taken..).unwrap_or_default(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn frames_are_read_as_they_were_written(lengths in proptest::collection::vec(0_usize..200_000, 1..6), byte: u8) {
            block(async {
                let frames: Vec<Vec<u8>> = lengths.iter().map(|&length| (byte..=u8::MAX).cycle().take(length).collect()).collect();
                let mut wire = Vec::new();
                for frame in &frames {
                    write_frame(&mut wire, frame, SOON).await.unwrap();
                }
                let mut reader = Cursor::new(wire);
                for frame in &frames {
                    assert_eq!(&read_frame(&mut reader, || FRAME_BYTES_MAX, SOON).await.unwrap(), frame);
                }
                assert!(matches!(read_frame(&mut reader, || FRAME_BYTES_MAX, SOON).await, Err(FrameError::Ended)));
            });
        }
    }

    #[test]
    fn a_length_above_the_bound_is_refused_before_its_bytes_are_read() {
        block(async {
            let mut reader = Cursor::new(4_097_u32.to_be_bytes().to_vec());
            let error = read_frame(&mut reader, || 4_096, SOON).await.unwrap_err();
            assert!(matches!(error, FrameError::Oversize { bytes: 4_097 }), "{error:?}");
        });
    }

    #[test]
    fn a_frame_cut_short_is_an_end_and_not_a_frame() {
        block(async {
            let mut reader = Cursor::new([0, 0, 0, 9, 1, 2, 3].to_vec());
            assert!(matches!(read_frame(&mut reader, || 9, SOON).await, Err(FrameError::Ended)));
        });
    }
}
