//! Which implementation of the forward pass a classifier runs on.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

use crate::model::{
    CandleEngine, Engine, FastEngine, Kernel, ModelConfig, ModelError, ModelFiles, Numbers,
};

/// An implementation of the forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EngineKind {
    /// The fastest of this machine: [`EngineKind::Int8`].
    #[default]
    Auto,
    /// Our kernels on 8-bit integers.
    Int8,
    /// Our kernels on 32-bit floats.
    F32,
    /// Candle on 32-bit floats, the reference.
    Candle,
    /// The same on the first NVIDIA GPU; needs the crate's feature `cuda`.
    Cuda,
    /// The same on an Apple GPU; needs the crate's feature `metal`.
    Metal,
}

impl EngineKind {
    const ALL: [Self; 6] =
        [Self::Auto, Self::Int8, Self::F32, Self::Candle, Self::Cuda, Self::Metal];

    /// The name, as [`FromStr`] reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Int8 => "int8",
            Self::F32 => "f32",
            Self::Candle => "candle",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }

    /// Most tokens in a batch that serve it: a CPU's leave the L2 cache above, a GPU idles below.
    pub fn token_budget(self) -> usize {
        match self {
            Self::Auto | Self::Int8 | Self::F32 | Self::Candle => 512,
            Self::Cuda | Self::Metal => 16_384,
        }
    }

    /// The kind that is meant on this machine, never [`EngineKind::Auto`].
    #[must_use]
    pub fn resolved(self) -> Self {
        // The same numbers everywhere, so that the same findings come out everywhere.
        if self == Self::Auto { Self::Int8 } else { self }
    }

    /// The instructions that it runs on, given what was asked for.
    pub(super) fn kernel(self, asked: Option<Kernel>) -> Option<Kernel> {
        matches!(self.resolved(), Self::Int8 | Self::F32)
            .then(|| asked.unwrap_or_else(Kernel::best))
    }

    /// Loads the engine; `kernel` picks the instructions of our own ones, the best without it.
    pub(super) fn load(
        self,
        config: &ModelConfig,
        files: &ModelFiles,
        kernel: Option<Kernel>,
    ) -> Result<Box<dyn Engine>, ModelError> {
        let gpu = |name, device: candle_core::Result<Device>| {
            device.map_err(|e| ModelError::gpu(name, &e))
        };
        let on_candle = |device: &Device| -> Result<Box<dyn Engine>, ModelError> {
            Ok(Box::new(CandleEngine::load(config, &files.weights, device)?))
        };
        let numbers = match self.resolved() {
            Self::Candle => return on_candle(&Device::Cpu),
            Self::Cuda => return on_candle(&gpu("cuda", Device::new_cuda(0))?),
            Self::Metal => return on_candle(&gpu("metal", Device::new_metal(0))?),
            Self::F32 => Numbers::F32,
            Self::Auto | Self::Int8 => Numbers::Int8,
        };
        let kernel = self.kernel(kernel).unwrap_or(Kernel::Generic);
        Ok(Box::new(FastEngine::load(config, &files.weights, numbers, kernel)?))
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| "auto, int8, f32, candle, cuda or metal is expected".to_owned())
    }
}
