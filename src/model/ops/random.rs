//! Dropout from a counter: the same key and position give the same bit on every machine.
//!
//! Candle's CPU generator cannot be seeded, and a stateful one would have to be saved with every
//! mask. Here the backward pass computes the mask again from its key.

/// A good 64-bit mixing step (splitmix64), from which all keys are derived.
pub fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Which entries of one tensor are dropped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mask {
    key: [u32; 2],
    threshold: u32,
    scale: f32,
}

impl Mask {
    /// A mask that drops a share `probability` of the entries and scales the others up.
    pub fn new(key: u64, probability: f64) -> Self {
        let p = probability.clamp(0.0, 0.999);
        Self {
            key: [key as u32, (key >> 32) as u32],
            threshold: (p * 4_294_967_296.0) as u32,
            scale: (1.0 / (1.0 - p)) as f32,
        }
    }

    /// The mask of part `index` (a sequence and head, say) of the same tensor.
    #[must_use]
    pub fn part(self, index: u64) -> Self {
        let key = mix((u64::from(self.key[1]) << 32 | u64::from(self.key[0])) ^ mix(index));
        Self { key: [key as u32, (key >> 32) as u32], ..self }
    }

    /// What entry `index` is multiplied with: 0, or the scale.
    #[inline(always)]
    pub fn factor(&self, index: u32) -> f32 {
        let mut h = index.wrapping_mul(0x9E37_79B9) ^ self.key[0];
        h = (h ^ (h >> 16)).wrapping_mul(0x21F0_AAAD);
        h = (h ^ (h >> 15)).wrapping_add(self.key[1]).wrapping_mul(0x735A_2D97);
        h ^= h >> 15;
        if h >= self.threshold { self.scale } else { 0.0 }
    }
}

/// Hands out a fresh mask for every place of a forward pass that drops.
#[derive(Debug, Clone)]
pub struct Dropout {
    key: u64,
    hidden: f64,
    attention: f64,
    next: u64,
}

impl Dropout {
    /// Dropout for one forward pass; `key` must differ between passes of a run.
    pub fn new(key: u64, hidden: f64, attention: f64) -> Self {
        Self { key, hidden, attention, next: 0 }
    }

    fn mask(&mut self, probability: f64) -> Option<Mask> {
        self.next += 1;
        (probability > 0.0).then(|| Mask::new(mix(self.key ^ mix(self.next)), probability))
    }

    /// The mask of the next hidden state.
    pub fn hidden(&mut self) -> Option<Mask> {
        self.mask(self.hidden)
    }

    /// The mask of the next layer's attention probabilities.
    pub fn attention(&mut self) -> Option<Mask> {
        self.mask(self.attention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_drop_the_asked_share_and_differ() {
        let mut dropout = Dropout::new(7, 0.1, 0.3);
        let (a, b) = (dropout.hidden().unwrap(), dropout.hidden().unwrap());
        let attention = dropout.attention().unwrap();
        let n = 200_000;
        let dropped =
            |m: &Mask| (0..n).filter(|&i| m.factor(i) == 0.0).count() as f64 / f64::from(n);
        assert!((dropped(&a) - 0.1).abs() < 0.004, "{}", dropped(&a));
        assert!((dropped(&attention) - 0.3).abs() < 0.006);
        assert!((dropped(&attention.part(3)) - 0.3).abs() < 0.006);
        let both = (0..n).filter(|&i| a.factor(i) == 0.0 && b.factor(i) == 0.0).count();
        assert!((both as f64 / f64::from(n) - 0.01).abs() < 0.002, "masks are not independent");
        assert!((a.factor(0).max(a.factor(1)) - 1.0 / 0.9).abs() < 1e-6);
        let neighbours = (1..n).filter(|&i| a.factor(i) == 0.0 && a.factor(i - 1) == 0.0).count();
        assert!((neighbours as f64 / f64::from(n) - 0.01).abs() < 0.002);
    }

    #[test]
    fn no_probability_no_mask() {
        assert_eq!(Dropout::new(1, 0.0, 0.0).hidden(), None);
    }
}
