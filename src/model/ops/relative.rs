//! The bias by distance that `MPNet` adds to attention scores.
//!
//! A score gets the table's entry for the distance from query to key, near distances each with a
//! bucket of their own and far ones in buckets that widen up to `FARTHEST`, as in T5 (Raffel et
//! al. 2020). It depends on the distance alone, so a head's biases are one line of numbers of
//! which every query reads a stretch.

/// Distances from here on share the last bucket.
const FARTHEST: f64 = 128.0;

/// How many buckets there are, whatever a configuration says: `MPNet`'s code has the number in it.
pub const BUCKETS: usize = 32;

/// The bucket of a key that stands `distance` tokens behind its query (before it, if negative).
pub fn bucket(distance: i64) -> usize {
    const HALF: usize = BUCKETS / 2;
    const EXACT: usize = HALF / 2;
    let side = if distance > 0 { HALF } else { 0 };
    let n = distance.unsigned_abs() as usize;
    if n < EXACT {
        return side + n;
    }
    let exact = EXACT as f64;
    let far = (n as f64 / exact).ln() / (FARTHEST / exact).ln();
    // A bucket that begins at a whole number must not lose it to rounding.
    let far = (far * (HALF - EXACT) as f64 + 1e-9) as usize;
    side + (EXACT + far).min(HALF - 1)
}

/// For each head the biases by distance: [heads, 2·longest − 1], the entry at
/// `longest − 1 + key − query`; `table` is [buckets, heads], of at least [`BUCKETS`].
pub fn lines(table: &[f32], heads: usize, longest: usize) -> Vec<f32> {
    let width = (2 * longest).saturating_sub(1);
    let mut lines = vec![0f32; heads * width];
    for at in 0..width {
        let row = bucket(at as i64 + 1 - longest as i64) * heads;
        for (head, &bias) in table[row..row + heads].iter().enumerate() {
            lines[head * width + at] = bias;
        }
    }
    lines
}

/// Gradient of the table from that of [`lines`].
pub(super) fn lines_backward(grad: &[f32], buckets: usize, heads: usize) -> Vec<f32> {
    let width = grad.len() / heads.max(1);
    let longest = width.div_ceil(2);
    let mut table = vec![0f32; buckets * heads];
    for at in 0..width {
        let row = bucket(at as i64 + 1 - longest as i64) * heads;
        for head in 0..heads {
            table[row + head] += grad[head * width + at];
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First distance of each bucket on either side, from `MPNetEncoder.relative_position_bucket`
    /// of transformers 5.24.
    #[test]
    fn buckets_are_those_of_transformers() {
        let mut firsts: Vec<i64> = (0..8).collect();
        firsts.extend([8, 12, 16, 23, 32, 46, 64, 91]);
        for distance in 0..600 {
            let expected = firsts.iter().filter(|&&f| f <= distance).count() - 1;
            assert_eq!(bucket(-distance), expected, "{distance} before");
            let expected = if distance == 0 { 0 } else { 16 + expected };
            assert_eq!(bucket(distance), expected, "{distance} behind");
        }
    }

    #[test]
    fn lines_turn_by_distance() {
        let table: Vec<f32> = (0..64).map(|i| i as f32).collect();
        let lines = lines(&table, 2, 3);
        // Distances -2..=2 are in buckets 2, 1, 0, 17, 18.
        assert_eq!(lines, [4.0, 2.0, 0.0, 34.0, 36.0, 5.0, 3.0, 1.0, 35.0, 37.0]);
        let back = lines_backward(&[1.0; 10], 32, 2);
        assert_eq!(back.iter().sum::<f32>(), 10.0);
        assert_eq!((back[4], back[37], back[6]), (1.0, 1.0, 0.0));
    }
}
