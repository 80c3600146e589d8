//! The process's own figures, under the names that every Prometheus client uses.
//!
//! Read from `/proc/self` here, because the client library's collector counts whole seconds of CPU and
//! takes the start time from `/proc/stat`, which a hardened unit (`ProcSubset=pid`) does not see. What
//! cannot be read is left out.

use std::fs;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge};

use crate::timestamp::Timestamp;

/// Ticks of `/proc/self/stat` a second: fixed at 100 in the kernel's interface (`USER_HZ`).
const TICKS: f64 = 100.0;

/// All that is known of this process.
pub(super) fn families(started: Timestamp) -> Vec<MetricFamily> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let start = u32::try_from(started.as_seconds()).ok().map(f64::from);
    let bytes = |field| number_after(&status, field).map(|kib| kib * 1024.0);
    let gauges = [
        ("process_start_time_seconds", "When the process started, in seconds since 1970.", start),
        ("process_resident_memory_bytes", "Memory in use.", bytes("VmRSS:")),
        ("process_virtual_memory_bytes", "Memory mapped.", bytes("VmSize:")),
        ("process_threads", "Threads.", number_after(&status, "Threads:")),
        ("process_open_fds", "Open file descriptors.", open_files()),
        ("process_max_fds", "Most file descriptors that may be open.", number_after(&limits, "Max open files")),
    ];
    let gauges = gauges.into_iter().filter_map(|(name, help, value)| {
        let gauge = Gauge::new(name, help).ok()?;
        gauge.set(value?);
        Some(gauge.collect())
    });
    gauges.flatten().chain(cpu()).collect()
}

fn cpu() -> Vec<MetricFamily> {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let counter = Counter::new("process_cpu_seconds_total", "CPU time, in user and in kernel mode.");
    let (Some(seconds), Ok(counter)) = (cpu_seconds(&stat), counter) else { return Vec::new() };
    counter.inc_by(seconds);
    counter.collect()
}

/// Fields 14 and 15 of `proc_pid_stat(5)`, counted after the name, which may hold anything but ends
/// with the last bracket.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS)
}

fn number_after(text: &str, field: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(field))?.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    u32::try_from(count).ok().map(f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_behind_a_name_with_brackets() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 1 0 100 1000 50";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(cpu_seconds("nonsense"), None);
    }

    #[test]
    fn this_very_process_has_figures() {
        let families = families(Timestamp::from_millis(5_000));
        let value =
            |name: &str| families.iter().find(|family| family.name() == name).map(|f| f.get_metric()[0].clone());
        assert!(value("process_resident_memory_bytes").is_some_and(|m| m.get_gauge().get_value() > 100_000.0));
        assert!(value("process_open_fds").is_some_and(|m| m.get_gauge().get_value() >= 3.0));
        assert!(value("process_start_time_seconds").is_some_and(|m| (m.get_gauge().get_value() - 5.0).abs() < 0.1));
        assert!(value("process_cpu_seconds_total").is_some());
    }
}
