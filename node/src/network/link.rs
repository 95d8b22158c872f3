//! One link: the task that owns a connection's stream, hands frames up and writes queued ones out.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use libp2p::swarm::Stream;
use swabmesh_protocol::limits::FRAME_BYTES_MAX;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::figures::{Counters, Disconnect};
use super::frame::{FrameError, read_frame, write_frame};
use super::outbox::{Outboxes, Waiting};
use super::rate::{Meter, Meters};
use super::{LinkId, NetworkEvent, NetworkLimits, NetworkTimes, PROBATION_FRAME_BYTES_MAX};

/// How a link is made to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// At once.
    Now(Disconnect),
    /// When what is queued has left and the peer has closed its side too, or the time for it is over.
    Drained(Disconnect),
}

/// What the tasks of all links share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) events: mpsc::Sender<NetworkEvent>,
    pub(super) ended: mpsc::Sender<(LinkId, Disconnect)>,
    pub(super) outboxes: Arc<Outboxes>,
    pub(super) counters: Arc<Counters>,
    pub(super) meters: Arc<Meters>,
    pub(super) limits: NetworkLimits,
    pub(super) times: NetworkTimes,
}

/// One link's task.
pub(super) struct Link {
    pub(super) link: LinkId,
    pub(super) shared: Shared,
    pub(super) meter: Arc<Meter>,
    pub(super) waiting: Waiting,
    pub(super) admitted: watch::Receiver<bool>,
    pub(super) probation_ends: Instant,
}

impl Link {
    pub(super) async fn run(mut self, connected: NetworkEvent, stream: Stream, stopped: oneshot::Receiver<Stop>) {
        let reason = self.carry(connected, stream, stopped).await;
        self.shared.outboxes.remove(self.link);
        self.shared.meters.remove(self.link);
        // The driver first: it must be able to redial while the upper layer is busy. Either is gone only when all is.
        let _ = self.shared.ended.send((self.link, reason)).await;
        let _ = self.shared.events.send(NetworkEvent::Disconnected { link: self.link, reason }).await;
    }

    async fn carry(&mut self, connected: NetworkEvent, stream: Stream, stopped: oneshot::Receiver<Stop>) -> Disconnect {
        let Self { link, shared, meter, waiting, admitted, probation_ends } = self;
        let (mut reader, mut writer) = stream.split();
        let mut transmit = pin!(transmit(*link, (shared, meter), waiting, admitted.clone(), &mut writer));
        let stop = {
            let receive = pin!(async {
                match shared.events.send(connected).await {
                    Ok(()) => receive(*link, (shared, meter), admitted.clone(), &mut reader).await,
                    Err(_) => Disconnect::Shutdown,
                }
            });
            let probation = pin!(probation(admitted.clone(), *probation_ends));
            tokio::select! {
                biased;
                stop = stopped => stop.unwrap_or(Stop::Now(Disconnect::Shutdown)),
                reason = receive => Stop::Now(reason),
                reason = &mut transmit => Stop::Now(reason),
                reason = probation => Stop::Now(reason),
            }
        };
        match stop {
            Stop::Now(reason) => reason,
            Stop::Drained(reason) => {
                // Out of the table the queue takes nothing more and ends; only then does `transmit` close our side.
                shared.outboxes.remove(*link);
                let drained = async {
                    transmit.await;
                    until_closed(&mut reader).await;
                };
                if timeout(shared.times.drain_max, drained).await.is_err() {
                    tracing::debug!(link = link.0, "closed before everything queued had left");
                }
                reason
            }
        }
    }
}

/// Waits until a stranger's time is over; for ever once it is admitted.
async fn probation(mut admitted: watch::Receiver<bool>, ends: Instant) -> Disconnect {
    let admitted = timeout_at(ends, admitted.wait_for(|admitted| *admitted)).await.is_ok();
    if admitted { std::future::pending().await } else { Disconnect::Probation }
}

/// Hands frames up until the stream ends. A stranger is heard with one frame; what follows stays unread until it is admitted.
async fn receive(
    link: LinkId,
    (shared, meter): (&Shared, &Meter),
    mut admitted: watch::Receiver<bool>,
    reader: &mut ReadHalf<Stream>,
) -> Disconnect {
    loop {
        let bytes_max = || if *admitted.borrow() { FRAME_BYTES_MAX } else { PROBATION_FRAME_BYTES_MAX };
        let bytes = match read_frame(reader, bytes_max, shared.times.silence_max).await {
            Ok(bytes) if bytes.is_empty() => continue,
            Ok(bytes) => bytes,
            Err(FrameError::Ended) => return Disconnect::Peer,
            Err(FrameError::Stalled) => return Disconnect::Silent,
            Err(FrameError::Oversize { bytes }) => {
                // Counted by its reason; no louder, because a stranger can repeat it at will.
                tracing::debug!(link = link.0, bytes, "a peer announced a frame above the bound");
                return Disconnect::Oversize;
            }
            Err(FrameError::Lost(error)) => {
                tracing::debug!(link = link.0, %error, "a link was lost");
                return Disconnect::Lost;
            }
        };
        shared.counters.received(bytes.len());
        let unpaid = meter.received(bytes.len());
        if shared.events.send(NetworkEvent::Frame { link, bytes }).await.is_err() {
            return Disconnect::Shutdown;
        }
        if admitted.wait_for(|admitted| *admitted).await.is_err() {
            return Disconnect::Shutdown;
        }
        // What is not read keeps the peer from sending: the limit holds for both directions.
        if !unpaid.is_zero() {
            sleep(unpaid).await;
        }
    }
}

/// Writes queued frames, and a heartbeat when there was none for a while; a stranger gets no heartbeat.
/// Closes our side and returns once the link has left the table and its queue is empty.
async fn transmit(
    link: LinkId,
    (shared, meter): (&Shared, &Meter),
    waiting: &mut Waiting,
    admitted: watch::Receiver<bool>,
    writer: &mut WriteHalf<Stream>,
) -> Disconnect {
    let stall_max = shared.times.stall_max;
    let mut beat = Instant::now() + shared.times.heartbeat;
    let mut owes_word = false;
    let mut paid_at = Instant::now();
    loop {
        let unpaid = paid_at > Instant::now();
        let frame = tokio::select! {
            biased;
            // Beside the rest: frames and heartbeats must go on while the upper layer is busy.
            room = shared.events.reserve(), if owes_word => match room {
                Ok(room) => {
                    room.send(NetworkEvent::Writable { link });
                    owes_word = false;
                    continue;
                }
                Err(_) => return Disconnect::Shutdown,
            },
            frame = waiting.next(), if !unpaid => frame,
            () = sleep_until(paid_at), if unpaid => continue,
            () = sleep_until(beat) => Some(Vec::new()),
        };
        let written = match frame {
            None => return end(writer, stall_max).await,
            Some(frame) if frame.is_empty() => {
                if *admitted.borrow() {
                    write_frame(writer, &frame, stall_max).await
                } else {
                    Ok(())
                }
            }
            Some(frame) => {
                let written = write_frame(writer, &frame, stall_max).await;
                waiting.left(frame.len());
                paid_at = Instant::now() + meter.sent(frame.len());
                written.inspect(|()| shared.counters.sent(frame.len()))
            }
        };
        let flushed = match written {
            Ok(()) if waiting.is_empty() => flush(writer, stall_max).await,
            Ok(()) | Err(_) => written,
        };
        match flushed {
            Ok(()) => beat = Instant::now() + shared.times.heartbeat,
            Err(FrameError::Stalled) => return Disconnect::SlowPeer,
            Err(FrameError::Ended | FrameError::Lost(_) | FrameError::Oversize { .. }) => return Disconnect::Lost,
        }
        owes_word |= waiting.take_word_of_room();
    }
}

async fn flush(writer: &mut WriteHalf<Stream>, stall_max: Duration) -> Result<(), FrameError> {
    timeout(stall_max, writer.flush()).await.map_err(|_| FrameError::Stalled)?.map_err(FrameError::Lost)
}

async fn end(writer: &mut WriteHalf<Stream>, stall_max: Duration) -> Disconnect {
    match timeout(stall_max, writer.close()).await {
        Ok(Ok(())) => Disconnect::Here,
        Ok(Err(_)) => Disconnect::Lost,
        Err(_) => Disconnect::SlowPeer,
    }
}

/// Reads and forgets until the peer has closed its side, which it does when it has read everything of ours.
///
/// Closing the connection earlier truncates: bytes unread in our receive buffer make the kernel reset it, and the peer's unread ones are lost.
async fn until_closed(reader: &mut ReadHalf<Stream>) {
    // On the heap: in the task's own state it would cost every idle link four kilobytes.
    let mut space = vec![0; 4_096];
    while reader.read(&mut space).await.is_ok_and(|bytes| bytes > 0) {}
}
