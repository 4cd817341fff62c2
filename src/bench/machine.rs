//! What the measuring machine is, and how much memory the process takes.

use serde::Serialize;

use crate::model::Kernel;

/// The machine.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// The processor's own name; the architecture's where the system does not tell it.
    pub processor: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Instruction sets that matter here, as the system names them.
    pub features: Vec<String>,
    /// Kernels that can run, the fastest first.
    pub kernels: Vec<String>,
    /// Operating system and architecture.
    pub system: String,
}

/// Features of processors that decide which kernel runs and how fast.
const FEATURES: [&str; 12] = [
    "avx2",
    "fma",
    "avx_vnni",
    "avx512f",
    "avx512bw",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
];

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            })
        };
        let flags = field("flags").or_else(|| field("Features")).unwrap_or_default();
        let has = |feature: &&str| flags.split_whitespace().any(|flag| flag == *feature);
        Self {
            processor: field("model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            features: FEATURES.iter().filter(|f| has(f)).map(|&f| f.to_owned()).collect(),
            kernels: Kernel::available().map(|kernel| kernel.to_string()).collect(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// Memory of this process in 10⁶ bytes, where the system tells it (Linux).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Memory {
    /// Resident now.
    pub resident_mb: Option<f64>,
    /// The most that was resident.
    pub peak_mb: Option<f64>,
}

impl Memory {
    /// Memory at this moment.
    pub fn now() -> Self {
        Self::parse(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn parse(status: &str) -> Self {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kilobytes * 1024.0 / 1e6)
        };
        Self { resident_mb: field("VmRSS:"), peak_mb: field("VmHWM:") }
    }
}

/// Seconds of processor time that the threads of this process took so far, where the system tells
/// it (Linux); what other programs take is not in it.
pub fn processor_seconds() -> Option<f64> {
    let mut nanoseconds = 0u64;
    for task in std::fs::read_dir("/proc/self/task").ok()? {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        nanoseconds += text.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(nanoseconds as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernel_s_table() {
        let memory = Memory::parse("Name:\tx\nVmHWM:\t  2000 kB\nVmRSS:\t  1000 kB\n");
        assert_eq!(memory.peak_mb, Some(2.048));
        assert_eq!(memory.resident_mb, Some(1.024));
        assert_eq!(Memory::parse("nothing"), Memory::default());
    }
}
