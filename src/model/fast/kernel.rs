//! Which instructions the engine runs on, chosen at run time.

use std::fmt;
use std::str::FromStr;

use pulp::{Scalar, Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use super::vnni::Vnni;

/// A set of instructions that the engine has kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// What every processor has; slow.
    Generic,
    /// 64-bit ARM's vectors of 128 bits.
    Neon,
    /// x86-64 with AVX2 and FMA; int8 in exact pairs of 16-bit products.
    Avx2,
    /// x86-64 with AVX-512 and its int8 dot product (VNNI).
    Avx512,
}

impl Kernel {
    const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Generic];

    /// The kernels that this machine can run, the fastest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|k| k.level().is_some())
    }

    /// The fastest that this machine can run.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self::Generic)
    }

    /// The name, as [`FromStr`] reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Proof that this machine has the instructions.
    pub(super) fn level(self) -> Option<Level> {
        match self {
            Self::Generic => Some(Level::Generic),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().map(Level::Neon),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().map(Level::Avx2),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Vnni::detect().map(Level::Avx512),
            _ => None,
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kernel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|k| k.as_str() == name);
        known.ok_or_else(|| "generic, neon, avx2 or avx512 is expected".to_owned())
    }
}

/// A kernel with the proof that the machine has it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Generic,
    #[cfg(target_arch = "aarch64")]
    Neon(pulp::aarch64::Neon),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "x86_64")]
    Avx512(Vnni),
}

impl Level {
    /// Runs `op` compiled for these instructions.
    pub(super) fn run<Op: WithSimd>(self, op: Op) -> Op::Output {
        match self {
            Self::Generic => Simd::vectorize(Scalar, op),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(simd) => Simd::vectorize(simd, op),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(vnni) => Simd::vectorize(vnni.simd(), op),
        }
    }
}
