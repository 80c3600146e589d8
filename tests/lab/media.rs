//! The audio of the phones and of the carrier: RTP in G.711 µ-law, many calls on one port.
//!
//! Asterisk uses a port of its own for every call, so that the port a packet comes from tells which call it belongs to.
//! In each call a tone is played from the moment that SIP allows it (early media or answer) until the call ends, and all
//! that is received is kept and counted. Two plain threads do it, whatever the test's runtime is busy with.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::audio;

/// Ten minutes; longer calls are counted, not recorded.
const LONGEST_RECORDING: usize = 600 * 8000;
const HEADER: usize = 12;

/// One call's audio, as one party has it.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    /// Number or extension of the party that hears and plays this.
    pub party: String,
    /// Packets with audio, in both directions.
    pub packets_received: u64,
    pub packets_sent: u64,
    /// Hertz that it plays at the moment.
    pub playing: Option<u32>,
    /// The call is over.
    pub ended: bool,
    remote_port: u16,
    source: u32,
    first_timestamp: Option<u32>,
    samples: Vec<i16>,
}

#[derive(Debug, Default)]
struct Streams {
    live: BTreeMap<String, Stream>,
    /// Call-ID by Asterisk's port, of live calls only: ports are used again.
    by_port: BTreeMap<u16, String>,
    /// Without their samples, which are in a file by then.
    ended: BTreeMap<String, Stream>,
}

/// The audio port of one SIP program.
#[derive(Clone, Debug)]
pub struct Media {
    port: u16,
    recordings: PathBuf,
    streams: Arc<Mutex<Streams>>,
}

impl Media {
    /// Takes a port, and plays and records on it until this process ends or the last handle is dropped.
    pub fn start(recordings: &Path) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        let media =
            Self { port: socket.local_addr()?.port(), recordings: recordings.to_owned(), streams: Arc::default() };
        let sender = socket.try_clone()?;
        let (receiving, sending) = (Arc::downgrade(&media.streams), Arc::downgrade(&media.streams));
        std::thread::spawn(move || {
            let mut packet = [0; 2048];
            while let Some(streams) = receiving.upgrade() {
                if let Ok((length, from)) = socket.recv_from(&mut packet) {
                    receive(&mut lock(&streams), from.port(), &packet[..length]);
                }
            }
        });
        std::thread::spawn(move || {
            let mut next = Instant::now();
            while let Some(streams) = sending.upgrade() {
                send_frames(&mut lock(&streams), &sender);
                drop(streams);
                next += Duration::from_millis(20);
                std::thread::sleep(next.saturating_duration_since(Instant::now()));
            }
        });
        Ok(media)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A call begins, or its other end moved to another port.
    pub fn open(&self, call_id: &str, party: &str, remote_port: u16) {
        let mut streams = lock(&self.streams);
        let source = u32::try_from(streams.live.len() + streams.ended.len()).unwrap_or(0) + 1;
        let stream = streams.live.entry(call_id.to_owned()).or_insert_with(|| Stream { source, ..Stream::default() });
        party.clone_into(&mut stream.party);
        let old = std::mem::replace(&mut stream.remote_port, remote_port);
        streams.by_port.remove(&old);
        streams.by_port.insert(remote_port, call_id.to_owned());
    }

    pub fn play(&self, call_id: &str, hz: u32) {
        if let Some(stream) = lock(&self.streams).live.get_mut(call_id) {
            stream.playing = Some(hz);
        }
    }

    /// The call is over: what was heard goes to a file.
    pub fn close(&self, call_id: &str) {
        let mut streams = lock(&self.streams);
        let Some(mut stream) = streams.live.remove(call_id) else { return };
        streams.by_port.remove(&stream.remote_port);
        stream.ended = true;
        stream.playing = None;
        let samples = std::mem::take(&mut stream.samples);
        if !samples.is_empty()
            && let Err(error) = audio::write_wav(&self.recording(&stream.party, call_id), &samples)
        {
            tracing::warn!(%error, "a call's audio is lost");
        }
        streams.ended.insert(call_id.to_owned(), stream);
    }

    /// Counts and state of one call by its SIP Call-ID.
    pub fn stream(&self, call_id: &str) -> Option<Stream> {
        let streams = lock(&self.streams);
        let stream = streams.live.get(call_id).or_else(|| streams.ended.get(call_id))?;
        Some(Stream { party: stream.party.clone(), samples: Vec::new(), ..*stream })
    }

    /// What has been heard in one call, up to now.
    pub fn heard(&self, call_id: &str) -> Vec<i16> {
        let streams = lock(&self.streams);
        if let Some(stream) = streams.live.get(call_id) {
            return stream.samples.clone();
        }
        let Some(stream) = streams.ended.get(call_id) else { return Vec::new() };
        std::fs::read(self.recording(&stream.party, call_id))
            .ok()
            .and_then(|file| audio::read_wav(&file).ok())
            .map(|(samples, _)| samples)
            .unwrap_or_default()
    }

    fn recording(&self, party: &str, call_id: &str) -> PathBuf {
        self.recordings.join(format!("{party}-{call_id}.wav"))
    }
}

impl Stream {
    /// Puts a frame where its timestamp says, silence where packets are missing.
    fn record(&mut self, timestamp: u32, payload: &[u8]) {
        let first = *self
            .first_timestamp
            .get_or_insert_with(|| timestamp.wrapping_sub(u32::try_from(self.samples.len()).unwrap_or(0)));
        let at = usize::try_from(timestamp.wrapping_sub(first)).unwrap_or(usize::MAX);
        // Asterisk begins a new clock when the source changes (ringback, then a voice): then it simply goes on.
        let at = if at > self.samples.len() + 8000 || at + 8000 < self.samples.len() {
            self.first_timestamp = Some(timestamp.wrapping_sub(u32::try_from(self.samples.len()).unwrap_or(0)));
            self.samples.len()
        } else {
            at
        };
        if at + payload.len() > LONGEST_RECORDING {
            return;
        }
        if self.samples.len() < at + payload.len() {
            self.samples.resize(at + payload.len(), 0);
        }
        for (sample, &code) in self.samples[at..].iter_mut().zip(payload) {
            *sample = audio::from_ulaw(code);
        }
    }
}

fn receive(streams: &mut Streams, from: u16, packet: &[u8]) {
    // Version 2, payload type 0 (µ-law): no keypad events, no comfort noise.
    if packet.len() <= HEADER || packet[0] >> 6 != 2 || packet[1] & 0x7f != 0 {
        return;
    }
    let timestamp = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
    if let Some(stream) = streams.by_port.get(&from).and_then(|call_id| streams.live.get_mut(call_id)) {
        stream.packets_received += 1;
        stream.record(timestamp, &packet[HEADER..]);
    }
}

fn send_frames(streams: &mut Streams, socket: &UdpSocket) {
    for stream in streams.live.values_mut() {
        let Some(hz) = stream.playing else { continue };
        let count = stream.packets_sent;
        let position = count * 160;
        let mut packet = Vec::with_capacity(HEADER + audio::FRAME);
        packet.extend_from_slice(&[0x80, if count == 0 { 0x80 } else { 0 }]);
        packet.extend_from_slice(&low_bits(count).to_be_bytes()[2..]);
        packet.extend_from_slice(&low_bits(position).to_be_bytes());
        packet.extend_from_slice(&stream.source.to_be_bytes());
        packet.extend(audio::sine(hz, position, audio::FRAME).into_iter().map(audio::to_ulaw));
        // A port that is closed already is the end of that call, which SIP is about to tell.
        let _ = socket.send_to(&packet, (Ipv4Addr::LOCALHOST, stream.remote_port));
        stream.packets_sent += 1;
    }
}

fn low_bits(value: u64) -> u32 {
    u32::try_from(value & 0xffff_ffff).unwrap_or(0)
}

fn lock(streams: &Mutex<Streams>) -> MutexGuard<'_, Streams> {
    streams.lock().unwrap_or_else(PoisonError::into_inner)
}
