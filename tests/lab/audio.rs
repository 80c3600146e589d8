//! Tones, and what is left of them at the other end.
//!
//! Every party of the lab plays a sine of its own frequency, so that a recording tells who heard whom. Samples are
//! 16-bit linear, 8,000 a second, as telephony has them; on the wire they are G.711 µ-law. Loudness is an amplitude
//! from 0 to 1 (full scale); the tones are played at 0.3, and silence or another tone measures below 0.01.

use std::f64::consts::TAU;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Samples per second, everywhere in the lab.
pub const RATE: u32 = 8000;
/// Samples in one RTP packet of 20 ms.
pub const FRAME: usize = 160;
/// Amplitude of every tone that the lab plays.
pub const LOUDNESS: f64 = 0.3;
/// A tone counts as heard from this amplitude on.
pub const AUDIBLE: f64 = 0.05;
/// Two hundred milliseconds: long enough to tell 440 from 480 Hz, short enough for a cadence.
const WINDOW: usize = 1600;

/// Hertz of every tone of the demo world.
pub mod tone {
    /// What the carrier plays in an answered call.
    pub const CARRIER: u32 = 1200;
    /// What the carrier's network announces before the answer (06 and 09).
    pub const ANNOUNCEMENT: u32 = 1400;
    /// The prompt of the main menu, 700.
    pub const MENU: u32 = 1600;
    /// Ringback of the United States has two; each alone is enough to know it.
    pub const RINGBACK: [u32; 2] = [440, 480];

    /// What the phone of an extension plays.
    pub fn of_phone(extension: &str) -> u32 {
        match extension {
            "101" => 600,
            "103" => 650,
            "104" => 700,
            "105" => 750,
            "106" => 800,
            "109" => 900,
            "201" => 1000,
            _ => 1100,
        }
    }
}

/// A sine, starting at sample `from` so that frames join without a click.
pub fn sine(hz: u32, from: u64, samples: usize) -> Vec<i16> {
    let step = TAU * f64::from(hz) / f64::from(RATE);
    // The phase is taken modulo one second, which is a whole number of periods for a whole number of hertz.
    let start = u32::try_from(from % u64::from(RATE)).unwrap_or(0);
    (0..u32::try_from(samples).unwrap_or(u32::MAX))
        .map(|n| to_sample((f64::from(start + n) * step).sin() * LOUDNESS))
        .collect()
}

/// Amplitude of one frequency over all samples (Goertzel).
pub fn energy_at(samples: &[i16], rate: u32, hz: u32) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * f64::from(hz) / f64::from(rate)).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for &sample in samples {
        let next = f64::from(sample) / 32768.0 + coefficient * last - before;
        before = last;
        last = next;
    }
    let power = last * last + before * before - coefficient * last * before;
    let count = f64::from(u32::try_from(samples.len()).unwrap_or(u32::MAX));
    2.0 * power.max(0.0).sqrt() / count
}

/// The loudest 200 ms of one frequency: for tones with a cadence, and recordings with silence in them.
pub fn peak_at(samples: &[i16], rate: u32, hz: u32) -> f64 {
    windows(samples).map(|window| energy_at(window, rate, hz)).fold(0.0, f64::max)
}

/// For how many seconds the frequency is audible, in steps of 200 ms.
pub fn seconds_of(samples: &[i16], rate: u32, hz: u32) -> f64 {
    let heard = windows(samples).filter(|window| energy_at(window, rate, hz) >= AUDIBLE).count();
    f64::from(u32::try_from(heard).unwrap_or(u32::MAX)) * f64::from(u32::try_from(WINDOW).unwrap_or(1))
        / f64::from(rate)
}

fn windows(samples: &[i16]) -> impl Iterator<Item = &[i16]> {
    samples.chunks(WINDOW).filter(|window| window.len() == WINDOW)
}

/// G.711 µ-law, as in ITU-T G.191.
pub fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() >> 2).min(8158) + 33;
    let segment = (0..8).find(|segment| magnitude < (64 << segment)).unwrap_or(7);
    let step = (magnitude >> (segment + 1)) & 0x0f;
    let code = sign | (u8::try_from(segment).unwrap_or(7) << 4) | u8::try_from(step).unwrap_or(15);
    !code
}

/// The reverse of [`to_ulaw`].
pub fn from_ulaw(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 0x07;
    let step = i32::from(code & 0x0f);
    let magnitude = ((((step << 1) + 33) << segment) - 33) << 2;
    let value = if code & 0x80 == 0 { magnitude } else { -magnitude };
    i16::try_from(value).unwrap_or(if value < 0 { i16::MIN } else { i16::MAX })
}

/// Writes samples as a mono WAV file of 16 bits and 8,000 Hz.
pub fn write_wav(path: &Path, samples: &[i16]) -> anyhow::Result<()> {
    let bytes = u32::try_from(samples.len() * 2).context("a WAV file holds at most 4 GiB")?;
    let mut file = Vec::with_capacity(samples.len() * 2 + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(b"\x02\0\x10\0data");
    file.extend_from_slice(&bytes.to_le_bytes());
    for sample in samples {
        file.extend_from_slice(&sample.to_le_bytes());
    }
    std::fs::File::create(path)
        .and_then(|mut out| out.write_all(&file))
        .with_context(|| format!("writing {}", path.display()))
}

/// Samples of a mono 16-bit WAV file, with their rate: ours, and those that Asterisk records.
pub fn read_wav(bytes: &[u8]) -> anyhow::Result<(Vec<i16>, u32)> {
    anyhow::ensure!(bytes.len() >= 12 && &bytes[..4] == b"RIFF" && &bytes[8..12] == b"WAVE", "this is no WAV file");
    let (mut at, mut rate) = (12, RATE);
    while let Some(header) = bytes.get(at..at + 8) {
        let length = usize::try_from(u32::from_le_bytes([header[4], header[5], header[6], header[7]]))?;
        let end = (at + 8).saturating_add(length).min(bytes.len());
        let chunk = &bytes[at + 8..end];
        match &header[..4] {
            b"fmt " if chunk.len() >= 8 => rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]),
            b"data" => {
                return Ok((chunk.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(), rate));
            }
            _ => {}
        }
        at += 8 + length + length % 2;
    }
    anyhow::bail!("this WAV file holds no data")
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "float to integer has no other conversion; it saturates, and the value is below 1"
)]
fn to_sample(value: f64) -> i16 {
    (value * 32767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_survives_ulaw_and_only_it_is_heard() {
        let heard: Vec<i16> = sine(600, 0, 8000).into_iter().map(|sample| from_ulaw(to_ulaw(sample))).collect();
        assert!((energy_at(&heard, RATE, 600) - LOUDNESS).abs() < 0.01);
        for other in [440, 480, 650, 800, 900, 1200, 1400, 1600] {
            assert!(peak_at(&heard, RATE, other) < 0.01, "{other} Hz is heard as well");
        }
        assert!((seconds_of(&heard, RATE, 600) - 1.0).abs() < 0.01);
    }
}
